"""The live screen of `mcp-sync watch`. Imports ``rich``, so it is imported only when used.

Whatever a server says is shown as text: neither markup nor control characters of it count.
``rich`` itself obeys ``NO_COLOR``.
"""

from __future__ import annotations

import errno
import os
import sys
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from mcp_sync import ConnectionState
from mcp_sync.cli.output import is_terminal, printable
from mcp_sync.cli.round_trips import figures
from mcp_sync.cli.watch_pulse import Pulse
from mcp_sync.cli.watch_view import View, clock, sparkline

__all__ = ["Screen", "draw"]

_COLOURS: Final = {
    ConnectionState.INITIALIZED: "green",
    ConnectionState.CONNECTED: "green",
    ConnectionState.OFFLINE: "red",
    ConnectionState.FAILED: "red",
}
_SHOWN: Final = 6
"""Rows of each list."""

_MARGIN: Final = 12
"""Columns that names take beside a sparkline."""


class Screen:
    """The whole terminal, until it is left. A context manager, for one thread."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._live = Live(
            console=self._console,
            screen=True,
            auto_refresh=False,  # it would be a thread of its own
            vertical_overflow="crop",
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._live.stop()

    def show(self, pulse: Pulse, *, beat: bool) -> None:
        """Draw what there is, on a beat or not.

        Raises:
            OSError: the terminal is gone, on which ``rich`` would draw nothing and say nothing.
        """
        if not is_terminal(sys.stdout):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        encoding = (self._console.encoding or "").lower()
        shown = draw(pulse.view(), self._console.width, ascii_only=not encoding.startswith("utf"))
        self._live.update(shown, refresh=True)


def draw(view: View, width: int, *, ascii_only: bool = False) -> RenderableType:
    """Lay out a view for a terminal.

    Args:
        view: what to show.
        width: columns of the terminal.
        ascii_only: whether it shows nothing else.

    Returns:
        What ``rich`` prints.
    """
    found = view.statistics
    spark = sparkline(view.round_trips, width - _MARGIN, ascii_only=ascii_only)
    state = Text(str(found.state), style=f"bold {_COLOURS.get(found.state, 'yellow')}")
    state.append(f" since {clock(found.state_since)}, up {found.uptime:.0f} s", style="")
    facts = _grid(
        ("server", Text(printable(f"{view.url}, {view.server or 'not heard of so far'}"))),
        ("state", state),
        ("queue", Text(_queue(view))),
        ("pings", Text(f"{view.pings}, {view.lost} lost; {_figures(view)}")),
        ("latency", Text(spark, style="cyan")),
    )
    return Group(
        facts,
        _section("history", [(clock(one.at), one.name, one.text) for one in view.news]),
        _section(
            "calls in flight",
            [
                (one.call_id, one.method, f"{one.age:.1f} s, {one.waits_for}")
                for one in view.flights
            ],
        ),
        _section(
            "last losses",
            [(clock(one.at), str(one.close_code or ""), one.cause) for one in found.losses.recent],
        ),
        Text("q ends it", style="dim"),
    )


def _grid(*rows: tuple[str, Text]) -> Table:
    grid = Table.grid(padding=(0, 2))
    for name, value in rows:
        grid.add_row(Text(name, style="bold"), value)
    return grid


def _section(title: str, rows: list[tuple[str, str, str]]) -> RenderableType:
    grid = Table.grid(padding=(0, 2), expand=True)
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows[-_SHOWN:]:
        grid.add_row(*(Text(printable(cell)) for cell in row))
    head = Rule(Text(f"{title} ({len(rows)})", style="bold"), align="left", style="dim")
    return Group(head, grid)


def _queue(view: View) -> str:
    queue = view.statistics.queue
    oldest = "" if queue.oldest_age is None else f", the oldest for {queue.oldest_age:.0f} s"
    return f"{queue.size} calls, {queue.bytes} bytes{oldest}; {queue.high_water} at the most"


def _figures(view: View) -> str:
    last = view.round_trips[-1] if view.round_trips else None
    found = {"last": last, **figures(view.round_trips)}
    told = [
        f"{name} {value * 1000:.2f}"
        for name in ("last", "p50", "p99", "max")
        if (value := found[name]) is not None
    ]
    return f"{', '.join(told)} ms" if told else "no answer yet"
