"""Rude peers: loopback servers on raw sockets whose every byte a script decides.

A script is a function that gets one accepted connection and runs on a thread of its own. It may
do what real servers do only by accident: send half a frame, reset, go mute, stop reading. All
waits are bounded; leaving the context ends every thread, closes every socket and raises what a
script raised.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Generic, Self, TypeVar

from ..connection.worker import start_worker
from ..transports.readiness import POLLIN, make_poll
from .wire import Frame, UpgradeRequest, accept_response, encode_frame, parse_request, response

__all__ = ["PeerConnection", "RawPeer", "WebSocketConnection", "WebSocketPeer"]

RECEIVE_SIZE = 65_536
HEAD_END = b"\r\n\r\n"
DEFAULT_PATIENCE_S = 10.0

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
LENGTH_16, LENGTH_64 = 126, 127


class PeerConnection:
    """One accepted connection, in the hands of a script. For the script's thread alone.

    Args:
        sock: the accepted socket, blocking, with a timeout.
        stopping: set when the server is being left.
        patience: seconds that any single wait may take.
    """

    def __init__(self, sock: socket.socket, stopping: threading.Event, patience: float) -> None:
        self.socket = sock
        self._stopping = stopping
        self._patience = patience
        self._received = b""

    def send(self, data: bytes) -> None:
        """Send all of these bytes, whatever they are."""
        self.socket.sendall(data)

    def receive(self, most: int = RECEIVE_SIZE) -> bytes:
        """The next bytes, at most so many; b"" at the end of the stream."""
        if self._received:
            data, self._received = self._received[:most], self._received[most:]
            return data
        return self.socket.recv(most)

    def receive_exactly(self, count: int) -> bytes:
        """So many bytes.

        Raises:
            EOFError: the stream ended before.
        """
        parts = []
        while count:
            part = self.receive(count)
            if not part:
                raise EOFError(f"the stream ended {count} bytes early")
            parts.append(part)
            count -= len(part)
        return b"".join(parts)

    def receive_until(self, marker: bytes) -> bytes:
        """All bytes up to and with a marker.

        Raises:
            EOFError: the stream ended before.
        """
        data = bytearray()
        while (at := data.find(marker, max(0, len(data) - RECEIVE_SIZE - len(marker)))) < 0:
            part = self.receive(RECEIVE_SIZE)
            if not part:
                raise EOFError(f"the stream ended before {marker!r}")
            data += part
        end = at + len(marker)
        self._received = bytes(data[end:]) + self._received
        return bytes(data[:end])

    def receive_to_end(self) -> bytes:
        """All bytes until the other side ends the stream, by a FIN or by a reset."""
        parts = []
        with contextlib.suppress(ConnectionError):
            while part := self.receive():
                parts.append(part)
        return b"".join(parts)

    def hold(self) -> None:
        """Stay mute: neither read nor write until the server is left.

        Raises:
            TimeoutError: that took longer than the patience.
        """
        if not self._stopping.wait(self._patience):
            raise TimeoutError(f"held a connection for more than {self._patience} s")

    def reset(self) -> None:
        """End the connection with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.socket.close()

    def finish(self) -> None:
        """Send a FIN and keep reading possible."""
        socket.socket.shutdown(self.socket, socket.SHUT_WR)

    def close(self) -> None:
        """Close the connection."""
        self.socket.close()


class WebSocketConnection(PeerConnection):
    """A connection that can talk WebSocket, well or badly."""

    request: UpgradeRequest
    """The upgrade request that was read."""

    def read_request(self) -> UpgradeRequest:
        """Read the upgrade request."""
        self.request = parse_request(self.receive_until(HEAD_END))
        return self.request

    def accept_upgrade(self, headers: dict[str, str] | None = None) -> None:
        """Grant the upgrade that was read.

        Args:
            headers: fields to add, or to replace where they have the same name.
        """
        self.send(accept_response(self.request, headers or {}))

    def respond(self, status: int, headers: dict[str, str] | None = None, body: str = "") -> None:
        """Answer with an ordinary HTTP response instead of the upgrade."""
        self.send(response(status, headers or {}, body))

    def read_frame(self) -> Frame:
        """Read one frame and unmask it."""
        first, second = self.receive_exactly(2)
        length = second & 0x7F
        if length == LENGTH_16:
            (length,) = struct.unpack("!H", self.receive_exactly(2))
        elif length == LENGTH_64:
            (length,) = struct.unpack("!Q", self.receive_exactly(8))
        mask = self.receive_exactly(4) if second & 0x80 else None
        payload = self.receive_exactly(length)
        return Frame.unmasked(first, mask, payload)

    def read_text(self) -> str:
        """Read frames up to the next text message, and return it.

        Raises:
            EOFError: a close frame or the end of the stream came first.
        """
        while (frame := self.read_frame()).opcode != TEXT:
            if frame.opcode == CLOSE:
                raise EOFError(f"closed with {frame.close_code}: {frame.close_reason}")
        return frame.payload.decode()

    def send_frame(self, opcode: int, payload: bytes = b"", *, fin: bool = True) -> None:
        """Send one unmasked frame; ``wire.encode_frame`` makes stranger ones."""
        self.send(encode_frame(opcode, payload, fin=fin))

    def send_text(self, text: str) -> None:
        """Send one text message."""
        self.send_frame(TEXT, text.encode())

    def send_close(self, code: int | None = None, reason: str = "") -> None:
        """Send a close frame; None as the code sends one without a payload."""
        payload = b"" if code is None else code.to_bytes(2, "big") + reason.encode()
        self.send_frame(CLOSE, payload)


Connection = TypeVar("Connection", bound=PeerConnection)


class _Server(Generic[Connection]):
    """Accepts connections on loopback and runs a script for each."""

    connection_type: type[Connection]

    def __init__(
        self,
        *scripts: Callable[[Connection], object],
        tls: ssl.SSLContext | None = None,
        patience: float = DEFAULT_PATIENCE_S,
    ) -> None:
        if not scripts:
            raise ValueError("a peer needs a script")
        self._scripts = scripts
        self._tls = tls
        self._patience = patience
        self._stopping = threading.Event()
        self._changed = threading.Condition()
        self._accepted = 0
        self._finished = 0
        self._errors: list[BaseException] = []
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.setblocking(False)
        self.host, self.port = self._listener.getsockname()
        self._wake_reader, self._wake_writer = socket.socketpair()
        self._threads.append(start_worker(f"peer-{self.port}", self._accept_all))
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        stuck = self._stop()
        if stuck:
            self._errors.append(TimeoutError(f"these scripts did not end: {', '.join(stuck)}"))
        if error is not None:
            for of_script in self._errors:
                error.add_note(f"a peer's script failed, too: {of_script!r}")
        elif len(self._errors) == 1:
            raise self._errors[0]
        elif self._errors:
            raise BaseExceptionGroup("peer scripts failed", self._errors)

    @property
    def connections(self) -> int:
        """How many connections were accepted so far."""
        return self._accepted

    def wait_for_connections(self, count: int, timeout: float = DEFAULT_PATIENCE_S) -> None:
        """Wait until so many connections were accepted.

        Raises:
            TimeoutError: they were not, within so many seconds.
        """
        self._wait(lambda: self._accepted >= count, f"{count} connections", timeout)

    def wait_for_scripts(self, count: int, timeout: float = DEFAULT_PATIENCE_S) -> None:
        """Wait until so many scripts have ended.

        Raises:
            TimeoutError: they have not, within so many seconds.
        """
        self._wait(lambda: self._finished >= count, f"{count} ended scripts", timeout)

    def _wait(self, is_true: Callable[[], bool], what: str, timeout: float) -> None:
        with self._changed:
            if not self._changed.wait_for(is_true, timeout):
                raise TimeoutError(f"no {what} within {timeout} s")

    def _accept_all(self) -> None:
        poll = make_poll()
        poll.register(self._listener.fileno(), POLLIN)
        poll.register(self._wake_reader.fileno(), POLLIN)
        while self._wake_reader.fileno() not in dict(poll.poll()):
            with contextlib.suppress(BlockingIOError, ConnectionError):
                self._begin(self._listener.accept()[0])

    def _begin(self, sock: socket.socket) -> None:
        sock.settimeout(self._patience)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._changed:
            script = self._scripts[min(self._accepted, len(self._scripts) - 1)]
            self._accepted += 1
            number = self._accepted
            self._sockets.append(sock)
            self._threads.append(
                start_worker(f"peer-{self.port}-{number}", lambda: self._run(sock, script))
            )
            self._changed.notify_all()

    def _run(self, sock: socket.socket, script: Callable[[Connection], object]) -> None:
        try:
            self._run_script(sock, script)
        except (OSError, EOFError) as error:
            # Leaving the context ends the sockets under a script that still uses them.
            if not self._stopping.is_set():
                self._errors.append(error)
        except BaseException as error:  # noqa: BLE001 - raised again where the context is left
            self._errors.append(error)
        finally:
            sock.close()
            with self._changed:
                self._finished += 1
                self._changed.notify_all()

    def _run_script(self, sock: socket.socket, script: Callable[[Connection], object]) -> None:
        if self._tls is None:
            script(self._connection(sock))
            return
        tls = self._tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        with tls:
            with self._changed:
                self._sockets.append(tls)
                if self._stopping.is_set():
                    return
            try:
                tls.do_handshake()
            except OSError:
                return  # The client refused the handshake, which is its right.
            script(self._connection(tls))

    def _connection(self, sock: socket.socket) -> Connection:
        return self.connection_type(sock, self._stopping, self._patience)

    def _stop(self) -> list[str]:
        """End everything; return the names of the threads that did not end."""
        self._stopping.set()
        self._wake_writer.send(b"\0")
        accepting, *_ = self._threads
        accepting.join(self._patience)
        with self._changed:
            for sock in self._sockets:
                with contextlib.suppress(OSError):
                    # Not SSLSocket.shutdown, which would take TLS away under the script.
                    socket.socket.shutdown(sock, socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(self._patience)
        self._listener.close()
        for sock in (self._wake_reader, self._wake_writer, *self._sockets):
            sock.close()
        return [thread.name for thread in self._threads if thread.is_alive()]


class RawPeer(_Server[PeerConnection]):
    """A TCP server on 127.0.0.1 that does what its scripts say. Use it as a context manager.

    Args:
        scripts: the nth connection runs the nth script, later ones the last; each gets a
            ``PeerConnection``, and its socket is closed when it returns.
        tls: a server-side context; None for plain TCP. A handshake that the client refuses ends
            the connection without running a script.
        patience: seconds that any single wait may take.
    """

    connection_type = PeerConnection


class WebSocketPeer(_Server[WebSocketConnection]):
    """A WebSocket server on 127.0.0.1 whose scripts begin after the upgrade.

    A client that leaves before it has asked for the upgrade runs no script.

    Args:
        scripts: as for ``RawPeer``; each gets a ``WebSocketConnection``.
        tls: a server-side context; None for ws.
        patience: seconds that any single wait may take.
        headers: fields to add to the answer, or to replace in it.
        upgrade: False leaves the upgrade to the script.
    """

    connection_type = WebSocketConnection

    def __init__(
        self,
        *scripts: Callable[[WebSocketConnection], object],
        tls: ssl.SSLContext | None = None,
        patience: float = DEFAULT_PATIENCE_S,
        headers: dict[str, str] | None = None,
        upgrade: bool = True,
    ) -> None:
        begun = [self._after_upgrade(script) for script in scripts] if upgrade else scripts
        super().__init__(*begun, tls=tls, patience=patience)
        self._headers = headers

    @property
    def url(self) -> str:
        """Where to dial."""
        return f"{'ws' if self._tls is None else 'wss'}://{self.host}:{self.port}/"

    def _after_upgrade(
        self, script: Callable[[WebSocketConnection], object]
    ) -> Callable[[WebSocketConnection], object]:
        def run(connection: WebSocketConnection) -> None:
            try:
                connection.read_request()
                connection.accept_upgrade(self._headers)
            except (EOFError, ConnectionError, ssl.SSLEOFError):
                return  # The client has gone before it was one, which is its right.
            script(connection)

        return run
