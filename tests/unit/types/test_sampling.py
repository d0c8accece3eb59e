"""What a server asks of the client's model, and what the model says."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.content import TextContent, ToolResultContent, ToolUseContent
from mcp_sync.types.sampling import (
    ModelPreferences,
    SamplingMessage,
    SamplingRequest,
    SamplingResult,
)

HELLO: dict[str, Any] = {"type": "text", "text": "Hello"}
LEAST: dict[str, Any] = {"messages": [{"role": "user", "content": HELLO}], "maxTokens": 100}
WHOLE: dict[str, Any] = {
    "messages": [
        {"role": "user", "content": HELLO},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "toolUseId": "c1", "content": [HELLO]}],
            "_meta": {"m": 1},
        },
    ],
    "maxTokens": 1000,
    "systemPrompt": "Be brief.",
    "modelPreferences": {
        "hints": [{"name": "claude-3-sonnet"}, {"other": 1}, {"name": "claude"}],
        "costPriority": 0.3,
        "speedPriority": 1,
        "intelligencePriority": 0.5,
        "newer": None,
    },
    "includeContext": "thisServer",
    "temperature": 0,
    "stopSequences": ["\n\n"],
    "metadata": {"k": None},
    "tools": [{"name": "add", "inputSchema": {"type": "object"}}],
    "toolChoice": {"mode": "required"},
    "_meta": {"progressToken": 3},
    "task": {"ttl": 1},
}


@pytest.mark.parametrize(
    "wire",
    [
        LEAST,
        WHOLE,
        {**LEAST, "systemPrompt": None, "tools": None, "modelPreferences": None},
        {**LEAST, "messages": [], "temperature": "hot", "tools": [{}]},
    ],
)
def test_a_request_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert SamplingRequest.from_wire(wire).to_wire() == wire


def test_a_whole_request_is_read() -> None:
    request = SamplingRequest.from_wire(WHOLE)
    assert request.max_tokens == 1000
    assert request.system_prompt == "Be brief."
    assert request.model_preferences is not None
    assert request.model_preferences.hint_names == ("claude-3-sonnet", "claude")
    assert request.model_preferences.cost_priority == 0.3
    assert request.model_preferences.speed_priority == 1.0
    assert request.model_preferences.intelligence_priority == 0.5
    assert request.include_context == "thisServer"
    assert request.temperature == 0.0
    assert request.stop_sequences == ("\n\n",)
    assert request.metadata == {"k": None}
    assert request.tools is not None
    assert request.tools[0].name == "add"
    assert request.tool_choice == {"mode": "required"}
    assert request.meta == {"progressToken": 3}
    assert request.extra == {"task": {"ttl": 1}}


def test_messages_have_one_block_or_many() -> None:
    one, use, answer = SamplingRequest.from_wire(WHOLE).messages
    assert one == SamplingMessage("user", "Hello")
    assert (one.content, one.text) == ((TextContent("Hello"),), "Hello")
    assert isinstance(use.content[0], ToolUseContent)
    assert use.content[0].input == {"a": 1}
    assert isinstance(answer.content[0], ToolResultContent)
    assert answer.content[0].content == (TextContent("Hello"),)
    assert answer.meta == {"m": 1}


def test_the_least_request_asks_for_nothing_more() -> None:
    request = SamplingRequest.from_wire(LEAST)
    assert (request.system_prompt, request.model_preferences, request.temperature) == (None,) * 3
    assert (request.include_context, request.metadata, request.tools) == (None,) * 3
    assert (request.stop_sequences, request.tool_choice, request.meta) == ((), None, {})


@pytest.mark.parametrize(
    ("more", "wanted"),
    [
        ({}, False),
        ({"tools": None}, False),
        ({"tools": []}, True),
        ({"tools": "all of them"}, True),
        ({"toolChoice": {"mode": "auto"}}, True),
        ({"toolChoice": "auto"}, True),
    ],
)
def test_a_wish_for_tools_is_seen_even_when_it_is_badly_formed(
    more: dict[str, Any], wanted: bool
) -> None:
    assert SamplingRequest.from_wire({**LEAST, **more}).wants_tools is wanted


def test_a_wish_for_tools_is_seen_in_a_request_that_was_made_here() -> None:
    assert SamplingRequest(messages=(), max_tokens=1, tools=()).wants_tools is True
    assert SamplingRequest(messages=(), max_tokens=1).wants_tools is False


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({"messages": []}, "SamplingRequest.maxTokens is missing"),
        ({"maxTokens": 1}, "SamplingRequest.messages is missing"),
        ({"messages": [], "maxTokens": "1"}, "maxTokens must be an integer"),
        ({"messages": [], "maxTokens": True}, "maxTokens must be an integer"),
        ({"messages": [{"role": "user"}], "maxTokens": 1}, r"messages\[0\]\.content is missing"),
        (
            {"messages": [{"role": "user", "content": [HELLO, {}]}], "maxTokens": 1},
            r"messages\[0\]\.content\[1\]\.type is missing",
        ),
    ],
)
def test_what_is_missing_in_a_request_is_named(wire: dict[str, Any], words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        SamplingRequest.from_wire(wire)


@pytest.mark.parametrize("content", ["Hello", TextContent("Hello"), [TextContent("Hello")]])
def test_a_result_of_one_block_goes_out_as_a_block(content: Any) -> None:
    assert SamplingResult(content, model="m").to_wire() == {
        "content": HELLO,
        "model": "m",
        "stopReason": "endTurn",
        "role": "assistant",
    }


def test_a_result_of_many_blocks_goes_out_as_an_array() -> None:
    result = SamplingResult(["a", TextContent("b")], "m", "toolUse", meta={"k": 1})
    assert result.to_wire() == {
        "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
        "model": "m",
        "stopReason": "toolUse",
        "role": "assistant",
        "_meta": {"k": 1},
    }
    assert result.text == "a\nb"
    assert SamplingResult([], "m").to_wire()["content"] == []


def test_a_result_may_leave_out_why_it_stopped_and_never_its_model() -> None:
    assert SamplingResult("a", stop_reason=None).to_wire() == {
        "content": {"type": "text", "text": "a"},
        "model": "unknown",
        "role": "assistant",
    }


@pytest.mark.parametrize(
    "wire",
    [
        {"role": "assistant", "content": HELLO, "model": "m", "stopReason": "endTurn"},
        {"role": "assistant", "content": [HELLO], "model": "unknown"},
        {"role": "user", "content": [], "model": "m", "stopReason": None, "newer": {}},
    ],
)
def test_a_result_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert SamplingResult.from_wire(wire).to_wire() == wire


def test_a_result_that_does_not_say_why_it_stopped_is_not_given_a_reason() -> None:
    wire = {"role": "assistant", "content": HELLO, "model": "m"}
    assert SamplingResult.from_wire(wire).stop_reason is None
    assert attrs.evolve(SamplingResult.from_wire(wire), content="b").to_wire() == {
        **wire,
        "content": {"type": "text", "text": "b"},
    }


def test_preferences_can_be_made() -> None:
    preferences = ModelPreferences(({"name": "claude"},), speed_priority=0.5)
    assert preferences.to_wire() == {"hints": [{"name": "claude"}], "speedPriority": 0.5}
