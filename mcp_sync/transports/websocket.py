"""MCP over WebSocket: one link's wire, by the contract of ``base``.

Dialing, upgrading, framing and writing have rooms of their own; here is what joins them, and the
reading half. It knows texts, not JSON-RPC.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Mapping

import attrs
import websocket

from ..deadline import Deadline
from ..errors import MCPConfigurationError
from ..headers import check_headers, check_subprotocols
from ..url import WebSocketUrl, parse_websocket_url
from .base import LinkDown, LinkInfo, Resolver, Transport
from .dial import ABORTED, DialWait, connect_tcp, resolve_host, start_tls
from .frame_writer import FrameWriter
from .framing import (
    CLOSE,
    INVALID_PAYLOAD,
    NO_STATUS,
    PING,
    PONG,
    PROTOCOL_ERROR,
    FrameBuffer,
    ProtocolFault,
    parse_close,
)
from .readiness import SelfPipe, acquire_within
from .streams import CLOSE_ABNORMAL, ByteStream, TcpStream, TlsStream, WaitOver
from .tls import TlsConnection
from .upgrade import Upgraded, upgrade

__all__ = ["WebSocketSettings", "WebSocketTransport"]

DEFAULT_MAX_MESSAGE_SIZE = 64 * 1024 * 1024
CLOSE_NORMAL = 1000
RELEASE_PATIENCE_S = 5.0
LINGER_S = 0.25


@attrs.frozen(kw_only=True)
class WebSocketSettings:
    """What a WebSocket link needs to know; checked when it is made.

    Args:
        url: a ws or wss URL.
        headers: fields to add to the upgrade request, as they are to be sent.
        subprotocols: what to offer; a server that selects none is accepted.
        ssl_context: for wss; None makes the default one, which verifies.
        max_message_size: the most bytes of one inbound message.

    Raises:
        MCPConfigurationError: one of them cannot work.
    """

    url: str = attrs.field(repr=False)
    headers: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    subprotocols: tuple[str, ...] = ()
    ssl_context: ssl.SSLContext | None = None
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE
    target: WebSocketUrl = attrs.field(init=False)
    """The URL, taken apart."""

    def __attrs_post_init__(self) -> None:
        check_headers(self.headers)
        check_subprotocols(self.subprotocols)
        if self.max_message_size < 1:
            raise MCPConfigurationError(
                "max_message_size", self.max_message_size, "must be 1 byte or more"
            )

    @target.default
    def _parse_url(self) -> WebSocketUrl:
        return parse_websocket_url(self.url)


class WebSocketTransport(Transport):
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
        self._settings = settings
        self._resolve = resolve
        self._end_resolving = end_resolving
        self._pipe = SelfPipe()
        self._stream: ByteStream | None = None
        self._frames: FrameBuffer | None = None
        self._writer: FrameWriter | None = None
        self._read_deadline: Deadline | None = None
        # An RLock, because only its owner can release it: an interrupt cannot leak it.
        self._read_lock = threading.RLock()
        self._is_reading = False
        self._has_received = False
        self._lost: LinkDown | None = None

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
        sock = connect_tcp(resolve_host(target, self._resolve, wait), wait)
        try:
            peer_address = _name_of_peer(sock)
            channel: socket.socket | TlsConnection = sock
            if target.is_secure:
                channel = start_tls(sock, target, settings.ssl_context, wait)
            upgraded = upgrade(channel, target, settings.headers, settings.subprotocols, wait)
            wait.check()
        except BaseException:  # whatever it was, no descriptor may be left open
            sock.close()
            raise
        self._begin(channel, upgraded)
        return LinkInfo(
            peer_address=peer_address,
            subprotocol=upgraded.subprotocol,
            tls_version=channel.version() if isinstance(channel, TlsConnection) else None,
        )

    def _begin(self, channel: socket.socket | TlsConnection, upgraded: Upgraded) -> None:
        if isinstance(channel, TlsConnection):
            stream: ByteStream = TlsStream(channel, self._pipe, self)
        else:
            stream = TcpStream(channel, self._pipe, self)
        self._frames = FrameBuffer(self._next_bytes, self._settings.max_message_size, upgraded.rest)
        self._writer = FrameWriter(stream, self.abort)
        self._stream = stream
        # Looked at after the stream is in place: an abort sees the stream, or is seen here.
        if self._pipe.aborted:
            self.release()
            raise LinkDown(ABORTED)

    def _next_bytes(self) -> bytes:
        """More bytes for the parser; past the deadline only what needs no second look."""
        stream, deadline = self._stream, self._read_deadline
        if stream is None:
            raise LinkDown("the link is not open")
        if self._has_received and deadline is not None and deadline.is_over():
            raise WaitOver
        data = stream.receive(deadline)
        self._has_received = True
        return data

    def receive(self, deadline: Deadline | None) -> str | None:
        """See ``Transport.receive``."""
        lock = self._read_lock
        mine = False
        try:
            if not lock.acquire(False) and not acquire_within(lock, deadline):
                return None
            if self._is_reading:
                return None  # A signal handler cannot read inside the read it interrupted.
            self._is_reading = mine = True
            return self._receive(deadline)
        except BaseException as error:  # an interrupt may strike between a read and its commit
            if mine and not isinstance(error, LinkDown):
                self._retire_unless_waiting()
            raise
        finally:
            # No call of our own in here: an interrupt at its first line would leak the lock.
            if mine:
                self._is_reading = False
            try:  # noqa: SIM105 - suppress() is a call
                lock.release()
            except RuntimeError:
                pass  # It was never taken.

    def _retire_unless_waiting(self) -> None:
        """After an interrupt: only inside poll is it certain that the parser lost nothing."""
        if self._stream is not None and self._stream.waiting:
            self._stream.waiting = False
        else:
            self.abort()

    def _receive(self, deadline: Deadline | None) -> str | None:
        if self._frames is None or self._lost is not None or self._pipe.aborted:
            raise self._down()
        if self._pipe.woken and self._pipe.take_wake():
            return None
        self._read_deadline = deadline
        self._has_received = False
        try:
            return self._next_message(self._frames, deadline)
        except WaitOver:
            return None
        except ProtocolFault as fault:
            raise self._fail(fault) from fault
        except UnicodeDecodeError as error:
            raise self._fail(
                ProtocolFault(INVALID_PAYLOAD, "the peer sent text that is not UTF-8")
            ) from error
        except websocket.WebSocketProtocolException as error:
            raise self._fail(
                ProtocolFault(PROTOCOL_ERROR, "the peer sent an invalid close frame")
            ) from error
        except EOFError as error:
            raise self._lose(
                LinkDown("the peer ended the connection without a close frame", CLOSE_ABNORMAL)
            ) from error
        except LinkDown as down:
            raise self._lose(down) from down.__cause__

    def _next_message(self, frames: FrameBuffer, deadline: Deadline | None) -> str | None:
        while True:
            text = frames.take_text()
            if text is not None:
                return text.decode("utf-8")
            frame = frames.recv_frame()
            payload: bytes = frame.data  # type: ignore[assignment]  # The library types both ways.
            if frame.opcode < CLOSE:
                whole = frames.fragments.add(payload, bool(frame.fin))
                if whole is not None:
                    return whole.decode("utf-8")
            else:
                self._take_control_frame(frame.opcode, payload)
            if deadline is not None and deadline.is_over():
                return None

    def _take_control_frame(self, opcode: int, payload: bytes) -> None:
        if opcode == PING and self._writer is not None:
            self._writer.pong(payload)
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
        return self._lose(LinkDown(fault.cause, fault.code, size=fault.size))

    def _lose(self, down: LinkDown) -> LinkDown:
        """Note why the link is lost; an abort of ours goes before what it looks like."""
        self._lost = LinkDown(ABORTED) if self._pipe.aborted else down
        return self._lost

    def _down(self) -> LinkDown:
        """The loss, once more, for those who come later."""
        if self._lost is None:
            return LinkDown(ABORTED if self._pipe.aborted else "the link is not open")
        lost = self._lost
        return LinkDown(lost.cause, lost.close_code, lost.close_reason, size=lost.size)

    def send(self, text: str, deadline: Deadline) -> None:
        """See ``Transport.send``."""
        if self._writer is None or self._lost is not None or self._pipe.aborted:
            raise self._down()
        self._writer.send(text, deadline)

    def post(self, text: str) -> bool:
        """See ``Transport.post``."""
        return self._writer is not None and not self._pipe.aborted and self._writer.post(text)

    def ping(self, payload: bytes) -> bool:
        """See ``Transport.ping``."""
        return self._writer is not None and not self._pipe.aborted and self._writer.ping(payload)

    def flush(self) -> None:
        """See ``Transport.flush``."""
        if self._writer is not None and not self._pipe.aborted:
            self._writer.flush()

    def can_send_now(self, size: int) -> bool:
        """See ``Transport.can_send_now``."""
        writer = self._writer
        return writer is not None and not self._pipe.aborted and writer.can_send_now(size)

    def is_writing(self) -> bool:
        """See ``Transport.is_writing``."""
        return self._writer is not None and self._writer.is_writing

    def wake(self) -> None:
        """See ``Transport.wake``."""
        self._pipe.wake()

    def send_close(self, code: int, reason: str = "") -> bool:
        """See ``Transport.send_close``."""
        writer = self._writer
        return writer is not None and not self._pipe.aborted and writer.send_close(code, reason)

    def abort(self) -> None:
        """See ``Transport.abort``."""
        self._pipe.abort()
        if self._end_resolving is not None:
            self._end_resolving()
        if self._stream is not None:
            self._stream.shutdown()

    def forget(self) -> None:
        """See ``Transport.forget``."""
        if self._stream is not None:
            self._stream.forget()
        self._pipe.forget()

    def release(self) -> None:
        """See ``Transport.release``."""
        self.abort()
        deadline = Deadline(RELEASE_PATIENCE_S)
        if self._writer is not None:
            self._writer.retire(deadline)
        try:
            acquire_within(self._read_lock, deadline)
            # Closed in any case: after the abort nobody can be inside a system call for long.
            if self._stream is not None:
                self._stream.close()
            self._pipe.close()
        finally:
            with contextlib.suppress(RuntimeError):  # It was never taken.
                self._read_lock.release()


def _name_of_peer(sock: socket.socket) -> str | None:
    try:
        host, port = sock.getpeername()[:2]
    except OSError:
        return None  # It is gone already; the next step will say why.
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
