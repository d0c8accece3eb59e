"""A Flask application that shares one client between its threads, under any gunicorn worker."""

from __future__ import annotations

import contextlib
import os
from typing import Any

from flask import Flask

from mcp_sync import MCPClient, MCPConnectionError, MCPTimeoutError

app = Flask(__name__)

# Made once, where the application is made, from MCP_SYNC_SERVER_URL, MCP_SYNC_REQUEST_TIMEOUT, ….
# It connects with its first call, in each worker anew, with gunicorn's --preload or without.
client = MCPClient.from_env()


@app.get("/echo/<text>")
def echo(text: str) -> tuple[dict[str, Any], int]:
    """Call a tool, which rides out a restart of the server; say 503 when that takes too long."""
    try:
        answer = client.call_tool("echo", {"text": text}, idempotent=True)
    except (MCPConnectionError, MCPTimeoutError) as error:
        return {"error": str(error)}, 503
    return {"text": answer.text, "worker": os.getpid()}, 200


@app.get("/health")
def health() -> tuple[dict[str, Any], int]:
    """For a load balancer: whether the server behind this application is well."""
    with contextlib.suppress(MCPConnectionError, MCPTimeoutError):
        client.ping(timeout=2)  # A worker that has not called yet connects with this.
    found = client.health_check(timeout=2)
    return found.as_dict(), 200 if found.status in ("healthy", "degraded") else 503
