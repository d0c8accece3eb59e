"""The processes of a run: the server, and each peer in one of its own, measured by turns."""

from __future__ import annotations

import contextlib
import json
import os
import random
import subprocess
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from .environments import HOME, SERVER, python_of

__all__ = ["PROJECT", "Fleet", "Results", "Server", "Worker", "WorkerError", "environment"]

PROJECT: Final = Path(__file__).parents[2]
ANSWER_SECONDS: Final = 120.0
LONGEST_REASON: Final = 120

Results = list[dict[str, dict[str, float]]]
"""One round after the other: what each peer measured, by its name."""


_UNWANTED: Final = ("PYTHONDONTWRITEBYTECODE", "PYTHONSAFEPATH")


def environment() -> dict[str, str]:
    """Of every process that is measured; none but the first compiles what it imports."""
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED}
    return kept | {"PYTHONPYCACHEPREFIX": str(HOME / "compiled")}


class WorkerError(Exception):
    """A peer cannot be measured; says why."""


class _Process:
    """A child that ends with its standard input."""

    def __init__(self, command: list[str]) -> None:
        self.process = subprocess.Popen(
            command,
            cwd=PROJECT,
            env=environment(),
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )

    def read(self, seconds: float = ANSWER_SECONDS) -> Any:
        """The next line, as JSON; the child is killed when it takes longer."""
        assert self.process.stdout is not None
        watchdog = threading.Timer(seconds, self.process.kill)
        watchdog.start()
        try:
            line = self.process.stdout.readline()
        finally:
            watchdog.cancel()
            watchdog.join()
        if not line:
            raise WorkerError(f"the process ended or was silent for {seconds:.0f} s")
        return json.loads(line)

    def write(self, message: Any) -> None:
        """One line of JSON."""
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def keep_on(self, cores: list[int]) -> None:
        """Let all its threads run on these cores alone; those that it starts later, too."""
        with contextlib.suppress(OSError):  # It has ended, or a thread of it has.
            for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
                os.sched_setaffinity(int(thread.name), cores)

    def close(self) -> None:
        """End it, by force when it does not end by itself."""
        try:
            with contextlib.suppress(BrokenPipeError):
                self.process.communicate(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()


class Server(_Process):
    """The fast server."""

    def __init__(self) -> None:
        super().__init__([python_of(SERVER), "-m", "tests.benchmarks.server"])
        websocket, http = self.read()
        self.urls = {
            "ws": f"ws://127.0.0.1:{websocket}",
            "http": f"http://127.0.0.1:{http}/mcp",
        }

    def url_for(self, peer: str) -> str:
        """Where a peer connects to."""
        return self.urls["http" if peer.endswith("http") else "ws"]


class Worker(_Process):
    """One peer, connected.

    Raises:
        WorkerError: its packages cannot be installed, or it cannot connect.
    """

    def __init__(self, peer: str, url: str, prefix: tuple[str, ...] = ()) -> None:
        try:
            python = python_of(peer)
        except (RuntimeError, subprocess.SubprocessError, OSError) as error:
            raise WorkerError(str(error)) from error
        super().__init__([*prefix, python, "-m", "tests.benchmarks.worker", peer, url])
        try:
            self.check(self.read())
        except WorkerError:
            self.close()
            raise

    def check(self, answer: dict[str, Any]) -> dict[str, float]:
        """The answer, unless it is an error."""
        if "error" in answer:
            raise WorkerError(answer["error"])
        return answer

    def ask(self, what: str, *, seconds: float = ANSWER_SECONDS, **order: Any) -> dict[str, float]:
        """Have a slice measured, which may take so many seconds."""
        self.write({"slice": what, **order})
        return self.check(self.read(seconds))


@contextlib.contextmanager
def _apart(server: Server, workers: list[Worker]) -> Iterator[None]:
    """Keep the server and the workers from sharing a core."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) < 2:
        yield
        return
    try:
        server.keep_on(cores[:1])
        for worker in workers:
            worker.keep_on(cores[1:])
        yield
    finally:
        for process in (server, *workers):
            process.keep_on(cores)


class Fleet:
    """The server and the peers, each started when it is first measured."""

    def __init__(self, rounds: int) -> None:
        self.round_count = rounds
        self.missing: dict[str, str] = {}
        """Why a peer could not be measured, by its name."""
        self.missing_slices: dict[str, str] = {}
        """The same of peers that are there, but whose last failed slice ended in an error."""
        self._workers: dict[str, Worker] = {}

    def __enter__(self) -> Fleet:
        self.server = Server()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for process in (*self._workers.values(), self.server):
            process.close()

    def fresh(self, peer: str, prefix: tuple[str, ...] = ()) -> Worker:
        """A worker that nobody else asks; the caller closes it."""
        return Worker(peer, self.server.url_for(peer), prefix)

    def worker(self, peer: str) -> Worker | None:
        """The worker of a peer; None when it is missing, which is noted with the reason."""
        if peer not in self._workers and peer not in self.missing:
            try:
                self._workers[peer] = self.fresh(peer)
            except WorkerError as error:
                self.missing[peer] = str(error)
        return self._workers.get(peer)

    def _note(self, peer: str, error: Exception) -> None:
        """A slice failed: it is missing from its round; a dead worker is started anew."""
        self.missing_slices[peer] = str(error)
        if self._workers[peer].process.poll() is not None:
            self._workers.pop(peer).close()

    def why_missing(self, peer: str) -> str:
        """Why there is no figure of a peer."""
        why = self.missing.get(peer) or self.missing_slices.get(peer) or "it was not measured"
        return textwrap.shorten(why, LONGEST_REASON, placeholder=" …")

    def rounds(
        self,
        orders: dict[str, dict[str, Any]],
        *,
        share: float = 1.0,
        warm: bool = True,
        apart: bool = False,
    ) -> Results:
        """Measure each peer by turns, in random order.

        Args:
            orders: by the names of peers: the slice as ``what`` and its arguments.
            share: of the rounds of this run; at least three are made.
            warm: True leaves a first round out of the results.
            apart: True keeps the server on a core of its own, where the system can do that. Else
                a peer of one thread shares the server's core in some rounds and not in others,
                and takes half as long where it does.
        """
        workers = [worker for worker in map(self.worker, orders) if worker is not None]
        with contextlib.ExitStack() as stack:
            if apart:
                stack.enter_context(_apart(self.server, workers))
            return self._measure(orders, share, warm)

    def _measure(self, orders: dict[str, dict[str, Any]], share: float, warm: bool) -> Results:
        results: Results = []
        for _ in range(max(3, round(self.round_count * share)) + warm):
            names = list(orders)
            random.shuffle(names)
            measured = {}
            for name in names:
                worker = self.worker(name)
                if worker is not None:
                    try:
                        measured[name] = worker.ask(**orders[name])
                    except (WorkerError, OSError) as error:
                        self._note(name, error)
            results.append(measured)
        return results[warm:]
