"""What a journal looks like on disk, and the look at a file that must not be changed by it.

The header is read first, as plain bytes; then the contents, through a connection that cannot write.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from typing import Final
from urllib.parse import quote

from ..errors import MCPConfigurationError
from .journal_rows import COLUMNS, JournalRow

__all__ = ["MOVE_AWAY", "SCHEMA", "check_header", "connect", "error_name", "look"]

APPLICATION_ID: Final = 0x6D637073  # "mcps"
SCHEMA_VERSION: Final = 1

_MAGIC: Final = b"SQLite format 3\0"
_HEADER_SIZE: Final = 100
"""Bytes of the header, and below where its fields are (SQLite, Database File Format, 1.3)."""
_PAGE_SIZE_AT: Final = slice(16, 18)
_USER_VERSION_AT: Final = slice(60, 64)
_APPLICATION_ID_AT: Final = slice(68, 72)

_BUSY_SECONDS: Final = 1.0

_NO_FAULT_OF_THE_FILE: Final = (
    "SQLITE_AUTH",
    "SQLITE_BUSY",
    "SQLITE_CANTOPEN",
    "SQLITE_FULL",
    "SQLITE_IOERR",
    "SQLITE_LOCKED",
    "SQLITE_NOMEM",
    "SQLITE_PERM",
    "SQLITE_READONLY",
)

MOVE_AWAY: Final = "move it away, and a new one is made in its place"
"""What to do about a damaged file."""

SCHEMA: Final = f"""
    BEGIN;
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL,
        method TEXT NOT NULL,
        params TEXT NOT NULL,
        repeatable INTEGER NOT NULL,
        keyed INTEGER NOT NULL,
        answer_limit REAL,
        queued_at REAL NOT NULL,
        expires_at REAL,
        sent INTEGER NOT NULL,
        checksum INTEGER NOT NULL
    );
    PRAGMA application_id = {APPLICATION_ID};
    PRAGMA user_version = {SCHEMA_VERSION};
    COMMIT;
    PRAGMA journal_mode = WAL;
"""
"""Makes an empty journal of an empty database."""


def look(path: str) -> list[JournalRow]:
    """Check a file that nobody writes, without changing it, and read its rows.

    Args:
        path: the file; whoever calls holds its lock.

    Returns:
        The rows, in order.

    Raises:
        MCPConfigurationError: the file is foreign, damaged or newer.
        sqlite3.Error: it could not be read.
        OSError: likewise.
    """
    check_header(path)
    # Without a log nothing has to be recovered, and SQLite needs no files beside it.
    mode = "ro" if os.path.lexists(path + "-wal") else "ro&immutable=1"
    try:
        with contextlib.closing(connect(path, mode)) as connection:
            return _read(path, connection)
    except sqlite3.Error as error:
        if error_name(error).startswith(_NO_FAULT_OF_THE_FILE):
            raise
        raise _damaged(path, error) from error


def _read(path: str, connection: sqlite3.Connection) -> list[JournalRow]:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    _check_version(path, version)
    (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise _damaged(path, verdict)
    found = connection.execute(f"SELECT {COLUMNS}, checksum FROM entries ORDER BY id")
    try:
        return [JournalRow.from_columns(values) for values in found]
    except ValueError as error:
        raise _damaged(path, error) from error


def check_header(path: str) -> None:
    """Refuse a file that is no journal of this version, before SQLite may leave anything beside it.

    Raises:
        MCPConfigurationError: it is foreign, cut off or newer.
        OSError: it could not be read.
    """
    # A pipe in its place must not block.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise MCPConfigurationError("journal", path, "is no regular file; name another one")
        header = os.pread(descriptor, _HEADER_SIZE, 0)
    finally:
        os.close(descriptor)
    if len(header) < _HEADER_SIZE or not header.startswith(_MAGIC):
        what = "is empty" if not header else "is no SQLite file"
        rule = f"{what}, so no journal, and was left as it is; use another file, or move it away"
        raise MCPConfigurationError("journal", path, rule)
    if int.from_bytes(header[_APPLICATION_ID_AT], "big") != APPLICATION_ID:
        rule = "is the SQLite file of another program and was left as it is; use another file"
        raise MCPConfigurationError("journal", path, rule)
    _check_version(path, int.from_bytes(header[_USER_VERSION_AT], "big"))
    page_size = int.from_bytes(header[_PAGE_SIZE_AT], "big")
    page_size = 65_536 if page_size == 1 else page_size
    if not os.path.lexists(path + "-wal") and (not page_size or status.st_size % page_size):
        raise _damaged(path, f"its size, {status.st_size} bytes, is no number of whole pages")


def _check_version(path: str, version: int) -> None:
    if version > SCHEMA_VERSION:
        rule = (
            f"was written by a newer mcp_sync (schema {version}, this one knows {SCHEMA_VERSION}) "
            "and was left as it is; update mcp_sync, or use another file"
        )
        raise MCPConfigurationError("journal", path, rule)
    if version != SCHEMA_VERSION:
        raise _damaged(path, f"it has no schema {version}")


def _damaged(path: str, detail: object) -> MCPConfigurationError:
    rule = f"is damaged ({detail}) and was left as it is; {MOVE_AWAY}"
    return MCPConfigurationError("journal", path, rule)


def connect(path: str, mode: str) -> sqlite3.Connection:
    """Connect to a file; ``mode`` is that of a SQLite URI, "rw" or "ro"."""
    return sqlite3.connect(
        f"file:{quote(os.fsencode(path))}?mode={mode}",
        uri=True,
        timeout=_BUSY_SECONDS,
        isolation_level=None,
        check_same_thread=False,
    )


def error_name(error: sqlite3.Error) -> str:
    """SQLite's name of an error; that of its class where Python's module raised it itself."""
    return getattr(error, "sqlite_errorname", type(error).__name__)
