"""Whole frames from any thread: leftovers, coalesced pongs, bounds, deadlines; on a socket pair."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from buffers import SMALL_BUFFER, fill
from mcp_sync.deadline import Deadline
from mcp_sync.testing import Frame, WebSocketConnection
from mcp_sync.transports.base import LinkDown, WriteTimeout
from mcp_sync.transports.frame_writer import FrameWriter
from mcp_sync.transports.readiness import SelfPipe
from mcp_sync.transports.tcp_stream import TcpStream
from mcp_sync.transports.writer import MAX_POSTED, MAX_POSTED_BYTES
from timing import MS

BOUND = 10_000 * MS
TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA


class Line:
    """A writer on one end of a TCP connection with small buffers, and the other end."""

    def __init__(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
            self.raw = socket.create_connection(listener.getsockname())
            other, _ = listener.accept()
        self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        self.raw.setblocking(False)
        other.settimeout(BOUND)
        self.peer = WebSocketConnection(other, threading.Event(), BOUND)
        self.last_inbound = self.last_outbound = 0.0
        self.bytes_received = self.bytes_sent = 0
        self.aborts = 0
        self._pipe = SelfPipe()
        self._pipe.open()
        self._stream = TcpStream(self.raw, self._pipe, self)
        self.writer = FrameWriter(self._stream, self.abort)
        self._filler = 0

    def abort(self) -> None:
        self.aborts += 1
        self._pipe.abort()
        self._stream.shutdown()

    def close(self) -> None:
        self._stream.close()
        self.peer.close()
        self._pipe.close()

    def fill(self) -> None:
        """Fill the buffers of both ends with bytes that are not the writer's."""
        self._filler += fill(self.raw)

    def make_room(self) -> None:
        """Read away what ``fill`` has written."""
        if self._filler:
            self.raw.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        self.peer.receive_exactly(self._filler)
        self._filler = 0

    def frames(self, count: int) -> list[Frame]:
        """The next frames of the writer."""
        self.make_room()
        return [self.peer.read_frame() for _ in range(count)]

    def rest(self) -> list[Frame]:
        """All frames up to the end."""
        self.raw.shutdown(socket.SHUT_WR)
        found = []
        with contextlib.suppress(EOFError):
            while True:
                found += self.frames(1)
        return found


@pytest.fixture
def line() -> Iterator[Line]:
    made = Line()
    yield made
    made.close()


def test_a_message_is_one_text_frame_and_is_counted(line: Line) -> None:
    line.writer.send("häl", Deadline(BOUND))
    assert line.frames(1) == [Frame(TEXT, "häl".encode())]
    assert line.bytes_sent == 2 + 4 + 4
    assert line.last_outbound > 0


def test_a_large_message_is_written_as_the_peer_reads(
    line: Line, in_thread: Callable[..., Future[Any]]
) -> None:
    text = "x" * 3_000_000
    reading = in_thread(line.frames, 1)
    line.writer.send(text, Deadline(BOUND))
    (frame,) = reading.result(BOUND)
    assert frame.payload == text.encode()


def test_frames_of_many_threads_are_never_mixed(
    line: Line, in_thread: Callable[..., Future[Any]]
) -> None:
    def write(number: int) -> None:
        for count in range(20):
            line.writer.send(f"{number} {count} " + "x" * 20_000, Deadline(BOUND))
            line.writer.ping(b"p")
            line.writer.pong(b"q")
            line.writer.post(f"{number} posted {count}")

    writing = [in_thread(write, number) for number in range(6)]
    seen: dict[str, list[int]] = {str(number): [] for number in range(6)}
    while any(len(counts) < 20 for counts in seen.values()):
        frame = line.peer.read_frame()
        assert frame.opcode in (TEXT, PING, PONG)
        if frame.opcode == TEXT and b"posted" not in frame.payload:
            number, count, filler = frame.payload.decode().split(" ")
            assert filler == "x" * 20_000
            seen[number].append(int(count))
    assert set(map(tuple, seen.values())) == {tuple(range(20))}
    for one in writing:
        one.result(BOUND)


def test_nothing_written_at_the_deadline_is_a_timeout_and_the_link_lives(line: Line) -> None:
    line.fill()
    with pytest.raises(WriteTimeout):
        line.writer.send("late", Deadline(20 * MS))
    assert line.aborts == 0
    assert not line.writer.is_writing
    assert line.rest() == []


def test_part_of_a_message_written_at_the_deadline_ends_the_link(line: Line) -> None:
    with pytest.raises(LinkDown, match="deadline") as caught:
        line.writer.send("x" * 5_000_000, Deadline(20 * MS))
    assert caught.value.partly_written
    assert line.aborts == 1
    with pytest.raises(LinkDown) as again:
        line.writer.send("more", Deadline(BOUND))
    assert not again.value.partly_written


def test_a_deadline_that_is_over_still_writes_what_the_kernel_takes_at_once(line: Line) -> None:
    line.writer.send("now", Deadline(0))
    assert line.frames(1) == [Frame(TEXT, b"now")]


def test_a_writer_waits_for_another_no_longer_than_its_deadline(
    line: Line, in_thread: Callable[..., Future[Any]]
) -> None:
    line.fill()
    first = in_thread(line.writer.send, "first", Deadline(BOUND))
    while not line.writer.is_writing:
        assert not first.done()
    with pytest.raises(WriteTimeout):
        line.writer.send("second", Deadline(20 * MS))
    assert not line.writer.ping(b"p")
    assert not line.writer.send_close(1000, "")
    assert not line.writer.can_send_now(1)
    assert line.frames(1) == [Frame(TEXT, b"first")]
    first.result(BOUND)


def test_a_peer_that_is_gone_is_a_link_down(line: Line) -> None:
    line.peer.reset()
    with pytest.raises(LinkDown, match=r"reset by peer|broken pipe") as caught:
        line.writer.send("x", Deadline(BOUND))
    assert not caught.value.partly_written
    assert line.aborts == 0
    assert not line.writer.post("y")
    assert not line.writer.ping(b"")
    line.writer.flush()


def test_a_peer_that_goes_in_the_middle_of_a_message_is_told_so(
    line: Line, in_thread: Callable[..., Future[Any]]
) -> None:
    writing = in_thread(line.writer.send, "x" * 5_000_000, Deadline(BOUND))
    line.peer.receive_exactly(1000)
    line.peer.close()
    with pytest.raises(LinkDown) as caught:
        writing.result(BOUND)
    assert caught.value.partly_written


def test_a_ping_is_written_only_if_some_of_it_goes_out_now(line: Line) -> None:
    assert line.writer.ping(b"one")
    assert line.frames(1) == [Frame(PING, b"one")]
    line.fill()
    assert not line.writer.ping(b"two")
    assert line.rest() == []


def test_pongs_are_coalesced_to_the_latest_and_leave_with_the_next_write(line: Line) -> None:
    line.fill()
    for payload in (b"1", b"2", b"3"):
        line.writer.pong(payload)
    line.make_room()
    line.writer.send("after", Deadline(BOUND))
    assert line.frames(2) == [Frame(PONG, b"3"), Frame(TEXT, b"after")]


def test_flush_writes_what_was_left(line: Line) -> None:
    line.fill()
    line.writer.pong(b"p")
    assert line.writer.post("posted")
    line.writer.flush()
    line.make_room()
    line.writer.flush()
    assert line.frames(2) == [Frame(PONG, b"p"), Frame(TEXT, b"posted")]


def test_a_pong_that_found_the_lock_taken_leaves_when_the_lock_is_let_go(
    line: Line, in_thread: Callable[..., Future[Any]]
) -> None:
    line.fill()
    writing = in_thread(line.writer.send, "under way", Deadline(BOUND))
    while not line.writer.is_writing:
        assert not writing.done()
    line.writer.pong(b"p")
    assert line.writer.post("q")
    frames = line.frames(3)
    assert frames == [Frame(TEXT, b"under way"), Frame(PONG, b"p"), Frame(TEXT, b"q")]
    writing.result(BOUND)


def test_posted_messages_keep_their_order_and_go_before_a_later_send(line: Line) -> None:
    line.fill()
    for number in range(5):
        assert line.writer.post(f"posted {number}")
    line.make_room()
    line.writer.send("sent", Deadline(BOUND))
    texts = [frame.payload.decode() for frame in line.frames(6)]
    assert texts == [*(f"posted {number}" for number in range(5)), "sent"]


@contextlib.contextmanager
def somebody_writes(line: Line, in_thread: Callable[..., Future[Any]]) -> Iterator[None]:
    """While another thread has the lock, in a message that the peer does not read."""
    writing = in_thread(line.writer.send, "x" * 1_000_000, Deadline(BOUND))
    while not line.writer.is_writing:
        assert not writing.done()
    yield
    line.abort()
    with pytest.raises(LinkDown):
        writing.result(BOUND)


def test_posted_messages_are_bounded_by_number(
    line: Line, in_thread: Callable[..., Future[Any]]
) -> None:
    with somebody_writes(line, in_thread):
        accepted = sum(line.writer.post("x") for _ in range(2 * MAX_POSTED))
    assert accepted == MAX_POSTED


def test_posted_messages_are_bounded_by_bytes(
    line: Line, in_thread: Callable[..., Future[Any]]
) -> None:
    text = "x" * (MAX_POSTED_BYTES // 4)
    with somebody_writes(line, in_thread):
        accepted = sum(line.writer.post(text) for _ in range(10))
        assert not line.writer.post("x" * MAX_POSTED_BYTES)
    assert accepted == 3


def test_leftovers_that_cannot_go_out_are_a_timeout_of_the_message_behind_them(line: Line) -> None:
    line.fill()
    line.writer.pong(b"p")
    with pytest.raises(WriteTimeout):
        line.writer.send("behind", Deadline(20 * MS))
    assert line.aborts == 0
    line.make_room()
    line.writer.flush()
    assert line.frames(1) == [Frame(PONG, b"p")]


def test_half_a_control_frame_is_completed_before_the_next_frame(line: Line) -> None:
    posted = "y" * 200_000
    assert line.writer.post(posted)
    assert not line.writer.ping(b"behind half a frame")
    assert not line.writer.can_send_now(1)
    with pytest.raises(WriteTimeout):
        line.writer.send("behind half a frame", Deadline(20 * MS))
    reading: list[Frame] = []
    reader = threading.Thread(target=lambda: reading.extend(line.frames(2)))
    reader.start()
    line.writer.send("after", Deadline(BOUND))
    reader.join(BOUND)
    assert reading == [Frame(TEXT, posted.encode()), Frame(TEXT, b"after")]


def test_a_close_frame_is_the_last_frame(line: Line) -> None:
    assert line.writer.send_close(1001, "going")
    assert not line.writer.send_close(1000, "again")
    assert not line.writer.post("late")
    with pytest.raises(LinkDown, match="close frame"):
        line.writer.send("late", Deadline(BOUND))
    (frame,) = line.frames(1)
    assert (frame.opcode, frame.close_code, frame.close_reason) == (CLOSE, 1001, "going")


def test_a_close_frame_that_finds_no_room_is_not_written_and_may_be_tried_again(line: Line) -> None:
    line.fill()
    assert not line.writer.send_close(1000, "")
    line.make_room()
    assert line.writer.send_close(1000, "")
    assert line.frames(1)[0].close_code == 1000


def test_a_long_reason_is_cut_between_characters(line: Line) -> None:
    line.writer.send_close(1002, "ä" * 100)
    assert line.frames(1)[0].close_reason == "ä" * 61


def test_room_is_promised_only_where_there_is_room(line: Line) -> None:
    assert line.writer.can_send_now(100)
    assert not line.writer.can_send_now(100_000_000)
    line.fill()
    assert not line.writer.can_send_now(1)


@pytest.mark.parametrize("size", [100, 1000, 2000])
def test_what_is_promised_is_kept(line: Line, size: int) -> None:
    promised = 0
    while line.writer.can_send_now(size) and promised < 2000:
        line.writer.send("x" * size, Deadline(0))
        promised += 1
    assert promised


def test_a_retired_writer_writes_no_more(line: Line) -> None:
    line.writer.retire(Deadline(BOUND))
    with pytest.raises(LinkDown, match="released"):
        line.writer.send("x", Deadline(BOUND))
    assert not line.writer.ping(b"")
    assert not line.writer.post("x")
    assert line.rest() == []


def test_retiring_waits_for_a_writer_at_most_until_the_deadline(
    line: Line, in_thread: Callable[..., Future[Any]]
) -> None:
    line.fill()
    writing = in_thread(line.writer.send, "x", Deadline(BOUND))
    while not line.writer.is_writing:
        assert not writing.done()
    line.writer.retire(Deadline(20 * MS))
    line.make_room()
    writing.result(BOUND)
