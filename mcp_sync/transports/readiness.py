"""Waiting for a descriptor: poll, and the self-pipe that ends a wait from another thread.

Knows descriptors, locks and deadlines; nothing of TLS or WebSocket.
"""

from __future__ import annotations

import contextlib
import select
import selectors
import socket
import threading
from typing import Protocol

from ..deadline import Deadline

__all__ = [
    "NO_SIGNAL",
    "Poll",
    "SelectorPoll",
    "SelfPipe",
    "acquire_within",
    "make_poll",
    "poll_timeout",
]

POLLIN: int = getattr(select, "POLLIN", 1)
POLLOUT: int = getattr(select, "POLLOUT", 4)

NO_SIGNAL: int = getattr(socket, "MSG_NOSIGNAL", 0)
"""For send(2): a script that restores SIGPIPE's default must not die of a lost link."""

LONGEST_POLL_S = 86_400.0
DRAIN_SIZE = 512


class Poll(Protocol):
    """What is used of ``select.poll``. One thread at a time may use an instance."""

    def register(self, fd: int, eventmask: int, /) -> object:
        """Watch a descriptor for these events, instead of those it was watched for."""

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait at most so many milliseconds; return the descriptors that are ready."""


class SelectorPoll:
    """``Poll`` for systems without poll(2); it needs no descriptor of its own."""

    def __init__(self) -> None:
        self._selector = selectors.SelectSelector()

    def register(self, fd: int, eventmask: int, /) -> None:
        """Watch a descriptor, or change what it is watched for."""
        events = selectors.EVENT_READ if eventmask & POLLIN else 0
        events |= selectors.EVENT_WRITE if eventmask & POLLOUT else 0
        with contextlib.suppress(KeyError):
            self._selector.unregister(fd)
        self._selector.register(fd, events)

    def poll(self, timeout: float | None = None, /) -> list[tuple[int, int]]:
        """Wait at most so many milliseconds; None waits until a descriptor is ready."""
        ready = self._selector.select(None if timeout is None else timeout / 1000)
        return [(key.fd, _poll_events(events)) for key, events in ready]


def _poll_events(events: int) -> int:
    readable = POLLIN if events & selectors.EVENT_READ else 0
    return readable | (POLLOUT if events & selectors.EVENT_WRITE else 0)


def make_poll() -> Poll:
    """A poll object of the best kind that this system has."""
    return select.poll() if hasattr(select, "poll") else SelectorPoll()


def poll_timeout(remaining: float | None) -> float | None:
    """Seconds left as poll's milliseconds, cut to a day so that no C integer overflows."""
    return None if remaining is None else min(remaining, LONGEST_POLL_S) * 1000


def acquire_within(lock: threading.RLock, deadline: Deadline | None) -> bool:
    """Take a lock, waiting until the deadline; None waits as long as it takes."""
    remaining = None if deadline is None else deadline.remaining()
    return lock.acquire(True, -1 if remaining is None else min(remaining, threading.TIMEOUT_MAX))


class SelfPipe:
    """Ends a poll from another thread: a socket pair whose one end is polled with the socket.

    ``wake`` and ``abort`` may be called by any thread and from a signal handler, before ``open``
    and after ``close`` too; the flags outlive the descriptors.
    """

    def __init__(self) -> None:
        self.woken = False
        self.was_taken = False
        """Whether somebody took a wake that somebody else may have waited for, too."""
        self.aborted = False
        # Re-entrant, because a signal handler may abort while its own thread is in here.
        self._lock = threading.RLock()
        self._pair: tuple[socket.socket, socket.socket] | None = None

    def open(self) -> None:
        """Make the descriptors."""
        reader, writer = socket.socketpair()
        reader.setblocking(False)
        writer.setblocking(False)
        self._pair = reader, writer

    def fileno(self) -> int:
        """The descriptor to poll for reading; -1 while there is none."""
        pair = self._pair
        return -1 if pair is None else pair[0].fileno()

    def wake(self) -> None:
        """Set ``woken`` and end the poll that is under way, or else the next one."""
        if not self.woken:
            self.woken = True
            self._notify()

    def abort(self) -> None:
        """Set ``aborted`` for good and end the poll that is under way."""
        self.aborted = True
        self._notify()

    def take_wake(self) -> bool:
        """Whether ``wake`` was called since the last time; forgets it."""
        self.drain()
        woken, self.woken = self.woken, False
        self.was_taken |= woken
        return woken

    def drain(self) -> None:
        """Read away what was written to end a poll; keeps the flags."""
        pair = self._pair
        if pair is not None:
            with contextlib.suppress(BlockingIOError):
                while len(pair[0].recv(DRAIN_SIZE)) == DRAIN_SIZE:
                    pass

    def forget(self) -> None:
        """Close the descriptors in a forked child, where nobody may be left to free the lock."""
        pair, self._pair = self._pair, None
        if pair is not None:
            pair[0].close()
            pair[1].close()

    def close(self) -> None:
        """Close the descriptors; idempotent."""
        with self._lock:
            pair, self._pair = self._pair, None
            if pair is not None:
                pair[0].close()
                pair[1].close()

    def _notify(self) -> None:
        with self._lock:
            if self._pair is not None:
                # A full pipe is a pipe that will end the poll.
                with contextlib.suppress(BlockingIOError):
                    self._pair[1].send(b"\0")
