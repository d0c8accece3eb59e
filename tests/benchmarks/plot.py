"""The plot of ``docs/performance.md``: every figure beside its goal, on one scale.

Needs matplotlib, which the environment of the benchmark has.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from ..pages import PROJECT

__all__ = ["FILE", "Bar", "bars", "draw"]

FILE: Final = PROJECT / "docs" / "performance.svg"

_MET, _MISSED = "#2a78b8", "#c8502d"


@attrs.frozen
class Bar:
    """A figure as a share of its goal: 1 meets it exactly, less is better.

    Args:
        name: what is measured.
        low: the better quartile.
        middle: the median.
        high: the worse quartile.
    """

    name: str
    low: float
    middle: float
    high: float

    @property
    def is_met(self) -> bool:
        """Whether the median keeps to the goal."""
        return self.middle <= 1


def bars(rows: Mapping[str, Mapping[str, Any]]) -> list[Bar]:
    """What can be shown of the figures: all that were measured and whose goal is not zero."""
    found = []
    for part in (part for row in rows.values() for part in row["parts"]):
        sense, bound, *_ = part["goal"].split()
        median, goal = part["median"], float(bound)
        if median is None or not goal:
            continue
        values = (median, *(part["quartiles"] or ()))
        shares = [value / goal if sense == "≤" else goal / value for value in values]
        found.append(Bar(part["measure"], min(shares), shares[0], max(shares)))
    return found


def draw(rows: Mapping[str, Mapping[str, Any]], file: Path = FILE) -> None:
    """Write the plot as an SVG, with the same bytes for the same figures."""
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "mcp_sync", "font.size": 9})
    shown = bars(rows)
    figure, axes = plt.subplots(figsize=(11, 0.27 * len(shown) + 1.2))
    for place, bar in enumerate(reversed(shown)):
        colour = _MET if bar.is_met else _MISSED
        axes.plot([bar.low, bar.high], [place, place], color=colour, linewidth=3, alpha=0.4)
        axes.plot([bar.middle], [place], "o" if bar.is_met else "D", color=colour, markersize=5)
    axes.axvline(1, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.set_yticks(range(len(shown)), [bar.name for bar in reversed(shown)])
    axes.set_ylim(-1, len(shown))
    axes.set_xlabel("measured / goal: left of the line is better than the goal (median, quartiles)")
    axes.grid(axis="x", which="both", alpha=0.2)
    figure.tight_layout()
    figure.savefig(file, metadata={"Date": None})
    plt.close(figure)
