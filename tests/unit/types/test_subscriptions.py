"""What a subscription tells."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.subscriptions import (
    MaybeMissed,
    PromptsChanged,
    ResourcesChanged,
    ResourceUpdated,
    ToolsChanged,
    read_event,
)

META = {"_meta": {"io.modelcontextprotocol/subscriptionId": "listen-1"}}


@pytest.mark.parametrize(
    ("method", "params", "event"),
    [
        ("notifications/tools/list_changed", None, ToolsChanged()),
        ("notifications/tools/list_changed", META, ToolsChanged()),
        ("notifications/prompts/list_changed", {}, PromptsChanged()),
        ("notifications/resources/list_changed", META, ResourcesChanged()),
        ("notifications/resources/updated", {**META, "uri": "a:b"}, ResourceUpdated("a:b")),
        ("notifications/message", {"level": "info", "data": 1}, None),
        ("notifications/tools", None, None),
    ],
)
def test_a_notification_of_a_change_is_its_event(method: str, params: Any, event: Any) -> None:
    assert read_event(method, params) == event


@pytest.mark.parametrize("params", [None, [], {}, {"uri": None}, {"uri": 7}])
def test_an_update_of_no_resource_is_refused(params: Any) -> None:
    with pytest.raises(MCPProtocolError, match="notifications/resources/updated: params"):
        read_event("notifications/resources/updated", params)


def test_events_are_frozen_values_that_differ_by_their_class() -> None:
    events = {ToolsChanged(), PromptsChanged(), ResourcesChanged(), MaybeMissed("reconnected")}
    assert len(events) == 4
    assert ToolsChanged() in events
    assert ResourceUpdated("a:b") != ResourceUpdated("a:c")
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        ResourceUpdated("a:b").uri = "a:c"  # type: ignore[misc]
