"""Slices that only mcp_sync can be measured by: notifications, the queue, memory, growth."""

from __future__ import annotations

import contextlib
import gc
import queue
import random
import socket
import statistics
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from .environments import SERVER, python_of
from .peers import Ours, make_client

__all__ = ["OURS"]

PROJECT: Final = Path(__file__).parents[2]
WAIT_SECONDS: Final = 60.0


def resident() -> int:
    """Bytes of memory that this process has in RAM, after a collection."""
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096


def notification(peer: Any, *, delay_ms: float, count: int = 15) -> dict[str, float]:
    """From the server's send to the handler: milliseconds, the median of some."""
    arrived: queue.SimpleQueue[float] = queue.SimpleQueue()

    def handler(event: Any) -> None:
        now = time.monotonic()
        arrived.put((now - event.params["data"]["sent"]) * 1000)

    peer.client.on_notification("notifications/message", handler)
    try:
        samples = []
        for _ in range(count):
            peer.call({"delay_ms": delay_ms}, name="tick")
            samples.append(arrived.get(timeout=WAIT_SECONDS))
        return {"p50": statistics.median(samples), "worst": max(samples)}
    finally:
        peer.client.off_notification("notifications/message", handler)


def memory(peer: Any) -> dict[str, float]:
    """Megabytes of the process, connected and initialized, after one call."""
    peer.call({})
    return {"mb": resident() / 1e6}


def soak(peer: Any, *, count: int) -> dict[str, float]:
    """Bytes of memory that each of so many calls leaves behind, after a tenth of them."""
    for _ in range(count // 10):
        peer.call({})
    before = resident()
    for _ in range(count):
        peer.call({})
    return {"bytes": (resident() - before) / count}


def closed_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port


def offline_client(port: int, limit: int) -> Any:
    """A client whose server is away, with a queue of so many calls."""
    return make_client(
        f"ws://127.0.0.1:{port}",
        start_offline=True,
        reconnect_delay=0.1,
        max_reconnect_delay=0.2,
        offline_queue_limit=limit,
        offline_queue_max_bytes=1 << 40,
    )


def queue_growth(peer: Any, *, count: int) -> dict[str, float]:
    """What queueing a call of 200 bytes costs, last tenth against first; bytes of memory each."""
    client = offline_client(closed_port(), count)
    call = {"name": "echo", "arguments": {"text": "x" * 160}}
    try:
        kept = [client.submit("tools/call", call) for _ in range(100)]
        before, costs, done = resident(), [], len(kept)
        while done < count:
            begin = time.thread_time()
            batch = [client.submit("tools/call", call) for _ in range(min(1000, count - done))]
            costs.append((time.thread_time() - begin) / len(batch))
            kept += batch
            done += len(batch)
        each = (resident() - before) / (count - 100)
        edge = max(1, len(costs) // 10)
        first, last = statistics.median(costs[:edge]), statistics.median(costs[-edge:])
        return {"ratio": last / first, "bytes": each, "us": last * 1e6}
    finally:
        client.clear_offline_queue()
        client.close()


def drain(peer: Any, *, count: int, seconds: float = 10.0) -> dict[str, float]:
    """Queue calls while the server is away, wait for the last: calls per second once ready."""
    port = closed_port()
    client = offline_client(port, count)
    ready: queue.SimpleQueue[float] = queue.SimpleQueue()
    client.on("initialized", lambda event: ready.put(event.timestamp))
    params = {"name": "echo", "arguments": {}}
    calls = [client.submit("tools/call", params, timeout=WAIT_SECONDS) for _ in range(count)]
    command = [python_of(SERVER), "-m", "tests.benchmarks.server", str(port)]
    with subprocess.Popen(
        command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL
    ) as server:
        begin = ready.get(timeout=WAIT_SECONDS)
        with contextlib.suppress(TimeoutError):
            calls[-1].result(seconds)
        rate = sum(call.done() for call in calls) / (time.time() - begin)
        client.close()
        server.communicate()
    return {"rate": rate}


_TURNS: Final = 8


def _times(call: Callable[[], object], count: int) -> list[float]:
    """How long calls take, but for the first ones of a turn."""
    samples = []
    for _ in range(count):
        begin = time.perf_counter()
        call()
        samples.append(time.perf_counter() - begin)
    return samples[count // 5 :]


def _compare(one: Callable[[], object], other: Callable[[], object], count: int) -> float:
    """How many times longer the other takes, by the medians of many short turns of each.

    A machine takes a fifth longer for the same in one second than in the next.
    """
    samples: dict[Callable[[], object], list[float]] = {one: [], other: []}
    for _ in range(_TURNS):
        for call in random.sample((one, other), 2):
            samples[call] += _times(call, count // _TURNS)
    return statistics.median(samples[other]) / statistics.median(samples[one])


def in_flight(peer: Any, *, held: int, count: int = 800) -> dict[str, float]:
    """A call with so many others unanswered, against a call alone."""
    crowded = Ours(peer.url)
    try:
        params = {"name": "hold", "arguments": {}}
        waiting = [
            crowded.client.submit("tools/call", params, timeout=WAIT_SECONDS)
            for _ in range(held - 1)
        ]
        ratio = _compare(lambda: peer.call({}), lambda: crowded.call({}), count)
        crowded.call({}, name="release")
        for call in waiting:
            call.result(WAIT_SECONDS)
        return {"ratio": ratio}
    finally:
        crowded.close()


def handlers(peer: Any, *, registered: int, count: int = 800) -> dict[str, float]:
    """A call of a client with so many handlers, against one with one."""
    listener = Ours(peer.url, handlers=registered)
    try:
        return {"ratio": _compare(lambda: peer.call({}), lambda: listener.call({}), count)}
    finally:
        listener.close()


def clients(peer: Any, *, number: int, count: int = 4000) -> dict[str, float]:
    """A call of one after the other of many clients, against calls of one; threads of each."""
    before = threading.active_count()
    crowd = [Ours(peer.url, handlers=0) for _ in range(number)]
    try:
        threads = (threading.active_count() - before) / number
        turn = iter(one for _ in range(count) for one in crowd)
        peer.call({})
        ratio = _compare(lambda: peer.call({}), lambda: next(turn).call({}), count)
        same = _compare(lambda: peer.call({}), lambda: crowd[0].call({}), count)
        return {"ratio": ratio, "same": same, "threads": threads}
    finally:
        for one in crowd:
            one.close()


OURS: Final[dict[str, Callable[..., dict[str, float]]]] = {
    "notification": notification,
    "memory": memory,
    "soak": soak,
    "queue": queue_growth,
    "drain": drain,
    "in flight": in_flight,
    "handlers": handlers,
    "clients": clients,
}
"""Every slice of this room by its name."""
