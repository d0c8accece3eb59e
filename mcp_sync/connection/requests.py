"""What the server asks of the client, answered by a small pool so that the reader never waits."""

from __future__ import annotations

import collections
import logging
import threading
from typing import Final

from ..protocol.dialect import METHOD_NOT_FOUND
from ..protocol.messages import Request, encode_error, encode_result
from .link import Link
from .worker import start_worker

__all__ = ["ServerRequests"]

_log: Final = logging.getLogger("mcp_sync.connection")

_THREADS: Final = 4

_WAITING: Final = 256

_IDLE_SECONDS: Final = 5.0


class ServerRequests:
    """A bounded pool of ``mcp-request-N`` threads, started as needed. Safe for any thread."""

    def __init__(self) -> None:
        self._ready = threading.Condition()
        self._waiting: collections.deque[tuple[Link, Request]] = collections.deque()
        self._idle = 0
        self._names: set[int] = set()
        self._closed = False

    def put(self, link: Link, request: Request) -> bool:
        """Have a request answered; False when too many wait already. Never blocks for long."""
        with self._ready:
            if len(self._waiting) >= _WAITING:
                return False
            self._closed = False
            self._waiting.append((link, request))
            free = [number for number in range(1, _THREADS + 1) if number not in self._names]
            if self._idle >= len(self._waiting) or not free:
                self._ready.notify()
                return True
            self._names.add(free[0])
        start_worker(f"mcp-request-{free[0]}", lambda: self._work(free[0]))
        return True

    def stop(self) -> None:
        """Drop what waits and let the threads end."""
        with self._ready:
            self._closed = True
            self._waiting.clear()
            self._ready.notify_all()

    def _work(self, number: int) -> None:
        while True:
            with self._ready:
                self._idle += 1
                self._ready.wait_for(lambda: self._waiting or self._closed, _IDLE_SECONDS)
                self._idle -= 1
                if not self._waiting:
                    self._names.discard(number)
                    return
                link, request = self._waiting.popleft()
            _answer(link, request)


def _answer(link: Link, request: Request) -> None:
    result = link.dialect.answer(request)
    if result is None:
        refusal = f"this client offers no {request.method}"
        text = encode_error(request.id, METHOD_NOT_FOUND, refusal)
    else:
        text = encode_result(request.id, result)
    if not link.transport.post(text):
        _log.debug("could not answer the server's %s", request.method)
