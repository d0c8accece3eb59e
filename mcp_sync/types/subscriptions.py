"""What a subscription tells: that something at the server changed, or may have."""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs

from .wire import TEXT, missing, read_object

__all__ = [
    "MaybeMissed",
    "PromptsChanged",
    "ResourceUpdated",
    "ResourcesChanged",
    "SubscriptionEvent",
    "ToolsChanged",
    "read_event",
]


@attrs.frozen
class ToolsChanged:
    """The server has other tools than before (``notifications/tools/list_changed``)."""


@attrs.frozen
class PromptsChanged:
    """The server has other prompts than before (``notifications/prompts/list_changed``)."""


@attrs.frozen
class ResourcesChanged:
    """The server has other resources than before (``notifications/resources/list_changed``)."""


@attrs.frozen
class ResourceUpdated:
    """A resource holds something else than before (``notifications/resources/updated``).

    Args:
        uri: which; it may be below the URI that was subscribed to.
    """

    uri: str


@attrs.frozen
class MaybeMissed:
    """Changes may have gone unseen: read anew whatever depends on what is subscribed to.

    Nothing is replayed by a server (MCP 2026-07-28, subscriptions).

    Args:
        since: what happened since when changes may have gone unseen, as a short phrase.
    """

    since: str


SubscriptionEvent: TypeAlias = (
    ToolsChanged | PromptsChanged | ResourcesChanged | ResourceUpdated | MaybeMissed
)
"""Anything that a subscription tells."""

_CHANGES: Final[dict[str, SubscriptionEvent]] = {
    "notifications/tools/list_changed": ToolsChanged(),
    "notifications/prompts/list_changed": PromptsChanged(),
    "notifications/resources/list_changed": ResourcesChanged(),
}


def read_event(method: str, params: object = None) -> SubscriptionEvent | None:
    """Read a notification.

    Args:
        method: its method.
        params: its params; None where it has none.

    Returns:
        The event; None where the method tells of no change.

    Raises:
        MCPProtocolError: a resource was updated and its URI is missing or no string.
    """
    if method != "notifications/resources/updated":
        return _CHANGES.get(method)
    uri = read_object(params, f"{method}: params").get("uri")
    if uri is None:
        raise missing(f"{method}: params.uri", params)
    return ResourceUpdated(TEXT["read"](uri, f"{method}: params.uri"))
