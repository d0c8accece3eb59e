"""Frames to messages and back (RFC 6455, section 5).

Every frame header is checked, and its declared length held against the limits, before the payload
is read. Fragments are joined once, mask keys come from a pool. It knows no sockets: bytes come from
a function.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import NamedTuple

__all__ = [
    "CloseFrame",
    "Fragments",
    "FrameBuffer",
    "MaskKeys",
    "ProtocolFault",
    "encode_frame",
    "parse_close",
]

CONTINUATION, TEXT, BINARY = 0x0, 0x1, 0x2
CLOSE, PING, PONG = 0x8, 0x9, 0xA
OPCODES = frozenset({CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG})

CONTROL_PAYLOAD_LIMIT = 125
REASON_LIMIT = 123
MAX_FRAGMENTS = 131_072
MASK_POOL_BYTES = 4096

FIN_BIT = MASK_BIT = 0x80
RESERVED_BITS = 0x70
OPCODE_BITS, LENGTH_BITS = 0x0F, 0x7F
LENGTH_16, LENGTH_64 = 126, 127
WHOLE_TEXT = FIN_BIT | TEXT

PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
NO_STATUS = 1005
INVALID_PAYLOAD = 1007
MESSAGE_TOO_BIG = 1009

# What RFC 6455, 7.4 and its registry let an endpoint send, and what they leave to libraries and
# programs.
_CLOSE_CODES = (range(1000, 1004), range(1007, 1015), range(3000, 5000))


class ProtocolFault(Exception):
    """The peer broke the WebSocket protocol or a limit of ours.

    Args:
        code: the close code that answers it (RFC 6455, 7.4.1).
        cause: what it did, as a short phrase.
        size: for 1009, the bytes it announced.
    """

    def __init__(self, code: int, cause: str, size: int | None = None) -> None:
        super().__init__(cause)
        self.code = code
        self.cause = cause
        self.size = size


class CloseFrame(NamedTuple):
    """What a peer's close frame says."""

    code: int
    reason: str


class Fragments:
    """The data frames of one message, joined when its last one is there.

    Args:
        limit: the most bytes of a whole message.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._parts: list[bytes] = []
        self._size = 0
        self._count = 0
        self.is_open = False
        """Whether a message was begun and not ended."""

    def check_header(self, opcode: int, length: int) -> None:
        """Check a data frame's header before its payload is read.

        Raises:
            ProtocolFault: 1003 for binary data, 1002 for a frame out of order, 1009 when the
                message is over its limits.
        """
        if opcode == BINARY:
            raise ProtocolFault(UNSUPPORTED_DATA, "the peer sent binary data; MCP is text")
        if (opcode == CONTINUATION) != self.is_open:
            raise ProtocolFault(PROTOCOL_ERROR, "the peer sent a continuation out of order")
        size = self._size + length
        if size > self.limit:
            raise ProtocolFault(
                MESSAGE_TOO_BIG,
                f"the peer sent a message of {size} bytes or more, over the limit of {self.limit}",
                size,
            )
        if self._count >= MAX_FRAGMENTS:
            raise ProtocolFault(
                MESSAGE_TOO_BIG,
                f"the peer sent a message of more than {MAX_FRAGMENTS} fragments",
                size,
            )

    def add(self, payload: bytes, is_last: bool) -> bytes | None:
        """Add a data frame; return the whole message when this was its last frame."""
        if is_last and not self.is_open:
            return payload
        if payload:
            self._parts.append(payload)
            self._size += len(payload)
        self._count += 1
        self.is_open = True
        if not is_last:
            return None
        whole = b"".join(self._parts)
        self._parts, self._size, self._count, self.is_open = [], 0, 0, False
        return whole


class FrameBuffer:
    """Takes a server's frames from the bytes that a function gives.

    It may be left by an exception of ``receive`` at any byte and taken up again: a piece is taken
    from the buffer only when it is there as a whole.

    Args:
        receive: gives the next bytes, b"" at the end of the stream; it may raise.
        max_message_size: the most bytes of a whole message.
        head: bytes that were received already.
    """

    def __init__(
        self, receive: Callable[[], bytes], max_message_size: int, head: bytes = b""
    ) -> None:
        self.fragments = Fragments(max_message_size)
        self._receive = receive
        self._bytes = head
        self._position = 0
        self._pieces: list[bytes] = []
        self._pieces_size = 0
        # Of the frame that was begun, as far as they were taken.
        self._header: bytes | None = None
        self._length: int | None = None

    @property
    def has_bytes(self) -> bool:
        """Whether bytes are there, or a frame has begun, that no message was made of."""
        is_begun = self._header is not None or self._pieces_size > 0
        return is_begun or self._position < len(self._bytes)

    def take_text(self) -> bytes | None:
        """A message in one small frame, which nearly all are, without the whole parser.

        Returns:
            The message; None where ``take_frame`` has to look at what comes next.
        """
        if self._header is not None or self._pieces_size or self.fragments.is_open:
            return None
        if self._position == len(self._bytes):
            self._refill()
        data, body = self._bytes, self._position + 2
        if len(data) < body or data[body - 2] != WHOLE_TEXT:
            return None
        length = data[body - 1]
        if length == LENGTH_16 and len(data) >= body + 2:
            length = data[body] << 8 | data[body + 1]
            body += 2
        elif length >= LENGTH_16:
            return None  # A long frame, or a masked one.
        end = body + length
        if end > len(data) or length > self.fragments.limit:
            return None
        self._position = end
        return data[body:end]

    def take_frame(self) -> tuple[int, bool, bytes]:
        """The next frame, whole.

        Returns:
            Its opcode, whether it is the last of its message, and its payload.

        Raises:
            ProtocolFault: it breaks the protocol or a limit.
            EOFError: the stream ended before it did.
        """
        if self._header is None:
            header = self._take(2)
            _check_header(*header)
            self._header = header
        first, second = self._header
        opcode = first & OPCODE_BITS
        if self._length is None:
            length = self._take_length(second & LENGTH_BITS)
            if opcode < CLOSE:
                self.fragments.check_header(opcode, length)
            self._length = length
        payload = self._take(self._length)
        self._header = self._length = None
        return opcode, first >= FIN_BIT, payload

    def _take_length(self, bits: int) -> int:
        # A length in more bytes than it needs is harmless, and one with its highest bit set, which
        # has to be 0, over every limit.
        if bits == LENGTH_16:
            return int.from_bytes(self._take(2), "big")
        if bits == LENGTH_64:
            return int.from_bytes(self._take(8), "big")
        return bits

    def _take(self, size: int) -> bytes:
        """Take exactly so many bytes."""
        end = self._position + size
        piece = self._bytes[self._position : end]
        if len(piece) == size:
            self._position = end
            return piece
        return self._take_slowly(size)

    def _take_slowly(self, size: int) -> bytes:
        """Take more bytes than are there."""
        if not self._pieces_size and self._position == len(self._bytes):
            self._refill()
            piece = self._bytes[:size]
            if len(piece) == size:
                self._position = size
                return piece
        return self._take_in_pieces(size)

    def _take_in_pieces(self, size: int) -> bytes:
        while self._pieces_size + len(self._bytes) - self._position < size:
            rest = self._bytes[self._position :]
            self._bytes, self._position = b"", 0
            if rest:
                self._pieces.append(rest)
                self._pieces_size += len(rest)
            self._refill()
        missing = size - self._pieces_size
        start = self._position
        self._pieces.append(self._bytes[start : start + missing])
        self._position = start + missing
        whole = b"".join(self._pieces)
        self._pieces, self._pieces_size = [], 0
        return whole

    def _refill(self) -> None:
        """Replace the bytes, all of which are taken, with the next ones."""
        data = self._receive()
        if not data:
            raise EOFError
        self._bytes, self._position = data, 0


def _check_header(first: int, second: int) -> None:
    """Check the two bytes that every frame begins with."""
    opcode = first & OPCODE_BITS
    if first & RESERVED_BITS:
        raise ProtocolFault(PROTOCOL_ERROR, "the peer set a reserved bit without an extension")
    if second & MASK_BIT:
        raise ProtocolFault(PROTOCOL_ERROR, "the peer sent a masked frame; only clients mask")
    if opcode not in OPCODES:
        raise ProtocolFault(PROTOCOL_ERROR, f"the peer sent the reserved opcode {opcode}")
    if opcode >= CLOSE:
        if not first & FIN_BIT:
            raise ProtocolFault(PROTOCOL_ERROR, "the peer sent a fragmented control frame")
        if second & LENGTH_BITS > CONTROL_PAYLOAD_LIMIT:
            raise ProtocolFault(PROTOCOL_ERROR, "the peer sent a control frame over 125 bytes")


def parse_close(payload: bytes) -> CloseFrame:
    """Read the payload of a close frame (RFC 6455, 5.5.1 and 7.4).

    Returns:
        The code (1005 where the frame has none) and the reason, decoded with replacement.

    Raises:
        ProtocolFault: a lone byte, or a code that must not be sent.
    """
    if not payload:
        return CloseFrame(NO_STATUS, "")
    # Of a lone byte comes a code below 256, which is none either.
    code = int.from_bytes(payload[:2], "big")
    if not any(code in codes for codes in _CLOSE_CODES):
        raise ProtocolFault(PROTOCOL_ERROR, "the peer sent an invalid close frame")
    return CloseFrame(code, payload[2:].decode("utf-8", errors="replace"))


class MaskKeys:
    """Mask keys in bulk, unpredictable as RFC 6455, 5.3 asks. Any thread may take one."""

    def __init__(self) -> None:
        self._keys: list[bytes] = []

    def __call__(self) -> bytes:
        """The next key; none is given out twice."""
        while True:
            try:
                return self._keys.pop()
            except IndexError:
                pool = os.urandom(MASK_POOL_BYTES)
                self._keys = [key for (key,) in struct.iter_unpack("4s", pool)]


def encode_frame(payload: bytes, opcode: int, keys: MaskKeys) -> bytes:
    """One whole masked frame."""
    size = len(payload)
    if size < LENGTH_16:
        head = bytes((FIN_BIT | opcode, MASK_BIT | size))
    elif size < 1 << 16:
        head = struct.pack("!BBH", FIN_BIT | opcode, MASK_BIT | LENGTH_16, size)
    else:
        head = struct.pack("!BBQ", FIN_BIT | opcode, MASK_BIT | LENGTH_64, size)
    key = keys()
    # As one number, which is the fastest way that Python has.
    pad = (key * (size // len(key) + 1))[:size]
    masked = int.from_bytes(payload, "big") ^ int.from_bytes(pad, "big")
    return b"".join((head, key, masked.to_bytes(size, "big")))
