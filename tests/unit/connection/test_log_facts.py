"""What log records carry beside their text."""

from __future__ import annotations

import logging

import pytest

from mcp_sync import ConnectionState, MCPClient, MCPTimeoutError
from mcp_sync.connection.log_facts import log_change
from peers_mcp import PATIENCE, Switchboard
from scenes import FAST, nobody_listening
from timing import MS

LOGGER = "mcp_sync.connection"


def facts(caplog: pytest.LogCaptureFixture, *names: str) -> list[tuple[object, ...]]:
    """These attributes of the records that have the first of them."""
    return [
        tuple(getattr(record, name, None) for name in names)
        for record in caplog.records
        if hasattr(record, names[0])
    ]


def test_a_change_of_the_state_carries_the_state(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_attempts=1, **FAST)
        assert client.connect(PATIENCE) is False
        client.close()
    assert facts(caplog, "state", "levelname") == [
        ("failed", "WARNING"),
        ("offline", "WARNING"),
    ]


def test_a_lost_link_carries_the_state_after_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        board.line().close(1001)
        board.line()
        assert client.wait_until_ready(PATIENCE)
    assert ("reconnecting",) in facts(caplog, "state")


def test_a_record_about_a_call_carries_its_id_and_its_method(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        call = client.submit("tools/list", timeout=100 * MS)
        with pytest.raises(MCPTimeoutError):
            call.result(PATIENCE)
    assert (call.call_id, "tools/list") in facts(caplog, "call_id", "method")


class Unformattable:
    """Fails who formats it."""

    def __str__(self) -> str:
        raise AssertionError("formatted for a log that is off")


def test_what_is_not_logged_is_not_formatted() -> None:
    logger = logging.getLogger("mcp_sync.connection.off")
    logger.setLevel(logging.ERROR)
    handler = logging.StreamHandler()
    logger.addHandler(handler)
    log_change(logger, logging.INFO, ConnectionState.FAILED, "%s", Unformattable())
    logger.removeHandler(handler)
