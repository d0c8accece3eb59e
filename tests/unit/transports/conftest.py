"""Links under test, their peers' certificates, and threads that are joined."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import attrs
import pytest
import trustme

from mcp_sync.deadline import Deadline
from mcp_sync.transports.base import Resolver
from mcp_sync.transports.websocket import WebSocketSettings, WebSocketTransport
from timing import MS

BOUND = 10_000 * MS
"""Seconds that anything may take which is expected to happen."""


def look_up(host: str, port: int, _: Deadline) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


@attrs.frozen
class Certificates:
    """Contexts of a server that is 127.0.0.1 and localhost, and of a client that trusts it."""

    authority: trustme.CA
    server: ssl.SSLContext
    client: ssl.SSLContext


@pytest.fixture(scope="session")
def certificates() -> Certificates:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return Certificates(authority, server, client)


MakeTransport = Callable[..., WebSocketTransport]


@pytest.fixture
def make_transport() -> Iterator[MakeTransport]:
    """Makes transports from a URL and settings; each is released at the end."""
    made = []

    def make(url: str, resolve: Resolver = look_up, **settings: Any) -> WebSocketTransport:
        made.append(WebSocketTransport(WebSocketSettings(url=url, **settings), resolve))
        return made[-1]

    yield make
    for transport in made:
        transport.release()


@pytest.fixture
def open_link(make_transport: MakeTransport) -> MakeTransport:
    """Makes a transport and opens it."""

    def open_one(url: str, **settings: Any) -> WebSocketTransport:
        transport = make_transport(url, **settings)
        transport.open(Deadline(BOUND))
        return transport

    return open_one


@pytest.fixture
def in_thread() -> Iterator[Callable[..., Future[Any]]]:
    """Runs functions on threads of their own; they have ended when the test is over."""
    with ThreadPoolExecutor(32) as pool:
        yield pool.submit
