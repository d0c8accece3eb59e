"""`mcp-sync prompts`: the prompts of a server, and one of them filled in."""

from __future__ import annotations

from argparse import Namespace

from mcp_sync import MCPClient, Prompt
from mcp_sync.cli.arguments import read_texts
from mcp_sync.cli.connecting import connected
from mcp_sync.cli.contents import text_of
from mcp_sync.cli.exits import OK
from mcp_sync.cli.output import print_json, print_text
from mcp_sync.cli.screen import show_table

__all__ = ["run"]


def run(options: Namespace) -> int:
    """List the prompts, or have one filled in.

    Args:
        options: ``name`` (None for all), ``arguments`` (``key=value`` each) and those of a server.

    Returns:
        The exit code.
    """
    arguments = read_texts(options.arguments)
    with connected(MCPClient, options) as (client, deadline):
        if options.name is None:
            _list(client.list_prompts(timeout=deadline.remaining()), options)
            return OK
        result = client.get_prompt(options.name, arguments, timeout=deadline.remaining())
    if options.json:
        print_json(result.raw)
    else:
        for message in result.messages:
            print_text(f"{message.role}: {text_of(message.content)}")
    return OK


def _list(prompts: list[Prompt], options: Namespace) -> None:
    if options.json:
        print_json([prompt.raw for prompt in prompts])
    elif prompts:
        rows = [(one.name, _signature(one), one.description or one.display_name) for one in prompts]
        show_table(("prompt", "arguments", "what it is for"), rows)
    else:
        print("the server has no prompts")


def _signature(prompt: Prompt) -> str:
    """The names of the arguments, in brackets those that are not needed."""
    return " ".join(one.name if one.required else f"[{one.name}]" for one in prompt.arguments)
