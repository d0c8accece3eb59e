"""Where the benchmark puts its figures, and their table and plot in ``docs/performance.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from ..pages import PROJECT, between_markers, circumstances, load, save, table
from .parts import Part
from .plot import draw

__all__ = ["FILE", "measured", "record", "render", "row"]

FILE: Final = Path(__file__).parent / "figures.json"
PAGE: Final = PROJECT / "docs" / "performance.md"

COLUMNS: Final = ("measure", "goal", "measured, median (quartiles)", "met", "rounds", "when, by")


def row(parts: Sequence[Part], command: str, load: float) -> dict[str, Any]:
    """What one row of the benchmark came to.

    Args:
        parts: its figures.
        command: what measures it again.
        load: how many processes wanted a core in the minute before it, on the average.
    """
    shown = [part.as_row() for part in parts]
    return {"parts": shown, "load": round(load, 1), **circumstances(command)}


def record(rows: dict[str, dict[str, Any]]) -> None:
    """Put rows down in place of earlier ones of their names, and show all on the page."""
    merged = save(FILE, load(FILE), rows)
    PAGE.write_text(render(PAGE.read_text(encoding="utf-8"), merged), encoding="utf-8")
    draw(merged)


def measured(part: Mapping[str, Any]) -> str:
    """The figure of a part as a reader wants it."""
    if part["median"] is None:
        return f"not measured: {part['note']}"
    text = f"{part['median']:.3g} {part['unit']}".strip()
    if part["quartiles"] is not None:
        first, third = part["quartiles"]
        text += f" ({first:.3g} to {third:.3g})"
    return text + (f"; {part['note']}" if part["note"] else "")


def render(page: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Replace the table in a page."""
    lines = [
        (
            part["measure"],
            part["goal"],
            measured(part),
            "yes" if part["met"] else "**no**",
            part["rounds"],
            f"{one['date']}, load {one['load']}, `{one['command']}`",
        )
        for one in rows.values()
        for part in one["parts"]
    ]
    return between_markers(page, rows, table(COLUMNS, lines))
