"""Many calls through many faults for a long time, and what that leaves in the process.

Two clients, one for each way of reading, share a server that is killed, and a proxy that cuts,
stalls, delays and refuses. What was called and what came of it is kept in files, so that all
growth in memory is the clients'.
"""

from __future__ import annotations

import contextlib
import gc
import os
import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from mcp_sync import MCPClient
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import ServerProcess
from mcp_sync.testing import FaultProxy
from reliability.clients import ANSWERED, LOST, MODES, PATIENCE, echo, executions, fate_of
from scenes import in_threads
from timing import MS

__all__ = ["Sample", "Soak", "broken_promises", "growth", "soak"]

CALLERS_PER_CLIENT: Final = 2

MAX_REPLAYS: Final = 2

WARM_UP: Final = 0.2
"""The share of the time whose samples do not count."""

SETTINGS: Final = {
    "reconnect_attempts": 100_000,
    "reconnect_delay": 5 * MS,
    "max_reconnect_delay": 50 * MS,
    "heartbeat_interval": 300 * MS,
    "heartbeat_timeout": 500 * MS,
    "connect_timeout": 1000 * MS,
    "max_replays": MAX_REPLAYS,
}

FAULTS_PER_PROXY: Final = 25
"""A proxy keeps the sockets of a black hole until it is closed."""


@attrs.frozen
class Sample:
    """What the process held at a moment."""

    at: float
    threads: int
    descriptors: int
    memory: int
    """Resident bytes, what the allocator keeps for later included."""
    blocks: int
    """Blocks of memory that live Python objects take."""


@attrs.frozen
class Soak:
    """What was done."""

    seconds: float
    faults: Counter[str]
    losses: int
    samples: list[Sample]


class _Ground:
    """The server and the proxy, which the faults are done to, and the files."""

    def __init__(self, directory: Path, clients: list[MCPClient]) -> None:
        self._directory = directory
        self._clients = clients
        self._lives = 0
        self._proxies = contextlib.ExitStack()
        self.server = self._next_server(0)
        self.server.start()
        self.proxy = self._next_proxy()

    def _next_server(self, port: int) -> ServerProcess:
        # A ledger for each life, or a restart would take longer and longer.
        self._lives += 1
        path = self._directory / f"ledger-{self._lives}"
        return ServerProcess(port=port, ledger_path=path, processing_delay=1 * MS)

    def _next_proxy(self) -> FaultProxy:
        return self._proxies.enter_context(FaultProxy("127.0.0.1", self.server.port))

    def kill_the_server(self) -> None:
        self.server.kill()
        self.server = self._next_server(self.server.port)
        self.server.start()

    def change_the_proxy(self) -> None:
        self._proxies.close()
        self.proxy = self._next_proxy()
        for client in self._clients:
            client.configure(server_url=self.proxy.url())

    def close(self) -> None:
        self._proxies.close()
        self.server.terminate()


def _stall(ground: _Ground, pause: Callable[[float], object]) -> None:
    ground.proxy.pause()
    pause(0.1)
    ground.proxy.resume()


def _delay(ground: _Ground, pause: Callable[[float], object]) -> None:
    ground.proxy.delay(20 * MS)
    pause(0.3)
    ground.proxy.delay(0)


def _refuse(ground: _Ground, pause: Callable[[float], object]) -> None:
    ground.proxy.refuse()
    ground.proxy.cut("rst")
    pause(0.2)
    ground.proxy.accept()


_FAULTS: Final[dict[str, Callable[[_Ground, Callable[[float], object]], None]]] = {
    "end of stream": lambda ground, _: ground.proxy.cut("fin"),
    "reset": lambda ground, _: ground.proxy.cut("rst"),
    "reset in the middle": lambda ground, _: ground.proxy.cut("rst", "to_client", 50),
    "black hole": lambda ground, _: ground.proxy.cut("blackhole"),
    "stall": _stall,
    "delay": _delay,
    "refusal": _refuse,
    "kill -9": lambda ground, _: ground.kill_the_server(),
}


def soak(directory: Path, seconds: float, seed: int) -> Soak:
    """Call and break, sampling the process all the while.

    Args:
        directory: for the ledgers (``ledger-*``) and what was called (``called-*``).
        seconds: how long.
        seed: of what is called, and of the faults.
    """
    clients: list[MCPClient] = []
    ground = _Ground(directory, clients)
    over = threading.Event()
    faults: Counter[str] = Counter()
    samples: list[Sample] = []
    try:
        clients += [mode(ground.proxy.url(), **SETTINGS) for mode in MODES.values()]
        jobs = [
            partial(_call, client, directory / f"called-{number}-{caller}", over, seed)
            for number, client in enumerate(clients)
            for caller in range(CALLERS_PER_CLIENT)
        ]
        breaking = partial(_break, ground, Deadline(seconds), random.Random(seed), faults, samples)
        in_threads([*jobs, partial(_until_the_end, breaking, over)])
        losses = sum(client.get_connection_stats().losses.count for client in clients)
    finally:
        for client in clients:
            client.close()
        ground.close()
    return Soak(seconds, faults, losses, samples)


def _until_the_end(job: Callable[[], None], over: threading.Event) -> None:
    try:
        job()
    finally:
        over.set()


def _call(client: MCPClient, file: Path, over: threading.Event, seed: int) -> None:
    chance = random.Random(f"{file.name} {seed}")
    number = 0
    with file.open("w") as called:
        while not over.wait(chance.uniform(0, 20) * MS):  # paces the calls
            number += 1
            key = f"{file.name}-{number}"
            repeatable = chance.random() < 0.5
            request = partial(
                client.request, "tools/call", echo(key), timeout=PATIENCE, idempotent=repeatable
            )
            called.write(f"{key}\t{repeatable}\t{fate_of(key, request)}\n")


def _break(
    ground: _Ground,
    end: Deadline,
    chance: random.Random,
    faults: Counter[str],
    samples: list[Sample],
) -> None:
    pause = threading.Event().wait  # paces the faults
    begun = time.monotonic()
    names = list(_FAULTS)
    while not end.is_over():
        pause(chance.uniform(0.05, 0.5))
        samples.append(_sample(time.monotonic() - begun))
        # A process takes its time to start, so that it is killed less often than links are cut.
        weights = [1 if name == "kill -9" else 4 for name in names]
        (name,) = chance.choices(names, weights)
        _FAULTS[name](ground, pause)
        faults[name] += 1
        if faults.total() % FAULTS_PER_PROXY == 0:
            ground.change_the_proxy()


def _sample(at: float) -> Sample:
    gc.collect()
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    descriptors = len(list(Path("/proc/self/fd").iterdir()))
    memory = pages * os.sysconf("SC_PAGE_SIZE")
    return Sample(at, threading.active_count(), descriptors, memory, sys.getallocatedblocks())


def broken_promises(directory: Path) -> tuple[list[str], Counter[str]]:
    """What the files of a soak that is over say that is not promised, and how often each fate."""
    executed: Counter[str] = Counter()
    for ledger in directory.glob("ledger-*"):
        executed += executions(ledger)
    broken: list[str] = []
    fates: Counter[str] = Counter()
    for file in directory.glob("called-*"):
        for line in file.read_text().splitlines():
            key, repeatable, fate = line.split("\t", 2)
            fates[fate] += 1
            times = executed.pop(key, 0)
            wrong = list(_complaints(repeatable == "True", fate, times))
            broken += [f"{line}, executed {times} times: {reason}" for reason in wrong]
    broken += [f"{key} was executed and never called" for key in executed]
    return broken, fates


def _complaints(repeatable: bool, fate: str, executed: int) -> Iterator[str]:
    if fate not in (ANSWERED, LOST):
        yield "neither answered nor lost with maybe_executed"
    if fate == ANSWERED and executed < 1:
        yield "an answer to what was never executed"
    if executed > (1 + MAX_REPLAYS if repeatable else 1):
        yield "executed too often"


def growth(soaked: Soak) -> dict[str, tuple[int, int]]:
    """The median of each thing that was sampled, in the first and in the last third after warm-up.

    A leak of one thread, descriptor or page in each round would show many times over.
    """
    samples = [one for one in soaked.samples if one.at >= WARM_UP * soaked.seconds]
    third = len(samples) // 3
    found = {}
    for name in ("threads", "descriptors", "memory", "blocks"):
        values = [getattr(one, name) for one in samples]
        found[name] = (_median(values[:third]), _median(values[-third:]))
    return found


def _median(values: list[int]) -> int:
    return sorted(values)[len(values) // 2]
