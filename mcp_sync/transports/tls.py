"""TLS through memory: OpenSSL never touches the socket, and no call into it can block.

One lock is held around every call into TLS: two threads inside one OpenSSL connection corrupt it
(python/cpython#143756). Wrapping the socket itself would also leak it when a peer resets the
connection before the handshake (``SSLSocket._create``).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading

from .readiness import NO_SIGNAL

__all__ = ["TlsConnection"]

RECEIVE_SIZE = 65_536
RECORD_SIZE = 16_384
CHUNK_SIZE = 65_536


class TlsConnection:
    """A client's TLS connection on a connected, non-blocking socket, which it owns.

    Like a non-blocking ``ssl.SSLSocket`` it raises SSLWantReadError and SSLWantWriteError where
    it would have to wait. One thread may receive while another sends.

    Args:
        sock: connected and non-blocking.
        context: what to trust and to offer.
        hostname: the name or address that the certificate must be for.

    Raises:
        ValueError: TLS cannot ask for such a host name; the socket is not closed.
    """

    def __init__(self, sock: socket.socket, context: ssl.SSLContext, hostname: str) -> None:
        self.socket = sock
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=hostname)
        # Re-entrant, and sending is not: a signal handler may use the link it interrupted.
        self._lock = threading.RLock()
        self._is_pushing = False
        self._has_ended = False
        self._output = bytearray()
        self._queued = 0
        self._sent = 0
        self._offered = 0
        self._offered_until = 0

    @property
    def is_engaged(self) -> bool:
        """Whether bytes were offered that TLS has taken, but not yet the kernel as a whole."""
        return self._offered > 0

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self.socket.fileno()

    def close(self) -> None:
        """Close the socket; idempotent."""
        self.socket.close()

    def version(self) -> str | None:
        """The version of TLS that was agreed on."""
        with self._lock:
            return self._tls.version()

    def do_handshake(self) -> None:
        """Get on with the handshake; returns when it is done."""
        while True:
            try:
                with self._lock:
                    self._tls.do_handshake()
                self._flush()
                return
            except ssl.SSLWantReadError:
                self._flush()
                self._fill_or_want()
            except ssl.SSLError:
                with contextlib.suppress(OSError):  # The alert that tells the peer why.
                    self.pump()
                raise

    def recv(self, size: int) -> bytes:
        """The next decrypted bytes; b"" at the end of the stream."""
        while (data := self.read(size)) is None:
            self._fill_or_want()
        return data

    def send(self, data: bytes | memoryview, _flags: int = 0) -> int:
        """Encrypt some bytes and hand them to the kernel; how many are out as a whole.

        After SSLWantWriteError the same bytes must be sent again: their record is under way.
        SSLWantReadError asks for ``recv`` to get on first, in a renegotiation (TLS 1.2).
        """
        with self._lock:
            if not self._offered:
                chunk = memoryview(data)[:CHUNK_SIZE]
                self._tls.write(chunk)
                self._offered = len(chunk)
                self._collect()
                self._offered_until = self._queued
            self._push()
            if self._sent < self._offered_until:
                raise ssl.SSLWantWriteError
            taken, self._offered = self._offered, 0
            return taken

    def read(self, size: int = RECORD_SIZE) -> bytes | None:
        """Decrypted bytes that need no input; None where there are none, b"" at the end."""
        with self._lock:
            if not self.has_input:
                return None  # Cheaper than the exception that would say so.
            try:
                data = self._tls.read(size)
                self._has_ended = not data
                return data
            except ssl.SSLWantReadError:
                return None
            except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
                self._has_ended = True
                return b""
            finally:
                # A renegotiation or an alert has something to say; the sender meets its failure.
                if self._outgoing.pending:
                    with contextlib.suppress(OSError):
                        self._collect()
                        self._push()

    @property
    def has_input(self) -> bool:
        """Whether ``read`` may have something before more input came."""
        with self._lock:
            return bool(self._incoming.pending or self._tls.pending() or self._has_ended)

    def fill(self) -> int:
        """Take one helping of input from the socket; how many bytes, 0 at the end of the stream.

        Raises:
            BlockingIOError: there is none now.
        """
        data = self.socket.recv(RECEIVE_SIZE)
        with self._lock:
            if data:
                self._incoming.write(data)
            else:
                self._has_ended = True
                self._incoming.write_eof()
        return len(data)

    def send_close_notify(self) -> None:
        """Tell the peer that no more bytes come; without it, the end of the stream is a fault."""
        with self._lock:
            with contextlib.suppress(ssl.SSLError):  # It wants the peer's in return.
                self._tls.unwrap()
            self._collect()
            self._push()

    def pump(self) -> int:
        """Hand waiting output to the kernel as far as it takes it; how many bytes it took."""
        with self._lock:
            self._collect()
            return self._push()

    @property
    def sent(self) -> int:
        """Encrypted bytes that the kernel has taken so far."""
        return self._sent

    def _fill_or_want(self) -> None:
        try:
            self.fill()
        except BlockingIOError:
            raise ssl.SSLWantReadError from None

    def _flush(self) -> None:
        self.pump()
        if self._output:
            raise ssl.SSLWantWriteError

    def _collect(self) -> None:
        """Queue what TLS has put out. Holds the lock."""
        data = self._outgoing.read()
        self._output += data
        self._queued += len(data)

    def _push(self) -> int:
        """Send what is queued, without waiting. Holds the lock."""
        if not self._output or self._is_pushing:
            return 0
        self._is_pushing = True
        try:
            count = self.socket.send(self._output, NO_SIGNAL)
            del self._output[:count]
            self._sent += count
            return count
        except (BlockingIOError, InterruptedError):
            return 0
        finally:
            self._is_pushing = False
