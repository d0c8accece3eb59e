"""Dialing through an HTTP proxy: which one, what it is asked, and what each refusal becomes."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConfigurationError, MCPConnectionError, MCPConnectionRejected
from mcp_sync.testing import PeerConnection, RawPeer, WebSocketConnection, WebSocketPeer
from mcp_sync.transports.base import LinkDown
from mcp_sync.transports.proxy import find_proxy
from mcp_sync.transports.websocket import WebSocketSettings, WebSocketTransport
from mcp_sync.url import ProxyUrl, parse_websocket_url
from proxy_peer import ConnectProxy, answering, basic
from scenes import nobody_listening
from timing import MS

BOUND = 10_000 * MS
SOON = 4000 * MS

SERVER = "ws://server.test:7000/mcp?key=s3cr3t-query"
NAME = "server.test:7000"

Make = Callable[..., WebSocketTransport]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment that names no proxy, to be filled."""
    for name in [*os.environ]:
        if name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)
    return monkeypatch


def hold(connection: PeerConnection) -> None:
    connection.hold()


def echo(connection: WebSocketConnection) -> None:
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            connection.send_text(connection.read_text())


@contextlib.contextmanager
def server_behind(
    tls: Any = None, credentials: str | None = None, name: str = NAME
) -> Iterator[tuple[ConnectProxy, RawPeer, list[WebSocketConnection]]]:
    """A server that only the proxy can find, the proxy, and who came through."""
    seen: list[WebSocketConnection] = []

    def serve(connection: WebSocketConnection) -> None:
        seen.append(connection)
        echo(connection)

    with WebSocketPeer(serve, tls=tls) as server:
        proxy = ConnectProxy({name: (server.host, server.port)}, credentials)
        with proxy.running() as peer:
            yield proxy, peer, seen


def refusal(make: Make, script: Callable[[PeerConnection], None], user: str = "") -> Any:
    """The error of a dial through such a proxy, checked for what it must never show."""
    with RawPeer(script) as peer:
        transport = make(SERVER, proxy=f"http://{user}127.0.0.1:{peer.port}")
        with pytest.raises(MCPConnectionError) as caught:
            transport.open(Deadline(BOUND))
    assert f"server.test:7000 through the proxy 127.0.0.1:{peer.port}" in str(caught.value)
    assert "s3cr3t" not in str(caught.value)
    return caught.value


# Which proxy

PROXY = ProxyUrl(host="proxy.test", port=3128)


@pytest.mark.parametrize(
    ("environ", "url", "found"),
    [
        ({}, "wss://server.test/", None),
        ({"https_proxy": "http://proxy.test:3128"}, "wss://server.test/", PROXY),
        ({"HTTPS_PROXY": "http://proxy.test:3128"}, "wss://server.test/", PROXY),
        ({"https_proxy": "proxy.test:3128"}, "wss://server.test/", PROXY),
        (
            {"HTTPS_PROXY": "http://other.test", "https_proxy": "http://proxy.test:3128"},
            "wss://server.test/",
            PROXY,
        ),
        ({"HTTPS_PROXY": "http://other.test", "https_proxy": ""}, "wss://server.test/", None),
        ({"https_proxy": "http://proxy.test:3128"}, "ws://server.test/", None),
        ({"http_proxy": "http://proxy.test:3128"}, "ws://server.test/", PROXY),
        ({"http_proxy": "http://proxy.test:3128"}, "wss://server.test/", None),
        ({"HTTP_PROXY": "http://proxy.test:3128"}, "ws://server.test/", None),
        ({"all_proxy": "http://proxy.test:3128"}, "wss://server.test/", None),
    ],
)
def test_the_environment_names_the_proxy(
    environment: pytest.MonkeyPatch,
    environ: dict[str, str],
    url: str,
    found: ProxyUrl | None,
) -> None:
    for name, value in environ.items():
        environment.setenv(name, value)
    assert find_proxy(None, parse_websocket_url(url)) == found


@pytest.mark.parametrize("variable", ["no_proxy", "NO_PROXY"])
@pytest.mark.parametrize(
    ("exceptions", "url", "is_direct"),
    [
        ("server.test", "wss://server.test/", True),
        (".test", "wss://server.test/", True),
        ("test", "wss://SERVER.test/", True),
        ("server.test:8443", "wss://server.test:8443/", True),
        ("server.test:8443", "wss://server.test/", False),
        ("other.test, server.test", "wss://server.test/", True),
        ("*", "wss://server.test/", True),
        ("erver.test", "wss://server.test/", False),
        ("fd00::7", "wss://[fd00::7]/", True),
        ("", "wss://server.test/", False),
    ],
)
def test_the_environment_names_exceptions(
    environment: pytest.MonkeyPatch, variable: str, exceptions: str, url: str, is_direct: bool
) -> None:
    environment.setenv("https_proxy", "http://proxy.test:3128")
    environment.setenv(variable, exceptions)
    assert find_proxy(None, parse_websocket_url(url)) == (None if is_direct else PROXY)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.9.1", "[::1]"])
def test_the_environment_sends_nobody_through_a_proxy_to_loopback(
    environment: pytest.MonkeyPatch, host: str
) -> None:
    environment.setenv("http_proxy", "http://proxy.test:3128")
    target = parse_websocket_url(f"ws://{host}:1/")
    assert find_proxy(None, target) is None
    assert find_proxy("http://proxy.test:3128", target) == PROXY


def test_direct_and_an_express_proxy_do_not_look_into_the_environment(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("https_proxy", "http://other.test:1")
    environment.setenv("no_proxy", "*")
    target = parse_websocket_url("wss://server.test/")
    assert find_proxy("direct", target) is None
    assert find_proxy("http://proxy.test:3128", target) == PROXY


@pytest.mark.parametrize("url", ["socks5://u:s3cr3t@p:1080", "https://u:s3cr3t@p", "u:s3cr3t@p:0"])
def test_a_proxy_of_the_environment_that_cannot_work_is_a_rejection_that_says_where_it_stands(
    environment: pytest.MonkeyPatch, url: str
) -> None:
    environment.setenv("HTTPS_PROXY", url)
    with pytest.raises(MCPConnectionRejected) as caught:
        find_proxy(None, parse_websocket_url("wss://server.test/"))
    assert str(caught.value).startswith("https_proxy=")
    assert 'name server.test in no_proxy, or give proxy="direct"' in str(caught.value)
    assert caught.value.status is None
    assert "s3cr3t" not in str(caught.value)


def test_settings_show_no_credentials_and_refuse_what_is_no_proxy() -> None:
    assert "s3cr3t" not in repr(WebSocketSettings(url=SERVER, proxy="http://u:s3cr3t@p:1"))
    with pytest.raises(MCPConfigurationError, match="SOCKS is not supported"):
        WebSocketSettings(url=SERVER, proxy="socks5://p")


def test_without_a_proxy_in_the_environment_nothing_is_imported_to_look_for_one() -> None:
    program = (
        "import sys\n"
        "from mcp_sync.transports.websocket import WebSocketSettings\n"
        "WebSocketSettings(url='wss://server.test/')\n"
        "assert 'urllib.request' not in sys.modules\n"
    )
    environ = {name: value for name, value in os.environ.items() if "COV" not in name}
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30, env=environ)


# The tunnel


def test_a_link_goes_through_the_tunnel_and_the_proxy_sees_no_header_of_the_servers(
    open_link: Make,
) -> None:
    with server_behind() as (proxy, peer, seen):
        link = open_link(
            SERVER,
            proxy=f"http://127.0.0.1:{peer.port}",
            headers={"Authorization": "Bearer s3cr3t", "Cookie": "s3cr3t"},
        )
        link.send("hello", Deadline(BOUND))
        assert link.receive(Deadline(BOUND)) == "hello"
        link.abort()
    assert [(method, request.target) for method, request in proxy.requests] == [("CONNECT", NAME)]
    assert proxy.requests[0][1].headers == {"host": NAME}
    assert seen[0].request.target == "/mcp?key=s3cr3t-query"
    assert seen[0].request.headers["host"] == NAME
    assert seen[0].request.headers["authorization"] == "Bearer s3cr3t"
    assert "proxy-authorization" not in seen[0].request.headers


def test_only_the_proxys_name_is_resolved_here(make_transport: Make) -> None:
    asked = []
    with server_behind() as (_, peer, _):

        def resolve(host: str, port: int, _: Deadline) -> list[Any]:
            asked.append((host, port))
            return [(2, 1, 6, "", ("127.0.0.1", port))]

        link = make_transport(SERVER, resolve, proxy=f"http://proxy.test:{peer.port}")
        link.open(Deadline(BOUND))
        link.abort()
    assert asked == [("proxy.test", peer.port)]


def test_user_and_password_go_to_the_proxy_as_basic_credentials(open_link: Make) -> None:
    with server_behind(credentials="me@work:s3:cr/t") as (proxy, peer, _):
        open_link(SERVER, proxy=f"http://me%40work:s3:cr%2Ft@127.0.0.1:{peer.port}").abort()
    headers = proxy.requests[0][1].headers
    assert headers == {"host": NAME, "proxy-authorization": basic("me@work:s3:cr/t")}


def test_tls_is_verified_against_the_servers_own_name_through_the_tunnel(
    open_link: Make, certificates: Any
) -> None:
    with server_behind(certificates.server, name="localhost:7000") as (proxy, peer, _):
        link = open_link(
            "wss://localhost:7000/",
            proxy=f"http://127.0.0.1:{peer.port}",
            ssl_context=certificates.client,
        )
        link.send("in TLS", Deadline(BOUND))
        assert link.receive(Deadline(BOUND)) == "in TLS"
        link.abort()
    assert proxy.requests[0][1].target == "localhost:7000"


def test_a_proxy_that_leads_to_another_server_meets_its_certificate(
    make_transport: Make, certificates: Any
) -> None:
    with server_behind(certificates.server, name="bank.test:443") as (_, peer, seen):
        link = make_transport(
            "wss://bank.test/",
            proxy=f"http://127.0.0.1:{peer.port}",
            ssl_context=certificates.client,
        )
        with pytest.raises(MCPConnectionRejected, match=r"bank\.test") as caught:
            link.open(Deadline(BOUND))
    assert caught.value.tls_reason is not None
    assert "mismatch" in caught.value.tls_reason
    assert seen == []


def test_the_proxy_of_the_environment_is_used(
    open_link: Make, environment: pytest.MonkeyPatch
) -> None:
    with server_behind() as (proxy, peer, _):
        environment.setenv("http_proxy", f"http://127.0.0.1:{peer.port}")
        open_link(SERVER).abort()
    assert len(proxy.requests) == 1


# Refusals


def test_a_proxy_that_wants_credentials_is_a_rejection(make_transport: Make) -> None:
    challenge = b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="x"\r\n\r\nbody'
    error = refusal(make_transport, answering(challenge))
    assert isinstance(error, MCPConnectionRejected)
    assert (error.status, error.challenge) == (407, 'Basic realm="x"')
    assert "wants credentials (HTTP 407)" in str(error)
    assert "http://user:password@host:port" in str(error)


def test_a_proxy_that_refuses_credentials_says_so_without_them(make_transport: Make) -> None:
    error = refusal(make_transport, answering(b"HTTP/1.1 407 \r\n\r\n"), "me:s3cr3t@")
    assert isinstance(error, MCPConnectionRejected)
    assert "refused the user and password (HTTP 407)" in str(error)


def test_a_proxy_that_forbids_the_tunnel_is_a_rejection_with_the_way_out(
    make_transport: Make,
) -> None:
    error = refusal(make_transport, answering(b"HTTP/1.0 403 Forbidden\r\n\r\n"))
    assert isinstance(error, MCPConnectionRejected)
    assert error.status == 403
    assert 'proxy="direct"' in str(error)


@pytest.mark.parametrize("status", [302, 400, 404, 405, 500, 502, 503, 504])
def test_any_other_refusal_may_pass(make_transport: Make, status: int) -> None:
    answer = f"HTTP/1.1 {status} Any\r\nRetry-After: 7\r\nLocation: http://s3cr3t/\r\n\r\n"
    error = refusal(make_transport, answering(answer.encode()))
    assert not isinstance(error, MCPConnectionRejected)
    assert f"it answered CONNECT with HTTP {status}" in str(error)
    assert error.retry_after == 7


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (answering(b"SSH-2.0-OpenSSH_9.9\r\n"), "does not speak HTTP"),
        (answering(b"HTTP/1.1 yes\r\n\r\n"), "does not speak HTTP"),
        (answering(b"HTTP/1.1 2000 OK\r\n\r\n"), "does not speak HTTP"),
        (answering(b"HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 101 x"), "the server was not asked for"),
        (answering(b"HTTP/1.1 200 OK\r\n" + b"X-A: b\r\n" * 20_000), "are over 65536 bytes"),
        (lambda connection: connection.close(), "closed the connection|reset by peer"),
        (lambda connection: connection.receive(1) and connection.reset(), "reset by peer"),
        (
            lambda connection: (
                connection.receive_until(b"\r\n\r\n") and connection.send(b"HTTP/1.1 200 O")
            ),
            "closed the connection",
        ),
    ],
    ids=["ssh", "no status", "four digits", "early bytes", "huge", "closes", "resets", "half"],
)
def test_a_proxy_that_does_not_keep_to_http_is_a_connection_error(
    make_transport: Make, script: Callable[[PeerConnection], None], words: str
) -> None:
    error = refusal(make_transport, script)
    assert not isinstance(error, MCPConnectionRejected)
    assert any(one in str(error) for one in words.split("|"))
    assert str(error).endswith("while waiting for the proxy's answer to CONNECT")


def test_a_proxy_that_is_not_there_is_named(make_transport: Make) -> None:
    with nobody_listening() as url:
        address = url.removeprefix("ws://")
        link = make_transport(SERVER, proxy=f"http://{address}")
        with pytest.raises(MCPConnectionError, match=f"through the proxy {address}: connection"):
            link.open(Deadline(BOUND))


def test_the_name_of_a_proxy_that_does_not_resolve_is_named(make_transport: Make) -> None:
    def resolve(*_: object) -> list[Any]:
        raise OSError("Name or service not known")

    link = make_transport(SERVER, resolve, proxy="http://proxy.test:1")
    with pytest.raises(MCPConnectionError, match="resolving the host name of the proxy"):
        link.open(Deadline(BOUND))


# One deadline, one abort


def dripping(connection: PeerConnection) -> None:
    """Keep the answer to CONNECT from ever being whole, and from ever being silent."""
    stop = threading.Event()
    connection.receive_until(b"\r\n\r\n")
    connection.send(b"HTTP/1.1 200 OK\r\nX-Drip: ")
    with contextlib.suppress(ConnectionError):
        for _ in range(500):
            connection.send(b"x")
            stop.wait(10 * MS)


@pytest.mark.parametrize("script", [hold, dripping], ids=["mute", "dripping"])
def test_a_proxy_does_not_stretch_the_deadline_of_the_dial(
    make_transport: Make, script: Callable[[PeerConnection], None]
) -> None:
    with RawPeer(script) as peer:
        link = make_transport(SERVER, proxy=f"http://127.0.0.1:{peer.port}")
        begun = time.monotonic()
        with pytest.raises(MCPConnectionError, match="timed out while waiting for the proxy"):
            link.open(Deadline(500 * MS))
        taken = time.monotonic() - begun
    assert 500 * MS <= taken < SOON


def test_a_server_behind_a_tunnel_does_not_stretch_it_either(make_transport: Make) -> None:
    with RawPeer(hold) as server:
        proxy = ConnectProxy({NAME: (server.host, server.port)})
        with proxy.running() as peer:
            link = make_transport(SERVER, proxy=f"http://127.0.0.1:{peer.port}")
            with pytest.raises(MCPConnectionError, match="waiting for the WebSocket upgrade"):
                link.open(Deadline(1000 * MS))
    assert len(proxy.requests) == 1


def test_an_abort_ends_the_wait_for_a_proxy(
    make_transport: Make, in_thread: Callable[..., Future[Any]]
) -> None:
    with RawPeer(hold) as peer:
        link = make_transport(SERVER, proxy=f"http://127.0.0.1:{peer.port}")
        dialing = in_thread(link.open, Deadline(BOUND))
        peer.wait_for_connections(1)
        link.abort()
        with pytest.raises(LinkDown, match="aborted"):
            dialing.result(SOON)
