"""The command line's grammar. Runs nothing: each command names the function that does."""

from __future__ import annotations

import argparse
from typing import Any, Final

from mcp_sync import __version__
from mcp_sync.cli import exits
from mcp_sync.cli.grammar import (
    Parser,
    add_command,
    add_compareblocks_server,
    add_debug,
    add_json,
    add_server,
    add_timeout,
    delay,
    json_object,
    port,
    sentence,
)
from mcp_sync.cli.parser_mcp import add_mcp_commands

__all__ = ["make_parser"]

_PDF_HELP: Final = "the PDF, as a path on the server, relative to the server's working directory"

_COMPAREBLOCKS_TIMEOUT: Final = "seconds for everything (default: 180)"


def make_parser() -> argparse.ArgumentParser:
    """Make the parser.

    Returns:
        A parser whose options have ``command``, the name of the function that runs them, as
        ``pkgutil.resolve_name`` takes it, ``quiet``, whether warnings of the library are of no
        use to the command's user, and ``debug``.
    """
    parser = Parser(
        prog="mcp-sync",
        description="A blocking client of MCP and compareblocks servers.",
        epilog=exits.LEGEND,
    )
    parser.add_argument("--version", action="version", version=f"mcp-sync {__version__}")
    add_debug(parser, default=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_serve(commands)
    add_mcp_commands(commands)
    _add_health(commands)
    _add_compareblocks(commands)
    _add_queue(commands)
    return parser


def _add_demo(commands: Any) -> None:
    text = "do a whole extraction, kill the server in the middle of the work, and lose nothing"
    parser = add_command(commands, "demo", text, "mcp_sync.cli.demo:run")
    text = "print the proof as JSON, and the story on standard error"
    parser.add_argument("--json", action="store_true", help=text)


def _add_serve(commands: Any) -> None:
    text = "run the embedded compareblocks and MCP server until Ctrl-C"
    parser = add_command(commands, "serve", text, "mcp_sync.cli.serve:run")
    parser.set_defaults(quiet=False)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=port, default=8765, help="0 takes a free one (default: %(default)s)"
    )
    parser.add_argument(
        "--working-directory",
        metavar="DIR",
        default=".",
        help="its PDF files may be submitted (default: the current directory)",
    )
    parser.add_argument(
        "--ledger",
        metavar="FILE",
        help="record here what was executed (default: in memory)",
    )
    parser.add_argument(
        "--processing-delay",
        metavar="S",
        type=delay,
        default=0.0,
        help="seconds that each job takes at least (default: 0)",
    )
    add_json(parser)


def _add_health(commands: Any) -> None:
    text = "ping a server and ask it something cheap"
    parser = add_command(commands, "health", text, "mcp_sync.cli.health:run")
    add_server(parser)
    add_timeout(parser, 5.0, "seconds for everything (default: 5)")
    add_json(parser)
    parser.add_argument(
        "--compareblocks", action="store_true", help="speak compareblocks instead of MCP"
    )


def _add_compareblocks(commands: Any) -> None:
    text = "submit documents to a compareblocks server and fetch what it decided"
    group = commands.add_parser("compareblocks", help=text, description=sentence(text))
    add_debug(group)
    actions = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_submit(actions)
    _add_status(actions)
    _add_results(actions)


def _add_submit(actions: Any) -> None:
    text = "have the variations of a document's blocks compared"
    parser = add_command(actions, "submit", text, "mcp_sync.cli.compareblocks:submit")
    parser.add_argument("pdf", metavar="FILE.pdf", help=_PDF_HELP)
    parser.add_argument(
        "variations",
        metavar="VARIATIONS.ndjson",
        help="what the engines read, as a local file with a JSON object a line; - for stdin",
    )
    parser.add_argument(
        "--metadata", metavar="JSON", type=json_object, help="further facts, as a JSON object"
    )
    parser.add_argument("--wait", action="store_true", help="wait for the results and print them")
    _add_compareblocks_rest(parser)


def _add_status(actions: Any) -> None:
    text = "tell where a session stands, or the whole server"
    parser = add_command(actions, "status", text, "mcp_sync.cli.compareblocks:status")
    parser.mixes = True
    parser.add_argument("session", metavar="SESSION", nargs="?", help="default: the whole server")
    parser.add_argument(
        "--details", action="store_true", help="add a summary of a completed session's results"
    )
    _add_compareblocks_rest(parser)


def _add_results(actions: Any) -> None:
    text = "fetch the results of a completed session"
    parser = add_command(actions, "results", text, "mcp_sync.cli.compareblocks:results")
    parser.add_argument("session", metavar="SESSION")
    parser.add_argument(
        "--format",
        choices=("json", "ndjson", "summary"),
        help="JSON, a line for each decision, or figures alone (default: a table to read)",
    )
    parser.add_argument(
        "--analytics", action="store_true", help="add figures about quality and time"
    )
    _add_compareblocks_rest(parser)


def _add_compareblocks_rest(parser: argparse.ArgumentParser) -> None:
    add_compareblocks_server(parser)
    add_timeout(parser, None, _COMPAREBLOCKS_TIMEOUT)
    add_json(parser)


def _add_queue(commands: Any) -> None:
    text = "look into the journal of a client that is not running, or empty it"
    group = commands.add_parser("queue", help=text, description=sentence(text))
    add_debug(group)
    actions = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name, text, run in (
        ("list", "show what is queued, without the params", "mcp_sync.cli.queue:list_"),
        (
            "export",
            "print every call as a line of JSON, params included",
            "mcp_sync.cli.queue:export",
        ),
        ("clear", "delete every call; export them first", "mcp_sync.cli.queue:clear"),
    ):
        parser = add_command(actions, name, text, run)
        parser.add_argument("path", metavar="PATH")
        add_json(parser)
