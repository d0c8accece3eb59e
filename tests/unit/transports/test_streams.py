"""Byte streams: waiting, giving up without loss, and a kernel that has no room."""

from __future__ import annotations

import contextlib
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from buffers import SMALL_BUFFER, fill
from mcp_sync.deadline import Deadline
from mcp_sync.testing import PeerConnection, RawPeer
from mcp_sync.transports.base import LinkDown, WriteTimeout
from mcp_sync.transports.frame_writer import FrameWriter
from mcp_sync.transports.readiness import SelfPipe
from mcp_sync.transports.streams import ByteStream, WaitOver
from mcp_sync.transports.tcp_stream import TcpStream
from mcp_sync.transports.tls import TlsConnection
from mcp_sync.transports.tls_stream import TlsStream
from timing import MS

BOUND = 10_000 * MS


class Gauges:
    last_inbound = last_outbound = 0.0
    bytes_received = bytes_sent = 0


class End:
    """A stream, what it is made of, and the script that has the other end."""

    def __init__(self, peer: RawPeer, context: ssl.SSLContext | None) -> None:
        self.raw = socket.create_connection((peer.host, peer.port))
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        self.raw.settimeout(BOUND)
        self.pipe = SelfPipe()
        self.pipe.open()
        self.gauges = Gauges()
        self.stream: ByteStream
        if context is None:
            self.raw.setblocking(False)
            self.stream = TcpStream(self.raw, self.pipe, self.gauges)
        else:
            connection = TlsConnection(self.raw, context, "127.0.0.1")
            # On a blocking socket the handshake needs nobody to wait for it.
            connection.do_handshake()
            self.raw.setblocking(False)
            self.stream = TlsStream(connection, self.pipe, self.gauges)

    def close(self) -> None:
        self.stream.close()
        self.pipe.close()

    def fill(self) -> None:
        """Leave the kernel no room, behind the stream's back."""
        fill(self.raw)


Connect = Callable[..., contextlib.AbstractContextManager[End]]


@pytest.fixture(params=["tcp", "tls"])
def connect(request: pytest.FixtureRequest, certificates: Any) -> Connect:
    """Connects a stream of either kind to a script."""
    tls = request.param == "tls"

    @contextlib.contextmanager
    def run(script: Callable[[PeerConnection], object]) -> Iterator[End]:
        with RawPeer(script, tls=certificates.server if tls else None) as peer:
            end = End(peer, certificates.client if tls else None)
            try:
                yield end
            finally:
                end.close()

    return run


def hold(connection: PeerConnection) -> None:
    connection.hold()


def test_what_was_sent_is_received_and_counted(connect: Connect) -> None:
    with connect(lambda connection: connection.send(b"hello") or connection.hold()) as end:
        assert end.stream.receive(Deadline(BOUND)) == b"hello"
        assert end.gauges.bytes_received >= 5
        assert end.gauges.last_inbound > 0


def test_the_end_of_the_stream_is_empty_again_and_again(connect: Connect) -> None:
    with connect(lambda connection: connection.send(b"x")) as end:
        received = b""
        while part := end.stream.receive(Deadline(BOUND)):
            received += part
        assert received == b"x"
        assert end.stream.receive(Deadline(BOUND)) == b""


def test_waiting_ends_at_the_deadline_a_wake_and_an_abort(connect: Connect) -> None:
    with connect(hold) as end:
        for deadline in (Deadline(0), Deadline(20 * MS)):
            with pytest.raises(WaitOver):
                end.stream.receive(deadline)
        end.pipe.wake()
        with pytest.raises(WaitOver):
            end.stream.receive(None)
        end.pipe.abort()
        with pytest.raises(LinkDown, match="aborted"):
            end.stream.receive(None)
        assert not end.stream.waiting


def test_what_has_arrived_is_taken_without_time(connect: Connect) -> None:
    with connect(lambda connection: connection.send(b"x" * 50_000) or connection.hold()) as end:
        received = len(end.stream.receive(Deadline(BOUND)))
        while received < 50_000:
            with contextlib.suppress(WaitOver):
                received += len(end.stream.receive(Deadline(0)))
        assert received == 50_000


def test_sending_counts_what_the_kernel_took(connect: Connect) -> None:
    read: list[bytes] = []
    with connect(lambda connection: read.append(connection.receive_to_end())) as end:
        data = memoryview(bytes(range(256)) * 4000)
        offset = 0
        while offset < len(data):
            offset += end.stream.send(data[offset:])
            assert end.stream.wait_writable(Deadline(BOUND))
        assert end.gauges.bytes_sent >= len(data)
        assert end.gauges.last_outbound > 0
    assert read == [bytes(data)]


def test_a_full_kernel_takes_nothing_and_holds_nothing(connect: Connect) -> None:
    with connect(hold) as end:
        end.fill()
        assert end.stream.send(b"x") == 0
        assert not end.stream.engaged
        assert end.stream.free_space() == 0
        assert not end.stream.wait_writable(Deadline(10 * MS))
        assert not end.stream.wait_writable(Deadline(0))


def test_a_message_to_a_full_kernel_times_out_and_the_link_lives(connect: Connect) -> None:
    aborts: list[int] = []
    with connect(hold) as end:
        end.fill()
        writer = FrameWriter(end.stream, lambda: aborts.append(1))
        for _ in range(2):
            with pytest.raises(WriteTimeout):
                writer.send("late", Deadline(10 * MS))
        assert not writer.ping(b"")
    assert aborts == []


def test_a_message_that_is_under_way_at_the_deadline_ends_the_link(connect: Connect) -> None:
    aborts: list[int] = []
    with connect(hold) as end:
        writer = FrameWriter(end.stream, lambda: aborts.append(1))
        with pytest.raises(LinkDown, match="deadline") as caught:
            writer.send("x" * 6_000_000, Deadline(100 * MS))
        assert caught.value.partly_written
    assert aborts == [1]


def test_a_frame_that_is_under_way_goes_on_where_it_stopped(
    connect: Connect, in_thread: Callable[..., Future[Any]]
) -> None:
    read: list[bytes] = []
    with connect(lambda connection: read.append(connection.receive_to_end())) as end:
        writer = FrameWriter(end.stream, lambda: None)
        writing = [in_thread(writer.send, "x" * 500_000, Deadline(BOUND)) for _ in range(4)]
        posted = sum(writer.post("y" * 50_000) for _ in range(20))
        for one in writing:
            one.result(BOUND)
        while not writer.can_send_now(10):
            assert end.stream.wait_writable(Deadline(BOUND))
    assert len(read[0]) == 4 * (500_000 + 14) + posted * (50_000 + 8)


def test_discarding_reads_to_the_end_or_the_deadline(connect: Connect) -> None:
    def wait_for_our_end(connection: PeerConnection) -> None:
        connection.send(b"x" * 100_000)
        connection.receive_to_end()

    with connect(wait_for_our_end) as end:
        end.stream.discard_to_end(Deadline(BOUND))
        assert end.stream.receive(Deadline(0)) == b""
    with connect(hold) as end:
        end.stream.discard_to_end(Deadline(20 * MS))


def test_a_stream_may_be_shut_down_and_closed_twice(connect: Connect) -> None:
    with connect(hold) as end:
        end.stream.shutdown()
        end.stream.shutdown()
        # A peer of TLS that still had something to say is answered with a reset.
        with contextlib.suppress(LinkDown):
            assert end.stream.receive(Deadline(BOUND)) == b""
        with pytest.raises(LinkDown):
            end.stream.send(b"x")
        end.stream.close()
        end.stream.close()
        end.stream.shutdown()
        assert end.stream.free_space() == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_every_version_of_tls_ends_in_order(certificates: Any, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context()
    certificates.authority.configure_trust(context)
    context.maximum_version = version

    def script(connection: PeerConnection) -> None:
        connection.send(b"bye")
        with contextlib.suppress(OSError):  # We do not answer it in kind.
            connection.socket.unwrap()  # type: ignore[attr-defined]  # TLS has an end of its own

    with RawPeer(script, tls=certificates.server) as peer:
        end = End(peer, context)
        try:
            assert end.stream.receive(Deadline(BOUND)) == b"bye"
            assert end.stream.receive(Deadline(BOUND)) == b""
            end.raw.shutdown(socket.SHUT_WR)
        finally:
            end.close()


class SignallingSocket(socket.socket):
    """A socket that has a signal come right after bytes were taken by the kernel."""

    def send(self, *args: Any) -> int:
        count = super().send(*args)
        signal.raise_signal(signal.SIGUSR1)
        return count


def test_a_signal_handler_does_not_send_a_record_twice(certificates: Any) -> None:
    read: list[bytes] = []
    with (
        RawPeer(
            lambda connection: read.append(connection.receive_to_end()), tls=certificates.server
        ) as peer,
        SignallingSocket() as sock,
    ):
        sock.connect((peer.host, peer.port))
        connection = TlsConnection(sock, certificates.client, "127.0.0.1")
        before = signal.signal(signal.SIGUSR1, lambda *_: connection.pump() and None)
        try:
            connection.do_handshake()
            for _ in range(3):
                connection.send(b"once ")
        finally:
            signal.signal(signal.SIGUSR1, before)
        sock.shutdown(socket.SHUT_WR)
        peer.wait_for_scripts(1)
    assert read == [b"once once once "]
