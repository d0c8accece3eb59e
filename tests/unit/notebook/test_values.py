"""Lists and results, as a notebook and as one line show them."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    GetPromptResult,
    ImageContent,
    Prompt,
    PromptArgument,
    PromptMessage,
    ReadResourceResult,
    Resource,
    ResourceLink,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    Tool,
    UnknownContent,
)
from mcp_sync.types.listing import Listing
from shown import Shown

EVIL = "</td></tr></table><script>alert(1)</script><a href='javascript:x'>"


def shown(value: Any) -> Shown:
    assert "\n" not in repr(value)
    assert len(repr(value)) < 800
    return Shown(value._repr_html_())


def test_tools_are_a_table_of_names_and_arguments() -> None:
    schema = {
        "properties": {"text": {"type": "string"}, "n": {"type": ["integer", "null"]}, "any": True},
        "required": ["text"],
    }
    page = shown(Listing([Tool("echo", schema, description="Says it again."), Tool("odd", {})]))
    assert page.text.split("\n")[0] == "2 tools"
    for piece in ("echo", "Says it again.", "string, required", "integer, null", "any", "odd"):
        assert piece in page.text
    assert page.tags.count("tr") == 3


@pytest.mark.parametrize(
    "schema",
    [
        {"properties": EVIL},
        {"properties": {EVIL: EVIL}},
        {"properties": {EVIL: {"type": EVIL}}, "required": EVIL},
        {"properties": {EVIL: {"type": [EVIL, {EVIL: 1}, None]}}, "required": [[EVIL], EVIL]},
    ],
)
def test_a_hostile_tool_is_a_row_like_any_other(schema: dict[str, Any]) -> None:
    page = shown(Listing([Tool(EVIL, schema, description=EVIL * 1000)]))
    assert page.text.count("<script>") >= 2
    assert page.tags.count("tr") == 2


def test_resources_templates_and_prompts_are_tables_too() -> None:
    resources = Listing([Resource(f"file:///{EVIL}", EVIL, mime_type=EVIL, size=1234)])
    assert "1,234 bytes" in shown(resources).text
    assert EVIL in shown(resources).text
    templates = Listing([ResourceTemplate("file:///{path}", "files", title=EVIL)])
    assert "file:///{path}" in shown(templates).text
    arguments = (PromptArgument(EVIL, required=True), PromptArgument("b"))
    prompts = Listing([Prompt("review", arguments=arguments)])
    assert "required" in shown(prompts).text


def test_long_lists_and_long_schemas_are_cut_with_a_note() -> None:
    page = shown(Listing([Tool(f"t{n}", {}) for n in range(250)]))
    assert page.tags.count("tr") == 101
    assert "and 150 more" in page.text
    wide = {"properties": {f"a{n}": {} for n in range(25)}}
    assert "and 5 more" in shown(Listing([Tool("wide", wide)])).text


def test_an_empty_list_and_a_list_of_anything_are_shown() -> None:
    assert shown(Listing()).text == "0 entries"
    assert "1 entry" in shown(Listing([EVIL])).text


def test_a_result_shows_each_of_its_blocks() -> None:
    blocks = (
        TextContent("line 1\nline <2>"),
        ImageContent.from_bytes(b"x", "image/png"),
        AudioContent.from_bytes(b"y", "audio/ogg"),
        EmbeddedResource(TextResourceContents("file:///a", EVIL)),
        EmbeddedResource(BlobResourceContents.from_bytes("file:///b", b"z", "image/svg+xml")),
        ResourceLink("javascript:alert(1)", "link"),
        UnknownContent.from_wire({"type": EVIL, "x": EVIL}),
    )
    page = shown(CallToolResult(blocks, tool="draw"))
    assert "line 1\nline <2>" in page.text
    assert page.sources == ["data:image/png;base64,eA==", "data:audio/ogg;base64,eQ=="]
    assert page.text.count("<script>") >= 3
    assert "javascript:alert(1)" in page.text
    assert "image/svg+xml, 1 bytes: not shown" in page.text


def test_a_result_tells_of_failure_and_of_structured_content() -> None:
    wire = {"content": [], "isError": True, "structuredContent": {"t": EVIL}}
    page = shown(CallToolResult.from_wire(wire, tool=EVIL))
    assert "failed" in page.text
    assert "structured content" in page.text
    assert "ok" in shown(CallToolResult("fine")).text.split()


def test_what_a_resource_holds_and_what_a_prompt_says_are_shown() -> None:
    parts = (TextResourceContents("file:///a", EVIL), BlobResourceContents("file:///b", "AA=="))
    page = shown(ReadResourceResult(parts))
    assert "2 parts" in page.text
    assert EVIL in page.text
    assert "bytes of no type, 1 bytes: not shown" in page.text
    messages = (PromptMessage(EVIL, TextContent("hello")), PromptMessage("user", TextContent(EVIL)))
    page = shown(GetPromptResult(messages, EVIL))
    assert page.text.count(EVIL) == 3


@pytest.mark.parametrize(
    ("value", "line"),
    [
        (CallToolResult("hi", tool="echo"), "<CallToolResult 'echo' ok: 'hi'>"),
        (CallToolResult("no", is_error=True), "<CallToolResult failed: 'no'>"),
        (CallToolResult(()), "<CallToolResult ok: 0 blocks>"),
        (
            CallToolResult((ImageContent("AA==", "image/png"), TextContent("a\nb"))),
            "<CallToolResult ok: 2 blocks 'a\\nb'>",
        ),
        (CallToolResult(ImageContent("AA==", "image/png")), "<CallToolResult ok: 'image'>"),
        (
            CallToolResult("x" * 1000, tool="t" * 100),
            f"<CallToolResult '{'t' * 60}'… (100 characters) ok: '{'x' * 60}'… (1000 characters)>",
        ),
        (
            ReadResourceResult((TextResourceContents("file:///a", "x"),)),
            "<ReadResourceResult of 1: 'file:///a'>",
        ),
        (
            GetPromptResult((PromptMessage("user", TextContent("hi")),)),
            "<GetPromptResult of 1: 'hi'>",
        ),
        (TextContent("x" * 1000), f"TextContent(text='{'x' * 60}'… (1000 characters)"),
    ],
)
def test_a_result_is_one_short_line(value: Any, line: str) -> None:
    assert repr(value).startswith(line)
    assert "\n" not in repr(value)
