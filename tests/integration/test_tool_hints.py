"""Tools whose own hints are trusted, over lost links (DESIGN section 5)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from mcp_sync import MCPClient, MCPConnectionLost
from peers_mcp import PATIENCE, Line, Switchboard
from scenes import PINNED

CALL = {"name": "look", "arguments": {}}
SAFE = {"readOnlyHint": True}


def with_tools(hints: dict[str, Any]) -> Callable[[Line], None]:
    """A handshake of a server that has a tool with these hints, and is asked for them."""

    def shake(line: Line) -> None:
        begin = json.loads(line.connection.read_text())
        version = begin["params"]["protocolVersion"]
        info = {"name": "peer", "version": "1"}
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        line.answer(begin, result)
        assert "id" not in json.loads(line.connection.read_text())
        listing = json.loads(line.connection.read_text())
        assert listing["method"] == "tools/list"
        line.answer(listing, {"tools": [{"name": "look", "annotations": hints}]})

    return shake


def test_a_tool_that_both_servers_call_safe_is_called_again_after_a_lost_link() -> None:
    with (
        Switchboard(with_tools(SAFE)) as server,
        MCPClient(server.url, trust_tool_hints=True, **PINNED) as client,
    ):
        call = client.submit("tools/call", CALL)
        first = server.line()
        first.request("tools/call")
        first.reset()
        second = server.line()
        second.answer(second.request("tools/call"), {"content": []})
        assert call.result(PATIENCE) == {"content": []}
        assert call.replays == 1


def test_a_tool_that_the_new_server_does_not_call_safe_is_not_called_again() -> None:
    with (
        Switchboard(with_tools(SAFE), with_tools({})) as server,
        MCPClient(server.url, trust_tool_hints=True, **PINNED) as client,
    ):
        call = client.submit("tools/call", CALL)
        first = server.line()
        first.request("tools/call")
        first.reset()
        with pytest.raises(MCPConnectionLost, match="no longer says") as lost:
            call.result(PATIENCE)
        assert lost.value.maybe_executed
        second = server.line()
        pinged = client.submit("ping")
        second.answer(second.request("ping"))
        pinged.result(PATIENCE)


@pytest.mark.parametrize(
    ("hints", "given"), [({}, None), (SAFE, False)], ids=["no hint", "forbidden by the caller"]
)
def test_a_tool_without_a_trusted_hint_fails_at_once(
    hints: dict[str, Any], given: bool | None
) -> None:
    with (
        Switchboard(with_tools(hints)) as server,
        MCPClient(server.url, trust_tool_hints=True, **PINNED) as client,
    ):
        call = client.submit("tools/call", CALL, idempotent=given)
        first = server.line()
        first.request("tools/call")
        first.reset()
        with pytest.raises(MCPConnectionLost) as lost:
            call.result(PATIENCE)
        assert lost.value.maybe_executed
