"""The contract between a connection and the wire: open, send, post, receive, close.

A transport is one link's wire: it is opened once, lost or closed once, and never reused. It moves
whole messages (texts) and knows nothing of JSON-RPC, of calls, of retries or of states.

Who may call what:

===============  ==================================================================================
``open``         one thread, once, before anything else
``receive``      one thread at a time (the transport takes its read lock)
``await_input``  one thread at a time, also while another receives
``send``         any number of threads (the transport takes its write lock)
``post``         any thread; never blocks
``ping``         any thread; never blocks, by try-lock
``flush``        any thread; never blocks, by try-lock
``wake``         any thread; ``await_input`` and a blocked or the next ``receive`` return
``abort``        any thread, any number of times, never blocks; everything blocked raises LinkDown
``kill``         any thread, any number of times, never blocks; what ``release`` waits for ends
``forget``       the one thread of a forked child; the parent's connection goes on
``release``      the reader alone, at the end: closes descriptors after taking both locks
===============  ==================================================================================

Streamable HTTP fits the same contract when it comes: ``send`` posts one message and starts the
response stream that belongs to it, ``receive`` yields the messages of all streams in the order of
arrival, per-message headers are derived from the message that is handed to ``send``, and a link is
a session.
"""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import NamedTuple

from ..deadline import Deadline

__all__ = ["LinkDown", "LinkInfo", "Resolver", "Transport", "WriteTimeout"]

Resolver = Callable[[str, int, Deadline], list[tuple[int, int, int, str, tuple[object, ...]]]]
"""Resolves (host, port, deadline) to ``socket.getaddrinfo`` rows; bounded by the deadline.

A transport cannot interrupt it: whoever aborts a transport that is being opened ends it, too.
"""


class LinkDown(Exception):
    """The link is lost or was aborted; nothing more can be moved over it.

    Args:
        cause: why, as a short phrase without secrets.
        close_code: the WebSocket close code received, or sent for a fault of the peer; 1005 for a
            close frame without a code, 1006 for an end without a close frame, None where this side
            ended the link or the transport knows no close codes.
        close_reason: the reason text that came with it, cut short.
        partly_written: for ``send`` alone: True when some bytes of this message, but not all, were
            taken by the kernel. The message was then not delivered: the peer has half a frame.
        size: for close code 1009 sent by us, the announced bytes; None otherwise.
    """

    def __init__(
        self,
        cause: str,
        close_code: int | None = None,
        close_reason: str = "",
        partly_written: bool = False,
        size: int | None = None,
    ) -> None:
        super().__init__(cause)
        self.cause = cause
        self.close_code = close_code
        self.close_reason = close_reason
        self.partly_written = partly_written
        self.size = size


class WriteTimeout(Exception):
    """The deadline of ``send`` was over before the first byte was taken; the link lives."""


class LinkInfo(NamedTuple):
    """What is known of an open link."""

    peer_address: str | None = None
    subprotocol: str | None = None
    tls_version: str | None = None


class Transport(abc.ABC):
    """One link's wire. See the module's table for who may call what, from which thread."""

    can_ping: bool = True
    """Whether ``ping`` can ever send one. False, and silence on the link says nothing: the
    heartbeat then gives no verdict, and the end of the peer alone ends the link."""

    goodbye_seconds: float = 0.0
    """How long ``release`` may take until the peer is gone; ``close()`` of a client waits that
    much longer, and then calls ``kill``."""

    last_inbound: float = 0.0
    """``time.monotonic`` of the last inbound byte (any kind of frame)."""

    last_outbound: float = 0.0
    """``time.monotonic`` of the last byte that the kernel took from us."""

    bytes_received: int = 0
    bytes_sent: int = 0

    messages_received: int = 0
    """How many messages ``receive`` has returned, or was about to when an interrupt struck."""

    on_pong: Callable[[bytes], None] | None = None
    """Called with a pong's payload, by the thread that receives; it must not block."""

    @abc.abstractmethod
    def open(self, deadline: Deadline) -> LinkInfo:
        """Dial: resolve, connect, TLS, upgrade, all under one deadline.

        Raises:
            MCPConnectionError: it failed in a way that may pass.
            MCPConnectionRejected: it failed for good (certificate, 401, 403, 404 …).
            LinkDown: ``abort`` was called meanwhile.
        """

    @abc.abstractmethod
    def send(self, text: str, deadline: Deadline) -> None:
        """Write one message; returns when the kernel has taken its last byte.

        Raises:
            WriteTimeout: the deadline was over and nothing was written; the link lives.
            LinkDown: the link is down; ``partly_written`` tells whether part of this message was
                taken. A deadline or an interrupt in the middle of a message also ends the link.
            UnicodeEncodeError: the text holds half a surrogate pair; nothing was written.
        """

    @abc.abstractmethod
    def post(self, text: str) -> bool:
        """Hand over a message that may be dropped; never blocks.

        What the kernel does not take now goes out before the next write. False when it was
        refused: the link is down, or too much waits already.
        """

    @abc.abstractmethod
    def ping(self, payload: bytes) -> bool:
        """Send a ping if the writer's lock is free; False when nothing was sent."""

    @abc.abstractmethod
    def flush(self) -> None:
        """Write what ``post`` and answered pings left over, if that is possible without waiting."""

    @abc.abstractmethod
    def can_send_now(self, size: int) -> bool:
        """Whether ``send`` of so many bytes would return without waiting for the peer."""

    @abc.abstractmethod
    def is_writing(self) -> bool:
        """Whether some thread is inside ``send`` now; progress then shows in ``last_outbound``."""

    @property
    @abc.abstractmethod
    def input_fd(self) -> int:
        """The descriptor that is readable when something has come; -1 before ``open``."""

    @property
    @abc.abstractmethod
    def has_news(self) -> bool:
        """Whether ``await_input`` would return at once without more input.

        So it is where bytes were received that are not yet part of any message, where the link is
        lost, and where a ``receive`` took a ``wake``.
        """

    @abc.abstractmethod
    def await_input(self) -> None:
        """Wait until ``receive`` has something to look at, and keep nobody else from it meanwhile.

        ``wake`` and ``abort`` end it, too, but for a wake that a ``receive`` is faster to take:
        whoever that was has to look at ``has_news`` and wake again.
        """

    @abc.abstractmethod
    def receive(self, deadline: Deadline | None) -> str | None:
        """Take the next whole message.

        Args:
            deadline: until when to wait; None waits until something happens.

        Returns:
            The text of the message; None when the deadline was over or ``wake`` was called.
            Reading may go on after either, also in the middle of a frame.

        Raises:
            LinkDown: the link is lost; a close code is given where there was one.
        """

    @abc.abstractmethod
    def wake(self) -> None:
        """Make a blocked (or else the next) ``receive`` return None, even if a message waits.

        One that has just begun to wait may hear it some milliseconds later.
        """

    @abc.abstractmethod
    def send_close(self, code: int, reason: str = "") -> bool:
        """Write a close frame if the kernel takes it at once; False when it did not.

        A write under way is waited for, a tenth of a second at the most.
        """

    @abc.abstractmethod
    def abort(self) -> None:
        """Shut both directions down at once; whatever is blocked raises LinkDown."""

    def kill(self) -> None:
        """Have the peer's end at once, where ``release`` waits for it; aborts in any case."""
        self.abort()

    @abc.abstractmethod
    def forget(self) -> None:
        """Close the descriptors in a forked child: no lock taken, nothing sent, no shutdown."""

    @abc.abstractmethod
    def release(self) -> None:
        """Close the descriptors, after abort, when nobody reads or writes any more."""
