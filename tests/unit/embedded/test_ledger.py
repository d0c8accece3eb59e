from __future__ import annotations

import json
import os
import re
import resource
import threading
from pathlib import Path

import attrs
import pytest

from mcp_sync.embedded.ledger import Ledger, LedgerEntry


def test_an_entry_says_what_was_executed_by_whom_and_in_which_place() -> None:
    ledger = Ledger()
    first = ledger.append("submit_extraction", "key-1", {"a": 1})
    second = ledger.append("tools/call", None, {})
    assert (first.sequence, first.method, first.key, first.pid) == (
        1,
        "submit_extraction",
        "key-1",
        os.getpid(),
    )
    assert first.at.endswith("+00:00")
    assert (second.sequence, second.key) == (2, None)
    assert ledger.entries() == [first, second]


def test_the_digest_depends_on_the_params_and_not_on_the_order_of_their_keys() -> None:
    ledger = Ledger()
    one = ledger.append("m", None, {"a": 1, "b": [2]})
    same = ledger.append("m", None, {"b": [2], "a": 1})
    other = ledger.append("m", None, {"a": 1, "b": [3]})
    assert one.digest == same.digest != other.digest
    assert len(one.digest) == 64


def test_entries_are_frozen_and_the_list_is_the_callers_own() -> None:
    ledger = Ledger()
    entry = ledger.append("m", None, {})
    ledger.entries().clear()
    assert ledger.entries() == [entry]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        entry.sequence = 7  # type: ignore[misc]


def test_a_file_holds_one_json_line_per_entry_and_is_loaded_again(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    written = [Ledger(path).append("m", {"any": ["json"]}, {})]
    again = Ledger(path)
    assert again.entries() == written
    written.append(again.append("m", "key-2", {}))
    lines = path.read_text().splitlines()
    assert [LedgerEntry(**json.loads(line)) for line in lines] == written
    assert [entry.sequence for entry in written] == [1, 2]


@pytest.mark.parametrize(
    "line",
    [
        "not JSON",
        "[1]",
        '{"sequence": 1}',
        '{"sequence": 2, "method": "m", "key": null, "digest": "", "at": "", "pid": 1}',
    ],
)
def test_a_file_that_is_no_ledger_is_refused_by_line_and_left_alone(
    tmp_path: Path, line: str
) -> None:
    path = tmp_path / "other.txt"
    path.write_text(line + "\n")
    with pytest.raises(ValueError, match=r"other\.txt, line 1"):
        Ledger(path)
    assert path.read_text() == line + "\n"


def test_an_entry_that_cannot_be_written_is_not_recorded(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    ledger = Ledger(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(IsADirectoryError):
        ledger.append("m", None, {})
    assert ledger.entries() == []


@pytest.mark.parametrize("name", ["", "missing/ledger.ndjson"])
def test_a_file_that_cannot_be_written_is_refused_before_anything_is_executed(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(OSError, match=re.escape(str(tmp_path / name))):
        Ledger(tmp_path / name)


def test_an_entry_that_fits_only_in_part_is_taken_back(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    ledger = Ledger(path)
    entry = ledger.append("m", "fits", {})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 10, limits[1]))
    try:
        with pytest.raises(OSError, match="no room for a ledger entry"):
            ledger.append("m", "does not", {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert ledger.entries() == Ledger(path).entries() == [entry]


def test_threads_that_append_at_once_get_a_place_each(tmp_path: Path) -> None:
    path = tmp_path / "ledger.ndjson"
    ledger = Ledger(path)
    threads = [
        threading.Thread(target=lambda: [ledger.append("m", None, {}) for _ in range(50)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [entry.sequence for entry in Ledger(path).entries()] == list(range(1, 201))
