"""What log records carry beside their text."""

from __future__ import annotations

import contextlib
import logging
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mcp_sync import ConnectionState, MCPClient, MCPTimeoutError
from mcp_sync.connection.log_facts import GuardedLog, log_change
from peers_mcp import PATIENCE, Switchboard
from scenes import FAST, PINNED, Diary, Inbox, nobody_listening
from timing import MS

LOGGER = "mcp_sync.connection"


def facts(caplog: pytest.LogCaptureFixture, *names: str) -> list[tuple[object, ...]]:
    """These attributes of the records that have the first of them."""
    return [
        tuple(getattr(record, name, None) for name in names)
        for record in caplog.records
        if hasattr(record, names[0])
    ]


@pytest.fixture
def told() -> Iterator[Inbox]:
    """State, level and text of all records of the connection, put into words as they are made."""
    inbox = Inbox()
    handler = logging.Handler()

    def emit(record: logging.LogRecord) -> None:
        inbox((getattr(record, "state", None), record.levelname, record.getMessage()))

    handler.emit = emit  # type: ignore[method-assign]
    logger = logging.getLogger(LOGGER)
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    yield inbox
    logger.removeHandler(handler)
    logger.setLevel(level)


def wait_for(told: Inbox, *words: str) -> None:
    """Wait for a record with all of these in its text."""
    assert told.wait_for(
        lambda records: any(all(word in text for word in words) for _, _, text in records)
    ), told.items()


def test_a_change_of_the_state_carries_the_state(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_attempts=1, **FAST)
        assert client.connect(PATIENCE) is False
        client.close()
    assert facts(caplog, "state", "levelname") == [
        ("failed", "WARNING"),
        ("offline", "WARNING"),
        ("disconnected", "INFO"),
    ]


def test_a_lost_link_carries_the_state_after_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        board.line().close(1001)
        board.line()
        assert client.wait_until_ready(PATIENCE)
    assert ("reconnecting",) in facts(caplog, "state")


def test_the_log_tells_of_every_dial_and_of_a_link_that_is_ready_again(told: Inbox) -> None:
    with Switchboard() as board:
        address = f"127.0.0.1:{board.port}"
        with MCPClient(board.url, **PINNED) as client:
            wait_for(told, "ready: link 1")
            board.line().close(1001)
            wait_for(told, "link 2", "ready")
            client.reconnect()
            wait_for(told, "link 3", "ready")
    server = "server 'peer' '1', protocol '2025-11-25'"
    expected = [
        ("connecting", "DEBUG", f"dialing ws://{address}/, attempt 1"),
        ("connected", "DEBUG", f"connected: link 1 to {address}"),
        ("initialized", "INFO", f"ready: link 1 to {address}, {server}"),
        (
            "reconnecting",
            "INFO",
            "connection lost (the peer closed the link with close code 1001); dialing again",
        ),
        ("reconnecting", "DEBUG", f"dialing ws://{address}/, attempt 1"),
        ("connected", "DEBUG", f"connected: link 2 to {address}"),
        ("initialized", "INFO", f"ready again after … s: link 2 to {address}, {server}"),
        ("reconnecting", "INFO", "reconnect() was called; dialing again"),
        ("reconnecting", "DEBUG", f"dialing ws://{address}/, attempt 1"),
        ("connected", "DEBUG", f"connected: link 3 to {address}"),
        ("initialized", "INFO", f"ready again after … s: link 3 to {address}, {server}"),
        ("disconnected", "INFO", "closed"),
    ]
    news = [
        (state, level, re.sub(r"\d\.\d(?= s:)", "…", text)) for state, level, text in told.items()
    ]
    # The caller of reconnect() and the reader tell of it: who is first is not settled.
    assert sorted(news) == sorted(expected)


def test_what_goes_well_is_no_news_in_a_script_that_configured_no_logging() -> None:
    script = (
        "import sys, mcp_sync\n"
        "with mcp_sync.MCPClient(sys.argv[1]) as client:\n"
        "    client.reconnect()\n"
        "    print(client.wait_until_ready(10))\n"
    )
    with Switchboard() as board:
        words = [sys.executable, "-c", script, board.url]
        run = subprocess.run(words, capture_output=True, text=True, timeout=30, check=True)
    assert (run.stdout, run.stderr) == ("True\n", "")


def test_an_attempt_of_a_client_that_is_offline_is_told_to_who_wants_all(told: Inbox) -> None:
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_attempts=0, **FAST)
        assert client.connect(PATIENCE) is False
        wait_for(told, "still offline: could not connect to")
        client.close()
    (state, level, text), *_ = (one for one in told.items() if "still offline" in one[2])
    assert (state, level) == ("offline", "DEBUG")
    assert re.search(r"; next attempt in \d\.\d\d s$", text)


def test_no_record_is_made_under_the_state_lock(told: Inbox) -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **FAST)
        locked: list[bool] = []

        def note(_: logging.LogRecord) -> bool:
            locked.append(client._connection.gate.is_locked())
            return True

        logger = logging.getLogger(LOGGER)
        logger.addFilter(note)
        try:
            with client:
                board.line().close(1001)
                wait_for(told, "ready again")
                client.reconnect()
        finally:
            logger.removeFilter(note)
    assert len(locked) > 6
    assert not any(locked)


def test_a_record_about_a_call_carries_its_id_and_its_method(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        call = client.submit("tools/list", timeout=1000 * MS)
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
    log_change(GuardedLog(logger), logging.INFO, ConnectionState.FAILED, "%s", Unformattable())
    logger.removeHandler(handler)


# Log handlers that raise


class Rude(logging.Handler):
    """Raises whatever it is given."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self.count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1
        raise OSError("disk full")


@contextlib.contextmanager
def a_rude_handler(name: str = LOGGER, level: int = logging.INFO) -> Iterator[Rude]:
    logger, rude = logging.getLogger(name), Rude(level)
    before = logger.level
    logger.setLevel(level)
    logger.addHandler(rude)
    try:
        yield rude
    finally:
        logger.removeHandler(rude)
        logger.setLevel(before)


def test_a_handler_that_raises_at_a_lost_link_does_not_end_the_client() -> None:
    with (
        a_rude_handler() as rude,
        Switchboard() as board,
        MCPClient(board.url, **FAST) as client,
    ):
        diary = Diary(client)
        board.line().reset()
        diary.wait_for("initialized")
        second = board.line()
        call = client.submit("tools/list")
        second.answer(second.request("tools/list"))
        assert call.result(PATIENCE) == {}
        assert rude.count > 0


def test_a_handler_that_raises_does_not_keep_a_silent_link_from_being_given_up() -> None:
    pulse = {"heartbeat_interval": 50 * MS, "heartbeat_timeout": 100 * MS}
    with (
        a_rude_handler(level=logging.WARNING) as rude,
        Switchboard(pongs=False) as board,
        MCPClient(board.url, **pulse, **FAST) as client,
    ):
        diary = Diary(client)
        diary.wait_for("disconnected")
        assert rude.count > 0


def test_what_a_handler_raises_is_shown_where_logging_shows_its_own_failures(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "mcp_sync.connection.rude"
    with a_rude_handler(name):
        GuardedLog(logging.getLogger(name)).warning("one")
        assert "OSError: disk full" in capsys.readouterr().err
        monkeypatch.setattr(logging, "raiseExceptions", False)
        GuardedLog(logging.getLogger(name)).warning("two")
        assert capsys.readouterr().err == ""


def test_a_record_names_the_line_that_logs(caplog: pytest.LogCaptureFixture) -> None:
    log = GuardedLog(logging.getLogger(LOGGER))
    with caplog.at_level(logging.INFO, LOGGER):
        log.info("%s", "text", extra={"call_id": "call-1"})
        log.log(logging.INFO, "direct")
    assert {record.filename for record in caplog.records} == {"test_log_facts.py"}
    assert facts(caplog, "call_id") == [("call-1",)]
