"""Open byte streams: what all have in common, and what those over a socket have.

A stream knows bytes, deadlines and the self-pipe; nothing of frames or lines.
"""

from __future__ import annotations

import abc
import socket
import threading
import time
from typing import Protocol

from ..deadline import Deadline
from .base import LinkDown
from .dial import ABORTED, describe_os_error
from .readiness import POLLIN, POLLOUT, SelfPipe, make_poll, poll_timeout

__all__ = ["ByteStream", "Gauges", "SocketStream", "WaitOver"]

RECEIVE_SIZE = 65_536

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
    """Bytes both ways. One thread receives, one sends; ``shutdown`` is anyone's.

    Args:
        input_fd: what is received from.
        output_fd: what is sent to.
        pipe: the transport's self-pipe, open.
        gauges: where progress is noted.
    """

    @property
    def engaged(self) -> bool:
        """Whether it holds on to bytes that were offered but not counted as taken.

        The same bytes must then be offered again.
        """
        return False

    def __init__(self, input_fd: int, output_fd: int, pipe: SelfPipe, gauges: Gauges) -> None:
        self.waiting = False
        """True only while the receiver waits in the kernel."""
        self.input_fd = input_fd
        """What is received from."""
        self._pipe = pipe
        self._gauges = gauges
        self._receive_poll = make_poll()
        self._receive_poll.register(input_fd, POLLIN)
        self._receive_poll.register(pipe.fileno(), POLLIN)
        # Its own: a poll object serves one thread at a time.
        self._idle_poll = make_poll()
        self._idle_poll.register(input_fd, POLLIN)
        self._idle_poll.register(pipe.fileno(), POLLIN)
        self._send_poll = make_poll()
        self._send_poll.register(output_fd, POLLOUT)

    @property
    def has_input(self) -> bool:
        """Whether ``receive`` has something without looking at the descriptor."""
        return False

    def has_taken_all(self) -> bool:
        """Whether an interrupt just now, in ``receive``, lost no byte; for its thread."""
        return self.waiting

    def wait_idle(self) -> None:
        """Wait until the input is readable or the pipe is woken; takes nothing, for one thread."""
        self._idle_poll.poll(None)

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

    @abc.abstractmethod
    def free_space(self) -> int:
        """Bytes that the kernel would surely take at once; for the sender alone."""

    @abc.abstractmethod
    def end_output(self) -> None:
        """Let the other side see the end of what is sent; for the sender alone."""

    @abc.abstractmethod
    def shutdown(self) -> None:
        """End both directions at once; whatever is blocked returns. Never blocks."""

    @abc.abstractmethod
    def forget(self) -> None:
        """Close the descriptors in a forked child, where a thread that is gone may hold a lock."""

    @abc.abstractmethod
    def close(self) -> None:
        """Close the descriptors; idempotent."""

    def wait_writable(self, deadline: Deadline) -> bool:
        """Wait until ``send`` may get on; False when the deadline was over first."""
        remaining = deadline.remaining()
        if remaining == 0:
            return False
        return bool(self._send_poll.poll(poll_timeout(remaining)))

    def discard_to_end(self, deadline: Deadline) -> None:
        """End our output and read away what still comes, until the other side ends or the deadline.

        To close a socket with unread bytes sends a reset, which can overtake our last frame.
        """
        self.end_output()
        try:
            while not deadline.is_over() and self.receive(deadline):
                pass
        except (WaitOver, LinkDown):
            return

    def _wait_readable(self, deadline: Deadline | None) -> None:
        """Return when the input is readable; WaitOver or LinkDown otherwise."""
        while True:
            remaining = None if deadline is None else deadline.remaining()
            self.waiting = True
            ready = self._receive_poll.poll(poll_timeout(remaining))
            self.waiting = False
            if len(ready) == 1 and ready[0][0] == self.input_fd:
                return
            if self._pipe.aborted:
                raise LinkDown(ABORTED)
            if ready:
                if self._pipe.take_wake():
                    raise WaitOver
                if self._is_ended_by(ready):
                    return
            elif remaining == 0:
                raise WaitOver

    def _is_ended_by(self, ready: list[tuple[int, int]]) -> bool:
        """Whether one of these descriptors says that no more than what is there will come."""
        return False

    def _note_received(self, count: int) -> None:
        gauges = self._gauges
        gauges.last_inbound = time.monotonic()
        gauges.bytes_received += count

    def _note_sent(self, count: int) -> None:
        gauges = self._gauges
        gauges.last_outbound = time.monotonic()
        gauges.bytes_sent += count


class SocketStream(ByteStream):
    """One connected socket.

    Args:
        sock: connected, non-blocking; the stream owns it.
        pipe: the transport's self-pipe, open.
        gauges: where progress is noted.
    """

    def __init__(self, sock: socket.socket, pipe: SelfPipe, gauges: Gauges) -> None:
        super().__init__(sock.fileno(), sock.fileno(), pipe, gauges)
        self._sock = sock
        # Re-entrant, because a signal handler may abort while its own thread is in here.
        self._closing = threading.RLock()

    def free_space(self) -> int:
        """See ``ByteStream.free_space``.

        A socket polls as writable while a third of its send buffer is free; half of that is left
        for the kernel's own bookkeeping.
        """
        try:
            if not self._send_poll.poll(0):
                return 0
            return self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 6
        except OSError:
            return 0

    def end_output(self) -> None:
        """Send our FIN."""
        self._shut(socket.SHUT_WR)

    def shutdown(self) -> None:
        """See ``ByteStream.shutdown``."""
        self._shut(socket.SHUT_RDWR)

    def _shut(self, how: int) -> None:
        with self._closing:
            try:
                self._sock.shutdown(how)
            except OSError:
                return  # Already closed, by the peer or by us.

    def forget(self) -> None:
        """See ``ByteStream.forget``."""
        self._sock.close()

    def close(self) -> None:
        """See ``ByteStream.close``."""
        with self._closing:
            self._sock.close()

    def _broken(self, error: OSError | ValueError) -> LinkDown:
        if self._pipe.aborted:
            return LinkDown(ABORTED)
        cause = describe_os_error(error) if isinstance(error, OSError) else "the TLS link is closed"
        return LinkDown(cause, CLOSE_ABNORMAL)
