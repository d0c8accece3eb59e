"""The table of the figures in ``docs/reliability.md``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from pages import PROJECT, between_markers, table

__all__ = ["PAGE", "render", "show"]

PAGE: Final = PROJECT / "docs" / "reliability.md"

COLUMNS: Final = ("promise", "how the fault is injected", "rounds", "measured", "when, by")


def render(page: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Replace the table in a page.

    Args:
        page: the text with the two markers.
        rows: by their names, in whose order they are shown.
    """
    names_machine = len({row["machine"] for row in rows.values()}) > 1
    cells = [_cells(rows[name], names_machine) for name in sorted(rows)]
    return between_markers(page, rows, table(COLUMNS, cells))


def _cells(row: Mapping[str, Any], names_machine: bool) -> list[str]:
    when = f"{row['date']}, `{row['command']}`"
    if names_machine:
        when += f", {row['machine']}"
    return [row["promise"], row["fault"], f"{row['rounds']:,}", row["measured"], when]


def show(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Put these rows into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(render(page, rows), encoding="utf-8")
