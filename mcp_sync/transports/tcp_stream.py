"""Plain TCP as a byte stream, which waits in recv(2) before it waits in poll(2).

Where Linux lets it, a wait begins in recv(2) itself and goes on in poll(2) after a moment. An
answer that comes soon then costs one system call, and one change of the interpreter's lock, less.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from typing import Final

from ..deadline import Deadline
from .readiness import NO_SIGNAL, SelfPipe
from .streams import RECEIVE_SIZE, Gauges, SocketStream

if sys.platform == "linux":
    import fcntl
    import termios

__all__ = ["TcpStream"]

_LINGER: Final = struct.pack("@ll", 0, 1)
"""How long a recv(2) waits, as a ``struct timeval``: the kernel makes one tick of its clock of it,
which is 1 to 10 ms, and up to two with the one under way. Python begins a recv(2) anew when a
signal interrupts it (PEP 475); of one tick nothing is left for that once it has passed, so signals
cannot keep it, however fast they come."""

_LINGER_LIMIT_S: Final = 0.05
"""A deadline that is nearer than this is left to poll(2), which keeps it exactly."""

_BYTES_RECEIVED: Final = 128
"""Where ``struct tcp_info`` has ``tcpi_bytes_received``, 8 bytes (linux/tcp.h, since 4.1)."""

_CLOSE_WAIT: Final = 8
"""``tcpi_state``, the first byte, once the peer has ended its side (linux/tcp.h)."""

_COUNTS: Final = 10
"""How often it is counted anew when something has come meanwhile."""

_SEND_FLAGS: Final = NO_SIGNAL | getattr(socket, "MSG_DONTWAIT", 0)


class TcpStream(SocketStream):
    """A plain TCP stream. One thread receives, one sends; ``shutdown`` is anyone's.

    Args:
        sock: connected, non-blocking; the stream owns it.
        pipe: the transport's self-pipe, open. A wake is heard once recv(2) waits no more.
        gauges: where progress is noted.
    """

    def __init__(self, sock: socket.socket, pipe: SelfPipe, gauges: Gauges) -> None:
        super().__init__(sock, pipe, gauges)
        taken = _let_recv_wait(sock)
        self._can_linger = taken is not None
        self._taken_before = (taken or 0) - gauges.bytes_received

    def receive(self, deadline: Deadline | None) -> bytes:
        """See ``ByteStream.receive``."""
        remaining = None if deadline is None else deadline.remaining()
        may_linger = self._can_linger and not self._pipe.woken and not self._pipe.aborted
        if may_linger and (remaining is None or remaining > _LINGER_LIMIT_S):
            # Not ended before poll begins to wait: up to there nothing is taken.
            self.waiting = True
        else:
            self._wait_readable(deadline)
        data = None
        while data is None:
            try:
                data = self._sock.recv(RECEIVE_SIZE)
            except (BlockingIOError, InterruptedError):
                pass  # The moment is over; or a readiness was gone (poll(2), BUGS).
            except OSError as error:
                raise self._broken(error) from error
            if data is None:  # Out here, so that an interrupt of the wait has no context.
                self._wait_readable(deadline)
        self.waiting = False
        self._note_received(len(data))
        return data

    def has_taken_all(self) -> bool:
        """See ``ByteStream.has_taken_all``."""
        if not (self.waiting and self._can_linger):
            return self.waiting
        try:
            counted = self._taken_before + self._gauges.bytes_received
            return _count_taken(self._sock) == counted
        except (OSError, ValueError):
            return False  # It is lost, or closed, already.

    def send(self, data: bytes | memoryview) -> int:
        """See ``ByteStream.send``."""
        try:
            count = self._sock.send(data, _SEND_FLAGS)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise self._broken(error) from error
        self._note_sent(count)
        return count


def _let_recv_wait(sock: socket.socket) -> int | None:
    """Have recv(2), and nothing else, wait for a moment.

    Returns:
        The bytes that were received so far, by the kernel's count; None where it cannot be had.
    """
    if sys.platform != "linux":
        return None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, _LINGER)
        taken = _count_taken(sock)
    except (OSError, struct.error):
        return None  # An old kernel, or one that only looks like Linux.
    # The answer to the upgrade has been received: a kernel that counts has counted that.
    if not taken:
        return None
    sock.setblocking(True)
    if not os.get_blocking(sock.fileno()):
        # One of gevent's, which waits by itself, and not for a moment.
        sock.setblocking(False)
        return None
    return taken


def _count_taken(sock: socket.socket) -> int | None:
    """The bytes that the kernel has given out to readers of a socket, by its own count.

    Returns:
        None where bytes come so fast that the count is not to be had.
    """
    received = _count_received(sock)
    for _ in range(_COUNTS):
        unread = int.from_bytes(
            fcntl.ioctl(sock.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder
        )
        before, received = received, _count_received(sock)
        if received == before:
            return received - unread
    return None


def _count_received(sock: socket.socket) -> int:
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_RECEIVED + 8)
    (received,) = struct.unpack_from("=Q", info, _BYTES_RECEIVED)
    # The peer's FIN is counted like a byte.
    return int(received) - (info[0] == _CLOSE_WAIT)
