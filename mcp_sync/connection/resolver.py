"""Name resolution that a deadline or an abort ends: ``getaddrinfo`` cannot be interrupted."""

from __future__ import annotations

import queue
import socket
from typing import Final

from ..deadline import Deadline
from .worker import start_worker

__all__ = ["LookUp", "resolve"]

_LONGEST_LABEL: Final = 63

_Rows = list[tuple[int, int, int, str, tuple[object, ...]]]


class LookUp:
    """One look-up of a host name. ``abort`` is for any thread, a signal handler included."""

    def __init__(self) -> None:
        # Of all queues, this one may be put to by a signal handler that interrupts a put.
        self._answers: queue.SimpleQueue[_Rows | OSError | None] = queue.SimpleQueue()

    def abort(self) -> None:
        """End the look-up that is under way, or else the one that comes."""
        self._answers.put(None)

    def resolve(self, host: str, port: int, deadline: Deadline) -> _Rows:
        """Resolve a host name in a worker that is abandoned at the deadline or an abort.

        Args:
            host: a name or a literal address.
            port: the port to put into each row.
            deadline: until when to wait.

        Returns:
            The rows of ``socket.getaddrinfo`` for stream sockets, in the system's order.

        Raises:
            OSError: the name does not resolve, ``abort`` was called, or there is no thread for it
                now.
            TimeoutError: the deadline was over first.
        """
        if deadline.is_over():
            raise TimeoutError(f"no time was left to resolve {host}")
        try:
            worker = start_worker("mcp-resolver", lambda: self._look_up(host, port))
        except RuntimeError as error:
            raise OSError(f"there is no thread to resolve {host}: {error}") from error
        try:
            answer = self._answers.get(timeout=deadline.remaining())
        except queue.Empty:
            raise TimeoutError(f"resolving {host} took longer than the deadline") from None
        if answer is None:
            raise OSError(f"resolving {host} was aborted")
        worker.join(deadline.remaining())
        if isinstance(answer, OSError):
            raise answer
        return answer

    def _look_up(self, host: str, port: int) -> None:
        try:
            rows = socket.getaddrinfo(_encoded(host), port, type=socket.SOCK_STREAM)
            self._answers.put(
                [(family, kind, number, name, at) for family, kind, number, name, at in rows]
            )
        except OSError as error:
            self._answers.put(error)
        except UnicodeError as error:
            # An impossible name.
            self._answers.put(OSError(f"not a host name: {error}"))


def _encoded(host: str) -> bytes:
    """The name as the idna codec would encode it, which takes a millisecond to load.

    Raises:
        UnicodeError: a label is empty or too long, or impossible in another way.
    """
    if not host.isascii():
        return host.encode("idna")
    name = host.encode("ascii")
    *labels, last = name.split(b".")
    if not all(labels) or any(len(label) > _LONGEST_LABEL for label in (*labels, last)):
        raise UnicodeError("a label is empty or too long")
    return name


def resolve(host: str, port: int, deadline: Deadline) -> _Rows:
    """Resolve a host name within a deadline; see ``LookUp.resolve``."""
    return LookUp().resolve(host, port, deadline)
