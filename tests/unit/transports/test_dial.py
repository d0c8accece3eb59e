"""Dialing: one deadline, one abort, several addresses, refusals told apart."""

from __future__ import annotations

import contextlib
import errno
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
import trustme

from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConnectionError, MCPConnectionRejected, MCPTimeoutError
from mcp_sync.testing import PeerConnection, RawPeer
from mcp_sync.transports.base import LinkDown
from mcp_sync.transports.dial import (
    DialWait,
    connect_tcp,
    describe_os_error,
    is_connected_to_itself,
    resolve_host,
)
from mcp_sync.transports.readiness import POLLIN, POLLOUT, SelfPipe
from mcp_sync.transports.tls import TlsConnection
from mcp_sync.transports.tls_dial import start_tls
from mcp_sync.transports.tls_errors import wanted_events
from mcp_sync.url import parse_websocket_url
from timing import MS

BOUND = 10_000 * MS
SOON = 4000 * MS
"""Seconds within which what is aborted must have ended; it takes milliseconds."""

Row = tuple[int, int, int, str, tuple[object, ...]]


def row(address: tuple[str, int]) -> Row:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", address)


def hold(connection: PeerConnection) -> None:
    connection.hold()


@pytest.fixture
def pipe() -> Iterator[SelfPipe]:
    made = SelfPipe()
    made.open()
    yield made
    made.close()


@pytest.fixture
def make_wait(pipe: SelfPipe) -> Callable[[float], DialWait]:
    return lambda timeout: DialWait("127.0.0.1:7", Deadline(timeout), pipe)


@pytest.fixture
def silent_address() -> Iterator[tuple[str, int]]:
    """An address whose queue of connections is full, so that the next SYN is dropped."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(4):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(listener.getsockname())
        yield listener.getsockname()


@pytest.fixture
def closed_address() -> Iterator[tuple[str, int]]:
    """An address that nobody listens at, and nobody else can get."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()


def test_a_listening_address_is_connected_to(make_wait: Callable[[float], DialWait]) -> None:
    with RawPeer(hold) as peer:
        sock = connect_tcp([row((peer.host, peer.port))], make_wait(BOUND))
        with sock:
            assert not sock.getblocking()
            assert sock.getpeername() == (peer.host, peer.port)


def test_a_connection_is_kept_alive_and_sends_at_once(
    make_wait: Callable[[float], DialWait],
) -> None:
    with RawPeer(hold) as peer:
        sock = connect_tcp([row((peer.host, peer.port))], make_wait(BOUND))
        with sock:
            assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            options = ("NODELAY", "KEEPIDLE", "KEEPINTVL", "KEEPCNT", "USER_TIMEOUT")
            found = [
                sock.getsockopt(socket.IPPROTO_TCP, getattr(socket, f"TCP_{name}"))
                for name in options
            ]
    assert found == [1, 30, 5, 3, 30_000]


def test_a_refused_connection_says_so(
    make_wait: Callable[[float], DialWait], closed_address: tuple[str, int]
) -> None:
    with pytest.raises(MCPConnectionError, match=r"127.0.0.1:7: connection refused") as caught:
        connect_tcp([row(closed_address)], make_wait(BOUND))
    assert isinstance(caught.value.__cause__, ConnectionRefusedError)
    assert not isinstance(caught.value, MCPConnectionRejected)


def test_the_next_address_is_tried_when_one_refuses(
    make_wait: Callable[[float], DialWait], closed_address: tuple[str, int]
) -> None:
    with RawPeer(hold) as peer:
        rows = [row(closed_address), row((peer.host, peer.port)), row(closed_address)]
        with connect_tcp(rows, make_wait(BOUND)) as sock:
            assert sock.getpeername()[1] == peer.port


def test_a_silent_address_leaves_the_next_one_its_share_of_the_time(
    make_wait: Callable[[float], DialWait], silent_address: tuple[str, int]
) -> None:
    with RawPeer(hold) as peer:
        rows = [row(silent_address), row((peer.host, peer.port))]
        began = time.monotonic()
        with connect_tcp(rows, make_wait(2000 * MS)) as sock:
            assert sock.getpeername()[1] == peer.port
        assert 950 * MS <= time.monotonic() - began <= 2000 * MS


def test_all_addresses_failing_tells_the_last_reason_and_how_many(
    make_wait: Callable[[float], DialWait], closed_address: tuple[str, int]
) -> None:
    with pytest.raises(MCPConnectionError, match=r"connection refused \(2 addresses tried\)"):
        connect_tcp([row(closed_address), row(closed_address)], make_wait(BOUND))


def test_connecting_ends_at_the_deadline(
    make_wait: Callable[[float], DialWait], silent_address: tuple[str, int]
) -> None:
    limit = 100 * MS
    with pytest.raises(MCPConnectionError, match=f"within {limit:g} s: timed out while connecting"):
        connect_tcp([row(silent_address)], make_wait(limit))


def test_connecting_ends_at_an_abort(
    make_wait: Callable[[float], DialWait],
    silent_address: tuple[str, int],
    pipe: SelfPipe,
    in_thread: Callable[..., Future[Any]],
) -> None:
    dialing = in_thread(connect_tcp, [row(silent_address)], make_wait(BOUND))
    pipe.wake()
    with pytest.raises(TimeoutError):
        dialing.result(50 * MS)
    pipe.abort()
    with pytest.raises(LinkDown, match="aborted"):
        dialing.result(SOON)


def test_a_wake_in_the_middle_of_a_dial_is_kept_for_the_first_receive(
    make_wait: Callable[[float], DialWait], pipe: SelfPipe, silent_address: tuple[str, int]
) -> None:
    pipe.wake()
    with pytest.raises(MCPConnectionError, match="timed out"):
        connect_tcp([row(silent_address)], make_wait(50 * MS))
    assert pipe.woken


def test_a_socket_connected_to_itself_is_known() -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.connect(sock.getsockname())
        assert is_connected_to_itself(sock)


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        (socket.gaierror(socket.EAI_NONAME, "Name or service not known"), "Name or service not"),
        (OSError("not a host name"), "not a host name"),
        (TimeoutError("too late"), "timed out while resolving"),
        (MCPTimeoutError("dial", 1.0, False, "the resolver"), "timed out while resolving"),
        (UnicodeError("label too long"), "bad host name"),
        (MCPConnectionError("a reason of its own"), "a reason of its own"),
    ],
)
def test_a_name_that_cannot_be_resolved_is_a_connection_error(
    make_wait: Callable[[float], DialWait], raised: Exception, expected: str
) -> None:
    def resolve(*_: object) -> list[Row]:
        raise raised

    with pytest.raises(MCPConnectionError, match=expected):
        resolve_host(parse_websocket_url("ws://nowhere/"), resolve, make_wait(BOUND))


def test_a_name_without_addresses_is_a_connection_error(
    make_wait: Callable[[float], DialWait],
) -> None:
    with pytest.raises(MCPConnectionError, match="no address"):
        resolve_host(parse_websocket_url("ws://nowhere/"), lambda *_: [], make_wait(BOUND))


def test_the_resolver_gets_host_port_and_the_deadline_of_the_dial(
    make_wait: Callable[[float], DialWait],
) -> None:
    wait, asked = make_wait(BOUND), []

    def resolve(*question: object) -> list[Row]:
        asked.append(question)
        return [row(("127.0.0.1", 9))]

    resolve_host(parse_websocket_url("ws://there:9/"), resolve, wait)
    assert asked == [("there", 9, wait.deadline)]


def test_an_abort_while_resolving_is_a_link_down_whatever_the_resolver_says(
    make_wait: Callable[[float], DialWait], pipe: SelfPipe
) -> None:
    def resolve(*_: object) -> list[Row]:
        pipe.abort()
        raise OSError(errno.EINTR, "given up")

    with pytest.raises(LinkDown, match="aborted"):
        resolve_host(parse_websocket_url("ws://there/"), resolve, make_wait(BOUND))


def test_a_resolver_that_answers_after_the_deadline_is_too_late(
    make_wait: Callable[[float], DialWait],
) -> None:
    def resolve(*_: object) -> list[Row]:
        threading.Event().wait(30 * MS)
        return [row(("127.0.0.1", 9))]

    with pytest.raises(MCPConnectionError, match="timed out while resolving the host name"):
        resolve_host(parse_websocket_url("ws://there/"), resolve, make_wait(10 * MS))


Handshake = Callable[..., TlsConnection]


@pytest.fixture
def handshake(make_wait: Callable[[float], DialWait]) -> Handshake:
    """Connects to a peer and does the TLS handshake."""

    def do(
        peer: RawPeer,
        context: ssl.SSLContext | None,
        host: str = "127.0.0.1",
        timeout: float = BOUND,
    ) -> TlsConnection:
        wait = make_wait(timeout)
        sock = connect_tcp([row((peer.host, peer.port))], wait)
        return start_tls(sock, parse_websocket_url(f"wss://{host}:1/"), context, wait)

    return do


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_trusted_certificate_is_accepted_for_a_name_and_an_address(
    handshake: Handshake, certificates: Any, host: str
) -> None:
    with (
        RawPeer(lambda connection: connection.send(b"in TLS"), tls=certificates.server) as peer,
        contextlib.closing(handshake(peer, certificates.client, host)) as tls,
    ):
        assert tls.version() == "TLSv1.3"
        peer.wait_for_scripts(1)
        assert tls.recv(100) == b"in TLS"


def test_an_untrusted_certificate_is_a_rejection_that_says_what_is_wrong(
    handshake: Handshake, certificates: Any
) -> None:
    with (
        RawPeer(hold, tls=certificates.server) as peer,
        pytest.raises(
            MCPConnectionRejected, match=r"certificate of 127.0.0.1:7 was refused"
        ) as got,
    ):
        handshake(peer, None)
    assert got.value.tls_reason == "unable to get local issuer certificate"
    assert got.value.status is None
    assert isinstance(got.value.__cause__, ssl.SSLCertVerificationError)


def test_a_certificate_for_another_name_is_a_rejection_that_says_so(
    handshake: Handshake, certificates: Any
) -> None:
    with (
        RawPeer(hold, tls=certificates.server) as peer,
        pytest.raises(MCPConnectionRejected, match=r"example.org") as caught,
    ):
        handshake(peer, certificates.client, "example.org")
    assert caught.value.tls_reason is not None
    assert "mismatch" in caught.value.tls_reason


def test_a_server_that_wants_another_version_of_tls_is_no_rejection(
    handshake: Handshake, certificates: Any
) -> None:
    old = ssl.create_default_context()
    certificates.authority.configure_trust(old)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    new = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.authority.issue_cert("127.0.0.1").configure_cert(new)
    new.minimum_version = ssl.TLSVersion.TLSv1_3
    with (
        RawPeer(hold, tls=new) as peer,
        pytest.raises(MCPConnectionError, match=r"TLS failed .*VERSION") as caught,
    ):
        handshake(peer, old)
    assert not isinstance(caught.value, MCPConnectionRejected)


def test_a_server_that_refuses_our_certificate_is_a_rejection(
    handshake: Handshake, certificates: Any
) -> None:
    # In TLS 1.2 the refusal comes inside the handshake.
    picky = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.authority.issue_cert("127.0.0.1").configure_cert(picky)
    trustme.CA().configure_trust(picky)
    picky.verify_mode = ssl.CERT_REQUIRED
    picky.maximum_version = ssl.TLSVersion.TLSv1_2
    ours = ssl.create_default_context()
    certificates.authority.configure_trust(ours)
    certificates.authority.issue_cert("client.example").configure_cert(ours)
    with (
        RawPeer(hold, tls=picky) as peer,
        pytest.raises(MCPConnectionRejected, match="refused our TLS certificate") as caught,
    ):
        handshake(peer, ours)
    assert caught.value.tls_reason is not None


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        (lambda connection: connection.send(b"SSH-2.0-OpenSSH_9.9\r\n"), "TLS failed"),
        (lambda connection: connection.close(), "doing the TLS handshake"),
        (lambda connection: connection.receive(1) and connection.reset(), "doing the TLS"),
    ],
)
def test_a_peer_that_does_not_speak_tls_is_a_connection_error(
    handshake: Handshake, script: Callable[[PeerConnection], None], expected: str
) -> None:
    with RawPeer(script) as peer, pytest.raises(MCPConnectionError, match=expected) as caught:
        handshake(peer, None)
    assert not isinstance(caught.value, MCPConnectionRejected)


def test_a_host_that_tls_cannot_name_is_a_connection_error(
    handshake: Handshake, certificates: Any
) -> None:
    with RawPeer(hold) as peer, pytest.raises(MCPConnectionError, match="TLS cannot be set up"):
        handshake(peer, certificates.client, ".leading.dot")


def test_a_tls_handshake_with_a_mute_peer_ends_at_the_deadline(handshake: Handshake) -> None:
    with (
        RawPeer(hold) as peer,
        pytest.raises(MCPConnectionError, match="timed out while doing the TLS handshake"),
    ):
        handshake(peer, None, timeout=100 * MS)


def test_a_tls_handshake_with_a_mute_peer_ends_at_an_abort(
    handshake: Handshake, pipe: SelfPipe, in_thread: Callable[..., Future[Any]]
) -> None:
    with RawPeer(hold) as peer:
        dialing = in_thread(handshake, peer, None)
        peer.wait_for_connections(1)
        pipe.abort()
        with pytest.raises(LinkDown, match="aborted"):
            dialing.result(SOON)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ConnectionResetError(errno.ECONNRESET, "any text"), "connection reset by peer"),
        (FileNotFoundError(errno.ENOENT, "any text", "/secret/path"), "no such file or directory"),
        (OSError(), "OSError"),
        (ssl.SSLError(1, "any text"), r"TLS failed \(no reason given\)"),
    ],
)
def test_an_os_error_is_put_into_words_without_its_arguments(error: OSError, words: str) -> None:
    assert re.fullmatch(words, describe_os_error(error))


@pytest.mark.parametrize(
    ("error", "events"),
    [
        (ssl.SSLWantReadError(), POLLIN),
        (ssl.SSLWantWriteError(), POLLOUT),
        (ssl.SSLError(1, "any text"), 0),
        (ConnectionResetError(), 0),
    ],
)
def test_what_tls_waits_for_is_told_from_what_has_failed(error: OSError, events: int) -> None:
    assert wanted_events(error) == events
