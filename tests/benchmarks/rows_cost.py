"""The goals about system calls, memory, starting, draining, notifications and growth."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final

from mcp_sync.protocol.dialect import Dialect

from .environments import python_of
from .fleet import PROJECT, Fleet, Results, WorkerError, environment
from .parts import Part, figures, ratios

__all__ = ["draining", "growth", "imports", "memory", "notifications", "start", "system_calls"]

DRAINED: Final = 10_000
TRACED: Final = 1000
RUN_SECONDS: Final = 30.0
SOAK_SECONDS: Final = 900.0


def system_calls(fleet: Fleet) -> list[Part]:
    """Counted by strace between two marks, thread by thread."""
    labels = (
        "system calls per call, on the caller's path",
        "system calls per call, in every other thread",
    )
    goals = (3, 0.3)
    samples: list[tuple[float, float]] = []
    note = "strace is not installed" if shutil.which("strace") is None else ""
    for _ in range(0 if note else 3):
        with tempfile.TemporaryDirectory() as home:
            log = Path(home, "trace")
            try:
                worker = fleet.fresh("ours", ("strace", "-f", "-o", str(log)))
            except WorkerError as error:
                note = str(error)
                break
            try:
                worker.ask("marked", count=TRACED)
            finally:
                worker.close()
            samples.append(_count(log.read_text(encoding="utf-8", errors="replace")))
    return [
        Part(label, "≤", goal, [one[at] for one in samples], "", note)
        for at, (label, goal) in enumerate(zip(labels, goals, strict=True))
    ]


def _count(trace: str) -> tuple[float, float]:
    """System calls per call between the marks: of the marking thread, of all others."""
    lines = [line.split(None, 1) for line in trace.splitlines()]
    marks = [at for at, line in enumerate(lines) if line[1].startswith("getppid(")]
    caller = lines[marks[0]][0]
    begun = Counter(
        line[0] == caller
        for line in lines[marks[0] + 1 : marks[-1]]
        if re.match(r"\w+\(", line[1]) and not line[1].startswith("<...")
    )
    return begun[True] / TRACED, begun[False] / TRACED


def draining(fleet: Fleet) -> list[Part]:
    """Queued calls after a reconnect, against the tuned loop with the same window."""
    results = fleet.rounds(
        {
            "ours": {"what": "drain", "count": DRAINED},
            "tuned": {"what": "pipeline", "count": DRAINED, "window": Dialect.drain_window},
        },
        share=0.3,
    )
    text = f"draining {DRAINED:,} queued calls, calls per second / tuned loop, same window"
    pair, goal = ("ours", "tuned"), ("≥", 0.5)
    return [ratios(fleet, results, "rate", pair, goal, measure=text, scale="calls/s")]


def memory(fleet: Fleet, *, soak: int) -> list[Part]:
    """Of a connected process, of a queued call, after many calls."""
    connected, left, queued = [], [], []
    for _ in range(3):
        worker = fleet.fresh("ours")
        try:
            connected.append(worker.ask("memory")["mb"])
            queued.append(worker.ask("queue", count=20_000)["bytes"])
        finally:
            worker.close()
    worker = fleet.fresh("ours")
    try:
        left.append(worker.ask("soak", count=soak, seconds=SOAK_SECONDS)["bytes"])
    finally:
        worker.close()
    return [
        Part("memory of a process with a connected client", "≤", 30, connected, "MB"),
        Part("memory of a queued call of 200 B", "≤", 2000, queued, "B"),
        Part(f"growth over {soak:,} calls, for each call", "≤", 1, left, "B"),
    ]


def _by_turns(kinds: dict[str, Callable[[], float]], rounds: int) -> Results:
    """Like ``Fleet.rounds``, for processes that are started to be measured."""
    results: Results = []
    for _ in range(rounds + 1):
        names = list(kinds)
        random.shuffle(names)
        results.append({name: {"ms": kinds[name]() * 1000} for name in names})
    return results[1:]


def _import_seconds(python: str, statement: str) -> float:
    program = (
        f"import time; begin = time.perf_counter(); {statement}; print(time.perf_counter() - begin)"
    )
    return _run(python, program)


def _run(python: str, program: str) -> float:
    """The number that a program prints."""
    run = subprocess.run(
        [python, "-c", program],
        cwd=PROJECT,
        env=environment(),
        capture_output=True,
        text=True,
        check=True,
        timeout=RUN_SECONDS,
    )
    return float(run.stdout)


_OURS: Final = "from mcp_sync import MCPClient"

_LATER: Final = ("asyncio", "tenacity", "sqlite3", "websockets")
"""What is imported when it is needed, not before."""


def imports(fleet: Fleet) -> list[Part]:
    """Importing the package in a fresh process, and what that loads."""
    here = sys.executable
    kinds = {
        # The package alone loads next to nothing; who imports it wants a client.
        "mcp_sync": lambda: _import_seconds(here, _OURS),
        "websocket": lambda: _import_seconds(here, "import websocket"),
    }
    try:
        sdk = python_of("sdk 1.30 ws")
        kinds["mcp 1.30"] = lambda: _import_seconds(sdk, "import mcp")
    except (RuntimeError, subprocess.SubprocessError, OSError) as error:
        fleet.missing["mcp 1.30"] = str(error)
    results = _by_turns(kinds, fleet.round_count)
    program = f"{_OURS}; import sys; print(sum(one in sys.modules for one in {_LATER!r}))"
    loaded = _run(here, program)
    parts = [
        ratios(
            fleet,
            results,
            "ms",
            pair,
            goal,
            measure=f"import {_said(pair[0])} / {_said(pair[1])}",
            scale="ms",
        )
        for pair, goal in (
            (("mcp_sync", "websocket"), ("≤", 2.0)),
            (("mcp 1.30", "mcp_sync"), ("≥", 5.0)),
        )
    ]
    text = f"{', '.join(_LATER)} loaded by it"
    return [*parts, Part(text, "≤", 0, [loaded], "modules")]


def _said(name: str) -> str:
    return "MCPClient from mcp_sync" if name == "mcp_sync" else name


_FIRST_RESULT: Final = {
    "ours": (
        "import sys\nfrom mcp_sync import MCPClient\n"
        "with MCPClient(sys.argv[1]) as client:\n"
        "    client.initialize()\n"
        "    client.request('tools/call', {'name': 'echo', 'arguments': {}})\n"
        "    print('result', flush=True)\n"
    ),
    "bare": (
        "import sys\nfrom tests.benchmarks.peers_tuned import Bare\n"
        "Bare(sys.argv[1]).call({})\nprint('result', flush=True)\n"
    ),
}


def _first_result_seconds(name: str, url: str) -> float:
    begin = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-c", _FIRST_RESULT[name], url],
        cwd=PROJECT,
        env=environment(),
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "result\n"
        seconds = time.perf_counter() - begin
        process.wait(RUN_SECONDS)
    return seconds


def start(fleet: Fleet) -> list[Part]:
    """From the start of a process to the first result."""
    url = fleet.server.urls["ws"]
    results = _by_turns(
        {name: lambda name=name: _first_result_seconds(name, url) for name in _FIRST_RESULT},  # type: ignore[misc]
        fleet.round_count,
    )
    text = "process start to first result / bare loop"
    pair, goal = ("ours", "bare"), ("≤", 1.3)
    return [ratios(fleet, results, "ms", pair, goal, measure=text, scale="ms")]


def notifications(fleet: Fleet) -> list[Part]:
    """From the server's send to the handler."""
    parts = []
    for text, delay, goal in (("on an idle link", 60.0, 1.0), ("right after a call", 0.3, 10.0)):
        order = {"what": "notification", "delay_ms": delay}
        results = fleet.rounds({"ours": order}, share=0.6)
        worst = figures(results, "ours", "worst")
        note = f"worst {max(worst):.2g} ms" if worst else fleet.why_missing("ours")
        values = figures(results, "ours", "p50")
        parts.append(
            Part(f"notification {text}, handler entered, p50", "≤", goal, values, "ms", note)
        )
    return parts


def growth(fleet: Fleet) -> list[Part]:
    """Whether a call costs the same when there is much of everything."""
    kinds = (
        ("4,000 calls in flight / one", {"what": "in flight", "held": 4000}, "ratio", 1.2),
        ("a queue of 100,000 / of 10,000", {"what": "queue", "count": 100_000}, "ratio", 1.2),
        ("1,000 handlers / one", {"what": "handlers", "registered": 1000}, "ratio", 1.2),
        ("100 clients in turn / one", {"what": "clients", "number": 100}, "ratio", 1.2),
        ("one of 100 clients / one", {"what": "clients", "number": 100}, "same", 1.2),
        ("threads of a client without handlers", {"what": "clients", "number": 100}, "threads", 2),
    )
    parts, measured = [], {}
    for text, order, key, goal in kinds:
        name = json.dumps(order)
        if name not in measured:
            measured[name] = fleet.rounds({"ours": order}, share=0.4, warm=False, apart=True)
        values = figures(measured[name], "ours", key)
        note = "" if values else fleet.why_missing("ours")
        unit = "" if key == "threads" else "x"
        label = text if key == "threads" else f"cost of a call with {text}"
        parts.append(Part(label, "≤", goal, values, unit, note))
    return parts
