"""Rude peers: they do what their script says, they end in time, and nothing goes unnoticed."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import trustme
import websocket

from mcp_sync.testing import PeerConnection, RawPeer, WebSocketConnection, WebSocketPeer
from timing import MS

BOUND = 10_000 * MS


@contextlib.contextmanager
def connected(peer: RawPeer | WebSocketPeer) -> Iterator[socket.socket]:
    with socket.create_connection((peer.host, peer.port), timeout=BOUND) as sock:
        yield sock


Talk = Callable[[RawPeer, socket.socket], object]


def run(script: Callable[[PeerConnection], object], talk: Talk, **settings: float) -> None:
    """Have a client talk to a peer that runs a script."""
    with RawPeer(script, **settings) as peer, connected(peer) as sock:  # type: ignore[arg-type]
        talk(peer, sock)


def until_done(peer: RawPeer, _: socket.socket) -> None:
    peer.wait_for_scripts(1)


def say_x(peer: RawPeer, sock: socket.socket) -> None:
    sock.sendall(b"x")
    sock.shutdown(socket.SHUT_WR)
    peer.wait_for_scripts(1)


def fail(_: PeerConnection) -> None:
    raise ValueError("wrong")


def test_the_package_can_be_used_without_pytest() -> None:
    program = "import sys; import mcp_sync.testing; print('pytest' in sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert run.stdout == "False\n"


def test_a_script_sends_and_receives_what_it_likes() -> None:
    def script(connection: PeerConnection) -> None:
        assert connection.receive_until(b"\n") == b"hello\n"
        assert connection.receive_exactly(3) == b"abc"
        assert connection.receive(1) == b"d"
        assert connection.receive() == b"ef"
        connection.send(b"bye")
        connection.finish()
        assert connection.receive_to_end() == b"rest"

    with RawPeer(script) as peer, connected(peer) as sock:
        sock.sendall(b"hello\nabcdef")
        assert sock.recv(100) == b"bye"
        assert sock.recv(100) == b""
        sock.sendall(b"rest")
        sock.shutdown(socket.SHUT_WR)
        peer.wait_for_scripts(1)


def test_each_connection_has_its_script_and_the_last_one_stays() -> None:
    scripts = [lambda connection, name=name: connection.send(name) for name in (b"one", b"two")]
    with RawPeer(*scripts) as peer:
        said = []
        for _ in range(3):
            with connected(peer) as sock:
                said.append(sock.recv(10))
        assert said == [b"one", b"two", b"two"]
        assert peer.connections == 3


def test_a_reset_is_a_reset() -> None:
    def script(connection: PeerConnection) -> None:
        connection.receive()
        connection.reset()

    def talk(peer: RawPeer, sock: socket.socket) -> None:
        sock.sendall(b"x")
        peer.wait_for_scripts(1)
        with pytest.raises(ConnectionResetError):
            sock.recv(1)

    run(script, talk)


def test_a_mute_peer_is_let_go_when_the_context_is_left() -> None:
    with RawPeer(lambda connection: connection.hold()) as peer:
        sock = socket.create_connection((peer.host, peer.port), timeout=BOUND)
        peer.wait_for_connections(1)
    with sock:
        assert sock.recv(1) == b""


@pytest.mark.parametrize(
    "script",
    [
        lambda connection: connection.receive_exactly(1),
        lambda connection: connection.receive_until(b"x"),
        lambda connection: connection.send(b"x" * 100_000_000),
    ],
)
def test_a_script_that_waits_when_the_context_is_left_is_ended_without_an_error(
    script: Callable[[PeerConnection], object],
) -> None:
    with RawPeer(script) as peer:
        sock = socket.create_connection((peer.host, peer.port), timeout=BOUND)
        peer.wait_for_connections(1)
    sock.close()


def test_what_a_script_raises_is_raised_when_the_context_is_left() -> None:
    def script(connection: PeerConnection) -> None:
        assert connection.receive() == b"expected"

    with pytest.raises(AssertionError):
        run(script, say_x)


def test_an_end_of_the_stream_that_a_script_did_not_expect_is_raised() -> None:
    with pytest.raises(EOFError, match="2 bytes early"):
        run(lambda connection: connection.receive_exactly(3), say_x)


def test_errors_of_several_scripts_are_raised_together() -> None:
    def talk(peer: RawPeer, _: socket.socket) -> None:
        with connected(peer):
            peer.wait_for_scripts(2)

    with pytest.raises(ExceptionGroup) as caught:
        run(fail, talk)
    assert len(caught.value.exceptions) == 2


def test_an_error_of_the_block_is_kept_and_told_of_the_scripts() -> None:
    def talk(peer: RawPeer, _: socket.socket) -> None:
        peer.wait_for_scripts(1)
        raise KeyError("of the block")

    with pytest.raises(KeyError) as caught:
        run(fail, talk)
    assert "wrong" in caught.value.__notes__[0]


def test_waiting_for_what_does_not_come_is_bounded() -> None:
    with RawPeer(lambda connection: connection.hold()) as peer:
        with pytest.raises(TimeoutError, match="1 connections"):
            peer.wait_for_connections(1, timeout=10 * MS)
        with pytest.raises(TimeoutError, match="1 ended scripts"):
            peer.wait_for_scripts(1, timeout=10 * MS)


def test_holding_is_bounded_by_the_patience() -> None:
    with pytest.raises(TimeoutError, match="held"):
        run(lambda connection: connection.hold(), until_done, patience=1000 * MS)


def test_a_script_that_is_stuck_is_told_by_name() -> None:
    go_on = threading.Event()
    with pytest.raises(TimeoutError, match=r"did not end: peer-\d+-1"):
        run(
            lambda _: go_on.wait(BOUND),
            lambda peer, _: peer.wait_for_connections(1),
            patience=1000 * MS,
        )
    go_on.set()


def test_a_peer_without_a_script_makes_no_sense() -> None:
    with pytest.raises(ValueError, match="script"):
        RawPeer()


def test_a_websocket_peer_talks_to_an_ordinary_client() -> None:
    def script(connection: WebSocketConnection) -> None:
        assert connection.request.target == "/"
        for _ in range(3):
            connection.send_text(connection.read_text())
        connection.send_close(4000, "enough")
        assert connection.read_frame().close_code == 4000

    with WebSocketPeer(script) as peer:
        client: Any = websocket.create_connection(peer.url, timeout=BOUND)
        for text in ("", "hällo", "x" * 70_000):
            client.ping("skipped")
            client.send(text)
            assert client.recv() == text
        frame = client.recv_frame()
        assert frame.data == b"\x0f\xa0enough"
        client.send_close(4000)
        peer.wait_for_scripts(1)
        client.shutdown()


def test_a_close_frame_ends_the_reading_of_texts() -> None:
    ended: list[str] = []

    def script(connection: WebSocketConnection) -> None:
        with pytest.raises(EOFError) as caught:
            connection.read_text()
        ended.append(str(caught.value))

    with WebSocketPeer(script) as peer:
        client: Any = websocket.create_connection(peer.url, timeout=BOUND)
        client.send_close(1001, b"going")
        peer.wait_for_scripts(1)
        client.shutdown()
    assert ended == ["closed with 1001: going"]


def test_the_upgrade_may_be_left_to_the_script() -> None:
    def script(connection: WebSocketConnection) -> None:
        connection.read_request()
        connection.respond(503, {"Retry-After": "3"}, "busy")

    with WebSocketPeer(script, upgrade=False) as peer:
        with pytest.raises(websocket.WebSocketBadStatusException) as caught:
            websocket.create_connection(peer.url, timeout=BOUND)
        assert caught.value.status_code == 503
        assert caught.value.resp_body == b"busy"


def test_a_peer_speaks_tls_and_takes_a_refused_handshake_calmly() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    with WebSocketPeer(lambda connection: connection.send_text("hi"), tls=context) as peer:
        assert peer.url.startswith("wss://")
        with pytest.raises(ssl.SSLCertVerificationError):
            websocket.create_connection(peer.url, timeout=BOUND)
        client: Any = websocket.create_connection(
            peer.url, timeout=BOUND, sslopt={"context": trusting, "cert_reqs": ssl.CERT_REQUIRED}
        )
        assert client.recv() == "hi"
        client.shutdown()


def test_a_client_that_never_ends_its_handshake_does_not_hold_the_peer() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    with RawPeer(lambda connection: connection.hold(), tls=context) as peer:
        sock = socket.create_connection((peer.host, peer.port), timeout=BOUND)
        peer.wait_for_connections(1)
    with sock:
        assert sock.recv(1) == b""
