"""What the scenarios share: a diary of events, what a peer says, what the ledger says."""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from mcp_sync import EVENT_NAMES, BaseClient, ConnectionEvent
from mcp_sync.connection.worker import DECISION_THREAD
from mcp_sync.deadline import Deadline
from mcp_sync.testing import WebSocketConnection
from timing import MS

PATIENCE = 5000 * MS
"""The bound of every wait for something that is to happen."""

ABSENCE = 250 * MS
"""How long is waited for something that must not happen: many times what it would take."""

FAST = {"reconnect_delay": 10 * MS, "max_reconnect_delay": 40 * MS}

PINNED: dict[str, Any] = {**FAST, "protocol_version": "2025-11-25"}
"""The same for a client that speaks the handshake era unasked: its first message initializes."""


HEALTH = ("degraded", "recovered")
"""The names of the events about health."""


class Diary:
    """Writes down every connection event of a client, in the order of their delivery.

    Args:
        client: whose events; it is to be watched before it connects.
    """

    def __init__(self, client: BaseClient) -> None:
        self._changed = threading.Condition()
        self._events: list[ConnectionEvent] = []
        for name in EVENT_NAMES:
            client.on(name, self._write)

    def _write(self, event: ConnectionEvent) -> None:
        with self._changed:
            self._events.append(event)
            self._changed.notify_all()

    def events(self, name: str | None = None) -> list[ConnectionEvent]:
        """All so far, or those of one name."""
        with self._changed:
            return [event for event in self._events if name in (None, event.name)]

    def names(self) -> list[str]:
        """The names of all so far but those about health, which come at times of their own."""
        return [event.name for event in self.events() if event.name not in HEALTH]

    def wait_for(self, name: str, count: int = 1) -> ConnectionEvent:
        """Wait until there are so many of a name, and give the last of them."""
        with self._changed:
            there = self._changed.wait_for(
                lambda: sum(event.name == name for event in self._events) >= count, PATIENCE
            )
        assert there, f"no {name} number {count} in {self.names()}"
        return self.events(name)[count - 1]


class Inbox:
    """Collects whatever a handler is called with, and waits for it."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._items: list[Any] = []

    def __call__(self, item: Any) -> None:
        with self._changed:
            self._items.append(item)
            self._changed.notify_all()

    def __len__(self) -> int:
        return len(self._items)

    def items(self) -> list[Any]:
        """All so far."""
        with self._changed:
            return list(self._items)

    def wait_for(self, condition: Callable[[list[Any]], bool], timeout: float = PATIENCE) -> bool:
        """Wait until a condition on all items holds; whether it does."""
        with self._changed:
            return self._changed.wait_for(lambda: condition(self._items), timeout)


def until(condition: Callable[[], bool]) -> None:
    """Wait for what nobody announces, by looking again and again."""
    deadline = Deadline(PATIENCE)
    while not condition():
        assert not deadline.is_over()
        threading.Event().wait(1 * MS)  # so that those who are waited for get the processor


def own_threads() -> list[str]:
    """The names of the package's threads that run, in order.

    One whose start was interrupted, in another test, never runs and stays in Python's list. One
    that decides for the main thread has a moment left when that goes on; nobody joins it.
    """
    running = [one.name for one in threading.enumerate() if one.is_alive()]
    return sorted(name for name in running if name.startswith("mcp-") and name != DECISION_THREAD)


def wait_for_the_drainer() -> None:
    """Wait until nothing is drained any more: the last answer may come before its thread ends."""
    for thread in threading.enumerate():
        if thread.name == "mcp-outbox":
            thread.join(PATIENCE)


def in_threads(jobs: Iterable[Callable[[], object]]) -> None:
    """Run all jobs at the same time, each in a thread, and raise what one of them raised."""
    errors: list[BaseException] = []
    jobs = list(jobs)
    start = threading.Barrier(len(jobs))

    def run(job: Callable[[], object]) -> None:
        try:
            start.wait(PATIENCE)
            job()
        except BaseException as error:  # noqa: BLE001  raised again where the test sees it
            errors.append(error)

    threads = [threading.Thread(target=run, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


@contextlib.contextmanager
def no_new_threads() -> Iterator[None]:
    """The system has no thread to give, to anybody; those that run go on."""
    # A stack larger than any address space.
    before = threading.stack_size(2**47)
    try:
        yield
    finally:
        threading.stack_size(before)


@contextlib.contextmanager
def nobody_listening() -> Iterator[str]:
    """The address of a port that is taken, so that nobody else gets it, and refuses every dial."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield f"ws://127.0.0.1:{sock.getsockname()[1]}"


def lasting_port() -> int:
    """A port for a server that goes and comes back.

    Free now, and below those that the system gives to whoever asks for any (32768 and up on
    Linux), so that nobody has it when the server comes back.
    """
    for port in random.sample(range(20_000, 32_000), 100):
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port
    raise RuntimeError("none of a hundred ports is free")


def freeze(pid: int | None) -> None:
    """Suspend a child process, and wait until all of it stands still."""
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    os.waitid(os.P_PID, pid, os.WSTOPPED)


# What a peer's script says


def read_request(connection: WebSocketConnection) -> dict[str, Any]:
    """The next message, as an object."""
    message: dict[str, Any] = json.loads(connection.read_text())
    return message


def send(connection: WebSocketConnection, message: Any) -> None:
    """Send a JSON value."""
    connection.send_text(json.dumps(message))


def answer(connection: WebSocketConnection, request: dict[str, Any], result: Any) -> None:
    """Answer a request with a result."""
    send(connection, {"jsonrpc": "2.0", "id": request["id"], "result": result})


def shake_hands(connection: WebSocketConnection) -> None:
    """Take an MCP client's handshake."""
    request = read_request(connection)
    if request["method"] == "server/discover":
        error = {"code": -32601, "message": "no such method"}
        send(connection, {"jsonrpc": "2.0", "id": request["id"], "error": error})
        request = read_request(connection)
    assert request["method"] == "initialize"
    result = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "serverInfo": {"name": "peer", "version": "1"},
    }
    answer(connection, request, result)
    assert read_request(connection)["method"] == "notifications/initialized"


def until_closed(connection: WebSocketConnection) -> None:
    """Take whatever the client says until it is gone, and say nothing."""
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            connection.read_text()


def echo_all(connection: WebSocketConnection) -> None:
    """Answer every request with its own method and params until the client is gone."""
    with contextlib.suppress(EOFError, ConnectionError):
        while True:
            request = read_request(connection)
            if "id" in request:
                answer(connection, request, {k: request.get(k) for k in ("method", "params")})


# What the server's ledger says


def ledger_keys(client: BaseClient) -> list[Any]:
    """The keys of all that the server executed, oldest first, as it tells them itself."""
    entries = client.request("embedded/ledger", timeout=PATIENCE)["entries"]
    return [entry["key"] for entry in entries]


def ledger_file_keys(path: Path) -> list[Any]:
    """The same, from the ledger's file."""
    return [json.loads(line)["key"] for line in path.read_text().splitlines()]
