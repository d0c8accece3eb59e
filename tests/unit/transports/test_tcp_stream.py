"""Receiving that waits in recv(2) first: within its bounds, whatever signals come, without loss."""

from __future__ import annotations

import contextlib
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from alarm import Alarm, ctrl_c
from buffers import fill
from mcp_sync.deadline import Deadline
from mcp_sync.transports import tcp_stream
from mcp_sync.transports.readiness import SelfPipe
from mcp_sync.transports.streams import WaitOver
from mcp_sync.transports.tcp_stream import TcpStream
from scenes import until
from timing import MS

BOUND = 10_000 * MS

STORM = """
import os, signal
parent = os.getppid()
while os.getppid() == parent:
    os.kill(parent, signal.SIGUSR1)
"""


class Line:
    """A stream and the other end of its connection."""

    last_inbound = last_outbound = 0.0
    bytes_received = bytes_sent = 0

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.raw = socket.create_connection(listener.getsockname())
            self.peer, _ = listener.accept()
        # As the upgrade does it: a kernel that has counted nothing is not believed.
        self.peer.send(b"101")
        assert self.raw.recv(3, socket.MSG_WAITALL) == b"101"
        self.raw.setblocking(False)
        self.pipe = SelfPipe()
        self.pipe.open()
        self.stream = TcpStream(self.raw, self.pipe, self)

    def close(self) -> None:
        self.stream.close()
        self.peer.close()
        self.pipe.close()


@pytest.fixture
def line() -> Iterator[Line]:
    with contextlib.closing(Line()) as made:
        yield made


def test_linux_lets_a_receiver_wait_in_recv(line: Line) -> None:
    assert line.stream._can_linger == (sys.platform == "linux")


def test_what_comes_while_it_waits_is_received_and_counted(line: Line) -> None:
    for _ in range(20):
        threading.Timer(2 * MS, line.peer.send, [b"answer"]).start()
        assert line.stream.receive(Deadline(BOUND)) == b"answer"
    assert line.bytes_received == 20 * len(b"answer")
    assert not line.stream.waiting


@pytest.mark.parametrize("patience", [1 * MS, 20 * MS, 200 * MS])
def test_a_deadline_ends_the_wait(line: Line, patience: float) -> None:
    deadline = Deadline(patience)
    with pytest.raises(WaitOver):
        line.stream.receive(deadline)
    assert deadline.is_over()


def test_a_wake_and_an_abort_end_a_wait_that_has_no_deadline(line: Line) -> None:
    for end in (line.pipe.wake, line.stream.shutdown):
        threading.Timer(2 * MS, end).start()
        if end == line.stream.shutdown:
            assert line.stream.receive(None) == b""
        else:
            with pytest.raises(WaitOver):
                line.stream.receive(None)


def test_signals_that_come_without_a_pause_do_not_keep_a_wait(line: Line) -> None:
    struck: list[int] = []
    with contextlib.closing(Alarm(lambda: None)):  # It puts back what handles the signal.
        signal.signal(signal.SIGUSR1, lambda number, _: struck.append(number))
        storm = subprocess.Popen([sys.executable, "-S", "-c", STORM])
        try:
            while not struck:
                threading.Event().wait(1 * MS)
            for _ in range(3):
                with pytest.raises(WaitOver):
                    line.stream.receive(Deadline(200 * MS))
        finally:
            storm.kill()
            storm.wait()
    assert len(struck) > 100


def test_bytes_that_an_interrupt_took_away_are_noticed(line: Line) -> None:
    line.peer.send(b"abc")
    assert line.stream.receive(Deadline(BOUND)) == b"abc"
    line.stream.waiting = True  # As an interrupt in recv(2) leaves it.
    assert line.stream.has_taken_all()
    line.peer.send(b"def")
    assert line.raw.recv(3, socket.MSG_PEEK)
    assert line.stream.has_taken_all()
    if line.stream._can_linger:
        assert line.raw.recv(1) == b"d"
        assert not line.stream.has_taken_all()


def test_the_end_of_the_stream_is_no_byte_that_was_taken_away(line: Line) -> None:
    line.peer.send(b"abc")
    line.peer.shutdown(socket.SHUT_WR)
    poll = select.poll()
    poll.register(line.raw.fileno(), select.POLLRDHUP)
    assert poll.poll(BOUND * 1000)
    line.stream.waiting = True
    assert line.stream.has_taken_all()


def test_of_a_closed_stream_nothing_is_sure(line: Line) -> None:
    line.stream.waiting = True
    line.stream.close()
    assert line.stream.has_taken_all() is not line.stream._can_linger


def test_what_comes_while_it_is_counted_does_not_spoil_the_count(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The kernel counts what has come and what is unread in two calls."""
    count, counted = tcp_stream._count_received, 0

    def count_and_send(sock: socket.socket) -> int:
        nonlocal counted
        received = count(sock)
        counted += 1
        if counted < 4:
            line.peer.send(b"x")
            poll = select.poll()
            poll.register(sock.fileno(), select.POLLIN)
            assert poll.poll(BOUND * 1000)
            until(lambda: count(sock) > received)
        return received

    monkeypatch.setattr(tcp_stream, "_count_received", count_and_send)
    assert tcp_stream._count_taken(line.raw) == len(b"101")
    monkeypatch.setattr(tcp_stream, "_COUNTS", 2)
    counted = 0
    assert tcp_stream._count_taken(line.raw) is None
    line.stream.waiting, counted = True, 0
    assert not line.stream.has_taken_all()


def test_a_kernel_that_counts_nothing_is_not_believed(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tcp_stream, "_count_taken", lambda _: 0)
    line.raw.setblocking(False)
    assert not TcpStream(line.raw, line.pipe, line)._can_linger
    assert not line.raw.getblocking()


def test_a_wake_is_heard_while_bytes_keep_coming(line: Line) -> None:
    line.peer.send(b"x")
    line.pipe.wake()
    with pytest.raises(WaitOver):
        line.stream.receive(Deadline(BOUND))
    assert line.stream.receive(Deadline(BOUND)) == b"x"


def test_an_interrupt_of_the_wait_comes_out_alone(line: Line) -> None:
    with contextlib.closing(Alarm(ctrl_c)) as alarm:
        alarm.after(50 * MS)
        with pytest.raises(KeyboardInterrupt) as caught:
            line.stream.receive(Deadline(BOUND))
    assert caught.value.__context__ is None


def test_sending_never_waits(line: Line) -> None:
    fill(line.raw)
    assert line.stream.send(b"x") == 0
