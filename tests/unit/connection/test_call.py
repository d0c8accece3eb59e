"""A call as its caller holds it: a future that ends for everybody who waits for it."""

from __future__ import annotations

import concurrent.futures
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from calls_made import make_call, make_connection
from mcp_sync import MCPClient
from mcp_sync.connection.dispatcher import EVENTS_THREAD
from mcp_sync.connection.journal_rows import Entry, JournalRow
from mcp_sync.errors import MCPCancelledError, MCPClosedError, MCPResponseError
from peers_mcp import PATIENCE, Line, Switchboard
from timing import MS


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    with MCPClient(board.url) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


def test_it_gives_the_answers_result(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call", {"name": "echo"})
    request = line.request("tools/call")
    assert request["params"] == {"name": "echo"}
    line.answer(request, {"content": []})
    assert call.result(PATIENCE) == {"content": []}
    assert call.exception() is None
    assert call.done()
    assert not call.cancelled()


def test_it_raises_the_servers_error(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    line.refuse(line.request("tools/call"), -32602, "bad arguments")
    with pytest.raises(MCPResponseError, match="bad arguments"):
        call.result(PATIENCE)
    assert isinstance(call.exception(PATIENCE), MCPResponseError)


def test_a_wait_of_ones_own_ends_without_ending_the_call(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    request = line.request("tools/call")
    with pytest.raises(TimeoutError):
        call.result(1 * MS)
    with pytest.raises(TimeoutError):
        call.exception(0)
    assert not call.done()
    line.answer(request)
    assert call.result(PATIENCE) == {}


def test_cancelling_ends_it_for_all_who_wait(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    request = line.request("tools/call")
    canceller = threading.Timer(20 * MS, call.cancel)
    canceller.start()
    assert concurrent.futures.wait([call], PATIENCE).done == {call}
    assert list(concurrent.futures.as_completed([call], PATIENCE)) == [call]
    canceller.join()
    assert call.cancelled()
    with pytest.raises(MCPCancelledError, match="tools/call: cancelled"):
        call.result(PATIENCE)
    with pytest.raises(concurrent.futures.CancelledError):
        call.result()
    assert isinstance(call.exception(), MCPCancelledError)
    told = line.request("notifications/cancelled")
    assert told["params"]["requestId"] == request["id"]


def test_a_settled_call_cannot_be_cancelled(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    line.answer(line.request("tools/call"))
    call.result(PATIENCE)
    assert call.cancel() is False
    assert not call.cancelled()


def test_it_can_be_cancelled_once(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    assert call.cancel() is True
    assert call.cancel() is False


def test_done_callbacks_run_on_the_events_thread(client: MCPClient, line: Line) -> None:
    seen: list[tuple[Future[Any], str]] = []
    called = threading.Event()

    def note(done: Future[Any]) -> None:
        seen.append((done, threading.current_thread().name))
        called.set()

    call = client.submit("tools/call")
    call.add_done_callback(note)
    line.answer(line.request("tools/call"))
    assert called.wait(PATIENCE)
    assert seen == [(call, EVENTS_THREAD)]


def test_a_done_callback_may_call_the_client(client: MCPClient, line: Line) -> None:
    answers: list[Any] = []
    called = threading.Event()

    def ask_on(_: Future[Any]) -> None:
        answers.append(client.request("tools/list", timeout=PATIENCE))
        called.set()

    call = client.submit("tools/call")
    call.add_done_callback(ask_on)
    line.answer(line.request("tools/call"))
    line.answer(line.request("tools/list"), {"tools": []})
    assert called.wait(PATIENCE)
    assert answers == [{"tools": []}]


def test_a_callback_on_a_settled_call_runs_at_once(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    call.cancel()
    seen: list[str] = []
    call.add_done_callback(lambda _: seen.append(threading.current_thread().name))
    assert seen == [threading.current_thread().name]


def test_many_threads_may_wait_for_one_call(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    answers: list[Any] = []
    waiters = [
        threading.Thread(target=lambda: answers.append(call.result(PATIENCE))) for _ in range(8)
    ]
    for waiter in waiters:
        waiter.start()
    line.answer(line.request("tools/call"), {"n": 1})
    for waiter in waiters:
        waiter.join(PATIENCE)
    assert answers == [{"n": 1}] * 8


def test_it_has_a_name_of_its_own_and_says_where_it_stands(client: MCPClient, line: Line) -> None:
    one, two = client.submit("tools/call"), client.submit("tools/call")
    assert one.call_id != two.call_id
    line.request("tools/call")
    request = line.request("tools/call")
    assert repr(two) == f"<Call {two.call_id} tools/call pending table>"
    line.answer(request)
    two.result(PATIENCE)
    assert repr(two) == f"<Call {two.call_id} tools/call settled>"
    one.cancel()


def test_its_size_is_that_of_its_bytes() -> None:
    connection = make_connection()
    assert make_call(connection, "m", params='{"a":1}').size == 8
    assert make_call(connection, "m", params='{"a":"ä"}').size == 11


def test_a_ring_ends_a_wait_that_it_does_not_settle() -> None:
    call = make_call(make_connection())
    call.ring()
    assert call.wait_settled(PATIENCE) is False
    ringer = threading.Timer(10 * MS, call.ring)
    ringer.start()
    assert call.wait_settled(PATIENCE) is False
    ringer.join()
    call.cancel()
    assert call.wait_settled(0) is True


def test_in_a_forked_child_it_fails_whoever_held_its_lock() -> None:
    call = make_call(make_connection())
    call.add_done_callback(print)
    held, release = threading.Event(), threading.Event()
    condition = call._condition

    def hold() -> None:
        with condition:
            held.set()
            assert release.wait(PATIENCE)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(PATIENCE)
    call.orphan(MCPClosedError("ping was called in the parent process"))
    assert isinstance(call.exception(0), MCPClosedError)
    release.set()
    holder.join()


@pytest.mark.parametrize(
    ("repeatable", "sent", "was_sent"), [(False, 0, False), (False, 1, True), (True, 0, True)]
)
def test_a_call_of_another_process_was_sent_unless_its_row_says_no(
    repeatable: bool, sent: int, was_sent: bool
) -> None:
    call = make_call(make_connection(), repeatable=repeatable)
    row = JournalRow(
        id=1,
        name="one",
        method=call.method,
        params="",
        repeatable=repeatable,
        keyed=False,
        answer_limit=None,
        queued_at=0.0,
        expires_at=None,
        sent=sent,
    )
    call.entry = Entry(row, found=False)
    assert not repeatable or not call.was_sent
    call.entry = Entry(row, found=True)
    assert call.was_sent is was_sent


def test_a_call_that_was_asked_for_input_was_sent() -> None:
    call = make_call(make_connection())
    assert not call.was_sent
    call.rounds = 1
    assert call.was_sent


def test_in_a_forked_child_a_settled_call_stays_as_it_is() -> None:
    answered, withdrawn = (make_call(make_connection()) for _ in range(2))
    answered.conclude({"n": 1})
    withdrawn.conclude_cancelled()
    for call in (answered, withdrawn):
        call.orphan(MCPClosedError("ping was called in the parent process"))
    assert answered.result(0) == {"n": 1}
    assert isinstance(withdrawn.exception(0), MCPCancelledError)


def test_a_call_has_everything_that_a_future_of_this_python_has() -> None:
    ours, plain = vars(make_call(make_connection())), vars(Future())
    assert set(plain) <= set(ours)
    assert {name: type(value) for name, value in plain.items() if name != "_condition"} == {
        name: type(ours[name]) for name in plain if name != "_condition"
    }
