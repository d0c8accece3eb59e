"""Frozen values that cross threads and reach users; no behaviour beyond their own facts."""
