"""Which tools say of themselves that they are safe to repeat (MCP 2025-11-25, server/tools).

Hints are the server's word and no more: they count only where the user trusts them. A tool that
contradicts itself is not safe.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, Final

from .dialect import HandshakeStep

__all__ = ["HintReading", "is_safe_to_repeat", "read_safe_tools"]

HintReading = Generator[HandshakeStep, Mapping[str, Any], frozenset[str]]
"""Yields the requests for the list of tools, is sent each result, returns the safe ones' names."""

_MOST_PAGES: Final = 100


def is_safe_to_repeat(tool: Mapping[str, Any]) -> bool:
    """Whether a tool's annotations say that a second execution does no harm.

    Args:
        tool: one entry of ``tools/list``, as it came.

    Returns:
        True for a read-only or an idempotent tool; False where it says nothing, something else
        than true, or that it both only reads and destroys.
    """
    hints = tool.get("annotations")
    if not isinstance(hints, Mapping):
        return False
    reads = hints.get("readOnlyHint") is True
    if reads and hints.get("destructiveHint") is True:
        return False
    return reads or hints.get("idempotentHint") is True


def read_safe_tools() -> HintReading:
    """Begin to read the whole list of tools, page by page, with a bound on the pages."""
    safe: set[str] = set()
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = yield HandshakeStep("tools/list", {} if cursor is None else {"cursor": cursor})
        tools = page.get("tools")
        for tool in tools if isinstance(tools, list) else []:
            if isinstance(tool, Mapping) and is_safe_to_repeat(tool):
                safe.add(str(tool.get("name")))
        cursor = page.get("nextCursor")
        if not isinstance(cursor, str) or cursor in seen:
            break
        seen.add(cursor)
    return frozenset(safe)
