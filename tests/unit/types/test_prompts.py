"""Prompts, and what getting one gives."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.content import ImageContent, TextContent, UnknownContent
from mcp_sync.types.prompts import GetPromptResult, Prompt, PromptArgument, PromptMessage

PROMPTS: list[dict[str, Any]] = [
    {"name": "simple_prompt"},
    {
        "name": "complex_prompt",
        "title": "Complex",
        "description": "A prompt with arguments",
        "arguments": [
            {"name": "temperature", "description": "Temperature setting", "required": True},
            {"name": "style", "title": "Style", "required": False, "newer": None},
            {"name": "plain"},
        ],
        "icons": [{"src": "https://e.org/p.png"}],
        "_meta": {"a": [1]},
        "newer": {},
    },
    {"name": "odd", "arguments": None, "title": 3},
]
RESULT: dict[str, Any] = {
    "description": "d",
    "messages": [
        {"role": "user", "content": {"type": "text", "text": "one"}},
        {"role": "assistant", "content": {"type": "text", "text": "two"}, "newer": None},
        {"role": "user", "content": {"type": "image", "data": "AA==", "mimeType": "image/png"}},
        {"role": "critic", "content": {"type": "opinion", "x": [None]}},
    ],
    "_meta": {"m": 1},
    "resultType": "complete",
}


@pytest.mark.parametrize("wire", PROMPTS)
def test_a_prompt_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert Prompt.from_wire(wire).to_wire() == wire


def test_a_whole_prompt_is_read() -> None:
    prompt = Prompt.from_wire(PROMPTS[1])
    assert (prompt.name, prompt.display_name) == ("complex_prompt", "Complex")
    assert prompt.description == "A prompt with arguments"
    assert [argument.name for argument in prompt.arguments] == ["temperature", "style", "plain"]
    assert [argument.required for argument in prompt.arguments] == [True, False, False]
    assert prompt.arguments[2] == PromptArgument("plain")
    assert prompt.arguments[1].title == "Style"
    assert prompt.meta == {"a": [1]}
    assert prompt.extra == {"newer": {}}


def test_a_prompt_that_wants_nothing_has_no_arguments() -> None:
    assert Prompt.from_wire(PROMPTS[0]).arguments == ()
    assert Prompt.from_wire(PROMPTS[2]).arguments == ()
    assert Prompt.from_wire(PROMPTS[2]).display_name == "odd"


def test_a_result_survives_a_round_trip() -> None:
    assert GetPromptResult.from_wire(RESULT).to_wire() == RESULT
    assert GetPromptResult.from_wire({"messages": []}).to_wire() == {"messages": []}


def test_a_result_has_its_messages_and_their_text() -> None:
    result = GetPromptResult.from_wire(RESULT)
    assert [message.role for message in result.messages] == ["user", "assistant", "user", "critic"]
    assert [type(message.content) for message in result.messages] == [
        TextContent,
        TextContent,
        ImageContent,
        UnknownContent,
    ]
    assert result.messages[0] == PromptMessage("user", TextContent("one"))
    assert (result.text, result.description, result.meta) == ("one\ntwo", "d", {"m": 1})


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({}, "GetPromptResult.messages is missing"),
        ({"messages": [{"role": "user"}]}, r"messages\[0\]\.content is missing"),
        ({"messages": [{"content": {"type": "text", "text": "a"}}]}, r"messages\[0\]\.role is"),
        ({"messages": [{"role": "user", "content": "a"}]}, r"content must be an object"),
        ({"messages": [{"role": "user", "content": {"type": "text"}}]}, r"content\.text is miss"),
    ],
)
def test_what_is_missing_in_a_result_is_named(wire: dict[str, Any], words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        GetPromptResult.from_wire(wire)


def test_a_prompt_without_a_name_is_refused() -> None:
    with pytest.raises(MCPProtocolError, match=r"prompts\[0\]\.name is missing"):
        Prompt.from_wire({}, "prompts[0]")
