"""What a client announces: the connection events and the server's notifications, as values.

This room knows neither who announces them nor who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

import attrs

from .states import ConnectionState

__all__ = [
    "EVENT_NAMES",
    "ConnectionEvent",
    "EventHandler",
    "EventName",
    "NotificationEvent",
    "NotificationHandler",
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
