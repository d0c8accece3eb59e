"""MCP over stdio: one link to a child process, by the contract of ``base``.

A message is a line of JSON in UTF-8 (MCP 2025-11-25 and 2026-07-28, Transports, stdio). The
process has a room of its own; it knows texts, not JSON-RPC.
"""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from ..command import check_command, check_directory, check_environment
from ..deadline import Deadline
from ..errors import MCPConfigurationError, MCPConnectionError
from .base import LinkDown, LinkInfo, WriteTimeout
from .child import GRACE_S, Child, ThreadStarter
from .dial import ABORTED
from .duplex import StreamTransport
from .lines import LineBuffer, LineTooLong
from .pipes import PipeStream
from .writer import CLOSE_PATIENCE_S, MessageWriter

__all__ = ["StdioSettings", "StdioTransport"]

DEFAULT_MAX_MESSAGE_SIZE = 64 * 1024 * 1024


@attrs.frozen(kw_only=True)
class StdioSettings:
    """What a stdio link needs to know; checked when it is made.

    Args:
        command: the words of the command; no shell takes part.
        env: variables for the child beside the few that it inherits.
        cwd: the child's working directory; None for this process's own.
        max_message_size: the most bytes of one inbound message.

    Raises:
        MCPConfigurationError: one of them cannot work.
    """

    command: tuple[str, ...] = attrs.field(repr=False)
    env: Mapping[str, str] | None = attrs.field(default=None, repr=False)
    cwd: str | None = None
    max_message_size: int = DEFAULT_MAX_MESSAGE_SIZE

    def __attrs_post_init__(self) -> None:
        check_command(self.command, "command")
        if self.env is not None:
            check_environment(self.env)
        if self.cwd is not None:
            check_directory(self.cwd)
        if self.max_message_size < 1:
            raise MCPConfigurationError(
                "max_message_size", self.max_message_size, "must be 1 byte or more"
            )


class _LineWriter(MessageWriter):
    """Writes lines without ever mixing two of them. Safe for any number of threads."""

    closed_cause = "the server's input was closed"

    def _encode(self, text: str) -> bytes:
        return text.encode("utf-8") + b"\n"

    def close_output(self) -> bool:
        """Let the server see the end of its input; False when a writer is stuck in it."""
        try:
            return self._exclusively(Deadline(CLOSE_PATIENCE_S), self._close_output)
        except (WriteTimeout, LinkDown):
            return False

    def _close_output(self) -> bool:
        self._write_leftovers(None)
        self._forget()
        self._is_close_sent = True
        self._stream.end_output()
        return True


class StdioTransport(StreamTransport):
    """One link to a server that is a child process; see ``base`` for who may call what.

    ``release`` closes the child's input, gives it 2 s to end, SIGTERM, 2 s more, and SIGKILL to
    its whole group.

    Args:
        settings: what to run and where.
        start_thread: starts the thread that reads the child's stderr.
    """

    can_ping = False
    goodbye_seconds = 2 * GRACE_S

    def __init__(self, settings: StdioSettings, start_thread: ThreadStarter) -> None:
        super().__init__()
        self._settings = settings
        self._start_thread = start_thread
        self._child: Child | None = None
        self._line_writer: _LineWriter | None = None
        self._lines = LineBuffer(self._next_bytes, settings.max_message_size)
        self._grace: Deadline | None = None

    def open(self, deadline: Deadline) -> LinkInfo:
        """See ``Transport.open``."""
        if self._stream is not None or self._lost is not None:
            raise LinkDown("a transport is opened once")
        settings = self._settings
        self._pipe.open()
        child = Child(settings.command, settings.env, settings.cwd)
        try:
            if self._pipe.aborted:
                raise LinkDown(ABORTED)
            if deadline.is_over():
                raise MCPConnectionError(f"could not start {child.name}: no time was left")
            self._begin(child)
        except BaseException:  # whatever it was, no descriptor may be left open
            self._lost = LinkDown("the link was never opened")
            self._pipe.close()
            raise
        return LinkInfo(peer_address=f"{child.name}[{child.pid}]")

    def _begin(self, child: Child) -> None:
        output, source = child.start(self._start_thread)
        stream = PipeStream(output, source, child.exit_fd, self._pipe, self, child.obituary)
        self._child = child
        self._writer = self._line_writer = _LineWriter(stream, self.abort)
        self._stream = stream
        # Looked at after the stream is in place: an abort sees the stream, or is seen here.
        if self._pipe.aborted:
            self.release()
            raise LinkDown(ABORTED)

    def _next_message(self, deadline: Deadline | None) -> str | None:
        try:
            line = self._lines.take()
        except LineTooLong as error:
            raise LinkDown(f"the server sent {error}", size=error.size) from error
        try:
            return line.decode("utf-8")
        except UnicodeDecodeError:
            # With a beginning that no JSON has, or a mended text could pass for a message.
            return "\N{REPLACEMENT CHARACTER}" + line.decode("utf-8", errors="replace")

    def _has_bytes(self) -> bool:
        return self._lines.has_begun

    def _ended(self) -> LinkDown:
        if self._child is None:
            return self._down()
        cause = self._child.obituary("it closed its output")
        return LinkDown(f"{cause}; half a message was lost" if self._lines.has_begun else cause)

    def ping(self, payload: bytes) -> bool:
        """See ``Transport.ping``; a pipe has none."""
        return False

    def send_close(self, code: int, reason: str = "") -> bool:
        """Close the child's input, which asks it to end; see ``Transport.send_close``."""
        writer = self._line_writer
        if writer is None or not writer.close_output():
            return False
        if self._grace is None:
            self._grace = Deadline(GRACE_S)
        return True

    def kill(self) -> None:
        """See ``Transport.kill``."""
        super().kill()
        if self._child is not None:
            self._child.kill()

    def forget(self) -> None:
        """See ``Transport.forget``."""
        super().forget()
        if self._child is not None:
            self._child.forget()

    def _close(self) -> None:
        stream, child = self._stream, self._child
        if stream is not None and child is not None:
            stream.end_output()
            child.end(self._grace or Deadline(GRACE_S), stream.input_fd)
        super()._close()
