"""Measured figures: kept in a JSON file, shown as a table in a page of the documentation.

A row belongs to a name; what one run measured replaces its rows alone. Each says when, where and
by which command it was measured.
"""

from __future__ import annotations

import json
import os
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

__all__ = ["PROJECT", "between_markers", "circumstances", "load", "save", "table"]

PROJECT: Final = Path(__file__).parents[1]

BEGIN: Final = "<!-- figures: begin -->"
END: Final = "<!-- figures: end -->"

Rows = dict[str, dict[str, Any]]


def load(file: Path) -> Rows:
    """Every row by its name; empty before the first run."""
    if not file.exists():
        return {}
    rows: Rows = json.loads(file.read_text(encoding="utf-8"))
    return rows


def save(file: Path, rows: Rows, measured: Rows) -> Rows:
    """Put down rows in place of earlier ones of their names; all rows, in order of their names."""
    merged = dict(sorted((rows | measured).items()))
    draft = file.with_suffix(".draft")
    text = json.dumps(merged, indent=2, ensure_ascii=False)
    draft.write_text(text + "\n", encoding="utf-8")
    draft.replace(file)
    return merged


def circumstances(command: str) -> dict[str, str]:
    """When, where and by which command something was measured, as members of its row."""
    return {
        "date": time.strftime("%Y-%m-%d"),
        "command": command,
        "machine": f"{platform.python_implementation()} {platform.python_version()}, "
        f"{platform.system()}, {os.cpu_count()} cores",
    }


def table(columns: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    """A table of Markdown."""
    rule = "|" + "---|" * len(columns) + "\n"
    return _line(columns) + rule + "".join(map(_line, lines))


def _line(cells: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in cells) + " |\n"


def between_markers(page: str, rows: Mapping[str, Mapping[str, Any]], shown: str) -> str:
    """A page with this between its two markers, under the machines of the rows."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    machines = " and ".join(sorted({row["machine"] for row in rows.values()}))
    return f"{before}{BEGIN}\n\nMeasured on {machines}.\n\n{shown}\n{END}{after}"
