"""The deadlines of calls that no caller waits for; the heartbeat looks here."""

from __future__ import annotations

import heapq
import time
from typing import Final

from ..deadline import LONGEST_WAIT, Deadline
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
        times = self._times_of(call) if call.watched else None
        if times is None:
            return
        half, due = times
        first = due if call.half_told else half
        if not self._heap or first < self._heap[0][0]:
            # The heartbeat sleeps until what was due first.
            self._gate.changed.notify_all()
        if not call.half_told:
            heapq.heappush(self._heap, (half, call.sequence, False, call))
        heapq.heappush(self._heap, (due, call.sequence, True, call))
        if len(self._heap) >= self._sweep_at:
            self._heap = [row for row in self._heap if row[3].owner is not Owner.SETTLED]
            heapq.heapify(self._heap)
            self._sweep_at = 2 * len(self._heap) + _KEPT

    def _times_of(self, call: Call) -> tuple[float, float] | None:
        """When half, and when all of the time that a call has now is over; None for no limit."""
        if call.deadline is not None:
            return _of(call.deadline)
        if call.owner is Owner.PENDING and call.written_at is not None:
            return _from(call.written_at, call.answer_limit)
        if call.queue_deadline is not None:
            return _of(call.queue_deadline)
        return _from(call.queued_at, self._gate.config.queue_ttl)

    def next_due(self) -> float | None:
        """The earliest due time; None when there is none."""
        return self._heap[0][0] if self._heap else None

    def take_due(self) -> tuple[list[Call], list[Call]]:
        """Take the unsettled calls of which all, and of which half of the time is over.

        A call whose time turns out to be later goes back with that; so does one that is being
        written, which is its writer's to settle. Half of the time is told once of each call.
        """
        now = time.monotonic()
        over, half = [], []
        while self._heap and self._heap[0][0] <= now:
            _, sequence, is_due, call = heapq.heappop(self._heap)
            times = None if call.owner is Owner.SETTLED else self._times_of(call)
            if times is None or (call.half_told and not is_due):
                continue
            at = times[is_due]
            if is_due and call.owner is Owner.WRITER:
                at = max(at, now + _RETRY)
            if at > now:
                heapq.heappush(self._heap, (at, sequence, is_due, call))
            elif is_due:
                over.append(call)
            else:
                call.half_told = True
                half.append(call)
        return over, half


_RETRY: Final = 0.05
"""Seconds until a call that is being written is looked at again."""


def _of(limit: Deadline) -> tuple[float, float] | None:
    if limit.at is None or limit.timeout is None:
        return None
    return limit.at - min(max(0.0, limit.timeout), LONGEST_WAIT) / 2, limit.at


def _from(begun: float | None, seconds: float | None) -> tuple[float, float] | None:
    if begun is None or seconds is None:
        return None
    return begun + seconds / 2, begun + seconds
