"""One link over one byte stream both ways: what all such transports have in common.

Here are the read lock, what an interrupt, a deadline or an abort in the middle of a message means,
and the way down to the writer. How a link is made and how messages stand in the bytes is theirs.
"""

from __future__ import annotations

import abc
import contextlib
import threading

from ..deadline import Deadline
from .base import LinkDown, Transport
from .dial import ABORTED
from .readiness import SelfPipe, acquire_within
from .streams import ByteStream, WaitOver
from .writer import MessageWriter

__all__ = ["StreamTransport"]

RELEASE_PATIENCE_S = 5.0


class StreamTransport(Transport):
    """A transport whose link is a ``ByteStream``; see ``base`` for who may call what."""

    def __init__(self) -> None:
        self._pipe = SelfPipe()
        self._stream: ByteStream | None = None
        self._writer: MessageWriter | None = None
        self._read_deadline: Deadline | None = None
        # An RLock, because only its owner can release it: an interrupt cannot leak it.
        self._read_lock = threading.RLock()
        self._is_reading = False
        self._is_in_doubt = False
        """Whether an interrupt may have cost bytes; it is found out at once, or ends the link."""
        self._has_received = False
        self._parsed_to = -1
        """``bytes_received`` when the parser last had no whole message left."""
        self._lost: LinkDown | None = None

    @abc.abstractmethod
    def _next_message(self, deadline: Deadline | None) -> str | None:
        """Take the next message from what ``_next_bytes`` gives; None when the time is over.

        Raises:
            WaitOver: nothing more is there yet; the next call goes on where this one stopped.
            EOFError: the other side ended.
            LinkDown: the link is lost, or the peer broke a rule.
        """

    @abc.abstractmethod
    def _has_bytes(self) -> bool:
        """Whether the parser has bytes that are not yet part of any message."""

    @abc.abstractmethod
    def _ended(self) -> LinkDown:
        """The loss that the end of the stream stands for."""

    def _next_bytes(self) -> bytes:
        """More bytes for the parser; past the deadline only what needs no second look."""
        stream, deadline = self._stream, self._read_deadline
        if stream is None:
            raise LinkDown("the link is not open")
        if self._has_received and deadline is not None and deadline.is_over():
            raise WaitOver
        data = stream.receive(deadline)
        self._has_received = True
        return data

    @property
    def input_fd(self) -> int:
        """See ``Transport.input_fd``."""
        return -1 if self._stream is None else self._stream.input_fd

    @property
    def has_news(self) -> bool:
        """See ``Transport.has_news``."""
        pipe, stream = self._pipe, self._stream
        is_over = self._lost is not None or pipe.aborted or self._is_in_doubt
        is_woken = pipe.woken or pipe.was_taken
        # The parser asks for more only when all that it has is half a message.
        has_whole = self.bytes_received != self._parsed_to and self._has_bytes()
        return is_over or is_woken or has_whole or (stream is not None and stream.has_input)

    def await_input(self) -> None:
        """See ``Transport.await_input``."""
        stream = self._stream
        if stream is not None and not self.has_news:
            stream.wait_idle()
        self._pipe.was_taken = False

    def receive(self, deadline: Deadline | None) -> str | None:
        """See ``Transport.receive``."""
        lock = self._read_lock
        mine = False
        try:
            if not lock.acquire(False) and not acquire_within(lock, deadline):
                return None
            if self._is_reading:
                return None  # A signal handler cannot read inside the read it interrupted.
            self._is_reading = mine = True
            text = self._receive(deadline)
            if text is not None:
                self.messages_received += 1
            return text
        except BaseException as error:  # an interrupt may strike between a read and its commit
            if mine:
                self._is_in_doubt = True
                self._end_doubt(error)
            raise
        finally:
            # No call of our own in here: an interrupt at its first line would leak the lock.
            if mine:
                self._is_reading = False
            try:  # noqa: SIM105 - suppress() is a call
                lock.release()
            except RuntimeError:
                pass  # It was never taken.

    def _end_doubt(self, error: BaseException) -> None:
        """After a receive that failed: only a wait that took nothing is sure to have lost none."""
        if not isinstance(error, LinkDown):
            if self._stream is not None and self._stream.has_taken_all():
                self._stream.waiting = False
            else:
                self.abort()
        self._is_in_doubt = False

    def _receive(self, deadline: Deadline | None) -> str | None:
        if self._is_in_doubt:  # A second interrupt came before it was found out.
            self.abort()
        if self._stream is None or self._lost is not None or self._pipe.aborted:
            raise self._down()
        if self._pipe.woken and self._pipe.take_wake():
            return None
        self._read_deadline = deadline
        self._has_received = False
        try:
            return self._next_message(deadline)
        except WaitOver:
            self._parsed_to = self.bytes_received
            return None
        except EOFError as error:
            raise self._lose(self._ended()) from error
        except LinkDown as down:
            raise self._lose(down) from down.__cause__

    def _lose(self, down: LinkDown) -> LinkDown:
        """Note why the link is lost; an abort of ours goes before what it looks like."""
        self._lost = LinkDown(ABORTED) if self._pipe.aborted else down
        return self._lost

    def _down(self) -> LinkDown:
        """The loss, once more, for those who come later."""
        if self._lost is None:
            return LinkDown(ABORTED if self._pipe.aborted else "the link is not open")
        lost = self._lost
        return LinkDown(lost.cause, lost.close_code, lost.close_reason, size=lost.size)

    def send(self, text: str, deadline: Deadline) -> None:
        """See ``Transport.send``."""
        if self._writer is None or self._lost is not None or self._pipe.aborted:
            raise self._down()
        self._writer.send(text, deadline)

    def post(self, text: str) -> bool:
        """See ``Transport.post``."""
        return self._writer is not None and not self._pipe.aborted and self._writer.post(text)

    def flush(self) -> None:
        """See ``Transport.flush``."""
        if self._writer is not None and not self._pipe.aborted:
            self._writer.flush()

    def can_send_now(self, size: int) -> bool:
        """See ``Transport.can_send_now``."""
        writer = self._writer
        return writer is not None and not self._pipe.aborted and writer.can_send_now(size)

    def is_writing(self) -> bool:
        """See ``Transport.is_writing``."""
        return self._writer is not None and self._writer.is_writing

    def wake(self) -> None:
        """See ``Transport.wake``."""
        self._pipe.wake()

    def abort(self) -> None:
        """See ``Transport.abort``."""
        self._pipe.abort()
        if self._stream is not None:
            self._stream.shutdown()

    def forget(self) -> None:
        """See ``Transport.forget``."""
        if self._stream is not None:
            self._stream.forget()
        self._pipe.forget()

    def release(self) -> None:
        """See ``Transport.release``."""
        self.abort()
        deadline = Deadline(RELEASE_PATIENCE_S)
        if self._writer is not None:
            self._writer.retire(deadline)
        try:
            acquire_within(self._read_lock, deadline)
            self._close()
        finally:
            with contextlib.suppress(RuntimeError):  # It was never taken.
                self._read_lock.release()

    def _close(self) -> None:
        """Close the descriptors; after the abort nobody can be inside a system call for long."""
        if self._stream is not None:
            self._stream.close()
        self._pipe.close()
