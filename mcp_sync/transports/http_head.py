"""An HTTP request, and the head of its response: read within bounds of size and of time.

For what is asked before a link is one: a proxy's tunnel and the upgrade.
"""

from __future__ import annotations

import contextlib
from typing import Protocol

from ..late_import import importing
from .dial import DialWait
from .readiness import NO_SIGNAL, POLLIN, POLLOUT

__all__ = ["Channel", "parse_head", "read_head", "read_retry_after", "send_request"]

HEAD_LIMIT = 65_536
RECEIVE_SIZE = 65_536
RETRY_AFTER_CAP_S = 300.0
HTTP_BEGIN = b"HTTP/1."
HEAD_END = b"\r\n\r\n"
SWITCHING_PROTOCOLS = 101
_STATUS_DIGITS = 3
# What some readers take for the end of a line or of a text, and what no head may have in it.
_OTHER_ENDS = ("\r", "\n", "\0")


class Channel(Protocol):
    """What is needed of a non-blocking socket, with or without TLS."""

    def fileno(self) -> int:
        """The descriptor to poll."""

    def recv(self, size: int, /) -> bytes:
        """Bytes that are there; b"" at the end."""

    def send(self, data: memoryview, flags: int, /) -> int:
        """Take what can be taken at once; the flags are those of the system call."""


def send_request(sock: Channel, request: bytes, wait: DialWait) -> None:
    """Send all of a request.

    Raises:
        MCPConnectionError: the deadline was over.
        LinkDown: the transport was aborted meanwhile.
        OSError: the stream broke.
    """
    left = memoryview(request)
    while left:
        left = left[wait.perform(sock, lambda: sock.send(left, NO_SIGNAL), POLLOUT) :]  # noqa: B023


def read_head(
    sock: Channel, wait: DialWait, send_error: OSError | None = None
) -> tuple[bytes, bytes]:
    """Read the head of the final response; those of interim ones are passed over (RFC 9110, 15.2).

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
    head, rest = _read_one_head(bytearray(), sock, wait, send_error)
    passed = len(head)
    while _is_interim(head):
        if passed > HEAD_LIMIT:
            raise wait.failed(f"the response's headers are over {HEAD_LIMIT} bytes")
        head, rest = _read_one_head(bytearray(rest), sock, wait, send_error)
        passed += len(head)
    return head, rest


def _is_interim(head: bytes) -> bool:
    """Whether a response only says that another one will come."""
    status = head.partition(b" ")[2][: _STATUS_DIGITS + 1].strip()
    return len(status) == _STATUS_DIGITS and status[:1] == b"1" and status != b"101"


def _read_one_head(
    received: bytearray, sock: Channel, wait: DialWait, send_error: OSError | None
) -> tuple[bytes, bytes]:
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
        The status, and the values of each field by its name in lower case. None where the first
        line is no status line, or where the status is 101 and another line is no field: a refusal
        is understood without it.
    """
    first, *lines = head.decode("utf-8", "replace").removesuffix("\r\n\r\n").split("\r\n")
    code = first.partition(" ")[2].partition(" ")[0]
    is_status = code.isascii() and code.isdigit() and len(code) <= _STATUS_DIGITS
    if not is_status or _has_other_end(first):
        return None
    is_strict = int(code) == SWITCHING_PROTOCOLS
    fields: dict[str, list[str]] = {}
    values: list[str] = []
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and _is_field_name(name) and not _has_other_end(value):
            values = fields.setdefault(name.lower(), [])
            values.append(value.strip(" \t"))
        elif is_strict:
            return None
        elif values and line[:1] in {" ", "\t"}:
            values[-1] += f" {line.strip()}"  # The rest of a folded line (RFC 9112, 5.2).
    return int(code), fields


def _has_other_end(line: str) -> bool:
    return any(end in line for end in _OTHER_ENDS)


def _is_field_name(text: str) -> bool:
    return text.isascii() and text.isprintable() and text != "" and " " not in text


def read_retry_after(field: str | None) -> float | None:
    """Seconds to wait, from seconds or an HTTP date (RFC 9110, 10.2.3), capped."""
    if not field:
        return None
    if field.isascii() and field.isdigit():
        return min(float(field[:9]), RETRY_AFTER_CAP_S)
    with importing:  # Seldom seen: they load a calendar.
        import datetime  # noqa: PLC0415
        import email.utils  # noqa: PLC0415

    with contextlib.suppress(ValueError, OverflowError):
        moment = email.utils.parsedate_to_datetime(field)
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=datetime.UTC)
        seconds = (moment - datetime.datetime.now(datetime.UTC)).total_seconds()
        return min(max(seconds, 0.0), RETRY_AFTER_CAP_S)
    return None
