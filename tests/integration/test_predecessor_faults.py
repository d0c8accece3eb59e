"""The 17 faults of the client that this one succeeds, each played again: here they stay away.

`python -m tests.mutants` puts each back into a copy of the package and sees its test fail.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mcp_sync import (
    CompareblocksClient,
    CompareblocksError,
    ExtractionResults,
    InitializeResult,
    MCPClient,
    MCPConfigurationError,
    MCPConnectionError,
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
from mcp_sync.embedded.sample import SamplePaths, copy_sample
from mcp_sync.testing import RawPeer, WebSocketConnection, WebSocketPeer
from scenes import (
    ABSENCE,
    FAST,
    PATIENCE,
    Diary,
    Inbox,
    echo_all,
    in_threads,
    ledger_keys,
    nobody_listening,
    read_request,
    send,
    shake_hands,
)
from timing import MS


@pytest.fixture
def sample(tmp_path: Path) -> SamplePaths:
    return copy_sample(tmp_path)


@pytest.fixture
def server(sample: SamplePaths) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(working_directory=sample.pdf.parent) as running:
        yield running


@pytest.fixture
def process(sample: SamplePaths) -> Iterator[ServerProcess]:
    with ServerProcess(working_directory=sample.pdf.parent) as running:
        yield running


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
        connection.receive_to_end()

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
    with CompareblocksClient(process.url, reconnect_attempts=1, **FAST) as client:
        diary = Diary(client)
        assert client.health_check().status == "healthy"
        process.kill()
        health = client.health_check(timeout=200 * MS)
        assert health.status in ("unhealthy", "offline"), health
        assert health.reasons
        diary.wait_for("offline")
        health = client.health_check(timeout=200 * MS)
        assert health.status == "offline", health
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
        with contextlib_release(busy):
            connection.read_request()
            connection.respond(503)

    with WebSocketPeer(refuse, upgrade=False) as peer:
        client = CompareblocksClient(peer.url, reconnect_attempts=attempts, **FAST)
        diary = Diary(client)
        try:
            assert client.connect(PATIENCE) is False
            diary.wait_for("offline")
            assert peer.connections == attempts + 1
            # Those that follow are quiet probes.
            peer.wait_for_connections(attempts + 4)
        finally:
            client.close()
    failed = [event.context["attempt"] for event in diary.events("failed")]
    assert failed == list(range(1, attempts + 2))
    retries = [event.context["attempt"] for event in diary.events("reconnecting")]
    assert retries == list(range(2, attempts + 2))
    assert len(diary.events("offline")) == 1
    assert overlaps.items() == []
