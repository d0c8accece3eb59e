"""The standard MCP dialect of the handshake era, up to 2025-11-25."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Self

from ..errors import MCPConnectionRejected, MCPResponseError
from ..late_import import importing
from ..types.session import InitializeResult
from ..types.versions import (
    BATCH_VERSION,
    COMPAREBLOCKS_VERSION,
    HANDSHAKE_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
    PROTOCOL_VERSIONS,
    newest_common,
)
from .dialect import METHOD_NOT_FOUND, Dialect, Handshake, HandshakeStep, Session
from .messages import Notification, Request, RequestId, split_batch
from .offer import Offer

__all__ = [
    "NO_COMMON_VERSION",
    "UNSUPPORTED_VERSION",
    "WAY_OUT",
    "McpDialect",
    "initialize",
    "supported_by",
]

UNSUPPORTED_VERSION: Final = -32022
"""The modern era's refusal of a version, with ``data.supported`` (MCP 2026-07-28, versioning)."""

WAY_OUT: Final = (
    f"this client speaks {', '.join(PROTOCOL_VERSIONS)}: use a server with one of these"
)
"""How a sentence about a server without a common version ends."""

NO_COMMON_VERSION: Final = frozenset({METHOD_NOT_FOUND, -32602, UNSUPPORTED_VERSION})
"""How servers refuse ``initialize`` for good: one without the handshake era, one of that era (MCP
2025-11-25, lifecycle, error handling), one of both whose link is in the other era."""

_REPEATABLE: Final = frozenset(
    {
        "initialize",
        "ping",
        "server/discover",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
        "prompts/list",
        "prompts/get",
        "completion/complete",
        "logging/setLevel",
        "resources/subscribe",
        "resources/unsubscribe",
        "tasks/get",
        "tasks/list",
        "tasks/result",
    }
)


class McpDialect(Dialect):
    """How a standard MCP server of the handshake era talks. Stateless, safe for any thread.

    Args:
        version: what ``initialize`` asks for.
        is_pinned: whether the user wants this version and no other.
    """

    name = "mcp"
    health_probe: tuple[str, Mapping[str, Any]] | None = ("ping", {})

    def __init__(self, version: str = LATEST_HANDSHAKE_VERSION, *, is_pinned: bool = False) -> None:
        self.version = version
        self.is_pinned = is_pinned

    def speaking(self, version: str) -> Self:
        """The same dialect once the version is agreed on."""
        return type(self)(version, is_pinned=self.is_pinned)

    def handshake(self, offer: Offer) -> Handshake:
        """Initialize and confirm (MCP 2025-11-25, lifecycle).

        A compareblocks server answers "1.0.0"; its dialect is spoken from then on.
        """
        try:
            return (yield from initialize(offer, self))
        except MCPResponseError as error:
            if error.code not in NO_COMMON_VERSION:
                raise
            raise MCPConnectionRejected(
                f"the server refused the handshake for good ({error}); {WAY_OUT}"
            ) from error

    def is_repeatable(self, method: str) -> bool:
        """The protocol's read and list methods; a tool may do anything."""
        return method in _REPEATABLE

    def tool_of(self, method: str, params: Mapping[str, Any] | None) -> str | None:
        """The name in ``tools/call``."""
        name = params.get("name") if params is not None and method == "tools/call" else None
        return name if isinstance(name, str) else None

    def split(self, text: str) -> list[str]:
        """A batch, which one revision alone knows (MCP 2025-03-26, basic)."""
        return split_batch(text) if self.version == BATCH_VERSION else []

    def cancellation(self, request_id: RequestId, reason: str) -> Notification | None:
        """``notifications/cancelled`` (MCP 2025-11-25, utilities/cancellation)."""
        params = {"requestId": request_id, "reason": reason}
        return Notification("notifications/cancelled", params)

    def answer(self, request: Request) -> Mapping[str, Any] | None:
        """A ping is answered always (MCP 2025-11-25, utilities/ping)."""
        return {} if request.method == "ping" else None


def initialize(
    offer: Offer,
    dialect: McpDialect,
    fallback: Dialect | None = None,
) -> Handshake:
    """The steps of the handshake era.

    Args:
        offer: what the client declares.
        dialect: what to ask for, and what is spoken if the server agrees.
        fallback: what to begin the next link with if this one ends before the answer; None where
            that tells nothing.

    Raises:
        MCPResponseError: the server refused.
        MCPConnectionRejected: it answered with a version that is not spoken, or not the pinned.
    """
    version = dialect.version
    try:
        answer = yield _ask(offer, version, fallback)
    except MCPResponseError as error:
        # A refusal that lists what was refused, or another that is spoken, is worth one more try.
        spoken = (version,) if dialect.is_pinned else HANDSHAKE_VERSIONS
        common = newest_common(supported_by(error), spoken)
        if common is None:
            raise
        answer = yield _ask(offer, common, fallback)
    result = InitializeResult.from_wire(answer)
    if result.protocol_version == COMPAREBLOCKS_VERSION:
        with importing:
            from .compareblocks import CompareblocksDialect  # noqa: PLC0415 - most are none

        return Session(result, CompareblocksDialect())
    if dialect.is_pinned and result.protocol_version != version:
        raise MCPConnectionRejected(
            f"the server speaks protocol version {result.protocol_version!r} and not {version}, "
            "which protocol_version asks for; use 'auto' to take what it speaks"
        )
    if result.protocol_version not in HANDSHAKE_VERSIONS:
        raise MCPConnectionRejected(
            f"the server speaks protocol version {result.protocol_version!r}; {WAY_OUT}"
        )
    yield HandshakeStep("notifications/initialized", {}, wants_answer=False)
    return Session(result, dialect.speaking(result.protocol_version))


def _ask(offer: Offer, version: str, fallback: Dialect | None) -> HandshakeStep:
    params = {
        "protocolVersion": version,
        "capabilities": offer.handshake_capabilities(),
        "clientInfo": dict(offer.client_info),
    }
    return HandshakeStep("initialize", params, fallback=fallback)


def supported_by(error: MCPResponseError) -> tuple[str, ...]:
    """The versions that a refusal says the server speaks; none when it lists none."""
    listed = error.data.get("supported") if isinstance(error.data, Mapping) else None
    if not isinstance(listed, list):
        return ()
    return tuple(version for version in listed if isinstance(version, str))
