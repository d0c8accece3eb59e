"""Tables and a progress bar on a terminal. Imports ``rich``, so it is imported only when used.

Whatever a server says is shown as text: neither markup nor control characters of it count.
``rich`` itself obeys ``NO_COLOR``.
"""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table
from rich.text import Text

from mcp_sync.cli.output import printable

__all__ = ["Bar", "print_table"]


def print_table(heads: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a table, as ``screen.show_table`` says; long cells are wrapped, not cut."""
    shown = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        is_number = bool(rows) and all(isinstance(row[number], int | float) for row in rows)
        shown.add_column(
            Text(head),
            style="cyan" if number == 0 else "",
            justify="right" if is_number else "left",
            overflow="fold",
        )
    for row in rows:
        shown.add_row(*(Text(printable(cell)) for cell in row))
    Console(highlight=False).print(shown)


class Bar:
    """A progress bar on standard error, which is gone at the end. Safe for any thread.

    Args:
        title: what is under way.
    """

    def __init__(self, title: str) -> None:
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TextColumn("{task.fields[amount]}", markup=False),
            TextColumn("{task.fields[message]}", markup=False),
            console=Console(stderr=True),
            auto_refresh=False,  # it would be a thread of its own
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._task = self._progress.add_task(printable(title), total=None, amount="", message="")
        self._progress.start()

    def report(self, progress: float, total: float | None, message: str | None) -> None:
        """Move the bar."""
        amount = f"{progress:g}" if not total else f"{progress / total:.0%}"
        self._progress.update(
            self._task,
            completed=progress,
            total=total or None,
            amount=amount,
            message=printable(message or ""),
            refresh=True,
        )

    def close(self) -> None:
        """Take the bar away."""
        self._progress.stop()
