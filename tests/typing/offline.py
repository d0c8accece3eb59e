"""What a call gives when the server may be away, by its ``offline=``."""

from __future__ import annotations

from typing import Any, assert_type

from mcp_sync import Call, CallToolResult, MCPClient, OfflineResponse


def call_tool(client: MCPClient) -> CallToolResult:
    assert_type(client.call_tool("echo", offline="wait"), CallToolResult)
    assert_type(client.call_tool("echo", offline="raise"), CallToolResult)
    either = client.call_tool("echo", offline="queue")
    assert_type(either, CallToolResult | OfflineResponse[CallToolResult])
    if isinstance(either, OfflineResponse):
        assert_type(either, OfflineResponse[CallToolResult])
        assert_type(either.call, Call)
        assert_type(either.position, int)
        assert_type(either.queued_at, float)
        assert_type(either.status, str)
        return either.result(timeout=5)
    assert_type(either, CallToolResult)
    return either


def request(client: MCPClient) -> None:
    assert_type(client.request("tools/list", offline="wait"), dict[str, Any])
    assert_type(client.request("tools/list", offline="raise"), dict[str, Any])
    either = client.request("tools/list", offline="queue")
    assert_type(either, dict[str, Any] | OfflineResponse[dict[str, Any]])
