"""How things end by themselves: a real Ctrl-C, a process without a close, a forgotten client."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import random
import signal
import sys
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Iterator
from typing import Final

import attrs
from processes import first_line, running

from mcp_sync import MCPClient
from mcp_sync.testing import RawPeer, WebSocketConnection, WebSocketPeer
from mcp_sync.testing.peers import PeerConnection
from reliability.clients import PATIENCE
from scenes import Diary, Inbox, answer, nobody_listening, read_request, shake_hands
from timing import MS

__all__ = ["ENDINGS", "EXIT", "Interrupted", "exit_time", "forget_times", "interrupt"]

EXIT: Final = 2000 * MS
"""What the end of a process may take, with whatever its clients are in the middle of."""

UNANSWERED: Final = "slow"
CANCELLED: Final = "notifications/cancelled"


def _serve(told: Inbox) -> Callable[[WebSocketConnection], None]:
    """A script: answer every request with its params, but for those that never are.

    It tells of these, and of what is cancelled, by the method.
    """

    def run(connection: WebSocketConnection) -> None:
        with contextlib.suppress(EOFError, ConnectionError):
            shake_hands(connection)
            while True:
                message = read_request(connection)
                if message["method"] in (UNANSWERED, CANCELLED):
                    told(message["method"])
                elif "id" in message:
                    answer(connection, message, {"params": message.get("params")})

    return run


# Ctrl-C

INTERRUPTED = """
import json, logging, signal, sys, time
from mcp_sync import MCPClient

class Client(MCPClient):
    _lead = sys.argv[2] == "callers lead"

def call(method, number):
    params = {"number": number}
    assert client.request(method, params, timeout=60) == {"params": params}, number

def call_until_interrupted(method):
    count = 0
    try:
        tell()
        while True:
            count += 1
            call(method, count)
    except KeyboardInterrupt:
        return time.monotonic()

def tell():
    losses = client.get_connection_stats().losses.count
    print(json.dumps([interrupted, losses, len(client.pending_requests())]), flush=True)

logging.disable()
signal.signal(signal.SIGINT, signal.default_int_handler)
# An interrupt in the middle of a read costs the link.
pauses = {"reconnect_delay": 0.002, "max_reconnect_delay": 0.02}
client = Client(sys.argv[1], protocol_version="2025-11-25", **pauses)
client.connect()
client.initialize()
interrupted = 0.0
for number in range(int(sys.argv[3])):
    interrupted = call_until_interrupted("slow" if number % 2 else "echo")
    call("after", number)
tell()
client.close()
"""


@attrs.frozen
class Interrupted:
    """What came of the interrupts of one process.

    Args:
        times: seconds from each signal to the KeyboardInterrupt in the caller's hands.
        cancelled: of how many calls the server was told that nobody waits any more.
        losses: links lost.
        left: calls that are unsettled at the end.
    """

    times: list[float]
    cancelled: int
    losses: int
    left: int


def interrupt(mode: str, rounds: int, seed: int) -> Interrupted:
    """Send SIGINT to a process whose main thread calls: one call after the other, or waiting.

    Args:
        mode: of reading, one of ``MODES``.
        rounds: how many signals; every second one meets a caller that waits for an answer.
        seed: of their moments.
    """
    chance, told, times = random.Random(seed), Inbox(), list[float]()
    with (
        WebSocketPeer(_serve(told)) as peer,
        running(sys.executable, "-c", INTERRUPTED, peer.url, mode, str(rounds)) as process,
    ):
        json.loads(first_line(process))
        for number in range(rounds):
            waiting = (number + 1) // 2
            assert told.wait_for(lambda items, n=waiting: items.count(UNANSWERED) >= n, PATIENCE)
            threading.Event().wait(chance.uniform(0, 20 * MS))  # the moment of the signal
            sent = time.monotonic()
            os.kill(process.pid, signal.SIGINT)
            interrupted, losses, left = json.loads(first_line(process))
            times.append(interrupted - sent)
        assert process.wait(PATIENCE) == 0
    return Interrupted(times, told.items().count(CANCELLED), losses, left)


# The end of a process

_BEGIN: Final = """
import contextlib, logging, sys, threading, time
from mcp_sync import MCPClient, MCPTimeoutError

logging.disable()
client = MCPClient(sys.argv[1], reconnect_delay=60, offline_queue_max_bytes=1 << 26)
"""
_CONNECT: Final = "client.connect()\nclient.initialize()\n"
_TRY: Final = "with contextlib.suppress(MCPTimeoutError):\n    client.connect(timeout=0.3)\n"
_WAIT: Final = """
threading.Thread(target=client.request, args=("slow",), daemon=True).start()
client.request("ping")
"""
_WRITE: Final = """
client.submit("never", {"text": "x" * (1 << 25)})
while not client._connection.gate.link.transport.is_writing():
    pass
"""
_BLOCK: Final = """
begun = threading.Event()
client.on("connected", lambda event: (begun.set(), threading.Event().wait()))
client.connect()
begun.wait(20)
"""
_END: Final = "print(time.monotonic(), flush=True)\n"

ENDINGS: Final = {
    "an idle link": _CONNECT,
    "a back-off of up to 60 s": _TRY,
    "a dial without an answer": _TRY,
    "a thread that waits for an answer": _CONNECT + _WAIT,
    "a write that is stuck": _CONNECT + _WRITE,
    "a handler that does not return": _BLOCK,
}
"""What a client is in the middle of when its process ends without closing it."""


def exit_time(what: str) -> float:
    """Seconds from the last line of a program to the end of its process.

    Args:
        what: one of ``ENDINGS``.
    """
    program = _BEGIN + ENDINGS[what] + _END
    with _server(what) as url, running(sys.executable, "-c", program, url) as process:
        ended = float(first_line(process))
        assert process.wait(PATIENCE) == 0
        return time.monotonic() - ended


@contextlib.contextmanager
def _server(what: str) -> Iterator[str]:
    over = threading.Event()

    def stop_reading(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        over.wait(PATIENCE)

    def say_nothing(connection: PeerConnection) -> None:
        connection.receive_to_end()

    with contextlib.ExitStack() as stack:
        if what.startswith("a back-off"):
            yield stack.enter_context(nobody_listening())
        elif what.startswith("a dial"):
            yield f"ws://127.0.0.1:{stack.enter_context(RawPeer(say_nothing)).port}"
        else:
            script = stop_reading if what.startswith("a write") else _serve(Inbox())
            yield stack.enter_context(WebSocketPeer(script)).url
            over.set()


# Forgotten clients


def forget_times(client_type: type[MCPClient], rounds: int) -> dict[str, list[float]]:
    """Forget clients without closing them.

    Returns:
        Seconds until the last thread of the client had ended, by what it was in the middle of.
    """

    def idle(url: str) -> MCPClient:
        client = client_type(url)
        client.connect()
        client.initialize()
        return client

    def waiting(url: str) -> MCPClient:
        client = idle(url)
        client.submit(UNANSWERED)
        return client

    def backing_off(url: str) -> MCPClient:
        client = client_type(url, reconnect_delay=60.0)
        diary = Diary(client)
        client.submit("never")
        diary.wait_for("failed")
        return client

    times: dict[str, list[float]] = {}
    for _ in range(rounds):
        with WebSocketPeer(_serve(Inbox())) as peer:
            times.setdefault("an idle link", []).append(_forget(idle, peer.url))
            times.setdefault("a call under way", []).append(_forget(waiting, peer.url))
        with nobody_listening() as url:
            times.setdefault("a back-off of up to 60 s", []).append(_forget(backing_off, url))
    return times


def _forget(make: Callable[[str], MCPClient], url: str) -> float:
    before = set(threading.enumerate())
    client = make(url)
    reference = weakref.ref(client)
    threads = [one for one in set(threading.enumerate()) - before if one.name.startswith("mcp-")]
    assert threads
    begun = time.monotonic()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del client
        gc.collect()
    assert reference() is None
    assert [one.category for one in caught].count(ResourceWarning) == 1
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive(), f"{thread.name} outlives its client"
    return time.monotonic() - begun
