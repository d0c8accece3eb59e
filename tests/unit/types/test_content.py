"""Content blocks of every revision, read and made."""

from __future__ import annotations

import pickle
from typing import Any

import attrs
import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.content import (
    Annotations,
    AudioContent,
    BlobResourceContents,
    EmbeddedResource,
    Icon,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolResultContent,
    ToolUseContent,
    UnknownContent,
    as_blocks,
    join_text,
    read_block,
    read_content,
    read_one_text,
    read_resource_contents,
)

PNG = "iVBORw0KGgo="
BLOCKS: list[tuple[type, dict[str, Any]]] = [
    (TextContent, {"type": "text", "text": "hello"}),
    (TextContent, {"type": "text", "text": "", "annotations": None, "_meta": None}),
    (
        TextContent,
        {
            "type": "text",
            "text": "é\u2028\U0001f600",
            "annotations": {
                "audience": ["user", "assistant"],
                "priority": 1,
                "lastModified": "2025-01-12T15:00:58Z",
                "newer": {"x": None},
            },
            "_meta": {"com.example/trace": 7},
        },
    ),
    (ImageContent, {"type": "image", "data": PNG, "mimeType": "image/png"}),
    (ImageContent, {"type": "image", "data": "not base64!", "mimeType": "image/png", "new": 1}),
    (AudioContent, {"type": "audio", "data": "UklGRg==", "mimeType": "audio/wav"}),
    (
        EmbeddedResource,
        {
            "type": "resource",
            "resource": {"uri": "demo://r/1", "mimeType": "text/plain", "text": "t", "new": 2},
            "annotations": {"audience": ["user"], "priority": 0.5},
        },
    ),
    (
        EmbeddedResource,
        {"type": "resource", "resource": {"uri": "demo://r/2", "blob": "AAEC", "_meta": {"a": 1}}},
    ),
    (
        ResourceLink,
        {
            "type": "resource_link",
            "uri": "file:///p/main.rs",
            "name": "main.rs",
            "title": "Main",
            "description": "Entry point",
            "mimeType": "text/x-rust",
            "size": 4096,
            "icons": [{"src": "https://e.org/i.png", "mimeType": "image/png", "sizes": ["48x48"]}],
        },
    ),
    (ToolUseContent, {"type": "tool_use", "id": "c1", "name": "add", "input": {"a": 1, "b": None}}),
    (
        ToolResultContent,
        {
            "type": "tool_result",
            "toolUseId": "c1",
            "content": [{"type": "text", "text": "3"}],
            "structuredContent": None,
            "isError": False,
        },
    ),
    (UnknownContent, {"type": "video", "frames": [{"n": 1}, None], "_meta": {}}),
    (UnknownContent, {"type": "", "text": "x"}),
]


@pytest.mark.parametrize(("kind", "wire"), BLOCKS)
def test_a_block_is_of_its_class_and_survives_a_round_trip(
    kind: type, wire: dict[str, Any]
) -> None:
    block = read_block(wire)
    assert type(block) is kind
    assert block.type == wire["type"]
    assert block.to_wire() == wire
    assert pickle.loads(pickle.dumps(block)) == block


def test_a_list_of_blocks_keeps_their_order() -> None:
    blocks = read_content([wire for _, wire in BLOCKS])
    assert [type(block) for block in blocks] == [kind for kind, _ in BLOCKS]
    assert read_content([]) == ()


def test_a_text_with_annotations_tells_them() -> None:
    block = read_block(BLOCKS[2][1])
    assert isinstance(block, TextContent)
    assert block.annotations == Annotations.from_wire(BLOCKS[2][1]["annotations"])
    assert block.annotations is not None
    assert block.annotations.audience == ("user", "assistant")
    assert block.annotations.priority == 1.0
    assert block.annotations.last_modified == "2025-01-12T15:00:58Z"
    assert block.annotations.extra == {"newer": {"x": None}}
    assert block.meta == {"com.example/trace": 7}


def test_a_link_tells_all_it_knows_and_has_a_name_to_show() -> None:
    link = read_block(BLOCKS[8][1])
    assert isinstance(link, ResourceLink)
    assert (link.uri, link.name, link.size) == ("file:///p/main.rs", "main.rs", 4096)
    assert link.icons == (Icon("https://e.org/i.png", mime_type="image/png", sizes=("48x48",)),)
    assert (link.icons[0].theme, link.annotations) == (None, None)
    assert link.display_name == "Main"
    assert attrs.evolve(link, title=None).display_name == "main.rs"


def test_the_one_text_of_most_results_is_read_as_any_other_text() -> None:
    wire = {"type": "text", "text": "hello"}
    quick = read_one_text([wire])
    assert quick == (TextContent.from_wire(wire),)
    assert quick is not None
    assert attrs.asdict(quick[0]) == attrs.asdict(TextContent.from_wire(wire))
    assert attrs.evolve(quick[0], text="x").to_wire() == {"type": "text", "text": "x"}


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        ["hello"],
        [{"type": "text"}],
        [{"type": "text", "text": None}],
        [{"type": "text", "text": "a", "_meta": {}}],
        [{"type": "new", "text": "a"}],
        [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}],
    ],
)
def test_every_other_list_is_left_to_the_slow_reader(value: Any) -> None:
    assert read_one_text(value) is None


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"type": "text"}, r"content must be an array of blocks"),
        (None, r"content must be an array of blocks"),
        ([7], r"content\[0\] must be an object"),
        ([{"text": "a"}], r"content\[0\]\.type is missing"),
        ([{"type": None}], r"content\[0\]\.type is missing"),
        ([{"type": "text", "text": "a"}, {"type": "text"}], r"content\[1\]\.text is missing"),
        ([{"type": "text", "text": 5}], r"content\[0\]\.text must be a string"),
        ([{"type": "image", "data": PNG}], r"content\[0\]\.mimeType is missing"),
        ([{"type": "resource"}], r"content\[0\]\.resource is missing"),
        ([{"type": "resource", "resource": {"uri": "a:b"}}], r"resource\.text \(or \.blob\)"),
        ([{"type": "resource", "resource": {"text": "t"}}], r"resource\.uri is missing"),
        ([{"type": "resource_link", "uri": "a:b"}], r"content\[0\]\.name is missing"),
        ([{"type": "tool_use", "id": "1", "name": "n", "input": []}], r"\.input must be an object"),
        ([{"type": "tool_result", "toolUseId": "1"}], r"\[0\]\.content is missing"),
    ],
)
def test_a_block_that_lacks_what_its_type_requires_is_named(value: Any, words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        read_content(value)


def test_tool_results_within_tool_results_are_not_followed() -> None:
    nest: dict[str, Any] = {"type": "text", "text": "deep"}
    for _ in range(5000):
        nest = {"type": "tool_result", "toolUseId": "1", "content": [nest]}
    block = read_block(nest)
    assert isinstance(block, ToolResultContent)
    assert type(block.content[0]) is UnknownContent
    assert block.content[0].raw is nest["content"][0]


def test_bytes_go_out_as_base64_and_come_back() -> None:
    image = ImageContent.from_bytes(b"\x89PNG\r\n\x1a\n", "image/png")
    assert image.to_wire() == {"type": "image", "data": PNG, "mimeType": "image/png"}
    assert image.decoded == b"\x89PNG\r\n\x1a\n"
    sound = AudioContent.from_bytes(b"", "audio/wav")
    assert (sound.type, sound.data, sound.decoded) == ("audio", "", b"")
    blob = BlobResourceContents.from_bytes("a:b", b"\x00\x01\x02", "x/y")
    assert blob.to_wire() == {"uri": "a:b", "mimeType": "x/y", "blob": "AAEC"}
    assert blob.decoded == b"\x00\x01\x02"


def test_base64_in_lines_is_decoded() -> None:
    assert ImageContent("iVBO\r\nRw0KGgo=\n", "image/png").decoded == b"\x89PNG\r\n\x1a\n"


@pytest.mark.parametrize("data", ["a", "####", "AAE", "AA=A", "ÄÄÄÄ", "-_-_"])
def test_what_is_no_base64_is_said_to_be_none(data: str) -> None:
    with pytest.raises(ValueError, match=r"a block of image/png is no base64 \(.+\)"):
        _ = ImageContent(data, "image/png").decoded
    with pytest.raises(ValueError, match="the data of a:b is no base64"):
        _ = BlobResourceContents("a:b", data).decoded


def test_a_long_picture_does_not_fill_its_repr() -> None:
    assert len(repr(ImageContent("A" * 100_000, "image/png"))) < 200


def test_resource_contents_are_text_or_bytes() -> None:
    text = read_resource_contents({"uri": "a:b", "text": "", "mimeType": None})
    assert type(text) is TextResourceContents
    assert (text.text, text.mime_type, text.meta) == ("", None, {})
    both = read_resource_contents({"uri": "a:b", "text": "t", "blob": "AA=="})
    assert type(both) is TextResourceContents
    assert both.to_wire() == {"uri": "a:b", "text": "t", "blob": "AA=="}


def test_blocks_are_made_with_few_words() -> None:
    assert TextContent("hello").to_wire() == {"type": "text", "text": "hello"}
    assert TextContent("hello") == read_block({"type": "text", "text": "hello"})
    assert EmbeddedResource(TextResourceContents("a:b", "t")).to_wire() == {
        "type": "resource",
        "resource": {"uri": "a:b", "text": "t"},
    }
    assert ToolResultContent("c1", "3", is_error=True).to_wire() == {
        "type": "tool_result",
        "toolUseId": "c1",
        "content": [{"type": "text", "text": "3"}],
        "isError": True,
    }
    assert ToolResultContent("c1").to_wire()["content"] == []
    assert TextContent("a", annotations=Annotations(("user",), 0.5)).to_wire() == {
        "type": "text",
        "text": "a",
        "annotations": {"audience": ["user"], "priority": 0.5},
    }


def test_content_may_be_given_as_a_text_a_block_or_many() -> None:
    one = TextContent("a")
    assert as_blocks("a") == as_blocks(one) == as_blocks(["a"]) == as_blocks((one,)) == (one,)
    assert as_blocks([]) == ()


def test_texts_are_joined_and_the_rest_is_passed_over() -> None:
    blocks = read_content([wire for _, wire in BLOCKS])
    assert join_text(blocks) == "hello\n\né\u2028\U0001f600"
    assert join_text([]) == ""
