"""A small real HTTP proxy on loopback: takes CONNECT, resolves names itself, passes bytes on."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
from collections.abc import Callable, Iterator, Mapping

from mcp_sync.testing import PeerConnection, RawPeer, UpgradeRequest
from mcp_sync.testing.wire import parse_request, response

PATIENCE_S = 20.0
HEAD_END = b"\r\n\r\n"

Address = tuple[str, int]


class ConnectProxy:
    """Grants tunnels to the servers it knows, and refuses all others with 502.

    Args:
        servers: each server's ``host:port``, as it stands in CONNECT, and where it really is.
        credentials: ``user:password`` that it asks for; None asks for none.
    """

    def __init__(self, servers: Mapping[str, Address], credentials: str | None = None) -> None:
        self.servers = dict(servers)
        self.requests: list[tuple[str, UpgradeRequest]] = []
        """The method and the rest of each request that was read."""
        self._wanted = None if credentials is None else basic(credentials)

    @contextlib.contextmanager
    def running(self) -> Iterator[RawPeer]:
        """Serve until the context is left; gives where to dial."""
        with RawPeer(self._serve, patience=PATIENCE_S) as peer:
            yield peer

    def _serve(self, connection: PeerConnection) -> None:
        with contextlib.suppress(ConnectionError, EOFError):
            self._answer(connection)

    def _answer(self, connection: PeerConnection) -> None:
        head = connection.receive_until(HEAD_END)
        request = parse_request(head)
        self.requests.append((head.split(b" ")[0].decode(), request))
        if self._wanted not in (None, request.headers.get("proxy-authorization")):
            challenge = {"Proxy-Authenticate": 'Basic realm="tunnels"'}
            connection.send(response(407, challenge, "go away"))
        elif request.target not in self.servers:
            connection.send(response(502, {}, "no such server"))
        else:
            with socket.create_connection(self.servers[request.target], PATIENCE_S) as server:
                connection.send(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 small\r\n\r\n")
                pass_on(connection.socket, server)


def basic(credentials: str) -> str:
    """The header that stands for ``user:password``."""
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def pass_on(client: socket.socket, server: socket.socket) -> None:
    """Pass bytes on in both directions until one side ends."""
    others = {client: server, server: client}
    while True:
        ready, _, _ = select.select(list(others), [], [], PATIENCE_S)
        if not ready:
            raise TimeoutError(f"a tunnel was silent for {PATIENCE_S} s")
        for sock in ready:
            data = sock.recv(65_536)
            if not data:
                return
            others[sock].sendall(data)


def answering(data: bytes) -> Callable[[PeerConnection], None]:
    """A script that reads the request, answers with these bytes and reads to the end."""

    def script(connection: PeerConnection) -> None:
        connection.receive_until(HEAD_END)
        with contextlib.suppress(ConnectionError):
            connection.send(data)
        connection.receive_to_end()

    return script
