"""`mcp-sync call`: call one tool, show how far it is, and print what it answers."""

from __future__ import annotations

from argparse import Namespace
from typing import Any

from mcp_sync import CallToolResult, MCPClient
from mcp_sync.cli.arguments import read_object, read_pairs
from mcp_sync.cli.connecting import connected
from mcp_sync.cli.contents import open_store, show_result
from mcp_sync.cli.exits import OK, TOOL_FAILED, BadInput
from mcp_sync.cli.output import complain, print_json
from mcp_sync.cli.screen import progress_reporter
from mcp_sync.deadline import Deadline

__all__ = ["run"]


def run(options: Namespace) -> int:
    """Call a tool. An interrupt cancels the call, at the server too, before it goes on.

    Args:
        options: ``name``, ``arguments`` (``key=value`` each), ``args`` (None, or JSON in their
            place), ``output`` (None, or a file) and those of a server.

    Returns:
        The exit code.

    Raises:
        BadInput: the arguments cannot be read; nothing was sent.
        Failed: the answer is printed, because it cannot be saved.
    """
    arguments, store = _arguments(options), open_store(options)
    with connected(MCPClient, options) as (client, deadline):
        result = _call(client, options.name, arguments, deadline)
    if options.json:
        print_json(result.raw)
    else:
        show_result(result, store)
    if result.is_error:
        complain(f"the tool {options.name} says that it failed")
    store.check()
    return TOOL_FAILED if result.is_error else OK


def _arguments(options: Namespace) -> dict[str, Any]:
    if options.args is None:
        return read_pairs(options.arguments)
    if options.arguments:
        raise BadInput("--args holds all arguments; give no KEY=VALUE beside it")
    return read_object(options.args)


def _call(
    client: MCPClient, name: str, arguments: dict[str, Any], deadline: Deadline
) -> CallToolResult:
    reporter = progress_reporter(name)
    try:
        return client.call_tool(
            name,
            arguments,
            timeout=deadline.remaining(),
            on_progress=reporter.report,
            offline="raise",
        )
    finally:
        reporter.close()
