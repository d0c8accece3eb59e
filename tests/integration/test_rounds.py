"""Calls whose server asks for input first: each round is a request of its own (MCP 2026-07-28)."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from journals import rows_on_disk
from mcp_sync import MCPClient
from mcp_sync.connection.call import Call
from mcp_sync.deadline import Deadline
from mcp_sync.errors import (
    MCPCancelledError,
    MCPClosedError,
    MCPConnectionLost,
    MCPProtocolError,
    MCPResponseError,
    MCPTimeoutError,
)
from peers_mcp import PATIENCE, Line, Switchboard, modern, nothing
from scenes import FAST, in_threads
from timing import MS

LOGIN = {"method": "elicitation/create", "params": {"message": "who?"}}
DONE: dict[str, Any] = {"resultType": "complete", "content": []}
TOOL = {"name": "t", "arguments": {"a": 1}}


def asking(**members: Any) -> dict[str, Any]:
    return {"resultType": "input_required", **members}


class Person:
    """Answers what a server asks: at once, or when the test says so."""

    def __init__(self) -> None:
        self.asked: list[Mapping[str, Any]] = []
        self.begun = threading.Semaphore(0)
        self.may_answer = threading.Event()
        self.may_answer.set()

    def __call__(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        self.asked.append(params)
        self.begun.release()
        assert self.may_answer.wait(PATIENCE)
        return {"action": "accept", "content": {"number": len(self.asked)}}

    def is_asked(self) -> bool:
        return self.begun.acquire(timeout=PATIENCE)


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard(modern) as board:
        yield board


@pytest.fixture
def person() -> Person:
    return Person()


@pytest.fixture
def client(board: Switchboard, person: Person) -> Iterator[MCPClient]:
    with MCPClient(board.fresh_url(), **FAST) as client:
        handle(client, "elicitation/create", person)
        yield client
        person.may_answer.set()


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


def handle(client: MCPClient, method: str, handler: Any) -> None:
    requests = client._connection.requests
    requests.handlers = {**requests.handlers, method: handler}


def submit(client: MCPClient, timeout: float = PATIENCE, method: str = "tools/call") -> Call:
    return client._submit(method, TOOL, {"interactive": True}, timeout)


def own(request: dict[str, Any]) -> dict[str, Any]:
    """The params of a request but for what every modern request declares."""
    return {key: value for key, value in request["params"].items() if key != "_meta"}


# Rounds


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
def test_what_is_asked_is_answered_in_a_request_of_its_own(
    client: MCPClient, line: Line, person: Person, method: str
) -> None:
    state = 'opaque \u00e9\U0001f600 {"x": "\\u0041"}\n'
    call = submit(client, method=method)
    first = line.request(method)
    assert own(first) == TOOL
    line.answer(first, asking(inputRequests={"login": LOGIN}, requestState=state))
    second = line.request(method)
    assert own(second) == {
        **TOOL,
        "inputResponses": {"login": {"action": "accept", "content": {"number": 1}}},
        "requestState": state,
    }
    assert second["id"] != first["id"]
    assert second["params"]["_meta"] == first["params"]["_meta"]
    line.answer(second, DONE)
    assert call.result(PATIENCE) == DONE
    assert person.asked == [{"message": "who?"}]
    assert call.rounds == 1
    assert client.drain(PATIENCE)


def test_a_blocking_call_goes_through_its_rounds_too(client: MCPClient, line: Line) -> None:
    def serve() -> None:
        line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
        line.answer(line.request("tools/call"), DONE)

    def call() -> None:
        result = client._perform("tools/call", TOOL, {"interactive": True}, PATIENCE)
        assert result == DONE

    in_threads([serve, call])


def test_what_one_round_gave_is_replaced_by_the_next(client: MCPClient, line: Line) -> None:
    call = submit(client)
    ids = set()
    for answer, expected in (
        (asking(inputRequests={"a": LOGIN, "b": LOGIN}, requestState="one"), {}),
        (asking(requestState="two"), {"a", "b"}),
        (asking(inputRequests={"c": LOGIN}), set()),
        (DONE, {"c"}),
    ):
        request = line.request("tools/call")
        ids.add(request["id"])
        assert set(own(request).get("inputResponses", {})) == set(expected)
        line.answer(request, answer)
    # Of the last two requests the one had a state alone, the other none.
    assert own(request).keys() == {"name", "arguments", "inputResponses"}
    assert call.result(PATIENCE) == DONE
    assert len(ids) == 4
    assert call.rounds == 3


def test_a_state_without_questions_comes_back_alone_after_a_short_pause(
    client: MCPClient, line: Line, person: Person
) -> None:
    call = submit(client)
    line.answer(line.request("tools/call"), asking(requestState="s"))
    began = time.monotonic()
    again = line.request("tools/call")
    assert own(again) == {**TOOL, "requestState": "s"}
    assert time.monotonic() - began > 0.02
    line.answer(again, DONE)
    assert call.result(PATIENCE) == DONE
    assert person.asked == []


def test_nothing_of_a_round_gets_into_another_request(
    client: MCPClient, line: Line, person: Person
) -> None:
    person.may_answer.clear()
    call = submit(client)
    line.answer(
        line.request("tools/call"), asking(inputRequests={"login": LOGIN}, requestState="mine")
    )
    assert person.is_asked()
    parallel = [submit(client), client.submit("tools/list", {"cursor": "x"})]
    others = [line.message(), line.message()]
    assert own(others[0]) == TOOL
    assert own(others[1]) == {"cursor": "x"}
    person.may_answer.set()
    assert own(line.request("tools/call"))["requestState"] == "mine"
    later = submit(client)
    assert own(line.request("tools/call")) == TOOL
    for one in (call, later, *parallel):
        one.cancel()


def test_a_server_may_ask_ten_times_and_no_more(
    client: MCPClient, line: Line, person: Person
) -> None:
    call = submit(client)
    for _ in range(11):
        line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
    error = call.exception(PATIENCE)
    assert isinstance(error, MCPProtocolError)
    assert "more than 10 times" in str(error)
    assert len(person.asked) == 10
    line.ask("p", "ping")
    other = client.submit("tools/list")
    line.answer(line.request("tools/list"))
    assert other.result(PATIENCE) == {}


def test_ten_rounds_are_not_too_many(client: MCPClient, line: Line) -> None:
    call = submit(client)
    for _ in range(10):
        line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
    line.answer(line.request("tools/call"), DONE)
    assert call.result(PATIENCE) == DONE


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"inputRequests": 5},
        {"requestState": 5},
        {"inputRequests": {"x": {"method": "tasks/get", "params": {}}}},
        {"inputRequests": {"login": LOGIN, "x": {"method": "sampling/createMessage"}}},
        {"inputRequests": {"x": {}}},
    ],
)
def test_what_cannot_be_answered_is_an_error_and_no_round(
    client: MCPClient, line: Line, person: Person, members: dict[str, Any]
) -> None:
    call = submit(client)
    line.answer(line.request("tools/call"), asking(**members))
    assert isinstance(call.exception(PATIENCE), MCPProtocolError)
    assert person.asked == []
    assert client.drain(PATIENCE)
    client.submit("x/next")
    line.request("x/next")


def test_another_method_may_not_ask(client: MCPClient, line: Line) -> None:
    call = submit(client, method="tools/list")
    line.answer(line.request("tools/list"), asking(requestState="s"))
    with pytest.raises(MCPProtocolError, match="tools/list: a result of the type"):
        call.result(PATIENCE)


def test_whoever_makes_the_call_himself_sees_to_it_himself(
    client: MCPClient, line: Line, person: Person
) -> None:
    call = client.submit("tools/call", TOOL)
    asked = asking(inputRequests={"login": LOGIN}, requestState="s")
    line.answer(line.request("tools/call"), asked)
    assert call.result(PATIENCE) == asked
    assert person.asked == []


# Handlers


def test_a_handler_that_refuses_ends_the_call_and_nothing_more_is_sent(
    client: MCPClient, line: Line
) -> None:
    def refuse(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise MCPResponseError(-1, "the person said no", None, "elicitation/create")

    handle(client, "elicitation/create", refuse)
    call = submit(client)
    line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
    with pytest.raises(MCPCancelledError, match="refused: the person said no"):
        call.result(PATIENCE)
    client.submit("x/next")
    line.request("x/next")


def test_a_handler_that_fails_ends_the_call(client: MCPClient, line: Line) -> None:
    def fail(_: Mapping[str, Any]) -> Mapping[str, Any]:
        raise ZeroDivisionError("oops")

    handle(client, "elicitation/create", fail)
    call = submit(client)
    line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
    with pytest.raises(MCPCancelledError, match="ZeroDivisionError: oops") as caught:
        call.result(PATIENCE)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


def test_a_call_that_is_asked_for_input_is_under_way_until_it_has_been_sent_again(
    client: MCPClient, line: Line
) -> None:
    handle(client, "elicitation/create", Person())
    rounds, calls = client._connection.receiver._rounds, client._connection.calls
    send, seen = rounds._send, []

    def look_and_send(call: Call) -> None:
        seen.append(calls.is_idle())
        send(call)

    rounds._send = look_and_send
    call = submit(client)
    line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
    line.answer(line.request("tools/call"), DONE)
    assert call.result(PATIENCE) == DONE
    assert seen == [False]
    assert client.drain(PATIENCE)


@pytest.mark.parametrize("wrong", [None, "text", {"x": object()}, {"x": float("nan")}])
def test_a_handler_that_answers_no_json_ends_the_call(
    client: MCPClient, line: Line, wrong: Any
) -> None:
    handle(client, "elicitation/create", lambda _: wrong)
    call = submit(client)
    line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
    assert isinstance(call.exception(PATIENCE), MCPCancelledError)
    client.submit("x/next")
    line.request("x/next")


# While a person is asked


def begin_round(client: MCPClient, line: Line, person: Person, timeout: float = PATIENCE) -> Call:
    """A call whose server has asked, and whose answer the test holds back."""
    person.may_answer.clear()
    call = submit(client, timeout)
    line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
    assert person.is_asked()
    return call


def is_over(client: MCPClient, line: Line, person: Person) -> bool:
    """Whether nothing more is sent for a call once the person has answered."""
    person.may_answer.set()
    for _ in range(4):  # once each thread of the pool has had its turn
        call = submit(client)
        line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
        line.answer(line.request("tools/call"), DONE)
        assert call.result(PATIENCE) == DONE
    return line.is_quiet() and client.drain(PATIENCE)


def test_a_call_that_waits_for_a_person_is_pending_and_says_so(
    client: MCPClient, line: Line, person: Person
) -> None:
    call = begin_round(client, line, person)
    assert client.pending_requests() == [call]
    assert call.call_id in client.why()
    assert client.drain(20 * MS) is False
    person.may_answer.set()
    line.answer(line.request("tools/call"), DONE)
    assert client.drain(PATIENCE)


def test_it_may_be_withdrawn(client: MCPClient, line: Line, person: Person) -> None:
    call = begin_round(client, line, person)
    assert call.cancel()
    with pytest.raises(MCPCancelledError):
        call.result(PATIENCE)
    assert is_over(client, line, person)


def test_it_times_out(client: MCPClient, line: Line, person: Person) -> None:
    call = begin_round(client, line, person, timeout=1000 * MS)
    with pytest.raises(MCPTimeoutError) as caught:
        call.result(PATIENCE)
    assert caught.value.sent
    assert is_over(client, line, person)


def test_a_blocking_one_times_out(client: MCPClient, line: Line, person: Person) -> None:
    person.may_answer.clear()

    def serve() -> None:
        line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
        assert person.is_asked()

    def call() -> None:
        with pytest.raises(MCPTimeoutError):
            client._perform("tools/call", TOOL, {"interactive": True}, 1000 * MS)

    in_threads([serve, call])
    assert is_over(client, line, person)


def test_close_settles_it(board: Switchboard, person: Person) -> None:
    client = MCPClient(board.fresh_url(), **FAST)
    with contextlib.closing(client):
        handle(client, "elicitation/create", person)
        client.connect()
        client.initialize()
        line = board.line()
        call = begin_round(client, line, person)
        client.close()
        error = call.exception(PATIENCE)
        assert isinstance(error, MCPClosedError)
        assert error.maybe_executed
        person.may_answer.set()
        line.wait_until_ended()
        assert line.is_quiet()


def test_a_lost_link_does_not_matter_to_a_call_between_two_rounds(
    client: MCPClient, board: Switchboard, line: Line, person: Person
) -> None:
    call = begin_round(client, line, person)
    line.reset()
    second = board.line()
    assert not call.done()
    person.may_answer.set()
    request = second.request("tools/call")
    assert own(request)["inputResponses"]["login"]["action"] == "accept"
    second.answer(request, DONE)
    assert call.result(PATIENCE) == DONE


def test_a_call_that_times_out_before_its_next_round_is_sent_says_that_it_was_sent(
    person: Person,
) -> None:
    with Switchboard(modern, nothing) as board, MCPClient(board.fresh_url(), **FAST) as client:
        handle(client, "elicitation/create", person)
        line = board.line()
        call = begin_round(client, line, person, timeout=1000 * MS)
        line.reset()
        board.line()  # never ready
        person.may_answer.set()
        with pytest.raises(MCPTimeoutError, match="queued") as caught:
            call.result(PATIENCE)
        assert caught.value.sent


def test_a_next_round_that_is_queued_is_not_sent_by_the_next_process(
    person: Person, tmp_path: Path
) -> None:
    path = tmp_path / "queue.db"
    with (
        Switchboard(modern, nothing) as board,
        MCPClient(board.fresh_url(), journal=path, **FAST) as client,
    ):
        handle(client, "elicitation/create", person)
        line = board.line()
        begin_round(client, line, person)
        line.reset()
        board.line()  # never ready
        person.may_answer.set()
        deadline = Deadline(PATIENCE)
        while not (rows := rows_on_disk(path)):
            assert not deadline.is_over()
        assert rows[0].sent == 1


def test_a_round_that_was_written_and_lost_is_not_repeated(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    call = submit(client)
    line.answer(line.request("tools/call"), asking(inputRequests={"login": LOGIN}))
    line.request("tools/call")
    line.reset()
    with pytest.raises(MCPConnectionLost) as caught:
        call.result(PATIENCE)
    assert caught.value.maybe_executed
    second = board.line()
    client.submit("x/next")
    second.request("x/next")


def test_many_calls_may_ask_at_once(client: MCPClient, line: Line, person: Person) -> None:
    calls = [submit(client) for _ in range(30)]
    for number in range(30):
        line.answer(
            line.request("tools/call"),
            asking(inputRequests={"login": LOGIN}, requestState=str(number)),
        )
    states = set()
    for _ in range(30):
        request = line.request("tools/call")
        states.add(own(request)["requestState"])
        line.answer(request, {**DONE, "state": own(request)["requestState"]})
    assert states == {str(number) for number in range(30)}
    assert [call.result(PATIENCE)["state"] for call in calls] == [
        str(number) for number in range(30)
    ]
    assert len(person.asked) == 30


def test_as_many_handlers_as_there_are_may_call_what_asks_again(
    client: MCPClient, line: Line
) -> None:
    def answer(params: Mapping[str, Any]) -> Mapping[str, Any]:
        if params["message"] == "outer":
            client.call_tool("inner", timeout=PATIENCE)
        return {"action": "accept", "content": {}}

    handle(client, "elicitation/create", answer)
    calls = [client.submit_tool("outer", timeout=2 * PATIENCE) for _ in range(4)]
    asked = [line.request("tools/call") for _ in calls]
    for request in asked:
        line.answer(request, question_of(request))
    for _ in range(3 * len(calls)):
        request = line.request("tools/call")
        is_last = "inputResponses" in request["params"]
        line.answer(request, DONE if is_last else question_of(request))
    for call in calls:
        assert call.result(PATIENCE).is_error is False


def question_of(request: dict[str, Any]) -> dict[str, Any]:
    """What is asked of a person before a tool runs: its name."""
    params = {"message": request["params"]["name"]}
    return asking(inputRequests={"ok": {"method": "elicitation/create", "params": params}})


@pytest.mark.parametrize("bound", ["the dialect's window", "max_pending"])
def test_a_queue_is_drained_to_its_end_when_all_before_it_ask(bound: str) -> None:
    count, settings = (40, {}) if bound == "the dialect's window" else (12, {"max_pending": 8})
    is_queued = threading.Event()

    def late(line: Line) -> None:
        assert is_queued.wait(PATIENCE)
        modern(line)

    with (
        Switchboard(late) as board,
        contextlib.closing(MCPClient(board.fresh_url(), **FAST, **settings)) as client,
    ):
        handle(client, "elicitation/create", Person())
        calls = [submit(client) for _ in range(count)]
        is_queued.set()
        line = board.line()
        asked = [line.request("tools/call") for _ in range(min(32, client.config.max_pending))]
        for request in asked:
            line.answer(request, asking(inputRequests={"login": LOGIN}))
        for _ in range(2 * count - len(asked)):
            request = line.request("tools/call")
            is_first = "inputResponses" not in request["params"]
            line.answer(request, asking(inputRequests={"login": LOGIN}) if is_first else DONE)
        assert [call.result(PATIENCE) for call in calls] == [DONE] * count
