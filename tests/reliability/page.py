"""The table of the figures in ``docs/reliability.md``."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

__all__ = ["PAGE", "render", "show"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"

BEGIN: Final = "<!-- figures: begin -->"
END: Final = "<!-- figures: end -->"

HEAD: Final = (
    "| promise | how the fault is injected | rounds | measured | when, by |\n"
    "|---|---|---|---|---|\n"
)


def render(page: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """Replace the table in a page.

    Args:
        page: the text with the two markers.
        rows: by their names, in whose order they are shown.
    """
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    machines = sorted({row["machine"] for row in rows.values()})
    table = HEAD + "".join(_row(rows[name], len(machines) > 1) for name in sorted(rows))
    return f"{before}{BEGIN}\n\nMeasured on {' and '.join(machines)}.\n\n{table}\n{END}{after}"


def _row(row: Mapping[str, Any], names_machine: bool) -> str:
    when = f"{row['date']}, `{row['command']}`"
    if names_machine:
        when += f", {row['machine']}"
    cells = [row["promise"], row["fault"], f"{row['rounds']:,}", row["measured"], when]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


def show(rows: Mapping[str, Mapping[str, Any]]) -> None:
    """Put these rows into the page."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(render(page, rows), encoding="utf-8")
