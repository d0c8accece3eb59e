"""An HTTP request, and the head of its response: read within bounds of size and of time.

For what is asked before a link is one: a proxy's tunnel and the upgrade.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

from .dial import DialWait
from .readiness import POLLIN, POLLOUT

__all__ = ["Channel", "parse_head", "read_head", "read_retry_after", "send_request"]

HEAD_LIMIT = 65_536
RECEIVE_SIZE = 65_536
RETRY_AFTER_CAP_S = 300.0
HTTP_BEGIN = b"HTTP/1."
HEAD_END = b"\r\n\r\n"
_STATUS_DIGITS = 3
# What some readers take for the end of a line or of a text, and what no head may have in it.
_OTHER_ENDS = ("\r", "\n", "\0")


class Channel(Protocol):
    """What is needed of a non-blocking socket, with or without TLS."""

    def fileno(self) -> int:
        """The descriptor to poll."""

    def recv(self, size: int, /) -> bytes:
        """Bytes that are there; b"" at the end."""

    def send(self, data: memoryview, /) -> int:
        """Take what can be taken at once."""


def send_request(sock: Channel, request: bytes, wait: DialWait) -> None:
    """Send all of a request.

    Raises:
        MCPConnectionError: the deadline was over.
        LinkDown: the transport was aborted meanwhile.
        OSError: the stream broke.
    """
    left = memoryview(request)
    while left:
        left = left[wait.perform(sock, lambda: sock.send(left), POLLOUT) :]  # noqa: B023


def read_head(
    sock: Channel, wait: DialWait, send_error: OSError | None = None
) -> tuple[bytes, bytes]:
    """Read a response up to the empty line that ends its head.

    Args:
        sock: connected, the request sent.
        wait: the dial's deadline and self-pipe.
        send_error: raised if the stream ends before the head does; None for an error of its own.

    Returns:
        The head with its empty line, and what came after it.

    Raises:
        MCPConnectionError: it is no HTTP, too big, too late, or the stream ended.
        LinkDown: the transport was aborted meanwhile.
        OSError: the stream broke.
    """
    received = bytearray()
    while (end := received.find(HEAD_END)) < 0:
        if not HTTP_BEGIN.startswith(received[: len(HTTP_BEGIN)]):
            raise wait.failed("the peer does not speak HTTP")
        if len(received) >= HEAD_LIMIT:
            raise wait.failed(f"the response's headers are over {HEAD_LIMIT} bytes")
        data = wait.perform(sock, lambda: sock.recv(RECEIVE_SIZE), POLLIN)
        if not data:
            raise send_error or wait.failed("the peer closed the connection")
        received += data
    if not received.startswith(HTTP_BEGIN):
        raise wait.failed("the peer does not speak HTTP")
    end += len(HEAD_END)
    return bytes(received[:end]), bytes(received[end:])


def parse_head(head: bytes) -> tuple[int, dict[str, list[str]]] | None:
    """Take a response's head apart (RFC 9112, 4 and 5).

    Args:
        head: with its empty line, as ``read_head`` gives it.

    Returns:
        The status, and the values of each field by its name in lower case. None where a line is
        no status line or no field, which the rest of a folded one is not either.
    """
    first, *lines = head.decode("utf-8", "replace").removesuffix("\r\n\r\n").split("\r\n")
    code = first.partition(" ")[2].partition(" ")[0]
    if not (code.isascii() and code.isdigit() and len(code) <= _STATUS_DIGITS):
        return None
    if any(end in line for line in (first, *lines) for end in _OTHER_ENDS):
        return None
    fields: dict[str, list[str]] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon or not _is_field_name(name):
            return None
        fields.setdefault(name.lower(), []).append(value.strip(" \t"))
    return int(code), fields


def _is_field_name(text: str) -> bool:
    return text.isascii() and text.isprintable() and text != "" and " " not in text


def read_retry_after(field: str | None) -> float | None:
    """Seconds to wait, from seconds or an HTTP date (RFC 9110, 10.2.3), capped."""
    if not field:
        return None
    if field.isascii() and field.isdigit():
        return min(float(field[:9]), RETRY_AFTER_CAP_S)
    # Seldom seen: they load a calendar.
    import datetime  # noqa: PLC0415
    import email.utils  # noqa: PLC0415

    with contextlib.suppress(ValueError, OverflowError):
        moment = email.utils.parsedate_to_datetime(field)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        seconds = (moment - datetime.datetime.now(datetime.UTC)).total_seconds()
        return min(max(seconds, 0.0), RETRY_AFTER_CAP_S)
    return None
