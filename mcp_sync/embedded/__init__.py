"""A small real server on loopback: for the demo, for tests and for trying things.

It speaks the compareblocks protocol as recorded, and the handshake era of MCP to a client that asks
for it. It is a fixture, not a product: no TLS, no authentication, loopback by default. Needs the
extra `embedded`. Knows nothing of the client.
"""

from __future__ import annotations

try:
    import websockets.sync.server as _websockets  # noqa: F401  (only to say what is missing)
except ImportError as error:
    raise ImportError(
        "mcp_sync.embedded needs the websockets package: run pip install 'mcp_sync[embedded]'",
        name=error.name,
    ) from error

from mcp_sync.embedded.ledger import LedgerEntry
from mcp_sync.embedded.process import ServerProcess, serve
from mcp_sync.embedded.server import EmbeddedServer

__all__ = ["EmbeddedServer", "LedgerEntry", "ServerProcess", "serve"]
