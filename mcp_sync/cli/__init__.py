"""The command line: reads it, runs one command, and turns what came of it into an exit code.

The commands are modules of their own, imported when they run: a command pays for nothing that
another one needs. This room knows neither clients nor servers.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import pkgutil
import sys
import traceback
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from mcp_sync import MCPError
from mcp_sync.cli import exits
from mcp_sync.cli.interrupts import Interrupts
from mcp_sync.cli.output import complain, speak_plainly
from mcp_sync.cli.parser import make_parser
from mcp_sync.log_setup import EnvironmentHandler

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command, on the main thread, which alone hears signals.

    Args:
        argv: the command line without the program's name; None for this process's own.

    Returns:
        The exit code; `mcp-sync --help` lists them.
    """
    speak_plainly()
    try:
        code = _parse_and_run(argv)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if not _is_of_output(error):
            raise
        code = _end_without_output(error)
    _let_go_of_lost_outputs()
    return code


def _parse_and_run(argv: Sequence[str] | None) -> int:
    try:
        options = make_parser().parse_args(argv)
    except SystemExit as stop:  # the parser has said everything
        return cast("int", stop.code)
    with _logging(options.debug, options.quiet):
        return _run(options)


def _run(options: Namespace) -> int:
    """Run a command; of its errors those of the output alone are raised."""
    try:
        with Interrupts() as options.interrupts:
            command = pkgutil.resolve_name(options.command)
            return cast("int", command(options))
    except KeyboardInterrupt:
        complain("interrupted")
        return exits.INTERRUPTED
    except SystemExit as end:  # SIGTERM or SIGHUP: whoever sent it knows
        return cast("int", end.code)
    except Exception as error:  # whatever it was, the user gets a sentence of it, if there is one
        if _is_of_output(error):
            raise
        if options.debug:
            traceback.print_exception(error)
        report = exits.explain(error)
        complain(report.sentence, report.hint)
        return report.code


@contextlib.contextmanager
def _logging(debug: bool, quiet: bool) -> Iterator[None]:
    """Show the whole log on standard error; or of settings alone, where errors say the rest."""
    handler: logging.Handler | None = None
    logger = logging.getLogger("mcp_sync")
    level = logger.level
    if any(isinstance(one, EnvironmentHandler) for one in logger.handlers):
        handler = None  # MCP_SYNC_LOG shows it already
        logger.setLevel(logging.DEBUG if debug else level)
    elif debug:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(relativeCreated)6d ms %(name)s: %(message)s"))
        logger.setLevel(logging.DEBUG)
    elif quiet:
        handler = _Remarks()
        handler.addFilter(logging.Filter("mcp_sync.config"))
    if handler is not None:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)


class _Remarks(logging.Handler):
    """Shows records as complaints."""

    def emit(self, record: logging.LogRecord) -> None:
        complain(record.getMessage())


def _is_of_output(error: Exception) -> bool:
    """Whether an output cannot be written: the library's errors are its own, those of files named.

    A pipe was closed, a terminal is gone, a disk is full.
    """
    if not isinstance(error, OSError) or isinstance(error, MCPError):
        return False
    return error.errno is not None and error.filename is None


def _end_without_output(error: OSError) -> int:
    """Say what became of the output, where anybody is left to be told; gives the exit code."""
    if error.errno in (errno.EPIPE, errno.EIO):
        return exits.CLOSED_PIPE
    complain(f"cannot write the output: {error.strerror}")
    return exits.FAILED


def _let_go_of_lost_outputs() -> None:
    # Or the interpreter would flush them once more at exit, and complain.
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            with Path(os.devnull).open("wb") as sink:
                os.dup2(sink.fileno(), stream.fileno())
