"""Calls in the journal: when they are on the disk, what leaves it, and what the next client finds.

A client that is closed and made again stands for a process that ended and the next one; real
processes and real kills are in the integration tests.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from calls_made import make_call
from journals import make_journal, make_row, rows_on_disk
from mcp_sync import JournalSettings, MCPClient
from mcp_sync.connection.call import Call, Owner
from mcp_sync.connection.journal_rows import JournalRow
from mcp_sync.errors import (
    MCPCancelledError,
    MCPClosedError,
    MCPConfigurationError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPError,
    MCPQueueFullError,
    MCPResponseError,
    MCPTimeoutError,
)
from mcp_sync.testing import FaultProxy, WebSocketConnection, WebSocketPeer
from peers_mcp import PATIENCE, Switchboard, refuse_upgrade
from scenes import FAST, Diary, nobody_listening, shake_hands, until, until_closed
from timing import MS

LIST = "tools/list"
"""A method that may be repeated; ``tools/call`` may not."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@contextlib.contextmanager
def client_of(url: str, journal: Any, **settings: Any) -> Iterator[MCPClient]:
    client = MCPClient(url, journal=journal, **({**FAST} | settings))
    try:
        yield client
    finally:
        client.close()


@contextlib.contextmanager
def offline(journal: Any, **settings: Any) -> Iterator[MCPClient]:
    """A client whose server is away."""
    with nobody_listening() as url, client_of(url, journal, **settings) as client:
        yield client


@contextlib.contextmanager
def through_a_proxy(
    board: Switchboard, journal: Any, **settings: Any
) -> Iterator[tuple[MCPClient, FaultProxy]]:
    with (
        FaultProxy("127.0.0.1", board.port) as proxy,
        client_of(proxy.url(), journal, **settings) as client,
    ):
        yield client, proxy


def keys(path: Path) -> list[Any]:
    """What a process would find if this one were killed now, by the params."""
    return [json.loads(row.params)["k"] for row in rows_on_disk(path)]


def wait_until_empty(path: Path) -> None:
    until(lambda: not rows_on_disk(path))


def the_row(path: Path) -> JournalRow:
    (row,) = rows_on_disk(path)
    return row


# What is on the disk, and when


def test_a_submitted_call_is_on_the_disk_when_it_is_told_that_it_is_queued(path: Path) -> None:
    with offline(path, request_timeout=7.0) as client:
        before = time.time()
        call = client.submit("tools/call", {"k": "ä"})
        row = the_row(path)
        assert (row.method, json.loads(row.params)) == ("tools/call", {"k": "ä"})
        assert (row.repeatable, row.sent, row.keyed) == (False, 0, False)
        assert (row.answer_limit, row.expires_at) == (7.0, None)
        assert before <= row.queued_at <= time.time()
        assert row.name == call.journal_id
        assert [word for _, word in call.history] == ["written to the journal", "queued"]
        receipt = client.request(LIST, {"k": 2}, offline="queue")
        assert receipt.call.journal_id == rows_on_disk(path)[1].name
        assert rows_on_disk(path)[1].repeatable


def test_the_times_of_a_call_are_kept_by_the_clock_on_the_wall(path: Path) -> None:
    with offline(path, queue_ttl=1000.0) as client:
        client.submit("a", {"k": 1})
        client.submit("b", {"k": 2}, timeout=50.0)
        client.submit("c", {"k": 3}, timeout=None)
    of_ttl, of_timeout, unlimited = rows_on_disk(path)
    assert of_ttl.expires_at == pytest.approx(of_ttl.queued_at + 1000.0)
    assert of_ttl.answer_limit == 30.0
    assert of_timeout.expires_at == pytest.approx(time.time() + 50.0, abs=PATIENCE)
    assert of_timeout.answer_limit is None
    assert (unlimited.expires_at, unlimited.answer_limit) == (None, None)


def test_calls_that_somebody_waits_for_and_notifications_are_not_journaled(path: Path) -> None:
    with offline(path) as client:
        with pytest.raises(MCPTimeoutError):
            client.request("tools/call", timeout=50 * MS)
        client.notify("notifications/a")
        assert client.offline_queue_size == 1
        assert rows_on_disk(path) == []


def test_a_call_that_is_written_at_once_is_not_journaled(path: Path) -> None:
    with Switchboard() as board, client_of(board.url, path) as client:
        client.initialize()
        call = client.submit("tools/call")
        line = board.line()
        request = line.request("tools/call")
        assert call.journal_id is None
        assert rows_on_disk(path) == []
        line.answer(request)
        assert call.result(PATIENCE) == {}


def test_a_call_that_may_be_repeated_is_journaled_once_it_is_queued_again(path: Path) -> None:
    with Switchboard() as board, through_a_proxy(board, path) as (client, proxy):
        client.initialize()
        call = client.submit(LIST, {"k": 1})
        board.line().request(LIST)
        diary = Diary(client)
        proxy.refuse()
        proxy.cut("rst")
        diary.wait_for("disconnected")
        diary.wait_for("failed")
        assert keys(path) == [1]
        proxy.accept()
        line = board.line()
        line.answer(line.request(LIST))
        assert call.result(PATIENCE) == {}
        wait_until_empty(path)


def test_a_call_whose_link_broke_before_its_first_byte_is_journaled_first(path: Path) -> None:
    with Switchboard() as board, through_a_proxy(board, path) as (client, proxy):
        client.initialize()
        connection, sender = client._connection, client._connection._sender
        call = make_call(connection, "tools/call", params='{"k":1}', watched=True)
        link = sender._claim(call, may_block=False)
        assert link is not None
        diary = Diary(client)
        proxy.refuse()
        proxy.cut("rst")
        diary.wait_for("disconnected")
        assert keys(path) == []
        assert not sender.write(link, call)
        assert keys(path) == [1]
        assert client.offline_queue_size == 1
        proxy.accept()
        board.line()
        line = board.line()
        line.answer(line.request("tools/call"))
        assert call.result(PATIENCE) == {}


def test_a_refused_call_leaves_nothing(path: Path) -> None:
    with offline(path, offline_queue_limit=1) as client:
        client.submit("tools/call", {"k": 1})
        with pytest.raises(MCPQueueFullError):
            client.submit("tools/call", {"k": 2})
        client.configure(overflow="block")
        with pytest.raises(MCPQueueFullError):
            client.submit("tools/call", {"k": 3}, timeout=50 * MS)
        assert keys(path) == [1]
    with pytest.raises(MCPClosedError):
        client.submit("tools/call", {"k": 4})
    assert keys(path) == [1]


def test_the_oldest_leaves_the_disk_before_it_is_told_that_it_gave_way(path: Path) -> None:
    with offline(path, offline_queue_limit=1, overflow="drop_oldest") as client:
        oldest = client.submit("tools/call", {"k": 1})
        newest = client.submit("tools/call", {"k": 2})
        assert isinstance(oldest.exception(0), MCPQueueFullError)
        assert oldest.entry is not None
        assert oldest.entry.is_gone  # by whoever told it, not by a sweep after that
        assert keys(path) == [2]
        assert not newest.done()


def test_a_withdrawn_call_is_gone_from_the_disk_when_it_is_told_so(path: Path) -> None:
    with offline(path) as client:
        first, second, third = (client.submit("tools/call", {"k": k}) for k in (1, 2, 3))
        seen: list[list[Any]] = []
        super(Call, second).add_done_callback(lambda _: seen.append(keys(path)))
        assert second.cancel()
        assert seen == [[1, 3]]
        assert client.clear_offline_queue() == 2
        assert rows_on_disk(path) == []
        assert isinstance(first.exception(0), MCPCancelledError)
        assert isinstance(third.exception(0), MCPCancelledError)


def test_a_call_whose_time_is_over_is_deleted(path: Path) -> None:
    with offline(path) as client:
        call = client.submit("tools/call", {"k": 1}, timeout=50 * MS)
        assert isinstance(call.exception(PATIENCE), MCPTimeoutError)
        wait_until_empty(path)


@contextlib.contextmanager
def locked_by_another_program(path: Path) -> Iterator[None]:
    """SQLite refuses every write meanwhile."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        yield
        other.execute("ROLLBACK")


def test_a_call_that_cannot_be_written_down_is_not_accepted(path: Path) -> None:
    with offline(path) as client:
        with (
            locked_by_another_program(path),
            pytest.raises(MCPError, match=r"cannot be written.*end the program that has it open"),
        ):
            client.submit("tools/call", {"k": 1})
        assert client.offline_queue_size == 0
        client.submit("tools/call", {"k": 2})
        assert keys(path) == [2]


def test_a_withdrawal_that_cannot_be_written_down_is_told_and_made_up_for(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with offline(path) as client:
        call = client.submit("tools/call", {"k": 1})
        with locked_by_another_program(path):
            assert call.cancel()
        assert "the next process may send them" in caplog.text
        assert keys(path) == [1]
        client.submit("tools/call", {"k": 2})
        assert keys(path) == [2]


# Sending


def test_a_call_that_may_not_be_repeated_is_marked_before_the_server_sees_it(path: Path) -> None:
    with Switchboard() as board, through_a_proxy(board, path) as (client, proxy):
        proxy.refuse()
        calls = [client.submit(method, {"k": method}) for method in ("tools/call", LIST)]
        proxy.accept()
        line = board.line()
        first = line.request("tools/call")
        assert [row.sent for row in rows_on_disk(path)] == [1, 0]
        second = line.request(LIST)
        assert [row.sent for row in rows_on_disk(path)] == [1, 0]
        line.answer(first)
        line.refuse(second)
        assert calls[0].result(PATIENCE) == {}
        assert isinstance(calls[1].exception(PATIENCE), MCPResponseError)
        wait_until_empty(path)


def test_a_call_that_cannot_be_marked_is_not_sent_and_stays(path: Path) -> None:
    with Switchboard() as board, through_a_proxy(board, path) as (client, proxy):
        proxy.refuse()
        call = client.submit("tools/call", {"k": 1})
        with locked_by_another_program(path):
            proxy.accept()
            error = call.exception(PATIENCE)
        assert "cannot be written" in str(error)
        assert "is kept in the journal" in str(error)
        assert board.line().is_quiet()
        assert the_row(path).sent == 0
        assert client.offline_queue_size == 0


def test_a_lost_call_that_may_have_run_fails_and_leaves_the_disk(path: Path) -> None:
    with Switchboard() as board, through_a_proxy(board, path) as (client, proxy):
        proxy.refuse()
        call = client.submit("tools/call", {"k": 1})
        proxy.accept()
        line = board.line()
        line.request("tools/call")
        line.reset()
        error = call.exception(PATIENCE)
        assert isinstance(error, MCPConnectionLost)
        assert error.maybe_executed
        wait_until_empty(path)


def test_a_lost_call_that_may_be_repeated_stays_until_it_is_answered(path: Path) -> None:
    with Switchboard() as board, through_a_proxy(board, path) as (client, proxy):
        proxy.refuse()
        call = client.submit(LIST, {"k": 1})
        name = call.journal_id
        proxy.accept()
        line = board.line()
        line.request(LIST)
        line.reset()
        again = board.line()
        request = again.request(LIST)
        assert (the_row(path).name, the_row(path).sent) == (name, 0)
        again.answer(request)
        assert call.result(PATIENCE) == {}
        wait_until_empty(path)


def test_a_call_whose_frame_was_cut_is_unmarked_again(path: Path) -> None:
    big = {"k": 1, "text": "x" * (6 << 20)}

    def cut(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        connection.receive_exactly(100)
        connection.reset()

    def away(connection: WebSocketConnection) -> None:
        until_closed(connection)

    with WebSocketPeer(cut, away) as peer, offline(path) as client:
        call = client.submit("tools/call", big)
        client.configure(server_url=peer.url)
        peer.wait_for_connections(2)
        until(lambda: the_row(path).sent == 0)
        assert not call.done()
        client.close()
        assert isinstance(call.exception(0), MCPClosedError)
        assert keys(path) == [1]


def test_a_call_that_is_withdrawn_while_it_is_marked_is_not_sent(path: Path) -> None:
    with Switchboard() as board, through_a_proxy(board, path) as (client, proxy):
        proxy.refuse()
        call = client.submit("tools/call", {"k": 1})
        diary = Diary(client)
        with locked_by_another_program(path):
            proxy.accept()
            diary.wait_for("initialized")
            until(lambda: call.owner is Owner.WRITER)
            withdrawing = threading.Thread(target=call.cancel)
            withdrawing.start()
            until(lambda: call.owner is Owner.SETTLED)
        withdrawing.join(PATIENCE)
        assert call.cancelled()
        client.submit("last")
        line = board.line()
        line.answer(line.request("last"))
        assert client.drain(PATIENCE)
        wait_until_empty(path)


# Closing


def test_a_close_keeps_what_is_queued_and_says_so(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with offline(path) as client:
        kept = [client.submit("tools/call", {"k": k}) for k in range(3)]
        client.notify("notifications/a")
        client.close()
        for call in kept:
            error = call.exception(0)
            assert isinstance(error, MCPClosedError)
            assert f"not sent and is kept in the journal {path} for the next process" in str(error)
            assert (error.method, error.maybe_executed) == ("tools/call", True)  # by the next one
    assert "closed with 4 calls unsent; 3 are kept in the journal" in caplog.text
    assert "1 are lost" in caplog.text
    assert keys(path) == [0, 1, 2]


def test_a_client_that_is_opened_again_finds_what_it_kept(path: Path) -> None:
    with Switchboard() as board, client_of(board.url, path) as client:
        client.close()
        with nobody_listening() as url:
            client.configure(server_url=url)
            assert client.connect(PATIENCE) is False
            client.submit("tools/call", {"k": 1})
            client.close()
        client.configure(server_url=board.url)
        client.connect(PATIENCE)
        (found,) = client.recovered()
        line = board.line()
        line.answer(line.request("tools/call"), {"k": 2})
        assert found.result(PATIENCE) == {"k": 2}


def test_a_closed_client_lets_go_of_the_journal_and_may_not_get_it_back(path: Path) -> None:
    with offline(path) as first:
        first.close()
        with offline(path):
            with pytest.raises(MCPConfigurationError, match="another client of this process"):
                first.connect()
            assert first.get_connection_state() == "disconnected"
        assert first.connect(PATIENCE) is False


def test_a_refusal_for_good_keeps_the_calls_and_says_so(path: Path) -> None:
    with (
        WebSocketPeer(refuse_upgrade(403), upgrade=False) as peer,
        offline(path) as client,
    ):
        call = client.submit("tools/call", {"k": 1})
        client.configure(server_url=peer.url)
        error = call.exception(PATIENCE)
        assert isinstance(error, MCPConnectionRejected)
        assert (error.status, error.method, error.maybe_executed) == (403, "tools/call", True)
        assert "is kept in the journal" in str(error)
        with pytest.raises(MCPConnectionRejected):
            client.submit("tools/call", {"k": 2})
        assert keys(path) == [1]


# What the next client finds


def found_by(path: Path, **settings: Any) -> list[Call]:
    with offline(path, **settings) as client:
        found = client.recovered()
        for call in found:
            if call.done():
                call.exception(0)
        return found


def test_calls_are_found_and_sent_in_order_with_all_that_they_were(path: Path) -> None:
    with offline(path) as client:
        for number in range(40):
            client.submit(f"call/{number}", {"k": number}, idempotent=number % 2 == 0)
        names = [call.journal_id for call in client.pending_requests()]
    with Switchboard() as board, client_of(board.url, path) as client:
        found = client.recovered()
        assert [call.journal_id for call in found] == names
        assert [call.repeatable for call in found] == [True, False] * 20
        assert [call.answer_limit for call in found] == [30.0] * 40
        assert client.pending_requests() == found
        assert not any(call.done() for call in found)
        newest = client.submit("newest", {"k": 40})
        line = board.line()
        for number in range(40):
            request = line.request(f"call/{number}")
            assert request["params"] == {"k": number}
            line.answer(request)
        line.answer(line.request("newest"))
        assert [call.result(PATIENCE) for call in [*found, newest]] == [{}] * 41
        assert [word for _, word in found[0].history] == ["found in the journal", "queued"]
    assert rows_on_disk(path) == []


def test_found_calls_are_sent_when_the_client_connects_and_not_before(path: Path) -> None:
    make_journal(path, make_row(1))
    with Switchboard() as board, client_of(board.url, path) as client:
        assert client.offline_queue_size == 1
        assert client.get_connection_state() == "disconnected"
        assert board.connections == 0
        assert client.connect(PATIENCE)
        line = board.line()
        line.answer(line.request("tools/call"))
        assert client.drain(PATIENCE)


def test_found_calls_are_past_the_bounds_of_the_queue(path: Path) -> None:
    make_journal(path, *(make_row(number) for number in range(1, 6)))
    with offline(path, offline_queue_limit=2) as client:
        assert client.offline_queue_size == 5
        with pytest.raises(MCPQueueFullError):
            client.submit("tools/call")


def test_without_a_journal_nothing_is_found() -> None:
    assert MCPClient().recovered() == []


def test_a_marked_call_is_reported_and_never_sent(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    make_journal(path, make_row(1, sent=1, params='{"k":1}'), make_row(2, params='{"k":2}'))
    with Switchboard() as board, client_of(board.url, path) as client:
        marked, unmarked = client.recovered()
        error = marked.exception(0)
        assert isinstance(error, MCPConnectionLost)
        assert error.maybe_executed
        assert error.cause == "a previous process ended after sending it"
        assert "holds 1 calls that are not sent again" in caplog.text
        client.connect(PATIENCE)
        line = board.line()
        request = line.request("tools/call")
        assert request["params"] == {"k": 2}
        line.answer(request)
        assert unmarked.result(PATIENCE) == {}
        assert line.is_quiet()


def test_a_report_stays_until_a_client_that_was_asked_for_it_is_closed(path: Path) -> None:
    make_journal(path, make_row(1, sent=1, params='{"k":1}'))
    for _ in range(2):
        with offline(path):
            pass
        assert keys(path) == [1]
    with offline(path) as client:
        assert len(client.recovered()) == 1
        assert keys(path) == [1]
    assert rows_on_disk(path) == []


def test_a_found_call_that_fails_unseen_is_found_again(path: Path) -> None:
    make_journal(path, make_row(1, params='{"k":1}'))
    with Switchboard() as board, client_of(board.url, path) as client:
        client.connect(PATIENCE)
        line = board.line()
        line.request("tools/call")
        line.reset()
        assert client.drain(PATIENCE)
    assert the_row(path).sent == 1
    (call,) = found_by(path)
    assert isinstance(call.exception(0), MCPConnectionLost)
    assert rows_on_disk(path) == []


def test_a_found_call_that_is_answered_unseen_is_accounted_for(path: Path) -> None:
    make_journal(path, make_row(1), make_row(2))
    with Switchboard() as board, client_of(board.url, path) as client:
        client.connect(PATIENCE)
        line = board.line()
        line.answer(line.request("tools/call"))
        line.refuse(line.request("tools/call"))
        assert client.drain(PATIENCE)
    assert rows_on_disk(path) == []


@pytest.mark.parametrize("answer_limit", [30.0, None])
def test_a_call_whose_time_was_over_meanwhile_fails_unsent(
    path: Path, answer_limit: float | None
) -> None:
    now = time.time()
    times = {"queued_at": now - 100, "expires_at": now - 40, "answer_limit": answer_limit}
    make_journal(path, make_row(1, **times), make_row(2, sent=1, **times))
    unsent, sent = found_by(path)
    error = unsent.exception(0)
    assert isinstance(error, MCPTimeoutError)
    assert error.timeout == pytest.approx(60.0)
    assert error.sent is False
    assert "its time was over" in str(error)
    assert isinstance(sent.exception(0), MCPConnectionLost)
    assert rows_on_disk(path) == []


def test_a_found_call_has_the_time_that_it_had_left(path: Path) -> None:
    now = time.time()
    make_journal(
        path,
        make_row(1, queued_at=now - 100, expires_at=now + 2000 * MS),
        make_row(2, queued_at=now - 100, expires_at=now + 2000 * MS, answer_limit=None),
        make_row(3, queued_at=now - 100, expires_at=now + 900),
        make_row(4, queued_at=now - 100),
        make_row(5, queued_at=now + 1000, expires_at=now + 1000 + 2000 * MS),
    )
    with offline(path, queue_ttl=30.0) as client:
        by_ttl, by_timeout, later, never, of_a_wrong_clock = client.recovered()
        client.connect(PATIENCE)
        for call in (by_ttl, by_timeout, of_a_wrong_clock):
            error = call.exception(PATIENCE)
            assert isinstance(error, MCPTimeoutError)
            assert error.sent is False
            assert error.timeout == pytest.approx(2000 * MS, abs=1900 * MS)
        assert not later.done()
        assert not never.done()
        oldest = client.get_connection_stats().queue.oldest_age
        assert oldest == pytest.approx(100, abs=PATIENCE)


def test_settings_of_a_running_client_cannot_name_another_journal(path: Path) -> None:
    with offline(path) as client:
        with pytest.raises(MCPConfigurationError, match="make another client"):
            client.configure(journal=f"{path}2")
        client.configure(journal=path, request_timeout=5.0)
        assert client.config.request_timeout == 5.0


def test_a_refused_journal_is_the_constructors_error(path: Path) -> None:
    path.write_text("no journal")
    with pytest.raises(MCPConfigurationError, match=f"journal='{path}' is no SQLite file"):
        MCPClient(journal=path)
    assert path.read_text() == "no journal"


# At least once


def at_least_once(path: Path, **settings: Any) -> JournalSettings:
    return JournalSettings(path, at_least_once=True, **settings)


def key_in(request: dict[str, Any], name: str = "mcp-sync/idempotency-key") -> Any:
    return request["params"]["_meta"][name]


def lose_in_the_middle(path: Path, settings: JournalSettings) -> dict[str, Any]:
    """Have a call sent by a process that ends before the answer; the request as it was seen."""
    with Switchboard() as board, through_a_proxy(board, settings) as (client, proxy):
        proxy.refuse()
        if not client.recovered():
            client.submit("tools/call", {"k": 1})
        proxy.accept()
        client.connect(PATIENCE)
        request = board.line().request("tools/call")
        left = rows_on_disk(path)
        assert client.clear_offline_queue() == 0
    path.unlink()
    make_journal(path, *left)  # as a kill would have left it
    return request


def test_a_key_stays_the_same_over_replays_and_processes(path: Path) -> None:
    first = lose_in_the_middle(path, at_least_once(path))
    row = the_row(path)
    assert (row.sent, row.keyed, row.name) == (1, True, key_in(first))
    second = lose_in_the_middle(path, at_least_once(path))
    assert second["params"] == first["params"]
    assert the_row(path).sent == 2


def test_a_marked_call_with_a_key_is_sent_again_so_often_and_then_reported(path: Path) -> None:
    params = '{"k":1,"_meta":{"mcp-sync/idempotency-key":"a"}}'
    rows = [make_row(sent, sent=sent, keyed=True, params=params) for sent in range(1, 5)]
    make_journal(path, *rows)
    with offline(at_least_once(path), max_replays=3) as client:
        assert [call.done() for call in client.recovered()] == [False, False, False, True]
    with offline(path) as client:
        assert [call.done() for call in client.recovered()] == [
            True
        ] * 3  # the fourth was asked for


def test_a_marked_call_without_a_key_is_not_sent_again(path: Path) -> None:
    make_journal(path, make_row(1, sent=1))
    with offline(at_least_once(path)) as client:
        assert isinstance(client.recovered()[0].exception(0), MCPConnectionLost)


def test_a_replay_over_a_lost_link_has_the_same_key(path: Path) -> None:
    with (
        Switchboard() as board,
        client_of(board.url, at_least_once(path, key_name="com.example/once")) as client,
    ):
        client.initialize()
        call = client.submit(LIST)
        line = board.line()
        first = line.request(LIST)
        line.reset()
        again = board.line()
        second = again.request(LIST)
        assert key_in(first, "com.example/once") == key_in(second, "com.example/once")
        again.answer(second)
        assert call.result(PATIENCE) == {}


def meta_of(call: Call) -> dict[str, Any]:
    """What a call sends in ``_meta``, as far as its caller and the journal have a say."""
    meta: dict[str, Any] = json.loads(f"{{{call.meta}}}")
    return meta


def test_the_callers_own_key_and_meta_are_left_alone(path: Path) -> None:
    with offline(at_least_once(path)) as client:
        own = client.submit("a", {"_meta": {"mcp-sync/idempotency-key": "mine", "x": 1}})
        assert own.journal_id == "mine"
        assert own.params == ""
        assert meta_of(own) == {"mcp-sync/idempotency-key": "mine", "x": 1}
        other = client.submit("a", {"_meta": {"x": 1}, "b": 2})
        assert meta_of(other)["x"] == 1
        assert json.loads(other.params) == {"b": 2}
        keyed = client.submit("a")
        assert keyed.params == ""
        assert meta_of(keyed).keys() == {"mcp-sync/idempotency-key"}
        with pytest.raises(TypeError, match="params._meta must be a mapping, not int"):
            client.submit("a", {"_meta": 5})
        with pytest.raises(TypeError, match="params must be a mapping"):
            client.submit("a", [1])  # type: ignore[arg-type]


def test_without_at_least_once_nothing_is_put_into_the_params(path: Path) -> None:
    with offline(path) as client:
        assert client.submit("a").params == ""
        assert client.submit("a", {"b": 1}).params == '{"b":1}'
