"""Who reads: callers that wait for their own answers, and the reader thread while nobody waits."""

from __future__ import annotations

import json
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from calls_made import ReaderOnlyClient
from mcp_sync import MCPClient
from mcp_sync.connection.call import Call
from mcp_sync.connection.link import Link
from mcp_sync.connection.lookout import TICK_SECONDS
from mcp_sync.connection.reading import Reading
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.errors import (
    MCPCancelledError,
    MCPClosedError,
    MCPConnectionLost,
    MCPTimeoutError,
)
from mcp_sync.testing import WebSocketPeer, encode_frame
from mcp_sync.transports.duplex import StreamTransport
from peers_mcp import PATIENCE, Line, Switchboard
from scenes import (
    FAST,
    PINNED,
    Inbox,
    answer,
    echo_all,
    in_threads,
    read_request,
    shake_hands,
    until,
)
from timing import MS

TEXT = 0x1


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board


@pytest.fixture(params=[MCPClient, ReaderOnlyClient], ids=["led", "reader only"])
def any_client(board: Switchboard, request: pytest.FixtureRequest) -> Iterator[MCPClient]:
    with request.param(board.url, **FAST) as client:
        yield client


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    with MCPClient(board.url, **FAST) as client:
        yield client


def link_of(client: MCPClient) -> Link:
    link = client._connection.gate.link
    assert link is not None
    return link


def leads(client: MCPClient) -> Call | None:
    return link_of(client).leader


def waits(client: MCPClient) -> bool:
    """Whether a caller reads the link, and is where an interrupt costs it nothing."""
    transport = link_of(client).transport
    assert isinstance(transport, StreamTransport)
    stream = transport._stream
    return leads(client) is not None and stream is not None and stream.waiting


class Caller:
    """A thread that makes one call, and what came of it."""

    def __init__(self, client: MCPClient, method: str, timeout: float = PATIENCE) -> None:
        self.outcome: Any = None
        self._client, self._method, self._timeout = client, method, timeout
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self._client.request(self._method, timeout=self._timeout)
        except Exception as error:  # noqa: BLE001  the test looks at it
            self.outcome = error

    def join(self) -> Any:
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self.outcome


def a_leader(client: MCPClient, line: Line) -> tuple[Caller, dict[str, Any]]:
    """A caller that reads the link itself, and its request."""
    until(lambda: link_of(client).reader_idles)
    caller = Caller(client, "leader")
    request = line.request("leader")
    until(lambda: leads(client) is not None)
    return caller, request


@pytest.mark.parametrize("client_class", [MCPClient, ReaderOnlyClient])
def test_many_threads_share_one_link_and_each_gets_its_own_answers(
    client_class: type[MCPClient],
) -> None:
    def call(client: MCPClient, who: int) -> Callable[[], None]:
        def run() -> None:
            for number in range(60):
                params = {"who": who, "number": number}
                assert client.request("echo", params, timeout=PATIENCE)["params"] == params

        return run

    def serve(connection: Any) -> None:
        shake_hands(connection)
        echo_all(connection)

    with WebSocketPeer(serve) as peer, client_class(peer.url) as client:
        in_threads([call(client, who) for who in range(8)])
        statistics = client.get_connection_stats()
        assert statistics.strays == {}
        assert statistics.calls.pending == 0


def test_answers_out_of_order_reach_their_callers(
    any_client: MCPClient, board: Switchboard
) -> None:
    line = board.line()
    callers = [Caller(any_client, f"call/{number}") for number in range(6)]
    requests = [line.message() for _ in callers]
    for request in reversed(requests):
        line.answer(request, {"method": request["method"]})
    assert [caller.join() for caller in callers] == [
        {"method": f"call/{number}"} for number in range(6)
    ]


def test_notifications_arrive_while_a_caller_waits(
    any_client: MCPClient, board: Switchboard
) -> None:
    line, inbox = board.line(), Inbox()
    any_client.on_notification("progress", inbox)
    caller = Caller(any_client, "slow")
    request = line.request("slow")
    line.notify("progress", n=1)
    assert inbox.wait_for(lambda items: len(items) == 1)
    line.notify("progress", n=2)
    assert inbox.wait_for(lambda items: len(items) == 2)
    line.answer(request)
    assert caller.join() == {}


def test_the_reader_only_client_never_lets_a_caller_lead(board: Switchboard) -> None:
    with ReaderOnlyClient(board.url) as client:
        line = board.line()
        caller = Caller(client, "slow")
        request = line.request("slow")
        until(lambda: bool(client._connection._reading._followers))
        assert leads(client) is None
        line.answer(request)
        assert caller.join() == {}


def test_a_leader_reads_for_those_who_follow(client: MCPClient, board: Switchboard) -> None:
    line = board.line()
    leader, request = a_leader(client, line)
    follower = Caller(client, "follower")
    line.answer(line.request("follower"), {"n": 1})
    assert follower.join() == {"n": 1}
    assert leads(client) is not None
    line.answer(request, {"n": 2})
    assert leader.join() == {"n": 2}


def test_a_leader_that_has_its_answer_hands_over(client: MCPClient, board: Switchboard) -> None:
    line = board.line()
    leader, request = a_leader(client, line)
    follower = Caller(client, "follower")
    its_request = line.request("follower")
    until(lambda: len(client._connection._reading._followers) == 1)
    line.answer(request)
    assert leader.join() == {}
    line.answer(its_request, {"n": 1})
    assert follower.join() == {"n": 1}


def test_a_leader_that_times_out_hands_over(client: MCPClient, board: Switchboard) -> None:
    line = board.line()
    _, request = a_leader(client, line)
    line.answer(request)
    short = Caller(client, "short", timeout=1000 * MS)
    line.request("short")
    follower = Caller(client, "follower")
    its_request = line.request("follower")
    assert isinstance(short.join(), MCPTimeoutError)
    line.request("notifications/cancelled")
    line.answer(its_request, {"n": 1})
    assert follower.join() == {"n": 1}


def test_a_leader_whose_call_is_cancelled_by_another_thread_returns_at_once(
    client: MCPClient, board: Switchboard
) -> None:
    leader, _ = a_leader(client, board.line())
    call = leads(client)
    assert call is not None
    began = time.monotonic()
    assert client.cancel(call.call_id)
    assert isinstance(leader.join(), MCPCancelledError)
    assert time.monotonic() - began < PATIENCE / 4


def test_an_interrupt_of_a_waiting_caller_withdraws_its_call_and_leaves_the_link_alone(
    client: MCPClient, board: Switchboard
) -> None:
    """A real signal, as from Ctrl-C; this is the main thread, which gets it."""
    line = board.line()
    me = threading.main_thread().ident
    assert me == threading.get_ident()

    def interrupt_when_sent() -> None:
        request = line.request("interrupted")
        until(lambda: waits(client) or bool(client._connection._reading._followers))
        signal.pthread_kill(me, signal.SIGINT)
        assert line.request("notifications/cancelled")["params"]["requestId"] == request["id"]

    interrupter = threading.Thread(target=interrupt_when_sent)
    interrupter.start()
    with pytest.raises(KeyboardInterrupt):
        client.request("interrupted", timeout=PATIENCE)
    interrupter.join()
    caller = Caller(client, "next")
    line.answer(line.request("next"), {"n": 1})
    assert caller.join() == {"n": 1}
    statistics = client.get_connection_stats()
    assert (statistics.losses.count, statistics.calls.cancelled) == (0, 1)


def test_a_leader_returns_at_once_when_another_thread_closes_the_client(
    client: MCPClient, board: Switchboard
) -> None:
    line = board.line()
    leader, _ = a_leader(client, line)
    began = time.monotonic()
    client.close()
    assert isinstance(leader.join(), MCPClosedError)
    assert time.monotonic() - began < PATIENCE / 4
    # The reader thread was woken, too, and said goodbye.
    line.wait_until_ended()
    assert line.close_code == 1000


def test_a_leader_meets_the_loss_of_its_link(client: MCPClient, board: Switchboard) -> None:
    line = board.line()
    leader, _ = a_leader(client, line)
    line.reset()
    outcome = leader.join()
    assert isinstance(outcome, MCPConnectionLost)
    assert outcome.maybe_executed


def test_a_leader_whose_call_is_replayed_waits_on_for_the_new_link(
    client: MCPClient, board: Switchboard
) -> None:
    line = board.line()
    caller = Caller(client, "tools/list")
    line.request("tools/list")
    line.reset()
    again = board.line()
    again.answer(again.request("tools/list"), {"tools": []})
    assert caller.join() == {"tools": []}


def test_calls_cancelled_while_their_callers_begin_to_lead_end_at_once(
    client: MCPClient, board: Switchboard
) -> None:
    """The race between taking the lead and being settled, many times over."""
    line = board.line()
    for _ in range(150):
        call = client.submit("raced")
        line.next("raced")
        canceller = threading.Thread(target=call.cancel)
        canceller.start()
        with pytest.raises(MCPCancelledError):
            call.result(PATIENCE)
        canceller.join()


def test_an_idle_link_is_read_by_the_reader_thread(client: MCPClient, board: Switchboard) -> None:
    line, inbox = board.line(), Inbox()
    client.on_notification("*", inbox)
    line.notify("one")
    assert inbox.wait_for(lambda items: len(items) == 1)
    assert leads(client) is None
    until(lambda: link_of(client).reader_idles)


def test_what_a_caller_received_and_left_goes_to_the_reader_thread_at_once(
    client: MCPClient, board: Switchboard
) -> None:
    line, inbox = board.line(), Inbox()
    client.on_notification("*", inbox)
    for number in range(20):
        leader, request = a_leader(client, line)
        answer = {"jsonrpc": "2.0", "id": request["id"], "result": {}}
        notice = {"jsonrpc": "2.0", "method": "behind", "params": {"n": number}}
        line.connection.send(
            b"".join(encode_frame(TEXT, json.dumps(one).encode()) for one in (answer, notice))
        )
        assert leader.join() == {}
        # Nothing more comes that would have anybody look.
        assert inbox.wait_for(lambda items, count=number + 1: len(items) == count)


def test_half_a_message_has_the_reader_thread_wait_for_its_rest_and_not_look_again_and_again(
    client: MCPClient, board: Switchboard
) -> None:
    line, inbox = board.line(), Inbox()
    client.on_notification("*", inbox)
    transport = link_of(client).transport
    notice = json.dumps({"jsonrpc": "2.0", "method": "behind", "params": {}})
    frame = encode_frame(TEXT, notice.encode())
    before = transport.bytes_received
    line.connection.send(frame[:-3])
    until(lambda: transport.bytes_received == before + len(frame) - 3)
    until(lambda: not transport.has_news and link_of(client).reader_idles)
    line.connection.send(frame[-3:])
    assert inbox.wait_for(lambda items: len(items) == 1)


def test_half_an_answer_has_the_reader_thread_rest_while_its_caller_reads(
    client: MCPClient, board: Switchboard, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = board.line()
    looked: list[float] = []
    listen = Reading.listen

    def counted(reading: Reading, link: Link) -> None:
        looked.append(time.monotonic())
        listen(reading, link)

    monkeypatch.setattr(Reading, "listen", counted)
    for _ in range(3):  # Its thread has stood aside before, and was called back.
        leader, request = a_leader(client, line)
        line.answer(request)
        assert leader.join() == {}
    leader, request = a_leader(client, line)
    answer = json.dumps({"jsonrpc": "2.0", "id": request["id"], "result": {}})
    frame = encode_frame(TEXT, answer.encode())
    line.connection.send(frame[:10])
    looked.clear()
    threading.Event().wait(300 * MS)
    assert len(looked) < 2 * 300 * MS / TICK_SECONDS
    line.connection.send(frame[10:])
    assert leader.join() == {}


def test_waiting_for_a_call_that_is_queued_does_not_lead(
    client: MCPClient, board: Switchboard
) -> None:
    client.configure(max_pending=1)
    line = board.line()
    holder = client.submit("holds/the/place")
    request = line.request("holds/the/place")
    queued = client.submit("queued")
    with pytest.raises(TimeoutError):
        queued.result(20 * MS)
    line.answer(request)
    line.answer(line.request("queued"), {"n": 1})
    assert queued.result(PATIENCE) == {"n": 1}
    assert holder.result(PATIENCE) == {}


def test_a_handshake_step_that_is_cancelled_ends_at_once() -> None:
    """The reader thread waits for it alone, and is told."""
    dialed = threading.Event()

    def hold(connection: Any) -> None:
        read_request(connection)
        dialed.set()
        connection.receive_to_end()

    def serve(connection: Any) -> None:
        shake_hands(connection)
        request = read_request(connection)
        answer(connection, request, {"n": 1})
        echo_all(connection)

    with WebSocketPeer(hold, serve) as peer:
        client = MCPClient(peer.url, connect_timeout=10 * PATIENCE, **PINNED)
        call = client.submit("ping")
        assert dialed.wait(PATIENCE)
        (handshake,) = (one for one in client.pending_requests() if one is not call)
        assert handshake.method == "initialize"
        assert handshake.cancel()
        assert call.result(PATIENCE) == {"n": 1}
        client.close()


def test_the_real_server_answers_callers_and_submitted_calls_together() -> None:
    with EmbeddedServer() as server, MCPClient(server.url) as client:
        calls = [client.submit("ping") for _ in range(50)]
        for _ in range(50):
            assert client.request("ping", timeout=PATIENCE) == {}
        assert [call.result(PATIENCE) for call in calls] == [{}] * 50
