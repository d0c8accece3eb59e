"""Whole scenarios of both clients on the embedded server, most of them over its sudden death."""

from __future__ import annotations

import contextlib
import threading
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from mcp_sync import (
    CompareblocksClient,
    ExtractionFailed,
    MCPClient,
    MCPConnectionLost,
    MCPResponseError,
    NotificationEvent,
    OfflineResponse,
    SessionNotCompleted,
    SessionNotFound,
    SessionStatus,
    Submission,
    read_variations,
)
from mcp_sync.embedded import EmbeddedServer, ServerProcess
from mcp_sync.embedded.sample import SamplePaths
from mcp_sync.testing import FaultProxy, WebSocketConnection, WebSocketPeer
from recorded import exchanges
from scenes import (
    FAST,
    PATIENCE,
    PINNED,
    Diary,
    Inbox,
    answer,
    echo_all,
    freeze,
    in_threads,
    lasting_port,
    ledger_file_keys,
    ledger_keys,
    read_request,
)

STUBBORN = {**FAST, "reconnect_attempts": 1000}
"""Dials on, with events, until the server is back."""


def echo(text: str, key: str | None = None) -> dict[str, Any]:
    """The params of a call of the server's tool, which is executed once for each that arrives."""
    return {"name": "echo", "arguments": {"text": text, "key": key}}


def submit(client: CompareblocksClient, sample: SamplePaths, key: str) -> Submission:
    """Have an empty extraction done, named in the server's ledger."""
    return client.submit_extraction(
        sample.pdf.name, [], {"submission_key": key}, offline="wait", timeout=PATIENCE
    )


# compareblocks


def test_a_whole_extraction_finds_the_consensus_of_three_engines(
    process: ServerProcess, sample: SamplePaths, ledger: Path
) -> None:
    statuses: list[SessionStatus] = []
    with CompareblocksClient(process.url) as client:
        results = client.extract(
            sample.pdf.name,
            read_variations(sample.variations),
            {"submission_key": "sample"},
            on_progress=statuses.append,
        )
        session = statuses[-1].session_id
        status = client.get_status(session, include_details=True)
        summary = client.get_results(session, "summary")
        lines = client.get_results(session, "ndjson", include_analytics=True)
    assert results.total_blocks == len(results.consensus_decisions) == 8
    chosen = {block["block_id"]: block["selected_text"] for block in results.consensus_decisions}
    assert "9 November raised the water" in chosen["storm"], "two engines overrule the third"
    assert statuses[-1].is_completed
    assert statuses[-1].progress == 1.0
    assert status.results_summary is not None
    assert status.results_summary.statistics == summary.statistics == results.statistics
    assert summary.session_id == session
    assert lines.ndjson_data is not None
    assert len(lines.ndjson_data.splitlines()) == 8
    assert lines.analytics is not None
    assert lines.analytics.variation_count == status.variation_count == 24
    assert ledger_file_keys(ledger) == ["sample"]


def test_an_extraction_that_fails_on_the_server_says_why(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    (sample.pdf.parent / "empty.pdf").write_bytes(b"")
    with CompareblocksClient(server.url) as client:
        with pytest.raises(ExtractionFailed, match=r"empty\.pdf"):
            client.extract("empty.pdf", [])
        assert client.get_status().error_sessions == 1


def test_subscriptions_are_restored_after_the_server_was_killed(
    process: ServerProcess, sample: SamplePaths
) -> None:
    with CompareblocksClient(process.url, **STUBBORN) as client:
        diary, heard = Diary(client), Inbox()
        client.on_notification("*", heard)
        client.subscribe_updates(["status_update", "processing_complete", "error"])
        client.unsubscribe_updates(["error"])
        for life in (1, 2):
            session = submit(client, sample, f"life {life}").session_id

            def is_complete(events: list[NotificationEvent], life: int = life) -> bool:
                return sum(event.method == "processing_complete" for event in events) == life

            assert heard.wait_for(is_complete)
            if life == 1:
                process.kill()
                diary.wait_for("disconnected")
                process.start()
                diary.wait_for("initialized")
    of_second = [e for e in heard.items() if e.params["data"]["session_id"] == session]
    progress = [e.params["data"]["progress"] for e in of_second if e.method == "status_update"]
    assert progress == [0.1, 0.3, 0.5, 0.7, 0.9, 1.0]
    assert of_second[-1].method == "processing_complete"


def test_what_was_queued_while_the_server_was_dead_is_executed_exactly_once(
    process: ServerProcess, sample: SamplePaths, ledger: Path
) -> None:
    with CompareblocksClient(process.url, **STUBBORN) as client:
        diary = Diary(client)
        submit(client, sample, "before")
        process.kill()
        diary.wait_for("disconnected")
        keys = [f"queued {number}" for number in range(30)]
        receipts = [
            client.submit_extraction(sample.pdf.name, [], {"submission_key": key}) for key in keys
        ]
        queued = [receipt for receipt in receipts if isinstance(receipt, OfflineResponse)]
        assert [receipt.position for receipt in queued] == list(range(1, 31))
        assert client.offline_queue_size == 30
        assert {receipt.status for receipt in queued} == {"queued"}
        process.start()
        sessions = [receipt.result(PATIENCE).session_id for receipt in queued]
        assert len(set(sessions)) == 30
        assert client.wait_for_results(sessions[-1], PATIENCE).total_blocks == 0
        assert client.get_status().total_sessions == 30
        queue = client.get_connection_stats().queue
        assert (queue.size, queue.high_water) == (0, 30)
    assert ledger_file_keys(ledger) == ["before", *keys]


def test_others_are_answered_while_a_long_extraction_runs(sample: SamplePaths) -> None:
    with (
        EmbeddedServer(working_directory=sample.pdf.parent) as server,
        CompareblocksClient(server.url) as client,
        contextlib.ExitStack() as held,
    ):
        begun = threading.Event()
        finished = Inbox()
        held.enter_context(server.hold())

        def note(status: SessionStatus) -> None:
            if status.status == "processing":
                begun.set()

        def extract() -> None:
            finished(
                client.extract(
                    sample.pdf.name,
                    read_variations(sample.variations),
                    timeout=None,
                    on_progress=note,
                )
            )

        def ask() -> None:
            for _ in range(20):
                assert client.get_status(timeout=PATIENCE).active_sessions == 1

        def ask_by_many() -> None:
            with held:
                assert begun.wait(PATIENCE)
                in_threads([ask, ask, ask])
                assert len(finished) == 0

        in_threads([extract, ask_by_many])
        assert finished.items()[0].total_blocks == 8


def test_two_clients_share_sessions_and_nothing_else(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    with CompareblocksClient(server.url) as sender, CompareblocksClient(server.url) as listener:
        told, not_told = Inbox(), Inbox()
        listener.on_notification("processing_complete", told)
        sender.on_notification("*", not_told)
        listener.subscribe_updates(["processing_complete"])
        assert server.connections == 2
        session = submit(sender, sample, "shared").session_id
        assert told.wait_for(lambda events: len(events) == 1)
        assert told.items()[0].params["data"]["session_id"] == session
        assert listener.get_results(session).total_blocks == 0
        sender.close()
        assert server.wait_for_connections(1, PATIENCE)
        assert listener.get_status(session).is_completed
        assert len(not_told) == 0


def test_a_submission_under_a_kill_may_have_been_executed_and_is_not_repeated(
    process: ServerProcess, sample: SamplePaths, ledger: Path
) -> None:
    with CompareblocksClient(process.url, **STUBBORN) as client:
        diary = Diary(client)
        submit(client, sample, "first")
        freeze(process.pid)  # it takes the request and answers no more
        params = {"pdf_path": sample.pdf.name, "variations": []}
        call = client.submit("submit_extraction", params)
        process.kill()
        with pytest.raises(MCPConnectionLost) as lost:
            call.result(PATIENCE)
        assert lost.value.maybe_executed
        assert lost.value.method == "submit_extraction"
        process.start()
        diary.wait_for("initialized")
        submit(client, sample, "second")
        assert client.get_status().total_sessions == 1
    assert ledger_file_keys(ledger) == ["first", "second"]


def test_a_submission_whose_answer_was_lost_is_not_executed_again(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    with (
        FaultProxy("127.0.0.1", server.port) as proxy,
        CompareblocksClient(server.url) as witness,
        CompareblocksClient(proxy.url(), **STUBBORN) as client,
    ):
        diary, executed = Diary(client), Inbox()
        witness.on_notification("processing_complete", executed)
        witness.subscribe_updates(["processing_complete"])
        proxy.cut("blackhole", "to_client")
        errors = Inbox()

        def submit_in_vain() -> None:
            try:
                submit(client, sample, "unanswered")
            except MCPConnectionLost as lost:
                errors(lost)

        waiting = threading.Thread(target=submit_in_vain)
        waiting.start()
        assert executed.wait_for(lambda events: len(events) == 1)
        proxy.cut("rst")
        waiting.join()
        assert [lost.maybe_executed for lost in errors.items()] == [True]
        diary.wait_for("initialized")
        assert ledger_keys(client) == ["unanswered"]
        session = executed.items()[0].params["data"]["session_id"]
        assert client.get_results(session).total_blocks == 0, "its work is not lost"


def test_a_read_survives_the_kill_by_being_sent_again(
    process: ServerProcess, sample: SamplePaths
) -> None:
    with CompareblocksClient(process.url, **STUBBORN) as client:
        freeze(process.pid)
        read = client.submit("get_status")
        process.kill()
        process.start()
        assert read.result(PATIENCE)["system_status"] == "operational"
        assert read.replays == 1
        assert client.get_connection_stats().calls.replayed == 1


def test_a_blocking_read_waits_for_the_server_to_come_back(
    process: ServerProcess, sample: SamplePaths
) -> None:
    with CompareblocksClient(process.url, **STUBBORN) as client:
        diary, answers = Diary(client), Inbox()
        process.kill()
        diary.wait_for("disconnected")
        waiting = threading.Thread(target=lambda: answers(client.get_status(timeout=PATIENCE)))
        waiting.start()
        process.start()
        waiting.join()
        assert answers.items()[0].system_status == "operational"


def test_polling_goes_on_over_a_restart_that_keeps_the_sessions(sample: SamplePaths) -> None:
    with (
        EmbeddedServer(port=lasting_port(), working_directory=sample.pdf.parent) as server,
        CompareblocksClient(server.url, **STUBBORN) as client,
        contextlib.ExitStack() as held,
    ):
        restarts: list[SessionStatus] = []
        held.enter_context(server.hold())

        def restart_once(status: SessionStatus) -> None:
            if not restarts:
                server.stop()
                server.start()
                held.close()
            restarts.append(status)

        results = client.extract(
            sample.pdf.name, read_variations(sample.variations), on_progress=restart_once
        )
        assert results.total_blocks == 8
        assert not restarts[0].is_finished
        assert client.get_connection_stats().losses.count == 1
        assert len(server.ledger) == 1


def test_polling_ends_where_a_restart_has_lost_the_session(sample: SamplePaths) -> None:
    with (
        ServerProcess(
            port=lasting_port(), working_directory=sample.pdf.parent, processing_delay=30.0
        ) as process,
        CompareblocksClient(process.url, **STUBBORN) as client,
    ):
        session = submit(client, sample, "lost").session_id
        with pytest.raises(SessionNotCompleted):
            client.get_results(session)

        def kill_and_start(status: SessionStatus) -> None:
            process.kill()
            process.start()

        with pytest.raises(SessionNotFound) as gone:
            client.wait_for_results(session, PATIENCE, on_progress=kill_and_start)
        assert session in str(gone.value)


def test_a_typed_submission_is_written_once_to_a_peer_that_resets() -> None:
    later = Inbox()

    def read_and_reset(connection: WebSocketConnection) -> None:
        assert read_request(connection)["method"] == "submit_extraction"
        connection.reset()

    def note_all(connection: WebSocketConnection) -> None:
        later(read_request(connection)["method"])
        connection.reset()

    with WebSocketPeer(read_and_reset, note_all, echo_all) as peer:
        client = CompareblocksClient(peer.url, **STUBBORN)
        with contextlib.closing(client):
            with pytest.raises(MCPConnectionLost) as lost:
                client.submit_extraction("a.pdf", [], offline="wait")
            assert lost.value.maybe_executed
            assert client.request("get_status", timeout=PATIENCE)["method"] == "get_status"
    assert later.items() == ["get_status"]


# Standard MCP


def test_an_mcp_client_does_its_handshake_and_calls_a_tool(
    process: ServerProcess, ledger: Path
) -> None:
    with MCPClient(process.url) as client:
        assert client.initialize().protocol_version == "2025-11-25"
        assert client.get_client_info().server is not None
        assert client.get_client_info().dialect == "mcp"
        (tool,) = client.request("tools/list")["tools"]
        assert tool["name"] == "echo"
        result = client.request("tools/call", echo("grüße", "once"))
        assert result["content"][0]["text"] == "grüße"
        assert client.health_check().status == "healthy"
        with pytest.raises(MCPResponseError) as unknown:
            client.request("tools/nothing")
        assert unknown.value.code == -32601
        with pytest.raises(MCPResponseError, match="Unknown tool: shout"):
            client.request("tools/call", {"name": "shout"})
    assert ledger_file_keys(ledger) == ["once"]


def test_a_tool_call_under_a_kill_is_not_repeated_unless_its_caller_permits(
    ledger: Path,
) -> None:
    with (
        ServerProcess(port=lasting_port(), ledger_path=ledger, processing_delay=30.0) as slow,
        MCPClient(slow.url, **STUBBORN) as client,
    ):
        diary = Diary(client)
        once = client.submit("tools/call", echo("a", "once"))
        again = client.submit("tools/call", echo("b", "again"), idempotent=True)
        client.request("ping")
        slow.kill()
        with pytest.raises(MCPConnectionLost) as lost:
            once.result(PATIENCE)
        assert lost.value.maybe_executed
        diary.wait_for("failed")
        assert not again.done()
        with ServerProcess(port=slow.port, ledger_path=ledger):
            assert again.result(PATIENCE)["content"][0]["text"] == "b"
            assert ledger_keys(client) == ["again"]


def test_other_calls_overtake_a_long_tool_call() -> None:
    with EmbeddedServer() as server, MCPClient(server.url) as client:

        def ask() -> None:
            for _ in range(20):
                assert client.request("ping") == {}

        with server.hold():
            slow = client.submit("tools/call", echo("slow"))
            in_threads([ask] * 4)
            assert not slow.done()
        assert slow.result(PATIENCE)["content"][0]["text"] == "slow"


def test_a_withdrawn_call_is_cancelled_at_the_server() -> None:
    with EmbeddedServer() as server, MCPClient(server.url) as client:
        with server.hold():
            first = client.submit("tools/call", echo("a", "first"))
            withdrawn = client.submit("tools/call", echo("b", "withdrawn"))
            last = client.submit("tools/call", echo("c", "last"))
            assert client.cancel(withdrawn.call_id)
            client.request("ping")  # answers keep the order: the cancellation has arrived
        first.result(PATIENCE)
        last.result(PATIENCE)
        assert [entry.key for entry in server.ledger] == ["first", "last"]
        assert client.pending_requests() == []


def test_two_mcp_clients_use_the_same_ids_without_mixing_answers() -> None:
    with (
        EmbeddedServer() as server,
        MCPClient(server.url) as first,
        MCPClient(server.url) as second,
    ):

        def use(client: MCPClient, name: str) -> None:
            for number in range(50):
                text = f"{name} {number}"
                result = client.request("tools/call", echo(text, text))
                assert result["content"][0]["text"] == text

        in_threads([partial(use, first, "first"), partial(use, second, "second")])
        assert len(server.ledger) == len({entry.key for entry in server.ledger}) == 100


def test_an_mcp_client_initializes_on_a_compareblocks_server(sample: SamplePaths) -> None:
    with (
        EmbeddedServer(port=lasting_port(), mcp=False) as server,
        MCPClient(server.url, **STUBBORN) as client,
    ):
        diary = Diary(client)
        assert client.initialize().protocol_version == "1.0.0"
        assert client.get_client_info().dialect == "compareblocks"
        assert client.request("get_status")["system_status"] == "operational"
        with pytest.raises(SessionNotFound):
            client.request("get_results", {"session_id": "none"})
        assert client.health_check().status == "healthy"
        server.stop()
        server.start()
        diary.wait_for("initialized")
        assert client.request("get_status")["total_sessions"] == 0


def test_an_mcp_client_takes_the_recorded_handshake_of_a_compareblocks_server() -> None:
    recorded = next(e for e in exchanges("initialize") if "protocolVersion" in (e.params or {}))
    status = next(e for e in exchanges("get_status") if e.result)

    def replay(connection: WebSocketConnection) -> None:
        for exchange in (recorded, status):
            request = read_request(connection)
            assert request["method"] == exchange.request["method"]
            answer(connection, request, exchange.result)
        echo_all(connection)

    with WebSocketPeer(replay) as peer, MCPClient(peer.url, **PINNED) as client:
        server = client.initialize().server_info
        assert server.name == "BECR-MCP-Server"
        assert client.request("get_status") == status.result
