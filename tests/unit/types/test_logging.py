"""Log messages of a server, and their levels."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.logging import LOG_LEVELS, LogMessage, python_level


def test_levels_are_in_order_in_mcp_and_in_python() -> None:
    assert LOG_LEVELS == (
        "debug",
        "info",
        "notice",
        "warning",
        "error",
        "critical",
        "alert",
        "emergency",
    )
    levels = [python_level(level) for level in LOG_LEVELS]
    assert levels == sorted(set(levels))


@pytest.mark.parametrize("level", ["debug", "info", "warning", "error", "critical"])
def test_a_level_that_python_has_is_that_level(level: str) -> None:
    assert python_level(level) == getattr(logging, level.upper())


@pytest.mark.parametrize("level", ["", "INFO", "fatal"])
def test_a_level_that_mcp_does_not_know_is_seen_as_a_warning(level: str) -> None:
    assert python_level(level) == logging.WARNING


@pytest.mark.parametrize(
    "wire",
    [
        {"level": "error", "logger": "database", "data": {"error": "Connection failed"}},
        {"level": "info", "data": "plain"},
        {"level": "debug", "data": None, "logger": None},
        {"level": "fatal", "data": [1], "_meta": {"a": 1}, "newer": {}},
    ],
)
def test_a_message_is_read_and_survives_a_round_trip(wire: dict[str, Any]) -> None:
    message = LogMessage.from_wire(wire)
    assert message.to_wire() == wire
    assert (message.level, message.data) == (wire["level"], wire["data"])
    assert message.logger == wire.get("logger")
    assert message.meta == wire.get("_meta", {})


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({"data": 1}, "LogMessage.level is missing"),
        ({"level": 3, "data": 1}, "LogMessage.level must be a string"),
        ({"level": "info"}, "LogMessage.data is missing"),
    ],
)
def test_a_message_without_a_level_or_data_is_refused(wire: dict[str, Any], words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        LogMessage.from_wire(wire)
