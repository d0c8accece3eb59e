"""What the grammar of every command is made of: the parser's class, shared options, value types.

Runs nothing and knows no command.
"""

from __future__ import annotations

import argparse
import json
import math
from typing import Any, Final, NoReturn

from mcp_sync.cli import exits
from mcp_sync.cli.output import complain
from mcp_sync.errors import shorten

__all__ = [
    "Parser",
    "add_command",
    "add_compareblocks_server",
    "add_debug",
    "add_json",
    "add_server",
    "add_timeout",
    "count",
    "delay",
    "json_object",
    "port",
    "seconds",
    "sentence",
]

_LONGEST_MESSAGE: Final = 400

_LONGEST_TIME: Final = 1_000_000_000
"""Seconds, as for the settings of a client: no system waits for much longer."""


class Parser(argparse.ArgumentParser):
    """Says what is wrong in a sentence and a hint, as every other error is said."""

    def __init__(self, **settings: Any) -> None:
        settings.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        super().__init__(allow_abbrev=False, **settings)
        self.mixes = False
        """Whether options may stand among arguments of any number."""
        self._mixing = False

    def error(self, message: str) -> NoReturn:
        """Complain, and end with the code of bad input."""
        complain(shorten(message, _LONGEST_MESSAGE), f"{self.prog} --help")
        self.exit(exits.BAD_INPUT)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        """Parse, as ``argparse`` does, and let options stand anywhere where that is wanted."""
        if not self.mixes or self._mixing:
            return super().parse_known_args(args, namespace)
        self._mixing = True  # it comes back here
        try:
            return self.parse_known_intermixed_args(args, namespace)
        finally:
            self._mixing = False


def add_command(commands: Any, name: str, text: str, run: str) -> Parser:
    """Add a command.

    Args:
        commands: what ``add_subparsers`` gave.
        name: its name.
        text: what it does, without a capital and a full stop.
        run: the function that runs it, as ``pkgutil.resolve_name`` takes it.

    Returns:
        Its parser.
    """
    parser: Parser = commands.add_parser(name, help=text, description=sentence(text))
    parser.set_defaults(command=run, quiet=True)
    add_debug(parser)
    return parser


def sentence(text: str) -> str:
    """Make a sentence of what a command does."""
    return f"{text[0].upper()}{text[1:]}."


def add_debug(parser: argparse.ArgumentParser, default: Any = argparse.SUPPRESS) -> None:
    """Add ``--debug``; suppressed below the top, or it would overwrite what stands there."""
    text = "show the library's log and, of an error, the traceback"
    parser.add_argument("--debug", action="store_true", default=default, help=text)


def add_json(parser: argparse.ArgumentParser) -> None:
    """Add ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_timeout(parser: argparse.ArgumentParser, default: float | None, text: str) -> None:
    """Add ``--timeout``; the default None leaves it to the client's setting, which ``text`` says.

    Args:
        parser: whose option.
        default: seconds, or None.
        text: what the time is for, and the default.
    """
    parser.add_argument("--timeout", metavar="S", type=seconds, default=default, help=text)


def add_server(parser: argparse.ArgumentParser) -> None:
    """Add what names a standard server, in each of the three ways, and its revision of MCP."""
    server, which = _add_address(parser)
    text = "start this command and talk to it; quoted as for a shell, though none takes part"
    which.add_argument("--stdio", metavar="CMD", help=text)
    text = "hand this variable of the environment to the server that is started; may be repeated"
    server.add_argument("--env", metavar="NAME", action="append", default=[], help=text)
    text = "the revision of MCP to speak and no other, such as 2025-11-25 (default: any)"
    server.add_argument("--protocol-version", metavar="V", help=text)


def add_compareblocks_server(parser: argparse.ArgumentParser) -> None:
    """Add what names a compareblocks server, which is never started: it listens somewhere."""
    _add_address(parser)
    parser.set_defaults(stdio=None, env=[], protocol_version=None)


def _add_address(parser: argparse.ArgumentParser) -> tuple[Any, Any]:
    """Add what names a server of either kind; gives the group, and that of alternatives."""
    server = parser.add_argument_group("the server")
    which = server.add_mutually_exclusive_group()
    text = "where the server is (default: MCP_SYNC_SERVER_URL, or else ws://localhost:8765)"
    which.add_argument("--url", help=text)
    text = "take the server from this file, such as mcp.json of an editor or a desktop tool"
    which.add_argument("--config", metavar="FILE", help=text)
    server.add_argument("--server", metavar="NAME", help="which server of that file")
    return server, which


def port(text: str) -> int:
    """The number of a port."""
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 65535:
        raise argparse.ArgumentTypeError(f"must be a port from 0 to 65535, not {text!r}")
    return number


def count(text: str) -> int:
    """A number of times."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number from 1, not {text!r}")
    return number


def seconds(text: str) -> float:
    """A time that is not nothing."""
    number = _number(text)
    if not 0 < number <= _LONGEST_TIME:
        rule = f"must be a number of seconds above 0, at most {_LONGEST_TIME}"
        raise argparse.ArgumentTypeError(f"{rule}, not {text!r}")
    return number


def delay(text: str) -> float:
    """A time that may be nothing."""
    number = _number(text)
    if not 0 <= number <= _LONGEST_TIME:
        rule = f"must be a number of seconds from 0, at most {_LONGEST_TIME}"
        raise argparse.ArgumentTypeError(f"{rule}, not {text!r}")
    return number


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def json_object(text: str) -> dict[str, Any]:
    """A JSON object."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        example = '{"submission_key": "a1"}'
        raise argparse.ArgumentTypeError(f"must be a JSON object like {example}, not {text!r}")
    return value
