"""`mcp-sync health`: is the server there, does it answer, and how fast."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from typing import Any

from mcp_sync import BaseClient, CompareblocksClient, Health, MCPClient, MCPError
from mcp_sync.cli.connecting import connect, make_client
from mcp_sync.cli.exits import OK, UNHEALTHY, Unreachable
from mcp_sync.cli.output import facts, plain, print_json

__all__ = ["run"]


def run(options: Namespace) -> int:
    """Check a server's health and print what was found, even when it cannot be reached.

    Args:
        options: ``compareblocks`` and those of a server.

    Returns:
        The exit code.

    Raises:
        Unreachable: there is no server; the health is printed before.
        MCPError: it cannot be connected to; likewise.
    """
    kind = CompareblocksClient if options.compareblocks else MCPClient
    failure: Exception | None = None
    with contextlib.closing(make_client(kind, options)) as client:
        try:
            connect(client, options.timeout)
            client.initialize()  # or compareblocks would not be asked anything
        except (Unreachable, MCPError) as error:
            failure = error
        health = client.health_check(options.timeout)
        if options.json:
            print_json(health.as_dict() | {"client": plain(client.get_client_info())})
        else:
            print(*facts(_facts(client, health)), sep="\n")
    if failure is not None:
        raise failure
    return OK if health.status == "healthy" else UNHEALTHY


def _facts(client: BaseClient, health: Health) -> dict[str, Any]:
    info = client.get_client_info()
    server = info.server
    known = server and f"{server.name} {server.version}, protocol {info.protocol_version}"
    return {
        "health": health.status,
        "because": "; ".join(health.reasons) or None,
        "url": info.server_url,
        "server": known,
        "state": health.state,
        "ping": _milliseconds(health.ping_round_trip),
        "request": _milliseconds(health.request_round_trip),
    }


def _milliseconds(seconds: float | None) -> str | None:
    return None if seconds is None else f"{seconds * 1000:.1f} ms"
