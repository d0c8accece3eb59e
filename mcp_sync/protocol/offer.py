"""What a client declares of itself: who it is, and what the server may ask of it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

__all__ = ["Offer"]


class Offer(NamedTuple):
    """A client's declaration. Frozen, so safe to share between threads.

    Args:
        client_info: name, version and whatever else; JSON.
        capabilities: what the server may ask for, such as ``{"sampling": {}}``, in the words of
            the modern era; each has a handler.
        log_level: the least severe log message that is wanted; None leaves it to the server in
            the handshake era and means none in the modern one.
    """

    client_info: Mapping[str, Any]
    capabilities: Mapping[str, Any] = MappingProxyType({})
    log_level: str | None = None

    def handshake_capabilities(self) -> dict[str, Any]:
        """The capabilities in the words of the handshake era (MCP 2025-11-25, lifecycle)."""
        declared = dict(self.capabilities)
        if "roots" in declared:
            # That era alone can be told that they have changed.
            declared["roots"] = {**declared["roots"], "listChanged": True}
        return declared
