"""Servers that answer byte by byte, or not at all, while a client dials: its deadline holds.

The server measures: from the moment it accepted a connection to the end of it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Final

from mcp_sync import MCPClient
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from mcp_sync.testing.wire import accept_response, encode_frame
from reliability.clients import PATIENCE, QUICK
from scenes import Inbox, read_request
from timing import MS

__all__ = ["DRIPS", "PROXY_DRIPS", "dial_times", "lost_names"]

TEXT: Final = 0x1

PAUSE: Final = 20 * MS
"""Between two bytes: by far too slow for the deadline, by far too quick to look dead."""

Drip = Callable[[WebSocketConnection], None]


def _drip(connection: WebSocketConnection, data: bytes) -> None:
    for byte in data:
        connection.send(bytes([byte]))
        threading.Event().wait(PAUSE)  # paces the fault


def _mute(connection: WebSocketConnection) -> None:
    connection.receive_to_end()


def _drip_the_upgrade(connection: WebSocketConnection) -> None:
    connection.read_request()
    _drip(connection, accept_response(connection.request, {"X-Filler": "x" * 4000}))


def _drip_the_handshake(connection: WebSocketConnection) -> None:
    connection.read_request()
    connection.accept_upgrade()
    request = read_request(connection)
    result = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "slow"}}
    answer = {"jsonrpc": "2.0", "id": request["id"], "result": result | {"filler": "x" * 4000}}
    _drip(connection, encode_frame(TEXT, json.dumps(answer).encode()))


def _ping_instead_of_the_handshake(connection: WebSocketConnection) -> None:
    connection.read_request()
    connection.accept_upgrade()
    while True:
        connection.send_frame(0x9, b"still here")
        threading.Event().wait(PAUSE)  # paces the fault


DRIPS: Final[dict[str, Drip]] = {
    "accepts and says nothing": _mute,
    "drips the upgrade": _drip_the_upgrade,
    "drips the handshake": _drip_the_handshake,
    "pings instead of a handshake": _ping_instead_of_the_handshake,
}
"""What a slow server does, by name; each would take minutes."""


def _drip_the_answer_to_connect(connection: WebSocketConnection) -> None:
    connection.read_request()
    _drip(connection, b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 4000)


def _drip_in_the_tunnel(connection: WebSocketConnection) -> None:
    connection.read_request()
    connection.send(b"HTTP/1.1 200 Connection established\r\n\r\n")
    _drip(connection, accept_response(connection.read_request(), {"X-Filler": "x" * 4000}))


PROXY_DRIPS: Final[dict[str, Drip]] = {
    "accepts and says nothing": _mute,
    "drips the answer to CONNECT": _drip_the_answer_to_connect,
    "grants a tunnel that drips the upgrade": _drip_in_the_tunnel,
}
"""What a slow proxy does, by name."""


def dial_times(
    client_type: type[MCPClient],
    drip: Drip,
    connect_timeout: float,
    dials: int,
    *,
    is_proxy: bool = False,
) -> list[float]:
    """Have a slow server dialed.

    Args:
        client_type: of the client.
        drip: what the server does.
        connect_timeout: of the client, in seconds.
        dials: how many dials to wait for.
        is_proxy: whether it is the proxy on the way to a server, not the server itself.

    Returns:
        Seconds that each dial took, as the server saw it.
    """
    took = Inbox()

    def serve(connection: WebSocketConnection) -> None:
        begun = time.monotonic()
        with contextlib.suppress(EOFError, OSError):
            drip(connection)
        connection.receive_to_end()
        took(time.monotonic() - begun)

    with WebSocketPeer(serve, upgrade=False, patience=PATIENCE) as peer:
        url = "ws://server.invalid" if is_proxy else peer.url
        proxy = f"http://{peer.host}:{peer.port}" if is_proxy else "direct"
        client = client_type(url, connect_timeout=connect_timeout, proxy=proxy, **QUICK)
        try:
            call = client.submit("never answered")
            assert took.wait_for(lambda times: len(times) >= dials, PATIENCE)
            assert not call.done()
        finally:
            client.close()
    return took.items()[:dials]


@contextlib.contextmanager
def _no_name_is_resolved() -> Iterator[Inbox]:
    """Have ``getaddrinfo`` not return, as with a name server that never answers.

    Yields:
        What it was asked.
    """
    asked, over = Inbox(), threading.Event()
    original = socket.getaddrinfo

    def hang(*_: object, **__: object) -> list[tuple[object, ...]]:
        asked(None)
        over.wait(PATIENCE)
        raise socket.gaierror(socket.EAI_AGAIN, "the name server did not answer")

    socket.getaddrinfo = hang  # type: ignore[assignment]
    try:
        yield asked
    finally:
        socket.getaddrinfo = original
        over.set()


def lost_names(
    client_type: type[MCPClient], connect_timeout: float, dials: int
) -> tuple[list[float], list[float]]:
    """Have names dialed that are never resolved.

    Args:
        client_type: of the client.
        connect_timeout: of the client, in seconds.
        dials: how many clients dial, one after the other.

    Returns:
        Seconds until each dial had failed, and that ``close()`` took in the middle of another.
    """
    failed, closed = [], []
    with _no_name_is_resolved() as asked:
        for number in range(dials):
            client = client_type(
                "ws://server.invalid:80",
                connect_timeout=connect_timeout,
                reconnect_attempts=0,
                reconnect_delay=60.0,
            )
            begun = time.monotonic()
            assert client.connect(PATIENCE) is False
            failed.append(time.monotonic() - begun)
            client.configure(connect_timeout=60.0)  # for a close that waits for a dial
            client.reconnect()
            assert asked.wait_for(lambda names, most=2 * number: len(names) > most + 1, PATIENCE)  # type: ignore[misc]
            begun = time.monotonic()
            client.close()
            closed.append(time.monotonic() - begun)
    return failed, closed
