"""The pulse: silent peers are found, living ones are left alone, and time goes on for calls."""

from __future__ import annotations

import gc
import logging
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
import weakref
from typing import Any

import pytest

from calls_made import make_connection
from mcp_sync import MCPClient
from mcp_sync.connection.heartbeat import Heartbeat, _Pulse
from mcp_sync.connection.link import Link
from mcp_sync.errors import MCPClosedError, MCPConnectionLost, MCPTimeoutError
from mcp_sync.testing import FaultProxy, WebSocketConnection, WebSocketPeer
from mcp_sync.transports.websocket import WebSocketTransport
from peers_mcp import CLOSE, PATIENCE, PING, PONG, Switchboard
from scenes import FAST, Diary, shake_hands, until
from timing import MS

INTERVAL, TIMEOUT = 40 * MS, 400 * MS
PULSE: dict[str, Any] = {
    "heartbeat_interval": INTERVAL,
    "heartbeat_timeout": TIMEOUT,
    **FAST,
}
LIVING: dict[str, Any] = {**PULSE, "heartbeat_timeout": PATIENCE}
"""A pulse for links that are not to be lost."""

SLACK = 1500 * MS
"""What a busy machine may add to a bound."""


def shrink_send_buffer(client: MCPClient) -> Link:
    """Or the kernel takes megabytes at once."""
    link = client._connection.gate.link
    assert link is not None
    assert isinstance(link.transport, WebSocketTransport)
    assert link.transport._stream is not None
    link.transport._stream._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 32768)
    return link


def test_pongs_are_counted_and_measured() -> None:
    with Switchboard() as board, MCPClient(board.url, **LIVING) as client:
        line = board.line()
        for _ in range(4):
            line.pings.get(timeout=PATIENCE)
        until(lambda: client.get_connection_stats().heartbeat.pongs >= 3)
        pulse = client.get_connection_stats().heartbeat
        assert pulse.pings_sent >= 3
        assert pulse.pongs_lost == 0
        assert pulse.p50 is not None
        assert 0 < pulse.p50 < SLACK
        assert pulse.p95 is not None
        assert pulse.jitter is not None
        assert client.get_connection_stats().losses.count == 0


def test_each_ping_has_a_payload_of_its_own() -> None:
    with Switchboard() as board, MCPClient(board.url, **LIVING):
        line = board.line()
        payloads = [line.pings.get(timeout=PATIENCE) for _ in range(3)]
        assert len(set(payloads)) == 3


def test_pings_come_at_the_interval() -> None:
    with Switchboard() as board, MCPClient(board.url, **LIVING):
        line = board.line()
        line.pings.get(timeout=PATIENCE)
        began = time.monotonic()
        for _ in range(3):
            line.pings.get(timeout=PATIENCE)
        assert time.monotonic() - began >= 2 * INTERVAL


def test_a_shorter_interval_counts_at_once() -> None:
    with Switchboard() as board, MCPClient(board.url, heartbeat_interval=600.0) as client:
        line = board.line()
        client.configure(heartbeat_interval=10 * MS)
        line.pings.get(timeout=PATIENCE)


def test_a_silent_peer_is_found_within_interval_and_timeout() -> None:
    """No FIN and no reset: the link is a black hole."""
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), **PULSE)
        diary = Diary(client)
        client.connect()
        client.initialize()
        call = client.submit("tools/call", timeout=None)
        board.line().request("tools/call")
        proxy.refuse()
        proxy.cut("blackhole")
        began = time.monotonic()
        event = diary.wait_for("disconnected")
        assert time.monotonic() - began < INTERVAL + TIMEOUT + SLACK
        assert f"no byte from the server within {TIMEOUT:g} s of a ping" in event.context["cause"]
        assert isinstance(call.exception(PATIENCE), MCPConnectionLost)
        assert client.get_connection_stats().heartbeat.pongs_lost >= 1
        client.close()


def test_a_silent_peer_is_found_while_a_caller_reads() -> None:
    with Switchboard(pongs=False) as board:
        client = MCPClient(board.url, 0, **PULSE)
        client.connect()
        client.initialize()
        with pytest.raises(MCPConnectionLost, match="no byte from the server"):
            client.request("tools/call", timeout=PATIENCE)
        client.close()


def test_a_peer_that_goes_silent_long_after_it_left_pongs_out_is_found_in_the_same_time() -> None:
    with Switchboard(pongs=False) as board:
        timeout = 1000 * MS  # within which each of the first news must come
        client = MCPClient(board.url, 0, **{**PULSE, "heartbeat_timeout": timeout})
        diary = Diary(client)
        client.connect()
        client.initialize()
        line = board.line()
        for number in range(10):
            line.pings.get(timeout=PATIENCE)
            line.notify("alive", n=number)
        last = time.monotonic()
        diary.wait_for("disconnected")
        assert time.monotonic() - last < INTERVAL + timeout + SLACK
        client.close()


def test_a_peer_that_sends_but_never_pongs_lives_and_its_lost_pongs_are_counted() -> None:
    pulse = {**PULSE, "heartbeat_timeout": 1000 * MS}
    with Switchboard(pongs=False) as board, MCPClient(board.url, **pulse) as client:
        line = board.line()
        for number in range(200):
            line.pings.get(timeout=PATIENCE)
            line.notify("alive", n=number)
            if client.get_connection_stats().heartbeat.pongs_lost >= 2:
                break
        assert client.get_connection_stats().heartbeat.pongs_lost >= 2
        assert client.get_connection_stats().losses.count == 0


def test_a_peer_that_stops_reading_during_a_write_is_found() -> None:
    """The write makes no progress, and the ping cannot be sent beside it."""

    def stop_reading(connection: WebSocketConnection) -> None:
        connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        shake_hands(connection)
        connection.hold()

    with WebSocketPeer(stop_reading) as peer:
        client = MCPClient(peer.url, 0, **PULSE)
        diary = Diary(client)
        client.connect()
        client.initialize()
        outcome: list[BaseException] = []

        def write() -> None:
            with pytest.raises((MCPClosedError, MCPTimeoutError)) as caught:
                client.request("big", {"text": "x" * (7 << 20)}, timeout=PATIENCE)
            outcome.append(caught.value)

        writing = threading.Thread(target=write)
        writing.start()
        began = time.monotonic()
        diary.wait_for("disconnected")
        assert time.monotonic() - began < INTERVAL + TIMEOUT + SLACK + 1
        client.close()
        writing.join(PATIENCE)
        assert len(outcome) == 1


def test_a_slow_write_that_makes_progress_is_no_silence() -> None:
    """The way is slow, the peer takes what comes and says nothing before it has all."""
    interval, timeout = 20 * MS, 800 * MS

    def take(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        while connection.read_frame().opcode == PING:
            pass

    with WebSocketPeer(take) as peer, FaultProxy("127.0.0.1", peer.port) as proxy:
        client = MCPClient(
            proxy.url(), 0, heartbeat_interval=interval, heartbeat_timeout=timeout, **FAST
        )
        client.connect()
        client.initialize()
        shrink_send_buffer(client)
        # It holds 256 KiB at a time, so that this makes 4 MiB/s of it.
        proxy.delay(64 * MS)
        began = time.monotonic()
        with pytest.raises(MCPConnectionLost) as caught:
            client.request("big", {"text": "x" * (4 << 20)}, timeout=4 * PATIENCE)
        assert caught.value.maybe_executed, "the peer ended the link after it had taken all"
        assert time.monotonic() - began > interval + timeout
        client.close()


def test_a_ping_that_a_busy_writer_kept_back_is_no_silence_of_the_peer() -> None:
    """The write ends, the peer works on without a word: it is pinged soon and answers that."""
    interval, timeout = 1500 * MS, 1200 * MS

    def work(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        while (frame := connection.read_frame()).opcode != CLOSE:
            if frame.opcode == PING:
                connection.send_frame(PONG, frame.payload)

    with WebSocketPeer(work) as peer, FaultProxy("127.0.0.1", peer.port) as proxy:
        client = MCPClient(
            proxy.url(), 0, heartbeat_interval=interval, heartbeat_timeout=timeout, **FAST
        )
        writing = threading.Thread(
            target=lambda: pytest.raises(
                MCPClosedError, client.request, "big", {"text": "x" * (2 << 20)}, timeout=None
            )
        )
        try:
            client.connect()
            client.initialize()
            shrink_send_buffer(client)
            proxy.pause("to_server")
            writing.start()
            heartbeat = client._connection._heartbeat
            until(lambda: heartbeat._pulse is not None and heartbeat._pulse.asked_at is not None)
            assert client.get_connection_stats().heartbeat.pings_sent == 0
            proxy.resume()
            until(lambda: client.get_connection_stats().heartbeat.pongs >= 1)
            threading.Event().wait(timeout)  # for a verdict that counts from the ping kept back
            assert client.get_connection_stats().losses.count == 0
        finally:
            client.close()
        writing.join(PATIENCE)


def test_a_late_first_look_is_followed_by_a_second_one_before_the_verdict() -> None:
    """After a suspension the pongs wait in the kernel, and the reader needs a moment."""
    timeout = 2.0
    connection = make_connection(heartbeat_timeout=timeout)
    transport = connection._make_transport(connection.gate.config)
    link = Link(1, transport, connection.dialect)
    reports: list[str] = []
    heartbeat = Heartbeat(
        connection.gate,
        connection.calls,
        lambda _, down: reports.append(down.cause),
        lambda: False,
        connection._sender.revive,
        connection.close,
    )
    now = time.monotonic()
    pulse = _Pulse(link, now + 100)
    pulse.asked_at = now - 3600
    # Before the ping, also on a machine whose clock began less than an hour ago.
    transport.last_inbound = pulse.asked_at - 1
    again = heartbeat._check(pulse, now)
    assert now + 0.2 <= again <= now + timeout
    assert reports == []
    heartbeat._check(pulse, again - 0.01)
    assert reports == []
    heartbeat._check(pulse, again)
    assert reports == ["no byte from the server within 2 s of a ping"]


def test_the_heartbeat_lives_through_a_fault_and_a_log_handler_that_raises() -> None:
    class Rude(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no disk")

    rude, logger = Rude(), logging.getLogger("mcp_sync.connection")
    with Switchboard() as board, MCPClient(board.url, **LIVING) as client:
        line = board.line()
        level = logger.level
        logger.setLevel(logging.INFO)
        logger.addHandler(rude)
        try:
            # Half of its time is told in the log, by the heartbeat.
            call = client.submit("tools/call", timeout=100 * MS)
            until(call.done)
        finally:
            logger.removeHandler(rude)
            logger.setLevel(level)
        line.pings.get(timeout=PATIENCE)
        late = client.submit("tools/call", timeout=30 * MS)
        assert isinstance(late.exception(PATIENCE), MCPTimeoutError)


def test_a_forgotten_client_is_collected_and_its_threads_end() -> None:
    before = set(threading.enumerate())
    with Switchboard() as board:
        client = MCPClient(board.url, **FAST)
        client.connect()
        client.initialize()
        line = board.line()
        call = client.submit("tools/call")
        reference = weakref.ref(client)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del client
            gc.collect()
        assert reference() is None
        told = [str(one.message) for one in caught if one.category is ResourceWarning]
        assert f"unclosed MCP client of {board.url}; use 'with', or call close()" in told
        line.wait_until_ended()
        assert isinstance(call.exception(PATIENCE), MCPClosedError)
        for thread in set(threading.enumerate()) - before:
            if thread.name.startswith("mcp-"):
                thread.join(PATIENCE)
                assert not thread.is_alive()


def test_a_forgotten_client_that_was_closed_warns_of_nothing() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url)
        client.connect()
        client.close()
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            del client
            gc.collect()
        assert not [one for one in caught if board.url in str(one.message)]


def test_a_suspended_process_does_not_take_its_own_absence_for_the_peers_silence() -> None:
    """The pongs wait in the kernel; whoever wakes first, the link is looked at twice."""
    program = """
import sys
from mcp_sync import MCPClient
client = MCPClient(sys.argv[1], heartbeat_interval=0.02, heartbeat_timeout=2)
client.connect()
client.initialize()
sys.stdout.write("ready\\n")
sys.stdout.flush()
for line in sys.stdin:
    sys.stdout.write(f"{client.get_connection_stats().losses.count}\\n")
    sys.stdout.flush()
client.close()
"""
    with Switchboard(pongs=False) as board:
        child = subprocess.Popen(
            [sys.executable, "-c", program, board.url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert child.stdin is not None
        assert child.stdout is not None
        with child, child.stdin, child.stdout:
            assert child.stdout.readline() == "ready\n"
            line = board.line()
            ping = line.pings.get(timeout=PATIENCE)
            os.kill(child.pid, signal.SIGSTOP)
            line.pong(ping)
            threading.Event().wait(2.5)  # longer than the timeout: that is the point
            os.kill(child.pid, signal.SIGCONT)
            child.stdin.write("?\n")
            child.stdin.flush()
            assert child.stdout.readline() == "0\n"
            line.pong(line.pings.get(timeout=PATIENCE))
            child.stdin.write("?\n")
            child.stdin.flush()
            assert child.stdout.readline() == "0\n"
