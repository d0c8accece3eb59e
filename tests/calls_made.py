"""Calls and connections that are made and not (yet) used, for tests of the rooms that keep them."""

from __future__ import annotations

from typing import Any

from mcp_sync import MCPClient
from mcp_sync.base_client import _make_transport
from mcp_sync.config import ClientConfig
from mcp_sync.connection.call import Call
from mcp_sync.connection.connection import Connection
from mcp_sync.protocol.mcp import McpDialect


def make_connection(**settings: Any) -> Connection:
    """A connection that was never opened: it has no thread and no socket."""
    return Connection(ClientConfig(**settings), lambda _: McpDialect(), _make_transport)


def make_call(connection: Connection, method: str = "tools/call", **spec: Any) -> Call:
    """A fresh call of a connection."""
    facts: dict[str, Any] = {"params": "", "repeatable": False, "limit": None}
    return Call(connection, method=method, **(facts | spec))


class ReaderOnlyClient(MCPClient):
    """A client whose reader thread reads everything, also what a caller waits for."""

    _lead = False
