"""`mcp-sync tools`: what a server can do, or all that it says of one tool."""

from __future__ import annotations

from argparse import Namespace
from collections.abc import Mapping
from typing import Any

from mcp_sync import MCPClient, Tool
from mcp_sync.cli.connecting import connected
from mcp_sync.cli.exits import FAILED, OK
from mcp_sync.cli.output import complain, facts, print_json, print_text
from mcp_sync.cli.screen import show_table

__all__ = ["run"]


def run(options: Namespace) -> int:
    """List the tools, or tell of one.

    Args:
        options: ``name`` (None for all) and those of a server.

    Returns:
        The exit code.
    """
    with connected(MCPClient, options) as (client, deadline):
        tools = client.list_tools(timeout=deadline.remaining())
    if options.name is not None:
        return _show_one(tools, options)
    if options.json:
        print_json([tool.raw for tool in tools])
    elif tools:
        rows = [(tool.name, _signature(tool.input_schema), _summary(tool)) for tool in tools]
        show_table(("tool", "arguments", "what it does"), rows)
    else:
        print("the server has no tools")
    return OK


def _show_one(tools: list[Tool], options: Namespace) -> int:
    found = [tool for tool in tools if tool.name == options.name]
    if not found:
        known = ", ".join(tool.name for tool in tools) or "none"
        complain(f"the server has no tool {options.name!r}", f"it has: {known}")
        return FAILED
    tool = found[0]
    if options.json:
        print_json(tool.raw)
        return OK
    print(*facts({"tool": tool.name, "title": tool.title, "hints": _hints(tool)}), sep="\n")
    if tool.description:
        print_text(f"\n{tool.description}")
    print("\narguments:")
    print_json(tool.input_schema)
    if tool.output_schema is not None:
        print("\nstructured content:")
        print_json(tool.output_schema)
    return OK


def _signature(schema: Mapping[str, Any]) -> str:
    """The names of the arguments, in brackets those that are not needed."""
    properties, required = schema.get("properties"), schema.get("required")
    if not isinstance(properties, Mapping):
        return ""
    needed = required if isinstance(required, list) else []
    return " ".join(name if name in needed else f"[{name}]" for name in properties)


def _summary(tool: Tool) -> str:
    text = (tool.description or tool.display_name).strip()
    return text.partition("\n")[0]


def _hints(tool: Tool) -> str | None:
    """What the server says of the tool's behaviour, without what it left to the default."""
    told = {
        name: value
        for name, value in tool.annotations.raw.items()
        if name.endswith("Hint") and isinstance(value, bool)
    }
    return ", ".join(f"{name}={str(value).lower()}" for name, value in told.items()) or None
