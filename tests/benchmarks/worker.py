"""`python -m tests.benchmarks.worker PEER URL`: one peer in a process of its own.

Reads a line of JSON, measures a slice, writes a line of JSON; ends with its standard input.
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from typing import Any

from .peers import PEERS
from .slices import SLICES

__all__: list[str] = []


def main(name: str, url: str) -> None:
    """Connect, say so, and measure what is asked for."""
    logging.disable(logging.WARNING)  # Of servers that are away on purpose.
    try:
        peer = PEERS[name](url)
    except Exception as error:  # noqa: BLE001 - whatever is missing in this environment is told
        say({"error": f"{type(error).__name__}: {error}"})
        return
    say({"ready": True})
    for line in sys.stdin:
        order: dict[str, Any] = json.loads(line)
        try:
            say(SLICES[order.pop("slice")](peer, **order))
        except Exception as error:  # noqa: BLE001 - told to the runner, which reports it
            traceback.print_exc()
            say({"error": f"{type(error).__name__}: {error}"})
    peer.close()


def say(answer: dict[str, Any]) -> None:
    """Write one line."""
    print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
