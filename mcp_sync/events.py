"""What a client announces: the connection events and the server's notifications, as values.

This room knows neither who announces them nor who listens.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, TypeGuard, get_args

import attrs

from .states import ConnectionState

__all__ = [
    "EVENT_NAMES",
    "ConnectionEvent",
    "EventHandler",
    "EventName",
    "NotificationEvent",
    "NotificationHandler",
    "Progress",
    "ProgressHandler",
]

EventName = Literal[
    "connected",
    "initialized",
    "disconnected",
    "failed",
    "reconnecting",
    "offline",
    "degraded",
    "recovered",
]
"""What happens to a connection, by name."""

EVENT_NAMES: Final[tuple[EventName, ...]] = get_args(EventName)
"""Every name that ``client.on`` takes."""


@attrs.frozen(kw_only=True)
class ConnectionEvent:
    """Something happened to the connection. Frozen, and shared by all handlers of the event.

    Args:
        name: one of ``EVENT_NAMES``.
        state: the state the connection was in right after.
        timestamp: seconds since the epoch, for people to read.
        context: facts of this kind of event. ``failed``: ``attempt``, ``error``, ``next_delay``
            (seconds, None when no further dial is planned), ``permanent``; ``reconnecting``:
            ``attempt``; ``connected``: ``generation``, ``peer_address``; ``initialized``:
            ``server``, ``generation``; ``disconnected``: ``cause``, ``close_code``,
            ``close_reason``; ``offline``: ``attempts``, ``error``; ``degraded`` and
            ``recovered``: ``reasons``.
    """

    name: str
    state: ConnectionState
    timestamp: float
    context: Mapping[str, Any] = attrs.field(factory=dict, hash=False)


@attrs.frozen(kw_only=True)
class NotificationEvent:
    """A notification from the server. Frozen, and shared by all its handlers.

    Args:
        method: its method.
        params: its params as they came; an empty mapping where there were none.
        timestamp: seconds since the epoch when it was received.
    """

    method: str
    params: Mapping[str, Any] = attrs.field(hash=False)
    timestamp: float


EventHandler = Callable[[ConnectionEvent], Any]
"""Takes a connection event; may be a coroutine function."""

NotificationHandler = Callable[[NotificationEvent], Any]
"""Takes a notification; may be a coroutine function."""


@attrs.frozen
class Progress:
    """How far the server is with a call (MCP 2025-11-25, utilities/progress).

    Args:
        progress: grows with each report; in units of the server's choice.
        total: how much it will be in the end; None where the server does not know.
        message: what it does now, for people to read; None where it says nothing.
    """

    progress: float
    total: float | None = None
    message: str | None = None

    @classmethod
    def from_wire(cls, params: Mapping[str, Any]) -> Progress | None:
        """Read a report; None when it has no number, and without what is no number or text."""
        progress, total, message = map(params.get, ("progress", "total", "message"))
        if not _is_number(progress):
            return None
        return cls(
            progress,
            total if _is_number(total) else None,
            message if isinstance(message, str) else None,
        )


ProgressHandler = Callable[[float, float | None, str | None], Any]
"""Takes progress, total and message; may be a coroutine function."""


def _is_number(value: object) -> TypeGuard[float]:
    # Servers send NaN and Infinity, which are no JSON, and which nothing is known to exceed.
    return type(value) is int or (type(value) is float and math.isfinite(value))
