"""How a client finds out which era a server speaks (MCP 2026-07-28, versioning; basic/transports).

It asks ``server/discover`` first. What a server of the handshake era makes of that differs: it
refuses with some error, says nothing, or ends the link. So everything but an answer, or an error
that only the modern era has, means: ``initialize``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import MCPConnectionRejected, MCPResponseError, MCPTimeoutError
from ..types.session import InitializeResult
from ..types.versions import (
    AUTO,
    HANDSHAKE_VERSIONS,
    LATEST_MODERN_VERSION,
    MODERN_VERSIONS,
    newest_common,
)
from ..values import evolve
from .dialect import Dialect, Handshake, HandshakeStep, LinkSpent, Session
from .mcp import (
    NO_COMMON_VERSION,
    UNSUPPORTED_VERSION,
    WAY_OUT,
    McpDialect,
    initialize,
    supported_by,
)
from .mcp_modern import ModernDialect, stamp
from .offer import Offer

__all__ = ["NegotiatingDialect", "dialect_for"]

_PROBE_SHARE: Final = 0.5
"""How much of the time for a dial a server may be silent about the probe."""

_OUR_FAULT: Final = frozenset({-32020, -32021})
"""A modern server's word that this request lacks a header or a capability."""

_SERVER_INFO_KEY: Final = "io.modelcontextprotocol/serverInfo"


def dialect_for(protocol_version: str) -> Dialect:
    """What the first link of a client begins with.

    Args:
        protocol_version: one of ``PROTOCOL_VERSIONS``, or ``AUTO``.
    """
    if protocol_version in HANDSHAKE_VERSIONS:
        return McpDialect(protocol_version, is_pinned=True)
    return NegotiatingDialect(is_pinned=protocol_version != AUTO)


class NegotiatingDialect(McpDialect):
    """What is spoken before the era is known. Stateless, so safe to share between threads.

    Args:
        is_pinned: whether the modern era is wanted and no other.
        is_legacy_likely: whether this server seems to speak the handshake era: it is then tried
            first.
        is_guess: whether it only seems so because a link ended instead of an answer. It then shows
            nothing for later links: that link may have ended for any other reason.
    """

    def __init__(
        self, *, is_pinned: bool = False, is_legacy_likely: bool = False, is_guess: bool = False
    ) -> None:
        super().__init__(is_pinned=is_pinned)
        self.is_legacy_likely = is_legacy_likely
        self.is_guess = is_guess

    def handshake(self, offer: Offer) -> Handshake:
        """Probe for the modern era, and fall back to ``initialize``."""
        if self.is_pinned:
            return (yield from self._modern_or_rejected(offer))
        if self.is_legacy_likely:
            return (yield from self._legacy_or_probe(offer))
        return (yield from self._probe(offer, LATEST_MODERN_VERSION, may_retry=True))

    def _probe(self, offer: Offer, version: str, *, may_retry: bool) -> Handshake:
        try:
            answer = yield _discover(offer, version, _GUESSED_AS_LEGACY)
        except MCPTimeoutError:
            return (yield from self._legacy(offer))
        except MCPResponseError as error:
            if error.code in _OUR_FAULT:
                raise MCPConnectionRejected(
                    f"the server speaks the modern era and refused this client: {error}"
                ) from error
            if error.code != UNSUPPORTED_VERSION:
                return (yield from self._legacy(offer))
            refusal = error
        else:
            session = _read(answer, offer)
            return session or (yield from self._legacy(offer))
        return (yield from self._after_refusal(offer, refusal, may_retry=may_retry))

    def _after_refusal(
        self, offer: Offer, refusal: MCPResponseError, *, may_retry: bool
    ) -> Handshake:
        """A modern server has refused the version: take another, or the other era."""
        listed = supported_by(refusal)
        modern = newest_common(listed, MODERN_VERSIONS)
        if modern is not None and may_retry:
            return (yield from self._probe(offer, modern, may_retry=False))
        if newest_common(listed, HANDSHAKE_VERSIONS) is not None:
            # The probe may have fixed the era of this link.
            raise LinkSpent(_SEEN_AS_LEGACY, "the server speaks the handshake era on a fresh link")
        if listed:
            raise MCPConnectionRejected(
                f"the server speaks {', '.join(listed)}; {WAY_OUT}"
            ) from refusal
        return (yield from self._legacy(offer))

    def _legacy(self, offer: Offer) -> Handshake:
        """``initialize`` on a link on which a probe has failed, or on the next if that ends it."""
        try:
            session = yield from initialize(offer, McpDialect(), _GUESSED_AS_LEGACY)
        except MCPResponseError as error:
            if error.code == UNSUPPORTED_VERSION:
                # Only a modern server says so: it was slow to answer the probe.
                modern = newest_common(supported_by(error), MODERN_VERSIONS)
                if modern is not None:
                    return (yield from self._modern_or_rejected(offer, modern))
                raise LinkSpent(_SEEN_AS_LEGACY, "the era of this link is fixed") from error
            if error.code not in NO_COMMON_VERSION:
                # The server may be busy; a later attempt may do better.
                raise
            raise MCPConnectionRejected(
                f"the server refused both server/discover and initialize ({error}); {WAY_OUT}"
            ) from error
        return session._replace(is_verdict=True)

    def _legacy_or_probe(self, offer: Offer) -> Handshake:
        """``initialize`` first, because this server seems to speak that era."""
        try:
            session = yield from initialize(offer, McpDialect())
        except MCPResponseError as error:
            raise LinkSpent(NegotiatingDialect(), f"initialize was refused: {error}") from error
        return session._replace(is_verdict=not self.is_guess)

    def _modern_or_rejected(
        self, offer: Offer, version: str = LATEST_MODERN_VERSION, *, may_retry: bool = True
    ) -> Handshake:
        """The modern era, or nothing."""
        way_out = "use protocol_version='auto' to take what it speaks"
        try:
            answer = yield _discover(offer, version, None)
        except MCPResponseError as error:
            common = newest_common(supported_by(error), MODERN_VERSIONS)
            if may_retry and error.code == UNSUPPORTED_VERSION and common is not None:
                return (yield from self._modern_or_rejected(offer, common, may_retry=False))
            raise MCPConnectionRejected(
                f"the server does not speak {version} ({error}); {way_out}"
            ) from error
        session = _read(answer, offer)
        if session is None:
            raise MCPConnectionRejected(f"the server does not speak {version}; {way_out}")
        return session


_SEEN_AS_LEGACY: Final = NegotiatingDialect(is_legacy_likely=True)

_GUESSED_AS_LEGACY: Final = NegotiatingDialect(is_legacy_likely=True, is_guess=True)


def _discover(offer: Offer, version: str, fallback: Dialect | None) -> HandshakeStep:
    params = {"_meta": stamp(version, offer)}
    share = 1.0 if fallback is None else _PROBE_SHARE
    return HandshakeStep("server/discover", params, share=share, fallback=fallback)


def _read(answer: Mapping[str, Any], offer: Offer) -> Session | None:
    """The session that an answer to the probe offers; None when it offers no modern version."""
    versions = answer.get("supportedVersions")
    version = newest_common(versions if isinstance(versions, list) else (), MODERN_VERSIONS)
    if version is None:
        return None
    meta = answer.get("_meta")
    info = meta.get(_SERVER_INFO_KEY) if isinstance(meta, Mapping) else None
    result = evolve(
        InitializeResult.from_wire({**answer, "protocolVersion": version, "serverInfo": info}),
        raw=answer,
    )
    return Session(result, ModernDialect(version, offer=offer), is_verdict=True)
