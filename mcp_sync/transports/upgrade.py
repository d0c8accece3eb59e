"""The HTTP upgrade (RFC 6455, section 4): websocket-client writes and checks it, over a stand-in.

The stand-in bounds the response's head, in time and in size, and keeps cookies and bodies from
the library. Every refusal becomes an error of ours that says whether it is for good.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import websocket

from ..errors import MCPConnectionError, MCPConnectionRejected, MCPError, shorten
from ..url import WebSocketUrl, mask_url
from .dial import DialWait, describe_os_error, tls_alert
from .http_head import Channel, read_head, read_retry_after
from .readiness import POLLOUT

__all__ = ["Upgraded", "upgrade"]

ALWAYS_ACCEPTED_SUBPROTOCOL = "mcp"

# websocket-client keeps one cookie jar for the whole process and looks into it by the URL's host.
# A name that no server can have (RFC 2606) finds nothing there; the real host goes out as Host.
_URL_FOR_THE_LIBRARY = "ws://upgrade.invalid"

# Set-Cookie would fill that jar, a Content-Length would have a refusal's body read unbounded, and
# a Location, which may hold a token, would stand in the text of the library's error.
_HIDDEN_FROM_THE_LIBRARY = (b"set-cookie:", b"content-length:", b"location:")

REDIRECTS = range(300, 400)
CLIENT_ERRORS = range(400, 500)
_TRANSIENT_4XX = frozenset({408, 425, 429})


class Upgraded(NamedTuple):
    """What a granted upgrade leaves: the subprotocol, and bytes that came after the head."""

    subprotocol: str | None
    rest: bytes


class _UpgradeSocket:
    """The socket that websocket-client sees during the upgrade; the real one stays ours.

    It declares a timeout of zero, by which the library calls ``recv`` and ``send`` directly.
    """

    _closed = False  # Read by websocket-client's WebSocket.shutdown.

    def __init__(self, sock: Channel, wait: DialWait) -> None:
        self._sock = sock
        self._wait = wait
        self._head: bytes | None = None
        self._position = 0
        self._send_error: ConnectionError | None = None
        self.failure: MCPConnectionError | None = None
        self.location: str | None = None
        self.rest = b""

    def send(self, data: bytes) -> int:
        """Send all of it: the library does not look at the count."""
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._send_some(rest) :]
        except ConnectionError as error:
            if isinstance(error, MCPConnectionError):
                # Kept, because the library makes its own error of what reads "timed out".
                self.failure = error
                raise
            # A peer that refuses early, and resets, has left its answer for us to read.
            self._send_error = error
        return len(data)

    def _send_some(self, data: memoryview) -> int:
        return self._wait.perform(self._sock, lambda: self._sock.send(data), POLLOUT)

    def recv(self, size: int) -> bytes:
        if self._head is None:
            self._head = self._read_head()
        start = self._position
        self._position += size
        return self._head[start : start + size]

    def gettimeout(self) -> float | None:
        return 0

    def settimeout(self, timeout: float | None) -> None:
        """The deadline is the dial's."""

    def shutdown(self, how: int) -> None:
        """The real socket is ended by its owner."""

    def close(self) -> None:
        """The real socket is closed by its owner."""

    def fileno(self) -> int:
        return self._sock.fileno()

    def _read_head(self) -> bytes:
        head, self.rest = read_head(self._sock, self._wait, self._send_error)
        return self._without_hidden(head.split(b"\r\n"))

    def _without_hidden(self, lines: list[bytes]) -> bytes:
        shown = []
        for line in lines:
            if not line.lower().startswith(_HIDDEN_FROM_THE_LIBRARY):
                shown.append(line)
            elif line.lower().startswith(b"location:"):
                self.location = line.split(b":", 1)[1].strip().decode("latin-1")
        return b"\r\n".join(shown)


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
    stand_in = _UpgradeSocket(sock, wait)
    client: Any = websocket.WebSocket(enable_multithread=False, skip_utf8_validation=True)
    try:
        client.connect(
            _URL_FOR_THE_LIBRARY + url.resource,
            socket=stand_in,
            host=url.host_header,
            header=_request_lines(url, headers, subprotocols),
            suppress_origin=True,
            redirect_limit=0,
        )
    except websocket.WebSocketException as error:
        if stand_in.failure is not None:
            raise stand_in.failure from None
        status = getattr(error, "status_code", client.getstatus())
        if status is None:
            raise wait.failed("the peer's answer is no WebSocket upgrade") from error
        fields = getattr(error, "resp_headers", client.getheaders()) or {}
        raise _refusal(wait, status, fields, stand_in.location) from error
    except MCPError:
        raise
    except OSError as error:
        raise tls_alert(error, wait) or wait.failed(describe_os_error(error)) from error
    selected = _check_selection(client.getheaders() or {}, subprotocols, wait)
    return Upgraded(selected, stand_in.rest)


def _request_lines(
    url: WebSocketUrl, headers: Mapping[str, str], subprotocols: tuple[str, ...]
) -> list[str]:
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if url.authorization and "authorization" not in {name.lower() for name in headers}:
        lines.append(f"Authorization: {url.authorization}")
    if subprotocols:
        # Not the library's own option: with that, it refuses a server that selects none.
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}")
    return lines


def _check_selection(
    fields: Mapping[str, str], subprotocols: tuple[str, ...], wait: DialWait
) -> str | None:
    extensions = fields.get("sec-websocket-extensions")
    if extensions:
        raise MCPConnectionRejected(
            f"{wait.address} selected the WebSocket extension {shorten(extensions)!r}, which was "
            "not offered (RFC 6455, 4.1): turn it off at the server"
        )
    selected = fields.get("sec-websocket-protocol")
    if selected and selected not in (*subprotocols, ALWAYS_ACCEPTED_SUBPROTOCOL):
        raise MCPConnectionRejected(
            f"{wait.address} selected the subprotocol {shorten(selected)!r}, which was not "
            f"offered; offered were: {', '.join(subprotocols) or 'none'}"
        )
    return selected or None


def _refusal(
    wait: DialWait, status: int, fields: Mapping[str, str], location: str | None
) -> MCPConnectionError:
    """The error for a response that is no upgrade."""
    answer = f"{wait.address} answered the WebSocket upgrade with HTTP {status}"
    if status in REDIRECTS:
        target = mask_url(location or "nowhere")
        return MCPConnectionRejected(
            f"{answer}, a redirect to {shorten(target)}; redirects are not followed: give the "
            "final ws:// or wss:// URL",
            status=status,
        )
    if status in CLIENT_ERRORS and status not in _TRANSIENT_4XX:
        return MCPConnectionRejected(
            f"{answer}{_HINTS.get(status, '')}",
            status=status,
            challenge=fields.get("www-authenticate"),
        )
    return MCPConnectionError(answer, retry_after=read_retry_after(fields.get("retry-after")))


_HINTS = {
    401: ": it wants credentials; check the Authorization header",
    403: ": the credentials or the origin are not allowed",
    404: ": there is nothing at this path",
    426: ": it wants another version of the WebSocket protocol",
}
