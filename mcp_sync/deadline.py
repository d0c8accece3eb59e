"""One monotonic deadline for each operation, handed down its steps. Knows only the clock."""

from __future__ import annotations

import math
import time
from typing import Final

__all__ = ["LONGEST_WAIT", "Deadline"]

LONGEST_WAIT: Final = 1_000_000_000
"""Seconds (31 years). The waits of the standard library overflow beyond; more is cut to it."""


class Deadline:
    """The moment by which an operation must be over.

    Immutable, so safe to share between threads.

    Args:
        timeout: seconds from now; None for no limit; zero or less is over at once.

    Raises:
        TypeError: it is no number.
        ValueError: it is NaN, which would never be over and never leave time.
    """

    __slots__ = ("at", "timeout")

    def __init__(self, timeout: float | None) -> None:
        self.timeout = timeout
        self.at: float | None = None
        if timeout is not None:
            is_plain = type(timeout) is float and -LONGEST_WAIT < timeout < LONGEST_WAIT
            self.at = time.monotonic() + (timeout if is_plain else _bounded(timeout))

    def remaining(self) -> float | None:
        """Seconds left, never below zero; None when there is no limit."""
        if self.at is None:
            return None
        left = self.at - time.monotonic()
        return left if left > 0.0 else 0.0  # noqa: FURB136 - max() costs twice as much

    def half(self) -> Deadline:
        """A deadline halfway between now and this one; without a limit where this has none."""
        if self.at is None:
            return self
        now = time.monotonic()
        # Every call asks for this one: past the checks, which its numbers have passed.
        halfway = object.__new__(Deadline)
        left = self.at - now
        halfway.timeout = left / 2 if left > 0.0 else 0.0
        halfway.at = now + halfway.timeout
        return halfway

    def is_over(self) -> bool:
        """Whether no time is left."""
        return self.at is not None and time.monotonic() >= self.at

    def __repr__(self) -> str:
        left = self.remaining()
        return "<Deadline none>" if left is None else f"<Deadline in {left:.3f} s>"


def _bounded(timeout: float) -> float:
    if isinstance(timeout, bool) or not isinstance(timeout, int | float):
        raise TypeError(f"a timeout must be a number of seconds or None, not {timeout!r}")
    if -LONGEST_WAIT < timeout < LONGEST_WAIT:
        return timeout
    if math.isnan(bounded := max(min(timeout, LONGEST_WAIT), -LONGEST_WAIT)):
        raise ValueError("a timeout must be a number of seconds or None, not NaN")
    return bounded
