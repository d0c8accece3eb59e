"""The pulse: pings, overdue pongs, expired calls and what they say about the connection's health.

The heartbeat never dials and never waits for a writer: it reports a dead link, the reader dials.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from ..states import ConnectionState
from ..transports.base import LinkDown
from .calls import Calls
from .gate import Gate
from .link import Link

__all__ = ["Heartbeat"]

_log: Final = logging.getLogger("mcp_sync.connection")

_SECOND_LOOK_SECONDS: Final = 0.25
"""Between the first look at a silent link and the verdict: this process may have been suspended,
with the peer's bytes waiting in the kernel."""

_REVIEW_SECONDS: Final = 1.0
"""At most so often the connection's health is looked at, which takes a whole snapshot."""

_PAYLOAD: Final = b"mcp_sync"


class _Pulse:
    """The pings of one link."""

    def __init__(self, link: Link, now: float) -> None:
        self.link = link
        self.count = 0
        self.due_at = now
        self.asked_at: float | None = None
        self.suspected = False

    def payload(self) -> bytes:
        return _PAYLOAD + self.count.to_bytes(8, "big")


class Heartbeat:
    """What the ``mcp-heartbeat`` thread runs.

    Args:
        gate: of the connection.
        calls: whose deadlines are watched.
        report_down: is told of a link that is silent.
        review: looks at the connection's health; whether anybody wants to know of it.
        close: closes a connection whose client was forgotten.
    """

    def __init__(
        self,
        gate: Gate,
        calls: Calls,
        report_down: Callable[[Link, LinkDown], None],
        review: Callable[[], bool],
        close: Callable[[], object],
    ) -> None:
        self._gate = gate
        self._calls = calls
        self._report_down = report_down
        self._review = review
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
            next_beat = self._beat()
            with gate.lock:
                if gate.state is ConnectionState.DISCONNECTED:
                    self.alive = False
                    gate.changed.notify_all()
                    return
                due = self._calls.expiry.next_due()
                if due is not None:
                    next_beat = min(next_beat, due)
                if self._review_at > time.monotonic():
                    next_beat = min(next_beat, self._review_at)
                link = gate.link
                if link is (self._pulse.link if self._pulse else None):
                    gate.changed.wait(max(0.0, next_beat - time.monotonic()))

    def _beat(self) -> float:
        """Do what is due; returns when the next beat is due at the latest."""
        with self._gate.lock:
            link = self._gate.link
            over, half = self._calls.expiry.take_due()
        for call in over:
            self._calls.expire(call)
        for call in half:
            self._calls.tell_half_time(call)
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

    def _answered(self, pulse: _Pulse, round_trip: float) -> None:
        """Called by whoever reads the link."""
        pulse.asked_at = None
        with self._gate.lock:
            self._gate.stats.pong(round_trip, time.monotonic())
            self._gate.changed.notify_all()

    def _check(self, pulse: _Pulse, now: float) -> float:
        config = self._gate.config
        # A setting that was shortened meanwhile counts at once.
        pulse.due_at = min(pulse.due_at, now + config.heartbeat_interval)
        asked_at = pulse.asked_at
        if asked_at is None:
            pulse.suspected = False
            if now >= pulse.due_at:
                self._ping(pulse, now)
            if pulse.asked_at is None:
                return pulse.due_at
            # The pong may come long before the verdict; then the next ping is due first.
            return min(pulse.due_at, self._verdict_at(pulse.asked_at))
        if self._alive_at(pulse.link, asked_at) > asked_at:
            if now < asked_at + config.heartbeat_timeout:
                return asked_at + config.heartbeat_timeout
            self._lose_pong(pulse, now)
            return now
        return self._judge(pulse, asked_at, now)

    def _verdict_at(self, since: float) -> float:
        timeout = self._gate.config.heartbeat_timeout
        return since + timeout - min(_SECOND_LOOK_SECONDS, timeout / 4)

    def _alive_at(self, link: Link, asked_at: float) -> float:
        """When the link last proved life: any inbound byte, or progress of a write under way."""
        transport = link.transport
        if not transport.is_writing():
            return transport.last_inbound
        return max(transport.last_inbound, transport.last_outbound)

    def _ping(self, pulse: _Pulse, now: float) -> None:
        config = self._gate.config
        pulse.count += 1
        pulse.due_at = now + config.heartbeat_interval
        # Set first: the pong may be read before ping() returns.
        pulse.asked_at = time.monotonic()
        if pulse.link.ping(pulse.payload(), lambda trip: self._answered(pulse, trip)):
            with self._gate.lock:
                self._gate.stats.ping_sent()
        # Without a ping, because a writer is busy, silence and a write without progress still
        # count from here on.

    def _lose_pong(self, pulse: _Pulse, now: float) -> None:
        """The peer lives, but has left a ping unanswered for too long."""
        pulse.asked_at = None
        pulse.due_at = now
        with self._gate.lock:
            self._gate.stats.pong_lost(now)

    def _judge(self, pulse: _Pulse, asked_at: float, now: float) -> float:
        timeout = self._gate.config.heartbeat_timeout
        if not pulse.suspected:
            if now < self._verdict_at(asked_at):
                return self._verdict_at(asked_at)
            pulse.suspected = True
            return asked_at + timeout
        if now < asked_at + timeout:
            return asked_at + timeout
        with self._gate.lock:
            self._gate.stats.pong_lost(now)
        cause = f"no byte from the server within {timeout:g} s of a ping"
        _log.warning("the link is silent: %s", cause)
        self._report_down(pulse.link, LinkDown(cause))
        return now
