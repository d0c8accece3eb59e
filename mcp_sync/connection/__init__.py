"""The life of a connection: the only floor with threads and locks."""
