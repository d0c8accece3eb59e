"""The 17 faults of the client that this one succeeds, each played again: here they stay away.

`python -m tests.mutants` puts each back into a copy of the package and sees its test fail.
"""

from __future__ import annotations

import contextlib
import json
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

import mcp_sync
from mcp_sync import (
    CompareblocksClient,
    CompareblocksError,
    ExtractionResults,
    InitializeResult,
    MCPClient,
    MCPConfigurationError,
    MCPConnectionLost,
    MCPMessageTooLarge,
    MCPOfflineError,
    MCPQueueFullError,
    MCPTimeoutError,
    OfflineResponse,
    SessionNotFound,
    SessionStatus,
    Submission,
    Subscription,
    SystemStatus,
    read_variations,
)
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer, ServerProcess
from mcp_sync.embedded.sample import SamplePaths
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from mutants.faults import FAULTS
from scenes import (
    ABSENCE,
    FAST,
    PATIENCE,
    Diary,
    Inbox,
    freeze,
    in_threads,
    ledger_keys,
    own_threads,
    read_request,
    send,
    until_closed,
)
from timing import MS


def named(key: str) -> dict[str, str]:
    """Metadata that name a submission in the server's ledger."""
    return {"submission_key": key}


def test_fault_01_initialize_succeeds_on_a_real_server(server: EmbeddedServer) -> None:
    with CompareblocksClient(server.url) as client:
        assert client.initialize().server_info.name == "mcp-sync-embedded"
        assert client.get_connection_state() == "initialized"
        assert client.get_status().system_status == "operational"

    def answer_with_both_keys(connection: WebSocketConnection) -> None:
        request = read_request(connection)
        result = {"protocolVersion": "1.0.0", "capabilities": {}, "serverInfo": {"name": "both"}}
        send(connection, {"jsonrpc": "2.0", "id": request["id"], "result": result, "error": None})
        until_closed(connection)

    with WebSocketPeer(answer_with_both_keys) as peer, CompareblocksClient(peer.url) as client:
        assert client.initialize().server_info.name == "both"
        assert client.is_initialized()


def test_fault_02_what_the_server_answers_is_what_the_caller_gets(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    with CompareblocksClient(server.url) as client:
        submission = client.submit_extraction(sample.pdf.name, [], named("real"), offline="wait")
        assert submission.status == "accepted"
        assert client.get_status(submission.session_id).session_id == submission.session_id
        assert ledger_keys(client) == ["real"]

        with pytest.raises(SessionNotFound) as unknown:
            client.get_results("no-such-session")
        assert unknown.value.code == -32603
        assert unknown.value.error_message == "Session not found: no-such-session"
        with pytest.raises(CompareblocksError, match="Subscription request validation error"):
            client.request("subscribe_updates", {"event_types": ["bogus"]})
        assert client.offline_queue_size == 0


def test_fault_03_a_dead_server_is_never_called_healthy(process: ServerProcess) -> None:
    with CompareblocksClient(process.url, reconnect_attempts=1000, **FAST) as client:
        diary = Diary(client)
        assert client.health_check().status == "healthy"
        freeze(process.pid)
        health = client.health_check(timeout=100 * MS)
        assert health.status == "unhealthy", "it is there and answers nothing"
        assert health.reasons
        process.kill()
        diary.wait_for("disconnected")
        health = client.health_check(timeout=100 * MS)
        assert health.status == "unhealthy", "it is not there"
        assert health.reasons
        client.configure(reconnect_attempts=0)
        diary.wait_for("offline")
        health = client.health_check(timeout=100 * MS)
        assert health.status == "offline"
        assert health.request_round_trip is None


def test_fault_04_what_was_queued_is_sent_on_reconnect(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    server.stop()
    client = CompareblocksClient(server.url, reconnect_attempts=1, **FAST)
    try:
        assert client.connect() is False
        keys = ["first", "second", "third"]
        queued = [client.submit_extraction(sample.pdf.name, [], named(key)) for key in keys]
        assert client.offline_queue_size == 3
        server.start()
        assert client.connect(PATIENCE) is True
        for receipt in queued:
            assert isinstance(receipt, OfflineResponse)
            session = receipt.result(PATIENCE).session_id
            assert client.get_status(session).session_id == session
        assert client.offline_queue_size == 0
        assert [entry.key for entry in server.ledger] == keys
    finally:
        client.close()


def test_fault_05_a_full_queue_refuses_the_call(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    server.stop()
    client = CompareblocksClient(server.url, offline_queue_limit=1, **FAST)
    try:
        first = client.submit_extraction(sample.pdf.name, [], named("first"))
        assert isinstance(first, OfflineResponse)
        with pytest.raises(MCPQueueFullError) as full:
            client.submit_extraction(sample.pdf.name, [], named("second"))
        assert (full.value.size, full.value.limit) == (1, 1)
        assert client.pending_requests() == [first.call]
        server.start()
        first.result(PATIENCE)
        assert [entry.key for entry in server.ledger] == ["first"]
    finally:
        client.close()


@pytest.mark.parametrize("attempts", [3, 5])
def test_fault_06_an_outage_has_one_counter_and_one_end(attempts: int) -> None:
    busy = threading.Lock()
    overlaps = Inbox()

    def refuse(connection: WebSocketConnection) -> None:
        if not busy.acquire(blocking=False):
            overlaps("two dials at once")
            return
        try:
            connection.read_request()
        except (EOFError, ConnectionError):
            return  # the probe that was under way when the client was closed
        finally:
            busy.release()
        connection.respond(503)

    with WebSocketPeer(refuse, upgrade=False) as peer:
        client = CompareblocksClient(
            peer.url,
            reconnect_attempts=attempts,
            reconnect_delay=2 * MS,
            max_reconnect_delay=20 * PATIENCE,  # between quiet probes, so that none comes yet
        )
        diary = Diary(client)
        try:
            assert client.connect(PATIENCE) is False
            diary.wait_for("offline")
            assert peer.connections == attempts + 1
            client.configure(max_reconnect_delay=40 * MS)
            peer.wait_for_connections(attempts + 4)
        finally:
            client.close()
    failed = [event.context["attempt"] for event in diary.events("failed")]
    assert failed == list(range(1, attempts + 2))
    retries = [event.context["attempt"] for event in diary.events("reconnecting")]
    assert retries == list(range(2, attempts + 2))
    assert len(diary.events("offline")) == 1
    assert overlaps.items() == []


def test_fault_07_disconnect_stops_reconnecting() -> None:
    def refuse(connection: WebSocketConnection) -> None:
        with contextlib.suppress(EOFError, ConnectionError):  # a dial ended by disconnect()
            connection.read_request()
            connection.respond(503)

    with WebSocketPeer(refuse, upgrade=False) as peer:
        client = CompareblocksClient(peer.url, reconnect_attempts=100, **FAST)
        try:
            diary = Diary(client)
            with pytest.raises(MCPTimeoutError):
                client.connect(timeout=50 * MS)
            diary.wait_for("failed", 2)
            client.disconnect()
            dials = client.get_connection_stats().dials.made
            with pytest.raises(TimeoutError):
                peer.wait_for_connections(dials + 1, ABSENCE)
            assert client.get_connection_state() == "disconnected"
            assert client.get_connection_stats().dials.made == dials
            assert diary.names()[-1] == "disconnected"
        finally:
            client.close()


def test_fault_08_a_regular_close_by_the_server_is_noticed(server: EmbeddedServer) -> None:
    with CompareblocksClient(server.url, reconnect_attempts=2, **FAST) as client:
        diary = Diary(client)
        server.stop()
        lost = diary.wait_for("disconnected")
        assert lost.context["close_code"] == 1001
        assert lost.state == "reconnecting"
        assert not client.is_connected()
        diary.wait_for("offline")
        assert client.connect(PATIENCE) is False
        assert client.get_connection_stats().link.last_close_code == 1001


def test_fault_09_pending_requests_fail_at_once_when_the_connection_is_lost() -> None:
    with (
        ServerProcess(processing_delay=30.0) as process,
        MCPClient(process.url, request_timeout=4 * PATIENCE, **FAST) as client,
    ):
        call = client.submit("tools/call", {"name": "echo", "arguments": {"text": "a"}})
        client.request("ping")  # answers keep the order: the call before it has arrived
        process.kill()
        with pytest.raises(MCPConnectionLost) as lost:
            call.result(PATIENCE)
        assert lost.value.maybe_executed
        assert lost.value.method == "tools/call"
        assert not client.is_connected()


def test_fault_10_after_a_reconnect_everything_is_as_before(
    process: ServerProcess, sample: SamplePaths
) -> None:
    with CompareblocksClient(process.url, reconnect_attempts=100, **FAST) as client:
        diary, completed = Diary(client), Inbox()
        client.on_notification("processing_complete", completed)
        client.subscribe_updates(["processing_complete"])
        process.kill()
        assert diary.wait_for("disconnected").state == "reconnecting"
        assert not client.is_initialized()
        process.start()
        assert diary.wait_for("initialized").state == "initialized"
        assert client.get_connection_state() == "initialized"
        assert client.get_status().system_status == "operational"
        client.submit_extraction(sample.pdf.name, [], offline="wait")
        assert completed.wait_for(lambda items: len(items) == 1)
        assert diary.names()[-2:] == ["connected", "initialized"]
        assert client.get_connection_stats().link.generation == 2


def test_fault_11_concurrent_connects_share_one_connection(server: EmbeddedServer) -> None:
    client = CompareblocksClient(server.url)
    try:
        in_threads([client.connect] * 8)
        assert client.get_status().system_status == "operational"
        assert server.connections == 1
    finally:
        client.close()
    assert server.wait_for_connections(0, PATIENCE)

    may_go_on = threading.Event()

    def upgrade_late(connection: WebSocketConnection) -> None:
        connection.read_request()
        may_go_on.wait(PATIENCE)
        connection.accept_upgrade()
        until_closed(connection)

    with WebSocketPeer(upgrade_late, upgrade=False) as peer:
        client = CompareblocksClient(peer.url)
        try:
            outcomes = Inbox()
            first = threading.Thread(target=lambda: outcomes(client.connect(PATIENCE)))
            first.start()
            peer.wait_for_connections(1)
            with pytest.raises(MCPTimeoutError):
                client.connect(timeout=50 * MS)  # joins the dial that is under way
            may_go_on.set()
            first.join()
            assert outcomes.items() == [True]
            assert peer.connections == 1
        finally:
            may_go_on.set()
            client.close()


def test_fault_12_heartbeat_and_statistics_work_with_the_installed_libraries(
    server: EmbeddedServer,
) -> None:
    client = CompareblocksClient(server.url, heartbeat_interval=10 * MS)
    assert client.get_connection_stats().heartbeat.pings_sent == 0
    with client:
        deadline = Deadline(PATIENCE)
        while client.get_connection_stats().heartbeat.pongs < 3:
            assert not deadline.is_over(), client.get_connection_stats()
            assert client.health_check(PATIENCE).status == "healthy"
        statistics = client.get_connection_stats()
        assert statistics.heartbeat.pongs <= statistics.heartbeat.pings_sent
        assert statistics.heartbeat.p50 is not None
        assert statistics.heartbeat.p50 > 0
        assert statistics.link.open
        assert json.loads(json.dumps(statistics.as_dict()))["state"] == "initialized"
    assert client.get_connection_stats().state == "disconnected"


@pytest.mark.parametrize("client_type", [CompareblocksClient, MCPClient])
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "", "ws://", "ws://host:0", "ws://a b"])
def test_fault_13_an_impossible_url_is_an_error_of_the_caller(
    client_type: type[CompareblocksClient | MCPClient], url: str
) -> None:
    with pytest.raises(MCPConfigurationError) as refused:
        client_type(url)
    assert refused.value.setting == "server_url"
    assert own_threads() == []


def test_fault_14_what_cannot_be_serialised_is_a_type_error(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    client = CompareblocksClient(server.url, **FAST)
    try:
        for connect in (lambda: None, client.connect):  # offline, then online
            connect()
            with pytest.raises(TypeError, match=r"metadata.*owner"):
                client.submit_extraction(sample.pdf.name, [], {"owner": object()})
            with pytest.raises(TypeError, match=r"params\.owner\[1\]"):
                client.submit("get_status", {"owner": [1, object()]})
            with pytest.raises(TypeError, match=r"params\.owner"):
                client.request("get_status", {"owner": {1, 2}}, offline="queue")
            assert client.offline_queue_size == 0
            assert client.pending_requests() == []
        assert server.ledger == []
        assert client.get_connection_stats().calls.sent == 0
    finally:
        client.close()


def test_fault_15_a_message_over_the_servers_limit_is_refused_before_sending(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    variation = {"doc_id": "d", "engine": "e", "page": 1, "raw_text": "\u00e9" * 600_000}
    with CompareblocksClient(server.url) as client:
        sent = client.get_connection_stats().calls.sent
        for submit in (
            partial(client.submit_extraction, sample.pdf.name, [variation]),
            partial(client.request, "submit_extraction", {"variations": [variation]}),
            partial(client.submit, "submit_extraction", {"variations": [variation]}),
        ):
            with pytest.raises(MCPMessageTooLarge) as refused:
                submit()
            assert refused.value.size > 1_200_000, "the size is that of the UTF-8"
            assert refused.value.limit == 1024 * 1024
            assert refused.value.direction == "outbound"
        statistics = client.get_connection_stats()
        assert statistics.calls.sent == sent
        assert statistics.losses.count == 0
        assert client.get_status().total_sessions == 0


def test_fault_16_every_synchronous_method_works_and_works_again(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    with CompareblocksClient(server.url) as client:
        variations = list(read_variations(sample.variations))

        def use() -> dict[str, Any]:
            session = client.extract(sample.pdf.name, variations)
            submission = client.submit_extraction(sample.pdf.name, variations, offline="wait")
            assert isinstance(submission, Submission)
            return {
                "connect": client.connect(),
                "initialize": isinstance(client.initialize(), InitializeResult),
                "extract": session.total_blocks > 0,
                "wait_for_results": isinstance(
                    client.wait_for_results(submission.session_id), ExtractionResults
                ),
                "get_results": client.get_results(submission.session_id).total_blocks > 0,
                "get_status": isinstance(client.get_status(), SystemStatus),
                "session": isinstance(client.get_status(submission.session_id), SessionStatus),
                "subscribe": isinstance(client.subscribe_updates(["error"]), Subscription),
                "unsubscribe": isinstance(client.unsubscribe_updates(["error"]), Subscription),
                "request": "system_status" in client.request("get_status"),
                "submit": "system_status" in client.submit("get_status").result(PATIENCE),
                "health_check": client.health_check().status == "healthy",
                "drain": client.drain(PATIENCE),
                "wait_until_ready": client.wait_until_ready(PATIENCE),
            }

        for _ in range(2):
            outcomes = use()
            assert [name for name, worked in outcomes.items() if worked is not True] == []
            assert server.connections == 1
        assert client.get_connection_stats().link.generation == 1
    assert server.wait_for_connections(0, PATIENCE)


def test_fault_17_connect_says_false_only_when_it_has_stopped_trying() -> None:
    may_refuse = threading.Semaphore(0)

    def refuse(connection: WebSocketConnection) -> None:
        with contextlib.suppress(EOFError, ConnectionError):  # a probe ended by close()
            connection.read_request()
            may_refuse.acquire(timeout=PATIENCE)
            connection.respond(503)

    with WebSocketPeer(refuse, upgrade=False) as peer:
        client = CompareblocksClient(peer.url, reconnect_attempts=2, **FAST)
        diary, outcomes = Diary(client), Inbox()
        waiting = threading.Thread(target=lambda: outcomes(client.connect(PATIENCE)))
        waiting.start()
        try:
            for attempt in (1, 2):
                may_refuse.release()
                assert diary.wait_for("failed", attempt).context["next_delay"] is not None
                diary.wait_for("reconnecting", attempt)
                assert outcomes.items() == []
                assert client.get_connection_state() == "reconnecting"
            may_refuse.release()
            diary.wait_for("offline")
            waiting.join()
            assert outcomes.items() == [False]
            assert client.get_connection_state() == "offline"
            announced = diary.names()
            with pytest.raises(MCPOfflineError):
                client.request("get_status", offline="raise")
            with pytest.raises(MCPTimeoutError):
                client.get_status(timeout=50 * MS)
            assert diary.names() == announced
        finally:
            may_refuse.release(100)
            client.close()
            waiting.join()


def test_each_fault_has_a_test_and_can_still_be_put_back() -> None:
    package = Path(mcp_sync.__file__).parent
    tests = [name for name in globals() if name.startswith("test_fault_")]
    assert [fault.number for fault in FAULTS] == list(range(1, 18))
    for fault in FAULTS:
        assert len([name for name in tests if name.startswith(fault.prefix)]) == 1, fault
        for change in fault.changes:
            text = (package / change.file).read_text(encoding="utf-8")
            assert text.count(change.old) == 1, f"fault {fault.number}: {change}"
