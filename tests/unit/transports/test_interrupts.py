"""Ctrl-C at any moment: what waited goes on later, what moved ends the link, no lock leaks.

Every interrupt here is a real signal to the main thread, which runs the tests.
"""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from functools import partial
from typing import Any

import pytest

from alarm import MAIN_THREAD, Alarm, ctrl_c
from mcp_sync.deadline import Deadline
from mcp_sync.testing import WebSocketConnection, WebSocketPeer, encode_frame
from mcp_sync.transports.base import LinkDown
from mcp_sync.transports.readiness import acquire_within
from mcp_sync.transports.websocket import WebSocketTransport
from timing import MS

BOUND = 10_000 * MS
SOON = 4000 * MS
BIG = 12_000_000
TEXT, PONG = 0x1, 0xA

Make = Callable[..., WebSocketTransport]
Run = Callable[..., Future[Any]]


@pytest.fixture
def alarm() -> Iterator[Alarm]:
    """Acts as Ctrl-C."""
    made = Alarm(ctrl_c)
    yield made
    made.close()


@pytest.fixture(params=["ws", "wss"])
def both(request: pytest.FixtureRequest, certificates: Any) -> tuple[Any, Any]:
    """The TLS contexts of server and client: none of them, and real ones."""
    return (None, None) if request.param == "ws" else (certificates.server, certificates.client)


def hold(connection: WebSocketConnection) -> None:
    connection.hold()


def waits_for_input(transport: WebSocketTransport) -> bool:
    """Whether some thread is in the poll of an open link."""
    assert transport._stream is not None
    return transport._stream.waiting


def waits_for_its_turn() -> bool:
    """Whether the main thread is about to take a lock that another thread holds."""
    return sys._current_frames()[MAIN_THREAD].f_code is acquire_within.__code__


@pytest.mark.parametrize("cut", [0, 1, 3, 50_000])
def test_an_interrupt_while_waiting_leaves_the_link_alive_also_in_the_middle_of_a_frame(
    open_link: Make, alarm: Alarm, both: tuple[Any, Any], cut: int
) -> None:
    text = "x" * 100_000
    frame = encode_frame(TEXT, text.encode())

    def script(connection: WebSocketConnection) -> None:
        connection.send_text("ready")
        assert connection.read_text() == "begin"
        connection.send(frame[:cut])
        assert connection.read_text() == "go on"
        connection.send(frame[cut:])
        connection.hold()

    with WebSocketPeer(script, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        # From here on nothing comes but the frame.
        assert transport.receive(Deadline(BOUND)) == "ready"
        before = transport.bytes_received
        transport.send("begin", Deadline(BOUND))
        for _ in range(3):
            with pytest.raises(KeyboardInterrupt):
                alarm.when(
                    lambda: transport.bytes_received >= before + cut and waits_for_input(transport)
                )
                transport.receive(Deadline(BOUND))
        transport.send("go on", Deadline(BOUND))
        assert transport.receive(Deadline(BOUND)) == text


def test_an_interrupt_while_a_frame_is_taken_apart_retires_the_link(open_link: Make) -> None:
    def script(connection: WebSocketConnection) -> None:
        connection.send_frame(PONG, b"p")
        connection.send_text("next")
        connection.hold()

    with WebSocketPeer(script) as peer:
        transport = open_link(peer.url)
        transport.on_pong = lambda _: signal.raise_signal(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            transport.receive(Deadline(BOUND))
        with pytest.raises(LinkDown, match="aborted"):
            transport.receive(Deadline(BOUND))
        with pytest.raises(LinkDown, match="aborted"):
            transport.send("x", Deadline(BOUND))


def test_a_second_interrupt_before_it_is_known_what_the_first_one_cost_retires_the_link(
    open_link: Make, alarm: Alarm, monkeypatch: pytest.MonkeyPatch
) -> None:
    with WebSocketPeer(hold) as peer:
        transport = open_link(peer.url)
        assert transport._stream is not None
        strike = partial(signal.raise_signal, signal.SIGINT)
        monkeypatch.setattr(transport._stream, "has_taken_all", strike)
        with pytest.raises(KeyboardInterrupt):
            alarm.when(lambda: waits_for_input(transport))
            transport.receive(Deadline(BOUND))
        # Or the reader thread would sleep until something comes.
        assert transport.has_news
        with pytest.raises(LinkDown, match="aborted"):
            transport.receive(Deadline(BOUND))


def test_an_interrupt_in_the_middle_of_a_message_ends_the_link(
    open_link: Make, alarm: Alarm, both: tuple[Any, Any]
) -> None:
    with WebSocketPeer(hold, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])
        opened = transport.bytes_sent
        with pytest.raises(KeyboardInterrupt):
            alarm.when(lambda: transport.bytes_sent > opened)
            transport.send("x" * BIG, Deadline(BOUND))
        assert not transport.is_writing()
        with pytest.raises(LinkDown, match="aborted"):
            transport.send("y", Deadline(BOUND))


def test_an_interrupt_before_the_first_byte_leaves_the_link_alive(
    open_link: Make, alarm: Alarm, in_thread: Run
) -> None:
    read: list[str] = []
    go_on = threading.Event()

    def script(connection: WebSocketConnection) -> None:
        assert go_on.wait(BOUND)
        read.extend([connection.read_text()[:5], connection.read_text()])

    with WebSocketPeer(script) as peer:
        transport = open_link(peer.url)
        # Another thread writes, so that this one waits for its turn.
        other = in_thread(transport.send, "other" + "x" * BIG, Deadline(BOUND))
        while not transport.is_writing():
            assert not other.done()
        with pytest.raises(KeyboardInterrupt):
            alarm.when(waits_for_its_turn)
            transport.send("interrupted", Deadline(BOUND))
        go_on.set()
        other.result(BOUND)
        transport.send("after", Deadline(BOUND))
        peer.wait_for_scripts(1)
    assert read == ["other", "after"]


def test_an_interrupt_of_open_closes_everything(make_transport: Make, alarm: Alarm) -> None:
    asked = threading.Event()

    def never_upgrade(connection: WebSocketConnection) -> None:
        connection.read_request()
        asked.set()
        connection.hold()

    with WebSocketPeer(never_upgrade, upgrade=False) as peer:
        transport = make_transport(peer.url)
        with pytest.raises(KeyboardInterrupt):
            alarm.when(asked.is_set)
            transport.open(Deadline(BOUND))
        with pytest.raises(LinkDown):
            transport.send("x", Deadline(BOUND))


def test_a_signal_handler_may_use_the_link_it_interrupted_without_harm(
    open_link: Make, both: tuple[Any, Any]
) -> None:
    """It cannot write into the middle of a frame, nor read there, and does not hang."""
    seen: list[object] = []

    with WebSocketPeer(hold, tls=both[0]) as peer:
        transport = open_link(peer.url, ssl_context=both[1])

        def handler() -> None:
            seen.append(transport.ping(b"no"))
            seen.append(transport.can_send_now(1))
            seen.append(transport.post("kept"))
            with contextlib.suppress(Exception):
                transport.send("no", Deadline(BOUND))
                seen.append("sent")
            transport.abort()

        with contextlib.closing(Alarm(handler)) as alarm:
            alarm.when(transport.is_writing)
            with pytest.raises(LinkDown):
                transport.send("x" * BIG, Deadline(BOUND))
    assert seen == [False, False, True]


def test_a_signal_handler_cannot_read_inside_the_read_it_interrupted(open_link: Make) -> None:
    seen: list[object] = []
    with WebSocketPeer(hold) as peer:
        transport = open_link(peer.url)

        def handler() -> None:
            seen.append(transport.receive(Deadline(BOUND)))
            transport.wake()

        with contextlib.closing(Alarm(handler)) as alarm:
            alarm.when(lambda: waits_for_input(transport))
            assert transport.receive(Deadline(BOUND)) is None
    assert seen == [None]


def push_numbers(connection: WebSocketConnection) -> None:
    """Send numbered messages, some large, some in fragments, and answer every ping."""
    number = 0
    with contextlib.suppress(OSError):
        while True:
            text = f"{number} {'x' * (number * 7919 % 30_000)}".encode()
            half = len(text) // 2
            connection.send(
                encode_frame(TEXT, text[:half], fin=False)
                + encode_frame(0x9, b"between")
                + encode_frame(0x0, text[half:])
            )
            number += 1


# Python drops what a signal raises inside a callback of the collector, and tells of it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupts_at_any_moment_of_reading_never_garble_a_message(
    open_link: Make, alarm: Alarm, both: tuple[Any, Any]
) -> None:
    causes: set[str] = set()
    interrupts = links = messages = 0
    ends = Deadline(1500 * MS)
    with WebSocketPeer(push_numbers, tls=both[0]) as peer:
        while not ends.is_over():
            transport = open_link(peer.url, ssl_context=both[1])
            links += 1
            last = -1
            alarm.after(3 * MS, 1.7 * MS)
            while True:
                try:
                    with alarm.on():
                        text = transport.receive(Deadline(BOUND))
                except KeyboardInterrupt:
                    interrupts += 1
                    continue
                except LinkDown as down:
                    causes.add(down.cause)
                    break
                assert text is not None
                number, filler = text.split(" ")
                assert int(number) > last
                assert filler == "x" * (int(number) * 7919 % 30_000)
                last = int(number)
                messages += 1
            alarm.stop()
            transport.release()
    # An interrupt at the wrong moment ends a link; a fault of the parser's never does.
    assert causes == {"the link was aborted"}
    assert interrupts >= links
    assert messages


# Python drops what a signal raises inside a callback of the collector, and tells of it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupts_at_any_moment_of_writing_never_mix_frames_and_leak_no_lock(
    open_link: Make, alarm: Alarm, both: tuple[Any, Any], in_thread: Run
) -> None:
    faults: list[str] = []
    received = []

    def check(connection: WebSocketConnection) -> None:
        """Every frame but the last, half one must be whole."""
        with contextlib.suppress(EOFError, OSError):
            while True:
                frame = connection.read_frame()
                if frame.opcode == TEXT:
                    number, filler = frame.payload.decode().split(" ")
                    if filler != "x" * (int(number) % 20_000):
                        faults.append(f"message {number} has {len(filler)} bytes")
                    received.append(int(number))

    interrupts = links = number = 0
    ends = Deadline(1500 * MS)
    with WebSocketPeer(check, tls=both[0]) as peer:
        while not ends.is_over():
            transport = open_link(peer.url, ssl_context=both[1])
            links += 1
            alarm.after(3 * MS, 1.3 * MS)
            while True:
                try:
                    number += 97
                    with alarm.on():
                        transport.send(f"{number} {'x' * (number % 20_000)}", Deadline(BOUND))
                        transport.ping(b"p")
                except KeyboardInterrupt:
                    interrupts += 1
                except LinkDown:
                    break
                if ends.is_over():
                    transport.abort()
            alarm.stop()
            # A lock that leaked would hold another thread for ever.
            with pytest.raises(LinkDown):
                in_thread(transport.send, "x", Deadline(None)).result(SOON)
            assert not transport.is_writing()
            transport.release()
    assert faults == []
    # All links but the last were ended by an interrupt.
    assert interrupts >= links - 1
    assert received


def send_on(transport: WebSocketTransport) -> None:
    deadline = Deadline(BOUND)
    while not deadline.is_over():
        transport.send("x", deadline)


def test_a_lost_peer_does_not_end_a_process_that_restored_sigpipe(
    open_link: Make, both: tuple[Any, Any]
) -> None:
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with WebSocketPeer(lambda connection: connection.close(), tls=both[0]) as peer:
            transport = open_link(peer.url, ssl_context=both[1])
            peer.wait_for_scripts(1)
            # The first bytes are answered with a reset; from then on it is a broken pipe.
            with pytest.raises(LinkDown, match=r"broken pipe|reset"):
                send_on(transport)
    finally:
        signal.signal(signal.SIGPIPE, before)
