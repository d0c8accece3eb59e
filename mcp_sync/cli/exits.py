"""How a command ends: its exit code, and the sentence and the hint of an error.

This room maps errors; it prints nothing and ends no process.
"""

from __future__ import annotations

from typing import Final

import attrs

from mcp_sync import (
    InvalidArguments,
    InvalidParams,
    InvalidVariationLine,
    MCPConfigurationError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPError,
    MCPMessageTooLarge,
    MCPResponseError,
    MCPTimeoutError,
)

__all__ = [
    "BAD_INPUT",
    "CLOSED_PIPE",
    "FAILED",
    "INTERRUPTED",
    "LEGEND",
    "METHOD_NOT_FOUND",
    "OK",
    "TOOL_FAILED",
    "UNHEALTHY",
    "UNREACHABLE",
    "BadInput",
    "Failed",
    "Report",
    "Unreachable",
    "explain",
]

OK: Final = 0
"""All is well."""

FAILED: Final = 1
"""The operation failed; the server was there."""

BAD_INPUT: Final = 2
"""The command line, a setting or an input file cannot work; nothing was sent."""

UNREACHABLE: Final = 3
"""There is no server, or it refused the connection."""

UNHEALTHY: Final = 4
"""`health`: the server answered and something is wrong; `ping`: answers were lost."""

TOOL_FAILED: Final = 5
"""`call`: the tool ran and says itself that it failed (``isError``)."""

INTERRUPTED: Final = 130
"""Ctrl-C, as shells count it: 128 and the signal's number."""

CLOSED_PIPE: Final = 141
"""Nobody reads the output any more (`| head -1`), as shells count SIGPIPE."""

LEGEND: Final = """\
exit codes:
  0    all is well
  1    the operation failed
  2    the command line, a setting or an input file cannot work
  3    the server cannot be reached, or refused the connection
  4    health: the server is not healthy; ping: answers were lost
  5    call: the tool ran and says that it failed
  129  ended by SIGHUP: its terminal was closed
  130  interrupted with Ctrl-C
  141  nobody reads the output any more
  143  ended by SIGTERM"""
"""The codes, as the help shows them."""

_SERVE_HINT: Final = "`mcp-sync serve` starts a server on this machine; --url names another one"

_STDIO_HINT: Final = (
    "--debug shows what the command says on stderr; it gets few of your variables, and --env NAME "
    "hands it one more"
)

_METHOD_HINT: Final = (
    "the server does not offer this; `mcp-sync health --json` tells what it can do"
)

METHOD_NOT_FOUND: Final = -32601
"""JSON-RPC 2.0, section 5.1."""

_EXTRAS: Final = ("websockets", "rich")
"""Libraries of extras: without one the sentence tells how to install it."""

_TIMEOUT_HINT: Final = "--timeout gives it more time"

_URL_HINT: Final = "--url takes ws://HOST:PORT or wss://HOST:PORT"


_BAD_INPUT: Final = (
    MCPConfigurationError,
    InvalidArguments,
    InvalidParams,
    InvalidVariationLine,
)


class BadInput(Exception):
    """An argument or a file of the user's that cannot work.

    Args:
        sentence: what is wrong.
        hint: the way out; "" where the sentence has it.
    """

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.hint = hint


class Failed(Exception):
    """Something went wrong after the server did its part.

    Args:
        sentence: what went wrong.
        hint: what became of the answer.
    """

    def __init__(self, sentence: str, hint: str) -> None:
        super().__init__(sentence)
        self.hint = hint


class Unreachable(Exception):
    """There is no connection.

    Args:
        url: where the server should be, without secrets.
        last_error: why the last attempt failed; None where none has failed yet.
    """

    def __init__(self, url: str, last_error: str | None) -> None:
        super().__init__(f"no connection to {url}: {last_error or 'the server does not answer'}")
        away = _STDIO_HINT if url.startswith("stdio:") else _SERVE_HINT
        self.hint = away if last_error else _TIMEOUT_HINT


@attrs.frozen
class Report:
    """What is said of an error."""

    sentence: str
    hint: str
    code: int


def explain(error: Exception) -> Report:
    """Put an error in a sentence, a hint ("" for none) and an exit code."""
    sentence = str(error)
    if isinstance(error, BadInput):
        return Report(sentence, error.hint, BAD_INPUT)
    if isinstance(error, Failed):
        return Report(sentence, error.hint, FAILED)
    if isinstance(error, Unreachable):
        return Report(sentence, error.hint, UNREACHABLE)
    if isinstance(error, MCPError):
        return Report(sentence, _hint(error), _code(error))
    if isinstance(error, ImportError) and (error.name or "").startswith(_EXTRAS):
        return Report(sentence, "", BAD_INPUT)
    unexpected = f"unexpected {type(error).__name__}: {sentence}"
    return Report(unexpected, "--debug shows where it comes from", FAILED)


def _code(error: MCPError) -> int:
    if isinstance(error, _BAD_INPUT):
        return BAD_INPUT
    if isinstance(error, MCPMessageTooLarge) and error.direction == "outbound":
        return BAD_INPUT
    if isinstance(error, MCPConnectionLost):
        return FAILED
    if isinstance(error, MCPConnectionError):
        return UNREACHABLE
    if isinstance(error, MCPTimeoutError) and not error.sent:
        return UNREACHABLE
    return FAILED


def _hint(error: MCPError) -> str:
    if isinstance(error, MCPConfigurationError) and error.setting == "server_url":
        return _URL_HINT
    if isinstance(error, MCPTimeoutError):
        return _TIMEOUT_HINT
    if isinstance(error, MCPResponseError) and error.code == METHOD_NOT_FOUND:
        return _METHOD_HINT
    return ""
