"""The two pipes to a child process as one byte stream, which the end of the child ends.

Knows descriptors, poll and the self-pipe; of processes only a descriptor that becomes readable
when one has ended.
"""

from __future__ import annotations

import fcntl
import io
import os
import select
import signal
import termios
from collections.abc import Callable

from ..deadline import Deadline
from .base import LinkDown
from .dial import ABORTED, describe_os_error
from .readiness import POLLIN, SelfPipe
from .streams import RECEIVE_SIZE, ByteStream, Gauges

__all__ = ["PipeStream"]

LARGEST_PIPE = 1024 * 1024
"""Bytes that a pipe of an unprivileged process holds at the most (pipe(7))."""


class PipeStream(ByteStream):
    """What a child writes and reads. One thread receives, one sends; ``shutdown`` is anyone's.

    An abort cannot close a descriptor that another thread may be using, so a self-pipe of its own
    ends every wait for good, the writer's too.

    Args:
        output: what the child reads; the stream owns both files.
        source: what the child writes.
        exit_fd: readable once the child has ended, also while a grandchild keeps its pipes open;
            None where the system has no such thing. It stays the caller's.
        pipe: the transport's self-pipe, open.
        gauges: where progress is noted.
        explain: makes the sentence for a pipe that is broken, from the system's words for it.
    """

    def __init__(
        self,
        output: io.FileIO,
        source: io.FileIO,
        exit_fd: int | None,
        pipe: SelfPipe,
        gauges: Gauges,
        explain: Callable[[str], str],
    ) -> None:
        super().__init__(source.fileno(), output.fileno(), pipe, gauges)
        self._output = output
        self._source = source
        self._output_fd: int | None = output.fileno()
        self._exit_fd = exit_fd
        self._explain = explain
        self._rest: int | None = None
        """How many bytes of the child's own may still come; None while it lives."""
        for file in (output, source):
            os.set_blocking(file.fileno(), False)
        self._capacity = _capacity(output.fileno())
        self._halt = SelfPipe()
        self._halt.open()
        for poll in (self._receive_poll, self._idle_poll, self._send_poll):
            poll.register(self._halt.fileno(), POLLIN)
        if exit_fd is not None:
            for poll in (self._receive_poll, self._idle_poll):
                poll.register(exit_fd, POLLIN)

    @property
    def has_input(self) -> bool:
        """See ``ByteStream.has_input``."""
        return self._rest is not None

    def receive(self, deadline: Deadline | None) -> bytes:
        """See ``ByteStream.receive``."""
        while True:
            if self._rest is None:
                self._wait_readable(deadline)
            try:
                data = os.read(self.input_fd, RECEIVE_SIZE)
            except BlockingIOError:
                if self._rest is None:
                    continue
                return b""  # Whoever else has the pipe open is not the server.
            except OSError as error:
                raise self._broken(error) from error
            if self._rest is not None:
                self._rest -= len(data)
                if self._rest < 0:
                    return b""
            self._note_received(len(data))
            return data

    def _is_ended_by(self, ready: list[tuple[int, int]]) -> bool:
        if not any(descriptor == self._exit_fd for descriptor, _ in ready):
            return False
        self._rest = LARGEST_PIPE
        return True

    def send(self, data: bytes | memoryview) -> int:
        """See ``ByteStream.send``."""
        descriptor = self._output_fd
        if descriptor is None or self._pipe.aborted:
            raise LinkDown(ABORTED)
        try:
            if signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL:
                count = _write_without_signal(descriptor, data)
            else:
                count = os.write(descriptor, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._broken(error) from error
        self._note_sent(count)
        return count

    def _broken(self, error: OSError) -> LinkDown:
        if self._pipe.aborted:
            return LinkDown(ABORTED)
        return LinkDown(self._explain(describe_os_error(error)))

    def free_space(self) -> int:
        """See ``ByteStream.free_space``.

        A pipe polls as writable while one of its pages is free, and only an empty one has its
        whole capacity: each write may have begun a page (pipe(7)).
        """
        descriptor = self._output_fd
        if descriptor is None or not self._send_poll.poll(0):
            return 0
        waiting = fcntl.ioctl(descriptor, termios.FIONREAD, bytes(4))
        return select.PIPE_BUF if any(waiting) else self._capacity

    def end_output(self) -> None:
        """Close the child's input; idempotent."""
        self._output_fd = None
        self._output.close()

    def shutdown(self) -> None:
        """See ``ByteStream.shutdown``."""
        self._halt.abort()

    def forget(self) -> None:
        """See ``ByteStream.forget``."""
        self._output.close()
        self._source.close()
        self._halt.forget()

    def close(self) -> None:
        """See ``ByteStream.close``."""
        self.end_output()
        self._source.close()
        self._halt.close()


def _capacity(descriptor: int) -> int:
    """Bytes that an empty pipe takes."""
    get_size = getattr(fcntl, "F_GETPIPE_SZ", None)
    return select.PIPE_BUF if get_size is None else fcntl.fcntl(descriptor, get_size)


def _write_without_signal(descriptor: int, data: bytes | memoryview) -> int:
    """Write in a script that restored SIGPIPE's default: it must not die of a lost link."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
    try:
        return os.write(descriptor, data)
    except BrokenPipeError:
        if signal.SIGPIPE not in before:
            signal.sigtimedwait({signal.SIGPIPE}, 0)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
