"""Bytes to lines, with a limit that acts while a line is read. Knows no descriptors and no JSON."""

from __future__ import annotations

from collections.abc import Callable

__all__ = ["LineBuffer", "LineTooLong"]


class LineTooLong(Exception):
    """A line is over the limit.

    Args:
        size: the bytes of it that have come so far.
        limit: the most bytes allowed.
    """

    def __init__(self, size: int, limit: int) -> None:
        super().__init__(f"a line of {size} bytes or more, over the limit of {limit}")
        self.size = size


class LineBuffer:
    """Cuts what comes into lines, in linear time. One thread at a time may use it.

    It may be left by an exception of ``receive`` at any byte and taken up again.

    Args:
        receive: gives the next bytes, b"" at the end; it may raise.
        limit: the most bytes of a line, without its end.
    """

    def __init__(self, receive: Callable[[], bytes], limit: int) -> None:
        self._receive = receive
        self._limit = limit
        self._bytes = b""
        self._position = 0
        self._parts: list[bytes] = []
        self._size = 0

    @property
    def has_begun(self) -> bool:
        """Whether a line has begun whose end has not come."""
        return bool(self._size) or self._position < len(self._bytes)

    def take(self) -> bytes:
        """Take the next line that is not blank, without its end.

        Raises:
            EOFError: the end came first; the beginning of a line that has none is dropped.
            LineTooLong: it is over the limit.
        """
        while True:
            line = self._take_any()
            if line and not line.isspace():
                return line

    def _take_any(self) -> bytes:
        while True:
            end = self._bytes.find(b"\n", self._position)
            if end >= 0:
                piece = self._bytes[self._position : end]
                self._position = end + 1
                return self._completed(piece)
            self._keep(self._bytes[self._position :])
            self._bytes, self._position = b"", 0
            data = self._receive()
            if not data:
                raise EOFError
            self._bytes = data

    def _completed(self, piece: bytes) -> bytes:
        self._check(self._size + len(piece))
        if not self._parts:
            return piece
        whole = b"".join([*self._parts, piece])
        self._parts, self._size = [], 0
        return whole

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._check(self._size + len(piece))
            self._parts.append(piece)
            self._size += len(piece)

    def _check(self, size: int) -> None:
        if size > self._limit:
            raise LineTooLong(size, self._limit)
