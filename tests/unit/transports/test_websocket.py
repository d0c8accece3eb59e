"""The link's contract, against peers that keep the protocol and peers that do not."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConnectionError
from mcp_sync.testing import (
    FaultProxy,
    Frame,
    PeerConnection,
    RawPeer,
    WebSocketConnection,
    WebSocketPeer,
    encode_frame,
)
from mcp_sync.transports import websocket
from mcp_sync.transports.base import LinkDown
from mcp_sync.transports.websocket import WebSocketTransport
from timing import MS

BOUND = 10_000 * MS
SOON = 4000 * MS
BIG = 12_000_000
"""More bytes than the kernel's buffers on both sides may grow to."""

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA

Make = Callable[..., WebSocketTransport]
Run = Callable[..., Future[Any]]
Script = Callable[[WebSocketConnection], object]


def hold(connection: PeerConnection) -> None:
    connection.hold()


def echo(connection: WebSocketConnection) -> None:
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            connection.send_text(connection.read_text())


def sending(*data: bytes) -> Script:
    """A script that sends these bytes, and reads to the end."""

    def script(connection: WebSocketConnection) -> None:
        for part in data:
            connection.send(part)
        connection.receive_to_end()

    return script


class Recorder:
    """A script that sends some bytes and keeps the frames that come back."""

    def __init__(self, *data: bytes) -> None:
        self.data = data
        self.frames: list[Frame] = []
        self.ended_by: str | None = None

    def __call__(self, connection: WebSocketConnection) -> None:
        for part in self.data:
            connection.send(part)
        try:
            while True:
                self.frames.append(connection.read_frame())
        except (EOFError, ConnectionError) as error:
            self.ended_by = type(error).__name__


def wait_for_writer(transport: WebSocketTransport) -> None:
    """Wait until a thread is inside a write."""
    deadline = Deadline(BOUND)
    while not transport.is_writing():
        assert transport.receive(Deadline(1 * MS)) is None
        assert not deadline.is_over()


def loss(transport: WebSocketTransport) -> LinkDown:
    """How the link ends, when it is read."""
    with pytest.raises(LinkDown) as caught:
        transport.receive(Deadline(BOUND))
    return caught.value


@pytest.fixture(params=["ws", "wss"])
def both(request: pytest.FixtureRequest, certificates: Any) -> tuple[Any, Any]:
    """The TLS contexts of server and client: none of them, and real ones."""
    return (None, None) if request.param == "ws" else (certificates.server, certificates.client)


# Moving messages


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 3_000_000])
def test_messages_of_any_size_go_both_ways(
    open_link: Make, in_thread: Run, both: tuple[Any, Any], size: int
) -> None:
    text = "ä" * (size // 2) + "x" * (size % 2)
    with WebSocketPeer(echo, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        sending = in_thread(transport.send, text, Deadline(BOUND))
        assert transport.receive(Deadline(BOUND)) == text
        sending.result(BOUND)
        assert transport.bytes_sent > size
        assert transport.bytes_received > size


def test_many_threads_write_while_one_reads(
    open_link: Make, in_thread: Run, both: tuple[Any, Any]
) -> None:
    writers, messages = 4, 200

    def write(number: int) -> None:
        for count in range(messages):
            transport.send(f"{number} {count} " + "x" * (count * 37 % 5000), Deadline(BOUND))

    with WebSocketPeer(echo, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        writing = [in_thread(write, number) for number in range(writers)]
        seen: dict[str, list[int]] = {str(number): [] for number in range(writers)}
        for _ in range(writers * messages):
            text = transport.receive(Deadline(BOUND))
            assert text is not None
            number, count, filler = text.split(" ")
            assert filler == "x" * (int(count) * 37 % 5000)
            seen[number].append(int(count))
        for one in writing:
            one.result(BOUND)
    assert all(counts == list(range(messages)) for counts in seen.values())


def test_two_way_traffic_under_load_does_not_break_tls(
    open_link: Make, in_thread: Run, certificates: Any
) -> None:
    """One OpenSSL connection used by two threads at once breaks within a second of this."""
    stop = threading.Event()

    def push(connection: WebSocketConnection) -> None:
        while not stop.is_set():
            connection.send_text("y" * 16_000)
        connection.receive_to_end()

    def write(transport: WebSocketTransport) -> int:
        # Few enough for the kernel to hold: the peer does not read yet.
        count = 0
        while not stop.is_set() and count < 4000:
            transport.send("x" * 64, Deadline(BOUND))
            count += 1
        return count

    with WebSocketPeer(push, tls=certificates.server) as peer:
        transport = open_link(peer.url, ssl_context=certificates.client)
        writing = [in_thread(write, transport) for _ in range(3)]
        ends = Deadline(700 * MS)
        received = 0
        while not ends.is_over():
            assert transport.receive(Deadline(BOUND)) == "y" * 16_000
            received += 1
        stop.set()
        assert received > 50
        assert sum(one.result(BOUND) for one in writing) > 50


def test_fragments_are_joined_and_control_frames_pass_between_them(open_link: Make) -> None:
    parts = [
        encode_frame(TEXT, "fä".encode()[:2], fin=False),
        encode_frame(PING, b"between"),
        encode_frame(CONTINUATION, "fä".encode()[2:], fin=False),
        encode_frame(CONTINUATION, b"", fin=False),
        encode_frame(PONG, b"unasked"),
        encode_frame(CONTINUATION, b"in"),
        encode_frame(TEXT, b"next"),
    ]
    with WebSocketPeer(Recorder(*parts)) as peer:
        transport = open_link(peer.url)
        assert transport.receive(Deadline(BOUND)) == "fäin"
        assert transport.receive(Deadline(BOUND)) == "next"


def test_messages_that_came_together_need_no_further_waiting(
    open_link: Make, both: tuple[Any, Any]
) -> None:
    burst = b"".join(encode_frame(TEXT, str(number).encode()) for number in range(1000))
    with WebSocketPeer(sending(burst), tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        assert transport.receive(Deadline(BOUND)) == "0"
        for number in range(1, 1000):
            assert transport.receive(Deadline(BOUND)) == str(number)


def test_the_gauges_follow_the_traffic(open_link: Make, both: tuple[Any, Any]) -> None:
    with WebSocketPeer(echo, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        began = time.monotonic()
        transport.send("x" * 1000, Deadline(BOUND))
        assert began <= transport.last_outbound <= time.monotonic()
        between = time.monotonic()
        transport.receive(Deadline(BOUND))
        assert between <= transport.last_inbound <= time.monotonic()
        assert transport.bytes_sent >= 1000
        assert transport.bytes_received >= 1000


def test_a_text_with_half_a_surrogate_cannot_be_sent_and_harms_nothing(open_link: Make) -> None:
    with WebSocketPeer(echo) as peer:
        transport = open_link(peer.url)
        with pytest.raises(UnicodeEncodeError):
            transport.send("\ud800", Deadline(BOUND))
        transport.send("whole", Deadline(BOUND))
        assert transport.receive(Deadline(BOUND)) == "whole"


# Waiting, and not waiting


def test_receive_returns_none_at_its_deadline(open_link: Make, both: tuple[Any, Any]) -> None:
    with WebSocketPeer(hold, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        began = time.monotonic()
        assert transport.receive(Deadline(50 * MS)) is None
        assert 50 * MS <= time.monotonic() - began < SOON
        assert transport.receive(Deadline(0)) is None


@pytest.mark.parametrize("cut", [1, 3, 5, 70_000])
def test_a_deadline_in_the_middle_of_a_frame_loses_nothing(
    open_link: Make, both: tuple[Any, Any], cut: int
) -> None:
    text = "x" * 100_000
    frame = encode_frame(TEXT, text.encode())

    def script(connection: WebSocketConnection) -> None:
        connection.send(frame[:cut])
        connection.read_text()
        connection.send(frame[cut:] + encode_frame(TEXT, b"next"))
        connection.hold()

    with WebSocketPeer(script, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        for _ in range(3):
            assert transport.receive(Deadline(20 * MS)) is None
        transport.send("go on", Deadline(BOUND))
        assert transport.receive(Deadline(BOUND)) == text
        assert transport.receive(Deadline(BOUND)) == "next"


def waiting_in_the_kernel(data: bytes) -> tuple[Script, threading.Event]:
    """A script that sends bytes, and what tells that they have all arrived."""
    arrived = threading.Event()

    def script(connection: WebSocketConnection) -> None:
        connection.send(data)
        arrived.set()
        connection.hold()

    return script, arrived


def test_control_frames_do_not_hold_receive_beyond_its_deadline(open_link: Make) -> None:
    pongs: list[bytes] = []
    script, arrived = waiting_in_the_kernel(encode_frame(PONG) * 1000)
    with WebSocketPeer(script) as peer:
        transport = open_link(peer.url)
        transport.on_pong = pongs.append
        assert arrived.wait(BOUND)
        assert transport.receive(Deadline(0)) is None
        assert len(pongs) == 1


def test_a_long_message_does_not_hold_receive_beyond_its_deadline(open_link: Make) -> None:
    script, arrived = waiting_in_the_kernel(encode_frame(TEXT, b"x" * 300_000))
    with WebSocketPeer(script) as peer:
        transport = open_link(peer.url)
        assert arrived.wait(BOUND)
        before = transport.bytes_received
        assert transport.receive(Deadline(0)) is None
        assert 0 < transport.bytes_received - before <= 65_536
        assert transport.receive(Deadline(BOUND)) == "x" * 300_000


def test_a_wake_ends_a_blocked_receive(
    open_link: Make, in_thread: Run, both: tuple[Any, Any]
) -> None:
    with WebSocketPeer(hold, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        receiving = in_thread(transport.receive, None)
        with pytest.raises(TimeoutError):
            receiving.result(30 * MS)
        transport.wake()
        assert receiving.result(SOON) is None


def test_a_wake_without_a_reader_ends_the_next_receive_and_only_that(open_link: Make) -> None:
    with WebSocketPeer(sending(encode_frame(TEXT, b"hi"))) as peer:
        transport = open_link(peer.url)
        transport.wake()
        transport.wake()
        assert transport.receive(None) is None
        assert transport.receive(Deadline(BOUND)) == "hi"


def test_a_wake_before_the_link_is_open_is_kept(make_transport: Make) -> None:
    with WebSocketPeer(sending(encode_frame(TEXT, b"hi"))) as peer:
        transport = make_transport(peer.url)
        transport.wake()
        transport.open(Deadline(BOUND))
        assert transport.receive(None) is None
        assert transport.receive(Deadline(BOUND)) == "hi"


def test_a_second_reader_waits_no_longer_than_its_deadline(open_link: Make, in_thread: Run) -> None:
    with WebSocketPeer(hold) as peer:
        transport = open_link(peer.url)
        first = in_thread(transport.receive, Deadline(BOUND))
        with pytest.raises(TimeoutError):
            first.result(20 * MS)
        assert transport.receive(Deadline(20 * MS)) is None
        transport.wake()
        assert first.result(SOON) is None


def test_a_peer_that_does_not_read_makes_a_write_time_out(
    open_link: Make, both: tuple[Any, Any]
) -> None:
    with WebSocketPeer(hold, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        with pytest.raises(LinkDown, match="deadline") as caught:
            transport.send("x" * BIG, Deadline(200 * MS))
        assert caught.value.partly_written
        assert "aborted" in str(loss(transport))


# Pings


def test_a_ping_is_answered_with_its_payload(open_link: Make) -> None:
    recorder = Recorder(encode_frame(PING, b"are you there") + encode_frame(TEXT, b"after it"))
    with WebSocketPeer(recorder) as peer:
        transport = open_link(peer.url)
        assert transport.receive(Deadline(BOUND)) == "after it"
        transport.release()
    assert recorder.frames == [Frame(PONG, b"are you there")]


def test_our_ping_is_answered_to_the_callback(open_link: Make) -> None:
    def answer(connection: WebSocketConnection) -> None:
        connection.send_frame(PONG, connection.read_frame().payload)
        connection.send_text("after")
        connection.hold()

    pongs: list[bytes] = []
    with WebSocketPeer(answer) as peer:
        transport = open_link(peer.url)
        transport.on_pong = pongs.append
        assert transport.ping(b"17")
        assert transport.receive(Deadline(BOUND)) == "after"
    assert pongs == [b"17"]


def test_the_reader_is_never_blocked_by_pings_that_cannot_be_answered(
    open_link: Make, in_thread: Run
) -> None:
    def rude(connection: WebSocketConnection) -> None:
        # It sends and sends and reads no more, while a big message is under way to it.
        connection.receive_exactly(1)
        for _ in range(2000):
            connection.send_frame(PING, b"x" * 100)
        connection.send_text("through")
        connection.hold()

    with WebSocketPeer(rude) as peer:
        transport = open_link(peer.url)
        sending = in_thread(transport.send, "x" * BIG, Deadline(BOUND))
        assert transport.receive(Deadline(BOUND)) == "through"
        assert transport.is_writing()
        transport.abort()
        with pytest.raises(LinkDown):
            sending.result(SOON)


# Faults of the peer


@pytest.mark.parametrize(
    ("data", "code", "words"),
    [
        (encode_frame(TEXT, b"x", mask=b"abcd"), 1002, "masked"),
        (encode_frame(TEXT, b"x", rsv=4), 1002, "reserved bit"),
        (encode_frame(0x5, b"x"), 1002, "opcode 5"),
        (encode_frame(CONTINUATION, b"x"), 1002, "out of order"),
        (encode_frame(PING, b"x" * 126), 1002, "125 bytes"),
        (encode_frame(CLOSE, b"\x03"), 1002, "close"),
        (encode_frame(CLOSE, (1005).to_bytes(2, "big")), 1002, "close"),
        (encode_frame(CLOSE, (999).to_bytes(2, "big")), 1002, "close"),
        (encode_frame(BINARY, b"x"), 1003, "binary"),
        (encode_frame(TEXT, b"ok\xff"), 1007, "UTF-8"),
        (encode_frame(TEXT, b"ok\xc3"), 1007, "UTF-8"),
        (encode_frame(TEXT, b"\xed\xa0\x80"), 1007, "UTF-8"),
        (encode_frame(TEXT, b"x" * 1001), 1009, "1001 bytes"),
        (encode_frame(TEXT, declared=1 << 62), 1009, "over the limit of 1000"),
    ],
)
def test_a_fault_is_answered_with_its_close_code_and_ends_the_link(
    open_link: Make, both: tuple[Any, Any], data: bytes, code: int, words: str
) -> None:
    recorder = Recorder(data)
    with WebSocketPeer(recorder, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1], max_message_size=1000)
        down = loss(transport)
        transport.release()
    assert (down.close_code, down.close_reason, down.partly_written) == (code, "", False)
    assert words in down.cause
    (frame,) = recorder.frames
    assert (frame.opcode, frame.close_code) == (CLOSE, code)
    assert words in frame.close_reason


def test_a_message_that_is_too_large_tells_its_size(open_link: Make) -> None:
    with WebSocketPeer(sending(encode_frame(TEXT, declared=5_000_000_000))) as peer:
        assert loss(open_link(peer.url)).size == 5_000_000_000


def test_the_close_code_reaches_a_peer_that_is_in_the_middle_of_sending(
    open_link: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "LINGER_S", BOUND)
    recorder = Recorder(encode_frame(TEXT, b"x" * 8_000_000))

    def script(connection: WebSocketConnection) -> None:
        # Sends all it has before it reads, as a server with one thread does.
        recorder(connection)

    with WebSocketPeer(script) as peer:
        transport = open_link(peer.url, max_message_size=1000)
        assert loss(transport).close_code == 1009
        transport.abort()
        transport.release()
    assert [frame.close_code for frame in recorder.frames] == [1009]


@pytest.mark.parametrize(
    ("payload", "code", "reason", "echoed"),
    [
        (b"", 1005, "", 1000),
        (b"\x03\xe8bye", 1000, "bye", 1000),
        (b"\x03\xf4", 1012, "", 1012),
        (b"\x0f\xa0no \xff", 4000, "no \ufffd", 4000),
    ],
)
def test_a_close_frame_is_echoed_and_its_code_and_reason_told(
    open_link: Make, payload: bytes, code: int, reason: str, echoed: int
) -> None:
    recorder = Recorder(encode_frame(CLOSE, payload))
    with WebSocketPeer(recorder) as peer:
        transport = open_link(peer.url)
        down = loss(transport)
        again = loss(transport)
        with pytest.raises(LinkDown) as sending_down:
            transport.send("late", Deadline(BOUND))
        transport.release()
    for one in (down, again, sending_down.value):
        assert (one.close_code, one.close_reason) == (code, reason)
    assert [frame.close_code for frame in recorder.frames] == [echoed]


def test_messages_before_a_close_frame_are_delivered_first(open_link: Make) -> None:
    with WebSocketPeer(sending(encode_frame(TEXT, b"last words") + encode_frame(CLOSE))) as peer:
        transport = open_link(peer.url)
        assert transport.receive(Deadline(BOUND)) == "last words"
        assert loss(transport).close_code == 1005


def test_our_close_frame_is_answered(open_link: Make) -> None:
    def script(connection: WebSocketConnection) -> None:
        frame = connection.read_frame()
        connection.send_frame(CLOSE, frame.payload)

    with WebSocketPeer(script) as peer:
        transport = open_link(peer.url)
        assert transport.send_close(1000, "done")
        down = loss(transport)
    assert (down.close_code, down.close_reason) == (1000, "done")


@pytest.mark.parametrize("begun", [b"", encode_frame(TEXT, b"half a frame")[:5]])
def test_the_end_of_the_stream_without_a_close_frame_is_1006(
    open_link: Make, both: tuple[Any, Any], begun: bytes
) -> None:
    with WebSocketPeer(lambda connection: connection.send(begun), tls=both[0]) as peer:
        down = loss(open_link(peer.url, ssl_context=both[1]))
    assert down.close_code == 1006
    assert "without a close frame" in down.cause


def test_a_reset_is_1006_and_says_so(open_link: Make) -> None:
    with WebSocketPeer(lambda connection: connection.reset()) as peer:
        down = loss(open_link(peer.url))
    assert (down.close_code, down.cause) == (1006, "connection reset by peer")
    assert isinstance(down.__cause__, ConnectionResetError)


def test_garbage_in_place_of_tls_records_is_a_lost_link(open_link: Make, certificates: Any) -> None:
    def script(connection: WebSocketConnection) -> None:
        socket.socket.send(connection.socket, b"not a record at all")
        connection.hold()

    with WebSocketPeer(script, tls=certificates.server) as peer:
        down = loss(open_link(peer.url, ssl_context=certificates.client))
    assert down.close_code == 1006
    assert down.cause.startswith("TLS failed")


# The end


@pytest.mark.parametrize("blocked", ["receive", "send", "wait for the write lock"])
def test_an_abort_ends_what_is_blocked_at_once(
    open_link: Make, in_thread: Run, both: tuple[Any, Any], blocked: str
) -> None:
    with WebSocketPeer(hold, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        if blocked == "receive":
            running = [in_thread(transport.receive, None)]
        else:
            count = 1 if blocked == "send" else 3
            running = [in_thread(transport.send, "x" * BIG, Deadline(BOUND)) for _ in range(count)]
            wait_for_writer(transport)
        for one in running:
            with pytest.raises(TimeoutError):
                one.result(100 * MS)
        transport.abort()
        for one in running:
            with pytest.raises(LinkDown):
                one.result(SOON)
        transport.abort()


def test_an_aborted_link_refuses_everything(open_link: Make) -> None:
    with WebSocketPeer(sending(encode_frame(TEXT, b"unread"))) as peer:
        transport = open_link(peer.url)
        transport.abort()
        assert_refuses_everything(transport)


def test_a_released_link_refuses_everything_and_may_be_released_again(open_link: Make) -> None:
    with WebSocketPeer(hold) as peer:
        transport = open_link(peer.url)
        transport.release()
        assert_refuses_everything(transport)
        transport.release()
        transport.abort()


def assert_refuses_everything(transport: WebSocketTransport) -> None:
    assert loss(transport).close_code is None
    with pytest.raises(LinkDown, match="aborted"):
        transport.send("x", Deadline(BOUND))
    assert not transport.post("x")
    assert not transport.ping(b"")
    assert not transport.send_close(1000)
    assert not transport.can_send_now(1)
    assert not transport.is_writing()
    transport.flush()
    transport.wake()


def test_a_link_that_was_never_opened_refuses_everything(make_transport: Make) -> None:
    transport = make_transport("ws://localhost/")
    with pytest.raises(LinkDown, match="not open"):
        transport.send("x", Deadline(BOUND))
    with pytest.raises(LinkDown, match="not open"):
        transport.receive(Deadline(BOUND))
    assert not transport.post("x")
    assert not transport.ping(b"")
    transport.flush()
    transport.release()


def test_an_abort_before_open_ends_it(make_transport: Make) -> None:
    with RawPeer(hold) as peer:
        transport = make_transport(f"ws://{peer.host}:{peer.port}/")
        transport.abort()
        with pytest.raises(LinkDown, match="aborted"):
            transport.open(Deadline(BOUND))
        assert peer.connections == 0


def test_an_abort_at_any_moment_of_open_is_never_missed(
    make_transport: Make, in_thread: Run, both: tuple[Any, Any]
) -> None:
    with WebSocketPeer(lambda connection: connection.receive_to_end(), tls=both[0]) as peer:
        for number in range(60):
            transport = make_transport(peer.url, ssl_context=both[1])
            opening = in_thread(transport.open, Deadline(BOUND))
            # Later and later into the dial, and over again.
            ends = Deadline(number % 30 * 0.2 * MS)
            while not ends.is_over():
                pass
            transport.abort()
            with contextlib.suppress(LinkDown):
                opening.result(SOON)
            assert "aborted" in loss(transport).cause or "never opened" in loss(transport).cause
            transport.release()


def test_a_transport_is_opened_once(make_transport: Make) -> None:
    with WebSocketPeer(hold) as peer:
        transport = make_transport(peer.url)
        transport.open(Deadline(BOUND))
        with pytest.raises(LinkDown, match="once"):
            transport.open(Deadline(BOUND))
        assert transport.ping(b"")


def test_a_failed_open_leaves_nothing_and_cannot_be_repeated(make_transport: Make) -> None:
    with WebSocketPeer(lambda connection: connection.close(), upgrade=False) as peer:
        transport = make_transport(peer.url)
        with pytest.raises(MCPConnectionError):
            transport.open(Deadline(BOUND))
        with pytest.raises(LinkDown, match="once"):
            transport.open(Deadline(BOUND))
        with pytest.raises(LinkDown):
            transport.send("x", Deadline(BOUND))


def test_release_waits_for_a_reader_and_a_writer_that_it_has_ended(
    open_link: Make, in_thread: Run
) -> None:
    with WebSocketPeer(hold) as peer:
        transport = open_link(peer.url)
        receiving = in_thread(transport.receive, None)
        sending = in_thread(transport.send, "x" * BIG, Deadline(BOUND))
        wait_for_writer(transport)
        transport.release()
        for one in (receiving, sending):
            with pytest.raises(LinkDown):
                one.result(SOON)


def descriptors_of(port: int) -> list[int]:
    """Our descriptors that are connected to a port."""
    found = []
    for entry in Path("/proc/self/fd").iterdir():
        number = int(entry.name)
        with contextlib.suppress(FileNotFoundError):
            if not str(entry.readlink()).startswith("socket:"):
                continue
        with contextlib.suppress(OSError), socket.socket(fileno=os.dup(number)) as copy:
            if copy.getpeername()[1:] == (port,):
                found.append(number)
    return found


def test_a_forgotten_link_closes_its_copy_and_leaves_the_connection_alone(open_link: Make) -> None:
    with WebSocketPeer(echo) as peer:
        transport = open_link(peer.url)
        (descriptor,) = descriptors_of(peer.port)
        # As after a fork: another descriptor of the same connection, which must go on.
        with socket.socket(fileno=os.dup(descriptor)) as of_the_parent:
            of_the_parent.settimeout(BOUND)
            transport.forget()
            of_the_parent.sendall(
                b"\x81\x82abcd" + bytes([ord("h") ^ ord("a"), ord("i") ^ ord("b")])
            )
            assert of_the_parent.recv(100) == encode_frame(TEXT, b"hi")


# Lost networks


def test_a_link_cut_in_the_middle_of_an_answer_is_lost(open_link: Make) -> None:
    with WebSocketPeer(echo) as peer, FaultProxy(peer.host, peer.port) as proxy:
        transport = open_link(proxy.url())
        proxy.cut("rst", "to_client", after_bytes=500)
        transport.send("x" * 1000, Deadline(BOUND))
        assert loss(transport).close_code == 1006


def test_a_link_that_goes_silent_delivers_what_was_held_back_when_it_comes_back(
    open_link: Make,
) -> None:
    with WebSocketPeer(echo) as peer, FaultProxy(peer.host, peer.port) as proxy:
        transport = open_link(proxy.url())
        proxy.pause()
        transport.send("held", Deadline(BOUND))
        assert transport.receive(Deadline(50 * MS)) is None
        proxy.resume()
        assert transport.receive(Deadline(BOUND)) == "held"
