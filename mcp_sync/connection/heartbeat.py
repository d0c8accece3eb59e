"""The pulse: pings, overdue pongs, expired calls and what they say about the connection's health.

The heartbeat never dials and never waits for a writer: it reports a dead link, the reader dials.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final

from ..states import ConnectionState
from ..transports.base import LinkDown
from .calls import Calls
from .gate import Gate
from .link import Link
from .log_facts import GuardedLog

__all__ = ["Heartbeat"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_SECOND_LOOK_SECONDS: Final = 0.25
"""Between the first look at a silent link and the verdict: this process may have been suspended,
with the peer's bytes waiting in the kernel."""

_REVIEW_SECONDS: Final = 1.0
"""At most so often the connection's health is looked at, which takes a whole snapshot."""

_REVIVAL_SECONDS: Final = 0.25
"""Between two tries to have the outbox drained while there is no thread for it."""

_PAYLOAD: Final = b"mcp_sync"


class _Pulse:
    """The pings of one link."""

    def __init__(self, link: Link, now: float) -> None:
        self.link = link
        self.count = 0
        self.due_at = now
        self.asked_at: float | None = None
        """Since when a proof of life is waited for: the first ping, sent or tried, after the last
        proof; None while none is."""
        self.verdict_at: float | None = None
        """When a link that was found silent is looked at again; None while it is not suspected."""
        self.owed: deque[tuple[int, float]] = deque()
        """The pings that went out and whose pongs may still come: number and time."""
        self.answered = 0
        """The number of the latest ping that was answered."""

    def payload(self) -> bytes:
        return _PAYLOAD + self.count.to_bytes(8, "big")


class Heartbeat:
    """What the ``mcp-heartbeat`` thread runs.

    Args:
        gate: of the connection.
        calls: whose deadlines are watched.
        report_down: is told of a link that is silent.
        review: looks at the connection's health; whether anybody wants to know of it.
        revive: starts the drainer of the outbox, if there was no thread for it.
        close: closes a connection whose client was forgotten.
    """

    def __init__(
        self,
        gate: Gate,
        calls: Calls,
        report_down: Callable[[Link, LinkDown], None],
        review: Callable[[], bool],
        revive: Callable[[], object],
        close: Callable[[], object],
    ) -> None:
        self._gate = gate
        self._calls = calls
        self._report_down = report_down
        self._review = review
        self._revive = revive
        self._close = close
        self._review_at = 0.0
        self._pulse: _Pulse | None = None
        self.alive = False
        """Whether the thread runs; changed under the lock."""

    def run(self) -> None:
        """Beat until the client is closed."""
        gate = self._gate
        while True:
            if gate.abandoned:
                self._close()
            next_beat = self._guarded_beat()
            with gate.lock:
                if gate.state is ConnectionState.DISCONNECTED:
                    self.alive = False
                    gate.changed.notify_all()
                    return
                due = self._calls.expiry.next_due()
                if due is not None:
                    next_beat = min(next_beat, due)
                if self._calls.drainer_missing:
                    next_beat = min(next_beat, time.monotonic() + _REVIVAL_SECONDS)
                if self._review_at > time.monotonic():
                    next_beat = min(next_beat, self._review_at)
                link, pulse = gate.link, self._pulse
                if pulse is not None and pulse.asked_at is None:
                    next_beat = min(next_beat, pulse.due_at)
                if link is (pulse.link if pulse else None) and not gate.abandoned:
                    gate.changed.wait(max(0.0, next_beat - time.monotonic()))

    def _guarded_beat(self) -> float:
        try:
            return self._beat()
        except Exception:  # noqa: BLE001  a fault of ours: time goes on
            _log.exception("a heartbeat failed")
            return time.monotonic() + self._gate.config.heartbeat_interval

    def _beat(self) -> float:
        """Do what is due; returns when the next beat is due at the latest."""
        with self._gate.lock:
            link = self._gate.link
            over, half = self._calls.expiry.take_due()
        for call in over:
            self._calls.expire(call)
        for call in half:
            self._calls.tell_half_time(call)
        if self._calls.drainer_missing:
            self._revive()
        now = time.monotonic()
        if now >= self._review_at:
            is_watched = self._review()
            self._review_at = now + (_REVIEW_SECONDS if is_watched else 0.0)
        if link is None:
            self._pulse = None
            return now + self._gate.config.heartbeat_interval
        if self._pulse is None or self._pulse.link is not link:
            self._pulse = _Pulse(link, now + self._gate.config.heartbeat_interval)
        link.transport.flush()
        return self._check(self._pulse, now)

    def _answered(self, pulse: _Pulse, number: int, round_trip: float) -> None:
        """Called by whoever reads the link."""
        with self._gate.lock:
            pulse.asked_at = None
            pulse.answered = max(pulse.answered, number)
            self._gate.stats.pong(round_trip, time.monotonic())
            self._gate.changed.notify_all()

    def _check(self, pulse: _Pulse, now: float) -> float:
        config = self._gate.config
        if not pulse.link.transport.can_ping:
            # Silence says nothing there, and whoever reads sees the end of the server.
            pulse.due_at = now + config.heartbeat_interval
            return pulse.due_at
        # A setting that was shortened meanwhile counts at once.
        pulse.due_at = min(pulse.due_at, now + config.heartbeat_interval)
        asked_at = pulse.asked_at
        if asked_at is not None and self._alive_at(pulse.link) > asked_at:
            pulse.asked_at = None
        if now >= pulse.due_at:
            # Also while a pong is owed: what proves life now says nothing of what comes after.
            self._ping(pulse)
        overdue_at = self._count_lost_pongs(pulse, now)
        next_beat = pulse.due_at if overdue_at is None else min(pulse.due_at, overdue_at)
        asked_at = pulse.asked_at
        return next_beat if asked_at is None else min(next_beat, self._judge(pulse, asked_at, now))

    def _second_look(self) -> float:
        return min(_SECOND_LOOK_SECONDS, self._gate.config.heartbeat_timeout / 4)

    def _alive_at(self, link: Link) -> float:
        """When the link last proved life: any inbound byte, or progress of a write under way."""
        transport = link.transport
        if not transport.is_writing():
            return transport.last_inbound
        return max(transport.last_inbound, transport.last_outbound)

    def _ping(self, pulse: _Pulse) -> None:
        now = time.monotonic()
        pulse.count += 1
        pulse.due_at = now + self._gate.config.heartbeat_interval
        # Set first: the pong may be read before ping() returns.
        if pulse.asked_at is None:
            pulse.asked_at, pulse.verdict_at = now, None
        answered = partial(self._answered, pulse, pulse.count)
        if pulse.link.ping(pulse.payload(), answered):
            pulse.owed.append((pulse.count, now))
            with self._gate.lock:
                self._gate.stats.ping_sent()
            return
        # A writer is busy. It is tried again soon, and meanwhile silence and a write without
        # progress count from the first try on.
        pulse.due_at = now + self._second_look()

    def _count_lost_pongs(self, pulse: _Pulse, now: float) -> float | None:
        """Count the pings that were left unanswered for too long, whether or not the peer lives.

        Returns:
            When the next one will have been; None if no pong is owed.
        """
        timeout = self._gate.config.heartbeat_timeout
        while pulse.owed:
            number, sent_at = pulse.owed[0]
            if number > pulse.answered:
                if now < sent_at + timeout:
                    return sent_at + timeout
                with self._gate.lock:
                    self._gate.stats.pong_lost(now)
            pulse.owed.popleft()
        return None

    def _judge(self, pulse: _Pulse, asked_at: float, now: float) -> float:
        timeout = self._gate.config.heartbeat_timeout
        if pulse.verdict_at is None:
            first_look_at = asked_at + timeout - self._second_look()
            if now < first_look_at:
                return first_look_at
            # Always that much later, however late the first look was.
            pulse.verdict_at = max(asked_at + timeout, now + self._second_look())
        if now < pulse.verdict_at:
            return pulse.verdict_at
        cause = f"no byte from the server within {timeout:g} s of a ping"
        _log.warning("the link is silent: %s", cause)
        self._report_down(pulse.link, LinkDown(cause))
        return now
