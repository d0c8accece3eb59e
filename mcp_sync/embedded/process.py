"""The embedded server as a process of its own: `serve` inside it, `ServerProcess` outside."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import IO, Self

from mcp_sync.deadline import Deadline
from mcp_sync.embedded.server import EmbeddedServer

__all__ = ["ServerProcess", "serve"]

_ANNOUNCEMENT = "listening on "
_STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_REAP_TIMEOUT = 15.0  # more than a stop takes


def serve(
    host: str = "127.0.0.1",
    port: int = 8765,
    *,
    working_directory: str | os.PathLike[str] | None = None,
    ledger_path: str | os.PathLike[str] | None = None,
    processing_delay: float = 0.0,
    survive_interrupt: bool = False,
    announce: Callable[[str], object],
) -> None:
    """Run an embedded server until SIGINT or SIGTERM, then close every connection with 1001.

    Must be called on the main thread, the only one that can handle signals.

    Args:
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one.
        working_directory: the directory whose PDF files may be submitted; None for the current one.
        ledger_path: a file for the ledger, loaded and appended to; None keeps it in memory.
        processing_delay: seconds that an extraction or a tool call takes at least.
        survive_interrupt: True has SIGINT change nothing, so that SIGTERM alone ends it.
        announce: called with "listening on ws://HOST:PORT" once clients can connect.

    Raises:
        ValueError: not on the main thread, or a setting that `EmbeddedServer` refuses.
        OSError: it cannot listen there, or the ledger file, which the error then names, cannot be
            read or written.
    """
    server = EmbeddedServer(
        host,
        port,
        working_directory=working_directory,
        ledger_path=ledger_path,
        processing_delay=processing_delay,
    )
    enders = (signal.SIGTERM,) if survive_interrupt else _STOP_SIGNALS
    with _stop_signals() as wait, server:
        announce(_ANNOUNCEMENT + server.url)
        wait(enders)


@contextlib.contextmanager
def _stop_signals() -> Iterator[Callable[[Sequence[int]], None]]:
    """A function that waits for the first of some stop signals since the block began."""

    def wait(enders: Sequence[int]) -> None:
        while reader.recv(1)[0] not in enders:
            pass

    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        # The interpreter's own handler writes here at once. A Python handler runs when the main
        # thread is back in Python, which is never if it blocked just after the signal came.
        wakeup = signal.set_wakeup_fd(writer.fileno())
        handlers = {number: signal.signal(number, lambda *_: None) for number in _STOP_SIGNALS}
        try:
            yield wait
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(wakeup)


class ServerProcess:
    """An embedded server in a child process, to be killed and started again. One thread uses it.

    Args:
        port: the port to listen on; 0 takes a free one at the first start and keeps it.
        working_directory: the directory whose PDF files may be submitted; None for the current one.
        ledger_path: a file for the ledger, which outlives the process; None keeps it in memory.
        processing_delay: seconds that an extraction or a tool call takes at least.
        survive_interrupt: True keeps it running when Ctrl-C in the terminal, or the interrupt of a
            notebook, reaches this process and all its children; it must then be terminated.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        working_directory: str | os.PathLike[str] | None = None,
        ledger_path: str | os.PathLike[str] | None = None,
        processing_delay: float = 0.0,
        survive_interrupt: bool = False,
    ) -> None:
        self._port = port
        self._options = ["--processing-delay", str(processing_delay)]
        if working_directory is not None:
            self._options += ["--working-directory", os.fspath(working_directory)]
        if ledger_path is not None:
            self._options += ["--ledger", os.fspath(ledger_path)]
        if survive_interrupt:
            self._options.append("--survive-interrupt")
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, timeout: float = 10.0) -> None:
        """Start the process and wait until clients can connect.

        Args:
            timeout: seconds to wait at most.

        Raises:
            RuntimeError: it is running already, or it ended at once; what it had to say is on
                standard error.
            TimeoutError: it did not announce its address in time; it was killed.
        """
        if self._child is not None:
            raise RuntimeError(f"the server process is running already, with pid {self.pid}")
        command = [sys.executable, "-m", "mcp_sync.embedded", "--port", str(self._port)]
        child = subprocess.Popen(
            [*command, *self._options], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE
        )
        self._child = child
        assert child.stdout is not None  # stdout=PIPE
        # The child says one line: nobody needs to read, or drain, the pipe after it. It is closed
        # last, or a child that is about to be killed would complain of a broken pipe.
        with child.stdout as pipe:
            try:
                self._port = _read_port(pipe, Deadline(timeout))
            except EOFError:
                code = self._reap()
                raise RuntimeError(
                    f"the server process ended with exit code {code} before it listened on a port"
                ) from None
            except BaseException:  # whatever it was, no process may be left behind
                self.kill()
                raise

    def kill(self) -> None:
        """Kill the process (SIGKILL) and reap it; a no-op when it is not running."""
        if self._child is not None:
            self._child.kill()
            self._reap()

    def terminate(self, timeout: float = _REAP_TIMEOUT) -> int | None:
        """Ask the process to end (SIGTERM) and reap it; one that does not end in time is killed.

        Args:
            timeout: seconds that it has to end; more than the bound of a server's stop.

        Returns:
            The exit code, negative for a signal; None when it was not running.
        """
        if self._child is None:
            return None
        self._child.terminate()
        return self._reap(timeout)

    def restart(self, timeout: float = 10.0) -> None:
        """End the process if it is running, and start a new one on the same port.

        Args:
            timeout: seconds to wait at most for the new one.

        Raises:
            RuntimeError: the new process ended at once.
            TimeoutError: the new process did not announce its address in time.
        """
        self.terminate()
        self.start(timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.terminate()

    @property
    def port(self) -> int:
        """The port that it listens on, or will; 0 before the first start if none was given."""
        return self._port

    @property
    def url(self) -> str:
        """Where a client connects, for example "ws://127.0.0.1:8765"."""
        return f"ws://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The id of the process, or None when it is not running."""
        return None if self._child is None else self._child.pid

    def _reap(self, timeout: float = _REAP_TIMEOUT) -> int:
        """Wait for a process that is about to end; one that does not is killed."""
        assert self._child is not None
        try:
            code = self._child.wait(timeout)
        except subprocess.TimeoutExpired:
            self._child.kill()
            code = self._child.wait()
        self._child = None
        return code


def _read_port(pipe: IO[bytes], deadline: Deadline) -> int:
    """Wait for the announcement on a pipe.

    Raises:
        EOFError: the other end was closed before.
        TimeoutError: it did not come in time.
    """
    said = b""
    with selectors.DefaultSelector() as selector:
        selector.register(pipe, selectors.EVENT_READ)
        while b"\n" not in said:
            if not selector.select(deadline.remaining()):
                raise TimeoutError(
                    f"the server process did not say where it listens within {deadline.timeout} s"
                )
            chunk = os.read(pipe.fileno(), 4096)
            if not chunk:
                raise EOFError
            said += chunk
    return int(said.decode().rpartition(":")[2])
