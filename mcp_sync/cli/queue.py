"""`mcp-sync queue`: look into a journal that no client has open, or empty it."""

from __future__ import annotations

import time
from argparse import Namespace
from typing import Final

from mcp_sync.cli.exits import OK
from mcp_sync.cli.output import line_width, table
from mcp_sync.connection.journal_tools import clear_entries, export_entries, list_entries

__all__ = ["clear", "export", "list_"]

_HEADS: Final = ("id", "method", "bytes", "queued", "expires", "state")


def list_(options: Namespace) -> int:
    """Print a table of the entries; their params are not shown, since they may hold secrets.

    Args:
        options: ``path``.

    Returns:
        The exit code.
    """
    entries = list_entries(options.path)
    now = time.time()
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
        options: ``path``.

    Returns:
        The exit code.
    """
    for line in export_entries(options.path):
        print(line)
    return OK


def clear(options: Namespace) -> int:
    """Delete every entry.

    Args:
        options: ``path``.

    Returns:
        The exit code.
    """
    print(f"{clear_entries(options.path)} calls deleted")
    return OK


def _expiry(left: float | None) -> str:
    if left is None:
        return "never"
    return f"in {_span(left)}" if left > 0 else f"{_span(-left)} ago"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
