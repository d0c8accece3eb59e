"""How a connection is seen from outside: statistics, health, and the events about its health."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_sync import CompareblocksClient, MCPClient
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.errors import MCPError
from mcp_sync.testing import FaultProxy
from peers_mcp import PATIENCE, Line, Switchboard, nothing
from scenes import FAST, HEALTH, PINNED, Diary, Inbox, in_threads, nobody_listening, until
from timing import MS


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    with MCPClient(board.url, **PINNED) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


def answering(line: Line, method: str) -> threading.Thread:
    thread = threading.Thread(target=lambda: line.answer(line.request(method)))
    thread.start()
    return thread


# Health


def test_a_server_that_answers_both_ping_and_request_is_healthy(
    client: MCPClient, line: Line
) -> None:
    thread = answering(line, "ping")
    health = client.health_check(PATIENCE)
    thread.join()
    assert (health.status, health.reasons) == ("healthy", ())
    assert health.state == "initialized"
    assert health.ping_round_trip is not None
    assert health.request_round_trip is not None
    assert json.dumps(health.as_dict())


def test_the_real_servers_are_healthy(tmp_path: Path) -> None:
    with EmbeddedServer(working_directory=tmp_path) as server:
        with MCPClient(server.url) as client:
            assert client.health_check(PATIENCE).status == "healthy"
        with CompareblocksClient(server.url) as other:
            health = other.health_check(PATIENCE)
            assert health.status == "healthy"
            assert health.request_round_trip is not None


def test_before_the_handshake_the_ping_alone_tells() -> None:
    with Switchboard(nothing) as board:
        client = CompareblocksClient(board.url, **FAST)
        client.connect()
        assert client.wait_until_ready(PATIENCE)
        health = client.health_check(PATIENCE)
        assert health.status == "healthy"
        assert health.request_round_trip is None
        assert board.line().is_quiet()
        client.close()


def test_a_server_that_answers_pings_alone_is_unhealthy(client: MCPClient, line: Line) -> None:
    health = client.health_check(1500 * MS)
    assert health.status == "unhealthy"
    assert any("the server did not answer" in reason for reason in health.reasons)
    assert health.ping_round_trip is not None


def test_a_server_that_refuses_the_request_is_unhealthy(client: MCPClient, line: Line) -> None:
    thread = threading.Thread(target=lambda: line.refuse(line.request("ping")))
    thread.start()
    health = client.health_check(PATIENCE)
    thread.join()
    assert health.status == "unhealthy"


def test_a_dead_server_is_never_called_healthy() -> None:
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), **FAST)
        client.connect()
        client.initialize()
        proxy.cut("blackhole")
        began, patience = time.monotonic(), 80 * MS
        health = client.health_check(patience)
        assert time.monotonic() - began < PATIENCE / 2
        assert health.status == "unhealthy"
        assert any(f"no pong within {patience:g} s" in reason for reason in health.reasons)
        client.close()


def test_no_ready_link_is_unhealthy_and_offline_is_offline() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, 0, **FAST)
        health = client.health_check(PATIENCE)
        assert (health.status, health.state) == ("unhealthy", "disconnected")
        client.connect()
        health = client.health_check(PATIENCE)
        assert health.status == "offline"
        assert "the attempts to connect are used up" in health.reasons
        client.close()


def test_a_recent_loss_is_degraded(client: MCPClient, board: Switchboard, line: Line) -> None:
    line.reset()
    again = board.line()
    assert client.wait_until_ready(PATIENCE)
    thread = answering(again, "ping")
    health = client.health_check(PATIENCE)
    thread.join()
    assert health.status == "degraded"
    assert any(re.search(r"connection was lost \d+ s ago", reason) for reason in health.reasons)


def test_many_failures_are_degraded(client: MCPClient, line: Line) -> None:
    for _ in range(20):
        call = client.submit("tools/call")
        line.refuse(line.request("tools/call"))
        assert isinstance(call.exception(PATIENCE), MCPError)
    thread = answering(line, "ping")
    health = client.health_check(PATIENCE)
    thread.join()
    assert health.status == "degraded"
    assert any("calls in the last 5 minutes failed" in reason for reason in health.reasons)


def test_a_writer_that_is_busy_leaves_the_verdict_to_the_request(
    client: MCPClient, line: Line
) -> None:
    link = client._connection.gate.link
    assert link is not None
    writer = link.transport._writer  # type: ignore[attr-defined]
    held, release = threading.Event(), threading.Event()
    found = Inbox()

    def hold() -> None:
        with writer._lock:
            held.set()
            assert release.wait(PATIENCE)

    def let_go() -> None:
        # The request comes after the ping that was not sent.
        until(lambda: bool(client.pending_requests()))
        release.set()
        line.answer(line.request("ping"))

    def check() -> None:
        found(client.health_check(PATIENCE))

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(PATIENCE)
    in_threads([check, let_go])
    holder.join()
    (health,) = found.items()
    assert health.status == "healthy"
    assert health.ping_round_trip is None
    assert health.request_round_trip is not None


# Events about health


def test_degraded_and_recovered_are_announced_once_each() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, 0, offline_queue_limit=5, heartbeat_interval=20 * MS, **FAST)
        diary = Diary(client)
        client.connect()
        for _ in range(5):
            client.submit("ping")
        degraded = diary.wait_for("degraded")
        assert any("100% full" in reason for reason in degraded.context["reasons"])
        client.clear_offline_queue()
        recovered = diary.wait_for("recovered")
        assert recovered.context["reasons"] == ()
        assert [event.name for event in diary.events() if event.name in HEALTH] == [*HEALTH]
        client.close()


def test_a_loss_is_announced_as_degraded(client: MCPClient, board: Switchboard, line: Line) -> None:
    diary = Diary(client)
    line.reset()
    board.line()
    event = diary.wait_for("degraded")
    assert any("the connection was lost" in reason for reason in event.context["reasons"])


# Statistics


def test_a_fresh_client_has_counted_nothing() -> None:
    client = MCPClient("ws://127.0.0.1:1")
    statistics = client.get_connection_stats()
    assert statistics.state == "disconnected"
    assert not statistics.ready
    assert statistics.dials.made == 0
    assert statistics.availability is None
    assert statistics.link.open is False
    assert statistics.queue.limit == 1000
    assert statistics.queue.limit_bytes == 8 << 20


def test_a_snapshot_tells_of_the_link_the_calls_and_the_handlers(
    client: MCPClient, line: Line
) -> None:
    def on_failed(event: Any) -> None: ...

    client.on("failed", on_failed)
    client.on_notification("*", on_failed)
    answered = client.submit("tools/list")
    line.answer(line.request("tools/list"))
    answered.result(PATIENCE)
    refused = client.submit("tools/call")
    line.refuse(line.request("tools/call"))
    refused.exception(PATIENCE)
    pending = client.submit("tools/call")
    line.request("tools/call")
    statistics = client.get_connection_stats()
    assert statistics.ready
    assert statistics.uptime > 0
    assert statistics.availability is not None
    assert 0 < statistics.availability <= 1
    assert statistics.link.open
    assert statistics.link.generation == 1
    assert (statistics.link.peer_address or "").startswith("127.0.0.1:")
    assert statistics.link.tls_version is None
    calls = statistics.calls
    assert (calls.answered, calls.failed, calls.pending) == (2, 1, 1)
    assert calls.errors_by_class == {"MCPResponseError": 1}
    assert calls.oldest_pending_age is not None
    assert statistics.latency.samples == 2
    assert statistics.latency.p50 is not None
    assert set(statistics.handlers.names) == {
        "failed",
        "notification:*",
        "notification:notifications/message",  # the client's own, to Python's logging
    }
    assert "on_failed" in statistics.handlers.names["failed"][0]
    assert statistics.traffic.messages_sent == 5
    assert statistics.traffic.messages_received == 3
    assert json.dumps(statistics.as_dict())
    pending.cancel()


def test_what_ended_the_last_link_is_told(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    line.close(4001, "maintenance")
    board.line()
    assert client.wait_until_ready(PATIENCE)
    statistics = client.get_connection_stats()
    assert statistics.link.last_close_code == 4001
    assert statistics.link.last_close_reason == "maintenance"
    assert statistics.losses.recent[-1].close_reason == "maintenance"
    client.close()
    closed = client.get_connection_stats()
    assert closed.link.open is False
    assert closed.losses.count == 1


def test_the_queue_is_measured() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, 0, **FAST)
        client.connect()
        calls = [client.submit("ping", {"a": 1}) for _ in range(3)]
        queue = client.get_connection_stats().queue
        assert queue.size == 3
        assert queue.bytes == sum(call.size for call in calls)
        assert queue.oldest_age is not None
        client.clear_offline_queue()
        queue = client.get_connection_stats().queue
        assert (queue.size, queue.bytes, queue.oldest_age) == (0, 0, None)
        assert queue.high_water == 3
        client.close()
