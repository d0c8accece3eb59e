"""Consensus decisions as lines to read. Knows no client."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from mcp_sync import ExtractionResults
from mcp_sync.cli.output import plain, printable, table

__all__ = ["decision_lines", "statistics_sentence"]

_COLUMNS: Final = {
    "block_id": "block",
    "selected_text": "chosen text",
    "selected_engine": "engine",
    "score": "score",
    "reason": "reason",
}


def decision_lines(
    decisions: Sequence[Mapping[str, Any]], width: int, indent: str = ""
) -> list[str]:
    """Lay out decisions.

    Args:
        decisions: as they came; their shape is the server's own business.
        width: columns that a line may take.
        indent: what each line begins with.

    Returns:
        A table where the decisions have its columns, else each decision as JSON; no lines for
        no decisions.
    """
    if not decisions:
        return []
    if not all(_COLUMNS.keys() <= decision.keys() for decision in decisions):
        return [indent + printable(json.dumps(plain(decision))) for decision in decisions]
    rows = [[_cell(decision[key]) for key in _COLUMNS] for decision in decisions]
    return table(list(_COLUMNS.values()), rows, width, indent)


def _cell(value: Any) -> str:
    return f"{value:.2f}" if isinstance(value, float) else str(value)


def statistics_sentence(results: ExtractionResults) -> str:
    """Say in one sentence how the blocks were decided."""
    counts = results.statistics
    return (
        f"{results.total_blocks} blocks: {counts.merged} read alike by all, "
        f"{counts.auto_selected} selected, {counts.manual_review} for a person to look at."
    )
