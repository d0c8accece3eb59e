"""What one reading of a schema, or one check against it, may still spend.

The keywords of a check run deep inside the library, which passes nothing along: the budget in
force is a context variable. This room knows no schema and no library.
"""

from __future__ import annotations

import inspect
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

import attrs

__all__ = ["Budget", "SchemaLimits", "SchemaUnusable", "budget", "spending"]


_FRAMES_OF_A_STEP: Final = 4
_FRAMES_OF_A_LEAF: Final = 80


class SchemaUnusable(Exception):
    """A schema that cannot be applied; the text says why, as the rest of a sentence."""


@attrs.frozen
class SchemaLimits:
    """How much of a foreign schema is borne.

    Args:
        most_characters: the text of one schema, keys and strings counted.
        most_objects: the objects in one schema, of which each may be a subschema.
        deepest: nested objects and arrays in a schema.
        longest_pattern: characters of one regular expression.
        most_steps: keywords applied in one check.
        deepest_steps: keywords within keywords in one check; recursive schemas meet it. Fewer
            where the caller's stack leaves no room for as many.
        seconds: the longest time for reading a schema, and for one check.
        pattern_seconds: the longest time for matching one regular expression against one text.
    """

    most_characters: int = 256 * 1024
    most_objects: int = 2000
    deepest: int = 64
    longest_pattern: int = 2000
    most_steps: int = 1_000_000
    deepest_steps: int = 200
    seconds: float = 5.0
    pattern_seconds: float = 0.5


class Budget:
    """Steps, depth and time that are left. For one thread.

    Args:
        limits: what there is at the beginning.
    """

    __slots__ = ("_deepest", "_depth", "_steps", "_until", "limits")

    def __init__(self, limits: SchemaLimits) -> None:
        self.limits = limits
        self._steps = 0
        self._depth = 0
        self._deepest = min(limits.deepest_steps, _room_on_the_stack() // _FRAMES_OF_A_STEP)
        self._until = time.monotonic() + limits.seconds

    def spend(self) -> None:
        """Take one step.

        Raises:
            SchemaUnusable: it was one too many, or the time is over.
        """
        self._steps += 1
        if self._steps > self.limits.most_steps:
            raise SchemaUnusable(f"it takes more than {self.limits.most_steps} steps")
        if time.monotonic() > self._until:
            raise SchemaUnusable(f"it takes longer than {self.limits.seconds:g} s")

    def enter(self) -> None:
        """Take one step and go one level down; ``leave`` comes back.

        Raises:
            SchemaUnusable: as ``spend`` raises it, or it goes too deep.
        """
        self.spend()
        if self._depth >= self._deepest:
            why = (
                "" if self._deepest == self.limits.deepest_steps else ", all the stack has room for"
            )
            raise SchemaUnusable(
                f"it goes deeper than {self._deepest} keywords within each other{why}"
            )
        self._depth += 1

    def leave(self) -> None:
        """Come back from one level down."""
        self._depth -= 1

    def pattern_seconds(self) -> float:
        """Seconds that matching one regular expression may take now."""
        return max(0.001, min(self.limits.pattern_seconds, self._until - time.monotonic()))


def _room_on_the_stack() -> int:
    """How many frames may still be pushed.

    The library keeps references in a Rust map that panics, past ``except Exception``, where a
    comparison meets the recursion limit: so it is never met.
    """
    frame, used = inspect.currentframe(), 0
    while frame is not None:
        frame, used = frame.f_back, used + 1
    return max(0, sys.getrecursionlimit() - used - _FRAMES_OF_A_LEAF)


_IN_FORCE: Final[ContextVar[Budget]] = ContextVar("mcp_sync_schema_budget")


def budget() -> Budget:
    """The budget of the check under way in this thread."""
    return _IN_FORCE.get()


@contextmanager
def spending(limits: SchemaLimits) -> Iterator[Budget]:
    """Open a budget for the block.

    Args:
        limits: what there is to spend.

    Yields:
        The budget.
    """
    fresh = Budget(limits)
    token = _IN_FORCE.set(fresh)
    try:
        yield fresh
    finally:
        _IN_FORCE.reset(token)
