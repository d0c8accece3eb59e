"""One monotonic deadline for each operation, handed down its steps. Knows only the clock."""

from __future__ import annotations

import time

__all__ = ["Deadline"]


class Deadline:
    """The moment by which an operation must be over.

    Immutable, so safe to share between threads.

    Args:
        timeout: seconds from now; None for no limit; zero or less is over at once.
    """

    __slots__ = ("at", "timeout")

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.at = None if timeout is None else time.monotonic() + timeout

    def remaining(self) -> float | None:
        """Seconds left, never below zero; None when there is no limit."""
        return None if self.at is None else max(0.0, self.at - time.monotonic())

    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.at is not None and time.monotonic() >= self.at

    def __repr__(self) -> str:
        left = self.remaining()
        return "<Deadline none>" if left is None else f"<Deadline in {left:.3f} s>"
