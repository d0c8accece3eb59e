"""The TCP connections of a server from accept to the end of their threads.

`websockets` starts the threads of a connection; this room sees to it that a stop ends and joins
them all in bounded time, also those of a client that never finished its handshake, never answers a
close, or does not read. Knows nothing of what is said on a connection.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from functools import partial
from typing import Any

import attrs
from websockets.frames import CloseCode
from websockets.protocol import State
from websockets.sync.server import ServerConnection

from mcp_sync.connection.worker import start_worker
from mcp_sync.deadline import Deadline

__all__ = ["CLOSE_TIMEOUT", "Links"]

CLOSE_TIMEOUT = 1.0
"""Seconds that a peer has to answer a close frame."""

_SEND_TIMEOUT = 10.0  # seconds after which a peer that takes nothing is dropped


@attrs.frozen(eq=False)
class _Link:
    sock: socket.socket
    connection: ServerConnection
    handler: threading.Thread

    def threads(self) -> list[threading.Thread]:
        """The threads of this connection, the one that starts the others first."""
        others = (self.connection.recv_events_thread, self.connection.keepalive_thread)
        return [self.handler, *(thread for thread in others if thread is not None)]

    def is_over(self) -> bool:
        return not any(thread.is_alive() for thread in self.threads())

    def abort(self) -> None:
        """End the connection under whoever reads from it or is stuck in a write to it."""
        with contextlib.suppress(OSError):  # it is closed already
            self.sock.shutdown(socket.SHUT_RDWR)


class Links:
    """All connections of one run of a server. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: list[_Link] = []
        self._closing = False

    def open(self, sock: socket.socket, *arguments: Any, **options: Any) -> ServerConnection:
        """Make the connection for an accepted socket, on the thread that will handle it.

        This is the `create_connection` of `websockets.sync.server.serve`.

        Args:
            sock: the accepted socket.
            arguments: what else `serve` gives a connection, which depends on its version.
            options: the same, by name.

        Returns:
            The connection.

        Raises:
            ConnectionAbortedError: the server is stopping; the caller closes the socket.
        """
        with self._lock:
            if self._closing:
                raise ConnectionAbortedError("the embedded server is stopping")
            sock.settimeout(_SEND_TIMEOUT)
            connection = ServerConnection(sock, *arguments, **options)
            self._links = [link for link in self._links if not link.is_over()]
            self._links.append(_Link(sock, connection, threading.current_thread()))
        return connection

    def close_all(self, deadline: Deadline) -> bool:
        """Close every connection with 1001, then end those that are left, and join their threads.

        Args:
            deadline: the moment by which it must be over.

        Returns:
            Whether all threads have ended.
        """
        with self._lock:
            self._closing = True
            links = self._links
        closers = [
            start_worker("embedded-close", partial(link.connection.close, CloseCode.GOING_AWAY))
            for link in links
            if link.connection.state is State.OPEN
        ]
        polite = Deadline(CLOSE_TIMEOUT)
        for closer in closers:
            closer.join(polite.remaining())
        for link in links:
            link.abort()
        for thread in closers + [thread for link in links for thread in link.threads()]:
            thread.join(deadline.remaining())
        return all(link.is_over() for link in links)
