"""What the server asks of the client, answered by a small pool so that the reader never waits."""

from __future__ import annotations

import collections
import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, Final

from ..deadline import Deadline
from ..errors import MCPResponseError
from ..protocol.dialect import INTERNAL_ERROR, METHOD_NOT_FOUND
from ..protocol.messages import Request, RequestId, encode_error, encode_result
from ..transports.base import LinkDown, WriteTimeout
from .link import Link
from .log_facts import GuardedLog
from .worker import start_worker

__all__ = ["Handler", "ServerRequests"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

Handler = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Takes the params of a server's request and returns the result, or raises MCPResponseError to
refuse; both as they are on the wire."""

_THREADS: Final = 4
"""How many handlers run at a time, besides those that wait for a call of their own."""

_MOST_THREADS: Final = 16
"""How many threads there are at the most, waiting or not."""

_WAITING: Final = 256

_IDLE_SECONDS: Final = 5.0

_WRITE_SECONDS: Final = 30.0


class ServerRequests:
    """A bounded pool of ``mcp-request-N`` threads, started as needed. Safe for any thread.

    A handler may call, and the server may ask again before it answers that: so whoever waits for
    a call of its own lets another thread work meanwhile, within a bound.

    Args:
        report_down: is told of a link that ended while an answer was written.
    """

    def __init__(self, report_down: Callable[[Link, LinkDown], None]) -> None:
        self._report_down = report_down
        self.handlers: Mapping[str, Handler] = {}
        """Who answers what, by method; replaced as a whole."""
        self._ready = threading.Condition()
        self._waiting: collections.deque[Callable[[], None]] = collections.deque()
        self._under_way: set[tuple[int, RequestId]] = set()
        """The server's requests that it has not withdrawn, by generation and id."""
        self._idle = 0
        self._waiting_for_calls = 0
        self._names: set[int] = set()
        self.threads: set[int] = set()
        """The threads of the pool, as ``threading.get_ident`` tells them apart."""
        self._closed = False

    def put(self, link: Link, request: Request) -> bool:
        """Have a request answered; False when too many wait already. Never blocks for long."""
        key = link.generation, request.id
        with self._ready:
            self._under_way.add(key)
        accepted = self.run(partial(self._answer, link, request))
        if not accepted:
            self.withdraw(*key)
        return accepted

    def withdraw(self, generation: int, request_id: RequestId) -> None:
        """The server wants no answer to a request any more."""
        with self._ready:
            self._under_way.discard((generation, request_id))

    def run(self, task: Callable[[], None]) -> bool:
        """Have a task run by the pool.

        Returns:
            False when too many wait already, there is no thread to be had, or after ``stop``.
        """
        with self._ready:
            if self._closed or len(self._waiting) >= _WAITING:
                return False
            self._waiting.append(task)
            number = self._claim_number()
            if number is None:
                self._ready.notify()
                return True
        try:
            self._start(number)
        except RuntimeError as error:
            _log.warning("there is no thread to see to a request of the server: %s", error)
            return self._take_back(task)
        return True

    def _take_back(self, task: Callable[[], None]) -> bool:
        """Forget a task that no thread was started for; True where another thread has it."""
        with self._ready:
            if task not in self._waiting:
                return not self._closed
            self._waiting.remove(task)
            return False

    def _claim_number(self) -> int | None:
        """Allot the number of one more thread; None when none is wanted or allowed."""
        count = len(self._names)
        is_full = count - self._waiting_for_calls >= _THREADS or count >= _MOST_THREADS
        if self._idle >= len(self._waiting) or is_full:
            return None
        number = min(set(range(1, _MOST_THREADS + 1)) - self._names)
        self._names.add(number)
        return number

    def _start(self, number: int) -> None:
        try:
            start_worker(f"mcp-request-{number}", lambda: self._work(number))
        except RuntimeError:
            with self._ready:
                self._names.discard(number)
            raise

    @contextlib.contextmanager
    def waiting_for_call(self) -> Iterator[None]:
        """Let another thread work while a handler, in this one, waits for a call of its own."""
        with self._ready:
            self._waiting_for_calls += 1
            number = self._claim_number()
        try:
            if number is not None:
                # Where no more threads are to be had, those that are there have to do.
                with contextlib.suppress(RuntimeError):
                    self._start(number)
            yield
        finally:
            with self._ready:
                self._waiting_for_calls -= 1

    def open(self) -> None:
        """Take tasks again after ``stop``."""
        with self._ready:
            self._closed = False

    def stop(self) -> None:
        """Drop what waits and let the threads end."""
        with self._ready:
            self._closed = True
            self._waiting.clear()
            self._under_way.clear()
            self._ready.notify_all()

    def _work(self, number: int) -> None:
        self.threads.add(threading.get_ident())
        try:
            while (task := self._next_task(number)) is not None:
                self._do(task)
        finally:
            self.threads.discard(threading.get_ident())

    @staticmethod
    def _do(task: Callable[[], None]) -> None:
        try:
            task()
        except Exception:  # noqa: BLE001 - a fault of ours must not take the thread away
            _log.exception("could not see to a request of the server")

    def _next_task(self, number: int) -> Callable[[], None] | None:
        """Wait for something to do; None, and the number is free, when this thread is to end."""
        with self._ready:
            is_one_too_many = len(self._names) - self._waiting_for_calls > _THREADS
            if not is_one_too_many:
                self._idle += 1
                self._ready.wait_for(lambda: self._waiting or self._closed, _IDLE_SECONDS)
                self._idle -= 1
            if is_one_too_many or not self._waiting:
                self._names.discard(number)
                return None
            return self._waiting.popleft()

    def _answer(self, link: Link, request: Request) -> None:
        text = self._outcome(request)
        key = link.generation, request.id
        with self._ready:
            is_wanted = key in self._under_way
            self._under_way.discard(key)
        if not is_wanted or link.loss is not None:
            return
        try:
            link.transport.send(text, Deadline(_WRITE_SECONDS))
        except WriteTimeout:
            text = "could not answer the server's %s: it reads nothing"
            _log.warning(text, request.method, extra={"method": request.method})
        except LinkDown as down:
            self._report_down(link, down)

    def _outcome(self, request: Request) -> str:
        handler = self.handlers.get(request.method)
        if handler is None:
            refusal = f"this client offers no {request.method}"
            return encode_error(request.id, METHOD_NOT_FOUND, refusal)
        try:
            return encode_result(request.id, handler(request.params))
        except MCPResponseError as refusal:
            return encode_error(request.id, refusal.code, refusal.error_message, refusal.data)
        except (Exception, SystemExit):  # noqa: BLE001 - whatever it raised, the server must know
            extra = {"method": request.method}
            _log.exception("the handler of %s failed", request.method, extra=extra)
            sentence = f"the client's handler of {request.method} failed"
            return encode_error(request.id, INTERNAL_ERROR, sentence)
