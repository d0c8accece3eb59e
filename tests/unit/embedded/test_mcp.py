from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import websocket

from data.stage import WAIT, connect, first, request
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.mcp import is_mcp_version

HELLO = request("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}}, "hello")


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[websocket.WebSocket]:
    """A client that did the MCP handshake."""
    with connect(server) as client:
        client.send(HELLO)
        first(client)
        client.send('{"jsonrpc": "2.0", "method": "notifications/initialized"}')
        yield client


def ask(client: websocket.WebSocket, method: str, params: Any = None, request_id: Any = "1") -> Any:
    """The whole answer to one request."""
    client.send(request(method, params, request_id))
    return json.loads(first(client))


@pytest.mark.parametrize(
    ("version", "expected"),
    [("2025-11-25", True), ("1900-01-01", True), ("1.0.0", False), (None, False), (2025, False)],
)
def test_the_versions_of_mcp_are_dates(version: Any, expected: bool) -> None:
    assert is_mcp_version(version) is expected


def test_a_dated_initialize_makes_an_mcp_connection(server: EmbeddedServer) -> None:
    with connect(server) as client:
        assert ask(client, "tools/list")["error"]["code"] == -32600
        client.send(HELLO)
        answer = json.loads(first(client))
        assert answer["id"] == "hello"
        assert answer["result"]["protocolVersion"] == "2025-11-25"
        assert answer["result"]["capabilities"] == {"tools": {}}
        assert answer["result"]["serverInfo"].keys() == {"name", "version"}
        assert ask(client, "get_status")["error"]["code"] == -32601


def test_initialize_may_be_repeated_on_an_mcp_connection(client: websocket.WebSocket) -> None:
    client.send(HELLO)
    assert json.loads(first(client))["result"]["protocolVersion"] == "2025-11-25"


def test_other_connections_stay_what_they_are(
    server: EmbeddedServer, client: websocket.WebSocket
) -> None:
    with connect(server) as other:
        assert "total_sessions" in ask(other, "get_status")["result"]
    assert ask(client, "ping")["result"] == {}


def test_notifications_and_responses_are_not_answered(client: websocket.WebSocket) -> None:
    client.send('{"jsonrpc": "2.0", "method": "notifications/unheard-of", "params": [1]}')
    client.send('{"jsonrpc": "2.0", "id": 1, "result": {}}')
    client.send('{"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": "x"}}')
    assert ask(client, "ping", {}, 7) == {"jsonrpc": "2.0", "id": 7, "result": {}}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", -32700),
        ("[" * 100_000, -32700),
        ("[]", -32600),
        ("5", -32600),
        ('{"id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": 1}', -32600),
        ('{"jsonrpc": "2.0", "id": 1, "method": 5}', -32600),
        ('{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        ('{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
    ],
)
def test_what_is_no_message_is_answered_with_an_error_without_id(
    client: websocket.WebSocket, text: str, code: int
) -> None:
    client.send(text)
    answer = json.loads(first(client))
    assert (answer["id"], answer["error"]["code"]) == (None, code)


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("resources/list", {}, -32601),
        ("ping", [1], -32602),
        ("initialize", {"protocolVersion": "1.0.0"}, -32602),
        ("tools/call", {"name": "nope"}, -32602),
        ("tools/call", {}, -32602),
    ],
)
def test_a_request_that_cannot_be_done_is_refused_by_code(
    server: EmbeddedServer, client: websocket.WebSocket, method: str, params: Any, code: int
) -> None:
    answer = ask(client, method, params, 3)
    assert (answer["id"], answer["error"]["code"]) == (3, code)
    assert server.ledger == []


def test_the_one_tool_is_listed_with_its_schema(client: websocket.WebSocket) -> None:
    (tool,) = ask(client, "tools/list")["result"]["tools"]
    assert tool["name"] == "echo"
    assert tool["inputSchema"]["required"] == ["text"]


def test_echo_returns_its_text_and_is_recorded(
    server: EmbeddedServer, client: websocket.WebSocket
) -> None:
    params = {"name": "echo", "arguments": {"text": "Grüße", "key": "k1"}}
    assert ask(client, "tools/call", params)["result"] == {
        "content": [{"type": "text", "text": "Grüße"}],
        "isError": False,
    }
    assert [(entry.method, entry.key) for entry in server.ledger] == [("tools/call", "k1")]
    assert len(ask(client, "embedded/ledger")["result"]["entries"]) == 1


@pytest.mark.parametrize("arguments", [{}, {"text": 5}, [1], None])
def test_echo_with_bad_arguments_is_an_error_of_the_tool(
    server: EmbeddedServer, client: websocket.WebSocket, arguments: Any
) -> None:
    result = ask(client, "tools/call", {"name": "echo", "arguments": arguments})["result"]
    assert result["isError"] is True
    assert result["content"][0]["type"] == "text"
    assert [entry.key for entry in server.ledger] == [None]


def test_a_call_that_fails_inside_is_answered_and_logged(
    workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = workspace / "ledger"
    with EmbeddedServer(ledger_path=ledger) as server, connect(server) as client:
        ledger.unlink()
        ledger.mkdir()
        client.send(HELLO)
        first(client)
        answer = ask(client, "tools/call", {"name": "echo", "arguments": {"text": "t"}})
        assert answer["error"]["code"] == -32603
    assert "tools/call failed" in caplog.text


def test_while_a_call_runs_other_requests_are_answered() -> None:
    with EmbeddedServer() as server, connect(server) as client, server.hold():
        client.send(HELLO)
        first(client)
        client.send(request("tools/call", {"name": "echo", "arguments": {"text": "t"}}, "slow"))
        assert ask(client, "ping", {}, "quick")["id"] == "quick"


def test_a_call_that_is_cancelled_before_its_turn_is_never_executed() -> None:
    with EmbeddedServer() as server, connect(server) as client:
        client.send(HELLO)
        first(client)
        with server.hold():
            for request_id in ("first", "second", "third"):
                params = {"name": "echo", "arguments": {"text": request_id, "key": request_id}}
                client.send(request("tools/call", params, request_id))
            for cancelled in ("second", None, "unknown", "initialize"):
                params = {"requestId": cancelled}
                message = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": params}
                client.send(json.dumps(message))
            # All of that has arrived when this is answered.
            assert ask(client, "ping", {}, "last")["id"] == "last"
        assert [json.loads(first(client))["id"] for _ in range(2)] == ["first", "third"]
        assert [entry.key for entry in server.ledger] == ["first", "third"]


def test_a_call_whose_client_is_gone_is_executed_all_the_same() -> None:
    with EmbeddedServer() as server:
        with server.hold():
            with connect(server) as client:
                client.send(HELLO)
                client.send(request("tools/call", {"name": "echo", "arguments": {"text": "t"}}))
                client.send(request("ping", None, "last"))
                while json.loads(first(client))["id"] != "last":
                    pass
            assert server.wait_for_connections(0, WAIT)
        with connect(server) as other:
            other.send(HELLO)
            first(other)
            ask(other, "tools/call", {"name": "echo", "arguments": {"text": "t", "key": "other"}})
        assert [entry.key for entry in server.ledger] == [None, "other"]
