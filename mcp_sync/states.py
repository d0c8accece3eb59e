"""The states of a connection as one table; the machine has no other rule.

A trigger that the table does not list for a state is illegal: it changes nothing and raises.
This room does not know what the states are good for.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

__all__ = ["TRANSITIONS", "ConnectionState", "IllegalTransition", "Trigger", "next_state"]


class ConnectionState(enum.StrEnum):
    """Where a connection stands; each member compares equal to its lower-case name."""

    DISCONNECTED = "disconnected"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    INITIALIZED = "initialized"
    RECONNECTING = "reconnecting"
    FAILED = "failed"
    OFFLINE = "offline"


class Trigger(enum.Enum):
    """What can happen to a connection."""

    OPEN = "open"
    DIALED = "dialed"
    READY = "ready"
    FAIL = "fail"
    RETRY = "retry"
    LOST = "lost"
    GIVE_UP = "give_up"
    CLOSE = "close"


class IllegalTransition(RuntimeError):
    """A trigger that the table does not allow in a state: a fault inside the package."""


_S = ConnectionState
_T = Trigger

TRANSITIONS: Final[Mapping[ConnectionState, Mapping[Trigger, ConnectionState]]] = MappingProxyType(
    {
        _S.DISCONNECTED: MappingProxyType(
            {_T.OPEN: _S.CONNECTING, _T.CLOSE: _S.DISCONNECTED},
        ),
        _S.CONNECTING: MappingProxyType(
            {_T.DIALED: _S.CONNECTED, _T.FAIL: _S.FAILED, _T.CLOSE: _S.DISCONNECTED},
        ),
        _S.CONNECTED: MappingProxyType(
            {
                _T.READY: _S.INITIALIZED,
                _T.FAIL: _S.FAILED,
                _T.LOST: _S.RECONNECTING,
                _T.CLOSE: _S.DISCONNECTED,
            },
        ),
        _S.INITIALIZED: MappingProxyType(
            {_T.LOST: _S.RECONNECTING, _T.CLOSE: _S.DISCONNECTED},
        ),
        _S.RECONNECTING: MappingProxyType(
            {_T.DIALED: _S.CONNECTED, _T.FAIL: _S.FAILED, _T.CLOSE: _S.DISCONNECTED},
        ),
        _S.FAILED: MappingProxyType(
            {
                _T.OPEN: _S.CONNECTING,
                _T.RETRY: _S.RECONNECTING,
                _T.GIVE_UP: _S.OFFLINE,
                _T.CLOSE: _S.DISCONNECTED,
            },
        ),
        _S.OFFLINE: MappingProxyType(
            {
                _T.OPEN: _S.CONNECTING,
                _T.DIALED: _S.CONNECTED,
                _T.FAIL: _S.FAILED,
                _T.CLOSE: _S.DISCONNECTED,
            },
        ),
    }
)
"""Where each trigger leads from each state; a trigger that is not listed is illegal there."""


def next_state(state: ConnectionState, trigger: Trigger) -> ConnectionState:
    """Look up where a trigger leads.

    Args:
        state: the state the connection is in.
        trigger: what happened.

    Returns:
        The state it is in afterwards.

    Raises:
        IllegalTransition: the table does not allow this trigger in this state.
    """
    try:
        return TRANSITIONS[state][trigger]
    except KeyError:
        raise IllegalTransition(f"{trigger.name} is not legal in {state.name}") from None
