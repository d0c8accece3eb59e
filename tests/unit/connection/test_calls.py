"""What becomes of a call: the promises about delivery, time and withdrawal, row by row."""

from __future__ import annotations

import concurrent.futures
import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_sync import MCPClient
from mcp_sync.connection.call import Call, Owner
from mcp_sync.connection.link import Link, Loss
from mcp_sync.errors import (
    MCPCancelledError,
    MCPClosedError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPError,
    MCPMessageTooLarge,
    MCPQueueFullError,
    MCPTimeoutError,
)
from mcp_sync.testing import FaultProxy, WebSocketConnection, WebSocketPeer
from peers_mcp import PATIENCE, Line, Switchboard
from scenes import (
    FAST,
    PINNED,
    Diary,
    answer,
    nobody_listening,
    read_request,
    shake_hands,
    until_closed,
)
from timing import MS

TOOL = "tools/call"
LIST = "tools/list"


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    with MCPClient(board.url, **FAST) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


@pytest.fixture
def away() -> Iterator[MCPClient]:
    """A client whose server is away for good."""
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_attempts=0, **FAST)
        assert client.connect() is False
        yield client
        client.close()


# After a lost link


def test_written_and_safe_to_repeat_is_sent_again_under_a_new_id(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    call = client.submit(LIST, {"cursor": "x"})
    first = line.request(LIST)
    line.reset()
    again = board.line()
    second = again.request(LIST)
    assert second["id"] != first["id"]
    assert second["params"] == {"cursor": "x"}
    again.answer(second, {"tools": []})
    assert call.result(PATIENCE) == {"tools": []}
    assert call.replays == 1
    assert [word for _, word in call.history] == ["replayed", "queued"]
    assert client.get_connection_stats().calls.replayed == 1


@pytest.mark.parametrize("max_replays", [0, 1, 2])
def test_a_call_is_sent_again_at_most_max_replays_times(
    board: Switchboard, max_replays: int
) -> None:
    with MCPClient(board.url, max_replays=max_replays, **FAST) as client:
        call = client.submit(LIST)
        for _ in range(1 + max_replays):
            line = board.line()
            line.request(LIST)
            assert not call.done()
            line.reset()
        with pytest.raises(MCPConnectionLost) as caught:
            call.result(PATIENCE)
        assert caught.value.maybe_executed is True
        assert call.replays == max_replays
        assert client.wait_until_ready(PATIENCE)
        assert board.line().is_quiet()


@pytest.mark.parametrize(
    ("method", "idempotent", "repeated"),
    [
        (TOOL, None, False),
        (TOOL, True, True),
        (TOOL, False, False),
        (LIST, None, True),
        (LIST, False, False),
        ("resources/read", None, True),
        ("prompts/get", None, True),
        ("ping", None, True),
        ("no/such/method", None, False),
    ],
)
def test_what_is_safe_to_repeat_is_the_methods_or_the_callers_word(
    client: MCPClient,
    board: Switchboard,
    line: Line,
    method: str,
    idempotent: bool | None,
    repeated: bool,
) -> None:
    call = client.submit(method, idempotent=idempotent)
    line.request(method)
    line.reset()
    if repeated:
        again = board.line()
        again.answer(again.request(method))
        assert call.result(PATIENCE) == {}
    else:
        with pytest.raises(MCPConnectionLost):
            call.result(PATIENCE)
        assert board.line().is_quiet()


def test_written_and_not_safe_to_repeat_fails_at_once_and_says_that_it_may_have_run(
    board: Switchboard,
) -> None:
    with FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), **FAST)
        client.connect()
        client.initialize()
        call = client.submit(TOOL)
        board.line().request(TOOL)
        proxy.refuse()
        proxy.cut("rst")
        with pytest.raises(MCPConnectionLost, match="may have executed it") as caught:
            call.result(PATIENCE)
        assert caught.value.maybe_executed is True
        assert caught.value.method == TOOL
        assert not client._connection.gate.is_ready()
        client.close()


def test_a_loss_with_a_close_frame_tells_its_code_and_reason(client: MCPClient, line: Line) -> None:
    call = client.submit(TOOL)
    line.request(TOOL)
    line.close(4001, "maintenance")
    with pytest.raises(MCPConnectionLost) as caught:
        call.result(PATIENCE)
    assert (caught.value.close_code, caught.value.close_reason) == (4001, "maintenance")


def test_not_written_is_a_first_delivery_for_every_method(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    client.configure(max_pending=1)
    written = client.submit(TOOL)
    line.request(TOOL)
    waiting = client.submit("other/tool")
    line.reset()
    again = board.line()
    again.answer(again.request("other/tool"))
    assert waiting.result(PATIENCE) == {}
    assert isinstance(written.exception(PATIENCE), MCPConnectionLost)
    assert waiting.replays == 0


def test_a_blocking_call_lives_through_a_loss(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    lost = threading.Thread(target=lambda: (line.request(LIST), line.reset()))
    lost.start()
    answered = threading.Thread(
        target=lambda: (again := board.line()).answer(again.request(LIST), {"tools": [1]})
    )
    answered.start()
    assert client.request(LIST, timeout=PATIENCE) == {"tools": [1]}
    lost.join()
    answered.join()


def test_without_offline_mode_nothing_is_sent_again_or_queued(board: Switchboard) -> None:
    with MCPClient(board.url, offline_mode=False, max_pending=1, **FAST) as client:
        line = board.line()
        repeatable = client.submit(LIST)
        waits_for_a_place = client.submit(TOOL)
        line.request(LIST)
        line.reset()
        with pytest.raises(MCPConnectionLost) as caught:
            repeatable.result(PATIENCE)
        assert caught.value.maybe_executed is True
        with pytest.raises(MCPConnectionLost) as caught:
            waits_for_a_place.result(PATIENCE)
        assert caught.value.maybe_executed is False
        assert client.offline_queue_size == 0


def test_a_call_that_is_not_to_wait_offline_waits_for_its_turn_but_for_no_other_link(
    client: MCPClient, line: Line
) -> None:
    client.configure(max_pending=1)
    client.submit(TOOL)
    line.request(TOOL)
    outcome: list[BaseException] = []

    def ask() -> None:
        with pytest.raises(MCPConnectionLost) as caught:
            client.request("ping", timeout=PATIENCE, offline="raise")
        outcome.append(caught.value)

    asking = threading.Thread(target=ask)
    asking.start()
    while not client.offline_queue_size:
        assert asking.is_alive()
    line.reset()
    asking.join(PATIENCE)
    assert isinstance(outcome[0], MCPConnectionLost)
    assert outcome[0].maybe_executed is False


def test_a_health_check_in_the_middle_of_a_drain_finds_a_living_server(
    board: Switchboard,
) -> None:
    with FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), **FAST)
        proxy.refuse()
        calls = [client.submit(LIST) for _ in range(33)]
        proxy.accept()
        line = board.line()
        pending = [line.request(LIST) for _ in range(32)]
        found: list[Any] = []
        checking = threading.Thread(target=lambda: found.append(client.health_check(PATIENCE)))
        checking.start()
        for request in pending:
            line.answer(request)
        line.answer(line.request(LIST))
        line.answer(line.request("ping"))
        checking.join(PATIENCE)
        assert found[0].status == "healthy"
        assert client.drain(PATIENCE)
        assert all(call.done() for call in calls)
        client.close()


# Too large


def test_an_answer_over_the_limit_fails_its_call_and_the_client_goes_on(
    board: Switchboard,
) -> None:
    with MCPClient(board.url, max_message_size=10_000, **FAST) as client:
        line = board.line()
        call = client.submit(LIST)
        line.answer(line.request(LIST), {"text": "x" * 20_000})
        with pytest.raises(MCPMessageTooLarge, match="raise max_message_size") as caught:
            call.result(PATIENCE)
        assert (caught.value.direction, caught.value.limit) == ("inbound", 10_000)
        assert caught.value.size > 20_000
        line.wait_until_ended()
        assert line.close_code == 1009
        again = board.line()
        later = client.submit(LIST)
        again.answer(again.request(LIST))
        assert later.result(PATIENCE) == {}


def test_a_request_over_the_servers_limit_fails_and_the_smaller_ones_go_on(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    small = client.submit(LIST)
    big = client.submit(LIST, {"text": "x" * 10_000})
    for _ in range(2):
        line.request(LIST)
    line.close(1009, "too big")
    with pytest.raises(MCPMessageTooLarge, match="send less") as caught:
        big.result(PATIENCE)
    assert caught.value.direction == "outbound"
    again = board.line()
    again.answer(again.request(LIST))
    assert small.result(PATIENCE) == {}


def test_an_oversized_message_that_is_nobodys_answer_costs_no_call(
    board: Switchboard,
) -> None:
    with MCPClient(board.url, max_message_size=10_000, **FAST) as client:
        line = board.line()
        calls = [client.submit(LIST), client.submit(LIST)]
        for _ in calls:
            line.request(LIST)
        line.notify("notifications/message", text="x" * 20_000)
        again = board.line()
        for _ in calls:
            again.answer(again.request(LIST))
        assert [call.result(PATIENCE) for call in calls] == [{}, {}]


# Time


def test_a_blocking_call_times_out_and_the_server_is_told(client: MCPClient, line: Line) -> None:
    began = time.monotonic()
    with pytest.raises(MCPTimeoutError, match="waiting for an answer: written") as caught:
        client.request(TOOL, timeout=1000 * MS)
    assert time.monotonic() - began >= 1000 * MS
    assert (caught.value.method, caught.value.timeout, caught.value.sent) == (TOOL, 1000 * MS, True)
    request = line.request(TOOL)
    told = line.request("notifications/cancelled")
    assert told["params"]["requestId"] == request["id"]
    statistics = client.get_connection_stats().calls
    assert (statistics.timed_out_sent, statistics.timed_out_unsent) == (1, 0)
    assert statistics.timeouts_by_method == {TOOL: 1}
    assert client.pending_requests() == []


def test_without_a_timeout_of_its_own_the_setting_bounds_it(board: Switchboard) -> None:
    with MCPClient(board.url, request_timeout=PATIENCE) as client:
        line = board.line()
        client.configure(request_timeout=1000 * MS)
        with pytest.raises(MCPTimeoutError) as caught:
            client.request(TOOL)
        assert caught.value.timeout == 1000 * MS
        line.request(TOOL)


def test_half_of_the_time_is_logged_with_what_is_waited_for(
    client: MCPClient, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "mcp_sync.connection"):
        with pytest.raises(MCPTimeoutError):
            client.request(TOOL, timeout=1000 * MS)
        call = client.submit(TOOL, timeout=1000 * MS)
        with pytest.raises(MCPTimeoutError):
            call.result(PATIENCE)
    told = [one for one in caplog.messages if "half of its time" in one]
    assert len(told) == 2
    assert all("waiting for an answer: written" in one for one in told)
    assert line.request(TOOL)


def test_half_of_the_time_is_logged_once_of_a_call_that_is_queued_and_sent_again(
    board: Switchboard, caplog: pytest.LogCaptureFixture
) -> None:
    with (
        caplog.at_level(logging.INFO, "mcp_sync.connection"),
        contextlib.closing(MCPClient(board.url, **FAST)) as client,
    ):
        call = client.submit("tools/list", timeout=1000 * MS)
        line = board.line()
        line.request("tools/list")
        line.reset()
        board.line().request("tools/list")
        with pytest.raises(MCPTimeoutError):
            call.result(PATIENCE)
    assert call.replays == 1
    assert sum("half of its time" in one for one in caplog.messages) == 1


def test_a_submitted_call_times_out_by_itself(client: MCPClient, line: Line) -> None:
    call = client.submit(TOOL, timeout=1000 * MS)
    assert concurrent.futures.wait([call], PATIENCE).done
    error = call.exception()
    assert isinstance(error, MCPTimeoutError)
    assert (error.timeout, error.sent) == (1000 * MS, True)
    line.request(TOOL)
    line.request("notifications/cancelled")


def test_a_submitted_call_without_a_timeout_is_bounded_from_its_write(
    board: Switchboard,
) -> None:
    with MCPClient(board.url, **FAST) as client:
        client.configure(request_timeout=1000 * MS)
        call = client.submit(TOOL)
        assert concurrent.futures.wait([call], PATIENCE).done
        error = call.exception()
        assert isinstance(error, MCPTimeoutError)
        assert (error.timeout, error.sent) == (1000 * MS, True)


def test_no_limit_is_no_limit(board: Switchboard) -> None:
    with MCPClient(board.url, request_timeout=5.0, **FAST) as client:
        client.configure(request_timeout=10 * MS)
        line = board.line()
        call = client.submit(TOOL, timeout=None)
        request = line.request(TOOL)
        with pytest.raises(TimeoutError):
            call.result(50 * MS)
        line.answer(request)
        assert call.result(PATIENCE) == {}


def test_a_blocking_call_offline_is_bounded_in_all(away: MCPClient) -> None:
    with pytest.raises(MCPTimeoutError, match="queued at position 1 of 1") as caught:
        away.request(LIST, timeout=30 * MS)
    assert caught.value.sent is False
    statistics = away.get_connection_stats().calls
    assert (statistics.timed_out_unsent, statistics.expired) == (1, 1)
    assert away.offline_queue_size == 0


def test_a_submitted_call_offline_waits_beyond_the_request_timeout(away: MCPClient) -> None:
    away.configure(request_timeout=1 * MS)
    call = away.submit(LIST)
    with pytest.raises(TimeoutError):
        call.result(60 * MS)
    assert not call.done()
    assert away.offline_queue_size == 1


def test_a_submitted_call_with_a_timeout_expires_in_the_queue(away: MCPClient) -> None:
    call = away.submit(LIST, timeout=30 * MS)
    assert concurrent.futures.wait([call], PATIENCE).done
    error = call.exception()
    assert isinstance(error, MCPTimeoutError)
    assert (error.timeout, error.sent) == (30 * MS, False)
    assert away.offline_queue_size == 0


def test_the_queue_ttl_bounds_the_stay_of_calls_without_a_timeout(away: MCPClient) -> None:
    away.configure(queue_ttl=30 * MS)
    submitted = away.submit(LIST)
    receipt = away.request(LIST, offline="queue")
    notified_at = time.monotonic()
    away.notify("notifications/x")
    for call in (submitted, receipt.call):  # type: ignore[union-attr]
        error = call.exception(PATIENCE)
        assert isinstance(error, MCPTimeoutError)
        assert (error.timeout, error.sent) == (30 * MS, False)
    while away.offline_queue_size:
        assert time.monotonic() < notified_at + PATIENCE


def test_the_ttl_of_a_call_that_returns_to_the_queue_is_kept_to(board: Switchboard) -> None:
    with FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), queue_ttl=50 * MS, request_timeout=600.0, **FAST)
        client.connect()
        client.initialize()
        call = client.submit(LIST)
        board.line().request(LIST)
        proxy.refuse()
        proxy.cut("rst")
        with pytest.raises(MCPTimeoutError) as caught:
            call.result(PATIENCE)
        assert caught.value.timeout == 50 * MS
        client.close()


def test_a_handshake_is_never_cancelled_at_the_server() -> None:
    """MCP 2025-11-25, cancellation: the initialize request must not be cancelled by clients."""
    seen: list[str] = []

    def mute(connection: WebSocketConnection) -> None:
        seen.append(read_request(connection)["method"])
        while True:
            try:
                seen.append(read_request(connection)["method"])
            except (EOFError, ConnectionError):
                return

    with WebSocketPeer(mute) as peer:
        client = MCPClient(peer.url, reconnect_attempts=0, **PINNED)
        assert client.connect(PATIENCE)
        client.configure(connect_timeout=300 * MS)
        with pytest.raises(MCPError):
            client.__enter__()
        peer.wait_for_scripts(1)
    assert set(seen) == {"initialize"}


# Withdrawal


def test_a_queued_call_can_be_withdrawn(away: MCPClient) -> None:
    calls = [away.submit(LIST) for _ in range(3)]
    assert away.cancel(calls[1].call_id) is True
    assert away.cancel(calls[1].call_id) is False
    assert away.cancel("call-0") is False
    assert calls[1].cancelled()
    assert away.pending_requests() == [calls[0], calls[2]]
    assert away.get_connection_stats().calls.cancelled == 1


def test_clearing_the_queue_withdraws_its_calls(away: MCPClient) -> None:
    calls = [away.submit(LIST) for _ in range(3)]
    assert away.clear_offline_queue() == 3
    assert away.clear_offline_queue() == 0
    for call in calls:
        with pytest.raises(MCPCancelledError, match="the offline queue was cleared"):
            call.result(PATIENCE)
    statistics = away.get_connection_stats()
    assert statistics.calls.cancelled == 3
    assert statistics.calls.failed == 0
    assert statistics.calls.errors_by_class == {}
    assert statistics.queue.size == 0


def hold_the_write(connection: WebSocketConnection) -> None:
    shake_hands(connection)
    held.wait(PATIENCE)
    request = read_request(connection)
    told.append((request["id"], read_request(connection)))
    until_closed(connection)


held = threading.Event()
told: list[tuple[Any, dict[str, Any]]] = []


def test_a_call_withdrawn_while_it_is_written_is_cancelled_at_the_server_after_the_write() -> None:
    held.clear()
    told.clear()
    with WebSocketPeer(hold_the_write) as peer, MCPClient(peer.url, **FAST) as client:
        outcome: list[BaseException] = []

        def ask() -> None:
            with pytest.raises(MCPCancelledError) as caught:
                client.request(TOOL, {"text": "x" * (16 << 20)}, timeout=2 * PATIENCE)
            outcome.append(caught.value)

        asking = threading.Thread(target=ask)
        asking.start()
        link = client._connection.gate.link
        assert link is not None
        while not (link.transport.is_writing() and link.transport.bytes_sent > 1 << 14):
            assert asking.is_alive()
        (call,) = client.pending_requests()
        assert call.cancel()
        assert call.cancelled()
        held.set()
        asking.join(PATIENCE)
        peer_done = peer.wait_for_scripts
        client.close()
        peer_done(1)
        assert len(outcome) == 1
    (request_id, notice), *_ = told
    assert notice["method"] == "notifications/cancelled"
    assert notice["params"]["requestId"] == request_id


# The end


def test_a_close_fails_what_is_unanswered_and_what_is_unsent_and_warns_of_the_latter(
    client: MCPClient, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    client.configure(max_pending=1)
    written = client.submit(TOOL)
    line.request(TOOL)
    unsent = [client.submit(TOOL), client.submit(TOOL)]
    with caplog.at_level(logging.WARNING, "mcp_sync.connection"):
        client.close()
    assert [one.message for one in caplog.records if one.levelno == logging.WARNING] == [
        "closed with 2 calls unsent; they fail with MCPClosedError"
    ]
    errors = [call.exception(PATIENCE) for call in (written, *unsent)]
    assert all(isinstance(error, MCPClosedError) for error in errors)
    assert len(set(map(id, errors))) == 3
    assert client.get_connection_stats().calls.dropped == 2


def test_a_close_tells_of_each_call_whether_the_server_may_have_executed_it(
    client: MCPClient, line: Line
) -> None:
    client.configure(max_pending=1)
    written = client.submit(TOOL)
    line.request(TOOL)
    unsent = client.submit(LIST)
    client.close()
    first, second = written.exception(PATIENCE), unsent.exception(PATIENCE)
    assert isinstance(first, MCPClosedError)
    assert isinstance(second, MCPClosedError)
    assert (first.method, first.maybe_executed) == (TOOL, True)
    assert (second.method, second.maybe_executed) == (LIST, False)
    assert "the server may have executed it" in str(first)
    assert str(second).endswith("; the request had not been sent")


def test_a_close_tells_of_a_call_that_waits_to_be_sent_again_that_it_was_sent(
    board: Switchboard,
) -> None:
    with (
        FaultProxy("127.0.0.1", board.port) as proxy,
        MCPClient(proxy.url(), **FAST) as client,
    ):
        diary = Diary(client)
        call = client.submit(TOOL, idempotent=True)
        board.line().request(TOOL)
        proxy.refuse()
        proxy.cut("rst")
        diary.wait_for("disconnected")
        unsent = client.submit(TOOL, idempotent=True)
        client.close()
        for one, maybe_executed in ((call, True), (unsent, False)):
            error = one.exception(PATIENCE)
            assert isinstance(error, MCPClosedError)
            assert (error.method, error.maybe_executed) == (TOOL, maybe_executed)


def test_a_close_tells_the_same_of_a_call_that_was_being_written(
    client: MCPClient, line: Line
) -> None:
    """Its writer decides after the close, which has left the call to it."""
    call = client.submit(TOOL)
    line.request(TOOL)
    connection = client._connection
    with connection.gate.lock:
        assert connection.calls.peer.take(call.request_id or 0) is call
        call.owner = Owner.WRITER
    client.close()
    with connection.gate.decide() as decision:
        assert connection.calls.after_loss(call, Loss(cause="closed"), decision)
    error = call.exception(PATIENCE)
    assert isinstance(error, MCPClosedError)
    assert (error.method, error.maybe_executed) == (TOOL, True)


def test_a_close_without_unsent_calls_warns_of_nothing(
    client: MCPClient, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    client.submit(TOOL)
    line.request(TOOL)
    with caplog.at_level(logging.WARNING, "mcp_sync.connection"):
        client.close()
    assert caplog.records == []


def test_two_links_in_a_row_that_break_the_protocol_fail_every_call(
    board: Switchboard,
) -> None:
    with MCPClient(board.url, **FAST) as client:
        repeatable, other = client.submit(LIST), client.submit(TOOL)
        first = board.line()
        for _ in range(2):
            first.message()
        first.send_text("first")
        with first._writing:
            first.connection.send_frame(0x1, b"\xff\xfe")
        second = board.line()
        second.request(LIST)
        with second._writing:
            second.connection.send_frame(0x1, b"\xff\xfe")
        assert isinstance(other.exception(PATIENCE), MCPConnectionLost)
        error = repeatable.exception(PATIENCE)
        assert isinstance(error, MCPConnectionRejected)
        assert "1007" in str(error)
        assert (error.method, error.maybe_executed) == (LIST, True)
        assert "the server may have executed it" in str(error)
        with pytest.raises(MCPConnectionRejected):
            client.request(LIST, timeout=PATIENCE)


def test_a_repeatable_call_whose_writer_meets_a_rejection_is_not_queued_for_ever(
    client: MCPClient, line: Line
) -> None:
    """The writer decides after the loss, when nobody dials any more."""
    connection = client._connection
    call = client.submit(LIST)
    line.request(LIST)
    link = connection.gate.link
    assert link is not None
    with connection.gate.decide() as decision:
        connection.gate.rejection = MCPConnectionRejected("for good")
        assert connection.calls.peer.take(call.request_id or 0) is call
        assert connection.calls.after_loss(call, Loss(cause="cut"), decision)
    with pytest.raises(MCPConnectionLost):
        call.result(PATIENCE)
    connection.gate.rejection = None


def test_settled_calls_are_failed_or_expired_no_more(client: MCPClient, line: Line) -> None:
    call = client.submit(LIST)
    line.answer(line.request(LIST), {"n": 1})
    assert call.result(PATIENCE) == {"n": 1}
    calls = client._connection.calls
    calls.fail(call, MCPClosedError())
    calls.expire(call)
    calls.tell_half_time(call)
    assert call.result(0) == {"n": 1}


def test_a_withdrawal_is_told_to_a_living_link_alone(client: MCPClient, line: Line) -> None:
    call = client.submit(TOOL)
    line.request(TOOL)
    link = client._connection.gate.link
    assert isinstance(link, Link)
    line.reset()
    assert isinstance(call.exception(PATIENCE), MCPConnectionLost)
    client._connection.calls.tell_withdrawn(link, call)
    assert isinstance(call, Call)


def test_drain_waits_for_the_queue_and_the_unanswered(client: MCPClient, line: Line) -> None:
    assert client.drain(0) is True
    call = client.submit(LIST)
    request = line.request(LIST)
    assert client.drain(10 * MS) is False
    answering = threading.Timer(20 * MS, line.answer, (request,))
    answering.start()
    assert client.drain(PATIENCE) is True
    answering.join()
    assert call.done()


def test_a_drain_of_a_client_that_is_away_ends_by_its_timeout(away: MCPClient) -> None:
    away.submit(LIST)
    assert away.drain(20 * MS) is False
    assert away.clear_offline_queue() == 1
    assert away.drain(None) is True


def test_pending_requests_are_listed_oldest_first(client: MCPClient, line: Line) -> None:
    client.configure(max_pending=2)
    calls = [client.submit(LIST) for _ in range(4)]
    assert client.pending_requests() == calls
    with pytest.raises(MCPQueueFullError):
        client.request(LIST, timeout=10 * MS)
    for _ in calls:
        line.answer(line.request(LIST))
    assert client.drain(PATIENCE)


def answered_by(connection: WebSocketConnection) -> None:
    shake_hands(connection)
    request = read_request(connection)
    answer(connection, request, {"n": 1})
    until_closed(connection)


def test_an_answer_that_comes_before_its_writer_is_done_settles_the_call_once() -> None:
    """Many times over, since who is first is the kernel's affair."""
    for _ in range(30):
        with WebSocketPeer(answered_by) as peer, MCPClient(peer.url) as client:
            assert client.request(LIST, timeout=PATIENCE) == {"n": 1}
            assert client.drain(PATIENCE)
