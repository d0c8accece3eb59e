from __future__ import annotations

import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from mcp_sync import BaseClient, ClientConfig, CompareblocksClient, MCPClient
from mcp_sync.cli.connecting import connected, make_client
from mcp_sync.cli.exits import BadInput
from mcp_sync.embedded import EmbeddedServer

NOTHING = {
    **dict.fromkeys(("url", "stdio", "config", "server", "protocol_version", "timeout")),
    "env": [],
}


def config(kind: type[BaseClient] = CompareblocksClient, **options: Any) -> ClientConfig:
    client = make_client(kind, Namespace(**NOTHING | options))
    client.close()
    return client.config


def test_a_client_keeps_its_own_defaults_and_gives_up_soon() -> None:
    found = config()
    assert found.server_url == "ws://localhost:8765"
    assert (found.request_timeout, found.heartbeat_timeout) == (180, 120)
    assert (found.reconnect_attempts, found.connect_timeout) == (1, 4)
    assert config(MCPClient).request_timeout == 30


def test_a_timeout_bounds_requests_and_lets_a_busy_server_take_as_long_to_connect() -> None:
    found = config(timeout=60)
    assert (found.request_timeout, found.connect_timeout) == (60, 60)


def test_a_variable_wins_over_a_default_even_where_it_says_another_default(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MCP_SYNC_RECONNECT_ATTEMPTS", "5")
    monkeypatch.setenv("MCP_SYNC_REQUEST_TIMEOUT", "30")
    found = config()
    assert (found.reconnect_attempts, found.request_timeout) == (5, 30)


def test_an_option_wins_over_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_SYNC_SERVER_URL", "ws://127.0.0.1:1")
    monkeypatch.setenv("MCP_SYNC_REQUEST_TIMEOUT", "30")
    found = config(url="ws://127.0.0.1:2", timeout=7)
    assert (found.server_url, found.request_timeout) == ("ws://127.0.0.1:2", 7)


def fail_while_connected(url: str, clients: list[MCPClient]) -> None:
    with connected(MCPClient, Namespace(**NOTHING | {"url": url})) as (client, deadline):
        clients.append(client)
        assert client.is_initialized()
        assert 20 < (deadline.remaining() or 0) <= 30
        raise ZeroDivisionError


def test_a_connected_client_is_closed_whatever_happens(server: EmbeddedServer) -> None:
    clients: list[MCPClient] = []
    with pytest.raises(ZeroDivisionError):
        fail_while_connected(server.url, clients)
    assert not clients[0].is_connected()


def test_a_command_is_taken_apart_as_a_shell_would(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_SYNC_SERVER_URL", "ws://127.0.0.1:1")
    found = config(MCPClient, stdio="python 'my server.py' --root=/srv")
    assert found.stdio == ("python", "my server.py", "--root=/srv")


def test_a_url_wins_over_a_command_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_SYNC_STDIO", "some command")
    assert config(MCPClient).stdio == ("some", "command")
    assert config(MCPClient, url="ws://127.0.0.1:2").stdio is None


@pytest.fixture
def servers(tmp_path: Path) -> str:
    servers = {
        "far": {"url": "wss://example.org/mcp"},
        "guarded": {"url": "wss://example.org/mcp", "headers": {"X-A": "2"}},
        "near": {"command": "uvx", "args": ["weather"], "env": {"TOKEN": "1"}},
    }
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": servers}))
    return str(file)


def test_a_file_tells_all_of_a_server_and_headers_for_another_do_not_reach_it(
    servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_SYNC_HEADERS", '{"Authorization": "Bearer secret"}')
    monkeypatch.setenv("MCP_SYNC_STDIO", "some command")
    far = config(MCPClient, config=servers, server="far")
    assert (far.server_url, far.stdio, far.headers) == ("wss://example.org/mcp", None, {})
    assert config(MCPClient, config=servers, server="guarded").headers == {"X-A": "2"}
    near = config(MCPClient, config=servers, server="near")
    assert (near.stdio, near.env) == (("uvx", "weather"), {"TOKEN": "1"})


def test_a_compareblocks_server_is_one_of_a_file_that_has_an_address(servers: str) -> None:
    found = config(config=servers, server="guarded")
    assert (found.server_url, found.headers) == ("wss://example.org/mcp", {"X-A": "2"})


@pytest.mark.parametrize("started", [{"server": "near"}, {"stdio": "some command"}])
def test_a_compareblocks_server_is_never_started(servers: str, started: dict[str, str]) -> None:
    file = {"config": servers} if "server" in started else {}
    with pytest.raises(BadInput, match="a compareblocks server listens at an address"):
        config(**file, **started)


def test_a_variable_is_added_to_those_of_the_file(
    servers: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REGION", "north sea")
    near = config(MCPClient, config=servers, server="near", env=["REGION"])
    assert near.env == {"TOKEN": "1", "REGION": "north sea"}


def test_headers_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_SYNC_HEADERS", '{"Authorization": "Bearer secret"}')
    found = config(MCPClient, url="wss://example.org")
    assert found.headers == {"Authorization": "Bearer secret"}


def test_a_revision_can_be_pinned() -> None:
    assert config(MCPClient, protocol_version="2025-06-18").protocol_version == "2025-06-18"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"stdio": "python 'server.py"}, "--stdio cannot be taken apart: no closing quotation"),
        ({"config": "mcp.json"}, "--config needs --server NAME"),
        ({"server": "weather"}, "--server needs --config FILE"),
        ({"url": "ws://h", "server": "weather"}, "--server needs --config FILE"),
        ({"stdio": "cmd", "env": ["NONE_SUCH"]}, "--env NONE_SUCH: there is no such variable"),
        ({"stdio": "cmd", "env": ["TOKEN=secret"]}, "--env takes the name of a variable alone"),
        ({"url": "ws://h", "env": ["PATH"]}, "--env is for a server that is started"),
    ],
)
def test_what_does_not_name_a_server_is_bad_input(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        config(MCPClient, **options)
    assert str(caught.value).startswith(sentence)
    assert "secret" not in f"{caught.value} {caught.value.hint}"
