"""What a health check found, as one frozen value. This room does not know how it was found."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from ..states import ConnectionState
from .excerpt import excerpt

__all__ = ["Health", "HealthStatus"]

HealthStatus = Literal["healthy", "degraded", "unhealthy", "offline"]
"""What a health check can find; ``Health`` says what each means."""


@attrs.frozen(kw_only=True, repr=False)
class Health:
    """The outcome of one active health check.

    Args:
        status: "healthy": the server answered and nothing is wrong; "degraded": it answered, and
            something is; "unhealthy": no ready link, or no answer in time; "offline": the
            attempts to connect are used up.
        reasons: why it is not healthy, in words; empty where it is.
        checked_at: when, in seconds since the epoch.
        state: where the connection stood.
        ping_round_trip: seconds from ping to pong; None where none came or none was sent.
        request_round_trip: seconds from a cheap request to its answer; None where none came or
            none was sent.
    """

    status: HealthStatus
    reasons: tuple[str, ...]
    checked_at: float
    state: ConnectionState
    ping_round_trip: float | None = None
    request_round_trip: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """The same as plain values that ``json.dumps`` takes; the state by its value."""
        return {
            "status": self.status,
            "reasons": list(self.reasons),
            "checked_at": self.checked_at,
            "state": self.state.value,
            "ping_round_trip": self.ping_round_trip,
            "request_round_trip": self.request_round_trip,
        }

    def __repr__(self) -> str:
        ping = self.ping_round_trip
        took = "" if ping is None else f", ping {ping * 1000:.1f} ms"
        why = f": {excerpt('; '.join(self.reasons), 160)}" if self.reasons else ""
        return f"<Health {self.status}, {self.state}{took}{why}>"

    def _repr_html_(self) -> str:
        from ..notebook.clients import health_html  # noqa: PLC0415 - only a notebook asks for it

        return health_html(self)
