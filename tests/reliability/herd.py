"""``python -m reliability.herd URL CLIENTS DELAY CAP SEED``: many clients of one server.

They connect, say so on standard output, dial for as long as standard input is open, and close.
"""

from __future__ import annotations

import logging
import random
import sys
from functools import partial

from mcp_sync import MCPClient
from reliability.clients import PATIENCE
from scenes import in_threads

__all__ = ["main"]


def main(url: str, clients: str, delay: str, cap: str, seed: str) -> None:
    """Run until standard input ends."""
    logging.disable()  # that they are refused is no news
    random.seed(int(seed))
    herd = [
        MCPClient(
            url,
            reconnect_attempts=100_000,
            reconnect_delay=float(delay),
            max_reconnect_delay=float(cap),
            headers={"X-Client": f"{seed}-{number}"},
        )
        for number in range(int(clients))
    ]
    try:
        in_threads(partial(client.connect, PATIENCE) for client in herd)
        sys.stdout.write("connected\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        in_threads(client.close for client in herd)


if __name__ == "__main__":
    main(*sys.argv[1:])
