"""The writing half of a WebSocket link: messages, pings, pongs and the close frame."""

from __future__ import annotations

from collections.abc import Callable

from ..deadline import Deadline
from .base import LinkDown, WriteTimeout
from .framing import CLOSE, PING, PONG, REASON_LIMIT, TEXT, MaskKeys, encode_frame
from .streams import ByteStream
from .writer import CLOSE_PATIENCE_S, MessageWriter

__all__ = ["FrameWriter"]


class FrameWriter(MessageWriter):
    """Writes frames without ever mixing two of them. Safe for any number of threads.

    Args:
        stream: where the bytes go.
        abort: ends the link; called when half a frame may be out.
    """

    closed_cause = "a close frame was sent"

    def __init__(self, stream: ByteStream, abort: Callable[[], None]) -> None:
        super().__init__(stream, abort)
        self._keys = MaskKeys()
        # A pong waits while it is not the very object that was answered last.
        self._pong: tuple[bytes] | None = None
        self._answered: tuple[bytes] | None = None

    def pong(self, payload: bytes) -> None:
        """Answer a ping now or with the next write; a newer ping replaces an unanswered one."""
        self._pong = (payload,)
        self._has_news = True
        self.flush()

    def ping(self, payload: bytes) -> bool:
        """Send a ping if nobody writes; False when nothing of it was sent."""
        return self._try(self._begin, encode_frame(payload, PING, self._keys))

    def send_close(self, code: int, reason: str) -> bool:
        """Write a close frame if the kernel takes it at once; no message goes out after it."""
        payload = code.to_bytes(2, "big") + _cut_utf8(reason, REASON_LIMIT)
        frame = encode_frame(payload, CLOSE, self._keys)
        try:
            return self._exclusively(Deadline(CLOSE_PATIENCE_S), self._write_close, frame)
        except (WriteTimeout, LinkDown):
            return False  # A writer is stuck, or the link is down: the peer learns of it anyway.

    def _encode(self, text: str) -> bytes:
        return encode_frame(text.encode("utf-8"), TEXT, self._keys)

    def _owes(self) -> bool:
        return self._pong is not self._answered

    def _pay(self, deadline: Deadline | None) -> bool:
        pong = self._pong
        if pong is None or not self._start(encode_frame(pong[0], PONG, self._keys), deadline):
            return False
        self._answered = pong
        return True

    def _begin(self, frame: bytes) -> bool:
        """Write a frame without waiting, its rest later; False when none of it could go out."""
        return self._write_leftovers(None) and self._start(frame, None)

    def _write_close(self, frame: bytes) -> bool:
        if self._is_close_sent or not self._begin(frame):
            return False
        self._is_close_sent = True
        return self._tail is None

    def _forget(self) -> None:
        super()._forget()
        self._answered = self._pong


def _cut_utf8(text: str, limit: int) -> bytes:
    """As many whole characters as fit into so many bytes."""
    return text.encode("utf-8", errors="replace")[:limit].decode("utf-8", "ignore").encode("utf-8")
