"""The client of standard MCP servers, also on a compareblocks server."""

from __future__ import annotations

import gc
import weakref

import pytest

from mcp_sync import MCPClient
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.errors import MCPResponseError
from peers_mcp import NEWEST, PATIENCE, Switchboard
from scenes import FAST


def test_it_initializes_and_calls_a_tool_of_the_embedded_server() -> None:
    with EmbeddedServer() as server, MCPClient(server.url, **FAST) as client:
        result = client.initialize()
        assert result.protocol_version == NEWEST
        assert result.capabilities == {"tools": {}}
        assert client.get_client_info().dialect == "mcp"
        assert [tool["name"] for tool in client.request("tools/list")["tools"]] == ["echo"]
        answer = client.request("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
        assert answer["content"] == [{"type": "text", "text": "hello"}]


def test_the_servers_errors_keep_their_code_and_message() -> None:
    with EmbeddedServer() as server, MCPClient(server.url, **FAST) as client:
        with pytest.raises(MCPResponseError, match="Method not found: no/such") as caught:
            client.request("no/such", timeout=PATIENCE)
        assert (caught.value.code, caught.value.method) == (-32601, "no/such")


def test_on_a_compareblocks_server_it_initializes_and_generic_requests_work() -> None:
    with EmbeddedServer(mcp=False) as server, MCPClient(server.url, **FAST) as client:
        result = client.initialize()
        assert result.protocol_version == "1.0.0"
        assert client.get_client_info().dialect == "compareblocks"
        assert client.request("get_status")["system_status"] == "operational"
        assert client.health_check(PATIENCE).status == "healthy"


def test_after_a_reconnect_to_a_compareblocks_server_it_is_as_before() -> None:
    def old(line: object) -> None:
        line.shake_hands("1.0.0")  # type: ignore[attr-defined]

    with Switchboard(old) as board, MCPClient(board.url, **FAST) as client:
        board.line().reset()
        line = board.line()
        call = client.submit("get_status")
        request = line.request("get_status")
        assert isinstance(request["id"], str)
        line.answer(request)
        assert call.result(PATIENCE) == {}
        assert client.is_initialized()


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"])
def test_it_speaks_every_version_of_the_handshake_era(version: str) -> None:
    def answer_with(line: object) -> None:
        line.shake_hands(version)  # type: ignore[attr-defined]

    with Switchboard(answer_with) as board, MCPClient(board.url, **FAST) as client:
        info = client.get_client_info()
        assert (info.protocol_version, info.dialect) == (version, "mcp")
        line = board.line()
        if version != NEWEST:
            line.request("notifications/initialized")
        assert line.is_quiet()


def test_a_client_whose_last_call_failed_is_freed_without_the_collector() -> None:
    with EmbeddedServer(port=0) as server:
        client = MCPClient(server.url)
        with client, pytest.raises(MCPResponseError):
            client.request("no/such/method")
        forgotten = weakref.ref(client)
        gc.disable()
        try:
            del client
            assert forgotten() is None
        finally:
            gc.enable()
