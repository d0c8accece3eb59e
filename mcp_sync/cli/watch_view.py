"""What `mcp-sync watch` shows at one moment, as a frozen value, a line and JSON. Pure."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any, Final

import attrs

from mcp_sync import ConnectionStatistics
from mcp_sync.cli.output import printable

__all__ = ["Flight", "News", "View", "clock", "news_line", "sparkline"]

_BARS: Final = "▁▂▃▄▅▆▇█"
_ASCII_BARS: Final = "_.-=+*#@"
_LOST: Final = "!"


@attrs.frozen
class News:
    """Something that happened to the connection.

    Args:
        at: when, in seconds since the epoch.
        name: the event's name.
        text: the rest of it, in words.
    """

    at: float
    name: str
    text: str


@attrs.frozen
class Flight:
    """A call that has no answer yet.

    Args:
        call_id: its name.
        method: its method.
        age: seconds since it was made.
        waits_for: what it waits for, in words.
    """

    call_id: str
    method: str
    age: float
    waits_for: str


@attrs.frozen(kw_only=True)
class View:
    """All that is shown.

    Args:
        url: where the server is.
        server: what it says it is, or said last; None before it said anything.
        statistics: what the client counted.
        news: what happened, oldest first.
        flights: the calls that have no answer yet, oldest first.
        round_trips: of the last pings, oldest first, in seconds; None where no answer came.
        pings: how many pings are over.
        lost: how many of them had no answer.
    """

    url: str
    server: str | None
    statistics: ConnectionStatistics
    news: tuple[News, ...]
    flights: tuple[Flight, ...]
    round_trips: tuple[float | None, ...]
    pings: int
    lost: int

    def line(self) -> str:
        """The moment in one line."""
        found = self.statistics
        last = self.round_trips[-1] if self.round_trips else None
        parts = [
            f"{clock(found.taken_at)}  {found.state}",
            "no answer yet" if last is None else f"{last * 1000:.2f} ms",
            f"{found.queue.size} queued",
            f"{found.calls.pending} in flight",
            f"{self.lost} of {self.pings} pings lost",
            f"{found.losses.count} links lost",
        ]
        return ", ".join(parts)

    def as_dict(self) -> dict[str, Any]:
        """The moment for JSON, in one object."""
        return {
            "url": self.url,
            "server": self.server,
            "state": str(self.statistics.state),
            "pings": self.pings,
            "lost": self.lost,
            "round_trip": self.round_trips[-1] if self.round_trips else None,
            "in_flight": [attrs.asdict(one) for one in self.flights],
            "statistics": self.statistics.as_dict(),
        }


def clock(at: float) -> str:
    """The time of day, as people read it."""
    return time.strftime("%H:%M:%S", time.localtime(at))


def news_line(news: News) -> str:
    """A piece of news in one line that no terminal obeys."""
    return f"{clock(news.at)}  [{news.name}] {printable(news.text)}"


def sparkline(values: Sequence[float | None], width: int, *, ascii_only: bool = False) -> str:
    """Draw values as a row of bars, from nothing to the highest of them.

    Args:
        values: oldest first; None is a loss.
        width: how many of the last ones to draw.
        ascii_only: whether a terminal shows nothing else.

    Returns:
        A character for each.
    """
    bars = _ASCII_BARS if ascii_only else _BARS
    shown = values[-width:] if width > 0 else ()
    top = max((one for one in shown if one is not None), default=0.0)
    steps = len(bars) - 1
    return "".join(
        _LOST if one is None else bars[round(one / top * steps) if top else 0] for one in shown
    )
