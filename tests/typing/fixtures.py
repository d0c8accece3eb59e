"""A test module that uses the fixtures, a fault proxy and a server in a process of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

import pytest

from mcp_sync import MCPClient, MCPConnectionLost
from mcp_sync.embedded import EmbeddedServer, ServerProcess
from mcp_sync.testing import FaultProxy, WebSocketPeer

pytest_plugins = ["mcp_sync.testing.fixtures"]


@pytest.fixture
def mcp_server_settings(tmp_path: Path) -> Mapping[str, Any]:
    return {"working_directory": tmp_path, "processing_delay": 0.3}


def test_a_lost_link(mcp_server: EmbeddedServer, fault_proxy: FaultProxy) -> None:
    with MCPClient(fault_proxy.url(), reconnect_delay=0.05) as client:
        call = client.submit_tool("echo", {"text": "hello"})
        fault_proxy.wait_until(lambda proxy: proxy.bytes_to_server > 0)
        fault_proxy.cut("rst")
        with pytest.raises(MCPConnectionLost) as caught:
            call.result(timeout=10)
    assert_type(caught.value, MCPConnectionLost)
    assert_type([entry.key for entry in mcp_server.ledger], list[Any])


def test_a_killed_server(mcp_client: MCPClient) -> None:
    with ServerProcess() as server:
        assert_type(server.url, str)
        server.kill()
        server.restart()
    assert_type(mcp_client.call_tool("echo").text, str)


def test_a_rude_peer() -> None:
    with WebSocketPeer(lambda connection: connection.send_text("{")) as peer:
        assert_type(peer.url, str)
