"""The kernel's buffers of a socket: how to leave no room in them."""

from __future__ import annotations

import contextlib
import socket

from mcp_sync.transports.readiness import POLLOUT, make_poll
from timing import MS

__all__ = ["SMALL_BUFFER", "fill"]

SMALL_BUFFER = 8192


def fill(sock: socket.socket) -> int:
    """Fill the buffers of both ends of a connection; returns how many bytes that took."""
    poll = make_poll()
    poll.register(sock.fileno(), POLLOUT)
    filled, is_full = 0, False
    while not is_full:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL_BUFFER)
        with contextlib.suppress(BlockingIOError):
            while True:
                filled += sock.send(bytes(1000), socket.MSG_DONTWAIT)
        # With less room still, what the peer's kernel takes a little later leaves none here.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
        is_full = not poll.poll(100 * MS * 1000)
    return filled
