"""A way for one thread to be told by another that there is something to look at."""

from __future__ import annotations

import threading

from ..deadline import Deadline

__all__ = ["Bell"]


class Bell:
    """Rings once for any number of pulls between two waits. Safe for any number of threads."""

    def __init__(self) -> None:
        self._pulled = threading.Event()

    def ring(self) -> None:
        """Wake whoever waits, or else the next one."""
        self._pulled.set()

    def wait(self, deadline: Deadline) -> bool:
        """Wait for a ring until the deadline is over; whether it rang."""
        rang = self._pulled.wait(deadline.remaining())
        if rang:
            # Not otherwise: a pull between the end of the wait and here would be lost.
            self._pulled.clear()
        return rang
