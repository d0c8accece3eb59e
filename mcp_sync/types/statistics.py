"""What a client counted and measured, as one frozen snapshot made of parts.

Durations and ages are seconds, moments are seconds since the epoch, sizes are bytes, rates are
shares between 0 and 1 unless they say per what. None stands for "nothing to measure yet". This
room does not know who counts.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Any

import attrs

from ..states import ConnectionState

__all__ = [
    "CallStatistics",
    "ConnectionStatistics",
    "DialStatistics",
    "DrainRecord",
    "HandlerStatistics",
    "HeartbeatStatistics",
    "LatencyStatistics",
    "LinkStatistics",
    "LossRecord",
    "LossStatistics",
    "QueueStatistics",
    "TrafficStatistics",
]


@attrs.frozen(kw_only=True)
class DialStatistics:
    """Attempts to make a link.

    Args:
        made: dials begun, quiet probes included.
        succeeded: dials that made a link, whose handshake did not fail.
        failed: all others that have ended.
        success_rate: succeeded among those that have ended; None before the first has.
        last_at: when the last one began; None before the first.
        last_error: why the last one failed; None where it succeeded or is under way.
        last_duration: how long the last one that has ended took; None before the first has.
        reconnects: links made after a loss.
        quiet_probes: dials made while offline, which announce nothing.
    """

    made: int = 0
    succeeded: int = 0
    failed: int = 0
    success_rate: float | None = None
    last_at: float | None = None
    last_error: str | None = None
    last_duration: float | None = None
    reconnects: int = 0
    quiet_probes: int = 0


@attrs.frozen(kw_only=True)
class LossRecord:
    """One lost link.

    Args:
        at: when it was lost.
        cause: why, as a short phrase.
        close_code: the WebSocket close code (RFC 6455, 7.4); None without a close frame.
        close_reason: the peer's reason text; "" without one.
    """

    at: float
    cause: str
    close_code: int | None = None
    close_reason: str = ""


@attrs.frozen(kw_only=True)
class LossStatistics:
    """Links that were lost, not those that the client closed.

    Args:
        count: how many, since the client was made.
        per_hour: losses in the last hour; of a younger client, so far.
        mean_time_between: ready time so far divided by losses (MTBF); None before the first.
        last_age: since the last loss; None before the first.
        recent: the last ten, oldest first.
    """

    count: int = 0
    per_hour: int = 0
    mean_time_between: float | None = None
    last_age: float | None = None
    recent: tuple[LossRecord, ...] = ()


@attrs.frozen(kw_only=True)
class LinkStatistics:
    """The link there is, or what is left of the last one.

    Args:
        open: whether there is a link now, ready or not.
        generation: its number; 0 before the first.
        peer_address: address and port of the server; None without a link.
        subprotocol: the WebSocket subprotocol agreed on; None without one.
        tls_version: "TLSv1.3" and the like; None without TLS.
        last_close_code: the last close code received; None where there was none.
        last_close_reason: the text that came with it.
    """

    open: bool = False
    generation: int = 0
    peer_address: str | None = None
    subprotocol: str | None = None
    tls_version: str | None = None
    last_close_code: int | None = None
    last_close_reason: str = ""


@attrs.frozen(kw_only=True)
class TrafficStatistics:
    """Messages and bytes over all links so far.

    Args:
        messages_sent: whole messages written.
        messages_received: whole messages read.
        bytes_sent: bytes written to sockets, frames' headers included.
        bytes_received: bytes read from sockets.
        messages_sent_per_second: over the last ``window`` seconds; so are the three below.
        messages_received_per_second: see above.
        bytes_sent_per_second: see above.
        bytes_received_per_second: see above.
        window: how many seconds the rates cover: back to the oldest snapshot of the last minute,
            or to the first connect where none was taken; 0 before the first connect.
        interrupted_reads: reads of callers that an exception ended half-way.
    """

    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0
    messages_sent_per_second: float = 0.0
    messages_received_per_second: float = 0.0
    bytes_sent_per_second: float = 0.0
    bytes_received_per_second: float = 0.0
    window: float = 0.0
    interrupted_reads: int = 0


@attrs.frozen(kw_only=True)
class CallStatistics:
    """Calls by what became of them.

    Args:
        sent: requests written, replays included.
        answered: calls that ended with a result.
        failed: calls that ended with an error other than the three below.
        timed_out_unsent: calls whose deadline was over before they were written.
        timed_out_sent: calls whose deadline was over after they were written.
        cancelled: calls withdrawn by their callers or by clearing the queue.
        queued: calls that went through the offline queue.
        replayed: calls written again after a loss.
        expired: calls whose time in the offline queue was over; they are timed out, too.
        dropped: calls that gave way to others in a full queue, or were left when it was closed.
        outcomes: calls answered, failed or timed out in the last five minutes.
        error_rate: failed and timed out among ``outcomes``; None where there are none.
        errors_by_class: failed and timed out in the last five minutes, by the error's class.
        timeouts_by_method: calls timed out so far, by method.
        pending: calls written and not yet answered, now.
        oldest_pending_age: since the oldest of them was written; None where there is none.
    """

    sent: int = 0
    answered: int = 0
    failed: int = 0
    timed_out_unsent: int = 0
    timed_out_sent: int = 0
    cancelled: int = 0
    queued: int = 0
    replayed: int = 0
    expired: int = 0
    dropped: int = 0
    outcomes: int = 0
    error_rate: float | None = None
    errors_by_class: Mapping[str, int] = attrs.field(factory=dict)
    timeouts_by_method: Mapping[str, int] = attrs.field(factory=dict)
    pending: int = 0
    oldest_pending_age: float | None = None


@attrs.frozen(kw_only=True)
class LatencyStatistics:
    """From the write of a request to its answer, over the last answered calls.

    Percentiles are by nearest rank: each is a latency that was measured.

    Args:
        samples: how many calls this covers.
        p50: half of them took no longer; None without samples, as for the three below.
        p90: nine of ten took no longer.
        p99: 99 of 100 took no longer.
        max: the slowest.
    """

    samples: int = 0
    p50: float | None = None
    p90: float | None = None
    p99: float | None = None
    max: float | None = None


@attrs.frozen(kw_only=True)
class HeartbeatStatistics:
    """Pings and pongs; what is measured is over the last pings that were settled.

    Args:
        pings_sent: pings so far.
        pongs: pongs so far.
        pongs_lost: pongs so far that did not come in time.
        samples: how many pings the rest covers.
        lost: how many of them had no pong in time.
        last_lost_age: since a pong was last found lost; None where none was.
        p50: median round trip; None without a pong, as for the three below.
        p95: 95 of 100 round trips took no longer (nearest rank).
        last: the last round trip.
        jitter: mean difference of a round trip from the one before it; None before the second.
    """

    pings_sent: int = 0
    pongs: int = 0
    pongs_lost: int = 0
    samples: int = 0
    lost: int = 0
    last_lost_age: float | None = None
    p50: float | None = None
    p95: float | None = None
    last: float | None = None
    jitter: float | None = None


@attrs.frozen(kw_only=True)
class DrainRecord:
    """The last time the offline queue was worked off.

    Args:
        at: when it ended.
        count: entries written.
        failures: entries that could not be written.
        duration: how long it took.
    """

    at: float
    count: int
    failures: int
    duration: float


@attrs.frozen(kw_only=True)
class QueueStatistics:
    """The offline queue.

    Args:
        size: calls in it now.
        bytes: bytes they hold.
        limit: how many calls it takes; None where that is not known.
        limit_bytes: how many bytes it takes; None where that is not known.
        high_water: the most calls it ever held.
        high_water_bytes: the most bytes it ever held.
        oldest_age: since the oldest of them was queued; None where it is empty.
        last_drain: how it was last worked off; None where it never was.
    """

    size: int = 0
    bytes: int = 0
    limit: int | None = None
    limit_bytes: int | None = None
    high_water: int = 0
    high_water_bytes: int = 0
    oldest_age: float | None = None
    last_drain: DrainRecord | None = None


@attrs.frozen(kw_only=True)
class HandlerStatistics:
    """User code that listens.

    Args:
        names: names of the handlers for each event that has some.
        errors: calls of handlers that raised.
        events_dropped: events that gave way because handlers were slower.
    """

    names: Mapping[str, tuple[str, ...]] = attrs.field(factory=dict)
    errors: int = 0
    events_dropped: int = 0


@attrs.frozen(kw_only=True, repr=False)
class ConnectionStatistics:
    """Everything that a client counted and measured, at one moment.

    Args:
        taken_at: when.
        state: where the connection stood.
        state_since: since when.
        ready: whether requests could be sent at once.
        uptime: how long it has been ready without a break; 0 where it is not.
        availability: ready time divided by the time since the first connect; None before it.
        dials: attempts to make a link.
        losses: links that were lost.
        link: the link there is.
        traffic: messages and bytes.
        calls: calls by what became of them.
        latency: how long answers took.
        heartbeat: pings and pongs.
        queue: the offline queue.
        handlers: user code that listens.
        strays: inbound messages dropped so far, by what was wrong with them.
    """

    taken_at: float
    state: ConnectionState
    state_since: float
    ready: bool = False
    uptime: float = 0.0
    availability: float | None = None
    dials: DialStatistics = attrs.field(factory=DialStatistics)
    losses: LossStatistics = attrs.field(factory=LossStatistics)
    link: LinkStatistics = attrs.field(factory=LinkStatistics)
    traffic: TrafficStatistics = attrs.field(factory=TrafficStatistics)
    calls: CallStatistics = attrs.field(factory=CallStatistics)
    latency: LatencyStatistics = attrs.field(factory=LatencyStatistics)
    heartbeat: HeartbeatStatistics = attrs.field(factory=HeartbeatStatistics)
    queue: QueueStatistics = attrs.field(factory=QueueStatistics)
    handlers: HandlerStatistics = attrs.field(factory=HandlerStatistics)
    strays: Mapping[str, int] = attrs.field(factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The same as nested plain values that ``json.dumps`` takes; states by their value."""
        return attrs.asdict(self, value_serializer=_plain)

    def __repr__(self) -> str:
        calls, latency = self.calls, self.latency
        rate = calls.error_rate
        errors = "no calls in the last 5 minutes" if rate is None else f"errors {rate:.1%}"
        median = "" if latency.p50 is None else f", p50 {latency.p50 * 1000:.1f} ms"
        return (
            f"<ConnectionStatistics {self.state}, up {self.uptime:.0f} s, "
            f"{self.losses.count} losses, {calls.answered} of {calls.sent} answered, "
            f"{calls.pending} pending, {self.queue.size} queued, {errors}{median}>"
        )

    def _repr_html_(self) -> str:
        from ..notebook.clients import statistics_html  # noqa: PLC0415 - only a notebook asks for it

        return statistics_html(self)


def _plain(_owner: object, _field: object, value: Any) -> Any:
    if isinstance(value, enum.Enum):
        return value.value
    if isinstance(value, Mapping):
        return {key: _plain(None, None, inner) for key, inner in value.items()}
    return list(value) if isinstance(value, tuple) else value
