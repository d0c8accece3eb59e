"""How far the server is: whose progress it is, who is told, and what it does to a deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_sync import MCPClient
from mcp_sync.connection.call import Call, Renewal
from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPTimeoutError
from peers_mcp import PATIENCE, Line, Switchboard, modern, shake
from scenes import FAST, Inbox, until
from timing import MS

Report = tuple[float, float | None, str | None]


@pytest.fixture(params=[shake, modern], ids=["handshake era", "modern era"])
def board(request: pytest.FixtureRequest) -> Iterator[Switchboard]:
    with Switchboard(request.param) as board:
        yield board


class Told:
    """A handler of progress that keeps what it was told."""

    def __init__(self) -> None:
        self.inbox = Inbox()

    def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self.inbox((progress, total, message))

    def wait_for_last(self, report: Report) -> bool:
        return self.inbox.wait_for(lambda items: items[-1:] == [report])


def submit(
    client: MCPClient,
    told: Any,
    timeout: float = PATIENCE,
    idempotent: bool | None = None,
    **spec: Any,
) -> Call:
    spec["on_progress"] = told
    return client._submit("tools/call", {"name": "t"}, spec, timeout, idempotent)


def token_of(request: dict[str, Any]) -> Any:
    return request["params"]["_meta"]["progressToken"]


def report(line: Line, token: Any, progress: Any, **more: Any) -> None:
    line.notify("notifications/progress", progressToken=token, progress=progress, **more)


def flush(client: MCPClient, line: Line) -> None:
    """Return once all that the server said before was taken in."""
    call = client.submit("tools/list")
    line.answer(line.request("tools/list"))
    call.result(PATIENCE)


# Who is told


def test_whoever_wants_no_progress_asks_for_none(client: MCPClient, line: Line) -> None:
    client.submit("tools/call", {"name": "t"})
    assert "progressToken" not in line.request("tools/call")["params"].get("_meta", {})


def test_each_call_gets_its_own_progress(client: MCPClient, line: Line) -> None:
    first, second = Told(), Told()
    calls = [submit(client, first), submit(client, second)]
    tokens = [token_of(line.request("tools/call")) for _ in calls]
    assert len(set(tokens)) == 2
    report(line, tokens[1], 1, total=4, message="one of four")
    report(line, tokens[0], 0.5)
    assert second.wait_for_last((1, 4, "one of four"))
    assert first.wait_for_last((0.5, None, None))
    for call in calls:
        call.cancel()


def test_the_callers_own_meta_stands_beside_the_token(client: MCPClient, line: Line) -> None:
    params = {"name": "t", "_meta": {"mine": 1}}
    call = client._submit("tools/call", params, {"on_progress": Told()}, PATIENCE)
    meta = line.request("tools/call")["params"]["_meta"]
    assert meta["mine"] == 1
    assert meta["progressToken"] == call.request_id
    call.cancel()


@pytest.mark.parametrize(
    "params",
    [
        {"progress": 5},
        {"progressToken": None, "progress": 5},
        {"progressToken": "unknown", "progress": 5},
        {"progressToken": 10**9, "progress": 5},
        {"progressToken": True, "progress": 5},
        {"progressToken": [1], "progress": 5},
        {"progressToken": {}, "progress": 5},
    ],
)
def test_progress_of_nobody_is_dropped(
    client: MCPClient, line: Line, params: dict[str, Any]
) -> None:
    told = Told()
    call = submit(client, told)
    token = token_of(line.request("tools/call"))
    line.notify("notifications/progress", **params)
    report(line, token, 6)
    assert told.wait_for_last((6, None, None))
    assert told.inbox.items() == [(6, None, None)]
    call.cancel()


@pytest.mark.parametrize("wrong", [None, True, "5", [5], float("nan")])
def test_what_is_no_number_is_dropped(client: MCPClient, line: Line, wrong: Any) -> None:
    told = Told()
    call = submit(client, told)
    token = token_of(line.request("tools/call"))
    report(line, token, wrong)
    report(line, token, 1, total=wrong, message=5)
    flush(client, line)
    assert told.wait_for_last((1, None, None))
    assert told.inbox.items() == [(1, None, None)]
    call.cancel()


def test_progress_that_does_not_grow_is_dropped(client: MCPClient, line: Line) -> None:
    told = Told()
    call = submit(client, told)
    token = token_of(line.request("tools/call"))
    for progress in (2, 2, 1, -5):
        report(line, token, progress)
        flush(client, line)
    report(line, token, 3)
    assert told.wait_for_last((3, None, None))
    assert told.inbox.items() == [(2, None, None), (3, None, None)]
    call.cancel()


def test_late_progress_is_dropped(client: MCPClient, line: Line) -> None:
    told = Told()
    call = submit(client, told)
    request = line.request("tools/call")
    line.answer(request, {"content": []})
    call.result(PATIENCE)
    report(line, token_of(request), 9)
    flush(client, line)
    other = Told()
    again = submit(client, other)
    report(line, token_of(line.request("tools/call")), 1)
    assert other.wait_for_last((1, None, None))
    assert told.inbox.items() == []
    again.cancel()


def test_of_reports_that_wait_for_their_turn_the_last_counts(client: MCPClient, line: Line) -> None:
    told, blocked, release = Told(), threading.Event(), threading.Event()

    def slow(progress: float, total: float | None, message: str | None) -> None:
        told(progress, total, message)
        blocked.set()
        assert release.wait(PATIENCE)

    call = submit(client, slow)
    token = token_of(line.request("tools/call"))
    report(line, token, 1)
    assert blocked.wait(PATIENCE)
    for progress in range(2, 500):
        report(line, token, progress)
    flush(client, line)
    release.set()
    assert told.wait_for_last((499, None, None))
    assert told.inbox.items() == [(1, None, None), (499, None, None)]
    call.cancel()


def test_a_handler_that_raises_harms_neither_the_call_nor_later_reports(
    client: MCPClient, line: Line
) -> None:
    told = Told()

    def raises(progress: float, total: float | None, message: str | None) -> None:
        told(progress, total, message)
        raise ZeroDivisionError("the user's")

    call = submit(client, raises)
    request = line.request("tools/call")
    report(line, token_of(request), 1)
    assert told.wait_for_last((1, None, None))
    report(line, token_of(request), 2)
    assert told.wait_for_last((2, None, None))
    line.answer(request, {"content": []})
    assert call.result(PATIENCE) == {"content": []}


def test_a_call_that_is_sent_again_has_a_new_token(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    told = Told()
    call = submit(client, told, idempotent=True)
    first = token_of(line.request("tools/call"))
    line.reset()
    second_line = board.line()
    second = token_of(second_line.request("tools/call"))
    assert second != first
    report(second_line, first, 7)
    report(second_line, second, 8)
    assert told.wait_for_last((8, None, None))
    assert told.inbox.items() == [(8, None, None)]
    call.cancel()


def test_a_call_that_is_sent_again_reports_from_the_beginning(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    told = Told()
    call = submit(client, told, idempotent=True)
    report(line, token_of(line.request("tools/call")), 5)
    assert told.wait_for_last((5, None, None))
    line.reset()
    second = board.line()
    report(second, token_of(second.request("tools/call")), 1)
    assert told.wait_for_last((1, None, None))
    call.cancel()


def test_each_round_of_a_call_reports_from_the_beginning_and_renews_its_time() -> None:
    told = Told()
    with (
        Switchboard(modern) as board,
        MCPClient(board.fresh_url(), roots=["/"], **FAST) as client,
    ):
        line = board.line()
        call = submit(client, told, interactive=True, **renewed(PATIENCE, 10 * PATIENCE))
        first = line.request("tools/call")
        report(line, token_of(first), 5)
        assert told.wait_for_last((5, None, None))
        before = call.deadline
        wanted = {"where": {"method": "roots/list"}}
        line.answer(first, {"resultType": "input_required", "inputRequests": wanted})
        report(line, token_of(line.request("tools/call")), 1)
        assert told.wait_for_last((1, None, None))
        assert call.deadline is not before
        call.cancel()


def test_progress_is_a_notification_as_well(client: MCPClient, line: Line) -> None:
    seen = Inbox()
    client.on_notification("notifications/progress", lambda event: seen(event.params))
    report(line, "whatever", 1)
    assert seen.wait_for(lambda items: items == [{"progressToken": "whatever", "progress": 1}])


# Deadlines


def renewed(seconds: float, longest: float) -> dict[str, Any]:
    return {"limit": Deadline(seconds), "renewal": Renewal(seconds, Deadline(longest))}


def keep_reporting(line: Line, token: Any, stop: threading.Event) -> threading.Thread:
    """Report every 50 ms until told to stop; the thread is to be joined."""

    def work() -> None:
        progress = 0
        while not stop.wait(50 * MS):
            progress += 1
            report(line, token, progress)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize("blocking", [True, False])
def test_progress_renews_a_deadline_and_without_it_the_call_ends(
    client: MCPClient, line: Line, blocking: bool
) -> None:
    spec = renewed(1500 * MS, 10 * PATIENCE)
    outcome: list[BaseException | dict[str, Any]] = []

    def call() -> None:
        make = client._perform if blocking else client._submit
        try:
            made = make("tools/call", {}, {"on_progress": Told(), **spec}, PATIENCE)
            outcome.append(made if blocking else made.result(PATIENCE))
        except MCPTimeoutError as error:
            outcome.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    token = token_of(line.request("tools/call"))
    (made,) = client.pending_requests()
    began = time.monotonic()
    for progress in (1, 2, 3):
        threading.Event().wait(100 * MS)  # of the time that the report before has granted
        began, granted = time.monotonic(), made.deadline
        report(line, token, progress)
        until(lambda granted=granted: made.deadline is not granted)  # type: ignore[misc]
    caller.join(PATIENCE)
    assert time.monotonic() - began >= 1500 * MS
    assert isinstance(outcome[0], MCPTimeoutError)
    assert line.next("notifications/cancelled")


def test_progress_stretches_a_deadline_up_to_the_hard_maximum(
    client: MCPClient, line: Line
) -> None:
    stop = threading.Event()
    began = time.monotonic()
    call = submit(client, Told(), **renewed(1000 * MS, 1500 * MS))
    reporter = keep_reporting(line, token_of(line.request("tools/call")), stop)
    error = call.exception(PATIENCE)
    seconds = time.monotonic() - began
    stop.set()
    reporter.join()
    assert isinstance(error, MCPTimeoutError)
    assert 1400 * MS < seconds < PATIENCE


def test_without_renewal_progress_does_not_stretch_a_deadline(
    client: MCPClient, line: Line
) -> None:
    stop = threading.Event()
    began = time.monotonic()
    call = submit(client, Told(), timeout=300 * MS)
    reporter = keep_reporting(line, token_of(line.request("tools/call")), stop)
    error = call.exception(PATIENCE)
    seconds = time.monotonic() - began
    stop.set()
    reporter.join()
    assert isinstance(error, MCPTimeoutError)
    assert seconds < PATIENCE / 2
