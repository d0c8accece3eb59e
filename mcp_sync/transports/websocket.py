"""MCP over WebSocket: one link's wire, by the contract of ``base``.

Dialing, upgrading, framing and writing have rooms of their own, and so has what all links over one
byte stream share; here is what joins them. It knows texts, not JSON-RPC.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..deadline import Deadline
from ..errors import MCPConfigurationError, MCPConnectionRejected
from ..headers import check_headers, check_subprotocols
from ..late_import import importing
from ..url import WebSocketUrl, parse_websocket_url
from .base import LinkDown, LinkInfo, Resolver
from .dial import ABORTED, DialWait, connect_tcp, resolve_host
from .duplex import StreamTransport
from .frame_writer import FrameWriter
from .framing import (
    CLOSE,
    INVALID_PAYLOAD,
    NO_STATUS,
    PING,
    PONG,
    FrameBuffer,
    ProtocolFault,
    parse_close,
)
from .proxy import find_proxy, open_tunnel
from .streams import CLOSE_ABNORMAL, ByteStream
from .tcp_stream import TcpStream
from .upgrade import Upgraded, upgrade

if TYPE_CHECKING:
    import ssl

    from .tls import TlsConnection

__all__ = ["WebSocketSettings", "WebSocketTransport"]

DEFAULT_MAX_MESSAGE_SIZE = 64 * 1024 * 1024
CLOSE_NORMAL = 1000
LINGER_S = 0.25


class WebSocketSettings:
    """What a WebSocket link needs to know; checked when it is made.

    Args:
        url: a ws or wss URL.
        headers: fields to add to the upgrade request, as they are to be sent.
        subprotocols: what to offer; a server that selects none is accepted.
        ssl_context: for wss; None makes the default one, which verifies.
        max_message_size: the most bytes of one inbound message.
        proxy: the http URL of a proxy, "direct" for none, None for what the environment says.

    Raises:
        MCPConfigurationError: one of them cannot work.
        MCPConnectionRejected: the environment names a proxy that cannot work.
    """

    def __init__(
        self,
        *,
        url: str,
        headers: Mapping[str, str] | None = None,
        subprotocols: tuple[str, ...] = (),
        ssl_context: ssl.SSLContext | None = None,
        max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE,
        proxy: str | None = None,
    ) -> None:
        self.headers = {} if headers is None else headers
        self.subprotocols = subprotocols
        self.ssl_context = ssl_context
        self.max_message_size = max_message_size
        self.target = parse_websocket_url(url)
        """The URL, taken apart."""
        self.way = find_proxy(proxy, self.target)
        """The proxy on the way; None for a direct way."""
        check_headers(self.headers)
        check_subprotocols(subprotocols)
        if max_message_size < 1:
            raise MCPConfigurationError(
                "max_message_size", max_message_size, "must be 1 byte or more"
            )


class WebSocketTransport(StreamTransport):
    """One WebSocket link; see ``base`` for who may call what, from which thread.

    Args:
        settings: where and how to dial.
        resolve: resolves the host.
        end_resolving: ends that from any thread; called when the transport is aborted. None where
            nothing can end it.
    """

    def __init__(
        self,
        settings: WebSocketSettings,
        resolve: Resolver,
        end_resolving: Callable[[], None] | None = None,
    ) -> None:
        super().__init__()
        self._settings = settings
        self._resolve = resolve
        self._end_resolving = end_resolving
        self._frames: FrameBuffer | None = None
        self._frame_writer: FrameWriter | None = None

    def open(self, deadline: Deadline) -> LinkInfo:
        """See ``Transport.open``."""
        if self._stream is not None or self._lost is not None:
            raise LinkDown("a transport is opened once")
        target = self._settings.target
        self._pipe.open()
        wait = DialWait(target.address, deadline, self._pipe)
        try:
            return self._dial(target, wait)
        except BaseException:  # whatever it was, no descriptor may be left open
            self._lost = LinkDown("the link was never opened")
            self._pipe.close()
            raise

    def _dial(self, target: WebSocketUrl, wait: DialWait) -> LinkInfo:
        settings = self._settings
        if settings.way is None:
            sock = connect_tcp(resolve_host(target, self._resolve, wait), wait)
        else:
            sock = open_tunnel(settings.way, target, self._resolve, wait)
        try:
            peer_address = _name_of_peer(sock)
            channel: socket.socket | TlsConnection = sock
            if target.is_secure:
                channel = _start_tls(sock, settings, wait)
            upgraded = upgrade(channel, target, settings.headers, settings.subprotocols, wait)
            wait.check()
            self._begin(channel, upgraded)
        except BaseException:  # whatever it was, no descriptor may be left open
            sock.close()
            raise
        return LinkInfo(
            peer_address=peer_address,
            subprotocol=upgraded.subprotocol,
            tls_version=None if isinstance(channel, socket.socket) else channel.version(),
        )

    def _begin(self, channel: socket.socket | TlsConnection, upgraded: Upgraded) -> None:
        if isinstance(channel, socket.socket):
            stream: ByteStream = TcpStream(channel, self._pipe, self)
        else:
            with importing:
                from .tls_stream import TlsStream  # noqa: PLC0415 - as above
            stream = TlsStream(channel, self._pipe, self)
        self._frames = FrameBuffer(self._next_bytes, self._settings.max_message_size, upgraded.rest)
        self._writer = self._frame_writer = FrameWriter(stream, self.abort)
        self._stream = stream
        # Looked at after the stream is in place: an abort sees the stream, or is seen here.
        if self._pipe.aborted:
            self.release()
            raise LinkDown(ABORTED)

    def _next_message(self, deadline: Deadline | None) -> str | None:
        frames = self._frames
        if frames is None:
            raise self._down()
        try:
            text = frames.take_text()
            return self._next_text(frames, deadline) if text is None else text.decode("utf-8")
        except ProtocolFault as fault:
            raise self._fail(fault) from fault
        except UnicodeDecodeError as error:
            raise self._fail(
                ProtocolFault(INVALID_PAYLOAD, "the peer sent text that is not UTF-8")
            ) from error

    def _next_text(self, frames: FrameBuffer, deadline: Deadline | None) -> str | None:
        while True:
            opcode, is_last, payload = frames.take_frame()
            if opcode < CLOSE:
                whole = frames.fragments.add(payload, is_last)
                if whole is not None:
                    return whole.decode("utf-8")
            else:
                self._take_control_frame(opcode, payload)
            if deadline is not None and deadline.is_over():
                return None

    def _has_bytes(self) -> bool:
        return self._frames is not None and self._frames.has_bytes

    def _ended(self) -> LinkDown:
        cause = "the peer ended the connection without a close frame"
        return LinkDown(cause, CLOSE_ABNORMAL)

    def _take_control_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == PING and self._frame_writer is not None:
            self._frame_writer.pong(payload)
        elif opcode == PONG and self.on_pong is not None:
            self.on_pong(payload)
        elif opcode == CLOSE:
            close = parse_close(payload)
            self.send_close(CLOSE_NORMAL if close.code == NO_STATUS else close.code)
            said = f": {close.reason}" if close.reason else ""
            cause = f"the peer closed the link with close code {close.code}{said}"
            raise LinkDown(cause, close.code, close.reason)

    def _fail(self, fault: ProtocolFault) -> LinkDown:
        """Answer a fault of the peer's with its close code, in a way that lets the peer see it."""
        if self.send_close(fault.code, fault.cause) and self._stream is not None:
            self._stream.discard_to_end(Deadline(LINGER_S))
        return LinkDown(fault.cause, fault.code, size=fault.size)

    def ping(self, payload: bytes) -> bool:
        """See ``Transport.ping``."""
        writer = self._frame_writer
        return writer is not None and not self._pipe.aborted and writer.ping(payload)

    def send_close(self, code: int, reason: str = "") -> bool:
        """See ``Transport.send_close``."""
        writer = self._frame_writer
        return writer is not None and not self._pipe.aborted and writer.send_close(code, reason)

    def abort(self) -> None:
        """See ``Transport.abort``."""
        if self._end_resolving is not None:
            self._pipe.abort()  # Whoever resolves shall know why it ended.
            self._end_resolving()
        super().abort()


def _start_tls(sock: socket.socket, settings: WebSocketSettings, wait: DialWait) -> TlsConnection:
    try:
        with importing:
            from .tls_dial import start_tls  # noqa: PLC0415 - ws does without TLS
    except ImportError as error:
        rule = "wss:// needs the module ssl, which this Python was built without"
        raise MCPConnectionRejected(f"could not connect to {wait.address}: {rule}") from error
    return start_tls(sock, settings.target, settings.ssl_context, wait)


def _name_of_peer(sock: socket.socket) -> str | None:
    try:
        host, port = sock.getpeername()[:2]
    except OSError:
        return None  # It is gone already; the next step will say why.
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
