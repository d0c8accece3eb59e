"""The journal's file: a SQLite database that outlives its process. Foreign exceptions end here.

It knows rows and no calls. One client has it open at a time.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

import attrs

from ..errors import MCPConfigurationError, MCPError
from .journal_format import MOVE_AWAY, SCHEMA, check_header, connect, error_name, look
from .journal_lock import JournalLock
from .journal_rows import COLUMNS, JournalRow, seal

__all__ = ["JournalFile", "read_rows"]

_COMPANIONS: Final = ("", "-journal", "-wal", "-shm")
"""What the names of the files end with that SQLite keeps for a database, itself included."""

_ROOM: Final = "make room on its disk"
_WRITABLE: Final = "make the file and its directory writable for this process"

_WAYS_OUT: Final = {
    errno.ENOENT: "make its directory first",
    errno.ENOTDIR: "make its directory first",
    errno.EACCES: _WRITABLE,
    errno.EPERM: _WRITABLE,
    errno.EROFS: _WRITABLE,
    errno.ENOSPC: _ROOM,
    errno.EDQUOT: _ROOM,
    errno.EFBIG: _ROOM,
    "SQLITE_FULL": _ROOM,
    "SQLITE_IOERR": f"{_ROOM}, or see whether it is broken",
    "SQLITE_READONLY": _WRITABLE,
    "SQLITE_CANTOPEN": _WRITABLE,
    "SQLITE_BUSY": "end the program that has it open",
    "SQLITE_CORRUPT": MOVE_AWAY,
    "SQLITE_NOTADB": MOVE_AWAY,
}
"""What to do about an error, by its number, or by the first two words of SQLite's name for it."""

_abandoned: Final[list[tuple[str, sqlite3.Connection]]] = []
"""Files that are the parent's, with connections that a forked child must never close."""


class JournalFile:
    """An open journal, locked against every other client. Not safe for threads by itself.

    Args:
        path: the file, without symbolic links.
        lock: held.
        rows: what was found in it.
    """

    _connection: sqlite3.Connection | None = None

    def __init__(self, path: str, lock: JournalLock, rows: list[JournalRow]) -> None:
        self.path = path
        self.rows = rows
        """What was found when it was opened, in order."""
        self._lock = lock
        self._connection = _connect_for_writing(path)

    @classmethod
    def open(cls, path: str, *, create: bool = True) -> JournalFile:
        """Lock, look, and open; a file that is not there is made.

        Args:
            path: the file.
            create: False refuses a file that is not there.

        Raises:
            MCPConfigurationError: it is in use, foreign, damaged or newer, or cannot be opened.
        """
        with _border(path):
            real = os.path.realpath(path)
            if any(real == parents for parents, _ in _abandoned):
                rule = "belongs to the process that this one was forked from; use another file here"
                raise MCPConfigurationError("journal", path, rule)
            exists = os.path.lexists(real)
            if not exists and not create:
                raise _missing(path)
            if exists and not JournalLock.is_known(real):
                # A file of another program is refused without leaving a lock beside it.
                check_header(real)
            lock = JournalLock.acquire(real)
            try:
                if not os.path.lexists(real):
                    _create(real)
                return cls(real, lock, look(real))
            except BaseException:  # whatever it was, nobody else could open the file any more
                lock.release()
                raise

    def write(
        self,
        new: Iterable[JournalRow] = (),
        sent: Iterable[tuple[int, int, int]] = (),
        gone: Iterable[int] = (),
    ) -> None:
        """Change rows, all or none; the change is on the disk when this returns.

        Args:
            new: rows to add.
            sent: (id, digest, new value of ``sent``) of rows to mark.
            gone: ids of rows to delete; those that are not there do not matter.

        Raises:
            MCPError: nothing was changed; it says why and what to do.
        """
        with self._transaction() as connection:
            connection.executemany("DELETE FROM entries WHERE id = ?", [(one,) for one in gone])
            connection.executemany(
                f"INSERT INTO entries ({COLUMNS}, checksum) VALUES (?,?,?,?,?,?,?,?,?,?,?)",
                [(*attrs.astuple(row), seal(row.digest, row.sent)) for row in new],
            )
            connection.executemany(
                "UPDATE entries SET sent = ?, checksum = ? WHERE id = ?",
                [(count, seal(digest, count), one) for one, digest, count in sent],
            )

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection
        if connection is None:
            raise MCPError(f"the journal {self.path} is closed")
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except (sqlite3.Error, UnicodeError) as error:
            raise MCPError(f"the journal {self.path} cannot be written: {_why(error)}") from error
        finally:
            # SQLite ends the transaction itself after some errors; an interrupt may leave it open.
            with contextlib.suppress(sqlite3.Error):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close it for the next process; a no-op when it is closed.

        Raises:
            MCPError: it is unlocked, and whole for the next process, but not put in order.
        """
        if self._connection is not None:
            connection, self._connection = self._connection, None
            try:
                connection.close()
            except sqlite3.Error as error:
                raise MCPError(f"the journal {self.path} did not close: {_why(error)}") from error
            finally:
                self._lock.release()

    def abandon(self) -> None:
        """Let go of it in a forked child: it is the parent's.

        The connection must not be closed here, not even by its destructor: SQLite would work on
        the parent's write-ahead log with what it remembers from before the fork. Nor may this
        process open the file again, because SQLite still counts it as open and locked here (How To
        Corrupt An SQLite Database File, 2.6).
        """
        if self._connection is not None:
            connection, self._connection = self._connection, None
            _abandoned.append((self.path, connection))
            _never_destroy(connection)
            self._lock.abandon()

    def __del__(self) -> None:
        self.close()


def read_rows(path: str) -> list[JournalRow]:
    """Read a journal that nobody has open, without changing it.

    Args:
        path: the file.

    Returns:
        Its rows, in order.

    Raises:
        MCPConfigurationError: it is not there, in use, foreign, damaged or newer.
    """
    with _border(path):
        real = os.path.realpath(path)
        if not os.path.lexists(real):
            raise _missing(path)
        lock = JournalLock.acquire_for_reading(real)
        try:
            return look(real)
        finally:
            if lock is not None:
                lock.release()


def _missing(path: str) -> MCPConfigurationError:
    return MCPConfigurationError("journal", path, "is not there; name an existing journal")


def _create(path: str) -> None:
    """Make an empty journal, whole or not at all; whoever holds the lock may."""
    if os.path.lexists(path + "-wal"):
        rule = f"is gone, but {path}-wal is not; put it back, or move that away"
        raise MCPConfigurationError("journal", path, rule)
    fresh = path + "-new"
    _remove(fresh)
    try:
        descriptor = os.open(fresh, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        os.close(descriptor)
        with contextlib.closing(connect(fresh, "rw")) as connection:
            connection.executescript(SCHEMA)
        _sync(fresh)
        # Unlike a rename this never replaces what another program has put there meanwhile.
        os.link(fresh, path)
    finally:
        _remove(fresh)
    _sync(str(Path(path).parent))


def _remove(path: str) -> None:
    for ending in _COMPANIONS:
        Path(path + ending).unlink(missing_ok=True)


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _connect_for_writing(path: str) -> sqlite3.Connection:
    connection = connect(path, "rw")
    try:
        connection.execute("PRAGMA synchronous = FULL")
        # SQLite falls back to reading without a word where it may not write.
        connection.execute("DELETE FROM entries WHERE 0")
    except BaseException:  # whatever it was, the connection is of no use
        connection.close()
        raise
    return connection


def _never_destroy(connection: sqlite3.Connection) -> None:
    # The interpreter clears every module at its end; a reference that nobody owns stays.
    import ctypes  # noqa: PLC0415 - only forked children of a process with a journal need it

    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


@contextlib.contextmanager
def _border(path: str) -> Iterator[None]:
    """Turn what SQLite and the system raise while a journal is opened into an error of ours."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise MCPConfigurationError("journal", path, f"cannot be opened: {_why(error)}") from error


def _why(error: Exception) -> str:
    """What happened and the way out, as the rest of a sentence."""
    if isinstance(error, sqlite3.Error):
        name = error_name(error)
        way_out = _WAYS_OUT.get("_".join(name.split("_")[:2]), "use another file")
        return f"{error} ({name}); {way_out}"
    if isinstance(error, OSError):
        way_out = _WAYS_OUT.get(error.errno or 0, "use another file")
        return f"{error.strerror or error}; {way_out}"
    return f"{error}; leave that out of the call"
