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
from typing import cast

from mcp_sync.cli import exits
from mcp_sync.cli.output import complain, speak_plainly
from mcp_sync.cli.parser import make_parser
from mcp_sync.log_setup import EnvironmentHandler

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        argv: the command line without the program's name; None for this process's own.

    Returns:
        The exit code; `mcp-sync --help` lists them.
    """
    speak_plainly()
    try:
        try:
            options = make_parser().parse_args(argv)
        except SystemExit as stop:  # the parser has said everything
            code = cast("int", stop.code)
        else:
            with _logging(options.debug, options.quiet):
                code = _run(options)
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError as error:
        if not _is_closed(error):
            raise
        _let_go_of_output()
        return exits.CLOSED_PIPE
    return code


def _run(options: Namespace) -> int:
    try:
        command = pkgutil.resolve_name(options.command)
        return cast("int", command(options))
    except KeyboardInterrupt:
        complain("interrupted")
        return exits.INTERRUPTED
    except Exception as error:  # whatever it was, the user gets a sentence of it, if there is one
        if isinstance(error, OSError) and _is_closed(error):
            raise
        if options.debug:
            traceback.print_exception(error)
        report = exits.explain(error)
        complain(report.sentence, report.hint)
        return report.code


@contextlib.contextmanager
def _logging(debug: bool, quiet: bool) -> Iterator[None]:
    """Show the whole log on standard error; or none of it, where errors say what matters."""
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
        handler = logging.NullHandler()
    if handler is not None:
        logger.addHandler(handler)
    try:
        yield
    finally:
        logger.setLevel(level)
        if handler is not None:
            logger.removeHandler(handler)


def _is_closed(error: OSError) -> bool:
    """Whether nobody reads the output any more: a pipe was closed, or a terminal is gone."""
    gone = error.errno == errno.EIO and error.filename is None
    return isinstance(error, BrokenPipeError) or gone


def _let_go_of_output() -> None:
    # Or the interpreter would flush it once more at exit, and complain.
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except OSError:
                os.dup2(sink, stream.fileno())
    finally:
        os.close(sink)
