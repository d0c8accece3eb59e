"""The journal's file: what it keeps, what it refuses, who may have it, and what it survives."""

from __future__ import annotations

import contextlib
import gc
import os
import random
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from journals import contents, make_journal, make_row, rows_on_disk, run_child
from mcp_sync.connection.journal_file import JournalFile, read_rows
from mcp_sync.errors import MCPConfigurationError, MCPError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


def refusal(path: Path) -> str:
    with pytest.raises(MCPConfigurationError) as caught:
        JournalFile.open(str(path))
    assert caught.value.setting == "journal"
    return str(caught.value)


def test_rows_come_back_in_order_as_they_were(path: Path) -> None:
    rows = [
        make_row(3),
        make_row(7, method="x\u0000\u2028", params='{"a":"ä€😀"}', repeatable=True, keyed=True),
        make_row(9, params="", answer_limit=None, queued_at=1 / 3, expires_at=2e9 + 1 / 7, sent=4),
        make_row(10, params="x" * 3_000_000),
    ]
    make_journal(path, *reversed(rows))
    file = JournalFile.open(str(path))
    assert file.rows == rows
    file.close()


def test_a_change_is_on_the_disk_when_it_returns(path: Path) -> None:
    file = JournalFile.open(str(path))
    rows = [make_row(number) for number in range(1, 5)]
    file.write(new=rows)
    assert rows_on_disk(path) == rows
    file.write(sent=[(2, rows[1].digest, 1)], gone=[1, 4, 99])
    assert [(row.id, row.sent) for row in rows_on_disk(path)] == [(2, 1), (3, 0)]
    file.close()


def test_a_change_happens_whole_or_not_at_all(path: Path) -> None:
    row = make_row(1)
    file = JournalFile.open(str(path))
    file.write(new=[row, make_row(3)])
    with pytest.raises(MCPError, match="UNIQUE"):
        file.write(new=[make_row(2), make_row(1)], gone=[3])
    assert [one.id for one in rows_on_disk(path)] == [1, 3]
    file.write(new=[make_row(2)])
    assert [one.id for one in rows_on_disk(path)] == [1, 2, 3]
    file.close()


def test_what_has_no_text_form_is_refused_with_a_sentence(path: Path) -> None:
    file = JournalFile.open(str(path))
    with pytest.raises(MCPError, match="cannot be written.*surrogates"):
        file.write(new=[make_row(1, method="\ud800")])
    assert rows_on_disk(path) == []
    file.close()
    with pytest.raises(MCPError, match="is closed"):
        file.write(gone=[1])


# Who may read it


def test_only_its_owner_may_read_a_new_journal_whatever_the_umask(path: Path) -> None:
    path.parent.chmod(0o755)
    before = os.umask(0)
    try:
        file = JournalFile.open(str(path))
    finally:
        os.umask(before)
    modes = {one.name: stat.S_IMODE(one.stat().st_mode) for one in path.parent.iterdir()}
    assert modes == dict.fromkeys(
        ("queue.db", "queue.db-lock", "queue.db-shm", "queue.db-wal"), 0o600
    )
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o755
    file.close()
    assert set(contents(path.parent)) == {"queue.db", "queue.db-lock"}


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640])
def test_the_mode_of_an_old_journal_is_left_as_it_is(path: Path, mode: int) -> None:
    make_journal(path).chmod(mode)
    with contextlib.suppress(MCPConfigurationError):  # who may not write it may not open it
        JournalFile.open(str(path)).close()
    assert stat.S_IMODE(path.stat().st_mode) == mode


# What is no journal


def _text(path: Path) -> None:
    path.write_text("nothing that SQLite wrote, and longer than a header of it: " * 9)


def _foreign(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY)")


def _foreign_in_wal_mode(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE entries (id INTEGER PRIMARY KEY)")


def _change(path: Path, *statements: str) -> None:
    make_journal(path, *(make_row(number) for number in range(1, 200)))
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    (path.parent / "queue.db-lock").unlink()


def _newer(path: Path) -> None:
    _change(path, "PRAGMA user_version = 2")


def _without_schema(path: Path) -> None:
    _change(path, "PRAGMA user_version = 0")


def _other_table(path: Path) -> None:
    _change(path, "ALTER TABLE entries RENAME COLUMN method TO verb")


def _no_text(path: Path) -> None:
    _change(path, "UPDATE entries SET method = CAST(x'ff' AS TEXT) WHERE id = 7")


def _other_type(path: Path) -> None:
    _change(path, "UPDATE entries SET params = 5 WHERE id = 7")


def _changed_behind_its_back(path: Path) -> None:
    _change(path, "UPDATE entries SET sent = 1 WHERE id = 7")


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (Path.touch, "is empty, so no journal"),
        (_text, "is no SQLite file"),
        (_foreign, "is the SQLite file of another program"),
        (_foreign_in_wal_mode, "is the SQLite file of another program"),
        (_newer, r"newer mcp_sync \(schema 2, this one knows 1\)"),
        (_without_schema, "is damaged"),
        (_other_table, r"is damaged \(no such column"),
        (_no_text, "is damaged"),
        (_other_type, r"is damaged \(entry 7 is not as it was written\)"),
        (_changed_behind_its_back, r"is damaged \(entry 7 is not as it was written\)"),
        (Path.mkdir, "is no regular file"),
        (os.mkfifo, "is no regular file"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_is_no_sound_journal_is_refused_and_left_as_it_is(
    path: Path, make: object, sentence: str
) -> None:
    make(path)  # type: ignore[operator]
    before = contents(path.parent)
    with pytest.raises(MCPConfigurationError, match=sentence):
        read_rows(str(path))
    assert refusal(path) == refusal(path)
    with pytest.raises(MCPConfigurationError, match=sentence):
        JournalFile.open(str(path))
    after = contents(path.parent)
    after.pop("queue.db-lock", None)
    assert after == before


@pytest.mark.parametrize("make", [Path.touch, _text, _foreign, _newer, Path.mkdir, os.mkfifo])
def test_beside_a_file_of_another_program_no_lock_is_left(path: Path, make: object) -> None:
    make(path)  # type: ignore[operator]
    refusal(path)
    assert [one.name for one in path.parent.iterdir()] == ["queue.db"]


def test_a_file_that_was_cut_off_is_refused_and_left_as_it_is(path: Path) -> None:
    make_journal(path, *(make_row(number, params="x" * 500) for number in range(1, 200)))
    whole = path.read_bytes()
    chance = random.Random(1)
    for size in [1, 99, 100, 4095, 4096, len(whole) - 1, *chance.sample(range(len(whole)), 40)]:
        path.write_bytes(whole[:size])
        with pytest.raises(MCPConfigurationError):
            JournalFile.open(str(path))
        assert path.read_bytes() == whole[:size]
    path.write_bytes(whole)
    JournalFile.open(str(path)).close()


def test_a_cut_where_nothing_is_kept_is_noticed_as_well(path: Path) -> None:
    make_journal(path, *(make_row(number, params="x" * 500) for number in range(1, 200)))
    file = JournalFile.open(str(path))
    file.write(gone=range(20, 200))
    file.close()
    cut_off = path.read_bytes()[:-10]
    path.write_bytes(cut_off)
    assert "is no number of whole pages" in refusal(path)
    assert path.read_bytes() == cut_off


def test_random_bytes_in_the_middle_are_never_taken_for_calls(path: Path) -> None:
    rows = [make_row(number, params=f'"{"x" * 700}"') for number in range(1, 120)]
    make_journal(path, *rows)
    whole = path.read_bytes()
    chance = random.Random(2)
    refused = 0
    for _ in range(60):
        at = chance.randrange(100, len(whole) - 64)
        path.write_bytes(whole[:at] + chance.randbytes(64) + whole[at + 64 :])
        damaged = path.read_bytes()
        try:
            found = read_rows(str(path))
        except MCPConfigurationError:
            refused += 1
            with pytest.raises(MCPConfigurationError):
                JournalFile.open(str(path))
        else:
            assert found == rows  # it struck where nothing is
        assert path.read_bytes() == damaged
    assert refused > 40


def test_a_log_without_its_journal_is_not_mixed_with_a_new_one(path: Path) -> None:
    file = JournalFile.open(str(path))
    file.write(new=[make_row(1)])
    shutil.copyfile(f"{path}-wal", path.parent / "saved")
    file.close()
    path.unlink()
    (path.parent / "saved").rename(f"{path}-wal")
    before = contents(path.parent)
    assert "is gone, but" in refusal(path)
    assert contents(path.parent) == before


# Where there can be none


def test_a_missing_directory_is_named_with_the_way_out(path: Path) -> None:
    assert "No such file or directory; make its directory first" in refusal(path / "queue.db")
    path.touch()
    assert "Not a directory; make its directory first" in refusal(path / "queue.db")


AS_NOBODY = """
import os, sys
from mcp_sync.connection.journal_file import JournalFile
from mcp_sync.errors import MCPConfigurationError

if os.geteuid() == 0:
    os.setuid(65534)
try:
    JournalFile.open(sys.argv[1])
except MCPConfigurationError as error:
    print(error)
"""


@pytest.fixture
def open_directory() -> Iterator[Path]:
    """A directory that everybody may read, and nobody but its owner may write."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    directory.chmod(0o755)
    shutil.rmtree(directory)


def test_a_directory_that_may_not_be_written_is_refused(open_directory: Path) -> None:
    open_directory.chmod(0o555)
    said = run_child(AS_NOBODY, open_directory / "queue.db")
    assert "Permission denied; make the file and its directory writable" in said
    assert list(open_directory.iterdir()) == []


def test_a_file_that_may_not_be_written_is_refused(open_directory: Path) -> None:
    journal = make_journal(open_directory / "queue.db", make_row(1))
    open_directory.chmod(0o777)
    for file in open_directory.iterdir():
        file.chmod(0o444 if file == journal else 0o666)
    said = run_child(AS_NOBODY, journal)
    assert "readonly database (SQLITE_READONLY); make the file and its directory writable" in said


FULL = """
import resource, sys
from pathlib import Path
from journals import make_row
from mcp_sync.connection.journal_file import JournalFile
from mcp_sync.errors import MCPError

file = JournalFile.open(sys.argv[1])
room = 200_000
resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
number = 0
try:
    while True:
        number += 1
        file.write(new=[make_row(number, params="x" * 5000)])
except MCPError as error:
    print(number - 1)
    print(error)
"""


def test_on_a_full_disk_nothing_is_accepted_and_nothing_accepted_is_lost(path: Path) -> None:
    tests = Path(__file__).parents[2]
    accepted, error = run_child(
        f"import sys; sys.path.insert(0, {str(tests)!r})\n{FULL}", path
    ).splitlines()
    assert "cannot be written: disk I/O error" in error
    assert "make room on its disk" in error
    assert int(accepted) > 10
    assert [row.id for row in read_rows(str(path))] == list(range(1, int(accepted) + 1))


def test_a_full_disk_leaves_no_half_made_journal(path: Path) -> None:
    script = (
        "import resource, sys\n"
        "from mcp_sync.connection.journal_file import JournalFile\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n    JournalFile.open(sys.argv[1])\n"
        "except Exception as error:\n    print(type(error).__name__, error)\n"
    )
    assert run_child(script, path).startswith("MCPConfigurationError")
    assert set(contents(path.parent)) == {"queue.db-lock"}
    JournalFile.open(str(path)).close()


# One at a time


def test_a_second_client_of_this_process_is_refused_by_name(path: Path) -> None:
    file = JournalFile.open(str(path))
    link = path.parent / "link.db"
    link.symlink_to(path)
    for name in (path, link):
        assert "is in use by another client of this process" in refusal(name)
    with pytest.raises(MCPConfigurationError, match="in use"):
        read_rows(str(path))
    file.close()
    JournalFile.open(str(link)).close()


HOLD = """
import sys
from mcp_sync.connection.journal_file import JournalFile
from mcp_sync.connection.journal_rows import JournalRow

file = JournalFile.open(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@contextlib.contextmanager
def held_by_a_process(path: Path) -> Iterator[subprocess.Popen[str]]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdout is not None
        assert child.stdout.readline() == "held\n"
        try:
            yield child
        finally:
            child.kill()


def test_another_process_is_refused_with_the_number_of_the_first(path: Path) -> None:
    with held_by_a_process(path) as child:
        assert f"is in use by process {child.pid}; close that client" in refusal(path)
        assert str(path) in refusal(path)


def test_a_killed_process_holds_nothing_any_more(path: Path) -> None:
    with held_by_a_process(path) as child:
        child.send_signal(signal.SIGKILL)
        child.wait()
        JournalFile.open(str(path)).close()


def test_a_backup_made_by_the_program_itself_does_not_lift_the_lock(path: Path) -> None:
    file = JournalFile.open(str(path))
    file.write(new=[make_row(1)])
    for ending in ("", "-lock", "-wal"):
        Path(f"{path}{ending}").read_bytes()
    said = run_child(AS_NOBODY.replace("os.setuid(65534)", "pass"), path)
    assert f"in use by process {os.getpid()}" in said
    file.close()


def test_a_forgotten_journal_is_closed_for_the_next_client(path: Path) -> None:
    file = JournalFile.open(str(path))
    file.write(new=[make_row(1)])
    del file
    gc.collect()
    JournalFile.open(str(path)).close()


# Forked children

FORK = """
import os, sys
from mcp_sync.connection.journal_file import JournalFile
from mcp_sync.errors import MCPConfigurationError
from journals import make_row, rows_on_disk, run_child
from pathlib import Path

path = sys.argv[1]
file = JournalFile.open(path)
file.write(new=[make_row(1)])
child = os.fork()
if child == 0:
    file.abandon()
    file.close()
    try:
        JournalFile.open(path)
    except MCPConfigurationError as error:
        print(error, flush=True)
    del file
    sys.exit(0)  # with all the destructors that a plain exit runs
os.waitpid(child, 0)
assert os.path.exists(path + "-wal"), "the child has cleared the parent's log away"
file.write(new=[make_row(2)])
assert [row.id for row in rows_on_disk(Path(path))] == [1, 2]
try:
    JournalFile.open(path)
except MCPConfigurationError as error:
    print(error)
file.close()
print([row.id for row in JournalFile.open(path).rows])
"""


def test_a_forked_child_never_touches_the_parents_journal(path: Path) -> None:
    tests = Path(__file__).parents[2]
    script = f"import sys; sys.path.insert(0, {str(tests)!r})\n{FORK}"
    in_child, in_parent, found = run_child(script, path).splitlines()
    assert "belongs to the process that this one was forked from" in in_child
    assert "in use by another client of this process" in in_parent
    assert found == "[1, 2]"


def test_a_surviving_child_does_not_hold_the_dead_parents_lock(path: Path) -> None:
    script = (
        "import os, sys\n"
        "from mcp_sync.connection.journal_file import JournalFile\n"
        "file = JournalFile.open(sys.argv[1])\n"
        "if os.fork() == 0:\n"
        "    file.abandon()\n"
        "    print('abandoned', flush=True)\n"
        "    sys.stdin.read()\n"
        "    os._exit(0)\n"
        "sys.stdin.read(1)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with child:
        assert child.stdin is not None and child.stdout is not None  # noqa: PT018
        assert child.stdout.readline() == "abandoned\n"
        assert "in use" in refusal(path)
        child.kill()
        child.wait()
        JournalFile.open(str(path)).close()
        child.stdin.close()
        assert child.stdout.read() == ""  # the grandchild has ended


# Reading


def test_reading_changes_nothing_also_after_a_kill(path: Path) -> None:
    rows = [make_row(1), make_row(2)]
    make_journal(path, *rows)
    before = contents(path.parent)
    assert read_rows(str(path)) == rows
    assert contents(path.parent) == before
    script = (
        "import os, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "from journals import make_row\n"
        "from mcp_sync.connection.journal_file import JournalFile\n"
        "JournalFile.open(sys.argv[1]).write(new=[make_row(3)])\n"
        "if os.fork() == 0:\n    os.kill(os.getppid(), 9)\n    os._exit(0)\n"
        "os.wait()\n"
    )
    command = [sys.executable, "-c", script, str(path)]
    # Its output has an end when its child has, which holds the lock for as long.
    subprocess.run(command, check=False, timeout=30, capture_output=True)
    before = contents(path.parent)
    assert [row.id for row in read_rows(str(path))] == [1, 2, 3]
    after = contents(path.parent)
    assert {**after, "queue.db-shm": b""} == {**before, "queue.db-shm": b""}


def test_a_journal_that_is_not_there_is_not_made_by_reading(path: Path) -> None:
    for look in (read_rows, lambda name: JournalFile.open(name, create=False)):
        with pytest.raises(MCPConfigurationError, match="is not there"):
            look(str(path))
    assert contents(path.parent) == {}
