from __future__ import annotations

import json

import pytest

from mcp_sync.embedded import EmbeddedServer
from mcp_sync.testing import WebSocketConnection, WebSocketPeer

from .conftest import Run


@pytest.mark.parametrize(
    ("more", "protocol"), [((), "2025-11-25"), (("--compareblocks",), "1.0.0")]
)
def test_a_server_that_answers_is_healthy(
    run: Run, server: EmbeddedServer, more: tuple[str, ...], protocol: str
) -> None:
    done = run("health", "--url", server.url, *more)
    assert (done.code, done.err) == (0, "")
    told = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert told["health"] == "healthy"
    assert told["url"] == server.url
    assert told["server"].startswith("mcp-sync-embedded ")
    assert told["server"].endswith(f", protocol {protocol}")
    assert told["ping"].endswith(" ms")
    assert told["request"].endswith(" ms")


def test_health_as_json(run: Run, server: EmbeddedServer) -> None:
    done = run("health", "--url", server.url, "--json")
    found = json.loads(done.out)
    assert done.code == 0
    assert found["status"] == "healthy"
    assert found["request_round_trip"] > 0
    assert found["client"]["server"]["name"] == "mcp-sync-embedded"


def test_an_absent_server_is_offline_and_the_health_is_printed_all_the_same(
    run: Run, dead_url: str
) -> None:
    done = run("health", "--url", dead_url, "--json")
    assert done.code == 3
    assert json.loads(done.out)["status"] == "offline"
    assert done.err.startswith("mcp-sync: no connection to")


def greet(connection: WebSocketConnection) -> None:
    """Do the handshake, and answer nothing more, pings included."""
    request = json.loads(connection.read_text())
    result = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "serverInfo": {"name": "mute", "version": "1"},
    }
    connection.send_text(json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": result}))
    connection.hold()


def test_a_server_that_stops_answering_is_unhealthy(run: Run) -> None:
    with WebSocketPeer(greet) as peer:
        pinned = ("--protocol-version", "2025-11-25")
        done = run("health", "--url", peer.url, "--timeout", "1.5", *pinned)
    assert (done.code, done.err) == (4, "")
    told = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert told["health"] == "unhealthy"
    assert "no pong within 1.5 s" in told["because"]


def test_a_server_that_does_no_handshake_cannot_be_reached(run: Run) -> None:
    with WebSocketPeer(lambda connection: connection.hold()) as peer:
        done = run("health", "--url", peer.url, "--timeout", "0.3")
    assert done.code == 3
    assert done.out.startswith("health   unhealthy\nbecause  no ready link")
    assert done.err.endswith("hint: --timeout gives it more time\n")
