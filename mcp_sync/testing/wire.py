"""The server's half of WebSocket, as bytes: requests, responses, frames. Pure functions.

It allows what a well-made server never does: masked frames, reserved bits, wrong lengths.
"""

from __future__ import annotations

import base64
import hashlib
import http
import struct

import attrs

__all__ = [
    "Frame",
    "UpgradeRequest",
    "accept_key",
    "accept_response",
    "encode_frame",
    "parse_request",
    "response",
]

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

FIN_BIT = 0x80
MASK_BIT = 0x80
SMALL_LIMIT = 126
MEDIUM_LIMIT = 65_536


@attrs.frozen
class UpgradeRequest:
    """An upgrade request that was read."""

    target: str
    """Path and query, as in the request line."""
    headers: dict[str, str]
    """Names in lower case; a repeated field's values joined with a comma."""


@attrs.frozen
class Frame:
    """A frame that was read, unmasked."""

    opcode: int
    payload: bytes
    is_final: bool = True
    is_masked: bool = True

    @classmethod
    def unmasked(cls, first_byte: int, mask: bytes | None, payload: bytes) -> Frame:
        """Build it from its first byte, its mask key (None where it had none) and payload."""
        if mask is not None and payload:
            key = int.from_bytes((mask * (len(payload) // 4 + 1))[: len(payload)], "big")
            payload = (int.from_bytes(payload, "big") ^ key).to_bytes(len(payload), "big")
        return cls(first_byte & 0x0F, payload, bool(first_byte & FIN_BIT), mask is not None)

    @property
    def close_code(self) -> int | None:
        """The code of a close frame; None where it has none."""
        return int.from_bytes(self.payload[:2], "big") if len(self.payload) > 1 else None

    @property
    def close_reason(self) -> str:
        """The reason of a close frame."""
        return self.payload[2:].decode()


def parse_request(head: bytes) -> UpgradeRequest:
    """Read an HTTP request's head."""
    request_line, *lines = head.decode("latin-1").split("\r\n")
    headers: dict[str, str] = {}
    for line in filter(None, lines):
        name, _, value = line.partition(":")
        name, value = name.strip().lower(), value.strip()
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    return UpgradeRequest(request_line.split(" ")[1], headers)


def accept_key(key: str) -> str:
    """The Sec-WebSocket-Accept that answers a Sec-WebSocket-Key (RFC 6455, 4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def accept_response(request: UpgradeRequest, headers: dict[str, str]) -> bytes:
    """The response that grants an upgrade, with fields added or replaced."""
    fields = {
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Accept": accept_key(request.headers.get("sec-websocket-key", "")),
    }
    return response(101, fields | headers)


def response(status: int, headers: dict[str, str], body: str = "") -> bytes:
    """An HTTP response; with a body, its Content-Length is added."""
    content = body.encode()
    fields = headers | ({"Content-Length": str(len(content))} if content else {})
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {status} {phrase}", *(f"{name}: {fields[name]}" for name in fields)]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def encode_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    rsv: int = 0,
    mask: bytes | None = None,
    declared: int | None = None,
) -> bytes:
    """One frame, as wrong as wanted.

    Args:
        opcode: 0 to 15.
        payload: what it carries.
        fin: whether it ends its message.
        rsv: the three reserved bits, as a number from 0 to 7.
        mask: a key of four bytes; None sends it unmasked, as a server must.
        declared: the length to announce; None announces the payload's own.
    """
    length = len(payload) if declared is None else declared
    first = (FIN_BIT if fin else 0) | rsv << 4 | opcode
    masked = 0 if mask is None else MASK_BIT
    if length < SMALL_LIMIT:
        head = struct.pack("!BB", first, masked | length)
    elif length < MEDIUM_LIMIT:
        head = struct.pack("!BBH", first, masked | 126, length)
    else:
        head = struct.pack("!BBQ", first, masked | 127, length)
    if mask is None:
        return head + payload
    return head + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
