"""`mcp-sync serve`: the embedded server in this process, until Ctrl-C or SIGTERM."""

from __future__ import annotations

import errno
import json
from argparse import Namespace
from pathlib import Path

from mcp_sync.cli.exits import FAILED, OK, BadInput
from mcp_sync.cli.output import complain
from mcp_sync.embedded import serve

__all__ = ["run"]


def run(options: Namespace) -> int:
    """Serve.

    Args:
        options: ``host``, ``port``, ``working_directory``, ``ledger`` (None keeps it in memory)
            ``processing_delay`` and ``json``.

    Returns:
        The exit code.
    """
    if not Path(options.working_directory).is_dir():
        raise BadInput(f"--working-directory {options.working_directory} is no directory")
    try:
        serve(
            options.host,
            options.port,
            working_directory=options.working_directory,
            ledger_path=options.ledger,
            processing_delay=options.processing_delay,
            announce=_announce_json if options.json else _announce,
        )
    except BrokenPipeError:
        raise
    except ValueError as error:
        raise BadInput(str(error)) from error
    except OSError as error:
        if error.filename is not None:  # an address has none
            raise BadInput(f"cannot keep --ledger {error.filename}: {error.strerror}") from error
        taken = error.errno == errno.EADDRINUSE
        reason = "the port is in use" if taken else error.strerror or str(error)
        hint = "--port 0 takes a free port" if taken else ""
        complain(f"cannot serve on {options.host}:{options.port}: {reason}", hint)
        return FAILED
    return OK


def _announce(line: str) -> None:
    print(f"{line} (Ctrl-C ends it)", flush=True)


def _announce_json(line: str) -> None:
    print(json.dumps({"url": line.rpartition(" ")[2]}), flush=True)
