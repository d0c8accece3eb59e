"""A connection as a whole: opening, closing, settings, forks and threads, at every moment."""

from __future__ import annotations

import os
import threading
import time
import warnings
from collections.abc import Iterator

import pytest

from calls_made import make_call, make_connection
from mcp_sync import CompareblocksClient, MCPClient
from mcp_sync.connection import connection
from mcp_sync.connection.link import Loss
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.errors import (
    MCPClosedError,
    MCPConfigurationError,
    MCPConnectionError,
    MCPMessageTooLarge,
    MCPOfflineError,
    MCPTimeoutError,
)
from mcp_sync.testing import FaultProxy, WebSocketConnection, WebSocketPeer
from mcp_sync.transports.base import LinkDown
from peers_mcp import NEWEST, PATIENCE, Line, Switchboard, nothing
from scenes import (
    FAST,
    Diary,
    Inbox,
    in_threads,
    no_new_threads,
    nobody_listening,
    own_threads,
    until,
)
from timing import MS

SLOW = 600.0
QUICK = 0.8 * PATIENCE
"""How long a thing may take on a busy machine that takes milliseconds."""


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


# Opening


@pytest.mark.parametrize("act", ["connect", "request"])
def test_a_client_that_gets_no_thread_says_so_and_may_connect_later(
    board: Switchboard, act: str
) -> None:
    client = MCPClient(board.url, **FAST)
    with (
        no_new_threads(),
        pytest.raises(MCPConnectionError, match="could not start mcp-heartbeat and mcp-rea"),
    ):
        client.connect(PATIENCE) if act == "connect" else client.request("ping")
    assert client.get_connection_state() == "disconnected"
    assert client.pending_requests() == []
    assert own_threads() == []
    assert client.connect(PATIENCE) is True
    client.close()


def test_connect_returns_at_once_when_connected(client: MCPClient, line: Line) -> None:
    assert client.connect(timeout=0) is True
    assert client.get_connection_stats().dials.made == 1


def test_connect_says_true_for_a_link_that_was_lost_since() -> None:
    def drop(line: Line) -> None:
        line.reset()

    with Switchboard(drop) as board:
        client = MCPClient(board.url, reconnect_delay=SLOW, max_reconnect_delay=SLOW)
        assert client.connect() is True
        client.close()


def test_connect_gives_up_after_its_own_timeout_and_dialing_goes_on() -> None:
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), 100, **FAST)
        diary = Diary(client)
        proxy.refuse()
        client.reconnect()
        diary.wait_for("failed")
        with pytest.raises(MCPTimeoutError, match="a connection: .*connection refused") as caught:
            client.connect(timeout=100 * MS)
        assert (caught.value.method, caught.value.timeout) == ("connect", 100 * MS)
        proxy.accept()
        diary.wait_for("connected")
        client.close()


def test_a_timeout_in_the_first_dial_has_no_error_to_tell_yet() -> None:
    def mute(connection: WebSocketConnection) -> None:
        connection.receive_to_end()

    with WebSocketPeer(mute, upgrade=False) as peer:
        client = MCPClient(peer.url, connect_timeout=SLOW)
        with pytest.raises(
            MCPTimeoutError, match=r"a connection: connecting, no ready link for \d\.\d s$"
        ):
            client.connect(timeout=30 * MS)
        client.close()


def test_connect_joins_the_attempt_under_way() -> None:
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), 1000, **FAST)
        diary = Diary(client)
        proxy.refuse()
        connecting = threading.Thread(target=client.connect)
        connecting.start()
        diary.wait_for("failed", 2)
        outcomes: list[bool] = []
        joining = [
            threading.Thread(target=lambda: outcomes.append(client.connect())) for _ in range(3)
        ]
        for thread in joining:
            thread.start()
        proxy.accept()
        for thread in (connecting, *joining):
            thread.join(PATIENCE)
        assert outcomes == [True] * 3
        assert board.connections == 1
        client.close()


def test_a_compareblocks_client_that_is_connected_sends_at_once() -> None:
    with Switchboard(nothing) as board:
        client = CompareblocksClient(board.url, **FAST)
        assert client.connect() is True
        assert client._connection.gate.is_ready()
        client.close()


def test_wait_until_ready_connects_and_shakes_hands() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **FAST)
        assert client.wait_until_ready(PATIENCE) is True
        assert client.is_initialized()
        assert client.wait_until_ready(0) is True
        client.close()
        with pytest.raises(MCPClosedError):
            client.wait_until_ready(PATIENCE)


def test_wait_until_ready_waits_on_while_offline() -> None:
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), 0, **FAST)
        proxy.refuse()
        assert client.connect() is False
        assert client.wait_until_ready(20 * MS) is False
        waiting = threading.Timer(20 * MS, proxy.accept)
        waiting.start()
        assert client.wait_until_ready(None) is True
        waiting.join()
        client.close()


def test_initialize_connects_and_returns_what_the_server_said(board: Switchboard) -> None:
    client = MCPClient(board.url, **FAST)
    result = client.initialize()
    assert (result.protocol_version, result.server_info.name) == (NEWEST, "peer")
    assert client.initialize() == result
    board.line()
    client.close()
    with pytest.raises(MCPClosedError):
        client.initialize()


def test_initialize_raises_when_the_attempts_are_used_up_however_long_its_timeout() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, 1, request_timeout=SLOW, **FAST)
        began = time.monotonic()
        for _ in range(2):
            with pytest.raises(MCPOfflineError, match="connection refused"):
                client.initialize()
        assert time.monotonic() - began < QUICK
        client.close()


def test_initialize_is_bounded_by_the_request_timeout() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, request_timeout=50 * MS, **FAST)
        with pytest.raises(
            MCPTimeoutError, match="a connection: connect.*, no ready link"
        ) as caught:
            client.initialize()
        assert caught.value.method == "initialize"
        client.close()


def test_the_handshake_of_a_closed_link_is_an_error_and_no_wait(board: Switchboard) -> None:
    client = MCPClient(board.url, **FAST)
    client.connect()
    link = client._connection.gate.link
    assert link is not None
    client.close()
    step = ("initialize", {}, Deadline(PATIENCE), True)
    with pytest.raises(MCPConnectionError, match="the link is lost"):
        client._connection._exchange(link, *step)


def test_an_optional_handshake_on_a_link_that_is_lost_under_it_fails() -> None:
    with Switchboard(nothing) as board:
        client = CompareblocksClient(board.url, **FAST)
        client.connect()
        line = board.line()
        losing = threading.Thread(target=lambda: (line.request("initialize"), line.reset()))
        losing.start()
        with pytest.raises(MCPConnectionError):
            client.initialize()
        losing.join()
        client.close()


def test_a_second_initialize_of_a_compareblocks_server_that_is_too_late_changes_nothing() -> None:
    with Switchboard(nothing) as board:
        client = CompareblocksClient(board.url, **FAST)
        client.connect()
        line = board.line()
        initializing = [threading.Thread(target=client.initialize) for _ in range(2)]
        for thread in initializing:
            thread.start()
        for _ in initializing:
            line.answer(line.request("initialize"), {"protocolVersion": "1.0.0"})
        for thread in initializing:
            thread.join(PATIENCE)
        assert client.is_initialized()
        client.close()


# Closing


def test_close_is_idempotent_and_closes_what_was_never_opened() -> None:
    client = MCPClient("ws://127.0.0.1:1")
    for _ in range(3):
        client.close()
    assert client.get_connection_state() == "disconnected"


def test_close_announces_disconnected_once(board: Switchboard) -> None:
    client = MCPClient(board.url, **FAST)
    diary = Diary(client)
    client.connect()
    client.close()
    client.close()
    assert diary.names() == ["connected", "disconnected"]


def test_two_threads_may_close_at_once(client: MCPClient, line: Line) -> None:
    began = time.monotonic()
    in_threads([client.close] * 4)
    assert time.monotonic() - began < 1900 * MS  # close() gives threads that do not end 2 s
    line.wait_until_ended()
    assert line.close_code == 1000


def test_a_handler_may_close_the_client(client: MCPClient, line: Line) -> None:
    closed = threading.Event()

    def close(_: object) -> None:
        client.close()
        closed.set()

    client.on_notification("goodbye", close)
    line.notify("goodbye")
    assert closed.wait(PATIENCE)
    assert client.get_connection_state() == "disconnected"
    line.wait_until_ended()


def test_a_done_callback_may_close_the_client(client: MCPClient, line: Line) -> None:
    closed = threading.Event()
    call = client.submit("tools/call")
    call.add_done_callback(lambda _: (client.close(), closed.set()))
    line.answer(line.request("tools/call"))
    assert closed.wait(PATIENCE)


def test_close_leaves_no_thread_behind(client: MCPClient, line: Line) -> None:
    client.on("disconnected", lambda _: None)
    line.ask(1, "ping")
    line.message()
    assert {"mcp-reader", "mcp-heartbeat"} <= set(own_threads())
    client.close()
    until(lambda: own_threads() == [])


def test_events_are_delivered_before_the_close_returns(board: Switchboard) -> None:
    client = MCPClient(board.url, **FAST)
    inbox = Inbox()
    client.on("disconnected", inbox)
    client.connect()
    client.close()
    assert len(inbox) == 1


def test_close_with_drain_waits_for_the_answers(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    request = line.request("tools/call")
    answering = threading.Timer(20 * MS, line.answer, (request, {"n": 1}))
    answering.start()
    client.close(drain=PATIENCE)
    answering.join()
    assert call.result(0) == {"n": 1}


def test_close_with_drain_is_bounded_by_it(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    line.request("tools/call")
    began = time.monotonic()
    client.close(drain=30 * MS)
    assert time.monotonic() - began < QUICK
    assert isinstance(call.exception(0), MCPClosedError)


def test_messages_after_the_close_are_read_away(client: MCPClient, line: Line) -> None:
    for number in range(50):
        line.notify("late", n=number)
    client.close()
    line.wait_until_ended()
    assert line.close_code == 1000


def test_disconnect_is_close(client: MCPClient, line: Line) -> None:
    client.disconnect()
    with pytest.raises(MCPClosedError):
        client.request("ping")


def test_a_client_can_be_closed_and_opened_from_many_threads_at_once(board: Switchboard) -> None:
    """Whatever the order: it ends open or closed, hangs nowhere and can be used again."""
    client = MCPClient(board.url, **FAST)

    def open_and_close() -> None:
        for _ in range(5):
            try:
                client.connect(PATIENCE)
            except MCPClosedError:
                continue
            finally:
                client.close()

    in_threads([open_and_close] * 4)
    client.close()
    assert client.connect(PATIENCE) is True
    client.close()


# Settings


def test_configure_refuses_what_is_impossible_and_keeps_the_old_values(client: MCPClient) -> None:
    before = client.config
    for changes in (
        {"request_timeout": -1},
        {"request_timeout": 5.0, "no_such_setting": 1},
        {"server_url": "http://127.0.0.1:1"},
        {"overflow": "explode"},
        {"journal": "queue.db"},
    ):
        with pytest.raises(MCPConfigurationError):
            client.configure(**changes)
        assert client.config == before


def test_configure_returns_the_settings_that_hold(client: MCPClient) -> None:
    config = client.configure(request_timeout=7.0, max_replays=0)
    assert config is client.config
    assert (config.request_timeout, config.max_replays) == (7.0, 0)


def test_a_new_address_is_dialed_next(client: MCPClient, line: Line) -> None:
    with Switchboard() as other:
        client.configure(server_url=other.url)
        client.reconnect()
        again = other.line()
        assert client.wait_until_ready(PATIENCE)
        call = client.submit("ping")
        again.answer(again.request("ping"))
        assert call.result(PATIENCE) == {}
        client.close()


def test_a_larger_queue_lets_those_in_who_wait_for_room() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, 0, overflow="block", offline_queue_limit=1, **FAST)
        client.connect()
        client.submit("first")
        growing = threading.Timer(20 * MS, client.configure, kwargs={"offline_queue_limit": 2})
        growing.start()
        began = time.monotonic()
        assert client.submit("second", timeout=PATIENCE)
        assert time.monotonic() - began < QUICK
        growing.join()
        assert client.offline_queue_size == 2
        client.close()


# Sizes


def test_a_message_over_the_dialects_limit_is_refused_before_it_is_queued() -> None:
    with nobody_listening() as url:
        client = CompareblocksClient(url, 0, **FAST)
        client.connect()
        with pytest.raises(MCPMessageTooLarge, match="limit of 1048576"):
            client.submit("get_status", {"text": "x" * (1 << 20)})
        call = client.submit("get_status", {"text": "x" * (1 << 19)})
        assert client.pending_requests() == [call]
        client.close()


def test_the_limit_counts_bytes_of_utf_8() -> None:
    with nobody_listening() as url:
        client = CompareblocksClient(url, 0, **FAST)
        client.connect()
        with pytest.raises(MCPMessageTooLarge):
            client.submit("get_status", {"text": "ä" * (1 << 19)})
        client.close()


# Forks


def test_a_forked_child_has_a_fresh_client_and_leaves_the_parents_link_alone(
    client: MCPClient, board: Switchboard, line: Line
) -> None:
    waiting = client.submit("tools/call", timeout=None)
    line.request("tools/call")
    reader, writer = os.pipe()
    with warnings.catch_warnings():
        # Python 3.12 warns of a fork beside threads, which is what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        pid = os.fork()
    if pid == 0:
        try:
            ok = (
                client.get_connection_state() == "disconnected"
                and isinstance(waiting.exception(0), MCPClosedError)
                and client.pending_requests() == []
            )
            os.write(writer, b"y" if ok else b"n")
        finally:
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        assert pipe.read() == b"y"
    os.waitpid(pid, 0)
    call = client.submit("ping")
    line.answer(line.request("ping"))
    assert call.result(PATIENCE) == {}
    assert not waiting.done()
    assert board.connections == 1
    waiting.cancel()


def test_a_renewed_connection_keeps_settings_handlers_and_dialect() -> None:
    connection = make_connection(request_timeout=7.0)
    inbox = Inbox()
    connection.dispatcher.on("connected", inbox)
    connection.receiver.wants = lambda method: method == "wanted"
    call = make_call(connection)
    with connection.gate.lock:
        connection.calls.outbox.append(call)
    connection.let_go_in_child()
    renewed = connection.renewed_in_child()
    assert renewed.gate.config.request_timeout == 7.0
    assert renewed.dialect == connection.dialect
    assert renewed.dispatcher.wants("connected")
    assert renewed.receiver.wants("wanted")
    assert not renewed.receiver.wants("other")
    assert isinstance(call.exception(0), MCPClosedError)
    assert list(renewed.calls.outbox) == []


# What is rare


def test_news_of_a_retired_link_is_dropped(client: MCPClient, board: Switchboard) -> None:
    board.line()
    connection = client._connection
    old = connection.gate.link
    assert old is not None
    client.reconnect()
    board.line()
    assert client.wait_until_ready(PATIENCE)
    losses = client.get_connection_stats().losses.count
    connection.life.down(old, LinkDown("late news"))
    connection.life.unprepared(old, MCPConnectionError("late news"))
    connection.life.prepared(old, None)
    connection.life.dial_failed(old.transport, MCPConnectionError("late news"))
    assert client.is_initialized()
    assert client.get_connection_stats().losses.count == losses
    assert connection.life.dialed(old.transport, old.info) is None
    assert old.loss == Loss(cause="reconnect() was called")


def test_a_dial_that_is_not_wanted_any_more_is_not_begun() -> None:
    connection = make_connection()
    transport = connection._make_transport(connection.gate.config)
    assert connection.life.begin_dial(transport) is False


def test_the_place_of_a_call_that_is_not_queued_is_none() -> None:
    connection = make_connection()
    assert connection.position(make_call(connection)) == 0


def test_close_waits_for_what_its_last_threads_announce(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the heartbeat may find the health changed while it is waited for."""
    delivered = threading.Event()

    def deliver() -> None:
        threading.Event().wait(100 * MS)
        delivered.set()

    with EmbeddedServer() as server:
        client = MCPClient(server.url, **FAST)
        client.connect()
        dispatcher, join = client._connection.dispatcher, connection._join

        def announce_and_join(threads: list[threading.Thread], patience: Deadline) -> None:
            dispatcher.post(deliver)
            dispatcher.kick()
            join(threads, patience)

        monkeypatch.setattr(connection, "_join", announce_and_join)
        client.close()
        assert delivered.is_set()
        assert own_threads() == []
