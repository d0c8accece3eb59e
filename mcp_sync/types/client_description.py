"""What a client tells of itself when it is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .display import Displayed
from .session import ServerInfo

__all__ = ["ClientDescription"]


@attrs.frozen(kw_only=True, repr=False)
class ClientDescription(Displayed):
    """Who this client is and whom it talks to.

    Args:
        name: the name it gives in the handshake.
        version: the version it gives in the handshake.
        dialect: "mcp" or "compareblocks".
        server_url: where the server is, without user, password and query.
        protocol_version: the version agreed on; None before a handshake.
        server: who the server is; None before a handshake.
        capabilities: what the server can do; empty before a handshake.
    """

    name: str
    version: str
    dialect: str
    server_url: str
    protocol_version: str | None = None
    server: ServerInfo | None = None
    capabilities: Mapping[str, Any] = attrs.field(factory=dict, hash=False)
