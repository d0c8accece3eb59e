"""Work beside the connections: one worker runs jobs in order. Knows nothing of what they do."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections import deque
from collections.abc import Callable, Iterator

from mcp_sync.connection.worker import start_worker
from mcp_sync.deadline import Deadline

__all__ = ["Job", "JobInterrupted", "JobRunner"]

Job = Callable[[], None]
"""What the worker runs, one after another."""

_logger = logging.getLogger("mcp_sync.embedded")


class JobInterrupted(Exception):
    """The runner is stopping: raised in the job, which is run again after the next start."""


class JobRunner:
    """Runs jobs one after the other on one thread. Safe to use from any thread.

    Args:
        delay: seconds that each job shall take at least, as waited by `pause`.
    """

    def __init__(self, delay: float = 0.0) -> None:
        self._delay = delay
        self._jobs: deque[Job] = deque()
        self._changed = threading.Condition()
        self._holds = 0
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the worker; jobs that an earlier stop left over are run first.

        Raises:
            RuntimeError: a job of the run before has not ended yet.
        """
        if not self.join(Deadline(0)):
            raise RuntimeError("a job of the embedded server has not ended since its last stop")
        self._stopping.clear()
        self._thread = start_worker("embedded-jobs", self._run)

    def add(self, job: Job) -> None:
        """Put a job at the end of the queue; while stopped it waits for the next start."""
        with self._changed:
            self._jobs.append(job)
            self._changed.notify()

    def interrupt(self) -> None:
        """Ask the worker to end at the running job's next pause, without waiting for it."""
        with self._changed:
            self._stopping.set()
            self._changed.notify()

    def join(self, deadline: Deadline) -> bool:
        """Wait for the worker to end; whether it did in time."""
        if self._thread is None:
            return True
        self._thread.join(deadline.remaining())
        return not self._thread.is_alive()

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Let no job get past a pause inside the block; an interrupt ends it there all the same."""
        with self._changed:
            self._holds += 1
        try:
            yield
        finally:
            with self._changed:
                self._holds -= 1
                self._changed.notify()

    def pause(self, share: float = 0.0) -> None:
        """Wait for a share of the delay, and while held; called by the job between its steps.

        Args:
            share: part of the delay, from 0 (only see whether to stop) to 1.

        Raises:
            JobInterrupted: the runner is stopping.
        """
        self._stopping.wait(self._delay * share)
        with self._changed:
            self._changed.wait_for(lambda: not self._holds or self._stopping.is_set())
        if self._stopping.is_set():
            raise JobInterrupted

    def _run(self) -> None:
        while (job := self._next()) is not None:
            try:
                job()
            except JobInterrupted:
                with self._changed:
                    self._jobs.appendleft(job)
            except Exception:  # the jobs behind it belong to other clients
                _logger.exception("a job of the embedded server failed")

    def _next(self) -> Job | None:
        with self._changed:
            self._changed.wait_for(lambda: self._jobs or self._stopping.is_set())
            return None if self._stopping.is_set() else self._jobs.popleft()
