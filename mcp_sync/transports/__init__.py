"""The wire: one contract (``base``) and the transports that keep it."""
