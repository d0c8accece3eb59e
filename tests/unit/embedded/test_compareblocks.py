"""What the recording cannot show; the recorded exchanges are replayed by the contract test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import attrs
import pytest

from data.stage import WAIT, answers, connect, first, request, session_of, submission, watching
from mcp_sync.embedded import EmbeddedServer
from timing import MS

BOX = [72.0, 72.0, 100.0, 12.0]


def ask(server: EmbeddedServer, method: str, params: Any = None) -> Any:
    """The result of one request on a connection of its own."""
    with connect(server) as client:
        client.send(request(method, params))
        return json.loads(first(client))["result"]


def extract(server: EmbeddedServer, *texts: str) -> str:
    """Submit readings of one block; the id of the session, once that has come to its end."""
    variations = [
        {"doc_id": "d", "page": 1, "engine": f"engine-{n}", "raw_text": text, "bbox": BOX}
        for n, text in enumerate(texts)
    ]
    params = {"pdf_path": "sample.pdf", "variations": variations, "metadata": {"note": "mine"}}
    with connect(server) as client, watching(server) as wait:
        client.send(request("submit_extraction", params))
        session = session_of(first(client))
        wait(session)
        return session


def test_results_hold_a_decision_per_block(server: EmbeddedServer) -> None:
    session = extract(server, "one word", "one word", "0ne word")
    results = ask(server, "get_results", {"session_id": session})
    assert results["total_blocks"] == 1
    assert results["statistics"] == {"auto_selected": 1, "manual_review": 0, "merged": 0}
    assert results["metadata"] == {"note": "mine"}
    assert [d["selected_text"] for d in results["consensus_decisions"]] == ["one word"]


def test_ndjson_results_hold_the_decisions_as_lines_too(server: EmbeddedServer) -> None:
    session = extract(server, "one", "two")
    params = {"session_id": session, "format": "ndjson", "include_analytics": True}
    results = ask(server, "get_results", params)
    lines = results["ndjson_data"].splitlines()
    assert [json.loads(line) for line in lines] == results["consensus_decisions"]
    assert results["analytics"]["variation_count"] == 2
    assert results["analytics"]["processing_time"] >= 0
    assert set(results["analytics"]["engine_performance"]) == {"engine-0", "engine-1"}


def test_a_summary_holds_the_counts_alone(server: EmbeddedServer) -> None:
    session = extract(server, "one")
    params = {"session_id": session, "format": "summary", "include_analytics": True}
    assert ask(server, "get_results", params).keys() == {
        "session_id",
        "statistics",
        "processing_timestamp",
        "total_blocks",
    }


def test_the_system_status_counts_sessions_by_status(
    server: EmbeddedServer, workspace: Path
) -> None:
    extract(server, "one")
    (workspace / "fake.pdf").write_text("text")
    with connect(server) as client, watching(server) as wait:
        client.send(submission("fake.pdf"))
        wait(session_of(first(client)))
    status = ask(server, "get_status")
    assert (status["total_sessions"], status["completed_sessions"]) == (2, 1)
    assert (status["error_sessions"], status["active_sessions"]) == (1, 0)


def test_while_it_works_the_server_answers_and_shows_the_progress(workspace: Path) -> None:
    with (
        EmbeddedServer(working_directory=workspace, processing_delay=60_000 * MS) as server,
        connect(server) as client,
    ):
        client.send(request("subscribe_updates", {"event_types": ["status_update"]}))
        client.send(submission())
        _, accepted, update = (first(client) for _ in range(3))
        assert json.loads(update)["params"]["data"] == {
            "session_id": session_of(accepted),
            "status": "processing",
            "progress": 0.1,
        }
        client.ping("still there")
        assert first(client) == "[pong b'still there']"
        assert ask(server, "get_status")["active_sessions"] == 1
        client.send(request("get_results", {"session_id": session_of(accepted)}))
        assert "Session not completed: processing" in first(client)
        client.send(submission())
        client.send(request("get_status", {"session_id": session_of(first(client))}))
        assert json.loads(first(client))["result"]["status"] == "initialized"


def test_a_client_is_told_that_a_submission_is_accepted_before_it_is_told_of_its_progress(
    server: EmbeddedServer,
) -> None:
    with connect(server) as client:
        client.send(request("subscribe_updates", {"event_types": ["status_update"]}))
        first(client)
        for number in range(20):
            client.send(submission(request_id=f"s{number}"))
        known = set()
        updates = 0
        while updates < 20 * 6:
            message = json.loads(first(client))
            if "result" in message:
                known.add(message["result"]["session_id"])
            else:
                assert message["params"]["data"]["session_id"] in known
                updates += 1


def test_subscriptions_end_with_their_connection(server: EmbeddedServer) -> None:
    names = set()
    for _ in range(30):
        with connect(server) as client:
            client.send(request("subscribe_updates", {"event_types": ["error"]}))
            names.add(json.loads(first(client))["result"]["client_id"])
    assert len(names) == 30
    assert server.wait_for_connections(0, WAIT)
    with connect(server) as client:
        assert server.wait_for_connections(1, WAIT)
        assert server.broadcast("error", {}) == 0
        assert answers(client) == []


def test_only_accepted_submissions_are_in_the_ledger_by_their_key(server: EmbeddedServer) -> None:
    with connect(server) as client:
        client.send(submission(submission_key="key-1"))
        client.send(submission("missing.pdf", submission_key="key-2"))
        client.send(submission())
        client.send(request("get_status"))
        client.send(request("embedded/ledger"))
        *_, ledger = (json.loads(first(client)) for _ in range(5))
    entries = ledger["result"]["entries"]
    assert [(entry["method"], entry["key"]) for entry in entries] == [
        ("submit_extraction", "key-1"),
        ("submit_extraction", None),
    ]
    assert entries == [attrs.asdict(entry) for entry in server.ledger]


def test_an_unforeseen_failure_is_answered_and_logged(
    workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = workspace / "ledger"
    with (
        EmbeddedServer(working_directory=workspace, ledger_path=ledger) as server,
        connect(server) as client,
    ):
        ledger.unlink()
        ledger.mkdir()
        client.send(submission())
        error = json.loads(first(client))["error"]
        assert error["code"] == -32603
        assert "Is a directory" in error["message"]
        assert ask(server, "get_status")["total_sessions"] == 0
    assert "submit_extraction failed" in caplog.text


def test_an_integer_too_long_to_read_is_dropped_like_other_unreadable_messages(
    server: EmbeddedServer,
) -> None:
    with connect(server) as client:
        client.send('{"id": ' + "1" * 5000 + ', "method": "get_status"}')
        assert answers(client) == []


def test_without_mcp_every_initialize_is_answered_as_recorded(workspace: Path) -> None:
    with (
        EmbeddedServer(working_directory=workspace, mcp=False) as server,
        connect(server) as client,
    ):
        client.send(request("initialize", {"protocolVersion": "2025-11-25"}))
        assert json.loads(first(client))["result"]["protocolVersion"] == "1.0.0"
        client.send(request("tools/list"))
        assert json.loads(first(client))["error"]["code"] == -32600
