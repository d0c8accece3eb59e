"""`python -m tests.benchmarks.profile [PEER ...]`: where the time of a sequential call goes.

For each peer: the clock and the CPU of a call unprofiled, in Python and in the kernel, then the
functions that cost most under cProfile, in microseconds of each call. The profiler makes every
function dearer, small ones most: what it says is an order, not an amount. The number of function
calls does not depend on how busy the machine is.
"""

from __future__ import annotations

import argparse
import cProfile
import functools
import pstats
import resource
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from .fleet import Server
from .peers import PEERS

__all__ = ["Spent", "main"]

CALLS: Final = 5000
SHOWN: Final = 30


class Spent(NamedTuple):
    """Microseconds of a call."""

    clock: float
    python: float
    kernel: float


def spent(call: Callable[[], object]) -> Spent:
    """What a call costs, unprofiled."""
    for _ in range(CALLS // 5):
        call()
    before, begin = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter()
    for _ in range(CALLS):
        call()
    clock = time.perf_counter() - begin
    after = resource.getrusage(resource.RUSAGE_SELF)
    seconds = (clock, after.ru_utime - before.ru_utime, after.ru_stime - before.ru_stime)
    return Spent(*(one / CALLS * 1e6 for one in seconds))


def functions(call: Callable[[], object]) -> list[tuple[float, float, str]]:
    """Calls of a function for each call, its own microseconds, and its name; dearest first."""
    profile = cProfile.Profile()
    profile.enable()
    for _ in range(CALLS):
        call()
    profile.disable()
    entries: dict[tuple[str, int, str], tuple[Any, ...]] = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    found = [
        (count / CALLS, own / CALLS * 1e6, f"{Path(file).name}:{line} {name}")
        for (file, line, name), (_, count, own, _, _) in entries.items()
    ]
    return sorted(found, key=lambda row: -row[1])


def main(arguments: Sequence[str] | None = None) -> int:
    """Profile and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.profile", description=__doc__)
    parser.add_argument("peer", nargs="*", default=["ours", "tuned"])
    server = Server()
    try:
        for name in parser.parse_args(arguments).peer:
            peer = PEERS[name](server.url_for(name))
            call = functools.partial(peer.call, {})
            cost = spent(call)
            print(f"\n{name}: {cost.clock:.0f} µs", end="")
            print(f" ({cost.python:.0f} in Python, {cost.kernel:.0f} in the kernel)")
            found = functions(call)
            print(f"  {sum(count for count, _, _ in found):.0f} function calls")
            for count, own, function in found[:SHOWN]:
                print(f"  {own:6.2f} µs {count:6.2f} x  {function}")
            peer.close()
    finally:
        server.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
