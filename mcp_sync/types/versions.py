"""The revisions of MCP, in order, and the era that each belongs to.

Their names are dates, yet they are compared by their place in this list alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = [
    "AUTO",
    "BATCH_VERSION",
    "COMPAREBLOCKS_VERSION",
    "HANDSHAKE_VERSIONS",
    "LATEST_HANDSHAKE_VERSION",
    "LATEST_MODERN_VERSION",
    "MODERN_VERSIONS",
    "PROTOCOL_VERSIONS",
    "newest_common",
]

AUTO: Final = "auto"
"""Not pinned: a probe finds out what the server speaks."""

COMPAREBLOCKS_VERSION: Final = "1.0.0"
"""What the compareblocks server calls its protocol version; no version of MCP."""

MODERN_VERSIONS: Final = ("2026-07-28",)
"""Without a handshake: every request declares what it needs; newest first."""

HANDSHAKE_VERSIONS: Final = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
"""Those that begin with ``initialize``; newest first."""

LATEST_MODERN_VERSION: Final = MODERN_VERSIONS[0]
"""What a probe asks for."""

LATEST_HANDSHAKE_VERSION: Final = HANDSHAKE_VERSIONS[0]
"""What ``initialize`` asks for."""

BATCH_VERSION: Final = "2025-03-26"
"""The only one in which messages may come as an array."""

PROTOCOL_VERSIONS: Final = MODERN_VERSIONS + HANDSHAKE_VERSIONS
"""Every revision that this client speaks, newest first."""


def newest_common(offered: Iterable[object], spoken: Iterable[str]) -> str | None:
    """Find the version to speak.

    Args:
        offered: what the server says it speaks, as it came.
        spoken: what this client speaks, newest first.

    Returns:
        The newest of ``spoken`` that is offered; None when there is none.
    """
    known = {version for version in offered if isinstance(version, str)}
    return next((version for version in spoken if version in known), None)
