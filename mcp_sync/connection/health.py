"""What is wrong with a connection, read from its statistics. Pure: no clock, no I/O, no threads."""

from __future__ import annotations

from typing import Final

from ..states import ConnectionState
from ..types.health import Health, HealthStatus
from ..types.statistics import ConnectionStatistics, QueueStatistics

__all__ = ["assess", "degradations"]

RECENT_SECONDS: Final = 60.0
ERROR_RATE_LIMIT: Final = 0.05
# One failure among fewer outcomes is more than 5 %, and says nothing of a rate.
ERROR_RATE_OUTCOMES: Final = 20
QUEUE_LIMIT: Final = 0.8


def degradations(statistics: ConnectionStatistics) -> tuple[str, ...]:
    """Name what is worse than it should be.

    Args:
        statistics: a snapshot of the connection.

    Returns:
        One phrase each, in this order, for: a link lost in the last 60 s; more than 5 % errors
        among the calls of the last five minutes, from 20 calls on; more than 80 % of the offline
        queue in use, by count or bytes; a pong lost in the last 60 s. Empty when all is well.
    """
    found: list[str] = []
    losses, calls, heartbeat = statistics.losses, statistics.calls, statistics.heartbeat
    if losses.last_age is not None and losses.last_age <= RECENT_SECONDS:
        cause = f" ({losses.recent[-1].cause})" if losses.recent else ""
        found.append(f"the connection was lost {losses.last_age:.0f} s ago{cause}")
    if (
        calls.error_rate is not None
        and calls.outcomes >= ERROR_RATE_OUTCOMES
        and calls.error_rate > ERROR_RATE_LIMIT
    ):
        found.append(
            f"{calls.error_rate:.1%} of the {calls.outcomes} calls in the last 5 minutes failed"
        )
    fullness = _fullness(statistics.queue)
    if fullness > QUEUE_LIMIT:
        found.append(f"the offline queue is {fullness:.0%} full")
    if heartbeat.last_lost_age is not None and heartbeat.last_lost_age <= RECENT_SECONDS:
        found.append(f"a pong was lost {heartbeat.last_lost_age:.0f} s ago")
    return tuple(found)


def assess(
    statistics: ConnectionStatistics,
    ping_round_trip: float | None,
    request_round_trip: float | None,
    failures: tuple[str, ...],
) -> Health:
    """Make the verdict of a health check.

    Args:
        statistics: a snapshot taken after the checks.
        ping_round_trip: seconds; None where no pong came or no ping was sent.
        request_round_trip: seconds; None where no answer came or nothing was asked.
        failures: what the checks found, in words ("no pong within 5 s"); empty when each passed.

    Returns:
        "offline" in that state; else "unhealthy" without a ready link, with a failure, or where
        nothing answered at all; else "degraded" or "healthy".
    """
    state, reasons = statistics.state, degradations(statistics)
    status: HealthStatus
    if state is ConnectionState.OFFLINE:
        status, reasons = "offline", ("the attempts to connect are used up", *reasons)
    elif not statistics.ready:
        status, reasons = "unhealthy", (f"no ready link, the state is {state}", *failures, *reasons)
    elif failures:
        status, reasons = "unhealthy", (*failures, *reasons)
    elif ping_round_trip is None and request_round_trip is None:
        status, reasons = "unhealthy", ("the server answered nothing", *reasons)
    else:
        status = "degraded" if reasons else "healthy"
    return Health(
        status=status,
        reasons=reasons,
        checked_at=statistics.taken_at,
        state=state,
        ping_round_trip=ping_round_trip,
        request_round_trip=request_round_trip,
    )


def _fullness(queue: QueueStatistics) -> float:
    """The share of the queue in use, by count or by bytes, whichever is more."""
    shares = ((queue.size, queue.limit), (queue.bytes, queue.limit_bytes))
    return max((size / limit for size, limit in shares if limit), default=0.0)
