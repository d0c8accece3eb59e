"""What a worker process can measure of any peer: short slices, each bounded in count and time."""

from __future__ import annotations

import math
import os
import statistics
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from .slices_ours import OURS

__all__ = ["SLICES", "percentile"]

SLICE_SECONDS: Final = 1.5
"""After this a slice ends, however few calls it has made."""


def percentile(samples: Sequence[float], share: float) -> float:
    """The nearest rank."""
    return sorted(samples)[math.ceil(share * len(samples)) - 1]


def latency(peer: Any, *, count: int = 800, settle: int = 100) -> dict[str, float]:
    """Sequential calls: microseconds, and milliseconds of CPU for each thousand."""
    for _ in range(settle):
        peer.call({})
    samples = []
    cpu, end = time.process_time(), time.perf_counter() + SLICE_SECONDS
    while len(samples) < count:
        before = time.perf_counter()
        if before > end:
            break
        peer.call({})
        samples.append((time.perf_counter() - before) * 1e6)
    cpu = time.process_time() - cpu
    return {
        "p50": statistics.median(samples),
        "p99": percentile(samples, 0.99),
        "mean": statistics.fmean(samples),
        "cpu": cpu / len(samples) * 1e6,
    }


def threads(peer: Any, *, count: int, seconds: float = 0.6) -> dict[str, float]:
    """So many threads on one client: calls per second."""
    go, made = threading.Event(), [0] * count
    end = [0.0]

    def run(number: int) -> None:
        go.wait()
        while time.perf_counter() < end[0]:
            peer.shared({})
            made[number] += 1

    workers = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for worker in workers:
        worker.start()
    begin = time.perf_counter()
    end[0] = begin + seconds
    go.set()
    for worker in workers:
        worker.join()
    return {"rate": sum(made) / (time.perf_counter() - begin)}


def _median_ms(call: Callable[[], object], count: int) -> dict[str, float]:
    samples, end = [], time.perf_counter() + SLICE_SECONDS
    while len(samples) < count and time.perf_counter() < end:
        before = time.perf_counter()
        call()
        samples.append((time.perf_counter() - before) * 1000)
    return {"ms": statistics.median(samples)}


def download(peer: Any, *, size: int, fragment: int = 0, count: int = 5) -> dict[str, float]:
    """Answers of so many bytes: milliseconds each."""
    arguments = {"size": size, "fragment": fragment}
    peer.call(arguments)
    return _median_ms(lambda: peer.call(arguments), count)


def upload(peer: Any, *, size: int, count: int = 5) -> dict[str, float]:
    """Requests of so many bytes: milliseconds each."""
    arguments = {"text": "y" * size}
    return _median_ms(lambda: peer.call(arguments), count)


def beside_cpu(peer: Any, *, count: int = 400) -> dict[str, float]:
    """Sequential calls beside a thread that computes: their mean in microseconds."""
    is_over = False

    def compute() -> None:
        number = 0
        while not is_over:
            number += 1

    rival = threading.Thread(target=compute)
    rival.start()
    try:
        return latency(peer, count=count, settle=5)
    finally:
        is_over = True
        rival.join()


def marked(peer: Any, *, count: int) -> dict[str, float]:
    """Calls between two system calls that nothing else makes, for a tracer to find."""
    for _ in range(50):
        peer.call({})
    os.getppid()
    for _ in range(count):
        peer.call({})
    os.getppid()
    return {}


def pipeline(peer: Any, *, count: int, window: int) -> dict[str, float]:
    """The tuned loop with so many calls unanswered at a time: calls per second."""
    begin = time.perf_counter()
    peer.pipeline(count, window, {})
    return {"rate": count / (time.perf_counter() - begin)}


SLICES: Final[dict[str, Callable[..., dict[str, float]]]] = {
    "latency": latency,
    "threads": threads,
    "download": download,
    "upload": upload,
    "beside cpu": beside_cpu,
    "marked": marked,
    "pipeline": pipeline,
    **OURS,
}
"""Every slice by its name."""
