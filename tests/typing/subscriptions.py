"""Listening to what changes at a server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, assert_never, assert_type

from mcp_sync import (
    EventSubscription,
    MaybeMissed,
    MCPClient,
    PromptsChanged,
    ResourcesChanged,
    ResourceUpdated,
    SubscriptionEvent,
    ToolsChanged,
)


def listen(client: MCPClient) -> None:
    with client.listen(tools=True, uris=["file:///notes.txt"]) as changes:
        assert_type(changes, EventSubscription)
        assert_type(changes.honored, Mapping[str, Any])
        assert_type(changes.get(timeout=1), SubscriptionEvent)
        for event in changes:
            tell(event)
    client.subscribe_resource("file:///notes.txt").close()


def tell(event: SubscriptionEvent) -> str:
    match event:
        case ToolsChanged() | PromptsChanged() | ResourcesChanged():
            return "a list changed"
        case ResourceUpdated(uri=uri):
            return assert_type(uri, str)
        case MaybeMissed():
            return assert_type(event.since, str)
        case _:
            assert_never(event)
