from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from journals import contents, make_journal, make_row
from mcp_sync import MCPClient
from mcp_sync.connection.journal_file import read_rows
from mcp_sync.embedded import EmbeddedServer
from scenes import nobody_listening

from .conftest import Run


@pytest.fixture
def path(tmp_path: Path) -> Path:
    now = time.time()
    return make_journal(
        tmp_path / "queue.db",
        make_row(1, params='{"token":"secret ä"}', queued_at=now - 7200),
        make_row(2, params="", repeatable=True, queued_at=now - 200, expires_at=now + 590),
        make_row(3, sent=1, queued_at=now - 3, expires_at=now - 1),
    )


def test_list_shows_what_is_queued_and_no_params(run: Run, path: Path) -> None:
    before = contents(path.parent)
    done = run("queue", "list", path)
    assert (done.code, done.err) == (0, "")
    head, _, first, second, third, count = done.out.splitlines()
    assert head.split() == ["id", "method", "bytes", "queued", "expires", "state"]
    assert "tools/call" in first
    assert "2 h ago" in first
    assert "never" in first
    assert first.endswith("not sent")
    assert "3 min ago" in second
    assert "in 10 min" in second
    assert third.endswith("sent, maybe executed")
    assert count == "3 calls"
    assert "secret" not in done.out
    assert contents(path.parent) == before


def test_export_gives_every_call_as_a_line_of_json(run: Run, path: Path) -> None:
    done = run("queue", "export", path)
    assert (done.code, done.err) == (0, "")
    first, second, third = map(json.loads, done.out.splitlines())
    assert first["params"] == {"token": "secret ä"}
    assert (first["idempotent"], first["sent"], first["expires_at"]) == (False, False, None)
    assert (second["params"], second["idempotent"]) == (None, True)
    assert second["expires_at"] > second["queued_at"] > first["queued_at"]
    assert third["sent"] is True
    assert third["journal_id"] == f"{3:032x}"


def test_clear_deletes_all_and_says_how_many(run: Run, path: Path) -> None:
    done = run("queue", "clear", path)
    assert (done.code, done.out, done.err) == (0, "3 calls deleted\n", "")
    assert read_rows(str(path)) == []
    assert run("queue", "list", path).out == "the journal is empty\n"


@pytest.mark.parametrize("command", ["list", "export", "clear"])
def test_a_journal_in_use_is_left_to_its_client(run: Run, path: Path, command: str) -> None:
    with nobody_listening() as url:
        client = MCPClient(url, journal=path)
        done = run("queue", command, path)
        client.close()
    assert (done.code, done.out) == (2, "")
    assert "is in use by another client of this process" in done.err
    assert len(read_rows(str(path))) == 3


@pytest.mark.parametrize("command", ["list", "export", "clear"])
def test_what_is_no_journal_is_bad_input(run: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "text").write_text("text")
    assert run("queue", command, tmp_path / "missing").code == 2
    done = run("queue", command, tmp_path / "text")
    assert done.code == 2
    assert "is no SQLite file" in done.err
    assert contents(tmp_path) == {"text": b"text"}


def test_other_commands_leave_the_journal_of_the_environment_alone(
    run: Run, path: Path, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_SYNC_JOURNAL", str(path))
    before = contents(path.parent)
    assert run("health", "--url", server.url).code == 0
    assert contents(path.parent) == before


def test_list_and_clear_as_json(run: Run, path: Path) -> None:
    first, second, third = json.loads(run("queue", "list", path, "--json").out)
    assert (first["method"], first["sent"], third["sent"]) == ("tools/call", False, True)
    assert second["expires_at"] > second["queued_at"]
    assert "params" not in first
    assert json.loads(run("queue", "clear", path, "--json").out) == {"deleted": 3}
