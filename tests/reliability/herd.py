"""``python -m reliability.herd URL CLIENTS DELAY CAP SEED``: many clients of one server.

They connect, say so on standard output, dial for as long as standard input is open, close, and
say what each of them had planned to wait before each dial since the server dropped it.
"""

from __future__ import annotations

import json
import logging
import random
import sys
from functools import partial

from mcp_sync import ConnectionEvent, MCPClient
from reliability.clients import PATIENCE
from scenes import in_threads

__all__ = ["main"]


def main(url: str, clients: str, delay: str, cap: str, seed: str) -> None:
    """Run until standard input ends."""
    logging.disable()  # that they are refused is no news
    random.seed(int(seed))
    plans: dict[str, list[float]] = {f"{seed}-{number}": [] for number in range(int(clients))}
    herd = [
        MCPClient(
            url,
            reconnect_attempts=100_000,
            reconnect_delay=float(delay),
            max_reconnect_delay=float(cap),
            headers={"X-Client": name},
        )
        for name in plans
    ]
    for client, planned in zip(herd, plans.values(), strict=True):
        client.on("failed", partial(_note, planned))
    try:
        in_threads(partial(client.connect, PATIENCE) for client in herd)
        sys.stdout.write("connected\n")
        sys.stdout.flush()
        sys.stdin.read()
    finally:
        in_threads(client.close for client in herd)
    json.dump(plans, sys.stdout)


def _note(planned: list[float], event: ConnectionEvent) -> None:
    planned.append(event.context["next_delay"])


if __name__ == "__main__":
    main(*sys.argv[1:])
