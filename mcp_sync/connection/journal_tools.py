"""What can be done with a journal that no client has open: list it, export it, empty it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime

from .journal_file import JournalFile, read_rows
from .journal_rows import JournalRow

__all__ = ["clear_entries", "export_entries", "list_entries"]


def list_entries(path: str | os.PathLike[str]) -> list[JournalRow]:
    """Read a journal without changing it.

    Args:
        path: the file.

    Returns:
        Its entries, in the order of queueing.

    Raises:
        MCPConfigurationError: it is not there, in use by a client, or no sound journal.
    """
    return read_rows(os.fspath(path))


def export_entries(path: str | os.PathLike[str]) -> Iterator[str]:
    """Give each entry of a journal as a line of JSON, without changing it.

    Args:
        path: the file.

    Yields:
        An object with ``journal_id``, ``method``, ``params`` (None where there are none),
        ``idempotent``, ``sent`` (true where it may have been executed), ``queued_at`` and
        ``expires_at`` (ISO 8601 in UTC; None for never).

    Raises:
        MCPConfigurationError: as for ``list_entries``.
    """
    for row in list_entries(path):
        entry = {
            "journal_id": row.name,
            "method": row.method,
            "params": json.loads(row.params) if row.params else None,
            "idempotent": row.repeatable,
            "sent": row.sent > 0,
            "queued_at": _iso(row.queued_at),
            "expires_at": None if row.expires_at is None else _iso(row.expires_at),
        }
        yield json.dumps(entry)


def clear_entries(path: str | os.PathLike[str]) -> int:
    """Delete every entry of a journal.

    Args:
        path: the file.

    Returns:
        How many they were.

    Raises:
        MCPConfigurationError: as for ``list_entries``, or it cannot be written.
        MCPError: nothing was deleted; it says why.
    """
    file = JournalFile.open(os.fspath(path), create=False)
    try:
        file.write(gone=[row.id for row in file.rows])
        return len(file.rows)
    finally:
        file.close()


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()
