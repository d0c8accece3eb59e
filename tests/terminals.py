"""Commands as processes, and terminals with one in them."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
import termios
from types import TracebackType
from typing import Self

from mcp_sync.deadline import Deadline
from timing import MS

COMMAND = [sys.executable, "-m", "mcp_sync"]

_TAKE_IT = "fcntl.ioctl(1, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"

TAKE_CONTROL = [sys.executable, "-c", f"import fcntl, os, sys, termios; {_TAKE_IT}"]
"""Before a command: it is told when its terminal goes away."""

PATIENCE = 20_000 * MS
"""A process takes a while to start on a busy machine."""


def without_settings() -> dict[str, str]:
    """The environment of a command: none of our variables, and a terminal of a known size."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MCP_SYNC_")}
    return {**kept, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30"}


class Terminal:
    """A terminal with a command in it, as somebody in front of it has them. A context manager.

    Args:
        arguments: those of ``mcp-sync``.
        term: what kind of terminal it is.
        has_keyboard: False has the command read nothing there.
        is_controlling: True has the kernel send SIGHUP when the terminal goes away.
    """

    def __init__(
        self,
        *arguments: str,
        term: str = "xterm-256color",
        has_keyboard: bool = True,
        is_controlling: bool = False,
    ) -> None:
        self.master, slave = pty.openpty()
        self.before = termios.tcgetattr(slave)
        self.seen = b""
        self.child = subprocess.Popen(
            [*(TAKE_CONTROL if is_controlling else []), *COMMAND, *arguments],
            stdin=slave if has_keyboard else subprocess.DEVNULL,
            stdout=slave,
            stderr=subprocess.PIPE,
            env={**without_settings(), "TERM": term},
            start_new_session=True,
        )
        self.slave = slave

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.child.kill()
        self.child.communicate()
        os.close(self.slave)
        if self.master >= 0:
            os.close(self.master)

    def wait_for(self, text: bytes) -> None:
        """Read until a text was shown."""
        deadline = Deadline(PATIENCE)
        while text not in self.seen:
            assert select.select([self.master], [], [], deadline.remaining())[0], self.seen
            self.seen += os.read(self.master, 65536)

    def type(self, keys: bytes) -> None:
        """Type."""
        os.write(self.master, keys)

    def go_away(self) -> None:
        """Let the terminal go away, as when a window is closed."""
        os.close(self.master)
        self.master = -1

    def end(self) -> tuple[int, bytes]:
        """The exit code and what was complained of; a terminal that nobody reads would block it."""
        deadline = Deadline(PATIENCE)
        while self.master >= 0 and self.child.poll() is None and not deadline.is_over():
            if select.select([self.master], [], [], 50 * MS)[0]:
                self.seen += os.read(self.master, 65536)
        while self.master >= 0 and select.select([self.master], [], [], 0)[0]:
            self.seen += os.read(self.master, 65536)
        _, complaints = self.child.communicate(timeout=max(1.0, deadline.remaining() or 0.0))
        return self.child.returncode, complaints
