"""Every version of the protocol that both sides can speak, and none that only one can."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from compatibility.case import PATIENCE
from compatibility.peers import PEERS, Peer, Running
from mcp_sync import MCPClient, MCPConnectionRejected

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25", "2026-07-28")

BY_ID = {peer.id: peer for peer in PEERS}
SERVERS = (BY_ID["mcp1-websocket"], BY_ID["mcp2-websocket-modern"])


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


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("peer", SERVERS, ids=lambda peer: peer.id, scope="module")
def test_a_pinned_version_is_spoken_on_every_link_or_refused(
    peer: Peer, version: str, running: Running
) -> None:
    client = client_of(running, version)
    if VERSIONS.index(version) > VERSIONS.index(peer.speaks):
        with pytest.raises(MCPConnectionRejected, match=version):
            client.connect()
            client.initialize()
        client.close()
        return
    with client:
        for _ in range(2):
            assert client.initialize().protocol_version == version
            assert client.call_tool("echo", {"text": version}).text == version
            client.reconnect()
            assert client.wait_until_ready(PATIENCE)


@pytest.mark.parametrize("peer", SERVERS, ids=lambda peer: peer.id, scope="module")
def test_the_newest_version_of_both_sides_is_found_out_on_every_link(
    peer: Peer, running: Running
) -> None:
    # Whatever the pinned clients of this process spoke with it before.
    for _ in range(2):
        with client_of(running, "auto") as client:
            for _ in range(2):
                assert client.initialize().protocol_version == peer.speaks
                client.reconnect()
                assert client.wait_until_ready(PATIENCE)
