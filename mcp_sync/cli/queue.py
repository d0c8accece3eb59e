"""`mcp-sync queue`: look into a journal that no client has open, or empty it."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Any, Final

from mcp_sync.cli.exits import OK
from mcp_sync.cli.output import line_width, print_json, table
from mcp_sync.connection.journal_rows import JournalRow
from mcp_sync.connection.journal_tools import clear_entries, export_entries, list_entries

__all__ = ["clear", "export", "list_"]

_HEADS: Final = ("id", "method", "bytes", "queued", "expires", "state")


def list_(options: Namespace) -> int:
    """Print a table of the entries; their params are not shown, since they may hold secrets.

    Args:
        options: ``path`` and ``json``.

    Returns:
        The exit code.
    """
    entries = list_entries(options.path)
    now = time.time()
    if options.json:
        print_json([_facts(entry) for entry in entries])
        return OK
    rows = [
        (
            entry.name,
            entry.method,
            len(entry.params.encode()),
            f"{_span(now - entry.queued_at)} ago",
            _expiry(entry.time_left(now)),
            "sent, maybe executed" if entry.sent else "not sent",
        )
        for entry in entries
    ]
    if rows:
        print(*table(_HEADS, rows, line_width()), sep="\n")
    print(f"{len(rows)} calls" if rows else "the journal is empty")
    return OK


def export(options: Namespace) -> int:
    """Print each entry as a line of JSON, with its params.

    Args:
        options: ``path``; ``json`` is what it does anyway.

    Returns:
        The exit code.
    """
    for line in export_entries(options.path):
        print(line)
    return OK


def clear(options: Namespace) -> int:
    """Delete every entry.

    Args:
        options: ``path`` and ``json``.

    Returns:
        The exit code.
    """
    count = clear_entries(options.path)
    if options.json:
        print_json({"deleted": count})
    else:
        print(f"{count} calls deleted")
    return OK


def _facts(entry: JournalRow) -> dict[str, Any]:
    return {
        "journal_id": entry.name,
        "method": entry.method,
        "bytes": len(entry.params.encode()),
        "queued_at": entry.queued_at,
        "expires_at": entry.expires_at,
        "sent": bool(entry.sent),
    }


def _expiry(left: float | None) -> str:
    if left is None:
        return "never"
    return f"in {_span(left)}" if left > 0 else f"{_span(-left)} ago"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
