"""A server that is killed with SIGKILL again and again under calling threads."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final

import attrs

from mcp_sync import MCPClient
from mcp_sync.embedded import ServerProcess
from mcp_sync.testing import FaultProxy
from reliability.clients import ANSWERED, LOST, PATIENCE, QUICK, echo, executions, fate_of
from scenes import Inbox, in_threads
from timing import MS

__all__ = ["Called", "Siege", "besiege", "broken_promises"]

MAX_REPLAYS: Final = 2

PROCESSING: Final = 2 * MS
"""What each call takes the server, so that kills hit calls at all stages."""


@attrs.frozen
class Called:
    """A call and what its caller was told."""

    key: str
    repeatable: bool
    fate: str


@attrs.frozen
class Siege:
    """What came of it all."""

    calls: list[Called]
    kills: int
    links: int
    seconds: float
    wrong: list[str]
    """Which futures were not settled exactly once."""

    def tally(self, ledger: Path) -> Counter[str]:
        """How often each fate was met with how many executions."""
        executed = executions(ledger)
        return Counter(
            f"{'repeatable' if call.repeatable else 'not repeatable'}: {call.fate}, "
            f"executed {executed[call.key]}x"
            for call in self.calls
        )


class _Diary:
    """Counts what was settled, so that the killer can strike in the middle of the work."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._calls: list[Called] = []
        self.wrong: list[str] = []
        self.is_over = threading.Event()

    def write(self, call: Called) -> None:
        with self._changed:
            self._calls.append(call)
            self._changed.notify_all()

    def calls(self) -> list[Called]:
        with self._changed:
            return list(self._calls)

    def wait_for_more(self, count: int) -> None:
        with self._changed:
            wanted = len(self._calls) + count
            more = self._changed.wait_for(lambda: len(self._calls) >= wanted, PATIENCE)
        assert more, f"not {count} calls were settled in {PATIENCE:.0f} s"


def besiege(
    client_type: type[MCPClient],
    server: ServerProcess,
    *,
    kills: int,
    threads: int,
    seed: int,
) -> Siege:
    """Call from many threads through one client while the server is killed and started again.

    Half of the calls may be repeated; half of the threads wait for each call, the others submit
    some at a time. Every second kill takes the answers with it that are on their way.
    """
    diary = _Diary()
    begun = time.monotonic()
    with FaultProxy("127.0.0.1", server.port) as proxy:
        client = client_type(proxy.url(), max_replays=MAX_REPLAYS, max_pending=64, **QUICK)
        try:
            assert client.wait_until_ready(PATIENCE)
            killer = partial(_kill, server, proxy, diary, kills, random.Random(seed))
            callers = [
                partial(
                    _call if number % 2 else _submit, client, diary, f"{number}-", seed + number
                )
                for number in range(threads)
            ]
            in_threads([killer, *callers])
            assert client.drain(PATIENCE)
            links = client.get_connection_stats().link.generation
        finally:
            client.close()
    return Siege(diary.calls(), kills, links, time.monotonic() - begun, diary.wrong)


def _kill(
    server: ServerProcess, proxy: FaultProxy, diary: _Diary, kills: int, chance: random.Random
) -> None:
    try:
        for number in range(kills):
            diary.wait_for_more(chance.randrange(1, 80))
            if number % 2:
                # Its machine dies with it: what it answered is on the way, and never arrives.
                proxy.pause("to_client")
                threading.Event().wait(chance.uniform(2, 20) * MS)  # paces the fault
                server.kill()
                proxy.cut("rst")
                proxy.resume()
            else:
                threading.Event().wait(chance.uniform(0, 5) * MS)  # paces the fault
                server.kill()
            server.start()
        diary.wait_for_more(40)
    finally:
        diary.is_over.set()


def _keys(prefix: str, diary: _Diary, seed: int) -> Iterator[tuple[str, bool]]:
    """Fresh keys, and whether the call may be repeated, until it is over."""
    chance = random.Random(seed)
    number = 0
    while not diary.is_over.is_set():
        number += 1
        yield f"{prefix}{number}", chance.random() < 0.5


def _call(client: MCPClient, diary: _Diary, prefix: str, seed: int) -> None:
    for key, repeatable in _keys(prefix, diary, seed):
        request = partial(
            client.request, "tools/call", echo(key), timeout=PATIENCE, idempotent=repeatable
        )
        diary.write(Called(key, repeatable, fate_of(key, request)))


def _submit(client: MCPClient, diary: _Diary, prefix: str, seed: int) -> None:
    keys = _keys(prefix, diary, seed)
    submitted: list[str] = []
    settled = Inbox()
    while not diary.is_over.is_set():
        calls = [
            (key, repeatable, client.submit("tools/call", echo(key), idempotent=repeatable))
            for _, (key, repeatable) in zip(range(5), keys, strict=False)
        ]
        for key, repeatable, call in calls:
            submitted.append(key)
            call.add_done_callback(lambda _, key=key: settled(key))  # type: ignore[misc]
            diary.write(Called(key, repeatable, fate_of(key, partial(call.result, PATIENCE))))
    settled.wait_for(lambda seen: len(seen) >= len(submitted), PATIENCE)
    times = Counter(settled.items())
    diary.wrong += [f"{key} was settled {times[key]} times" for key in submitted if times[key] != 1]


def broken_promises(siege: Siege, ledger: Path) -> list[str]:
    """What the callers and the ledger of a server that has ended say that is not promised."""
    executed = executions(ledger)
    known = {call.key for call in siege.calls}
    broken = [f"{key} was executed and never called" for key in executed if key not in known]
    broken += siege.wrong
    for call in siege.calls:
        times = executed[call.key]
        broken += [
            f"{call}, executed {times} times: {reason}" for reason in _complaints(call, times)
        ]
    return broken


def _complaints(call: Called, executed: int) -> Iterator[str]:
    if call.fate not in (ANSWERED, LOST):
        yield "neither answered nor lost with maybe_executed"
    if call.fate == ANSWERED and executed < 1:
        yield "an answer to what was never executed"
    if executed > (1 + MAX_REPLAYS if call.repeatable else 1):
        yield "executed too often"
