"""What a server tells unasked, as values: its notifications, and how far it is with a call.

Apart from the connection's own events, since most programs never meet one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeGuard

import attrs

__all__ = ["NotificationEvent", "Progress"]


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


def _is_number(value: object) -> TypeGuard[float]:
    # Servers send NaN and Infinity, which are no JSON, and which nothing is known to exceed.
    return type(value) is int or (type(value) is float and math.isfinite(value))
