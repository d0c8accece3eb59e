"""Name resolution that a deadline can end: ``getaddrinfo`` itself cannot be interrupted."""

from __future__ import annotations

import queue
import socket

from ..deadline import Deadline
from .worker import start_worker

__all__ = ["resolve"]

_Rows = list[tuple[int, int, int, str, tuple[object, ...]]]


def resolve(host: str, port: int, deadline: Deadline) -> _Rows:
    """Resolve a host name in a worker that is abandoned when the deadline is over.

    Args:
        host: a name or a literal address.
        port: the port to put into each row.
        deadline: until when to wait.

    Returns:
        The rows of ``socket.getaddrinfo`` for stream sockets, in the system's order.

    Raises:
        OSError: the name does not resolve.
        TimeoutError: the deadline was over first.
    """
    if deadline.is_over():
        raise TimeoutError(f"no time was left to resolve {host}")
    answers: queue.SimpleQueue[_Rows | OSError] = queue.SimpleQueue()

    def look_up() -> None:
        try:
            rows = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(
                [(family, kind, number, name, at) for family, kind, number, name, at in rows]
            )
        except OSError as error:
            answers.put(error)
        except UnicodeError as error:
            # The idna codec raises this for an impossible name, such as a label over 63 bytes.
            answers.put(OSError(f"not a host name: {error}"))

    worker = start_worker("mcp-resolver", look_up)
    try:
        answer = answers.get(timeout=deadline.remaining())
    except queue.Empty:
        raise TimeoutError(f"resolving {host} took longer than the deadline") from None
    worker.join(deadline.remaining())
    if isinstance(answer, OSError):
        raise answer
    return answer
