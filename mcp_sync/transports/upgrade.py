"""The HTTP upgrade (RFC 6455, section 4): what is asked, and what the answer must be.

Every refusal becomes an error of ours that says whether it is for good.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Mapping
from typing import NamedTuple

from ..errors import MCPConnectionError, MCPConnectionRejected, MCPError, shorten
from ..late_import import importing
from ..url import WebSocketUrl, mask_url
from .dial import DialWait, describe_os_error
from .http_head import (
    SWITCHING_PROTOCOLS,
    Channel,
    parse_head,
    read_head,
    read_retry_after,
    send_request,
)
from .tls_errors import tls_alert

__all__ = ["Upgraded", "upgrade"]

VERSION = 13
KEY_BYTES = 16
# What a server joins to the key before it hashes both (RFC 6455, 1.3).
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

ALWAYS_ACCEPTED_SUBPROTOCOL = "mcp"

NO_UPGRADE = "the peer's answer is no WebSocket upgrade"

REDIRECTS = range(300, 400)
CLIENT_ERRORS = range(400, 500)
_TRANSIENT_4XX = frozenset({408, 425, 429})

Fields = Mapping[str, list[str]]
"""The values of each header field, by its name in lower case."""


class Upgraded(NamedTuple):
    """What a granted upgrade leaves: the subprotocol, and bytes that came after the head."""

    subprotocol: str | None
    rest: bytes


def upgrade(
    sock: Channel,
    url: WebSocketUrl,
    headers: Mapping[str, str],
    subprotocols: tuple[str, ...],
    wait: DialWait,
) -> Upgraded:
    """Ask for the upgrade and check the answer.

    Args:
        sock: connected, non-blocking, TLS done where there is TLS. It stays the caller's.
        url: what to ask for.
        headers: fields to add, checked by ``check_headers``.
        subprotocols: what to offer; a server may select none of them.
        wait: the dial's deadline and self-pipe.

    Raises:
        MCPConnectionRejected: the server refused for good.
        MCPConnectionError: it refused for now, or does not speak WebSocket.
        LinkDown: the transport was aborted meanwhile.
    """
    wait.step = "waiting for the WebSocket upgrade"
    key = base64.b64encode(os.urandom(KEY_BYTES)).decode("ascii")
    try:
        send_error = _send(sock, _request(url, key, headers, subprotocols), wait)
        # Only now: the server works while this loads what it needs.
        accept = _accept_of(key)
        head, rest = read_head(sock, wait, send_error)
    except MCPError:
        raise
    except OSError as error:
        raise tls_alert(error, wait.address) or wait.failed(describe_os_error(error)) from error
    fields = _check_answer(head, accept, wait)
    return Upgraded(_check_selection(fields, subprotocols, wait), rest)


def _request(
    url: WebSocketUrl, key: str, headers: Mapping[str, str], subprotocols: tuple[str, ...]
) -> bytes:
    lines = [
        f"GET {url.resource} HTTP/1.1",
        "Upgrade: websocket",
        f"Host: {url.host_header}",
        f"Sec-WebSocket-Key: {key}",
        f"Sec-WebSocket-Version: {VERSION}",
        "Connection: Upgrade",
        *(f"{name}: {value}" for name, value in headers.items()),
    ]
    if url.authorization and "authorization" not in {name.lower() for name in headers}:
        lines.append(f"Authorization: {url.authorization}")
    if subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}")
    return "\r\n".join([*lines, "", ""]).encode("utf-8")


def _send(sock: Channel, request: bytes, wait: DialWait) -> ConnectionError | None:
    """Send the request; return how the connection broke, if it did in the middle of it.

    A peer that refuses early, and resets, has left its answer for us to read.
    """
    try:
        send_request(sock, request, wait)
    except MCPConnectionError:
        raise  # A ConnectionError as well, but of ours: the dial is over.
    except ConnectionError as error:
        return error
    return None


def _accept_of(key: str) -> str:
    """The Sec-WebSocket-Accept of a server that has read the key."""
    with importing:
        import hashlib  # noqa: PLC0415 - it loads OpenSSL, which takes 2 ms
    # It proves that the peer speaks WebSocket, and secures nothing.
    digest = hashlib.sha1(f"{key}{GUID}".encode("ascii"), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode("ascii")


def _check_answer(head: bytes, accept: str, wait: DialWait) -> Fields:
    """The fields of a response that grants the upgrade."""
    parsed = parse_head(head)
    if parsed is None:
        raise wait.failed(NO_UPGRADE)
    status, fields = parsed
    if status != SWITCHING_PROTOCOLS:
        raise _refusal(wait, status, fields)
    if (
        _tokens(fields, "upgrade") != {"websocket"}
        or "upgrade" not in _tokens(fields, "connection")
        or _joined(fields, "sec-websocket-accept") != accept
    ):
        raise wait.failed(NO_UPGRADE)
    return fields


def _joined(fields: Fields, name: str) -> str | None:
    """All values of a field as one (RFC 9110, 5.3); None where there is no such field."""
    values = fields.get(name)
    return None if values is None else ", ".join(values)


def _tokens(fields: Fields, name: str) -> set[str]:
    """The tokens of a field that is a list of them, in lower case."""
    return {one.strip().lower() for one in (_joined(fields, name) or "").split(",")}


def _check_selection(fields: Fields, subprotocols: tuple[str, ...], wait: DialWait) -> str | None:
    extensions = _joined(fields, "sec-websocket-extensions")
    if extensions:
        raise MCPConnectionRejected(
            f"{wait.address} selected the WebSocket extension {shorten(extensions)!r}, which was "
            "not offered (RFC 6455, 4.1): turn it off at the server"
        )
    selected = _joined(fields, "sec-websocket-protocol")
    if selected and selected not in (*subprotocols, ALWAYS_ACCEPTED_SUBPROTOCOL):
        raise MCPConnectionRejected(
            f"{wait.address} selected the subprotocol {shorten(selected)!r}, which was not "
            f"offered; offered were: {', '.join(subprotocols) or 'none'}"
        )
    return selected or None


def _refusal(wait: DialWait, status: int, fields: Fields) -> MCPConnectionError:
    """The error for a response that is no upgrade."""
    answer = f"{wait.address} answered the WebSocket upgrade with HTTP {status}"
    if status in REDIRECTS:
        # One of them: joined, what one may hide would show behind the other.
        location = fields.get("location", [""])[-1]
        target = repr(shorten(mask_url(location))) if location else "nowhere"
        return MCPConnectionRejected(
            f"{answer}, a redirect to {target}; redirects are not followed: give the "
            "final ws:// or wss:// URL",
            status=status,
        )
    if status in CLIENT_ERRORS and status not in _TRANSIENT_4XX:
        return MCPConnectionRejected(
            f"{answer}{_HINTS.get(status, '')}",
            status=status,
            challenge=_joined(fields, "www-authenticate"),
        )
    retry_after = read_retry_after(_joined(fields, "retry-after"))
    return MCPConnectionError(answer, retry_after=retry_after)


_HINTS = {
    401: ": it wants credentials; check the Authorization header",
    403: ": the credentials or the origin are not allowed",
    404: ": there is nothing at this path",
    426: ": it wants another version of the WebSocket protocol",
}
