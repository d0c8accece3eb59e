"""The record of what the server really executed. Knows nothing of connections or dialects."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Ledger", "LedgerEntry"]


@attrs.frozen
class LedgerEntry:
    """One executed request.

    Attributes:
        sequence: its place in the ledger, from 1.
        method: the method that was called.
        key: what the caller named it by, any JSON value; None when it had no name.
        digest: SHA-256 of the params as canonical JSON, in hexadecimal.
        at: when, ISO 8601 in UTC.
        pid: the process that executed it.
    """

    sequence: int
    method: str
    key: Any
    digest: str
    at: str
    pid: int


class Ledger:
    """Append-only list of executed requests, safe to use from any thread.

    Args:
        path: a file of JSON lines that outlives the process; entries already in it are loaded, one
            that is not there is made, and only one process at a time may append to it. None keeps
            the ledger in memory.

    Raises:
        ValueError: a line of the file is not a ledger entry; the file is left as it is.
        OSError: the file cannot be read, or not be written to.
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else Path(path)
        self._lock = threading.Lock()
        self._entries = [] if self._path is None else _load(self._path)

    def append(self, method: str, key: Any, params: Mapping[str, Any]) -> LedgerEntry:
        """Record one execution; with a file, the entry is in it when this returns.

        Args:
            method: the method that was called.
            key: what the caller named the request by; None when it had no name.
            params: the params, of which only the digest is kept.

        Returns:
            The new entry.

        Raises:
            OSError: the file could not be written; nothing was recorded.
        """
        digest = hashlib.sha256(_canonical(params)).hexdigest()
        at = datetime.now(UTC).isoformat()
        with self._lock:
            entry = LedgerEntry(len(self._entries) + 1, method, key, digest, at, os.getpid())
            if self._path is not None:
                _write_line(self._path, _canonical(attrs.asdict(entry)) + b"\n")
            self._entries.append(entry)
        return entry

    def entries(self) -> list[LedgerEntry]:
        """All entries so far, oldest first, as a list of the caller's own."""
        with self._lock:
            return list(self._entries)


def _canonical(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode("ascii")


def _write_line(path: Path, line: bytes) -> None:
    # One write(2) with O_APPEND: once it returns the line belongs to the kernel, so that killing
    # the process loses nothing and leaves no half line.
    descriptor = _open(path)
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END)
        if os.write(descriptor, line) != len(line):
            os.ftruncate(descriptor, size)
            raise OSError(errno.ENOSPC, "no room for a ledger entry", str(path))
    finally:
        os.close(descriptor)


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)


def _load(path: Path) -> list[LedgerEntry]:
    os.close(_open(path))  # or the first entry would be the first to find that it cannot be written
    with path.open("rb") as lines:
        return [_parse(path, number, line) for number, line in enumerate(lines, start=1)]


def _parse(path: Path, number: int, line: bytes) -> LedgerEntry:
    try:
        entry = LedgerEntry(**json.loads(line))
    except (ValueError, TypeError) as error:
        raise ValueError(f"{path}, line {number}: not a ledger entry: {line[:80]!r}") from error
    if entry.sequence != number:
        raise ValueError(f"{path}, line {number}: holds entry {entry.sequence} instead")
    return entry
