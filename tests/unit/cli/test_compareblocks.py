from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from mcp_sync import CompareblocksClient
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.sample import SamplePaths

from .conftest import Run

Submitted = str


@pytest.fixture
def session(server: EmbeddedServer, sample: SamplePaths) -> Submitted:
    """A completed session of the sample."""
    with CompareblocksClient(server.url) as client:
        lines = sample.variations.read_text(encoding="utf-8").splitlines()
        submission = client.submit_extraction(
            sample.pdf.name, map(json.loads, lines), {"name": "Pier ☂"}, offline="raise"
        )
        client.wait_for_results(submission.session_id)
    return submission.session_id


def test_a_submission_prints_its_session(
    run: Run, server: EmbeddedServer, sample: SamplePaths
) -> None:
    done = run("compareblocks", "submit", sample.pdf.name, sample.variations, "--url", server.url)
    assert (done.code, done.err) == (0, "")
    lines = dict(line.split("  ", 1) for line in done.out.splitlines())
    assert lines["status"].strip() == "accepted"
    assert len(server.ledger) == 1


def test_a_submission_carries_its_metadata(
    run: Run, server: EmbeddedServer, sample: SamplePaths
) -> None:
    done = run(
        *("compareblocks", "submit", sample.pdf.name, sample.variations, "--url", server.url),
        *("--metadata", '{"submission_key": "k1"}', "--json"),
    )
    assert json.loads(done.out)["status"] == "accepted"
    assert [entry.key for entry in server.ledger] == ["k1"]


def test_the_server_may_stand_in_a_file(run: Run, server: EmbeddedServer, tmp_path: Path) -> None:
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"blocks": {"url": server.url}}}))
    done = run("compareblocks", "status", "--config", file, "--server", "blocks")
    assert (done.code, done.err) == (0, "")
    assert "operational" in done.out


def test_waiting_shows_progress_on_standard_error_and_the_consensus_on_standard_output(
    run: Run, server: EmbeddedServer, sample: SamplePaths
) -> None:
    done = run(
        *("compareblocks", "submit", sample.pdf.name, sample.variations, "--url", server.url),
        "--wait",
    )
    assert done.code == 0
    assert done.out.splitlines()[0].split() == [
        "block",
        "chosen",
        "text",
        "engine",
        "score",
        "reason",
    ]
    assert "title  Tide Gauge 14: Report for the Year" in done.out
    assert done.out.endswith(
        "8 blocks: 2 read alike by all, 4 selected, 2 for a person to look at.\n"
    )
    first, *_, last = done.err.splitlines()
    assert first.startswith("session ")
    assert last == "completed 100%"


def test_waiting_with_json_prints_the_results_and_the_session_they_belong_to(
    run: Run, server: EmbeddedServer, sample: SamplePaths
) -> None:
    done = run(
        *("compareblocks", "submit", sample.pdf.name, sample.variations, "--url", server.url),
        *("--wait", "--json"),
    )
    results = json.loads(done.out)
    assert len(results["consensus_decisions"]) == 8
    assert f"session {results['session_id']}" in done.err


def test_variations_come_from_standard_input_too(
    run: Run,
    server: EmbeddedServer,
    sample: SamplePaths,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    text = io.TextIOWrapper(io.BytesIO(sample.variations.read_bytes()))
    monkeypatch.setattr(sys, "stdin", text)
    done = run("compareblocks", "submit", sample.pdf.name, "-", "--url", server.url)
    assert done.code == 0
    assert len(server.ledger) == 1


def test_the_status_of_a_session_is_told_by_name_and_value(
    run: Run, server: EmbeddedServer, session: Submitted
) -> None:
    done = run("compareblocks", "status", session, "--details", "--url", server.url)
    assert done.code == 0
    told = dict(line.split(maxsplit=1) for line in done.out.splitlines())
    assert told["session_id"] == session
    assert told["status"] == "completed"
    assert told["metadata.name"] == "Pier ☂"
    assert told["results_summary.total_blocks"] == "8"


def test_the_status_of_the_server_needs_no_session(run: Run, server: EmbeddedServer) -> None:
    done = run("compareblocks", "status", "--json", "--url", server.url)
    assert done.code == 0
    assert json.loads(done.out)["system_status"] == "operational"


def test_results_are_a_table_unless_a_format_is_asked_for(
    run: Run, server: EmbeddedServer, session: Submitted
) -> None:
    done = run("compareblocks", "results", session, "--analytics", "--url", server.url)
    assert done.code == 0
    assert done.out.startswith("block ")
    assert "quality_metrics.average_confidence" in done.out


def test_results_as_ndjson_are_a_line_for_each_decision(
    run: Run, server: EmbeddedServer, session: Submitted
) -> None:
    done = run("compareblocks", "results", session, "--format", "ndjson", "--url", server.url)
    assert [json.loads(line)["block_id"] for line in done.out.splitlines()][:2] == [
        "title",
        "place",
    ]


@pytest.mark.parametrize("arguments", [("--format", "json"), ("--json",)])
def test_results_as_json(
    run: Run, server: EmbeddedServer, session: Submitted, arguments: tuple[str, ...]
) -> None:
    done = run("compareblocks", "results", session, *arguments, "--url", server.url)
    assert json.loads(done.out)["total_blocks"] == 8


def test_the_summary_has_no_table(run: Run, server: EmbeddedServer, session: Submitted) -> None:
    done = run("compareblocks", "results", session, "--format", "summary", "--url", server.url)
    assert (done.code, len(done.out.splitlines())) == (0, 1)
    assert done.out.startswith("8 blocks: ")


def test_an_extraction_that_fails_on_the_server_is_a_failure(
    run: Run, server: EmbeddedServer, sample: SamplePaths
) -> None:
    sample.pdf.write_bytes(b"no PDF at all")
    done = run(
        *("compareblocks", "submit", sample.pdf.name, sample.variations, "--url", server.url),
        "--wait",
    )
    assert done.code == 1
    assert done.out == ""
    assert "mcp-sync: " in done.err.splitlines()[-1]


@pytest.mark.parametrize("action", ["status", "results"])
def test_an_unknown_session_is_a_failure(run: Run, server: EmbeddedServer, action: str) -> None:
    done = run("compareblocks", action, "nobody", "--url", server.url)
    assert (done.code, done.out) == (1, "")
    assert "Session not found: nobody" in done.err
    assert len(done.err.splitlines()) == 1


def test_a_pdf_that_the_server_does_not_have_is_a_failure(
    run: Run, server: EmbeddedServer, sample: SamplePaths
) -> None:
    done = run("compareblocks", "submit", "absent.pdf", sample.variations, "--url", server.url)
    assert done.code == 1
    assert "absent.pdf" in done.err
    assert "the path is one on the server" in done.err


def submit(run: Run, variations: Path, *more: str) -> tuple[int, str]:
    """Submit where no server could be: what is refused before the connection is made."""
    url = "ws://127.0.0.1:1"
    done = run("compareblocks", "submit", "a.pdf", variations, "--url", url, *more)
    assert done.out == ""
    return done.code, done.err


def test_a_missing_variations_file_is_bad_input(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "absent.ndjson"
    code, err = submit(run, path)
    assert (code, err) == (2, f"mcp-sync: cannot read {path}: No such file or directory\n")


def test_a_directory_in_place_of_the_variations_is_bad_input(run: Run, tmp_path: Path) -> None:
    code, err = submit(run, tmp_path)
    assert (code, err) == (2, f"mcp-sync: cannot read {tmp_path}: Is a directory\n")


def test_a_broken_line_is_named_by_its_number(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "broken.ndjson"
    path.write_text('\n{"doc_id": \n', encoding="utf-8")
    code, err = submit(run, path)
    assert code == 2
    assert f"{path}, line 2: the line is not JSON" in err


@pytest.mark.parametrize("metadata", ["nonsense", "[1]", '{"a": ', "null", "[" * 100_000])
def test_metadata_that_is_no_json_object_is_refused(
    run: Run, sample: SamplePaths, metadata: str
) -> None:
    code, err = submit(run, sample.variations, "--metadata", metadata)
    assert code == 2
    assert "argument --metadata: must be a JSON object like" in err
    assert "hint: mcp-sync compareblocks submit --help" in err
    assert len(err) < 1000


def test_metadata_that_breaks_the_schema_is_bad_input(
    run: Run, server: EmbeddedServer, sample: SamplePaths
) -> None:
    done = run(
        *("compareblocks", "submit", sample.pdf.name, sample.variations, "--url", server.url),
        *("--metadata", '{"engine_name": 3}'),
    )
    assert done.code == 2
    assert "metadata.engine_name=3" in done.err
    assert server.ledger == []


def test_a_submission_over_the_limit_of_the_server_is_bad_input(
    run: Run, server: EmbeddedServer, sample: SamplePaths
) -> None:
    line = {"doc_id": "d", "engine": "e", "page": 1, "raw_text": "x" * 600_000}
    sample.variations.write_text(f"{json.dumps(line)}\n" * 2, encoding="utf-8")
    done = run("compareblocks", "submit", sample.pdf.name, sample.variations, "--url", server.url)
    assert done.code == 2
    assert "is over the limit of" in done.err
