"""What this process has learned of servers: which of them speak the handshake era.

The era is a property of the server, so the verdict outlives the link and the client that found it
(MCP 2026-07-28, versioning). It is only where to begin: a verdict that no longer holds is found out
by the handshake itself.
"""

from __future__ import annotations

from typing import Final

from ..config import ClientConfig
from ..protocol.dialect import Dialect
from ..protocol.negotiation import NegotiatingDialect, dialect_for
from ..types.versions import AUTO

__all__ = ["begin_with", "learn"]

_MOST: Final = 1024

# A dict of atomic operations, in the order of learning; the oldest verdict makes room.
_of_handshake_era: Final[dict[str, None]] = {}


def begin_with(config: ClientConfig) -> Dialect:
    """What the first link of a client with these settings begins with."""
    if config.protocol_version == AUTO and _server_of(config) in _of_handshake_era:
        return NegotiatingDialect(is_legacy_likely=True)
    return dialect_for(config.protocol_version)


def learn(config: ClientConfig, dialect: Dialect) -> None:
    """Remember which era the server of a client turned out to speak.

    Args:
        config: the client's settings.
        dialect: what a handshake agreed on.
    """
    server = _server_of(config)
    if dialect.is_modern:
        _of_handshake_era.pop(server, None)
        return
    if config.protocol_version != AUTO:
        return  # It was asked for no other era, which tells nothing of what it speaks.
    _of_handshake_era[server] = None
    while len(_of_handshake_era) > _MOST:
        _of_handshake_era.pop(next(iter(_of_handshake_era)), None)


def _server_of(config: ClientConfig) -> str:
    """What tells servers apart; for memory alone, since a command may hold secrets."""
    return config.address if config.stdio is None else repr((config.stdio, config.cwd))
