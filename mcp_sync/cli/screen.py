"""What a terminal shows prettier than a pipe: tables and progress, with ``rich`` where it is there.

Without a terminal, or without the extra ``cli``, all of it is plain text. This room decides which;
it knows no commands.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Protocol, TextIO

from mcp_sync.cli.output import is_terminal, line_width, printable, table

__all__ = ["Reporter", "can_draw", "find_pretty", "progress_reporter", "show_table"]


class Reporter(Protocol):
    """Shows how far a call is. ``report`` is called on another thread than the others."""

    def report(self, progress: float, total: float | None, message: str | None) -> None:
        """Show a report of the server."""

    def close(self) -> None:
        """Show no more."""


def can_draw(stream: TextIO | None) -> bool:
    """Whether a stream is a terminal that can do more than show text, line after line."""
    return is_terminal(stream) and os.environ.get("TERM") not in ("dumb", "unknown")


def find_pretty(stream: TextIO | None) -> ModuleType | None:
    """The room that draws with ``rich``; None for a stream that is to have plain text.

    Args:
        stream: standard output or standard error.

    Returns:
        ``mcp_sync.cli.pretty``, where the stream can be drawn on and ``rich`` is installed.
    """
    if not can_draw(stream):
        return None
    try:
        from mcp_sync.cli import pretty  # noqa: PLC0415 - it imports rich, an extra
    except ImportError as error:
        if (error.name or "").partition(".")[0] != "rich":
            raise
        return None
    return pretty


def show_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table to standard output.

    Args:
        heads: the names of the columns.
        rows: as many values for each row.
    """
    pretty = find_pretty(sys.stdout)
    if pretty is None:
        print(*table(heads, rows, line_width()), sep="\n")
    else:
        pretty.print_table(heads, rows)


def progress_reporter(title: str) -> Reporter:
    """What shows the progress of a call on standard error: a bar, or a line for each report.

    Args:
        title: what is under way.
    """
    pretty = find_pretty(sys.stderr)
    reporter: Reporter = _Lines() if pretty is None else pretty.Bar(title)
    return reporter


class _Lines:
    """A line for each report."""

    def report(self, progress: float, total: float | None, message: str | None) -> None:
        amount = f"{progress:g}" if not total else f"{progress / total:4.0%}"
        said = f" {printable(message)}" if message else ""
        print(f"{amount}{said}", file=sys.stderr, flush=True)

    def close(self) -> None:
        """Nothing is open."""
