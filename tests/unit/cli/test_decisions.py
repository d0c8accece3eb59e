from __future__ import annotations

import json

from mcp_sync import ExtractionResults
from mcp_sync.cli.decisions import decision_lines, statistics_sentence

DECISION = {
    "block_id": "title",
    "selected_text": "Tide Gauge 14",
    "selected_engine": "tesseract",
    "score": 0.98765,
    "reason": "all agree",
    "page": 1,
}


def test_decisions_are_a_table() -> None:
    assert decision_lines([DECISION], 100, " ") == [
        " block  chosen text    engine     score  reason",
        " -----  -------------  ---------  -----  ---------",
        " title  Tide Gauge 14  tesseract  0.99   all agree",
    ]


def test_decisions_of_another_shape_are_shown_as_they_came() -> None:
    other = {"id": 1, "sure": True}
    assert [json.loads(line) for line in decision_lines([DECISION, other], 60)] == [DECISION, other]


def test_no_decisions_are_no_lines() -> None:
    assert decision_lines([], 100) == []


def test_the_statistics_are_a_sentence() -> None:
    answer = {
        "total_blocks": 7,
        "statistics": {"auto_selected": 4, "manual_review": 2, "merged": 1},
        "session_id": "s",
    }
    results = ExtractionResults.from_wire(answer, format="summary")
    assert statistics_sentence(results) == (
        "7 blocks: 1 read alike by all, 4 selected, 2 for a person to look at."
    )
