"""What a client announces: the connection events as values, and the handlers of all it tells.

This room knows neither who announces them nor who listens.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from .states import ConnectionState
from .values import field, frozen

if TYPE_CHECKING:
    from .types.notifications import NotificationEvent

__all__ = [
    "EVENT_NAMES",
    "ConnectionEvent",
    "EventHandler",
    "EventName",
    "NotificationHandler",
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


@frozen(kw_only=True)
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
    context: Mapping[str, Any] = field(factory=dict, hash=False)


EventHandler = Callable[[ConnectionEvent], Any]
"""Takes a connection event; may be a coroutine function."""

NotificationHandler = Callable[["NotificationEvent"], Any]
"""Takes a notification; may be a coroutine function."""


ProgressHandler = Callable[[float, float | None, str | None], Any]
"""Takes progress, total and message; may be a coroutine function."""
