"""How calls get onto the wire: directly, by way of the queue, in order, within bounds."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from calls_made import make_call
from mcp_sync import CompareblocksClient, MCPClient
from mcp_sync.config import ClientConfig
from mcp_sync.connection.call import Call
from mcp_sync.connection.link import Link
from mcp_sync.connection.sending import _MOST_CUT_SHORT
from mcp_sync.deadline import Deadline
from mcp_sync.errors import (
    MCPClosedError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPMessageTooLarge,
    MCPQueueFullError,
    MCPTimeoutError,
)
from mcp_sync.protocol.dialect import Dialect
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.messages import RequestId
from mcp_sync.testing import FaultProxy, WebSocketConnection, WebSocketPeer
from peers_mcp import PATIENCE, Line, Switchboard, nothing, refuse_upgrade
from scenes import (
    FAST,
    Inbox,
    answer,
    echo_all,
    no_new_threads,
    nobody_listening,
    shake_hands,
    wait_for_the_drainer,
)
from timing import MS


@contextlib.contextmanager
def offline_client(**settings: Any) -> Iterator[MCPClient]:
    """A client that is offline for as long as the test lasts."""
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_attempts=0, **({**FAST} | settings))
        try:
            assert client.connect() is False
            yield client
        finally:
            client.close()


@contextlib.contextmanager
def client_behind_a_proxy(
    board: Switchboard, make: Callable[..., Any] = MCPClient, **settings: Any
) -> Iterator[tuple[Any, FaultProxy]]:
    with FaultProxy("127.0.0.1", board.port) as proxy:
        client = make(proxy.url(), **({**FAST} | settings))
        try:
            yield client, proxy
        finally:
            client.close()


def methods(count: int) -> list[str]:
    return [f"call/{number}" for number in range(count)]


# Order


def test_what_was_queued_is_sent_in_order_when_the_server_is_there() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        proxy.refuse()
        calls = [client.submit(method) for method in methods(40)]
        assert client.offline_queue_size == 40
        proxy.accept()
        line = board.line()
        for method in methods(40):
            line.answer(line.request(method), {"method": method})
        assert [call.result(PATIENCE) for call in calls] == [{"method": m} for m in methods(40)]
        assert client.offline_queue_size == 0


def test_a_queue_waits_for_a_thread_that_is_not_to_be_had_yet(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        line = board.line()
        with no_new_threads():
            # More than is written at once; the other one joins the tail.
            calls = [client.submit("large", {"text": "x" * (7 << 20)}), client.submit("small")]
            assert client.offline_queue_size == 2
        for method in ("large", "small"):
            line.answer(line.request(method), {"method": method})
        assert [call.result(PATIENCE)["method"] for call in calls] == ["large", "small"]
    assert sum("wait for a thread" in one for one in caplog.messages) == 1


def test_new_calls_join_the_tail_while_the_queue_drains() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        proxy.refuse()
        queued = [client.submit(method) for method in methods(40)]
        proxy.accept()
        line = board.line()
        requests = [line.message() for _ in range(32)]
        late = client.submit("late")
        assert line.is_quiet()
        for request in requests:
            line.answer(request)
        order = [line.message() for _ in range(9)]
        assert [one["method"] for one in order] == [*methods(40)[32:], "late"]
        for request in order:
            line.answer(request)
        assert [call.result(PATIENCE) for call in (*queued, late)] == [{}] * 41


def test_after_the_drain_calls_are_written_directly_again() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        proxy.refuse()
        queued = client.submit("queued")
        proxy.accept()
        line = board.line()
        line.answer(line.request("queued"))
        assert queued.result(PATIENCE) == {}
        wait_for_the_drainer()
        client.submit("direct")
        line.answer(line.request("direct"))
        assert client.drain(PATIENCE)
        assert client.get_connection_stats().calls.queued == 1


def test_replays_keep_their_place_before_what_was_queued_since() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        client.connect()
        client.initialize()
        first = board.line()
        replayed = [client.submit("tools/list"), client.submit("prompts/list")]
        for method in ("tools/list", "prompts/list"):
            first.request(method)
        proxy.refuse()
        proxy.cut("rst")
        first.wait_until_ended()
        fresh = client.submit("tools/call")
        proxy.accept()
        second = board.line()
        for method in ("tools/list", "prompts/list", "tools/call"):
            second.answer(second.request(method), {"method": method})
        assert [call.result(PATIENCE)["method"] for call in (*replayed, fresh)] == [
            "tools/list",
            "prompts/list",
            "tools/call",
        ]
        assert [call.replays for call in (*replayed, fresh)] == [1, 1, 0]


# The drain window


def test_compareblocks_never_has_two_drained_calls_unanswered() -> None:
    with (
        Switchboard(nothing) as board,
        client_behind_a_proxy(board, CompareblocksClient) as (client, proxy),
    ):
        proxy.refuse()
        calls = [client.submit(method) for method in methods(5)]
        proxy.accept()
        line = board.line()
        for method in methods(5):
            request = line.request(method)
            # Whatever the server says meanwhile: the next waits for the answer of this one.
            line.notify("status_update")
            assert client.why(calls[-1])
            assert line.is_quiet()
            line.answer(request)
        assert client.drain(PATIENCE)
        assert [call.result(0) for call in calls] == [{}] * 5


def test_mcp_drains_at_most_32_at_a_time() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        proxy.refuse()
        calls = [client.submit(method) for method in methods(70)]
        proxy.accept()
        line = board.line()
        pending = [line.request(method) for method in methods(32)]
        for method in methods(70)[32:]:
            assert line.is_quiet()
            line.answer(pending.pop(0))
            pending.append(line.request(method))
        for request in pending:
            line.answer(request)
        assert [call.result(PATIENCE) for call in calls] == [{}] * 70


def test_the_window_opens_again_after_a_loss_in_the_middle_of_the_drain() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        proxy.refuse()
        calls = [client.submit("tools/list") for _ in range(40)]
        proxy.accept()
        first = board.line()
        for _ in range(32):
            first.request("tools/list")
        proxy.cut("rst")
        second = board.line()
        for _ in calls:
            second.answer(second.request("tools/list"))
        assert [call.result(PATIENCE) for call in calls] == [{}] * 40


# Bounds of the queue


def test_a_full_queue_refuses_by_count() -> None:
    with offline_client(offline_queue_limit=2) as client:
        calls = [client.submit("ping"), client.submit("ping")]
        with pytest.raises(MCPQueueFullError, match="2 of 2 calls") as caught:
            client.submit("ping")
        assert (caught.value.size, caught.value.limit) == (2, 2)
        with pytest.raises(MCPQueueFullError):
            client.request("ping", timeout=PATIENCE)
        assert not any(call.done() for call in calls)
        assert client.offline_queue_size == 2


def test_a_full_queue_refuses_by_bytes() -> None:
    with offline_client(offline_queue_max_bytes=1000) as client:
        client.submit("ping", {"text": "x" * 600})
        with pytest.raises(MCPQueueFullError, match="of 1000 bytes") as caught:
            client.submit("ping", {"text": "x" * 600})
        assert caught.value.limit_bytes == 1000
        client.submit("ping", {"text": "x" * 100})
        assert client.offline_queue_size == 2


@pytest.mark.parametrize("by", ["count", "bytes"])
def test_drop_oldest_fails_the_oldest_to_make_room(by: str) -> None:
    limits: dict[str, int] = (
        {"offline_queue_limit": 3} if by == "count" else {"offline_queue_max_bytes": 3 * 64}
    )
    with offline_client(overflow="drop_oldest", **limits) as client:
        params = {"t": "x" * (64 - len('ping{"t":""}'))}
        calls = [client.submit("ping", params) for _ in range(5)]
        assert [call.done() for call in calls] == [True, True, False, False, False]
        with pytest.raises(MCPQueueFullError):
            calls[0].result(0)
        statistics = client.get_connection_stats()
        assert statistics.calls.dropped == 2
        assert statistics.queue.size == 3
        assert statistics.queue.high_water == 3


@pytest.mark.parametrize("overflow", ["reject", "drop_oldest", "block"])
def test_a_call_that_never_fits_is_refused_at_once_and_costs_no_other_its_place(
    overflow: str,
) -> None:
    with offline_client(overflow=overflow, offline_queue_max_bytes=1000) as client:
        kept = client.submit("ping", {"text": "x" * 600})
        with pytest.raises(MCPQueueFullError, match="this call alone has"):
            client.submit("ping", {"text": "x" * 2000})
        assert not kept.done()
        assert client.offline_queue_size == 1


def test_block_waits_for_a_place_at_most_until_the_deadline() -> None:
    with offline_client(overflow="block", offline_queue_limit=1) as client:
        client.submit("ping")
        began = time.monotonic()
        with pytest.raises(MCPQueueFullError):
            client.submit("ping", timeout=50 * MS)
        assert 50 * MS <= time.monotonic() - began < PATIENCE


def test_block_goes_on_when_a_call_leaves_the_queue() -> None:
    with offline_client(overflow="block", offline_queue_limit=1) as client:
        first = client.submit("ping")
        leaving = threading.Timer(20 * MS, first.cancel)
        leaving.start()
        second = client.submit("tools/list", timeout=PATIENCE)
        leaving.join()
        assert first.cancelled()
        assert client.pending_requests() == [second]


def test_block_goes_on_as_soon_as_a_call_was_written() -> None:
    """The place is free when the bytes are out, however long the server takes to answer."""
    drainer, blocked_one = 1, 1
    with (
        Switchboard(nothing) as board,
        client_behind_a_proxy(
            board, CompareblocksClient, overflow="block", offline_queue_limit=2
        ) as (client, proxy),
    ):
        proxy.refuse()
        calls = [client.submit("call"), client.submit("call")]
        proxy.accept()
        line = board.line()
        request = line.request("call")
        calls.append(client.submit("call"))
        for _ in range(20):
            blocked = threading.Thread(target=lambda: calls.append(client.submit("call")))
            blocked.start()
            while client._connection.calls.room_wanted < drainer + blocked_one:
                assert blocked.is_alive()
            line.answer(request)
            request = line.request("call")  # and is not answered before the place is taken
            blocked.join(PATIENCE / 2)
            assert not blocked.is_alive()
        for _ in range(2):
            line.answer(request)
            request = line.request("call")
        line.answer(request)
        assert [call.result(PATIENCE) for call in calls] == [{}] * 23


def test_block_ends_when_the_client_is_closed() -> None:
    with offline_client(overflow="block", offline_queue_limit=1) as client:
        client.submit("ping")
        closer = threading.Timer(20 * MS, client.close)
        closer.start()
        with pytest.raises(MCPClosedError):
            client.submit("ping", timeout=None)
        closer.join()


def test_a_queued_notification_blocks_no_longer_than_the_request_timeout() -> None:
    with offline_client(overflow="block", offline_queue_limit=1, request_timeout=50 * MS) as client:
        client.notify("notifications/one")
        with pytest.raises(MCPQueueFullError):
            client.notify("notifications/two")


def test_replays_come_back_into_a_full_queue() -> None:
    with (
        Switchboard() as board,
        client_behind_a_proxy(board, offline_queue_limit=1) as (client, proxy),
    ):
        client.connect()
        client.initialize()
        first = board.line()
        calls = [client.submit("tools/list") for _ in range(5)]
        for _ in calls:
            first.request("tools/list")
        proxy.refuse()
        proxy.cut("rst")
        first.wait_until_ended()
        client.wait_until_ready(0)
        proxy.accept()
        second = board.line()
        for _ in calls:
            second.answer(second.request("tools/list"))
        assert [call.result(PATIENCE) for call in calls] == [{}] * 5
        assert client.get_connection_stats().queue.high_water == 5


# The table of unanswered calls


def test_over_max_pending_a_call_waits_for_a_place() -> None:
    with Switchboard() as board, MCPClient(board.url, max_pending=2) as client:
        line = board.line()
        calls = [client.submit(method) for method in methods(3)]
        requests = [line.message(), line.message()]
        assert line.is_quiet()
        assert client.get_connection_stats().calls.pending == 2
        line.answer(requests[0])
        line.answer(line.request("call/2"))
        line.answer(requests[1])
        assert [call.result(PATIENCE) for call in calls] == [{}] * 3


def test_a_call_that_gets_no_place_in_time_fails_as_refused_by_a_full_table() -> None:
    with Switchboard() as board, MCPClient(board.url, max_pending=1) as client:
        line = board.line()
        holder = client.submit("holds")
        request = line.request("holds")
        with pytest.raises(MCPQueueFullError, match="table of pending calls full: 1 of 1"):
            client.request("waits", timeout=30 * MS)
        line.answer(request)
        assert holder.result(PATIENCE) == {}
        assert line.is_quiet()


# Refusals


def test_nothing_is_taken_after_the_close() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url)
        client.connect()
        client.close()
        for act in (client.request, client.submit, client.notify):
            with pytest.raises(MCPClosedError):
                act("ping")
        with pytest.raises(MCPClosedError):
            client.request("ping", offline="raise")
        with pytest.raises(MCPClosedError):
            client.request("ping", offline="queue")


def test_nothing_is_taken_after_a_rejection_and_the_reason_is_told_each_time() -> None:
    with WebSocketPeer(refuse_upgrade(404), upgrade=False) as peer:
        client = MCPClient(peer.url, **FAST)
        with pytest.raises(MCPConnectionRejected):
            client.connect()
        errors = []
        for offline in ("wait", "raise", "queue"):
            with pytest.raises(MCPConnectionRejected) as caught:
                client.request("ping", offline=offline)  # type: ignore[call-overload]
            errors.append(caught.value)
        with pytest.raises(MCPConnectionRejected) as caught:
            client.submit("ping")
        errors.append(caught.value)
        assert len(set(map(id, errors))) == 4
        assert {error.status for error in errors} == {404}
        assert peer.connections == 1
        client.close()


@pytest.mark.parametrize(
    ("params", "path"),
    [
        ({"a": {"b": object()}}, "params.a.b is a object"),
        ({"a": [1, {2, 3}]}, r"params.a\[1\] is a set"),
        ({"a": b"bytes"}, "params.a is a bytes"),
        ({("x",): 1}, "params has the key"),
        ([1, 2], "params must be a mapping"),
    ],
)
def test_what_is_no_json_is_refused_with_its_path_and_nothing_is_queued(
    params: Any, path: str
) -> None:
    with offline_client() as client:
        for act in (client.request, client.submit, client.notify):
            with pytest.raises(TypeError, match=path):
                act("ping", params)
        assert client.offline_queue_size == 0
        assert client.pending_requests() == []


def test_not_a_number_is_refused_with_its_path() -> None:
    with offline_client() as client:
        with pytest.raises(ValueError, match="params.a is nan"):
            client.submit("ping", {"a": float("nan")})
        assert client.offline_queue_size == 0


@pytest.mark.parametrize("method", ["", None, 7, b"ping"])
def test_a_method_must_be_a_text(method: Any) -> None:
    with offline_client() as client, pytest.raises(TypeError, match="non-empty string"):
        client.submit(method)


# Writing


def test_a_message_that_the_dialect_knows_to_be_too_big_is_not_sent() -> None:
    """An MCP client on a compareblocks server learns the limit from the handshake."""

    def old(line: Line) -> None:
        line.shake_hands("1.0.0")

    with Switchboard(old) as board, MCPClient(board.url) as client:
        line = board.line()
        with pytest.raises(MCPMessageTooLarge, match="outbound"):
            client.request("submit", {"text": "x" * (1 << 20)}, timeout=PATIENCE)
        call = client.submit("get_status")
        line.answer(line.request("get_status"))
        assert call.result(PATIENCE) == {}
        assert client.get_connection_stats().calls.pending == 0


def test_a_queued_message_that_turns_out_too_big_fails_alone() -> None:
    def old(line: Line) -> None:
        line.shake_hands("1.0.0")

    with Switchboard(old) as board, client_behind_a_proxy(board) as (client, proxy):
        proxy.refuse()
        big = client.submit("submit", {"text": "x" * (1 << 20)})
        small = client.submit("get_status")
        proxy.accept()
        line = board.line()
        line.answer(line.request("get_status"))
        with pytest.raises(MCPMessageTooLarge):
            big.result(PATIENCE)
        assert small.result(PATIENCE) == {}
        wait_for_the_drainer()
        drained = client.get_connection_stats().queue.last_drain
        assert drained is not None
        assert (drained.count, drained.failures) == (1, 1)


def shake_hands_with_a_small_buffer(connection: WebSocketConnection) -> None:
    connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    shake_hands(connection)


def stop_reading(connection: WebSocketConnection) -> None:
    # The client dials again after a loss, and may be closed before it has said a word there.
    with contextlib.suppress(EOFError, ConnectionResetError):
        shake_hands_with_a_small_buffer(connection)
        connection.hold()


BIG = {"text": "x" * (7 << 20)}
"""More than a loopback connection takes whose receiver has a small buffer."""


def test_a_deadline_in_the_middle_of_a_write_ends_the_link_and_the_call_was_not_sent() -> None:
    with WebSocketPeer(stop_reading) as peer:
        client = MCPClient(peer.url, **FAST)
        client.connect()
        client.initialize()
        with pytest.raises(MCPTimeoutError) as caught:
            client.request("big", BIG, timeout=400 * MS)
        assert caught.value.sent is False
        assert client.get_connection_stats().losses.count == 1
        client.close()


def test_a_deadline_before_the_first_byte_leaves_the_link_alone() -> None:
    with WebSocketPeer(stop_reading) as peer:
        client = MCPClient(peer.url, heartbeat_interval=60.0, **FAST)
        client.connect()
        client.initialize()
        writer = threading.Thread(
            target=lambda: pytest.raises(MCPClosedError, client.request, "big", BIG, timeout=None)
        )
        writer.start()
        link = client._connection.gate.link
        assert link is not None
        end = Deadline(PATIENCE)
        while not (link.transport.is_writing() and link.transport.bytes_sent > 1 << 14):
            assert not end.is_over()
        with pytest.raises(MCPTimeoutError, match="to take the request's bytes") as caught:
            client.request("small", timeout=50 * MS)
        assert caught.value.sent is False
        assert link.loss is None
        assert client.get_connection_stats().losses.count == 0
        client.close()
        writer.join(PATIENCE)


def test_a_submitted_call_does_not_wait_for_a_peer_that_does_not_read() -> None:
    with WebSocketPeer(stop_reading) as peer:
        client = MCPClient(peer.url, heartbeat_interval=60.0, **FAST)
        client.connect()
        client.initialize()
        began = time.monotonic()
        calls = [client.submit("big", {"text": "x" * (1 << 20)}) for _ in range(7)]
        assert time.monotonic() - began < PATIENCE / 2
        assert not any(call.done() for call in calls)
        client.close()
        for call in calls:
            assert isinstance(call.exception(PATIENCE), MCPClosedError)


def test_a_call_that_times_out_while_it_waits_to_be_sent_again_was_sent() -> None:
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), **FAST)
        client.initialize()
        call = client.submit("tools/call", idempotent=True, timeout=1500 * MS)
        board.line().request("tools/call")
        proxy.refuse()
        proxy.cut("rst")
        error = call.exception(PATIENCE)
        client.close()
    assert isinstance(error, MCPTimeoutError)
    assert (error.sent, call.replays) == (True, 1)
    assert "(sent)" in str(error)


def test_a_request_that_cuts_every_link_in_its_middle_is_given_up() -> None:
    """Or a call that kills its server would be sent to it for ever."""

    def cut_in_the_middle(connection: WebSocketConnection) -> None:
        with contextlib.suppress(EOFError, ConnectionError):  # the client gave up
            shake_hands_with_a_small_buffer(connection)
            connection.receive_exactly(1)
            connection.reset()

    with WebSocketPeer(cut_in_the_middle) as peer:
        client = MCPClient(peer.url, **FAST)
        with pytest.raises(MCPConnectionLost, match="links in a row") as caught:
            client.request("big", BIG, timeout=2 * PATIENCE)
        assert caught.value.maybe_executed is False
        assert client.get_connection_stats().losses.count <= _MOST_CUT_SHORT
        client.close()


def test_a_message_that_its_server_refuses_by_size_while_it_is_written_fails_as_too_large() -> None:
    def refuse_by_size(connection: WebSocketConnection) -> None:
        with contextlib.suppress(EOFError, ConnectionError):  # the client has what it wanted
            shake_hands_with_a_small_buffer(connection)
            connection.receive_exactly(10)
            connection.send_close(1009, "too big")
            connection.finish()
            connection.receive_to_end()

    with WebSocketPeer(refuse_by_size) as peer:
        client = MCPClient(peer.url, **FAST)
        with pytest.raises(MCPMessageTooLarge, match="close code 1009"):
            client.request("big", BIG, timeout=PATIENCE)
        client.close()


# Notifications


def test_a_notification_is_sent_at_once_on_a_ready_link() -> None:
    with Switchboard() as board, MCPClient(board.url) as client:
        line = board.line()
        client.notify("notifications/roots/list_changed", {"a": 1})
        assert line.message() == {
            "jsonrpc": "2.0",
            "method": "notifications/roots/list_changed",
            "params": {"a": 1},
        }
        assert client.pending_requests() == []


def test_a_notification_is_queued_in_order_while_the_server_is_away() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        proxy.refuse()
        call = client.submit("first")
        client.notify("notifications/second")
        client.submit("third")
        proxy.accept()
        line = board.line()
        requests = [line.message() for _ in range(3)]
        assert [one["method"] for one in requests] == ["first", "notifications/second", "third"]
        assert "id" not in requests[1]
        for number in (0, 2):
            line.answer(requests[number])
        assert call.result(PATIENCE) == {}
        assert client.drain(PATIENCE)


# The drain on record


def test_a_drain_is_on_record_with_its_count_and_duration() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        proxy.refuse()
        for method in methods(3):
            client.submit(method)
        proxy.accept()
        line = board.line()
        for method in methods(3):
            line.answer(line.request(method))
        assert client.drain(PATIENCE)
        wait_for_the_drainer()
        statistics = client.get_connection_stats()
        assert statistics.calls.queued == 3
        assert statistics.calls.answered == 4  # the handshake's answer, too
        drained = statistics.queue.last_drain
        assert drained is not None
        assert (drained.count, drained.failures) == (3, 0)
        assert drained.duration >= 0


def test_a_link_that_becomes_ready_with_an_empty_queue_is_no_drain() -> None:
    with Switchboard() as board, MCPClient(board.url) as client:
        assert client.get_connection_stats().queue.last_drain is None
        line = board.line()
        call = client.submit("ping")
        line.answer(line.request("ping"))
        assert call.result(PATIENCE) == {}
        assert client.get_connection_stats().calls.queued == 0


def test_a_queue_that_was_emptied_offline_leaves_the_next_calls_direct() -> None:
    with Switchboard() as board, client_behind_a_proxy(board) as (client, proxy):
        client.connect()
        client.initialize()
        first = board.line()
        client.submit("tools/list")
        first.request("tools/list")
        proxy.refuse()
        proxy.cut("rst")
        first.wait_until_ended()
        while not client.clear_offline_queue():
            assert client.pending_requests()
        proxy.accept()
        assert client.wait_until_ready(PATIENCE)
        second = board.line()
        answered = Inbox()
        client.submit("direct").add_done_callback(answered)
        second.answer(second.request("direct"))
        assert answered.wait_for(lambda items: len(items) == 1)
        assert client.get_connection_stats().calls.queued == 0


def faulty_client(fault: type[BaseException]) -> type[MCPClient]:
    """One that raises in the middle of writing what is longer than anything else in the tests."""

    class Faulty(McpDialect):
        def encode_request(self, request_id: RequestId, method: str, params: str, meta: str) -> str:
            if len(params) > 5000:
                raise fault
            return super().encode_request(request_id, method, params, meta)

    class Client(MCPClient):
        @staticmethod
        def _make_dialect(config: ClientConfig) -> Dialect:
            return Faulty()

    return Client


LONG = {"text": "x" * 6000}


def test_a_fault_in_one_write_of_a_drain_leaves_the_others_to_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        Switchboard() as board,
        client_behind_a_proxy(board, faulty_client(ZeroDivisionError)) as (client, proxy),
    ):
        proxy.refuse()
        before, broken, after = (
            client.submit("before"),
            client.submit("broken", LONG),
            client.submit("after"),
        )
        with caplog.at_level(logging.ERROR, "mcp_sync.connection"):
            proxy.accept()
            line = board.line()
            for method in ("before", "after"):
                line.answer(line.request(method))
            assert [before.result(PATIENCE), after.result(PATIENCE)] == [{}, {}]
        assert broken.cancelled()
        assert caplog.messages.count("could not write broken") == 1
        assert client.drain(PATIENCE)


def test_an_interrupt_before_the_first_byte_withdraws_the_call_alone() -> None:
    with Switchboard() as board, faulty_client(KeyboardInterrupt)(board.url) as client:
        line = board.line()
        with pytest.raises(KeyboardInterrupt):
            client.request("broken", LONG, timeout=PATIENCE)
        assert client.pending_requests() == []
        call = client.submit("well")
        line.answer(line.request("well"))
        assert call.result(PATIENCE) == {}
        assert client.get_connection_stats().losses.count == 0


def being_written(client: MCPClient, method: str, **spec: Any) -> tuple[Call, Link]:
    """A call that this thread is about to write, on the link of the moment."""
    connection = client._connection
    link = connection.gate.link
    assert link is not None
    call = make_call(connection, method, watched=True, **spec)
    with connection.gate.lock:
        connection.calls.register(link, call)
    return call, link


def test_a_loss_between_the_last_byte_and_the_writers_word_is_a_loss_of_a_written_call() -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        first = board.line()
        repeatable, link = being_written(client, "tools/list", repeatable=True)
        other, _ = being_written(client, "tools/call")
        notification, _ = being_written(client, "notifications/x", wants_answer=False)
        first.reset()
        second = board.line()
        assert client.wait_until_ready(PATIENCE)
        assert [repeatable.done(), other.done()] == [False, False]
        for call in (repeatable, other):
            client._connection._sender._written(link, call, call.request_id)
        client._connection._sender._notified(link, notification)
        second.answer(second.request("tools/list"))
        assert repeatable.result(PATIENCE) == {}
        error = other.exception(PATIENCE)
        assert isinstance(error, MCPConnectionLost)
        assert error.maybe_executed is True
        assert notification.result(0) is None
        assert second.is_quiet()


def test_a_call_withdrawn_under_a_write_that_fails_stays_withdrawn() -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        first = board.line()
        call, link = being_written(client, "tools/list", repeatable=True)
        assert call.cancel()
        first.reset()
        second = board.line()
        assert client.wait_until_ready(PATIENCE)
        client._connection._sender._unwritten(link, call, timed_out=False)
        assert call.cancelled()
        assert client.pending_requests() == []
        assert second.is_quiet()


def test_an_unwritten_notification_is_sent_on_the_next_link() -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        first = board.line()
        call, link = being_written(client, "notifications/x", wants_answer=False)
        first.reset()
        second = board.line()
        client._connection._sender._unwritten(link, call, timed_out=False)
        assert second.request("notifications/x")
        assert call.result(PATIENCE) is None


def test_the_wire_form_is_compact_json() -> None:
    texts: list[str] = []

    def script(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        texts.append(connection.read_text())
        request = json.loads(texts[0])
        answer(connection, request, {})
        echo_all(connection)

    with WebSocketPeer(script) as peer:
        client = MCPClient(peer.url)
        client.request("tools/call", {"name": "grüße"}, timeout=PATIENCE)
        client.close()
    assert texts[0].endswith(',"method":"tools/call","params":{"name":"grüße"}}')
