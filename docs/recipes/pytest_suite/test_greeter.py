"""A suite that tries its application against a real server, and a bad link."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from greeter import greet

from mcp_sync import MCPClient
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.testing import FaultProxy


@pytest.fixture
def mcp_server_settings(tmp_path: Path) -> Mapping[str, Any]:
    """The server is slow, so that a link can be cut before it answers."""
    return {"working_directory": tmp_path, "processing_delay": 0.3}


def test_a_greeting_is_delivered_once(mcp_client: MCPClient, mcp_server: EmbeddedServer) -> None:
    """The ledger tells what the server executed."""
    assert greet(mcp_client, "Ada") == "Hello Ada"
    assert [entry.key for entry in mcp_server.ledger] == ["Ada"]


def test_a_cut_link_is_reported_not_guessed(
    mcp_server: EmbeddedServer, fault_proxy: FaultProxy
) -> None:
    """The request had been sent, and the answer was lost."""

    def cut() -> None:
        fault_proxy.wait_until(lambda proxy: proxy.bytes_to_server > before)
        fault_proxy.cut()

    with MCPClient(fault_proxy.url(), reconnect_delay=0.05) as client:
        before = fault_proxy.bytes_to_server
        cutter = threading.Thread(target=cut)
        cutter.start()
        assert greet(client, "Ada") == "perhaps"
        cutter.join()
    assert len(mcp_server.ledger) <= 1
