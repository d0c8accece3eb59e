"""What a link begins with: the era that its server was seen to speak, or the finding out of it.

The era is a property of the server, so the verdict outlives the link and the client that found it
(MCP 2026-07-28, versioning). It is only where to begin: a verdict that no longer holds is found out
by the handshake itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..config import ClientConfig
from ..errors import MCPConnectionRejected
from ..protocol.dialect import Dialect, LinkSpent, Session
from ..protocol.negotiation import NegotiatingDialect, dialect_for
from ..types.versions import AUTO
from .link import Loss

__all__ = ["Beginning", "begin_with", "forget", "learn"]

_MOST: Final = 1024

_MOST_CHANGES: Final = 3
"""So many fresh links in a row handshakes may ask for."""

_LEAVING: Final = frozenset({1001, 1012, 1013})
"""Close codes of a server that goes away, restarts or is too busy, whatever it was asked
(RFC 6455, 7.4.1, and the registry of close codes)."""

# A dict of atomic operations, in the order of learning; the oldest verdict makes room.
_of_handshake_era: Final[dict[str, None]] = {}


def begin_with(config: ClientConfig) -> Dialect:
    """What a link of a client with these settings begins with, by what is known of its server."""
    if config.protocol_version == AUTO and _server_of(config) in _of_handshake_era:
        return NegotiatingDialect(is_legacy_likely=True)
    return dialect_for(config.protocol_version)


def learn(config: ClientConfig, session: Session) -> None:
    """Remember which era the server of a client turned out to speak.

    Args:
        config: the client's settings.
        session: what a handshake agreed on.
    """
    if not session.is_verdict:
        return
    if session.dialect.is_modern:
        forget(config)
        return
    _of_handshake_era[_server_of(config)] = None
    while len(_of_handshake_era) > _MOST:
        _of_handshake_era.pop(next(iter(_of_handshake_era)), None)


def forget(config: ClientConfig) -> None:
    """Have the next link to the server of a client find out its era."""
    _of_handshake_era.pop(_server_of(config), None)


def _server_of(config: ClientConfig) -> str:
    """What tells servers apart; for memory alone, since a command may hold secrets."""
    return config.address if config.stdio is None else repr((config.stdio, config.cwd))


class Beginning:
    """What the next link of one client begins with. Not safe for threads: its owner holds a lock.

    Usually with what is known of the server. A handshake may find that the other era needs a fresh
    link, and a link may end upon the probe; the next one then begins otherwise, and is dialed at
    once. Such links are counted until one is ready or has failed, so that a server that only comes
    and goes is dialed with pauses, and given up for no reason but its own word.

    Args:
        make_dialect: gives what a link begins with by what is known of the server.
    """

    def __init__(self, make_dialect: Callable[[ClientConfig], Dialect]) -> None:
        self._make_dialect = make_dialect
        self._instead: Dialect | None = None
        self._has_fallen_back = False
        self._changes = 0

    def dialect(self, config: ClientConfig) -> Dialect:
        """What the next link begins with, under the settings of the moment."""
        return self._make_dialect(config) if self._instead is None else self._instead

    def falls_back(self, fallback: Dialect | None, loss: Loss) -> bool:
        """Decide what the end of a link says of its server's era.

        Some servers of the handshake era end the link upon a probe of the modern one; once in an
        attempt that is assumed, unless the server gave another reason.

        Args:
            fallback: what the handshake would begin the next link with; None without one.
            loss: why the link ended.

        Returns:
            Whether the next link is to begin with the fallback, at once.
        """
        if fallback is None or self._has_fallen_back or loss.close_code in _LEAVING:
            return False
        self._has_fallen_back = True
        self._instead = fallback
        return True

    def change(self, spent: LinkSpent) -> MCPConnectionRejected | None:
        """Begin the next link as a handshake wants it; why not, when that was wanted too often."""
        self._instead = spent.dialect
        self._changes += 1
        if self._changes <= _MOST_CHANGES:
            return None
        return MCPConnectionRejected(
            f"the server keeps changing what it speaks: {spent}; pin protocol_version"
        )

    def anew(self) -> None:
        """Begin the next link with what is known of the server."""
        self._instead = None
        self._has_fallen_back = False
        self._changes = 0
