"""The command line's grammar. Runs nothing: each command names the function that does."""

from __future__ import annotations

import argparse
import json
import math
from typing import Any, Final, NoReturn

from mcp_sync import __version__
from mcp_sync.cli import exits
from mcp_sync.cli.output import complain
from mcp_sync.errors import shorten

__all__ = ["make_parser"]

_PDF_HELP: Final = "the PDF, as a path on the server, relative to the server's working directory"
_LONGEST_MESSAGE: Final = 400


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in a sentence and a hint, as every other error is said."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)

    def error(self, message: str) -> NoReturn:
        complain(shorten(message, _LONGEST_MESSAGE), f"{self.prog} --help")
        self.exit(exits.BAD_INPUT)


def make_parser() -> argparse.ArgumentParser:
    """Make the parser.

    Returns:
        A parser whose options have ``command``, the name of the function that runs them, as
        ``pkgutil.resolve_name`` takes it, ``quiet``, whether warnings of the library are of no
        use to the command's user, and ``debug``.
    """
    parser = _Parser(
        prog="mcp-sync",
        description="A blocking client of MCP and compareblocks servers.",
        epilog=exits.LEGEND,
    )
    parser.add_argument("--version", action="version", version=f"mcp-sync {__version__}")
    _add_debug(parser, default=False)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_demo(commands)
    _add_serve(commands)
    _add_health(commands)
    _add_compareblocks(commands)
    _add_queue(commands)
    return parser


def _add_demo(commands: Any) -> None:
    text = "do a whole extraction, kill the server in the middle of the work, and lose nothing"
    _command(commands, "demo", text, "mcp_sync.cli.demo:run")


def _add_serve(commands: Any) -> None:
    text = "run the embedded compareblocks and MCP server until Ctrl-C"
    parser = _command(commands, "serve", text, "mcp_sync.cli.serve:run")
    parser.set_defaults(quiet=False)
    parser.add_argument(
        "--host", default="127.0.0.1", help="address to listen on (default: %(default)s)"
    )
    parser.add_argument(
        "--port", type=_port, default=8765, help="0 takes a free one (default: %(default)s)"
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
        type=_delay,
        default=0.0,
        help="seconds that each job takes at least (default: 0)",
    )


def _add_health(commands: Any) -> None:
    text = "ping a server and ask it something cheap"
    parser = _command(commands, "health", text, "mcp_sync.cli.health:run")
    _add_server(parser, timeout=5.0)
    parser.add_argument(
        "--compareblocks", action="store_true", help="speak compareblocks instead of MCP"
    )


def _add_compareblocks(commands: Any) -> None:
    text = "submit documents to a compareblocks server and fetch what it decided"
    group = commands.add_parser("compareblocks", help=text, description=_sentence(text))
    _add_debug(group)
    actions = group.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_submit(actions)
    _add_status(actions)
    _add_results(actions)


def _add_submit(actions: Any) -> None:
    text = "have the variations of a document's blocks compared"
    parser = _command(actions, "submit", text, "mcp_sync.cli.compareblocks:submit")
    parser.add_argument("pdf", metavar="FILE.pdf", help=_PDF_HELP)
    parser.add_argument(
        "variations",
        metavar="VARIATIONS.ndjson",
        help="what the engines read, as a local file with a JSON object a line; - for stdin",
    )
    parser.add_argument(
        "--metadata", metavar="JSON", type=_json_object, help="further facts, as a JSON object"
    )
    parser.add_argument("--wait", action="store_true", help="wait for the results and print them")
    _add_server(parser)


def _add_status(actions: Any) -> None:
    text = "tell where a session stands, or the whole server"
    parser = _command(actions, "status", text, "mcp_sync.cli.compareblocks:status")
    parser.add_argument("session", metavar="SESSION", nargs="?", help="default: the whole server")
    parser.add_argument(
        "--details", action="store_true", help="add a summary of a completed session's results"
    )
    _add_server(parser)


def _add_results(actions: Any) -> None:
    text = "fetch the results of a completed session"
    parser = _command(actions, "results", text, "mcp_sync.cli.compareblocks:results")
    parser.add_argument("session", metavar="SESSION")
    parser.add_argument(
        "--format",
        choices=("json", "ndjson", "summary"),
        help="JSON, a line for each decision, or figures alone (default: a table to read)",
    )
    parser.add_argument(
        "--analytics", action="store_true", help="add figures about quality and time"
    )
    _add_server(parser)


def _add_queue(commands: Any) -> None:
    text = "look into the journal of a client that is not running, or empty it"
    group = commands.add_parser("queue", help=text, description=_sentence(text))
    _add_debug(group)
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
        _command(actions, name, text, run).add_argument("path", metavar="PATH")


def _command(commands: Any, name: str, text: str, run: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(
        name, help=text, description=_sentence(text)
    )
    parser.set_defaults(command=run, quiet=True)
    _add_debug(parser)
    return parser


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _add_debug(parser: argparse.ArgumentParser, default: Any = argparse.SUPPRESS) -> None:
    # Suppressed below the top, or its default would overwrite what stands before the command.
    text = "show the library's log and, of an error, the traceback"
    parser.add_argument("--debug", action="store_true", default=default, help=text)


def _add_server(parser: argparse.ArgumentParser, timeout: float | None = None) -> None:
    parser.add_argument(
        "--url",
        help="where the server is (default: MCP_SYNC_SERVER_URL, or else ws://localhost:8765)",
    )
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=_seconds,
        default=timeout,
        help=f"seconds for everything (default: {180 if timeout is None else timeout:g})",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def _port(text: str) -> int:
    try:
        port = int(text)
    except ValueError:
        port = -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535, not {text!r}")
    return port


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _seconds(text: str) -> float:
    number = _number(text)
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, not {text!r}")
    return number


def _delay(text: str) -> float:
    number = _number(text)
    if not 0 <= number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number of seconds from 0, not {text!r}")
    return number


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        example = '{"submission_key": "a1"}'
        raise argparse.ArgumentTypeError(f"must be a JSON object like {example}, not {text!r}")
    return value
