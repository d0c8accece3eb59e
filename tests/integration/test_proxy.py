"""A client whose server is behind an HTTP proxy, over TLS: its whole life goes through tunnels."""

from __future__ import annotations

import contextlib
import logging
import ssl
from collections.abc import Iterator

import pytest
import trustme

from mcp_sync import MCPClient, MCPConnectionRejected
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from proxy_peer import ConnectProxy
from scenes import FAST, PATIENCE, Diary, echo_all, shake_hands

URL = "wss://mcp.example.test/mcp"
NAME = "mcp.example.test:443"
CREDENTIALS = "me:s3cr3t"


def serve(connection: WebSocketConnection) -> None:
    shake_hands(connection)
    echo_all(connection)


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def proxy(authority: trustme.CA) -> Iterator[ConnectProxy]:
    """A proxy that alone knows where the server is, and wants credentials."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("mcp.example.test").configure_cert(context)
    with WebSocketPeer(serve, tls=context) as server:
        yield ConnectProxy({NAME: (server.host, server.port)}, CREDENTIALS)


@pytest.fixture
def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


def test_a_client_lives_behind_a_proxy_and_comes_back_through_it(
    proxy: ConnectProxy, trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with proxy.running() as peer:
        way = f"http://{CREDENTIALS}@127.0.0.1:{peer.port}"
        client = MCPClient(URL, proxy=way, ssl_context=trusting, **FAST)
        diary = Diary(client)
        with client:
            first = client.request("first", timeout=PATIENCE)
            assert client.get_connection_stats().link.tls_version is not None
            client.reconnect()
            second = client.request("second", timeout=PATIENCE)
            shown = f"{client!r} {client.config!r} {client.get_connection_stats()!r}"
    assert (first["method"], second["method"]) == ("first", "second")
    assert [request.target for _, request in proxy.requests] == [NAME, NAME]
    assert "failed" not in diary.names()
    assert "s3cr3t" not in shown + caplog.text + repr(diary.events())


def test_a_proxy_that_refuses_the_credentials_is_told_at_once_and_mended_by_a_setting(
    proxy: ConnectProxy, trusting: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with proxy.running() as peer, contextlib.ExitStack() as stack:
        way = f"http://me:wr0ng@127.0.0.1:{peer.port}"
        client = MCPClient(URL, proxy=way, ssl_context=trusting, **FAST)
        stack.callback(client.close)
        diary = Diary(client)
        with pytest.raises(MCPConnectionRejected, match="refused the user and password") as caught:
            client.connect(PATIENCE)
        assert caught.value.status == 407
        assert diary.wait_for("failed").context["permanent"]
        assert len(proxy.requests) == 1
        client.configure(proxy=f"http://{CREDENTIALS}@127.0.0.1:{peer.port}")
        assert client.connect(PATIENCE)
        assert client.request("again", timeout=PATIENCE)["method"] == "again"
    shown = caplog.text + repr(diary.events()) + str(caught.value)
    assert "wr0ng" not in shown
    assert "s3cr3t" not in shown


def test_a_server_that_the_proxy_cannot_reach_yet_is_dialed_again(
    proxy: ConnectProxy, trusting: ssl.SSLContext
) -> None:
    known, proxy.servers = proxy.servers, {}
    with proxy.running() as peer, contextlib.ExitStack() as stack:
        way = f"http://{CREDENTIALS}@127.0.0.1:{peer.port}"
        client = MCPClient(URL, 100, proxy=way, ssl_context=trusting, **FAST)
        stack.callback(client.close)
        diary = Diary(client)
        call = client.submit("kept")
        error = str(diary.wait_for("failed").context["error"])
        proxy.servers = known
        assert call.result(PATIENCE)["method"] == "kept"
    assert error.endswith("it answered CONNECT with HTTP 502")
