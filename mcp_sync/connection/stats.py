"""What a connection counts: plain counters and bounded windows.

Whoever records holds the connection's state lock; there is no lock here, and the clock comes in.
What users see of it is made in ``snapshot``.
"""

from __future__ import annotations

from collections import Counter, deque
from typing import Final

from ..states import ConnectionState
from .windows import OutcomeWindow, RateWindow, count_capped

__all__ = ["Stats"]

LATENCY_SAMPLES: Final = 4096
HEARTBEAT_SAMPLES: Final = 256
RECENT_LOSSES: Final = 10
LOSS_TIMES: Final = 4096
HOUR: Final = 3600.0


class Stats:
    """The counters of one connection, over all its links.

    Not safe between threads by itself: each method is called with the connection's state lock
    held. Every ``now`` is ``time.monotonic``. The fields are for ``snapshot`` to read.

    Args:
        now: when the connection was made.
    """

    def __init__(self, now: float) -> None:
        self.standing = ConnectionState.DISCONNECTED
        self.standing_since = now
        self.first_dial: float | None = None
        self.ready_since: float | None = None
        self.ready_before = 0.0
        self.dials = self.dials_succeeded = self.dials_failed = 0
        self.last_dial = now
        self.last_dial_error: str | None = None
        self.last_dial_duration: float | None = None
        self.reconnects = self.quiet_probes = 0
        self.is_reconnect = False
        self.outage = False
        self.losses = 0
        self.loss_times: deque[float] = deque(maxlen=LOSS_TIMES)
        self.recent_losses: deque[tuple[float, str, int | None, str]] = deque(maxlen=RECENT_LOSSES)
        self.sent = self.answered = self.failed = self.cancelled = 0
        self.timed_out_unsent = self.timed_out_sent = 0
        self.queued = self.replayed = self.expired = self.dropped = 0
        self.timeouts: Counter[str] = Counter()
        self.outcomes = OutcomeWindow()
        self.latencies: deque[float] = deque(maxlen=LATENCY_SAMPLES)
        self.pings = self.pongs = self.pongs_lost = 0
        self.last_lost_pong: float | None = None
        self.round_trips: deque[float | None] = deque(maxlen=HEARTBEAT_SAMPLES)
        self.high_water = self.high_water_bytes = 0
        self.last_drain: tuple[int, int, float, float] | None = None
        self.strays: Counter[str] = Counter()
        self.interrupted_reads = 0
        self.traffic = RateWindow(4)

    def state_changed(self, state: ConnectionState, ready: bool, now: float) -> None:
        """State or readiness changed: the state is this now, and requests can be sent or not."""
        if state is not self.standing:
            self.standing, self.standing_since = state, now
        if state is ConnectionState.DISCONNECTED:
            self.outage = False
        if ready and self.ready_since is None:
            self.ready_since = now
        elif not ready and self.ready_since is not None:
            self.ready_before += now - self.ready_since
            self.ready_since = None

    def dial_started(self, now: float) -> None:
        """An attempt to make a link begins."""
        if self.first_dial is None:
            self.first_dial = now
        self.dials += 1
        self.last_dial = now
        self.last_dial_error = None

    def dial_succeeded(self, now: float) -> None:
        """The attempt made a link."""
        self.dials_succeeded += 1
        self.last_dial_duration = now - self.last_dial
        self.is_reconnect = self.outage
        self.reconnects += self.is_reconnect
        self.outage = False

    def dial_failed(self, now: float, error: str) -> None:
        """The attempt failed."""
        self.dials_failed += 1
        self.last_dial_duration = now - self.last_dial
        self.last_dial_error = error

    def link_failed(self, now: float, error: str) -> None:
        """The link that the attempt made was never ready: the attempt failed after all."""
        self.dials_succeeded -= 1
        self.reconnects -= self.is_reconnect
        self.is_reconnect = False
        self.dial_failed(now, error)

    def quiet_probe(self) -> None:
        """The attempt that begins is one that announces nothing."""
        self.quiet_probes += 1

    def link_lost(
        self, now: float, cause: str, close_code: int | None = None, close_reason: str = ""
    ) -> None:
        """The link was lost."""
        self.outage = True
        self.losses += 1
        self.loss_times.append(now)
        self.recent_losses.append((now, cause, close_code, close_reason))

    def call_sent(self) -> None:
        """A request was written."""
        self.sent += 1

    def call_answered(self, latency: float) -> None:
        """A call ended with a result, so many seconds after its write."""
        self.answered += 1
        self.latencies.append(latency)

    def call_failed(self, error_name: str, now: float) -> None:
        """A call ended with an error that no other method here stands for."""
        self.failed += 1
        self.outcomes.advance(now, self.answered)
        self.outcomes.error(now, error_name)

    def call_timed_out(self, method: str, sent: bool, now: float) -> None:
        """A call's deadline was over, after its request was written or before."""
        if sent:
            self.timed_out_sent += 1
        else:
            self.timed_out_unsent += 1
        count_capped(self.timeouts, method)
        self.outcomes.advance(now, self.answered)
        self.outcomes.error(now, "MCPTimeoutError")

    def call_cancelled(self) -> None:
        """A call was withdrawn."""
        self.cancelled += 1

    def call_queued(self) -> None:
        """A call went into the offline queue."""
        self.queued += 1

    def call_replayed(self) -> None:
        """A call was written again after a loss."""
        self.replayed += 1

    def call_expired(self) -> None:
        """A call's time in the offline queue was over."""
        self.expired += 1

    def calls_dropped(self, n: int) -> None:
        """So many calls gave way in a full queue, or were left when it was closed."""
        self.dropped += n

    def queue_sized(self, size: int, size_bytes: int) -> None:
        """The offline queue holds so much now."""
        self.high_water = max(self.high_water, size)
        self.high_water_bytes = max(self.high_water_bytes, size_bytes)

    def drain_finished(self, count: int, failures: int, duration: float, now: float) -> None:
        """The offline queue was worked off."""
        self.last_drain = (count, failures, duration, now)

    def ping_sent(self) -> None:
        """A ping went out."""
        self.pings += 1

    def pong(self, round_trip: float, now: float) -> None:
        """A pong came, so many seconds after its ping."""
        self.pongs += 1
        self.round_trips.append(round_trip)
        self.outcomes.advance(now, self.answered)

    def pong_lost(self, now: float) -> None:
        """A pong did not come in time."""
        self.pongs_lost += 1
        self.last_lost_pong = now
        self.round_trips.append(None)
        self.outcomes.advance(now, self.answered)

    def stray(self, kind: str) -> None:
        """An inbound message was dropped; the kind says why in a word or two."""
        count_capped(self.strays, kind)

    def interrupted_read(self) -> None:
        """An exception ended a caller's read half-way."""
        self.interrupted_reads += 1
