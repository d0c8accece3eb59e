"""The grammar of the commands for standard MCP servers. Runs nothing."""

from __future__ import annotations

from typing import Any, Final

from mcp_sync.cli.grammar import (
    Parser,
    add_command,
    add_json,
    add_server,
    add_timeout,
    count,
    seconds,
)

__all__ = ["add_mcp_commands"]

_FOR_EVERYTHING: Final = "seconds for everything (default: 30)"

_OUTPUT_HELP: Final = (
    "save here what is not text, a second one beside it as FILE-2; where all is text, the text"
)

_CALL_RULES: Final = """\
KEY=VALUE: a VALUE that is JSON is taken as such (n=5, on=true, list=[1,2]), any
other is a text (city=Oslo). Quotes make a text of what looks like JSON: n='"5"'.
KEY=@FILE gives the text of a file, KEY=@- that of standard input."""

_PROMPT_RULES: Final = """\
KEY=VALUE: arguments of prompts are texts, whatever they look like. KEY=@FILE gives
the text of a file, KEY=@- that of standard input."""


def add_mcp_commands(commands: Any) -> None:
    """Add the commands for standard MCP servers.

    Args:
        commands: what ``add_subparsers`` gave.
    """
    _add_tools(commands)
    _add_call(commands)
    _add_resources(commands)
    _add_read(commands)
    _add_prompts(commands)
    _add_ping(commands)
    _add_watch(commands)


def _add_tools(commands: Any) -> None:
    text = "list the tools of a server, or tell all of one"
    parser = add_command(commands, "tools", text, "mcp_sync.cli.tools:run")
    parser.mixes = True
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: list them all")
    _add_rest(parser)


def _add_call(commands: Any) -> None:
    text = "call a tool and print what it answers; Ctrl-C cancels the call"
    parser = add_command(commands, "call", text, "mcp_sync.cli.call:run")
    parser.mixes = True
    parser.epilog = _CALL_RULES
    parser.add_argument("name", metavar="NAME", help="the tool")
    parser.add_argument("arguments", metavar="KEY=VALUE", nargs="*", help="see below")
    text = "all arguments as one JSON object; @FILE and @- as below"
    parser.add_argument("--args", metavar="JSON", help=text)
    parser.add_argument("--output", metavar="FILE", help=_OUTPUT_HELP)
    _add_rest(parser)


def _add_resources(commands: Any) -> None:
    text = "list the resources of a server, and their templates"
    parser = add_command(commands, "resources", text, "mcp_sync.cli.resources:list_")
    _add_rest(parser)


def _add_read(commands: Any) -> None:
    text = "print what a resource holds"
    parser = add_command(commands, "read", text, "mcp_sync.cli.resources:read")
    parser.add_argument("uri", metavar="URI", help="as `mcp-sync resources` lists it")
    parser.add_argument("--output", metavar="FILE", help=_OUTPUT_HELP)
    _add_rest(parser)


def _add_prompts(commands: Any) -> None:
    text = "list the prompts of a server, or have one filled in"
    parser = add_command(commands, "prompts", text, "mcp_sync.cli.prompts:run")
    parser.mixes = True
    parser.epilog = _PROMPT_RULES
    parser.add_argument("name", metavar="NAME", nargs="?", help="default: list them all")
    parser.add_argument("arguments", metavar="KEY=VALUE", nargs="*", help="see below")
    _add_rest(parser)


def _add_ping(commands: Any) -> None:
    text = "ping a server until Ctrl-C, a line for each answer and figures at the end"
    parser = add_command(commands, "ping", text, "mcp_sync.cli.ping:run")
    parser.add_argument(
        "-c", "--count", metavar="N", type=count, help="end after so many (default: Ctrl-C)"
    )
    parser.add_argument(
        "-i", "--interval", metavar="S", type=seconds, default=1.0, help="(default: 1 s)"
    )
    _add_rest(parser, 5.0, "seconds for each answer (default: 5)")


def _add_watch(commands: Any) -> None:
    text = "show the state of the connection to a server as it changes, until q or Ctrl-C"
    parser = add_command(commands, "watch", text, "mcp_sync.cli.watch:run")
    parser.add_argument(
        "-c", "--count", metavar="N", type=count, help="end after so many intervals (default: q)"
    )
    parser.add_argument(
        "-i", "--interval", metavar="S", type=seconds, default=1.0, help="(default: 1 s)"
    )
    _add_rest(parser, 5.0, "seconds for each answer (default: 5)")


def _add_rest(
    parser: Parser, timeout: float | None = None, timeout_help: str = _FOR_EVERYTHING
) -> None:
    add_server(parser)
    add_timeout(parser, timeout, timeout_help)
    add_json(parser)
