"""``python -m reliability.page``: put the table of the figures into ``docs/reliability.md``."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from reliability.figures import load

__all__ = ["PAGE", "main", "render"]

PAGE: Final = Path(__file__).parents[2] / "docs" / "reliability.md"

BEGIN: Final = "<!-- figures: begin -->"
END: Final = "<!-- figures: end -->"

HEAD: Final = (
    "| promise | how the fault is injected | rounds | measured | when, with what |\n"
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
    table = HEAD + "".join(_row(rows[name]) for name in sorted(rows))
    return f"{before}{BEGIN}\n\n{table}\n{END}{after}"


def _row(row: Mapping[str, Any]) -> str:
    when = f"{row['date']}, {row['machine']}, `{row['command']}`"
    cells = [row["promise"], row["fault"], f"{row['rounds']:,}", row["measured"], when]
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


def main() -> int:
    """Render the page in place."""
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(render(page, load()), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
