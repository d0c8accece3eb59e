"""Resources, their templates, and what reading one gives."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.resources import (
    BlobResourceContents,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextResourceContents,
)

RESOURCES: list[dict[str, Any]] = [
    {"uri": "demo://resource/1", "name": "Resource 1"},
    {
        "uri": "file:///p/README.md",
        "name": "README.md",
        "title": "Read me",
        "description": None,
        "mimeType": "text/markdown",
        "size": 12,
        "annotations": {"audience": ["user"], "priority": 0.8, "lastModified": "2025-01-12"},
        "icons": [{"src": "https://e.org/i.svg"}],
        "_meta": {"a": 1},
        "newer": [None],
    },
    {"uri": "a:b", "name": "", "size": "big", "annotations": [], "_meta": None},
]
TEMPLATES: list[dict[str, Any]] = [
    {"uriTemplate": "demo://resource/{id}", "name": "by id"},
    {
        "uriTemplate": "file:///{path}",
        "name": "files",
        "title": "Files",
        "description": "all of them",
        "mimeType": "application/octet-stream",
        "icons": [{"src": "https://e.org/i.svg", "sizes": ["48x48", "any"]}],
        "annotations": {"audience": ["assistant"]},
        "_meta": {},
        "newer": 1,
    },
]
TEXT: dict[str, Any] = {"uri": "a:1", "mimeType": "text/plain", "text": "one"}
BLOB: dict[str, Any] = {"uri": "a:2", "mimeType": "x/y", "blob": "AAEC", "_meta": {"k": None}}


@pytest.mark.parametrize("wire", RESOURCES)
def test_a_resource_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert Resource.from_wire(wire).to_wire() == wire


def test_a_whole_resource_is_read() -> None:
    resource = Resource.from_wire(RESOURCES[1])
    assert (resource.uri, resource.name) == ("file:///p/README.md", "README.md")
    assert (resource.title, resource.description) == ("Read me", None)
    assert (resource.mime_type, resource.size) == ("text/markdown", 12)
    assert resource.annotations is not None
    assert resource.annotations.priority == 0.8
    assert resource.icons[0].src == "https://e.org/i.svg"
    assert resource.meta == {"a": 1}
    assert resource.extra == {"newer": [None]}
    assert resource.display_name == "Read me"


def test_what_is_odd_in_a_resource_counts_as_absent() -> None:
    resource = Resource.from_wire(RESOURCES[2])
    assert (resource.size, resource.annotations, resource.meta) == (None, None, {})


@pytest.mark.parametrize("wire", TEMPLATES)
def test_a_template_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert ResourceTemplate.from_wire(wire).to_wire() == wire


def test_a_whole_template_is_read() -> None:
    template = ResourceTemplate.from_wire(TEMPLATES[1])
    assert template.uri_template == "file:///{path}"
    assert (template.name, template.display_name) == ("files", "Files")
    assert template.mime_type == "application/octet-stream"
    assert template.icons[0].sizes == ("48x48", "any")
    assert ResourceTemplate.from_wire(TEMPLATES[0]).display_name == "by id"


@pytest.mark.parametrize(
    ("kind", "wire", "words"),
    [
        (Resource, {"uri": "a:b"}, "Resource.name is missing"),
        (Resource, {"name": "n"}, "Resource.uri is missing"),
        (ResourceTemplate, {"name": "n"}, "ResourceTemplate.uriTemplate is missing"),
        (ReadResourceResult, {}, "ReadResourceResult.contents is missing"),
        (ReadResourceResult, {"contents": TEXT}, "contents must be an array"),
        (ReadResourceResult, {"contents": [TEXT, {"uri": "a:b"}]}, r"contents\[1\]\.text \(or"),
    ],
)
def test_what_is_missing_is_named(kind: Any, wire: dict[str, Any], words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        kind.from_wire(wire)


@pytest.mark.parametrize(
    "wire",
    [
        {"contents": []},
        {"contents": [TEXT, BLOB]},
        {"contents": [TEXT], "ttlMs": 60_000, "cacheScope": "private", "_meta": {"a": 1}},
    ],
)
def test_a_result_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert ReadResourceResult.from_wire(wire).to_wire() == wire


def test_a_result_has_its_texts_and_its_bytes() -> None:
    result = ReadResourceResult.from_wire({"contents": [TEXT, BLOB, TEXT], "_meta": {"a": 1}})
    assert [type(part) for part in result.contents] == [
        TextResourceContents,
        BlobResourceContents,
        TextResourceContents,
    ]
    assert result.text == "one\none"
    assert result.blob == b"\x00\x01\x02"
    assert result.meta == {"a": 1}


@pytest.mark.parametrize(("contents", "count"), [([], 0), ([TEXT], 0), ([BLOB, BLOB], 2)])
def test_bytes_are_given_only_where_there_is_one_part_of_them(
    contents: list[Any], count: int
) -> None:
    result = ReadResourceResult.from_wire({"contents": contents})
    with pytest.raises(ValueError, match=f"has {count} parts of bytes among {len(contents)}"):
        _ = result.blob
