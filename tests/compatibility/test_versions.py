"""Every version of the protocol that both sides can speak, and none that only one can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compatibility.case import PATIENCE
from compatibility.peers import PEERS, Peer, Running
from mcp_sync import MCPClient, MCPConnectionRejected

HANDSHAKES = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25")
MODERN = "2026-07-28"

BY_ID = {peer.id: peer for peer in PEERS}
FIRST = BY_ID["mcp1-websocket"]
SECOND = BY_ID["mcp2-websocket-modern"]


@pytest.fixture(scope="module")
def running(
    peer: Peer, installed: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    server = peer.run(installed, tmp_path_factory.mktemp(peer.id))
    yield server
    server.close()


def client_of(server: Running, version: str) -> MCPClient:
    return MCPClient(
        **server.settings,
        protocol_version=version,
        connect_timeout=PATIENCE,
        request_timeout=PATIENCE,
    )


@pytest.mark.parametrize(
    ("peer", "version"),
    [
        *((FIRST, version) for version in HANDSHAKES),
        *((SECOND, version) for version in (*HANDSHAKES, MODERN)),
    ],
    ids=lambda value: value if isinstance(value, str) else value.id,
    scope="module",
)
def test_a_pinned_version_is_the_one_that_is_spoken(
    peer: Peer, version: str, running: Running
) -> None:
    with client_of(running, version) as client:
        assert client.initialize().protocol_version == version
        assert client.call_tool("echo", {"text": version}).text == version
        client.reconnect()
        assert client.wait_until_ready(PATIENCE)
        assert client.initialize().protocol_version == version
        assert client.call_tool("echo", {"text": version}).text == version


@pytest.mark.parametrize("peer", [FIRST], ids=lambda peer: peer.id, scope="module")
def test_a_server_that_does_not_know_the_pinned_version_is_refused(
    peer: Peer, running: Running
) -> None:
    client = client_of(running, MODERN)
    with pytest.raises(MCPConnectionRejected), client:
        pytest.fail("there is no version in common")
    client.close()


@pytest.mark.parametrize("peer", [FIRST, SECOND], ids=lambda peer: peer.id, scope="module")
def test_what_was_found_out_of_a_server_is_kept_for_the_next_link(
    peer: Peer, running: Running
) -> None:
    with client_of(running, "auto") as client:
        for _ in range(3):
            assert client.initialize().protocol_version == peer.speaks
            client.reconnect()
            assert client.wait_until_ready(PATIENCE)
