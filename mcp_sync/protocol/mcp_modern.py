"""The standard MCP dialect of the modern era, from 2026-07-28 on: no handshake, no sessions.

Every request declares version, client and capabilities in its own ``_meta``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from .dialect import Dialect, with_meta
from .mcp import UNSUPPORTED_VERSION, McpDialect, supported_by
from .messages import ErrorResponse, Request, RequestId, encode_params, encode_request
from .offer import Offer

__all__ = ["LOG_LEVEL_KEY", "STAMPED_KEYS", "SUBSCRIPTION_KEY", "ModernDialect", "stamp"]

_PREFIX: Final = "io.modelcontextprotocol/"

LOG_LEVEL_KEY: Final = f"{_PREFIX}logLevel"
"""Says, in a request's ``_meta``, the least severe log message that is wanted for it."""

SUBSCRIPTION_KEY: Final = f"{_PREFIX}subscriptionId"
"""Tells, in a notification's ``_meta``, which stream it belongs to."""

_VERSION_KEY: Final = f"{_PREFIX}protocolVersion"
_CLIENT_KEY: Final = f"{_PREFIX}clientInfo"
_CAPABILITIES_KEY: Final = f"{_PREFIX}clientCapabilities"

STAMPED_KEYS: Final = frozenset({_VERSION_KEY, _CLIENT_KEY, _CAPABILITIES_KEY})
"""What the client alone says in ``_meta``, and no caller (MCP 2026-07-28, basic/_meta)."""


def stamp(version: str, offer: Offer) -> dict[str, Any]:
    """What every modern request carries in ``_meta``, but for the log level."""
    return {
        _VERSION_KEY: version,
        _CLIENT_KEY: dict(offer.client_info),
        _CAPABILITIES_KEY: dict(offer.capabilities),
    }


def _members(values: Mapping[str, Any]) -> str:
    return encode_params(values)[1:-1]


class ModernDialect(McpDialect):
    """How a standard MCP server of the modern era talks. Stateless, safe for any thread.

    Args:
        version: what each request names.
        offer: what each request declares.
    """

    is_modern = True
    # There is no ping; this is the cheapest request that every server must answer.
    health_probe: tuple[str, Mapping[str, Any]] | None = ("server/discover", {})

    def __init__(self, version: str, *, offer: Offer) -> None:
        super().__init__(version)
        self.offer = offer
        self._stamp = _members(stamp(version, offer))
        level = offer.log_level
        self._level = "" if level is None else "," + _members({LOG_LEVEL_KEY: level})
        self._alone = f'"_meta":{{{self._stamp}{self._level}}}}}'
        """The end of params whose ``_meta`` has nothing of the caller's."""

    def encode_request(self, request_id: RequestId, method: str, params: str, meta: str) -> str:
        """Put a request together, with the stamp of this client in its ``_meta``."""
        if not meta:
            # As ``with_meta`` does it, for what nearly all requests are.
            params = (
                f"{params[:-1]},{self._alone}" if len(params) > len("{}") else f"{{{self._alone}"
            )
            return encode_request(request_id, method, params)
        members = self._stamp
        # A caller may ask for another level for one request.
        if self._level and f'"{LOG_LEVEL_KEY}":' not in meta:
            members += self._level
        return encode_request(request_id, method, with_meta(params, f"{members},{meta}"))

    def with_offer(self, offer: Offer) -> Dialect:
        """The same dialect with another stamp: the next request declares it."""
        return ModernDialect(self.version, offer=offer)

    def is_worth_another_try(self, response: ErrorResponse) -> bool:
        """A refused version that is listed as supported (MCP 2026-07-28, versioning)."""
        refused = response.code == UNSUPPORTED_VERSION
        return refused and self.version in supported_by(self.error(response, ""))

    def answer(self, request: Request) -> Mapping[str, Any] | None:
        """Nothing: a modern client sends no answers, not even to a ping."""
        return None
