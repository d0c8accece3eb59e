"""``MCP_SYNC_LOG=debug``: the library's log on standard error, for any program that uses it.

Without the variable nothing is set up: logging is the program's own business.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from typing import Any, Final, TextIO

__all__ = ["LOG_VARIABLE", "EnvironmentHandler", "set_up_logging"]

LOG_VARIABLE: Final = "MCP_SYNC_LOG"
"""What names the level."""

_LEVELS: Final[Mapping[str, int]] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
    "critical": logging.CRITICAL,
}

_FORMAT: Final = "%(asctime)s.%(msecs)03d %(levelname)-7s %(threadName)s %(name)s: %(message)s"

_logger: Final = logging.getLogger("mcp_sync")


class EnvironmentHandler(logging.StreamHandler[Any]):
    """Writes to whatever standard error is at the moment. Safe for any thread."""

    def __init__(self) -> None:
        super().__init__()
        self.setFormatter(logging.Formatter(_FORMAT, datefmt="%H:%M:%S"))

    @property
    def stream(self) -> TextIO | None:
        """Standard error; None where the process has none."""
        return sys.stderr

    @stream.setter
    def stream(self, _: object) -> None:
        """It cannot be another one."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, where there is anything to write to."""
        if self.stream is not None:
            super().emit(record)


def set_up_logging(environ: Mapping[str, str] | None = None) -> None:
    """Show the log of the package at the level that ``MCP_SYNC_LOG`` names.

    A second call changes the level alone. A text that is no level gives a WARNING.

    Args:
        environ: the variables; None reads those of this process.
    """
    text = (os.environ if environ is None else environ).get(LOG_VARIABLE, "").strip()
    if not text:
        return
    level = _LEVELS.get(text.lower())
    if level is None:
        known = ", ".join(_LEVELS)
        _logger.warning("%s=%.40r is no level; the levels are %s", LOG_VARIABLE, text, known)
        return
    _logger.setLevel(level)
    if not any(isinstance(one, EnvironmentHandler) for one in _logger.handlers):
        _logger.addHandler(EnvironmentHandler())
