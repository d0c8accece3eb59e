"""Tools and their results, read from what real servers send."""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest

from mcp_sync.errors import MCPProtocolError, MCPToolError
from mcp_sync.types.content import ImageContent, TextContent, UnknownContent
from mcp_sync.types.tools import CallToolResult, Tool, ToolAnnotations

SCHEMA: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {"a": {"$ref": "#/$defs/n"}},
    "$defs": {"n": {"$anchor": "n", "type": "number"}},
    "allOf": [{"if": {"required": ["a"]}, "then": {}}],
    "additionalProperties": False,
}
TOOLS: list[dict[str, Any]] = [
    {"name": "echo", "inputSchema": {"type": "object"}},
    {
        "name": "get_weather",
        "title": "Weather",
        "description": "The weather of a place",
        "inputSchema": SCHEMA,
        "outputSchema": {"type": "object", "properties": {"t": {"type": "number"}}},
        "annotations": {
            "title": "Weather (hint)",
            "readOnlyHint": True,
            "destructiveHint": False,
            "idempotentHint": True,
            "openWorldHint": False,
            "newerHint": 1,
        },
        "icons": [{"src": "data:image/png;base64,AA==", "theme": "dark", "sizes": ["any"]}],
        "execution": {"taskSupport": "optional"},
        "_meta": {"ui": {"resourceUri": "ui://w"}},
    },
    {
        "name": "odd",
        "inputSchema": {},
        "title": None,
        "outputSchema": None,
        "annotations": None,
        "icons": [{"no": "src"}],
    },
]


@pytest.mark.parametrize("wire", TOOLS)
def test_a_tool_survives_a_round_trip(wire: dict[str, Any]) -> None:
    tool = Tool.from_wire(wire)
    assert tool.to_wire() == wire
    assert pickle.loads(pickle.dumps(tool)) == tool


def test_a_whole_tool_is_read_and_its_schemas_are_kept_as_they_came() -> None:
    tool = Tool.from_wire(TOOLS[1])
    assert (tool.name, tool.title) == ("get_weather", "Weather")
    assert tool.description == "The weather of a place"
    assert tool.input_schema is SCHEMA
    assert tool.output_schema is TOOLS[1]["outputSchema"]
    hints = tool.annotations
    assert hints.read_only_hint is True
    assert hints.destructive_hint is False
    assert hints.idempotent_hint is True
    assert hints.open_world_hint is False
    assert tool.icons[0].theme == "dark"
    assert tool.meta == {"ui": {"resourceUri": "ui://w"}}
    assert tool.extra == {"execution": {"taskSupport": "optional"}}


@pytest.mark.parametrize("wire", [TOOLS[0], TOOLS[2], {**TOOLS[0], "annotations": "safe"}])
def test_hints_that_a_server_did_not_give_have_the_defaults_of_mcp(wire: dict[str, Any]) -> None:
    tool = Tool.from_wire(wire)
    assert tool.annotations == ToolAnnotations()
    hints = tool.annotations
    assert (hints.read_only_hint, hints.destructive_hint) == (False, True)
    assert (hints.idempotent_hint, hints.open_world_hint) == (False, True)
    assert (tool.output_schema, tool.icons, tool.meta) == (None, (), {})


def test_the_name_to_show_is_the_title_then_that_of_the_hints_then_the_name() -> None:
    tool = Tool.from_wire(TOOLS[1])
    assert tool.display_name == "Weather"
    tool = attrs.evolve(tool, title=None)
    assert tool.display_name == "Weather (hint)"
    assert attrs.evolve(tool, annotations=ToolAnnotations()).display_name == "get_weather"


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({"inputSchema": {}}, "Tool.name is missing"),
        ({"name": "a"}, "Tool.inputSchema is missing"),
        ({"name": "a", "inputSchema": True}, "Tool.inputSchema must be an object"),
    ],
)
def test_a_tool_without_a_name_or_a_schema_is_refused(wire: dict[str, Any], words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        Tool.from_wire(wire)


TEXT: dict[str, Any] = {"type": "text", "text": "3"}
RESULTS: list[dict[str, Any]] = [
    {"content": [TEXT], "isError": False},
    {"content": [TEXT]},
    {"content": []},
    {"content": [TEXT, {"type": "image", "data": "AA==", "mimeType": "image/png"}, TEXT]},
    {"content": [{"type": "video", "x": None}], "isError": True, "new": {"a": [None]}},
    {
        "content": [TEXT],
        "structuredContent": {"sum": 3},
        "isError": False,
        "resultType": "complete",
        "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "s", "version": "1"}},
    },
    {"content": [TEXT], "structuredContent": None, "_meta": None, "isError": None},
    {"structuredContent": [1, 2]},
    {"structuredContent": 3, "isError": True},
]


@pytest.mark.parametrize("wire", RESULTS)
def test_a_result_survives_a_round_trip(wire: dict[str, Any]) -> None:
    result = CallToolResult.from_wire(wire)
    assert result.raw is wire
    assert result.to_wire() == wire
    assert pickle.loads(pickle.dumps(result)) == result


def test_a_result_has_its_blocks_and_their_text() -> None:
    result = CallToolResult.from_wire(RESULTS[3])
    assert [type(block) for block in result.content] == [TextContent, ImageContent, TextContent]
    assert result.text == "3\n3"
    assert result.is_error is False
    unknown = CallToolResult.from_wire(RESULTS[4])
    assert type(unknown.content[0]) is UnknownContent
    assert (unknown.text, unknown.is_error) == ("", True)
    assert unknown.extra == {"new": {"a": [None]}}


@pytest.mark.parametrize("value", [None, "true", 1, 0, {}])
def test_only_true_is_an_error(value: Any) -> None:
    assert CallToolResult.from_wire({"content": [], "isError": value}).is_error is False


@pytest.mark.parametrize("value", [{"sum": 3}, [1], "x", 0, False, None])
def test_structured_content_is_any_json_and_null_is_not_absent(value: Any) -> None:
    result = CallToolResult.from_wire({"content": [], "structuredContent": value})
    assert result.has_structured_content is True
    assert result.data == result.structured_content == value
    absent = CallToolResult.from_wire({"content": []})
    assert absent.has_structured_content is False
    assert absent.data is None


def test_the_meta_of_a_result_is_an_object_whatever_came() -> None:
    assert CallToolResult.from_wire({"content": [], "_meta": {"a": 1}}).meta == {"a": 1}
    assert CallToolResult.from_wire({"content": [], "_meta": [1]}).meta == {}
    assert CallToolResult.from_wire({"content": []}).meta == {}


def test_a_failed_result_raises_when_asked_and_names_the_tool() -> None:
    failed = CallToolResult.from_wire({"content": [TEXT], "isError": True}, tool="add")
    with pytest.raises(MCPToolError, match="tool add failed: 3") as caught:
        failed.raise_for_error()
    assert caught.value.result is failed
    assert caught.value.tool == "add"
    with pytest.raises(MCPToolError, match=r"tool \(not named\) failed"):
        CallToolResult("no", is_error=True).raise_for_error()


def test_a_good_result_gives_itself_when_asked_to_raise() -> None:
    good = CallToolResult.from_wire(RESULTS[0])
    assert good.raise_for_error() is good


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({}, r"tools/call: result\.content is missing"),
        ({"content": None}, r"result\.content must be an array"),
        ({"content": None, "structuredContent": 1}, r"result\.content must be an array"),
        ({"content": {"type": "text"}}, r"result\.content must be an array"),
        ({"content": [{"type": "text"}]}, r"result\.content\[0\]\.text is missing"),
        ([], r"tools/call: result must be an object"),
        (None, r"tools/call: result must be an object"),
    ],
)
def test_a_result_that_cannot_be_read_is_named(wire: Any, words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        CallToolResult.from_wire(wire)


def test_a_result_can_be_made_and_changed() -> None:
    assert CallToolResult("hi").to_wire() == {"content": [{"type": "text", "text": "hi"}]}
    assert CallToolResult().to_wire() == {"content": []}
    changed = attrs.evolve(CallToolResult.from_wire(RESULTS[5]), is_error=True)
    assert changed.to_wire() == {**RESULTS[5], "isError": True}
