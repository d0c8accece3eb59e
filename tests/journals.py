"""What the tests of the journal share: rows, a look at a journal in use, child processes."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import attrs

from mcp_sync.connection.journal_file import JournalFile, read_rows
from mcp_sync.connection.journal_rows import JournalRow

CHILD_SECONDS = 30.0


def make_row(number: int, **facts: Any) -> JournalRow:
    """A row with this id; further facts as ``JournalRow`` takes them."""
    row: dict[str, Any] = {
        "id": number,
        "name": f"{number:032x}",
        "method": "tools/call",
        "params": f'{{"number":{number}}}',
        "repeatable": False,
        "keyed": False,
        "answer_limit": 30.0,
        "queued_at": time.time(),
        "expires_at": None,
    }
    return JournalRow(**(row | facts))


def make_journal(path: Path, *rows: JournalRow) -> Path:
    """A closed journal with these rows."""
    file = JournalFile.open(str(path))
    file.write(new=rows)
    file.close()
    return path


def let_time_pass(path: Path, seconds: float) -> None:
    """Set back all times of a closed journal, as if it had lain about for so long."""
    rows = read_rows(str(path))
    for file in path.parent.glob(f"{path.name}*"):
        file.unlink()
    make_journal(
        path,
        *(
            attrs.evolve(
                row,
                queued_at=row.queued_at - seconds,
                expires_at=None if row.expires_at is None else row.expires_at - seconds,
            )
            for row in rows
        ),
    )


def rows_on_disk(path: Path) -> list[JournalRow]:
    """What a process would find if this one were killed now: read from a copy."""
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(directory) / "copy.db"
        for ending in ("", "-wal"):
            if Path(f"{path}{ending}").exists():
                shutil.copyfile(f"{path}{ending}", f"{copy}{ending}")
        return read_rows(str(copy))


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of a directory, byte for byte."""
    return {one.name: one.read_bytes() for one in directory.iterdir() if one.is_file()}


def run_child(script: str, *arguments: object) -> str:
    """Run Python source in a process of its own and give what it printed; it must succeed."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", script, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=CHILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
