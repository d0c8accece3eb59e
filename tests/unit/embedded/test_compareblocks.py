"""What the recording cannot show; the recorded exchanges are replayed by the contract test."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data.stage import answers, connect, first, request, session_of, submission, watching
from mcp_sync.embedded import EmbeddedServer

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


def test_the_system_status_counts_sessions_by_status(server: EmbeddedServer) -> None:
    extract(server, "one")
    (Path(server_directory(server)) / "fake.pdf").write_text("text")
    with connect(server) as client, watching(server) as wait:
        client.send(submission("fake.pdf"))
        wait(session_of(first(client)))
    status = ask(server, "get_status")
    assert (status["total_sessions"], status["completed_sessions"]) == (2, 1)
    assert (status["error_sessions"], status["active_sessions"]) == (1, 0)
