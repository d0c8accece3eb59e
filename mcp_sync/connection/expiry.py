"""The deadlines of calls that no caller waits for; the heartbeat looks here."""

from __future__ import annotations

import heapq
import time
from typing import Final

from .call import Call, Owner
from .gate import Gate

__all__ = ["Expiry"]

_KEPT: Final = 1024


class Expiry:
    """A heap of due times. Every method holds the lock.

    A settled call stays until its time comes or the heap is swept, so that settling costs nothing.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._heap: list[tuple[float, int, bool, Call]] = []
        """When, whose sequence, whether half or all of the time is over then, and the call."""
        self._sweep_at = _KEPT

    def watch(self, call: Call) -> None:
        """Keep an eye on a call, whose due time may have changed."""
        due = self._due(call) if call.watched else None
        if due is None:
            return
        now = time.monotonic()
        half = now + (due - now) / 2
        if not self._heap or half < self._heap[0][0]:
            # The heartbeat sleeps until what was due first.
            self._gate.changed.notify_all()
        heapq.heappush(self._heap, (half, call.sequence, False, call))
        heapq.heappush(self._heap, (due, call.sequence, True, call))
        if len(self._heap) >= self._sweep_at:
            self._heap = [row for row in self._heap if row[3].owner is not Owner.SETTLED]
            heapq.heapify(self._heap)
            self._sweep_at = 2 * len(self._heap) + _KEPT

    def _due(self, call: Call) -> float | None:
        if call.deadline is not None:
            return call.deadline.at
        if call.owner is Owner.PENDING and call.written_at is not None:
            return None if call.answer_limit is None else call.written_at + call.answer_limit
        if call.queue_deadline is not None:
            return call.queue_deadline.at
        ttl = self._gate.config.queue_ttl
        return None if ttl is None or call.queued_at is None else call.queued_at + ttl

    def next_due(self) -> float | None:
        """The earliest due time; None when there is none."""
        return self._heap[0][0] if self._heap else None

    def take_due(self) -> tuple[list[Call], list[Call]]:
        """Take the unsettled calls of which all, and of which half of the time is over.

        A call whose time turns out to be later goes back with that; so does one that is being
        written, which is its writer's to settle.
        """
        now = time.monotonic()
        over, half = [], []
        while self._heap and self._heap[0][0] <= now:
            _, sequence, is_due, call = heapq.heappop(self._heap)
            due = None if call.owner is Owner.SETTLED else self._due(call)
            if due is None:
                continue
            if not is_due:
                half.append(call)
            elif due > now or call.owner is Owner.WRITER:
                heapq.heappush(self._heap, (max(due, now + _RETRY), sequence, True, call))
            else:
                over.append(call)
        return over, half


_RETRY: Final = 0.05
