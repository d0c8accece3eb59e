"""Clients, statistics, health and receipts, as a notebook shows them."""

from __future__ import annotations

import subprocess
import sys

import attrs

from mcp_sync import Health, MCPClient
from mcp_sync.notebook.clients import client_html, receipt_html
from mcp_sync.states import ConnectionState
from mcp_sync.testing import WebSocketPeer
from mcp_sync.types.client_description import ClientDescription
from mcp_sync.types.session import ServerInfo
from mcp_sync.types.statistics import (
    CallStatistics,
    ConnectionStatistics,
    DialStatistics,
    LatencyStatistics,
    LossRecord,
    LossStatistics,
)
from scenes import FAST, nobody_listening
from shown import Shown

EVIL = "</code><script>alert(1)</script>"
NUMBERS = ConnectionStatistics(
    taken_at=1_700_000_000.0,
    state=ConnectionState.RECONNECTING,
    state_since=1_700_000_000.0,
    availability=0.995,
    dials=DialStatistics(made=3, failed=2, last_error=EVIL),
    losses=LossStatistics(count=1, recent=(LossRecord(at=1_700_000_000.0, cause=EVIL),)),
    calls=CallStatistics(sent=7, answered=5, pending=2, error_rate=0.25),
    latency=LatencyStatistics(samples=5, p50=0.0012, p90=0.002, p99=0.003, max=0.004),
)


def test_a_client_shows_where_it_stands_before_it_ever_connected() -> None:
    client = MCPClient("ws://user:s3cret@127.0.0.1:1/path?token=s3cret")
    page = Shown(client._repr_html_())
    assert "disconnected" in page.text
    assert "127.0.0.1:1" in page.text
    assert "s3cret" not in client._repr_html_()
    assert client.get_connection_state() == "disconnected"


def test_a_client_shows_how_many_calls_wait() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_attempts=0, **FAST)
        assert client.connect() is False
        receipt = client.request("tools/list", offline="queue")
        assert "queued 1" in Shown(client._repr_html_()).text
        assert "offline" in Shown(client._repr_html_()).text
        page = Shown(receipt._repr_html_())
        assert "is queued at position 1" in page.text
        client.close()
        assert "settled" in Shown(receipt._repr_html_()).text


def test_showing_a_client_asks_the_server_nothing() -> None:
    with WebSocketPeer(lambda connection: connection.receive()) as peer:
        client = MCPClient(peer.url)
        client._repr_html_()
        client.get_connection_stats()._repr_html_()
        assert peer.connections == 0
        client.close()


def test_whatever_a_server_says_of_itself_is_a_text() -> None:
    who = ClientDescription(
        name="me",
        version="1",
        dialect="mcp",
        server_url=f"ws://{EVIL}",
        protocol_version=EVIL,
        server=ServerInfo(name=EVIL, version=EVIL),
        capabilities={EVIL: {}},
    )
    assert Shown(client_html("MCPClient", who, NUMBERS)).text.count(EVIL) == 5


def test_statistics_show_what_was_measured() -> None:
    page = Shown(NUMBERS._repr_html_())
    for piece in (
        "reconnecting",
        "made 3, failed 2",
        "99.5%",
        "sent 7, answered 5",
        "in the last 5 minutes 25.0%",
        "p50 1.2 ms, p90 2.0 ms, p99 3.0 ms, max 4.0 ms",
        EVIL,
        "lost at",
    ):
        assert piece in page.text
    fresh = attrs.evolve(NUMBERS, latency=LatencyStatistics(), losses=LossStatistics())
    assert "latency" not in Shown(fresh._repr_html_()).text
    assert "lost at" not in Shown(fresh._repr_html_()).text


def test_health_shows_the_verdict_and_its_reasons() -> None:
    health = Health(
        status="degraded",
        reasons=("slow", EVIL),
        checked_at=1_700_000_000.0,
        state=ConnectionState.INITIALIZED,
        ping_round_trip=0.001,
    )
    page = Shown(health._repr_html_())
    for piece in ("degraded", "slow", EVIL, "1.0 ms", "initialized"):
        assert piece in page.text
    assert "request" not in page.text
    assert repr(health) == (
        "<Health degraded, initialized, ping 1.0 ms: 'slow; </code><script>alert(1)</script>'>"
    )
    fine = attrs.evolve(health, status="healthy", reasons=(), ping_round_trip=None)
    assert repr(fine) == "<Health healthy, initialized>"


def test_a_receipt_is_hostile_text_too() -> None:
    assert EVIL in Shown(receipt_html(EVIL, EVIL, 0.0, settled=False)).text


def test_the_html_is_loaded_by_the_first_value_that_is_shown() -> None:
    program = (
        "import sys, mcp_sync; client = mcp_sync.MCPClient(); repr(client)\n"
        "rooms = lambda: [name for name in sys.modules if name.startswith('mcp_sync.notebook')]\n"
        "before = rooms(); client._repr_html_(); print(len(before), len(rooms()) > 0)\n"
        "print({'html', 'tqdm', 'IPython'} & {*sys.modules})"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert run.stdout.split("\n")[:2] == ["0 True", "{'html'}"]
