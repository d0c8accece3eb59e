"""`python -m mcp_sync.embedded`: run the embedded server until Ctrl-C or SIGTERM."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from mcp_sync.embedded.process import serve

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the server.

    Args:
        arguments: the command line; None for this process's own.

    Returns:
        0 after SIGINT or SIGTERM, 2 when it could not start.
    """
    options = _parser().parse_args(arguments)
    try:
        serve(
            options.host,
            options.port,
            working_directory=options.working_directory,
            ledger_path=options.ledger,
            processing_delay=options.processing_delay,
            survive_interrupt=options.survive_interrupt,
            announce=_say,
        )
    except (OSError, ValueError) as error:
        sys.stderr.write(
            f"mcp_sync.embedded: cannot serve on {options.host}:{options.port}: {error}\n"
        )
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m mcp_sync.embedded", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--port", type=int, default=8765, help="0 takes a free one")
    parser.add_argument("--working-directory", help="its PDF files may be submitted")
    parser.add_argument("--ledger", help="file that records what was executed")
    parser.add_argument(
        "--processing-delay", type=float, default=0.0, help="seconds that each job takes at least"
    )
    parser.add_argument(
        "--survive-interrupt", action="store_true", help="SIGINT does not end it, only SIGTERM"
    )
    return parser


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
