"""A client's life as its user sees it: events, threads, settings, health, figures, the end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from mcp_sync import (
    ClientConfig,
    CompareblocksClient,
    ConnectionEvent,
    MCPCancelledError,
    MCPClient,
    MCPClosedError,
    MCPConfigurationError,
    MCPConnectionLost,
    MCPOfflineError,
    MCPQueueFullError,
    MCPResponseError,
    MCPTimeoutError,
    Submission,
)
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer, ServerProcess
from mcp_sync.embedded.sample import SamplePaths
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from scenes import (
    FAST,
    PATIENCE,
    Diary,
    Inbox,
    answer,
    echo_all,
    in_threads,
    ledger_file_keys,
    nobody_listening,
    read_request,
    send,
    wait_for_the_drainer,
)
from timing import MS

PING = 0x9


def echo(key: str) -> dict[str, Any]:
    return {"name": "echo", "arguments": {"text": key, "key": key}}


# Events


def test_the_events_of_a_life_come_in_the_order_of_the_states(process: ServerProcess) -> None:
    client = MCPClient(process.url, reconnect_attempts=2, **FAST)
    diary = Diary(client)
    with client:
        diary.wait_for("initialized")
        process.kill()
        diary.wait_for("offline")
        process.start()
        diary.wait_for("initialized", 2)
    events = [event for event in diary.events() if event.name != "degraded"]
    assert [(event.name, str(event.state)) for event in events] == [
        ("connected", "connected"),
        ("initialized", "initialized"),
        ("disconnected", "reconnecting"),
        ("failed", "failed"),
        ("reconnecting", "reconnecting"),
        ("failed", "failed"),
        ("reconnecting", "reconnecting"),
        ("failed", "failed"),
        ("offline", "offline"),
        ("connected", "connected"),
        ("initialized", "initialized"),
        ("disconnected", "disconnected"),
    ]
    delays = [event.context["next_delay"] for event in diary.events("failed")]
    assert [delay is None for delay in delays] == [False, False, True]
    assert diary.events("disconnected")[1].context["cause"] == "closed"
    times = [event.timestamp for event in diary.events()]
    assert times == sorted(times)


def test_degraded_and_recovered_tell_of_a_queue_that_was_nearly_full(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    server.stop()
    client = CompareblocksClient(
        server.url, offline_queue_limit=10, heartbeat_interval=10 * MS, **FAST
    )
    diary = Diary(client)
    with contextlib.closing(client):
        for _ in range(9):
            client.submit_extraction(sample.pdf.name, [])
        assert diary.wait_for("degraded").context["reasons"] == ("the offline queue is 90% full",)
        server.start()
        assert diary.wait_for("recovered").context["reasons"] == ()
        assert client.drain(PATIENCE)
    assert len(server.ledger) == 9


def test_handlers_of_every_kind_are_called_and_a_bad_one_harms_nobody(
    server: EmbeddedServer, caplog: pytest.LogCaptureFixture
) -> None:
    client = CompareblocksClient(server.url)
    plain, decorated, awaited, once, removed = Inbox(), Inbox(), Inbox(), Inbox(), Inbox()

    @client.on("connected")
    def note(event: ConnectionEvent) -> None:
        decorated(event)

    async def note_later(event: ConnectionEvent) -> None:
        await asyncio.sleep(0)
        awaited(event)

    def fail(event: ConnectionEvent) -> None:
        raise ValueError("a fault of the user's")

    client.on("connected", fail)
    client.on("connected", plain)
    client.on("connected", note_later)
    client.once("connected", once)
    client.on("connected", removed)
    assert client.off("connected", removed)
    with pytest.raises(ValueError, match="there is no event 'conected'; the events are connected,"):
        client.on("conected", plain)
    for life in (1, 2):
        assert client.connect()
        assert awaited.wait_for(lambda events, life=life: len(events) == life)
        client.close()
    assert [len(box) for box in (plain, decorated, awaited, once, removed)] == [2, 2, 2, 1, 0]
    assert "a fault of the user's" in caplog.text
    assert client.get_connection_stats().handlers.errors == 2


def test_a_handler_may_call_the_client_and_close_it(server: EmbeddedServer) -> None:
    client = CompareblocksClient(server.url)
    answers = Inbox()

    @client.on("connected")
    def ask_and_close(event: ConnectionEvent) -> None:
        answers(client.get_status())
        client.close()
        answers("closed")

    assert client.connect()
    assert answers.wait_for(lambda items: len(items) == 2)
    assert client.get_connection_state() == "disconnected"
    assert server.wait_for_connections(0, PATIENCE)


# Threads and restarts


def test_threads_share_a_client_over_restarts_and_nothing_runs_twice(
    process: ServerProcess, ledger: Path
) -> None:
    answered, lost, reads = Inbox(), Inbox(), Inbox()
    over = threading.Event()
    deadline = Deadline(6 * PATIENCE)
    client = MCPClient(process.url, reconnect_attempts=1000, request_timeout=PATIENCE, **FAST)

    def work(thread: int) -> None:
        number = 0
        while not over.is_set():
            assert not deadline.is_over()
            number += 1
            key = f"{thread}/{number}"
            try:
                client.request("tools/call", echo(key))
                answered(key)
            except MCPConnectionLost as error:
                lost((key, error.maybe_executed))
            reads(len(client.request("tools/list")["tools"]))

    def restart() -> None:
        for _ in range(3):
            goal = len(answered) + 60
            assert answered.wait_for(lambda keys, goal=goal: len(keys) >= goal)
            process.kill()
            process.start()
        goal = len(answered) + 60
        assert answered.wait_for(lambda keys: len(keys) >= goal)
        over.set()

    with client:
        try:
            in_threads([restart, *(lambda thread=thread: work(thread) for thread in range(8))])
        finally:
            over.set()
        assert client.pending_requests() == []
        assert client.get_connection_stats().losses.count == 3
    executed = Counter(ledger_file_keys(ledger))
    assert {key for key, times in executed.items() if times > 1} == set()
    assert set(answered.items()) <= set(executed)
    assert set(executed) <= {*answered.items(), *(key for key, maybe in lost.items() if maybe)}
    assert set(reads.items()) == {1}


def test_connected_means_that_a_submission_is_sent_at_once(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    for _ in range(20):
        client = CompareblocksClient(server.url)
        with contextlib.closing(client):
            assert client.connect()
            assert isinstance(client.submit_extraction(sample.pdf.name, []), Submission)
            assert client.health_check().status == "healthy"


# Settings


def test_settings_change_while_the_client_runs(server: EmbeddedServer) -> None:
    with EmbeddedServer() as other, CompareblocksClient(server.url, **FAST) as client:
        diary = Diary(client)
        before = client.config
        for bad in ({"request_timeout": -1}, {"reconnect_delay": "soon"}, {"no_such": 1}):
            with pytest.raises(MCPConfigurationError):
                client.configure(heartbeat_interval=1.0, **bad)
        assert client.config == before
        assert client.configure(request_timeout=7.5).request_timeout == 7.5
        client.configure(server_url=other.url)
        client.get_status()
        assert (server.connections, other.connections) == (1, 0), "the link stays as it is"
        client.reconnect()
        diary.wait_for("initialized")
        client.get_status()
        assert server.wait_for_connections(0, PATIENCE)
        assert other.connections == 1


def test_a_shorter_timeout_and_queue_hold_at_once() -> None:
    with nobody_listening() as url, contextlib.closing(CompareblocksClient(url, **FAST)) as client:
        first = client.submit("get_status")
        client.configure(request_timeout=30 * MS, offline_queue_limit=1)
        with pytest.raises(MCPQueueFullError):
            client.submit("get_status")
        assert client.clear_offline_queue() == 1
        with pytest.raises(MCPCancelledError):
            first.result(0)
        with pytest.raises(MCPTimeoutError) as late:
            client.get_status()
        assert not late.value.sent
        assert late.value.timeout == pytest.approx(30 * MS)


def test_a_client_comes_from_the_environment_or_a_profile(
    server: EmbeddedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_SYNC_SERVER_URL", server.url)
    monkeypatch.setenv("MCP_SYNC_REQUEST_TIMEOUT", "12.5")
    with CompareblocksClient.from_settings(ClientConfig.from_env()) as client:
        assert client.get_status().system_status == "operational"
        assert client.config.request_timeout == 12.5

    profiles = tmp_path / "profiles.toml"
    profiles.write_text(
        f'[profiles.test]\nserver_url = "{server.url}"\nreconnect_attempts = 1\n'
        '[profiles.wrong]\nserver_url = "http://127.0.0.1"\n'
    )
    with MCPClient.from_settings(ClientConfig.from_profile(profiles, "test")) as client:
        assert client.request("tools/list")["tools"]
        assert client.config.reconnect_attempts == 1
    with pytest.raises(MCPConfigurationError, match="server_url"):
        ClientConfig.from_profile(profiles, "wrong")


def test_a_client_may_begin_without_a_server(server: EmbeddedServer) -> None:
    server.stop()
    with (
        pytest.raises(MCPOfflineError),
        CompareblocksClient(server.url, reconnect_attempts=1, **FAST),
    ):
        pytest.fail("with means ready")
    with CompareblocksClient(server.url, start_offline=True, **FAST) as client:
        call = client.submit("get_status")
        server.start()
        assert call.result(PATIENCE)["system_status"] == "operational"
        assert client.wait_until_ready(PATIENCE)


def test_without_offline_mode_nothing_is_queued(server: EmbeddedServer) -> None:
    server.stop()
    settings = {**FAST, "reconnect_attempts": 1, "offline_mode": False}
    with contextlib.closing(CompareblocksClient(server.url, **settings)) as client:
        with pytest.raises(MCPOfflineError):
            client.submit("get_status")
        with pytest.raises(ConnectionError, match="could not connect after 2 attempts"):
            client.connect(PATIENCE)
        assert client.get_connection_state() == "failed"
        assert client.offline_queue_size == 0
        with pytest.raises(ConnectionError, match="could not connect after 2 attempts"):
            client.get_status()
        server.start()
        assert client.connect(PATIENCE)
        assert client.get_status().system_status == "operational"


# Health and figures


def test_health_goes_through_its_stages(server: EmbeddedServer) -> None:
    client = CompareblocksClient(server.url, reconnect_attempts=2, **FAST)
    diary = Diary(client)
    with contextlib.closing(client):
        assert client.health_check(100 * MS).status == "unhealthy"
        client.connect()
        health = client.health_check()
        assert health.status == "healthy", health
        assert health.ping_round_trip is not None
        assert health.reasons == ()
        client.close()
        server.stop()

        client.configure(reconnect_attempts=1000)
        with pytest.raises(MCPTimeoutError):
            client.connect(timeout=30 * MS)
        assert client.health_check(100 * MS).status == "unhealthy"
        client.configure(reconnect_attempts=0)
        diary.wait_for("offline")
        assert client.health_check(100 * MS).status == "offline"

        late = [client.submit("get_status", timeout=10 * MS) for _ in range(25)]
        wait(late, PATIENCE)
        server.start()
        assert client.wait_until_ready(PATIENCE)
        health = client.health_check()
        assert health.status == "degraded", health
        assert "calls in the last 5 minutes failed" in health.reasons[0]
        for _ in range(500):
            client.get_status()
        assert client.health_check().status == "healthy"


def test_a_health_check_ends_with_the_link_that_it_asks_over() -> None:
    def reset_on_ping(connection: WebSocketConnection) -> None:
        while connection.read_frame().opcode != PING:
            pass
        connection.reset()

    with WebSocketPeer(reset_on_ping, echo_all) as peer:
        client = CompareblocksClient(peer.url, reconnect_delay=30.0)
        with contextlib.closing(client):
            assert client.connect(PATIENCE)
            began = Deadline(PATIENCE)
            assert client.health_check(2 * PATIENCE).status == "unhealthy"
            assert not began.is_over()


def test_the_figures_add_up() -> None:
    reads = Inbox()

    def script(connection: WebSocketConnection) -> None:
        with contextlib.suppress(EOFError):
            while True:
                request = read_request(connection)
                reads(request)
                if request["method"] == "answered":
                    answer(connection, request, {})
                elif request["method"] == "refused":
                    error = {"code": -32603, "message": "no", "data": None}
                    refusal = {"jsonrpc": "2.0", "id": request["id"], "error": error}
                    send(connection, refusal)

    with WebSocketPeer(script) as peer, nobody_listening() as nowhere:
        client = CompareblocksClient(nowhere, **FAST)
        with contextlib.closing(client):
            withdrawn = client.submit("answered")
            expired = client.submit("answered", timeout=10 * MS)
            kept = [client.submit("answered") for _ in range(3)]
            wait([expired], PATIENCE)
            withdrawn.cancel()
            client.configure(server_url=peer.url)
            for call in kept:
                call.result(PATIENCE)
            wait_for_the_drainer()
            for _ in range(5):
                client.request("answered")
            for _ in range(2):
                with pytest.raises(MCPResponseError):
                    client.request("refused")
            with pytest.raises(MCPTimeoutError):
                client.request("ignored", timeout=1000 * MS)
            cancelled = client.submit("ignored")
            cancelled.cancel()
            pending = client.submit("ignored")
            calls = client.get_connection_stats().calls
            traffic = client.get_connection_stats().traffic
            assert reads.wait_for(lambda requests: len(requests) == 13)
    assert (calls.answered, calls.failed, calls.cancelled) == (8, 2, 2)
    assert (calls.timed_out_unsent, calls.timed_out_sent, calls.expired) == (1, 1, 1)
    assert (calls.queued, calls.pending, calls.replayed) == (5, 1, 0)
    assert calls.sent == 8 + 2 + 1 + 1 + 1 == len(reads)
    assert calls.outcomes == 8 + 2 + 1 + 1
    assert calls.error_rate == pytest.approx(4 / 12)
    assert calls.errors_by_class == {"CompareblocksError": 2, "MCPTimeoutError": 2}
    assert traffic.messages_sent == calls.sent
    assert traffic.messages_received == 8 + 2
    assert isinstance(pending.exception(0), MCPClosedError)
