"""Log messages of a server, and what their levels are in Python's ``logging``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, get_args

import attrs

from .mcp_wire import META, MCPValue
from .wire import ANYTHING, TEXT

__all__ = ["LOG_LEVELS", "LogHandler", "LogLevel", "LogMessage", "python_level"]

LogLevel = Literal["debug", "info", "notice", "warning", "error", "critical", "alert", "emergency"]
"""How grave a message is (MCP 2025-11-25, logging; RFC 5424, 6.2.1)."""

LOG_LEVELS: Final[tuple[LogLevel, ...]] = get_args(LogLevel)
"""Every level, from the least grave to the gravest."""

_PYTHON_LEVELS: Final[dict[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "notice": logging.INFO + 5,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
    "alert": logging.CRITICAL + 5,
    "emergency": logging.CRITICAL + 10,
}


def python_level(level: str) -> int:
    """Give the level of Python's ``logging`` for a level of MCP.

    Args:
        level: a level of MCP.

    Returns:
        The constant of the same name; 25 for "notice", 55 for "alert", 60 for "emergency", which
        Python has not, so that their order stays; ``logging.WARNING`` for a level that MCP does
        not know, so that it is seen.
    """
    return _PYTHON_LEVELS.get(level, logging.WARNING)


@attrs.frozen(eq=False)
class LogMessage(MCPValue):
    """What a server logged (``notifications/message``). Untrusted text.

    Args:
        level: how grave it is, one of ``LOG_LEVELS``; others are kept as they come.
        data: what it says, any JSON, null included.
        logger: the name of the logger; None where the server did not say.
        meta: the object ``_meta``; empty where there is none.
        raw: the params exactly as they came.
    """

    level: str = attrs.field(metadata=TEXT)
    data: Any = attrs.field(metadata=ANYTHING)
    logger: str | None = attrs.field(default=None, metadata=TEXT)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)


LogHandler = Callable[[LogMessage], Any]
"""Takes a log message of the server; may be a coroutine function."""
