"""The process of a stdio server: started without a shell, watched, ended with all of its group.

Knows processes and signals; nothing of messages.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final, cast

from ..command import name_of
from ..deadline import Deadline
from ..errors import MCPConnectionError, MCPConnectionRejected
from .dial import describe_os_error
from .readiness import POLLIN, make_poll, poll_timeout
from .stderr_pump import StderrPump

__all__ = ["GRACE_S", "Child", "ThreadStarter", "make_environment"]

_log: Final = logging.getLogger("mcp_sync.stdio")

ThreadStarter = Callable[[str, Callable[[], object]], threading.Thread]
"""Starts a named daemon thread that runs a function."""

INHERITED = ("HOME", "LOGNAME", "PATH", "SHELL", "TERM", "USER")

GRACE_S = 2.0
"""For a child to end after its input was closed, and once more after SIGTERM."""

KILLED_S = 1.0
"""For a process to be gone after SIGKILL; one in an uninterruptible call of the kernel is not."""

LOOK_S = 0.05
"""Between two looks at a process on a system that cannot tell of its end."""

STDERR_S = 0.25
"""For what a child has written to stderr to be read after its end."""

DISCARD_SIZE = 65_536

_PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY})
"""Why a process may not be started now, and be started later."""


def make_environment(variables: Mapping[str, str] | None) -> dict[str, str]:
    """The whole environment of a child: the little that any program needs, and what was given.

    Args:
        variables: what was given; it wins.

    Returns:
        Names and values. Functions that a shell exported (values that begin with "()") are left
        out, as the official SDK does.
    """
    inherited = {name: os.environ[name] for name in INHERITED if name in os.environ}
    kept = {name: text for name, text in inherited.items() if not text.startswith("()")}
    return {**kept, **(variables or {})}


class Child:
    """One process and those it starts in its group. ``start`` and ``end`` are one thread's.

    Args:
        command: the words of the command.
        variables: added to the environment; never shown.
        directory: where it runs; None for this process's own.
    """

    def __init__(
        self, command: tuple[str, ...], variables: Mapping[str, str] | None, directory: str | None
    ) -> None:
        self._command = command
        self._variables = variables
        self._directory = directory
        self.name = name_of(command)
        self.exit_fd: int | None = None
        """Readable once the process has ended; None where the system has no such thing."""
        self._process: subprocess.Popen[bytes] | None = None
        self._pump: StderrPump | None = None
        self._pump_thread: threading.Thread | None = None
        # Held where a signal is sent and where the process is reaped: afterwards its number may
        # be another's. Re-entrant, because a signal handler may kill while its thread is in here.
        self._lock = threading.RLock()
        self._is_reaped = False
        self._how: str | None = None
        """How the process ended, as a verb; None while it is not known to have ended."""

    @property
    def pid(self) -> int:
        """The process's number, which is its group's, too; 0 before ``start``."""
        return 0 if self._process is None else self._process.pid

    def start(self, start_thread: ThreadStarter) -> tuple[io.FileIO, io.FileIO]:
        """Start the process and the thread that reads its stderr.

        Returns:
            The file to write its input to and the one to read its output from; the caller's.

        Raises:
            MCPConnectionRejected: there is no such command or directory, or it cannot be run.
            MCPConnectionError: it could not be started now; that may pass.
        """
        self._check_directory()
        process = self._process = self._popen()
        # They are files without a buffer, since Popen was told so.
        stdin, stdout, stderr = (
            cast(io.FileIO, file) for file in (process.stdin, process.stdout, process.stderr)
        )
        try:
            self.exit_fd = _open_pidfd(process.pid)
            self._pump = StderrPump(stderr, self.name)
            self._pump_thread = start_thread("mcp-stderr", self._pump.run)
        except BaseException as error:  # whatever it was, nothing may be left running
            for file in (stdin, stdout, stderr):
                file.close()
            self.kill()
            self.end(Deadline(KILLED_S), None)
            if isinstance(error, OSError | RuntimeError):
                raise MCPConnectionError(f"could not watch {self.name}: {error}") from error
            raise
        return stdin, stdout

    def _check_directory(self) -> None:
        directory = self._directory
        if directory is not None and not Path(directory).is_dir():
            raise MCPConnectionRejected(
                f"could not start {self.name}: its working directory {directory!r} is no "
                "directory; check cwd"
            )

    def _popen(self) -> subprocess.Popen[bytes]:
        try:
            return subprocess.Popen(
                list(self._command),
                bufsize=0,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self._directory,
                env=make_environment(self._variables),
                start_new_session=True,
            )
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MCPConnectionRejected(
                f"there is no command {self._command[0]!r}, or no interpreter for it; install it, "
                "give its full path, or set PATH in env"
            ) from error
        except PermissionError as error:
            raise MCPConnectionRejected(
                f"the command {self._command[0]!r} may not be run; make its file executable, or "
                "name its interpreter as the command"
            ) from error
        except OSError as error:
            reason = f"could not start {self._command[0]!r}: {describe_os_error(error)}"
            if error.errno in _PASSING:
                raise MCPConnectionError(reason) from error
            raise MCPConnectionRejected(f"{reason}; check the command") from error

    # How it is

    def has_ended(self) -> bool:
        """Whether the process has ended; it is not reaped by this."""
        return self._look() is not None

    def ends_within(self, deadline: Deadline, drain_fd: int | None = None) -> bool:
        """Wait for the end of the process.

        Args:
            deadline: until when.
            drain_fd: its output, not blocking, which is read away meanwhile: a child that cannot
                write may not come to see that its input has ended.

        Returns:
            Whether it has ended.
        """
        exit_fd = self.exit_fd
        while not self.has_ended():
            remaining = deadline.remaining()
            if remaining == 0:
                return False
            poll = make_poll()
            for descriptor in (exit_fd, drain_fd):
                if descriptor is not None:
                    poll.register(descriptor, POLLIN)
            if exit_fd is None:
                remaining = LOOK_S if remaining is None else min(remaining, LOOK_S)
            ready = poll.poll(poll_timeout(remaining))
            if drain_fd is not None and any(one == drain_fd for one, _ in ready):
                drain_fd = drain_fd if _discard(drain_fd) else None
        return True

    def obituary(self, what_happened: str) -> str:
        """Say how the process ended, and what it said last; waits a moment for both.

        Args:
            what_happened: what was noticed of it, in case that it lives.

        Returns:
            A phrase of one line.
        """
        if not self.ends_within(Deadline(STDERR_S)):
            return f"the server process {self.name} lives, but {what_happened}"
        words = ""
        if self._pump is not None:
            self._pump.ended.wait(STDERR_S)
            words = self._pump.last_words()
        said = f"its last lines on stderr: {words}" if words else "it wrote nothing to stderr"
        return f"the server process {self.name} {self._how}; {said}"

    def _look(self) -> str | None:
        """How the process ended, as a verb; None while it lives."""
        with self._lock:
            if self._how is not None:
                return self._how
            try:
                found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            except ChildProcessError:
                # The program ignores SIGCHLD, or waits for all its children itself.
                self._is_reaped = True
                self._how = "ended"
                return self._how
            self._how = None if found is None else _describe(found)
            return self._how

    # How it ends

    def kill(self) -> None:
        """Send SIGKILL to the whole group; never blocks."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        with self._lock:
            self._look()
            if self._is_reaped:
                return  # Its number may be another's by now.
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, number)

    def end(self, grace: Deadline, drain_fd: int | None) -> None:
        """See the process off, whose input is closed: wait, SIGTERM, wait, SIGKILL, reap.

        Whoever it left behind in its group is killed, since nobody else would end it.

        Args:
            grace: until when it may end by itself.
            drain_fd: its output, which is read away meanwhile; None where nobody reads it.
        """
        if not self.ends_within(grace, drain_fd):
            self._signal(signal.SIGTERM)
            if not self.ends_within(Deadline(GRACE_S), drain_fd):
                self.kill()
                self.ends_within(Deadline(KILLED_S), drain_fd)
        self._reap()
        self._end_pump()
        if self.exit_fd is not None:
            os.close(self.exit_fd)
            self.exit_fd = None

    def _reap(self) -> None:
        process = self._process
        with self._lock:
            if process is None or self._look() is None:
                _log.warning("%s (process %d) does not even end by SIGKILL", self.name, self.pid)
                return
            self.kill()
            self._is_reaped = True
            process.wait()  # Also where it was reaped by others, or a warning would come of it.

    def _end_pump(self) -> None:
        pump, thread = self._pump, self._pump_thread
        if pump is None:
            return
        if thread is None:
            pump.close()
            return
        pump.ended.wait(STDERR_S)
        pump.stop()
        thread.join(KILLED_S)

    def forget(self) -> None:
        """Close the descriptors in a forked child, and leave the process alone."""
        if self._pump is not None:
            self._pump.forget()
        if self.exit_fd is not None:
            os.close(self.exit_fd)
            self.exit_fd = None
        if self._process is not None:
            # Or the collector would look after a process that is not this one's child.
            self._process.returncode = 0


def _describe(found: os.waitid_result) -> str:
    if found.si_code == os.CLD_EXITED:
        return f"ended with exit status {found.si_status}"
    try:
        return f"was killed by {signal.Signals(found.si_status).name}"
    except ValueError:  # a real-time signal has no name
        return f"was killed by signal {found.si_status}"


def _open_pidfd(pid: int) -> int | None:
    """A descriptor that tells of the process's end (Linux 5.3 and later)."""
    try:
        return os.pidfd_open(pid)
    except (AttributeError, OSError):
        return None


def _discard(descriptor: int) -> bool:
    """Read away what is there; False at the end of the file."""
    try:
        return bool(os.read(descriptor, DISCARD_SIZE))
    except BlockingIOError:
        return True
    except OSError:
        return False
