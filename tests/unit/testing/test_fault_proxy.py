"""The fault proxy: it passes everything on, and breaks exactly what it is told to."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest

from mcp_sync.testing import ConnectionCounts, FaultProxy, PeerConnection, RawPeer
from timing import MS

BOUND = 10_000 * MS

Script = Callable[[PeerConnection], object]


def echo(connection: PeerConnection) -> None:
    with contextlib.suppress(ConnectionError):
        while data := connection.receive():
            connection.send(data)


def hold(connection: PeerConnection) -> None:
    connection.hold()


@contextlib.contextmanager
def proxied(script: Script = echo) -> Iterator[FaultProxy]:
    with RawPeer(script) as peer, FaultProxy(peer.host, peer.port) as proxy:
        yield proxy


@contextlib.contextmanager
def connected(proxy: FaultProxy) -> Iterator[socket.socket]:
    with socket.create_connection((proxy.host, proxy.port), timeout=BOUND) as sock:
        yield sock


def receive(sock: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count and (part := sock.recv(count - len(data))):
        data += part
    return data


def receive_to_end(sock: socket.socket) -> bytes:
    data = b""
    while part := sock.recv(65_536):
        data += part
    return data


def is_silent(sock: socket.socket) -> bool:
    """Whether neither bytes nor an end come for a while."""
    sock.settimeout(50 * MS)
    try:
        sock.recv(1)
    except TimeoutError:
        return True
    finally:
        sock.settimeout(BOUND)
    return False


def test_bytes_are_passed_on_both_ways_and_counted() -> None:
    with proxied() as proxy, connected(proxy) as sock:
        for size in (1, 1000, 500_000):
            data = bytes(range(256)) * (size // 256 + 1)
            sock.sendall(data)
            assert receive(sock, len(data)) == data
        total = proxy.bytes_to_client
        assert proxy.bytes_to_server == total
        assert proxy.connections == (ConnectionCounts(total, total, True),)


def test_the_url_is_that_of_the_proxy() -> None:
    with proxied() as proxy:
        assert proxy.url() == f"ws://127.0.0.1:{proxy.port}/"
        assert proxy.url("/mcp?x=1", "wss") == f"wss://127.0.0.1:{proxy.port}/mcp?x=1"


def test_an_end_is_passed_on_in_either_direction_and_the_other_goes_on() -> None:
    def answer_at_the_end(connection: PeerConnection) -> None:
        assert connection.receive_to_end() == b"question"
        connection.send(b"answer")

    with proxied(answer_at_the_end) as proxy, connected(proxy) as sock:
        sock.sendall(b"question")
        sock.shutdown(socket.SHUT_WR)
        assert receive_to_end(sock) == b"answer"
        proxy.wait_until(lambda counts: not counts.connections[0].is_open)


def test_a_reset_of_the_server_is_passed_on_as_a_reset() -> None:
    def script(connection: PeerConnection) -> None:
        connection.receive(1)
        connection.reset()

    with proxied(script) as proxy, connected(proxy) as sock:
        sock.sendall(b"x")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_a_target_that_refuses_is_a_reset_to_the_client() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        with FaultProxy(*bound.getsockname()) as proxy:
            with pytest.raises(ConnectionResetError), connected(proxy) as sock:
                sock.recv(1)
            proxy.wait_until(lambda counts: not counts.connections[0].is_open)


def test_a_cut_by_fin_ends_the_stream_on_both_sides() -> None:
    ended = []

    def script(connection: PeerConnection) -> None:
        ended.append(connection.receive_to_end())

    with RawPeer(script) as peer, FaultProxy(peer.host, peer.port) as proxy:
        with connected(proxy) as sock:
            sock.sendall(b"before")
            proxy.wait_until(lambda counts: counts.bytes_to_server == 6)
            proxy.cut()
            assert sock.recv(1) == b""
        peer.wait_for_scripts(1)
    assert ended == [b"before"]


def test_a_cut_by_rst_resets_the_client() -> None:
    with proxied() as proxy, connected(proxy) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        proxy.cut("rst")
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
        assert not proxy.connections[0].is_open


def test_a_cut_by_rst_of_the_server_alone_ends_the_client_in_order() -> None:
    seen = []

    def script(connection: PeerConnection) -> None:
        try:
            connection.receive()
        except ConnectionResetError:
            seen.append("reset")

    with RawPeer(script) as peer, FaultProxy(peer.host, peer.port) as proxy:
        with connected(proxy) as sock:
            peer.wait_for_connections(1)
            proxy.cut("rst", "to_server")
            assert sock.recv(1) == b""
        peer.wait_for_scripts(1)
    assert seen == ["reset"]


def test_a_black_hole_swallows_everything_and_says_nothing() -> None:
    with proxied() as proxy, connected(proxy) as sock:
        sock.sendall(b"x")
        assert sock.recv(1) == b"x"
        proxy.cut("blackhole")
        sock.sendall(b"y" * 1_000_000)
        assert is_silent(sock)
        assert proxy.bytes_to_server == 1
        assert proxy.connections[0].is_open


def test_a_black_hole_of_one_direction_leaves_the_other() -> None:
    got = []

    def script(connection: PeerConnection) -> None:
        connection.send(b"lost")
        got.append(connection.receive_exactly(4))

    with RawPeer(script) as peer, FaultProxy(peer.host, peer.port) as proxy:
        proxy.cut_next("blackhole", "to_client")
        with connected(proxy) as sock:
            sock.sendall(b"kept")
            assert is_silent(sock)
            peer.wait_for_scripts(1)
    assert got == [b"kept"]


@pytest.mark.parametrize("how", ["fin", "rst", "blackhole"])
def test_a_cut_after_so_many_bytes_passes_exactly_so_many(how: str) -> None:
    with proxied() as proxy, connected(proxy) as sock:
        sock.sendall(b"x" * 10)
        assert receive(sock, 10) == b"x" * 10
        proxy.cut(how, "to_client", after_bytes=7)  # type: ignore[arg-type]  # one of three words
        sock.sendall(b"y" * 100)
        assert receive(sock, 7) == b"y" * 7
        if how == "fin":
            assert sock.recv(1) == b""
        elif how == "rst":
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        else:
            assert is_silent(sock)
        assert proxy.bytes_to_client == 17


def test_a_cut_of_the_next_connection_happens_once() -> None:
    with proxied() as proxy:
        proxy.cut_next("fin", after_bytes=3)
        with connected(proxy) as sock:
            sock.sendall(b"abcdef")
            assert receive_to_end(sock) in (b"", b"abc")
        with connected(proxy) as sock:
            sock.sendall(b"abcdef")
            assert receive(sock, 6) == b"abcdef"
        assert proxy.connections[0].to_server == 3


def test_a_pause_loses_nothing() -> None:
    with proxied() as proxy, connected(proxy) as sock:
        proxy.pause()
        sock.sendall(b"held")
        assert is_silent(sock)
        assert proxy.bytes_to_server == 0
        proxy.resume()
        assert receive(sock, 4) == b"held"


def test_a_pause_of_one_direction_leaves_the_other() -> None:
    with proxied() as proxy, connected(proxy) as sock:
        proxy.pause("to_client")
        sock.sendall(b"held")
        proxy.wait_until(lambda counts: counts.bytes_to_server == 4)
        assert is_silent(sock)
        proxy.resume()
        assert receive(sock, 4) == b"held"


def test_a_pause_pushes_back_on_the_sender() -> None:
    with proxied(hold) as proxy, connected(proxy) as sock:
        proxy.pause()
        sock.settimeout(50 * MS)
        with pytest.raises(TimeoutError):
            sock.sendall(b"x" * 100_000_000)
        assert proxy.bytes_to_server == 0


def test_a_delay_holds_every_byte_back_so_long_and_keeps_the_order() -> None:
    with proxied() as proxy, connected(proxy) as sock:
        proxy.delay(60 * MS)
        began = time.monotonic()
        sock.sendall(b"one")
        assert receive(sock, 3) == b"one"
        assert 120 * MS <= time.monotonic() - began < 1000 * MS
        sock.sendall(b"two")
        proxy.delay(0)
        sock.sendall(b"three")
        assert receive(sock, 8) == b"twothree"


def test_refusing_refuses_and_accepting_accepts_on_the_same_port() -> None:
    with proxied() as proxy, connected(proxy) as open_before:
        proxy.refuse()
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError), connected(proxy):
            pass
        open_before.sendall(b"x")
        assert open_before.recv(1) == b"x"
        proxy.accept()
        proxy.accept()
        with connected(proxy) as sock:
            sock.sendall(b"y")
            assert sock.recv(1) == b"y"


def test_waiting_for_what_does_not_come_is_bounded() -> None:
    with proxied() as proxy, pytest.raises(TimeoutError):
        proxy.wait_until(lambda counts: counts.bytes_to_server > 0, timeout=10 * MS)


def test_closing_ends_everything_and_may_be_repeated() -> None:
    with RawPeer(hold) as peer:
        proxy = FaultProxy(peer.host, peer.port)
        with pytest.raises(RuntimeError, match="not open"):
            proxy.cut()
        with proxy, connected(proxy) as sock:
            proxy.wait_until(lambda counts: len(counts.connections) == 1)
            proxy.close()
            assert sock.recv(1) == b""
            proxy.close()
            with pytest.raises(RuntimeError, match="not open"):
                proxy.pause()
