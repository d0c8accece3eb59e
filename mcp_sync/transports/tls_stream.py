"""TLS on top of TCP as a byte stream: waiting is done in poll(2), outside any call into TLS."""

from __future__ import annotations

import contextlib
import ssl

from ..deadline import Deadline
from .readiness import POLLIN, SelfPipe, make_poll, poll_timeout
from .streams import Gauges, SocketStream
from .tls import TlsConnection

__all__ = ["TlsStream"]

RENEGOTIATION_SLICE_S = 0.02


class TlsStream(SocketStream):
    """A TLS stream: what is decrypted already goes first, and poll comes before more input.

    Args:
        connection: its handshake done; the stream owns it.
        pipe: the transport's self-pipe, open.
        gauges: where progress is noted, in encrypted bytes.
    """

    def __init__(self, connection: TlsConnection, pipe: SelfPipe, gauges: Gauges) -> None:
        super().__init__(connection.socket, pipe, gauges)
        self._tls = connection
        self._wants_reading = False
        self._pipe_poll = make_poll()
        self._pipe_poll.register(pipe.fileno(), POLLIN)
        gauges.bytes_sent += connection.sent

    @property
    def engaged(self) -> bool:
        """See ``ByteStream.engaged``."""
        return self._tls.is_engaged

    @property
    def has_input(self) -> bool:
        """See ``ByteStream.has_input``."""
        return self._tls.has_input

    def receive(self, deadline: Deadline | None) -> bytes:
        """See ``ByteStream.receive``."""
        try:
            while (data := self._tls.read()) is None:
                self._wait_readable(deadline)
                with contextlib.suppress(BlockingIOError, InterruptedError):
                    self._note_received(self._tls.fill())
        except (OSError, ValueError) as error:
            raise self._broken(error) from error
        return data

    def send(self, data: bytes | memoryview) -> int:
        """See ``ByteStream.send``.

        A record that TLS has made must go out before any other, so nothing is offered to TLS
        while the kernel has no room at all.
        """
        if not self.engaged and not self._send_poll.poll(0):
            return 0
        before = self._tls.sent
        self._wants_reading = False
        try:
            return self._tls.send(data)
        except ssl.SSLWantWriteError:
            return 0
        except ssl.SSLWantReadError:
            self._wants_reading = True
            return 0
        except (OSError, ValueError) as error:
            raise self._broken(error) from error
        finally:
            if self._tls.sent > before:
                self._note_sent(self._tls.sent - before)

    def end_output(self) -> None:
        """Send close_notify and our FIN."""
        with contextlib.suppress(OSError):  # Then the receiver meets it.
            self._tls.send_close_notify()
        super().end_output()

    def wait_writable(self, deadline: Deadline) -> bool:
        """See ``ByteStream.wait_writable``."""
        if not self._wants_reading:
            return super().wait_writable(deadline)
        # Only the receiver can end a renegotiation, and nothing tells when it has.
        remaining = deadline.remaining()
        limit = (
            RENEGOTIATION_SLICE_S if remaining is None else min(remaining, RENEGOTIATION_SLICE_S)
        )
        self._pipe_poll.poll(poll_timeout(limit))
        return not deadline.is_over()
