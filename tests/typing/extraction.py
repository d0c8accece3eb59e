"""A user of a compareblocks server."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

from mcp_sync import (
    CompareblocksClient,
    CompareblocksError,
    ExtractionResults,
    OfflineResponse,
    SessionStatus,
    Submission,
    Subscription,
    SystemStatus,
    Variation,
    read_variations,
)

PDF = Path("report.pdf")
VARIATIONS = [Variation(doc_id="report", engine="one", raw_text="Hello", page=1)]


def submit(client: CompareblocksClient) -> Submission:
    either = client.submit_extraction(PDF, VARIATIONS)
    assert_type(either, Submission | OfflineResponse[Submission])
    assert_type(
        client.submit_extraction(PDF, VARIATIONS, offline="queue"),
        Submission | OfflineResponse[Submission],
    )
    assert_type(client.submit_extraction(PDF, VARIATIONS, offline="wait"), Submission)
    assert_type(client.submit_extraction(PDF, VARIATIONS, offline="raise"), Submission)
    assert_type(client.submit_extraction("a.pdf", [{"engine": "one"}], offline="wait"), Submission)
    client.submit_extraction(PDF, read_variations(Path("variations.jsonl")), {"run": 7})
    return either.result() if isinstance(either, OfflineResponse) else either


def follow(client: CompareblocksClient, session_id: str) -> None:
    assert_type(client.get_status(), SystemStatus)
    assert_type(client.get_status(session_id), SessionStatus)
    assert_type(client.get_status(session_id, include_details=True).progress, float | None)
    assert_type(client.get_results(session_id, "ndjson"), ExtractionResults)
    assert_type(client.subscribe_updates(["status_update", "error"]), Subscription)
    assert_type(client.unsubscribe_updates(["error"]).event_types, tuple[str, ...])
    results = client.wait_for_results(session_id, 60, lambda status: print(status.progress))
    assert_type(results.consensus_decisions, tuple[Mapping[str, Any], ...])
    assert_type(results.statistics.merged, int)


def extract() -> ExtractionResults | None:
    with CompareblocksClient.from_env(request_timeout=60) as client:
        assert_type(client, CompareblocksClient)
        try:
            return client.extract(PDF, VARIATIONS, on_progress=print)
        except CompareblocksError as error:
            assert_type(error.code, int)
            return None
