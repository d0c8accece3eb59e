"""A TCP proxy on loopback that breaks links on command, so that tests need no luck and no sleep.

One thread moves all bytes. A command has taken effect when its call returns.
"""

from __future__ import annotations

import contextlib
import queue
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Self

import attrs

from ..connection.worker import start_worker
from ..transports.readiness import POLLIN, SelfPipe, make_poll, poll_timeout
from .fault_flows import BOTH, Bridge, Cut, Direction, How

__all__ = ["ConnectionCounts", "FaultProxy"]

DEFAULT_PATIENCE_S = 10.0


@attrs.frozen
class ConnectionCounts:
    """What one connection through the proxy has moved."""

    to_server: int
    """Bytes that were passed on to the server."""
    to_client: int
    """Bytes that were passed on to the client."""
    is_open: bool


class FaultProxy:
    """Passes TCP connections on, and breaks them when told. Use it as a context manager.

    Safe for any thread. Every command may be given at any time; each returns when it has taken
    effect, or raises TimeoutError.

    Args:
        target_host: where connections go.
        target_port: where connections go.
        patience: seconds that any single wait may take.
    """

    def __init__(
        self, target_host: str, target_port: int, patience: float = DEFAULT_PATIENCE_S
    ) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self._target = (target_host, target_port)
        self._patience = patience
        self._pipe = SelfPipe()
        self._commands: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._changed = threading.Condition()
        self._bridges: list[Bridge] = []
        self._listener: socket.socket | None = None
        self._is_accepting = True
        self._next_cut: Cut | None = None
        self._paused: frozenset[Direction] = frozenset()
        self._delay = 0.0
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        listener = socket.create_server((self.host, 0))
        listener.setblocking(False)
        self.port = listener.getsockname()[1]
        self._listener = listener
        self._pipe.open()
        self._thread = start_worker(f"fault-proxy-{self.port}", self._run)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End every connection and the proxy's thread; idempotent.

        Raises:
            TimeoutError: the thread did not end.
        """
        self._pipe.abort()
        if self._thread is not None:
            self._thread.join(self._patience)
            if self._thread.is_alive():
                raise TimeoutError("the fault proxy's thread did not end")
        self._pipe.close()

    def url(self, path: str = "/", scheme: str = "ws") -> str:
        """The URL of the proxy, to be dialed in place of the server's."""
        return f"{scheme}://{self.host}:{self.port}{path}"

    def cut(self, how: How = "fin", direction: Direction = "both", after_bytes: int = 0) -> None:
        """Break every connection that is open now.

        Args:
            how: ``"fin"`` ends the stream in order, ``"rst"`` with a TCP reset, ``"blackhole"``
                swallows every further byte and says nothing.
            direction: ``"to_server"``, ``"to_client"`` or ``"both"``: who gets to see it. A
                reset ends both directions of the side that sees it.
            after_bytes: how many more bytes to pass on in that direction first; for both
                directions, each counts on its own and the first to get there breaks both.
        """

        def apply() -> None:
            for bridge in self._bridges:
                bridge.cut(Cut(how, direction, after_bytes))

        self._command(apply)

    def cut_next(
        self, how: How = "fin", direction: Direction = "both", after_bytes: int = 0
    ) -> None:
        """Break the next connection that is made, once; the arguments are those of ``cut``."""

        def apply() -> None:
            self._next_cut = Cut(how, direction, after_bytes)

        self._command(apply)

    def pause(self, direction: Direction = "both") -> None:
        """Stop passing bytes on, without losing any; connections stay open."""

        def apply() -> None:
            self._paused |= BOTH if direction == "both" else {direction}

        self._command(apply)

    def resume(self) -> None:
        """Pass on again what ``pause`` held back."""

        def apply() -> None:
            self._paused = frozenset()

        self._command(apply)

    def delay(self, seconds: float) -> None:
        """Pass on every further byte so much later, in both directions; 0 ends it."""

        def apply() -> None:
            self._delay = seconds

        self._command(apply)

    def refuse(self) -> None:
        """Refuse new connections; the port stays the proxy's."""

        def apply() -> None:
            if self._is_accepting:
                self._is_accepting = False
                self._rebind()

        self._command(apply)

    def accept(self) -> None:
        """Accept new connections again."""

        def apply() -> None:
            if not self._is_accepting and self._listener is not None:
                self._is_accepting = True
                self._listener.listen()

        self._command(apply)

    @property
    def connections(self) -> tuple[ConnectionCounts, ...]:
        """What each connection has moved, in the order they were made."""
        with self._changed:
            return tuple(
                ConnectionCounts(bridge.to_server.passed, bridge.to_client.passed, bridge.is_open)
                for bridge in tuple(self._bridges)
            )

    @property
    def bytes_to_server(self) -> int:
        """Bytes passed on to the server, over all connections."""
        return sum(counts.to_server for counts in self.connections)

    @property
    def bytes_to_client(self) -> int:
        """Bytes passed on to the client, over all connections."""
        return sum(counts.to_client for counts in self.connections)

    def wait_until(
        self, is_true: Callable[[FaultProxy], bool], timeout: float = DEFAULT_PATIENCE_S
    ) -> None:
        """Wait until something holds of the counts.

        Args:
            is_true: asked again after every change, with the proxy.
            timeout: seconds.

        Raises:
            TimeoutError: it did not come to hold.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: is_true(self), timeout):
                raise TimeoutError(f"the proxy did not get there; it has {self.connections}")

    def _command(self, apply: Callable[[], None]) -> None:
        if self._thread is None or self._pipe.aborted:
            raise RuntimeError("the fault proxy is not open")
        done: Future[None] = Future()

        def run() -> None:
            try:
                apply()
                done.set_result(None)
            except OSError as error:
                done.set_exception(error)

        self._commands.put(run)
        self._pipe.wake()
        done.result(self._patience)

    def _rebind(self) -> None:
        """Bind the port without listening: the system then refuses connections to it."""
        # Who has connected before the command is in; closing the listener would reset them.
        self._accept_all()
        if self._listener is not None:
            self._listener.close()
        self._listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._listener.setblocking(False)
        self._listener.bind((self.host, self.port))

    def _run(self) -> None:
        try:
            while not self._pipe.aborted:
                self._step()
        finally:
            for bridge in self._bridges:
                bridge.close()
            if self._listener is not None:
                self._listener.close()

    def _step(self) -> None:
        """Wait for something to do, and do all of it."""
        poll = make_poll()
        poll.register(self._pipe.fileno(), POLLIN)
        if self._is_accepting and self._listener is not None:
            poll.register(self._listener.fileno(), POLLIN)
        wakes_at = None
        now = time.monotonic()
        for bridge in self._bridges:
            for fd, events in bridge.interest(self._paused, now):
                poll.register(fd, events)
            due = bridge.next_due(self._paused, now)
            wakes_at = due if wakes_at is None or (due is not None and due < wakes_at) else wakes_at
        remaining = None if wakes_at is None else max(0.0, wakes_at - now)
        ready = dict(poll.poll(poll_timeout(remaining)))
        self._pipe.take_wake()
        with contextlib.suppress(queue.Empty):
            while True:
                self._commands.get_nowait()()
        if self._is_accepting:
            self._accept_all()
        now = time.monotonic()
        # Nothing in here waits. Who has received a byte finds it counted.
        with self._changed:
            for bridge in self._bridges:
                bridge.move(ready, self._paused, now, self._delay)
            self._changed.notify_all()

    def _accept_all(self) -> None:
        """Accept whoever has connected."""
        while self._listener is not None:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return  # Nobody is there any more.
            self._begin(client)

    def _begin(self, client: socket.socket) -> None:
        bridge = Bridge(client, self._target)
        self._bridges.append(bridge)
        if self._next_cut is not None:
            bridge.cut(self._next_cut)
            self._next_cut = None
