"""The writing half of a link over a byte stream: whole messages, one at a time, from any thread.

Owns the write lock and what could not be written yet. How a message looks on the wire is left to
the writers of frames and of lines; nothing is known of reading.
"""

from __future__ import annotations

import abc
import threading
from collections import deque
from collections.abc import Callable
from typing import TypeVar, TypeVarTuple

from ..deadline import Deadline
from .base import LinkDown, WriteTimeout
from .readiness import acquire_within
from .streams import ByteStream

__all__ = ["CLOSE_PATIENCE_S", "MAX_POSTED", "MAX_POSTED_BYTES", "MessageWriter"]

Args = TypeVarTuple("Args")
Result = TypeVar("Result")

MAX_POSTED = 64
"""How many posted messages may wait."""

MAX_POSTED_BYTES = 256 * 1024
"""How many bytes they may hold together."""

FRAME_OVERHEAD = 64
TLS_OVERHEAD_DIVISOR = 256

CLOSE_PATIENCE_S = 0.1
"""How long a goodbye waits for a writer: an answer may be read before the writer of its request
has let go of the lock."""


class MessageWriter(abc.ABC):
    """Writes messages without ever mixing two of them. Safe for any number of threads.

    The lock is an RLock for one property: only its owner can release it, so that an interrupt
    between taking it and noting so cannot leak it. ``_is_writing`` keeps a signal handler that
    interrupted a write from writing into the middle of it.

    Args:
        stream: where the bytes go.
        abort: ends the link; called when half a message may be out.
    """

    closed_cause = "the link was closed"
    """Why nothing more is written after this side's goodbye."""

    def __init__(self, stream: ByteStream, abort: Callable[[], None]) -> None:
        self._stream = stream
        self._abort = abort
        self._lock = threading.RLock()
        self._is_writing = False
        self._is_close_sent = False
        self._fault: str | None = None
        # Bytes may be out that no state tells of: an interrupt now ends the link.
        self._is_uncertain = False
        # What waits, in the order of writing: the rest of a message, what the wire itself owes,
        # posted messages.
        self._tail: memoryview | None = None
        self._posted: deque[bytes] = deque()
        # Set by whoever adds to these before trying the lock; its holder looks when it lets go.
        self._has_news = False

    @abc.abstractmethod
    def _encode(self, text: str) -> bytes:
        """A message as it stands on the wire."""

    def _owes(self) -> bool:
        """Whether the wire itself has something to say that waits."""
        return False

    def _pay(self, deadline: Deadline | None) -> bool:
        """Write what the wire itself has to say; False when none of it could go out."""
        return True

    @property
    def is_writing(self) -> bool:
        """Whether some thread is writing now."""
        return self._is_writing

    def send(self, text: str, deadline: Deadline) -> None:
        """Write one text message; see ``Transport.send``."""
        frame = self._encode(text)
        self._exclusively(deadline, self._write_message, frame, deadline)

    def post(self, text: str) -> bool:
        """Hand over a message that may be dropped; see ``Transport.post``."""
        if self._fault is not None or self._is_close_sent:
            return False
        frame = self._encode(text)
        waiting = tuple(self._posted)
        if len(waiting) >= MAX_POSTED or sum(map(len, waiting)) + len(frame) > MAX_POSTED_BYTES:
            return False
        self._posted.append(frame)
        self._has_news = True
        self.flush()
        return self._fault is None

    def flush(self) -> None:
        """Write what waits, as far as that is possible without waiting."""
        self._try(self._write_leftovers, None)

    def can_send_now(self, size: int) -> bool:
        """Whether a message of so many bytes would be taken without waiting."""
        return self._try(self._has_room, size)

    def retire(self, deadline: Deadline) -> None:
        """Let nobody write any more, and wait until nobody does or the deadline is over."""
        self._fault = self._fault or "the link was released"
        try:
            self._exclusively(deadline, self._forget)
        except WriteTimeout:
            return  # A writer that is stuck elsewhere than in the socket will meet the fault.

    def _try(self, act: Callable[[*Args], bool], *args: *Args) -> bool:
        """Do something if the lock is free; False when it is not or the link is down."""
        try:
            return self._exclusively(None, act, *args)
        except (WriteTimeout, LinkDown):
            return False  # The reader meets the same loss, with its reason.

    def _exclusively(
        self, deadline: Deadline | None, act: Callable[[*Args], Result], *args: *Args
    ) -> Result:
        """Do something under the lock; None as the deadline means: only if it is free now."""
        lock = self._lock
        mine = False
        try:
            if not lock.acquire(False) and (deadline is None or not acquire_within(lock, deadline)):
                raise WriteTimeout("another write took all the time")
            if self._is_writing:
                raise WriteTimeout("a signal handler cannot write into the write it interrupted")
            self._is_writing = mine = True
            result = act(*args)
        except BaseException as error:  # an interrupt may strike in the middle of a message
            if mine and self._is_uncertain and not isinstance(error, (LinkDown, WriteTimeout)):
                self._abort()
            raise
        finally:
            # No call of our own in here: an interrupt at its first line would leak the lock.
            if mine:
                self._is_writing = False
            try:  # noqa: SIM105 - suppress() is a call
                lock.release()
            except RuntimeError:
                pass  # It was never taken.
        if self._has_news:
            self.flush()
        return result

    def _write_message(self, frame: bytes, deadline: Deadline) -> None:
        is_clear = self._tail is None and not self._posted and not self._owes()
        if not is_clear and not self._write_leftovers(deadline):
            raise WriteTimeout("earlier messages took all the time")
        if self._is_close_sent:
            raise LinkDown(self.closed_cause)
        written = self._push(frame, deadline)
        if written < len(frame):
            if not written and not self._stream.engaged:
                raise WriteTimeout("the peer does not read")
            self._abort()
            raise LinkDown("the deadline was over inside a message", partly_written=True)
        self._is_uncertain = False

    def _write_leftovers(self, deadline: Deadline | None) -> bool:
        """Write what waits; False when the deadline, or where None the kernel, left some."""
        self._has_news = False
        while True:
            if self._tail is not None:
                if not self._start(self._tail, deadline) or self._tail is not None:
                    return False
            elif self._owes():
                if not self._pay(deadline):
                    return False
            elif self._posted:
                frame = self._posted.popleft()
                if not self._start(frame, deadline):
                    self._posted.appendleft(frame)
                    return False
            else:
                return True

    def _start(self, data: bytes | memoryview, deadline: Deadline | None) -> bool:
        """Write a message as far as it goes, its rest later; False when none of it went out."""
        written = self._push(data, deadline)
        has_begun = written > 0 or self._stream.engaged
        if has_begun:
            self._tail = memoryview(data)[written:] if written < len(data) else None
        self._is_uncertain = False
        return has_begun

    def _has_room(self, size: int) -> bool:
        needed = size + size // TLS_OVERHEAD_DIVISOR + FRAME_OVERHEAD
        return self._write_leftovers(None) and needed <= self._stream.free_space()

    def _forget(self) -> None:
        self._tail = None
        self._posted.clear()

    def _push(self, data: bytes | memoryview, deadline: Deadline | None) -> int:
        """Hand bytes to the kernel until all are taken or the deadline is over; count them.

        Leaves ``_is_uncertain`` set while the count is known to nobody else.
        """
        if self._fault is not None:
            raise LinkDown(self._fault)
        stream, total, offset = self._stream, len(data), 0
        try:
            while True:
                self._is_uncertain = True
                offset += stream.send(memoryview(data)[offset:] if offset else data)
                if offset == total:
                    return offset
                self._is_uncertain = offset > 0 or stream.engaged
                if deadline is None or not stream.wait_writable(deadline):
                    return offset
        except LinkDown as down:
            self._fault = down.cause
            partly = offset > 0 or stream.engaged
            raise LinkDown(down.cause, down.close_code, partly_written=partly) from down
