"""The offline queue: calls that wait for a ready link, first in, first out.

A plain structure under the state lock of its connection; every method holds the lock. It knows
neither links nor threads.
"""

from __future__ import annotations

import collections
import contextlib
import heapq
import time
from collections.abc import Iterable, Iterator

from .call import Call, Owner

__all__ = ["Outbox"]


class Outbox:
    """A queue bounded by count and bytes. Holds the lock: not safe for threads by itself."""

    def __init__(self) -> None:
        self._calls: collections.deque[Call] = collections.deque()
        self.size_bytes = 0

    def has_room(self, call: Call, limit: int, max_bytes: int) -> bool:
        """Whether one more call fits within both bounds."""
        return len(self._calls) < limit and self.size_bytes + call.size <= max_bytes

    def append(self, call: Call) -> None:
        """Queue a call at the tail."""
        self._enter(call)
        self._calls.append(call)

    def restore(self, calls: Iterable[Call]) -> None:
        """Put calls back in the order in which they were made, bypassing the bounds.

        They were accepted once already; refusing them now would lose them.
        """
        returned = sorted(calls, key=_sequence)
        for call in returned:
            self._enter(call)
        self._calls = collections.deque(heapq.merge(returned, self._calls, key=_sequence))

    def _enter(self, call: Call) -> None:
        if call.queued_at is None:
            call.queued_at = time.monotonic()
        size = call.size
        call.note("queued")
        # Together, without a call between them: an interrupt finds all of it done, or nothing.
        call.owner = Owner.OUTBOX
        call.queued = True
        self.size_bytes += size

    def head(self) -> Call | None:
        """The call that is next to be written; None when there is none."""
        return self._calls[0] if self._calls else None

    def remove(self, call: Call) -> None:
        """Take a call out, wherever it stands; the head costs least."""
        if self._calls and self._calls[0] is call:
            self._calls.popleft()
        else:
            with contextlib.suppress(ValueError):  # an interrupt came before it stood here
                self._calls.remove(call)
        call.queued = False
        self.size_bytes -= call.size

    def discard(self, call: Call) -> None:
        """Take a call out if it is in."""
        if call.queued:
            self.remove(call)

    def position(self, call: Call) -> int:
        """Where a call stands; the head is 1."""
        return self._calls.index(call) + 1

    def oldest_at(self) -> float | None:
        """When the longest waiting call was queued; None when the queue is empty."""
        return min((call.queued_at or 0.0 for call in self._calls), default=None)

    def __len__(self) -> int:
        return len(self._calls)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls)


def _sequence(call: Call) -> int:
    return call.sequence
