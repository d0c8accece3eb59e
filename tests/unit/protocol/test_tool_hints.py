"""Which tools count as safe to repeat."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.protocol.tool_hints import is_safe_to_repeat, read_safe_tools


@pytest.mark.parametrize(
    ("annotations", "safe"),
    [
        ({"readOnlyHint": True}, True),
        ({"idempotentHint": True}, True),
        ({"idempotentHint": True, "destructiveHint": True}, True),
        ({"readOnlyHint": True, "destructiveHint": False}, True),
        ({"readOnlyHint": True, "destructiveHint": True}, False),
        ({"readOnlyHint": False}, False),
        ({"readOnlyHint": "true"}, False),
        ({"readOnlyHint": 1}, False),
        ({}, False),
        ([], False),
        (None, False),
    ],
)
def test_only_an_explicit_and_consistent_hint_makes_a_tool_safe(
    annotations: Any, safe: bool
) -> None:
    assert is_safe_to_repeat({"name": "tool", "annotations": annotations}) is safe


def test_a_name_that_sounds_like_reading_makes_no_tool_safe() -> None:
    assert not is_safe_to_repeat({"name": "get_everything"})


def drive(*pages: Any) -> tuple[list[Any], frozenset[str]]:
    """Answer the steps with these pages; the cursors that were asked for, and the safe tools."""
    reading, asked = read_safe_tools(), []
    step = next(reading)
    answers = iter(pages)
    while True:
        assert step.method == "tools/list"
        asked.append(step.params.get("cursor"))
        try:
            step = reading.send(next(answers))
        except StopIteration as done:
            return asked, done.value


def tool(name: str, **hints: Any) -> dict[str, Any]:
    return {"name": name, "annotations": hints}


def test_pages_are_followed_to_the_last() -> None:
    asked, safe = drive(
        {"tools": [tool("a", readOnlyHint=True), tool("b")], "nextCursor": "2"},
        {"tools": [tool("c", idempotentHint=True)]},
    )
    assert asked == [None, "2"]
    assert safe == {"a", "c"}


def test_a_cursor_that_comes_again_ends_the_reading() -> None:
    page = {"tools": [tool("a", readOnlyHint=True)], "nextCursor": "x"}
    asked, safe = drive(page, page)
    assert asked == [None, "x"]
    assert safe == {"a"}


def test_cursors_without_end_are_bounded() -> None:
    asked, _ = drive(*({"tools": [], "nextCursor": str(number)} for number in range(1000)))
    assert len(asked) == 100


@pytest.mark.parametrize("page", [{}, {"tools": {}}, {"tools": ["a", None, 3]}])
def test_a_list_that_is_none_has_no_safe_tools(page: Any) -> None:
    assert drive(page)[1] == frozenset()
