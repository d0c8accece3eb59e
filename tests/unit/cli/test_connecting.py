from __future__ import annotations

from argparse import Namespace

import pytest

from mcp_sync import BaseClient, ClientConfig, CompareblocksClient, MCPClient
from mcp_sync.cli.connecting import connected, make_client
from mcp_sync.embedded import EmbeddedServer


def config(
    kind: type[BaseClient] = CompareblocksClient,
    url: str | None = None,
    timeout: float | None = None,
) -> ClientConfig:
    client = make_client(kind, Namespace(url=url, timeout=timeout))
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
    with connected(MCPClient, Namespace(url=url, timeout=None)) as (client, deadline):
        clients.append(client)
        assert client.is_initialized()
        assert 20 < (deadline.remaining() or 0) <= 30
        raise ZeroDivisionError


def test_a_connected_client_is_closed_whatever_happens(server: EmbeddedServer) -> None:
    clients: list[MCPClient] = []
    with pytest.raises(ZeroDivisionError):
        fail_while_connected(server.url, clients)
    assert not clients[0].is_connected()
