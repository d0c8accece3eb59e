"""Open byte streams on a non-blocking socket: plain TCP, and TLS with one lock around each call.

Waiting is always done in poll(2), outside any call into TLS. A stream knows bytes, deadlines and
the self-pipe; nothing of frames.
"""

from __future__ import annotations

import abc
import socket
import ssl
import threading
import time
from typing import Protocol

from ..deadline import Deadline
from .base import LinkDown
from .dial import ABORTED, describe_os_error
from .readiness import POLLIN, POLLOUT, SelfPipe, make_poll, poll_timeout

__all__ = ["ByteStream", "Gauges", "TcpStream", "TlsStream", "WaitOver"]

RECEIVE_SIZE = 65_536
TLS_RECORD_SIZE = 16_384
RENEGOTIATION_POLL_S = 0.05
# A script that restores SIGPIPE's default must not die of a lost link.
SEND_FLAGS = getattr(socket, "MSG_NOSIGNAL", 0)

CLOSE_ABNORMAL = 1006


class WaitOver(Exception):
    """Receiving stopped without loss: the deadline was over, or ``wake`` was called."""


class Gauges(Protocol):
    """What a stream keeps up to date at each progress; see ``Transport``."""

    last_inbound: float
    last_outbound: float
    bytes_received: int
    bytes_sent: int


class ByteStream(abc.ABC):
    """One connected socket. One thread receives, one sends; ``shutdown`` is anyone's.

    Args:
        sock: connected, non-blocking; the stream owns it.
        pipe: the transport's self-pipe, open.
        gauges: where progress is noted.
    """

    engaged = False
    """True while the stream holds on to bytes that were offered but not counted as taken: the
    same bytes must be offered again."""

    def __init__(self, sock: socket.socket, pipe: SelfPipe, gauges: Gauges) -> None:
        self.waiting = False
        """True only inside the receiver's poll, where an interrupt loses nothing."""
        self._sock = sock
        self._fd = sock.fileno()
        self._pipe = pipe
        self._gauges = gauges
        self._receive_poll = make_poll()
        self._receive_poll.register(self._fd, POLLIN)
        self._receive_poll.register(pipe.fileno(), POLLIN)
        self._send_poll = make_poll()
        self._send_poll.register(self._fd, POLLOUT)
        # Re-entrant, because a signal handler may abort while its own thread is in here.
        self._closing = threading.RLock()

    @abc.abstractmethod
    def receive(self, deadline: Deadline | None) -> bytes:
        """Take the next bytes, waiting until the deadline; b"" at the end of the stream.

        Raises:
            WaitOver: the deadline was over or the pipe was woken; nothing was taken.
            LinkDown: the stream is broken or was aborted.
        """

    @abc.abstractmethod
    def send(self, data: bytes | memoryview) -> int:
        """Offer bytes to the kernel without waiting; return how many it took.

        Raises:
            LinkDown: the stream is broken.
        """

    def wait_writable(self, deadline: Deadline) -> bool:
        """Wait until ``send`` may get on; False when the deadline was over first."""
        remaining = deadline.remaining()
        if remaining == 0:
            return False
        return bool(self._send_poll.poll(poll_timeout(remaining)))

    def free_space(self) -> int:
        """Bytes that the kernel would surely take at once; for the sender alone.

        A socket polls as writable while a third of its send buffer is free; half of that is left
        for the kernel's own bookkeeping.
        """
        try:
            if not self._send_poll.poll(0):
                return 0
            return self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 6
        except OSError:
            return 0

    def discard_to_end(self, deadline: Deadline) -> None:
        """Send our FIN and read away what still comes, until the other side ends or the deadline.

        To close a socket with unread bytes sends a reset, which can overtake our last frame.
        """
        self.shutdown(socket.SHUT_WR)
        try:
            while not deadline.is_over() and self.receive(deadline):
                pass
        except (WaitOver, LinkDown):
            return

    def shutdown(self, how: int = socket.SHUT_RDWR) -> None:
        """End one or both directions at once; whatever is blocked returns. Never blocks."""
        with self._closing:
            try:
                # Not SSLSocket.shutdown: it would make the next recv read without TLS.
                socket.socket.shutdown(self._sock, how)
            except OSError:
                return  # Already closed, by the peer or by us.

    def forget(self) -> None:
        """Close the descriptor in a forked child, where a thread that is gone may hold the lock."""
        self._sock.close()

    def close(self) -> None:
        """Close the descriptor; idempotent."""
        with self._closing:
            self._sock.close()

    def _wait_readable(self, deadline: Deadline | None) -> None:
        """Return when the socket is readable; WaitOver or LinkDown otherwise."""
        while True:
            remaining = None if deadline is None else deadline.remaining()
            self.waiting = True
            ready = self._receive_poll.poll(poll_timeout(remaining))
            self.waiting = False
            if len(ready) == 1 and ready[0][0] == self._fd:
                return
            if self._pipe.aborted:
                raise LinkDown(ABORTED)
            if ready:
                if self._pipe.take_wake():
                    raise WaitOver
            elif remaining == 0:
                raise WaitOver

    def _received(self, data: bytes) -> bytes:
        gauges = self._gauges
        gauges.last_inbound = time.monotonic()
        gauges.bytes_received += len(data)
        return data

    def _sent(self, count: int) -> int:
        gauges = self._gauges
        gauges.last_outbound = time.monotonic()
        gauges.bytes_sent += count
        return count

    def _broken(self, error: OSError | ValueError) -> LinkDown:
        if self._pipe.aborted:
            return LinkDown(ABORTED)
        cause = describe_os_error(error) if isinstance(error, OSError) else "the TLS link is closed"
        return LinkDown(cause, CLOSE_ABNORMAL)


class TcpStream(ByteStream):
    """A plain TCP stream: poll first, then one recv(2)."""

    def receive(self, deadline: Deadline | None) -> bytes:
        """See ``ByteStream.receive``."""
        while True:
            self._wait_readable(deadline)
            try:
                return self._received(self._sock.recv(RECEIVE_SIZE))
            except (BlockingIOError, InterruptedError):
                continue  # poll(2) may report readiness that is gone (its manual, BUGS).
            except OSError as error:
                raise self._broken(error) from error

    def send(self, data: bytes | memoryview) -> int:
        """See ``ByteStream.send``."""
        try:
            return self._sent(self._sock.send(data, SEND_FLAGS))
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise self._broken(error) from error


class TlsStream(ByteStream):
    """A TLS stream: recv first, because records may wait decrypted, and poll after WantRead.

    One lock is held around every call into TLS and none of them blocks: two threads in one
    OpenSSL connection corrupt it (python/cpython#143756).
    """

    def __init__(self, sock: ssl.SSLSocket, pipe: SelfPipe, gauges: Gauges) -> None:
        super().__init__(sock, pipe, gauges)
        self._tls_lock = threading.Lock()
        self._send_wants_input = False

    def receive(self, deadline: Deadline | None) -> bytes:
        """See ``ByteStream.receive``."""
        while True:
            if self._pipe.aborted:
                raise LinkDown(ABORTED)
            try:
                with self._tls_lock:
                    data = self._sock.recv(TLS_RECORD_SIZE)
                return self._received(data)
            except ssl.SSLWantReadError:
                self._wait_readable(deadline)
            except ssl.SSLWantWriteError:
                # A key update that the kernel has no room for; the receiver may wait for it.
                self._send_poll_once(deadline)
            except (OSError, ValueError) as error:
                raise self._broken(error) from error

    def send(self, data: bytes | memoryview) -> int:
        """See ``ByteStream.send``.

        A record that was begun must be ended with the same bytes, so nothing is offered to TLS
        while the kernel has no room at all.
        """
        if not self.engaged and not self._send_poll.poll(0):
            return 0
        try:
            with self._tls_lock:
                self.engaged = True
                taken = self._sock.send(data)
                self.engaged = self._send_wants_input = False
            return self._sent(taken)
        except ssl.SSLWantWriteError:
            return 0
        except ssl.SSLWantReadError:
            self._send_wants_input = True
            return 0
        except (OSError, ValueError) as error:
            raise self._broken(error) from error

    def wait_writable(self, deadline: Deadline) -> bool:
        """See ``ByteStream.wait_writable``."""
        if self._send_wants_input:
            # A renegotiation: the receiver may take the input that TLS waits for, so look again.
            remaining = deadline.remaining()
            slice_s = RENEGOTIATION_POLL_S
            self._receive_poll_for_sender(min(slice_s, slice_s if remaining is None else remaining))
            return not deadline.is_over()
        return super().wait_writable(deadline)

    def _receive_poll_for_sender(self, timeout: float) -> None:
        poll = make_poll()
        poll.register(self._fd, POLLIN)
        poll.poll(poll_timeout(timeout))

    def _send_poll_once(self, deadline: Deadline | None) -> None:
        remaining = None if deadline is None else deadline.remaining()
        if remaining == 0:
            raise WaitOver
        poll = make_poll()
        poll.register(self._fd, POLLOUT)
        poll.register(self._pipe.fileno(), POLLIN)
        self.waiting = True
        poll.poll(poll_timeout(remaining))
        self.waiting = False
        if self._pipe.take_wake():
            raise WaitOver
