"""What a connection counts: plain counters and bounded windows, and the snapshot made of them.

Whoever records holds the connection's state lock; there is no lock here. The clock comes in, but
for the one look at the wall that turns monotonic moments into dates.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import attrs

from ..states import ConnectionState
from ..types.statistics import (
    CallStatistics,
    ConnectionStatistics,
    DialStatistics,
    DrainRecord,
    HandlerStatistics,
    HeartbeatStatistics,
    LatencyStatistics,
    LinkStatistics,
    LossRecord,
    LossStatistics,
    QueueStatistics,
    TrafficStatistics,
)
from .windows import OutcomeWindow, RateWindow, count_capped, percentile

__all__ = ["Gauges", "Stats"]

LATENCY_SAMPLES: Final = 4096
HEARTBEAT_SAMPLES: Final = 256
RECENT_LOSSES: Final = 10
LOSS_TIMES: Final = 4096
HOUR: Final = 3600.0


@attrs.frozen(kw_only=True)
class Gauges:
    """What a snapshot needs to know of this moment; the connection fills it under its lock.

    Ages are seconds, None where there is nothing to be old. Totals are over all links so far.
    """

    link_open: bool = False
    generation: int = 0
    peer_address: str | None = None
    subprotocol: str | None = None
    tls_version: str | None = None
    last_close_code: int | None = None
    last_close_reason: str = ""
    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    pending_count: int = 0
    oldest_pending_age: float | None = None
    queue_size: int = 0
    queue_bytes: int = 0
    queue_limit: int | None = None
    queue_limit_bytes: int | None = None
    oldest_queued_age: float | None = None
    handlers: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    handler_errors: int = 0
    events_dropped: int = 0


class Stats:
    """The counters of one connection, over all its links.

    Not safe between threads by itself: each method is called with the connection's state lock
    held. Every ``now`` is ``time.monotonic``.

    Args:
        now: when the connection was made.
    """

    def __init__(self, now: float) -> None:
        self._standing = ConnectionState.DISCONNECTED
        self._standing_since = now
        self._first_dial: float | None = None
        self._ready_since: float | None = None
        self._ready_before = 0.0
        self._dials = self._dials_succeeded = self._dials_failed = 0
        self._last_dial = now
        self._last_dial_error: str | None = None
        self._last_dial_duration: float | None = None
        self._reconnects = self._quiet_probes = 0
        self._is_reconnect = False
        self._outage = False
        self._losses = 0
        self._loss_times: deque[float] = deque(maxlen=LOSS_TIMES)
        self._recent_losses: deque[tuple[float, str, int | None, str]] = deque(maxlen=RECENT_LOSSES)
        self._sent = self._answered = self._failed = self._cancelled = 0
        self._timed_out_unsent = self._timed_out_sent = 0
        self._queued = self._replayed = self._expired = self._dropped = 0
        self._timeouts: Counter[str] = Counter()
        self._outcomes = OutcomeWindow()
        self._latencies: deque[float] = deque(maxlen=LATENCY_SAMPLES)
        self._pings = self._pongs = self._pongs_lost = 0
        self._last_lost_pong: float | None = None
        self._round_trips: deque[float | None] = deque(maxlen=HEARTBEAT_SAMPLES)
        self._high_water = self._high_water_bytes = 0
        self._last_drain: tuple[int, int, float, float] | None = None
        self._strays: Counter[str] = Counter()
        self._interrupted_reads = 0
        self._traffic = RateWindow(4)

    def state_changed(self, state: ConnectionState, ready: bool, now: float) -> None:
        """State or readiness changed: the state is this now, and requests can be sent or not."""
        if state is not self._standing:
            self._standing, self._standing_since = state, now
        if state is ConnectionState.DISCONNECTED:
            self._outage = False
        if ready and self._ready_since is None:
            self._ready_since = now
        elif not ready and self._ready_since is not None:
            self._ready_before += now - self._ready_since
            self._ready_since = None

    def dial_started(self, now: float) -> None:
        """An attempt to make a link begins."""
        if self._first_dial is None:
            self._first_dial = now
        self._dials += 1
        self._last_dial = now
        self._last_dial_error = None

    def dial_succeeded(self, now: float) -> None:
        """The attempt made a link."""
        self._dials_succeeded += 1
        self._last_dial_duration = now - self._last_dial
        self._is_reconnect = self._outage
        self._reconnects += self._is_reconnect
        self._outage = False

    def dial_failed(self, now: float, error: str) -> None:
        """The attempt failed."""
        self._dials_failed += 1
        self._last_dial_duration = now - self._last_dial
        self._last_dial_error = error

    def link_failed(self, now: float, error: str) -> None:
        """The link that the attempt made was never ready: the attempt failed after all."""
        self._dials_succeeded -= 1
        self._reconnects -= self._is_reconnect
        self._is_reconnect = False
        self.dial_failed(now, error)

    def quiet_probe(self) -> None:
        """The attempt that begins is one that announces nothing."""
        self._quiet_probes += 1

    def link_lost(
        self, now: float, cause: str, close_code: int | None = None, close_reason: str = ""
    ) -> None:
        """The link was lost."""
        self._outage = True
        self._losses += 1
        self._loss_times.append(now)
        self._recent_losses.append((now, cause, close_code, close_reason))

    def call_sent(self) -> None:
        """A request was written."""
        self._sent += 1

    def call_answered(self, latency: float) -> None:
        """A call ended with a result, so many seconds after its write."""
        self._answered += 1
        self._latencies.append(latency)

    def call_failed(self, error_name: str, now: float) -> None:
        """A call ended with an error that no other method here stands for."""
        self._failed += 1
        self._outcomes.advance(now, self._answered)
        self._outcomes.error(now, error_name)

    def call_timed_out(self, method: str, sent: bool, now: float) -> None:
        """A call's deadline was over, after its request was written or before."""
        if sent:
            self._timed_out_sent += 1
        else:
            self._timed_out_unsent += 1
        count_capped(self._timeouts, method)
        self._outcomes.advance(now, self._answered)
        self._outcomes.error(now, "MCPTimeoutError")

    def call_cancelled(self) -> None:
        """A call was withdrawn."""
        self._cancelled += 1

    def call_queued(self) -> None:
        """A call went into the offline queue."""
        self._queued += 1

    def call_replayed(self) -> None:
        """A call was written again after a loss."""
        self._replayed += 1

    def call_expired(self) -> None:
        """A call's time in the offline queue was over."""
        self._expired += 1

    def calls_dropped(self, n: int) -> None:
        """So many calls gave way in a full queue, or were left when it was closed."""
        self._dropped += n

    def queue_sized(self, size: int, size_bytes: int) -> None:
        """The offline queue holds so much now."""
        self._high_water = max(self._high_water, size)
        self._high_water_bytes = max(self._high_water_bytes, size_bytes)

    def drain_finished(self, count: int, failures: int, duration: float, now: float) -> None:
        """The offline queue was worked off."""
        self._last_drain = (count, failures, duration, now)

    def ping_sent(self) -> None:
        """A ping went out."""
        self._pings += 1

    def pong(self, round_trip: float, now: float) -> None:
        """A pong came, so many seconds after its ping."""
        self._pongs += 1
        self._round_trips.append(round_trip)
        self._outcomes.advance(now, self._answered)

    def pong_lost(self, now: float) -> None:
        """A pong did not come in time."""
        self._pongs_lost += 1
        self._last_lost_pong = now
        self._round_trips.append(None)
        self._outcomes.advance(now, self._answered)

    def stray(self, kind: str) -> None:
        """An inbound message was dropped; the kind says why in a word or two."""
        count_capped(self._strays, kind)

    def interrupted_read(self) -> None:
        """An exception ended a caller's read half-way."""
        self._interrupted_reads += 1

    def snapshot(self, now: float, gauges: Gauges) -> ConnectionStatistics:
        """Everything as it stands.

        Args:
            now: the monotonic time.
            gauges: what the connection knows of this moment.
        """
        wall = time.time() - now  # what turns a monotonic moment into a date
        self._outcomes.advance(now, self._answered)
        uptime = 0.0 if self._ready_since is None else now - self._ready_since
        ready_time = self._ready_before + uptime
        known = 0.0 if self._first_dial is None else now - self._first_dial
        return ConnectionStatistics(
            taken_at=wall + now,
            state=self._standing,
            state_since=wall + self._standing_since,
            ready=self._ready_since is not None,
            uptime=uptime,
            availability=ready_time / known if known > 0 else None,
            dials=self._dial_statistics(wall),
            losses=self._loss_statistics(now, wall, ready_time),
            link=_link_statistics(gauges),
            traffic=self._traffic_statistics(now, gauges),
            calls=self._call_statistics(now, gauges),
            latency=self._latency_statistics(),
            heartbeat=self._heartbeat_statistics(now),
            queue=self._queue_statistics(wall, gauges),
            handlers=HandlerStatistics(
                names=dict(gauges.handlers),
                errors=gauges.handler_errors,
                events_dropped=gauges.events_dropped,
            ),
            strays=dict(self._strays),
        )

    def _dial_statistics(self, wall: float) -> DialStatistics:
        ended = self._dials_succeeded + self._dials_failed
        return DialStatistics(
            made=self._dials,
            succeeded=self._dials_succeeded,
            failed=self._dials_failed,
            success_rate=self._dials_succeeded / ended if ended else None,
            last_at=wall + self._last_dial if self._dials else None,
            last_error=self._last_dial_error,
            last_duration=self._last_dial_duration,
            reconnects=self._reconnects,
            quiet_probes=self._quiet_probes,
        )

    def _loss_statistics(self, now: float, wall: float, ready_time: float) -> LossStatistics:
        return LossStatistics(
            count=self._losses,
            per_hour=sum(at > now - HOUR for at in self._loss_times),
            mean_time_between=ready_time / self._losses if self._losses else None,
            last_age=now - self._loss_times[-1] if self._loss_times else None,
            recent=tuple(
                LossRecord(at=wall + at, cause=cause, close_code=code, close_reason=reason)
                for at, cause, code, reason in self._recent_losses
            ),
        )

    def _traffic_statistics(self, now: float, gauges: Gauges) -> TrafficStatistics:
        totals = (
            gauges.messages_sent,
            gauges.messages_received,
            gauges.bytes_sent,
            gauges.bytes_received,
        )
        window, rates = self._traffic.rates(now, totals, self._first_dial)
        return TrafficStatistics(
            messages_sent=totals[0],
            messages_received=totals[1],
            bytes_sent=totals[2],
            bytes_received=totals[3],
            messages_sent_per_second=rates[0],
            messages_received_per_second=rates[1],
            bytes_sent_per_second=rates[2],
            bytes_received_per_second=rates[3],
            window=window,
            interrupted_reads=self._interrupted_reads,
        )

    def _call_statistics(self, now: float, gauges: Gauges) -> CallStatistics:
        answered, errors = self._outcomes.sums(now)
        failures = sum(errors.values())
        outcomes = answered + failures
        return CallStatistics(
            sent=self._sent,
            answered=self._answered,
            failed=self._failed,
            timed_out_unsent=self._timed_out_unsent,
            timed_out_sent=self._timed_out_sent,
            cancelled=self._cancelled,
            queued=self._queued,
            replayed=self._replayed,
            expired=self._expired,
            dropped=self._dropped,
            outcomes=outcomes,
            error_rate=failures / outcomes if outcomes else None,
            errors_by_class=errors,
            timeouts_by_method=dict(self._timeouts),
            pending=gauges.pending_count,
            oldest_pending_age=gauges.oldest_pending_age,
        )

    def _latency_statistics(self) -> LatencyStatistics:
        ordered = sorted(self._latencies)
        return LatencyStatistics(
            samples=len(ordered),
            p50=percentile(ordered, 0.50),
            p90=percentile(ordered, 0.90),
            p99=percentile(ordered, 0.99),
            max=percentile(ordered, 1.0),
        )

    def _heartbeat_statistics(self, now: float) -> HeartbeatStatistics:
        trips = [trip for trip in self._round_trips if trip is not None]
        steps = [abs(later - earlier) for earlier, later in pairwise(trips)]
        ordered = sorted(trips)
        return HeartbeatStatistics(
            pings_sent=self._pings,
            pongs=self._pongs,
            pongs_lost=self._pongs_lost,
            samples=len(self._round_trips),
            lost=len(self._round_trips) - len(trips),
            last_lost_age=None if self._last_lost_pong is None else now - self._last_lost_pong,
            p50=percentile(ordered, 0.50),
            p95=percentile(ordered, 0.95),
            last=trips[-1] if trips else None,
            jitter=sum(steps) / len(steps) if steps else None,
        )

    def _queue_statistics(self, wall: float, gauges: Gauges) -> QueueStatistics:
        drain = None
        if self._last_drain is not None:
            count, failures, duration, at = self._last_drain
            drain = DrainRecord(at=wall + at, count=count, failures=failures, duration=duration)
        return QueueStatistics(
            size=gauges.queue_size,
            bytes=gauges.queue_bytes,
            limit=gauges.queue_limit,
            limit_bytes=gauges.queue_limit_bytes,
            high_water=self._high_water,
            high_water_bytes=self._high_water_bytes,
            oldest_age=gauges.oldest_queued_age,
            last_drain=drain,
        )


def _link_statistics(gauges: Gauges) -> LinkStatistics:
    return LinkStatistics(
        open=gauges.link_open,
        generation=gauges.generation,
        peer_address=gauges.peer_address,
        subprotocol=gauges.subprotocol,
        tls_version=gauges.tls_version,
        last_close_code=gauges.last_close_code,
        last_close_reason=gauges.last_close_reason,
    )
