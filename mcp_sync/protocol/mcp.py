"""The standard MCP dialect: the handshake era, up to 2025-11-25."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ..errors import MCPConnectionRejected, MCPResponseError
from ..types.session import InitializeResult
from .compareblocks import COMPAREBLOCKS_VERSION, CompareblocksDialect
from .dialect import Dialect, Handshake, HandshakeStep, Session
from .messages import Notification, Request, RequestId

__all__ = ["LATEST_HANDSHAKE_VERSION", "SUPPORTED_VERSIONS", "McpDialect"]

LATEST_HANDSHAKE_VERSION: Final = "2025-11-25"
"""The newest version that begins with ``initialize``; the client asks for it."""

SUPPORTED_VERSIONS: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""What the server may answer, newest first."""

_WAY_OUT: Final = (
    f"this client speaks {', '.join(SUPPORTED_VERSIONS)}: use a server with one of these"
)

_NO_COMMON_VERSION: Final = frozenset({-32601, -32602, -32022})
"""How servers refuse ``initialize`` for good: one without the handshake era, one of that era (MCP
2025-11-25, lifecycle, error handling), one of both whose link is in the other era."""

_REPEATABLE: Final = frozenset(
    {
        "initialize",
        "ping",
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
    """How a standard MCP server talks. Stateless, so safe to share between threads."""

    name = "mcp"
    health_probe: tuple[str, Mapping[str, Any]] | None = ("ping", {})

    def handshake(self, client_info: Mapping[str, Any]) -> Handshake:
        """Initialize and confirm (MCP 2025-11-25, lifecycle).

        A compareblocks server answers "1.0.0"; its dialect is spoken from then on.
        """
        params = {
            "protocolVersion": LATEST_HANDSHAKE_VERSION,
            "capabilities": {},
            "clientInfo": dict(client_info),
        }
        try:
            answer = yield HandshakeStep("initialize", params)
        except MCPResponseError as error:
            if error.code not in _NO_COMMON_VERSION:
                raise
            raise MCPConnectionRejected(
                f"the server refused the handshake for good ({error}); {_WAY_OUT}"
            ) from error
        result = InitializeResult.from_wire(answer)
        if result.protocol_version == COMPAREBLOCKS_VERSION:
            return Session(result, CompareblocksDialect())
        if result.protocol_version not in SUPPORTED_VERSIONS:
            raise MCPConnectionRejected(
                f"the server speaks protocol version {result.protocol_version!r}; {_WAY_OUT}"
            )
        yield HandshakeStep("notifications/initialized", {}, wants_answer=False)
        return Session(result, self)

    def is_repeatable(self, method: str) -> bool:
        """The protocol's read and list methods; a tool may do anything."""
        return method in _REPEATABLE

    def tool_of(self, method: str, params: Mapping[str, Any] | None) -> str | None:
        """The name in ``tools/call``."""
        name = params.get("name") if params is not None and method == "tools/call" else None
        return name if isinstance(name, str) else None

    def cancellation(self, request_id: RequestId, reason: str) -> Notification | None:
        """``notifications/cancelled`` (MCP 2025-11-25, utilities/cancellation)."""
        params = {"requestId": request_id, "reason": reason}
        return Notification("notifications/cancelled", params)

    def answer(self, request: Request) -> Mapping[str, Any] | None:
        """A ping is answered always (MCP 2025-11-25, utilities/ping)."""
        return {} if request.method == "ping" else None
