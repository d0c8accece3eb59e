"""What a handshake told about the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..values import field, frozen
from .display import Displayed

__all__ = ["InitializeResult", "ServerInfo"]


@frozen(repr=False)
class ServerInfo(Displayed):
    """Who the server says it is.

    Args:
        name: its name; "" where it did not say.
        version: its version; "" where it did not say.
        extra: whatever else it said of itself.
    """

    name: str = ""
    version: str = ""
    extra: Mapping[str, Any] = field(factory=dict, hash=False)


@frozen(repr=False)
class InitializeResult(Displayed):
    """The server's answer to the handshake (MCP 2025-11-25, lifecycle).

    Args:
        protocol_version: the version both sides speak; "" where the server did not say.
        capabilities: what the server can do, as it came.
        server_info: who it is.
        instructions: its hints for using it; None where it gave none.
        raw: the whole result, as it came.
    """

    protocol_version: str
    capabilities: Mapping[str, Any] = field(hash=False)
    server_info: ServerInfo
    instructions: str | None = None
    raw: Mapping[str, Any] = field(factory=dict, repr=False, hash=False)

    @classmethod
    def from_wire(cls, result: Mapping[str, Any]) -> InitializeResult:
        """Read a result.

        Args:
            result: the ``result`` object of the answer; what is missing in it or of another type
                counts as not said.

        Returns:
            The typed value, which keeps ``result`` as ``raw``.
        """
        info = result.get("serverInfo")
        known = info if isinstance(info, Mapping) else {}
        capabilities = result.get("capabilities")
        instructions = result.get("instructions")
        return cls(
            protocol_version=_text(result.get("protocolVersion")),
            capabilities=capabilities if isinstance(capabilities, Mapping) else {},
            server_info=ServerInfo(
                _text(known.get("name")),
                _text(known.get("version")),
                {key: value for key, value in known.items() if key not in ("name", "version")},
            ),
            instructions=instructions if isinstance(instructions, str) else None,
            raw=result,
        )


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
