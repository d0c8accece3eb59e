"""The back-off of many clients, judged by the server that refuses them.

It drops all of them at the same moment and then looks at when each comes back.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

import attrs

from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from reliability.clients import PATIENCE
from timing import MS

__all__ = ["Herd", "Verdict", "judge"]

Refusal = Literal["closes", "503"]

SLACK: Final = 300 * MS
"""For a dial itself, on a machine with as many clients as this."""


@attrs.frozen
class Herd:
    """How many clients there are, in how many processes, and how they are to back off."""

    clients: int
    processes: int
    delay: float
    cap: float
    dials: int
    """How often each is refused before the verdict."""

    def ceiling(self, dial: int) -> float:
        """The longest pause before the nth dial after the drop, from 1: full jitter below it."""
        return min(self.cap, self.delay * 2.0 ** (dial - 1))


@attrs.frozen
class Verdict:
    """When the clients came back.

    Args:
        herd: who was judged.
        pauses: for each dial, from the first after the drop, each client's pause before it.
        moments: of all dials, in seconds from the drop.
        plans: for each dial, the pause before it that each client had planned, in the same order.
    """

    herd: Herd
    pauses: list[list[float]]
    moments: list[float]
    plans: list[list[float]]

    def busiest(self, width: float, dial: int | None = None) -> float:
        """The share of the clients that dialed in the busiest stretch of so many seconds.

        Args:
            width: of the stretch.
            dial: count the nth dials after the drop alone; None counts all.
        """
        moments = sorted(self.moments if dial is None else self.moments_of(dial))
        first = most = 0
        for last, moment in enumerate(moments):
            while moment - moments[first] > width:
                first += 1
            most = max(most, last - first + 1)
        return most / self.herd.clients

    def moments_of(self, dial: int) -> list[float]:
        """When each client made its nth dial after the drop."""
        return [math.fsum(pauses) for pauses in zip(*self.pauses[:dial], strict=True)]

    def complaints(self, least: float = 0.0) -> Iterator[str]:
        """What is wrong with the pauses, given the least that each refused dial was asked for."""
        for number, pauses in enumerate(self.pauses, 1):
            floor = least if number > 1 else 0.0
            yield from self._complaints(number, pauses, floor, SLACK)

    def complaints_of_plans(self, least: float = 0.0) -> Iterator[str]:
        """What is wrong with the pauses as they were planned, and who came before its time.

        Nobody who is late, on a machine that is busy, is to blame for it.
        """
        for number, (plans, pauses) in enumerate(zip(self.plans, self.pauses, strict=True), 1):
            yield from self._complaints(number, plans, least if number > 1 else 0.0, 0.0)
            early = max(plan - pause for plan, pause in zip(plans, pauses, strict=True))
            if early > 0:
                yield f"dial {number}: made {early:.3f} s before its time"

    def _complaints(
        self, number: int, pauses: list[float], floor: float, slack: float
    ) -> Iterator[str]:
        ceiling = self.herd.ceiling(number)
        beyond = [pause - floor for pause in pauses]
        if min(beyond) < 0:
            yield f"dial {number}: a pause of {min(pauses):.3f} s, below {floor} s"
        if max(beyond) > ceiling + slack:
            yield f"dial {number}: a pause of {max(pauses):.3f} s, over {floor + ceiling} s"
        mean, deviation = statistics.fmean(beyond) / ceiling, statistics.stdev(beyond) / ceiling
        # Of a uniform distribution from 0 to 1: 0.5 and 0.29.
        if not 0.35 < mean < 0.65 + slack / ceiling:
            yield f"dial {number}: the mean pause is {mean:.2f} of its ceiling, not a half"
        if deviation < 0.2:
            yield f"dial {number}: the pauses deviate by {deviation:.2f} of their ceiling"


class _Judge:
    """The server: it lets everybody in, drops all at once, and then refuses everybody."""

    def __init__(self, refusal: Refusal, retry_after: int | None) -> None:
        self._refusal = refusal
        self._headers = {} if retry_after is None else {"Retry-After": str(retry_after)}
        self._drop = threading.Event()
        self._changed = threading.Condition()
        self._dials: dict[str, list[float]] = {}
        """By client: when it was dropped, and when it came back since."""
        self._dropped_at = 0.0

    def serve(self, connection: WebSocketConnection) -> None:
        """The script of each connection."""
        now = time.monotonic()
        try:
            name = connection.read_request().headers["x-client"]
        except (OSError, EOFError):
            return  # a client that was closed in the middle of a dial
        if not self._drop.is_set():
            connection.accept_upgrade()
            self._drop.wait(PATIENCE)
            now = time.monotonic()  # the threads of all these scripts do not wake at once
            connection.reset()
        with self._changed:
            self._dials.setdefault(name, []).append(now)
            self._changed.notify_all()
        with contextlib.suppress(OSError):  # a client that was closed meanwhile
            if self._refusal == "503":
                connection.respond(503, self._headers)

    def drop(self) -> None:
        """End every connection, and let nobody in any more."""
        self._dropped_at = time.monotonic()
        self._drop.set()

    def wait_for(self, herd: Herd) -> None:
        """Wait until every client was refused often enough."""

        def all_came() -> bool:
            enough = [dials for dials in self._dials.values() if len(dials) > herd.dials]
            return len(enough) == herd.clients

        with self._changed:
            assert self._changed.wait_for(all_came, 3 * PATIENCE), Counter(
                len(dials) for dials in self._dials.values()
            )

    def verdict(self, herd: Herd, planned: dict[str, list[float]]) -> Verdict:
        """Look at the pauses, once all clients are gone.

        Args:
            herd: who is judged.
            planned: by client: its pauses before its dials after the drop.
        """
        dials = [of_one[: herd.dials + 1] for of_one in self._dials.values()]
        pauses = [
            [of_one[number] - of_one[number - 1] for of_one in dials]
            for number in range(1, herd.dials + 1)
        ]
        moments = [moment - self._dropped_at for of_one in dials for moment in of_one[1:]]
        plans = [[planned[name][number] for name in self._dials] for number in range(herd.dials)]
        return Verdict(herd, pauses, moments, plans)


def judge(herd: Herd, refusal: Refusal, retry_after: int | None = None) -> Verdict:
    """Drop a herd, refuse it for a while, and say when its clients came back."""
    court = _Judge(refusal, retry_after)
    planned: dict[str, list[float]] = {}
    with (
        WebSocketPeer(court.serve, upgrade=False, patience=3 * PATIENCE) as peer,
        contextlib.ExitStack() as processes,
    ):
        for number in range(herd.processes):
            processes.enter_context(_clients(herd, peer.url, number, planned))
        court.drop()
        court.wait_for(herd)
    return court.verdict(herd, planned)


@contextlib.contextmanager
def _clients(herd: Herd, url: str, seed: int, planned: dict[str, list[float]]) -> Iterator[None]:
    """A process with its share of the clients, all of them connected.

    Args:
        herd: all of them.
        url: of their server.
        seed: of their pauses; the number of the process.
        planned: by client, filled in at the end.
    """
    share = herd.clients // herd.processes
    command = [sys.executable, "-m", "reliability.herd", url]
    tests = str(Path(__file__).resolve().parents[1])
    process = subprocess.Popen(
        [*command, str(share), str(herd.delay), str(herd.cap), str(seed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=os.environ | {"PYTHONPATH": tests},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process.stdin, process.stdout:
        try:
            assert process.stdout.readline() == b"connected\n", "the clients could not connect"
            yield
            told, _ = process.communicate(timeout=PATIENCE)
            assert process.returncode == 0
            planned.update(json.loads(told))
        finally:
            process.kill()
            process.wait()
