"""The client of standard MCP servers."""

from __future__ import annotations

from .base_client import BaseClient
from .config import ClientConfig
from .protocol.dialect import Dialect
from .protocol.negotiation import dialect_for

__all__ = ["MCPClient"]


class MCPClient(BaseClient):
    """A blocking client of an MCP server. May be shared between threads.

    The arguments are those of ``BaseClient``. On a compareblocks server it initializes and
    ``request()`` works; ``CompareblocksClient`` knows that server's methods.
    """

    def _make_dialect(self, config: ClientConfig) -> Dialect:
        return dialect_for(config.protocol_version)
