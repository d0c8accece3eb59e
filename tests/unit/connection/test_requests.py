"""What the server asks of the client: answered by a pool, whatever the reader does."""

from __future__ import annotations

import json
import logging
import queue
import sys
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from mcp_sync import MCPClient
from mcp_sync.errors import MCPResponseError
from peers_mcp import PATIENCE, Line, Switchboard, nothing
from scenes import ABSENCE, PINNED, no_new_threads, read_request


def pool_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("mcp-request-")]


def answers(line: Line, count: int) -> dict[Any, dict[str, Any]]:
    return {message["id"]: message for message in (line.message() for _ in range(count))}


class Slow:
    """A handler that answers when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.release = threading.Event()

    def __call__(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.begun.release()
        assert self.release.wait(PATIENCE)
        return {"of": params.get("n")}


@pytest.fixture
def slow() -> Iterator[Slow]:
    slow = Slow()
    yield slow
    # The client, which is closed after this, ends the threads that wait for this.
    slow.release.set()


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board
    for thread in pool_threads():
        thread.join(PATIENCE)


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    with MCPClient(board.url) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


def handle(client: MCPClient, method: str, handler: Any) -> None:
    requests = client._connection.requests
    requests.handlers = {**requests.handlers, method: handler}


# Pings


def test_a_ping_of_the_server_is_answered_by_whoever_reads(line: Line) -> None:
    for number in range(60):
        line.ask(number, "ping")
    line.ask("of-the-server", "ping")
    seen = answers(line, 61)
    assert seen["of-the-server"] == {"jsonrpc": "2.0", "id": "of-the-server", "result": {}}
    assert set(seen) == {*range(60), "of-the-server"}
    assert pool_threads() == []


def test_a_ping_is_answered_before_the_handshake() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url)
        assert client.connect()
        line = board.line()
        line.ask(1, "ping")
        assert line.message()["result"] == {}
        assert client.get_connection_state() == "connected"
        client.close()


def test_a_ping_is_answered_in_the_middle_of_the_handshake() -> None:
    seen: list[dict[str, Any]] = []

    def ping_first(line: Line) -> None:
        request = read_request(line.connection)
        line.ask("p", "ping")
        seen.append(json.loads(line.connection.read_text()))
        line.answer(request, {"protocolVersion": "2025-11-25", "capabilities": {}})

    with Switchboard(ping_first) as board, MCPClient(board.url, **PINNED) as client:
        assert client.is_initialized()
    assert seen == [{"jsonrpc": "2.0", "id": "p", "result": {}}]


def test_a_ping_is_answered_while_all_handlers_are_busy(
    client: MCPClient, line: Line, slow: Slow
) -> None:
    handle(client, "x/slow", slow)
    for number in range(6):
        line.ask(number, "x/slow", n=number)
    for _ in range(4):
        assert slow.begun.acquire(timeout=PATIENCE)
    line.ask("p", "ping")
    assert line.message() == {"jsonrpc": "2.0", "id": "p", "result": {}}
    slow.release.set()
    assert {key: one["result"] for key, one in answers(line, 6).items()} == {
        number: {"of": number} for number in range(6)
    }


# Handlers


def test_a_handler_gets_the_params_and_its_result_goes_back(client: MCPClient, line: Line) -> None:
    handle(client, "x/echo", lambda params: {"got": dict(params)})
    line.ask("a", "x/echo", text="é", deep={"n": [1]})
    result = {"got": {"text": "é", "deep": {"n": [1]}}}
    assert line.message() == {"jsonrpc": "2.0", "id": "a", "result": result}


def test_a_request_that_gets_no_thread_harms_nothing_else(client: MCPClient, line: Line) -> None:
    handle(client, "x/echo", lambda params: {})
    line_is_free = threading.Event()

    def answer_ping() -> None:
        assert line_is_free.wait(PATIENCE)
        line.answer(line.request("ping"))

    answering = threading.Thread(target=answer_ping)
    answering.start()
    with no_new_threads():
        line.ask(1, "x/echo")
        assert "error" in line.message()
        line_is_free.set()
        assert client.request("ping", timeout=PATIENCE) == {}
    answering.join()
    line.ask(2, "x/echo")
    assert line.message()["result"] == {}
    assert client.get_connection_stats().losses.count == 0


def test_what_the_client_does_not_offer_is_refused(line: Line) -> None:
    line.ask(7, "sampling/createMessage")
    message = line.message()
    assert message["id"] == 7
    assert message["error"]["code"] == -32601
    assert "sampling/createMessage" in message["error"]["message"]


def test_a_handler_refuses_with_a_code_of_its_own(client: MCPClient, line: Line) -> None:
    def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise MCPResponseError(-1, "User rejected sampling request", {"why": "no"}, "x")

    handle(client, "x/refuse", refuse)
    line.ask(1, "x/refuse")
    assert line.message()["error"] == {
        "code": -1,
        "message": "User rejected sampling request",
        "data": {"why": "no"},
    }


@pytest.mark.parametrize("wrong", [None, {"x": object()}, {"x": float("nan")}, [("a",)], "text"])
def test_a_result_that_is_no_json_object_is_a_fault_of_the_handler(
    client: MCPClient, line: Line, wrong: Any
) -> None:
    handle(client, "x/wrong", lambda _: wrong)
    line.ask(1, "x/wrong")
    assert line.message()["error"]["code"] == -32603


def test_what_a_handler_raises_is_logged_and_not_told_to_the_server(
    client: MCPClient, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ValueError("a secret of this machine")

    handle(client, "x/fail", fail)
    line.ask(1, "x/fail")
    message = line.message()
    assert message["error"]["code"] == -32603
    assert "secret" not in json.dumps(message)
    assert "a secret of this machine" in caplog.text
    assert client.is_initialized()


def test_a_handler_that_wants_to_exit_takes_no_thread_away(client: MCPClient, line: Line) -> None:
    handle(client, "x/exit", lambda _: sys.exit(1))
    handle(client, "x/echo", lambda params: params)
    for number in range(10):
        line.ask(number, "x/exit")
        assert line.message()["error"]["code"] == -32603
    line.ask(10, "x/echo", n=1)
    assert line.message()["result"] == {"n": 1}


def test_a_handler_may_call_the_server(client: MCPClient, line: Line) -> None:
    handle(client, "x/ask-back", lambda _: client.request("tools/list", timeout=PATIENCE))
    line.ask(1, "x/ask-back")
    line.answer(line.request("tools/list"), {"tools": ["a"]})
    assert line.message()["result"] == {"tools": ["a"]}


def test_a_request_that_the_server_withdraws_is_not_answered(
    client: MCPClient, line: Line, slow: Slow
) -> None:
    handle(client, "x/slow", slow)
    for number in (1, 2):
        line.ask(number, "x/slow", n=number)
        assert slow.begun.acquire(timeout=PATIENCE)
    for unknown in ({"requestId": 99}, {"requestId": None}, {}, {"requestId": [1]}):
        line.notify("notifications/cancelled", **unknown)
    line.notify("notifications/cancelled", requestId=1)
    line.notify("notifications/cancelled", requestId=1)
    line.ask("p", "ping")
    assert line.message()["id"] == "p"
    slow.release.set()
    assert line.message() == {"jsonrpc": "2.0", "id": 2, "result": {"of": 2}}
    for thread in pool_threads():
        line.ask(thread.name, "ping")
        assert line.message()["id"] == thread.name
    assert line.is_quiet()


# The pool


def test_many_requests_are_answered_by_at_most_four_threads(client: MCPClient, line: Line) -> None:
    handle(client, "x/quick", lambda params: params)
    for number in range(60):
        line.ask(number, "x/quick", n=number)
    assert {key: one["result"]["n"] for key, one in answers(line, 60).items()} == {
        number: number for number in range(60)
    }
    assert 1 <= len(pool_threads()) <= 4
    assert client.get_connection_stats().strays == {}


def test_handlers_that_wait_for_calls_of_their_own_keep_no_other_from_running(
    client: MCPClient, line: Line
) -> None:
    def outer(_: Mapping[str, Any]) -> Mapping[str, Any]:
        return client.submit("x/inner", timeout=PATIENCE).result()

    handle(client, "x/outer", outer)
    handle(client, "x/question", lambda params: params)
    for number in range(8):
        line.ask(number, "x/outer")
    inner = [line.request("x/inner") for _ in range(8)]
    for number in range(8):
        line.ask(f"q{number}", "x/question")
    assert set(answers(line, 8)) == {f"q{number}" for number in range(8)}
    for request in inner:
        line.answer(request)
    assert set(answers(line, 8)) == set(range(8))
    for number in range(60):  # more threads than work at a time have ended
        line.ask(number, "x/question")
    assert set(answers(line, 60)) == set(range(60))


def test_no_more_than_sixteen_threads_wait_for_calls_of_handlers(
    client: MCPClient, line: Line
) -> None:
    handle(client, "x/outer", lambda _: client.request("x/inner", timeout=2 * PATIENCE))
    for number in range(20):
        line.ask(number, "x/outer")
    inner = [line.request("x/inner") for _ in range(16)]
    with pytest.raises(queue.Empty):
        line.message(ABSENCE)
    assert len(pool_threads()) == 16
    for request in inner:
        line.answer(request)
    seen = [line.message() for _ in range(16 + 4)]
    for request in (one for one in seen if "method" in one):
        line.answer(request)
    done = [one for one in seen if "method" not in one]
    done += [line.message() for _ in range(20 - len(done))]
    assert {one["id"] for one in done} == set(range(20))
    assert len(pool_threads()) <= 16


def test_the_threads_of_the_pool_end_with_the_client_and_come_back(board: Switchboard) -> None:
    client = MCPClient(board.url)
    for _ in range(2):
        client.connect()
        client.initialize()
        line = board.line()
        line.ask(1, "x/unknown")
        assert line.message()["error"]["code"] == -32601
        threads = pool_threads()
        assert len(threads) == 1
        client.close()
        for thread in threads:
            thread.join(PATIENCE)
        assert not any(thread.is_alive() for thread in threads)


def test_requests_over_the_limit_are_refused_and_counted_and_the_link_lives(
    client: MCPClient, line: Line, slow: Slow
) -> None:
    handle(client, "x/slow", slow)
    for number in range(4):
        line.ask(number, "x/slow", n=number)
        assert slow.begun.acquire(timeout=PATIENCE)
    for number in range(4, 4 + 256 + 5):
        line.ask(number, "x/slow", n=number)
    refused = answers(line, 5)
    assert set(refused) == set(range(260, 265))
    assert {one["error"]["code"] for one in refused.values()} == {-32603}
    call = client.submit("tools/list")
    line.answer(line.request("tools/list"))
    assert call.result(PATIENCE) == {}
    assert client.get_connection_stats().strays == {"server request over the limit": 5}
    assert {thread.name for thread in pool_threads()} == {
        f"mcp-request-{number}" for number in (1, 2, 3, 4)
    }
    slow.release.set()
    assert set(answers(line, 260)) == set(range(260))


def test_an_answer_for_a_link_that_is_gone_is_dropped(
    client: MCPClient, board: Switchboard, line: Line, slow: Slow
) -> None:
    handle(client, "x/slow", slow)
    line.ask(1, "x/slow", n=1)
    assert slow.begun.acquire(timeout=PATIENCE)
    line.reset()
    second = board.line()
    assert client.wait_until_ready(PATIENCE)
    slow.release.set()
    second.ask(1, "x/slow", n=2)
    assert second.message() == {"jsonrpc": "2.0", "id": 1, "result": {"of": 2}}
    assert second.is_quiet()


def test_an_answer_after_close_goes_nowhere(
    board: Switchboard, slow: Slow, caplog: pytest.LogCaptureFixture
) -> None:
    with MCPClient(board.url) as client:
        handle(client, "x/slow", slow)
        line = board.line()
        line.ask(1, "x/slow")
        assert slow.begun.acquire(timeout=PATIENCE)
        (thread,) = pool_threads()
    with caplog.at_level(logging.WARNING, "mcp_sync.connection"):
        slow.release.set()
        thread.join(PATIENCE)
    line.wait_until_ended()
    assert line.is_quiet()
    assert caplog.messages == []
