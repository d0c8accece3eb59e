"""Completions, and what they are asked for."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.completion import Completion, PromptReference, ResourceReference


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        ({"values": ["a", "b"], "total": 2, "hasMore": False}, (("a", "b"), 2, False)),
        ({"values": [], "hasMore": True, "newer": None}, ((), None, True)),
        ({"values": ["a"]}, (("a",), None, None)),
        ({"values": ["a"], "total": None, "hasMore": None}, (("a",), None, None)),
        ({"values": ["a"], "total": "many", "hasMore": 1}, (("a",), None, None)),
    ],
)
def test_a_completion_is_read_and_survives_a_round_trip(
    wire: dict[str, Any], expected: tuple[Any, ...]
) -> None:
    completion = Completion.from_result({"completion": wire, "resultType": "complete"})
    assert (completion.values, completion.total, completion.has_more) == expected
    assert completion.to_wire() == wire


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({}, r"completion/complete: result\.completion is missing"),
        ({"completion": None}, r"result\.completion must be an object"),
        ({"completion": {}}, r"result\.completion\.values is missing"),
        ({"completion": {"values": [1]}}, r"completion\.values\[0\] must be a string"),
        (None, r"result must be an object"),
    ],
)
def test_a_result_without_a_completion_is_refused(result: Any, words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        Completion.from_result(result)


def test_references_go_out_with_their_type() -> None:
    assert PromptReference("p").to_wire() == {"type": "ref/prompt", "name": "p"}
    assert PromptReference("p", "The p").to_wire() == {
        "type": "ref/prompt",
        "name": "p",
        "title": "The p",
    }
    assert ResourceReference("a:{b}").to_wire() == {"type": "ref/resource", "uri": "a:{b}"}


@pytest.mark.parametrize(
    ("kind", "wire"),
    [
        (PromptReference, {"type": "ref/prompt", "name": "p", "newer": None}),
        (ResourceReference, {"type": "ref/resource", "uri": "a:{b}"}),
    ],
)
def test_references_survive_a_round_trip(kind: Any, wire: dict[str, Any]) -> None:
    assert kind.from_wire(wire).to_wire() == wire
