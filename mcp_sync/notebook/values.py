"""What a server gives, as a notebook shows it: lists, and the results of calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from ..types.content import (
    AudioContent,
    Content,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)
from ..types.prompts import GetPromptResult, Prompt
from ..types.resources import ReadResourceResult, Resource, ResourceTemplate
from ..types.tools import CallToolResult, Tool
from .media import contents_html, media_html
from .parts import block, card, code, count, faint, json_block, mark, safe, table

__all__ = ["listing_html", "prompt_result_html", "resource_result_html", "tool_result_html"]

_MOST_ROWS: Final = 100
_MOST_ARGUMENTS: Final = 20


def listing_html(items: Sequence[Any]) -> str:
    """Show tools, resources, templates or prompts as a table; HTML without a script.

    Args:
        items: all of one kind; of more than 100 the first are shown, and how many are left.

    Returns:
        HTML without a script.
    """
    left = len(items) - _MOST_ROWS
    note = f"<div>{faint(f'and {left:,} more')}</div>" if left > 0 else ""
    if not items:
        return card("0 entries")
    rows = [_row(item) for item in items[:_MOST_ROWS]]
    title = count(len(items), _NOUNS.get(type(items[0]), "entry"))
    return card(title, body=table(("name", "description", "details"), rows) + note)


_NOUNS: Final = {
    Tool: "tool",
    Resource: "resource",
    ResourceTemplate: "resource template",
    Prompt: "prompt",
}


def _row(item: Any) -> tuple[str, str, str]:
    name = getattr(item, "name", item)
    told = getattr(item, "description", None) or getattr(item, "title", None) or ""
    return code(name), safe(told), "<br>".join(_details(item))


def _details(item: Any) -> list[str]:
    if isinstance(item, Tool):
        return _arguments(item.input_schema)
    if isinstance(item, Prompt):
        facts = [(one.name, "required" if one.required else "") for one in item.arguments]
        return _named(facts)
    if isinstance(item, Resource):
        size = "" if item.size is None else f"{item.size:,} bytes"
        return [code(item.uri), *(faint(fact) for fact in (item.mime_type, size) if fact)]
    return [code(item.uri_template)] if isinstance(item, ResourceTemplate) else []


def _arguments(schema: Mapping[str, Any]) -> list[str]:
    """The arguments of a tool, as far as its schema, which may hold anything, names them."""
    properties = schema.get("properties")
    required = schema.get("required")
    if not isinstance(properties, Mapping):
        return []
    needed = required if isinstance(required, list) else []
    facts = []
    for name, of in properties.items():
        kind = of.get("type", "") if isinstance(of, Mapping) else ""
        words = [
            *(kind if isinstance(kind, list) else [kind]),
            "required" if name in needed else "",
        ]
        facts.append((name, ", ".join(str(word) for word in words if word)))
    return _named(facts)


def _named(facts: Sequence[tuple[str, str]]) -> list[str]:
    lines = [f"{code(name)} {faint(fact)}" for name, fact in facts[:_MOST_ARGUMENTS]]
    left = len(facts) - _MOST_ARGUMENTS
    return [*lines, *([faint(f"and {left:,} more")] if left > 0 else [])]


def tool_result_html(result: CallToolResult) -> str:
    """Show what a tool answered, block by block; HTML without a script."""
    body = "".join(map(_content, result.content))
    if result.has_structured_content:
        body += f"<div>{faint('structured content')}</div>{json_block(result.structured_content)}"
    fate = mark("failed" if result.is_error else "ok")
    return card("CallToolResult", *([code(result.tool)] if result.tool else []), fate, body=body)


def resource_result_html(result: ReadResourceResult) -> str:
    """Show the parts of a resource; HTML without a script."""
    body = "".join(map(contents_html, result.contents))
    return card("ReadResourceResult", faint(count(len(result.contents), "part")), body=body)


def prompt_result_html(result: GetPromptResult) -> str:
    """Show the messages of a prompt; HTML without a script."""
    body = "".join(
        f"<div><strong>{safe(message.role)}</strong></div>{_content(message.content)}"
        for message in result.messages
    )
    heads = [faint(result.description)] if result.description else []
    return card("GetPromptResult", *heads, body=body)


def _content(content: Content) -> str:
    if isinstance(content, TextContent):
        return block(content.text)
    if isinstance(content, ImageContent | AudioContent):
        return media_html(content.mime_type, content.data)
    if isinstance(content, EmbeddedResource):
        return contents_html(content.resource)
    if isinstance(content, ResourceLink):
        return f"<div>{code(content.uri)} {faint(content.display_name)}</div>"
    head = faint(f"a block of type {content.type}")
    return f"<div>{head}</div>{json_block(content.to_wire())}"
