"""One exchange (upgrade, handshake, a call, its answer) whose stream is cut after a given byte.

The fault proxy cuts; the server, a process of its own, tells by its ledger how often the call was
executed.
"""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from itertools import product
from pathlib import Path
from typing import Any, Final, Literal

import attrs

from mcp_sync import MCPClient
from mcp_sync.embedded import ServerProcess
from mcp_sync.protocol.messages import encode_notification
from mcp_sync.testing import FaultProxy
from reliability.clients import (
    ANSWERED,
    LOST,
    MODES,
    PATIENCE,
    QUICK,
    echo,
    executions,
    fate_of,
)
from scenes import in_threads
from timing import MS

__all__ = [
    "HOWS",
    "WAYS",
    "Cut",
    "Exchange",
    "How",
    "Round",
    "broken_promises",
    "every_cut",
    "exchange_and_rounds",
    "tally",
]

How = Literal["fin", "rst", "blackhole"]
Direction = Literal["to_server", "to_client"]

HOWS: Final[tuple[How, ...]] = ("fin", "rst", "blackhole")
DIRECTIONS: Final[tuple[Direction, ...]] = ("to_server", "to_client")

WAYS: Final = (*MODES, "from the queue")
"""Who writes and who reads: the caller on a ready link in either mode, or the outbox."""

MAX_REPLAYS: Final = 2

ROUNDS_PER_PROXY: Final = 40
"""A proxy keeps the sockets of a black hole until it is closed."""

HEARTBEAT: Final = {
    "heartbeat_interval": 150 * MS,
    "heartbeat_timeout": 300 * MS,
    "connect_timeout": 600 * MS,
}
"""For black holes alone: an end of the stream must be noticed without a heartbeat."""

RELAXED: Final = {"heartbeat_timeout": PATIENCE, "connect_timeout": PATIENCE}

SLOWEST: Final = {"fin": 5000 * MS, "rst": 5000 * MS, "blackhole": 10_000 * MS}
"""No round may take longer, however busy the machine is."""


@attrs.frozen
class Exchange:
    """How many bytes pass in one exchange, by direction, up to the end of each part."""

    upgrade: dict[str, int]
    handshake: dict[str, int]
    whole: dict[str, int]

    @classmethod
    def measure(cls, server: ServerProcess) -> Exchange:
        """Do one exchange without a fault and count."""
        with FaultProxy("127.0.0.1", server.port) as proxy:
            client = MCPClient(proxy.url(), **QUICK)
            try:
                client.connect(PATIENCE)
                upgrade = _passed(proxy)
                client.initialize()
                # Its last part is a notification, which nothing answers.
                client.wait_until_ready(PATIENCE)
                notice = len(encode_notification("notifications/initialized", "{}")) + 6
                expected = upgrade["to_server"] + notice
                proxy.wait_until(lambda it: it.bytes_to_server > expected, PATIENCE)
                handshake = _passed(proxy)
                client.request("tools/call", echo(_key(0)), timeout=PATIENCE)
                return cls(upgrade, handshake, _passed(proxy))
            finally:
                client.close()


def _passed(proxy: FaultProxy) -> dict[str, int]:
    return {"to_server": proxy.bytes_to_server, "to_client": proxy.bytes_to_client}


@attrs.frozen
class Cut:
    """Where, how and under what kind of call the stream is cut."""

    number: int
    how: How
    direction: Direction
    after: int
    repeatable: bool
    way: str


@attrs.frozen
class Round:
    """What became of the call."""

    cut: Cut
    fate: str
    links: int
    """How many links it took."""
    seconds: float


def every_cut(
    exchange: Exchange, hows: Iterable[How] = HOWS, ways: Iterable[str] = WAYS, step: int = 1
) -> list[Cut]:
    """All cuts after byte 0, ``step``, ... N of both directions, N being the whole exchange."""
    cuts: list[Cut] = []
    for how, way, repeatable, direction in product(hows, ways, (False, True), DIRECTIONS):
        last = exchange.whole[direction]
        for after in sorted({*range(0, last, step), last}):
            cuts.append(Cut(len(cuts), how, direction, after, repeatable, way))
    return cuts


def _key(number: int) -> str:
    return f"{number:06}"  # always as long, so that byte n is the same byte in every round


def _play(cuts: list[Cut], server: ServerProcess, workers: int) -> list[Round]:
    """Play every round, some at the same time, each with a client and a dial of its own."""
    waiting: queue.SimpleQueue[Cut] = queue.SimpleQueue()
    for cut in cuts:
        waiting.put(cut)
    rounds: list[Round] = []
    stop = threading.Event()

    def work() -> None:
        try:
            while not (stop.is_set() or waiting.empty()):
                with FaultProxy("127.0.0.1", server.port) as proxy:
                    rounds.extend(_play_one(cut, proxy) for cut in _some(waiting))
        except BaseException:
            stop.set()
            raise

    in_threads([work] * workers)
    return rounds


def _some(waiting: queue.SimpleQueue[Cut]) -> Iterator[Cut]:
    for _ in range(ROUNDS_PER_PROXY):
        try:
            yield waiting.get_nowait()
        except queue.Empty:
            return


def _play_one(cut: Cut, proxy: FaultProxy) -> Round:
    before = len(proxy.connections)
    proxy.cut_next(cut.how, cut.direction, cut.after)
    extra: dict[str, Any] = HEARTBEAT if cut.how == "blackhole" else {}
    client = MODES.get(cut.way, MCPClient)(proxy.url(), max_replays=MAX_REPLAYS, **QUICK, **extra)

    def relax(_: object) -> None:
        # There is one black hole in a round: a second would be that of a busy machine.
        if len(proxy.connections) > before:
            client.configure(**RELAXED)

    if extra:
        client.on("failed", relax)
        client.on("disconnected", relax)
    key = _key(cut.number)
    begun = time.monotonic()
    try:
        if cut.way in MODES:
            client.wait_until_ready(PATIENCE)
        call = partial(
            client.request, "tools/call", echo(key), timeout=PATIENCE, idempotent=cut.repeatable
        )
        fate = fate_of(key, call)
        seconds = time.monotonic() - begun
        links = client.get_connection_stats().link.generation
    finally:
        client.close()
    return Round(cut, fate, links, seconds)


def broken_promises(rounds: list[Round], exchange: Exchange, ledger: Path) -> list[str]:
    """What the rounds and the ledger say that DESIGN section 5 does not allow.

    Args:
        rounds: what was played.
        exchange: which byte belongs to what.
        ledger: of the server, which has ended, so that nothing can come after.

    Returns:
        A sentence for each broken promise; empty when all were kept.
    """
    executed = executions(ledger)
    return [
        f"{one.cut}: {reason} ({one.fate}, executed {executed[_key(one.cut.number)]} times)"
        for one in rounds
        for reason in _complaints(one, executed[_key(one.cut.number)], exchange)
    ]


def _complaints(one: Round, executed: int, exchange: Exchange) -> Iterator[str]:
    if one.fate not in (ANSWERED, LOST):
        yield "neither answered nor lost with maybe_executed"
    if one.seconds > SLOWEST[one.cut.how]:
        yield f"took {one.seconds:.1f} s"
    if one.fate == ANSWERED and executed < 1:
        yield "an answer to what was never executed"
    if one.cut.repeatable:
        if one.fate != ANSWERED:
            yield "a repeatable call without an answer"
        if executed > 1 + MAX_REPLAYS:
            yield "executed more often than it may be replayed"
    else:
        if executed > 1:
            yield "executed twice"
        if one.fate != ANSWERED and _is_before_the_call(one.cut, exchange):
            yield "nothing of the call was written, so it is a first delivery"


def _is_before_the_call(cut: Cut, exchange: Exchange) -> bool:
    """Whether the client cannot have had a ready link before the cut."""
    if cut.direction == "to_client":
        return cut.after < exchange.handshake["to_client"]
    notice = len(encode_notification("notifications/initialized", "{}")) + 6
    return cut.after < exchange.handshake["to_server"] - notice


def tally(rounds: list[Round], ledger: Path) -> dict[str, Counter[str]]:
    """How often each fate was met, by how the stream was cut and whether the call may repeat."""
    executed = executions(ledger)
    counts: dict[str, Counter[str]] = {}
    for one in rounds:
        kind = "repeatable" if one.cut.repeatable else "not repeatable"
        times = executed[_key(one.cut.number)]
        fate = f"{one.fate}, executed {times}x"
        counts.setdefault(f"{one.cut.how}, {kind}", Counter())[fate] += 1
    return counts


def exchange_and_rounds(
    directory: Path, hows: Iterable[How], *, step: int, workers: int
) -> tuple[Exchange, list[Round], Path]:
    """Measure an exchange, cut it after every ``step`` bytes, and end the server.

    Returns:
        The exchange, the rounds, and the ledger of the server, which has ended.
    """
    with ServerProcess() as server:
        exchange = Exchange.measure(server)
    ledger = directory / "ledger"
    with ServerProcess(ledger_path=ledger) as server:
        rounds = _play(every_cut(exchange, hows, step=step), server, workers)
    return exchange, rounds, ledger
