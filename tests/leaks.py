"""What a test left behind: threads, sockets and pipes, child processes.

A watch remembers what existed when it began, so what a fixture of a wider scope holds is
permitted by having been there first, and nothing else is.
"""

from __future__ import annotations

import contextlib
import gc
import os
import socket
import threading
from collections import Counter
from pathlib import Path

from mcp_sync.deadline import Deadline
from timing import MS

GRACE = 5000 * MS
"""For threads that were told to end and are about to; seconds, for all of them together."""

_KINDS = ("socket:", "pipe:", "anon_inode:[eventfd]", "anon_inode:[eventpoll]")


class Watch:
    """Everything of this process that a test must not leave behind, as it is now."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._descriptors = Counter(_descriptors().values())
        self._children = set(child_pids())

    def leaks(self) -> list[str]:
        """What has come since and is still there, one sentence each; empty when all is well."""
        threads = self._leaked_threads()
        if self._leaked_descriptors():
            # What is only waiting for the collector is no leak; a full collection costs too much
            # to be made after each test.
            gc.collect()
        return [*threads, *self._leaked_descriptors(), *self._leaked_children()]

    def _leaked_threads(self) -> list[str]:
        new = [thread for thread in threading.enumerate() if thread not in self._threads]
        deadline = Deadline(GRACE)
        for thread in new:
            # An interrupt inside ``start()`` leaves one behind that has not begun, or never will.
            with contextlib.suppress(RuntimeError):
                thread.join(deadline.remaining())
        return [f"thread {thread!r} is still running" for thread in new if thread.is_alive()]

    def _leaked_descriptors(self) -> list[str]:
        known = self._descriptors.copy()
        leaked = []
        for number, target in sorted(_descriptors().items()):
            if known[target]:
                known[target] -= 1
            else:
                leaked.append(f"file descriptor {number} is open: {_describe(number, target)}")
        return leaked

    def _leaked_children(self) -> list[str]:
        return [
            f"child process {pid} was not reaped: {_command(pid)}"
            for pid in child_pids()
            if pid not in self._children
        ]


def _descriptors() -> dict[int, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            target = str(entry.readlink())
        except FileNotFoundError:  # the descriptor of this very listing, or one closed since
            continue
        if target.startswith(_KINDS):
            found[int(entry.name)] = target
    return found


def _describe(number: int, target: str) -> str:
    if not target.startswith("socket:"):
        return target
    with socket.socket(fileno=os.dup(number)) as copy:
        try:
            peer = copy.getpeername()
        except OSError:
            peer = "nobody"
        return f"{target} {copy.family.name} {copy.getsockname()} to {peer}"


def child_pids() -> list[int]:
    """The processes that this one has started and not yet waited for."""
    found: list[int] = []
    for task in Path("/proc/self/task").iterdir():
        try:
            found += map(int, (task / "children").read_text().split())
        except (FileNotFoundError, ProcessLookupError):  # the thread has ended meanwhile
            continue
    return found


def _command(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except FileNotFoundError:
        return "gone meanwhile"
    # A process that has ended and waits to be reaped has no command line left.
    return b" ".join(words).decode(errors="replace").strip() or "ended, never waited for"
