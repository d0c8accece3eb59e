"""The snapshot that users get of a connection's statistics.

Entered when the first one is taken: its values are many, and most programs want none. The clock
comes in, but for the one look at the wall that turns monotonic moments into dates.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import pairwise
from typing import Final

import attrs

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
from .stats import Stats
from .windows import percentile

__all__ = ["Gauges", "take_snapshot"]

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


def take_snapshot(stats: Stats, now: float, gauges: Gauges) -> ConnectionStatistics:
    """Everything as it stands. Holds the lock.

    Args:
        stats: what was counted.
        now: the monotonic time.
        gauges: what the connection knows of this moment.
    """
    wall = time.time() - now  # what turns a monotonic moment into a date
    stats.outcomes.advance(now, stats.answered)
    uptime = 0.0 if stats.ready_since is None else now - stats.ready_since
    ready_time = stats.ready_before + uptime
    known = 0.0 if stats.first_dial is None else now - stats.first_dial
    return ConnectionStatistics(
        taken_at=wall + now,
        state=stats.standing,
        state_since=wall + stats.standing_since,
        ready=stats.ready_since is not None,
        uptime=uptime,
        availability=ready_time / known if known > 0 else None,
        dials=_dial_statistics(stats, wall),
        losses=_loss_statistics(stats, now, wall, ready_time),
        link=_link_statistics(gauges),
        traffic=_traffic_statistics(stats, now, gauges),
        calls=_call_statistics(stats, now, gauges),
        latency=_latency_statistics(stats),
        heartbeat=_heartbeat_statistics(stats, now),
        queue=_queue_statistics(stats, wall, gauges),
        handlers=HandlerStatistics(
            names=dict(gauges.handlers),
            errors=gauges.handler_errors,
            events_dropped=gauges.events_dropped,
        ),
        strays=dict(stats.strays),
    )


def _dial_statistics(stats: Stats, wall: float) -> DialStatistics:
    ended = stats.dials_succeeded + stats.dials_failed
    return DialStatistics(
        made=stats.dials,
        succeeded=stats.dials_succeeded,
        failed=stats.dials_failed,
        success_rate=stats.dials_succeeded / ended if ended else None,
        last_at=wall + stats.last_dial if stats.dials else None,
        last_error=stats.last_dial_error,
        last_duration=stats.last_dial_duration,
        reconnects=stats.reconnects,
        quiet_probes=stats.quiet_probes,
    )


def _loss_statistics(stats: Stats, now: float, wall: float, ready_time: float) -> LossStatistics:
    return LossStatistics(
        count=stats.losses,
        per_hour=sum(at > now - HOUR for at in stats.loss_times),
        mean_time_between=ready_time / stats.losses if stats.losses else None,
        last_age=now - stats.loss_times[-1] if stats.loss_times else None,
        recent=tuple(
            LossRecord(at=wall + at, cause=cause, close_code=code, close_reason=reason)
            for at, cause, code, reason in stats.recent_losses
        ),
    )


def _traffic_statistics(stats: Stats, now: float, gauges: Gauges) -> TrafficStatistics:
    totals = (
        gauges.messages_sent,
        gauges.messages_received,
        gauges.bytes_sent,
        gauges.bytes_received,
    )
    window, rates = stats.traffic.rates(now, totals, stats.first_dial)
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
        interrupted_reads=stats.interrupted_reads,
    )


def _call_statistics(stats: Stats, now: float, gauges: Gauges) -> CallStatistics:
    answered, errors = stats.outcomes.sums(now)
    failures = sum(errors.values())
    outcomes = answered + failures
    return CallStatistics(
        sent=stats.sent,
        answered=stats.answered,
        failed=stats.failed,
        timed_out_unsent=stats.timed_out_unsent,
        timed_out_sent=stats.timed_out_sent,
        cancelled=stats.cancelled,
        queued=stats.queued,
        replayed=stats.replayed,
        expired=stats.expired,
        dropped=stats.dropped,
        outcomes=outcomes,
        error_rate=failures / outcomes if outcomes else None,
        errors_by_class=errors,
        timeouts_by_method=dict(stats.timeouts),
        pending=gauges.pending_count,
        oldest_pending_age=gauges.oldest_pending_age,
    )


def _latency_statistics(stats: Stats) -> LatencyStatistics:
    ordered = sorted(stats.latencies)
    return LatencyStatistics(
        samples=len(ordered),
        p50=percentile(ordered, 0.50),
        p90=percentile(ordered, 0.90),
        p99=percentile(ordered, 0.99),
        max=percentile(ordered, 1.0),
    )


def _heartbeat_statistics(stats: Stats, now: float) -> HeartbeatStatistics:
    trips = [trip for trip in stats.round_trips if trip is not None]
    steps = [abs(later - earlier) for earlier, later in pairwise(trips)]
    ordered = sorted(trips)
    return HeartbeatStatistics(
        pings_sent=stats.pings,
        pongs=stats.pongs,
        pongs_lost=stats.pongs_lost,
        samples=len(stats.round_trips),
        lost=len(stats.round_trips) - len(trips),
        last_lost_age=None if stats.last_lost_pong is None else now - stats.last_lost_pong,
        p50=percentile(ordered, 0.50),
        p95=percentile(ordered, 0.95),
        last=trips[-1] if trips else None,
        jitter=sum(steps) / len(steps) if steps else None,
    )


def _queue_statistics(stats: Stats, wall: float, gauges: Gauges) -> QueueStatistics:
    drain = None
    if stats.last_drain is not None:
        count, failures, duration, at = stats.last_drain
        drain = DrainRecord(at=wall + at, count=count, failures=failures, duration=duration)
    return QueueStatistics(
        size=gauges.queue_size,
        bytes=gauges.queue_bytes,
        limit=gauges.queue_limit,
        limit_bytes=gauges.queue_limit_bytes,
        high_water=stats.high_water,
        high_water_bytes=stats.high_water_bytes,
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
