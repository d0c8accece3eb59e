"""The condition of a call: what ``concurrent.futures`` needs of one, at a third of the price.

Most calls are answered to a caller that reads the answer itself, so nobody ever waits on them.
"""

from __future__ import annotations

import threading
from types import TracebackType

__all__ = ["CallCondition"]


class CallCondition:
    """A condition whose waiters are made by the first thread that waits. Safe for any thread.

    It stands in for the ``threading.Condition`` of a ``concurrent.futures.Future``.
    """

    __slots__ = ("_lock", "_waiting")

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._waiting: threading.Condition | None = None

    def __enter__(self) -> bool:
        return self._lock.__enter__()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._lock.release()

    def acquire(self) -> bool:
        """Take the lock; for ``concurrent.futures.wait`` and ``as_completed``."""
        return self._lock.acquire()

    def release(self) -> None:
        """Let go of the lock."""
        self._lock.release()

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock until somebody notifies; False when the seconds were over first."""
        if self._waiting is None:
            self._waiting = threading.Condition(self._lock)
        return self._waiting.wait(timeout)

    def notify_all(self) -> None:
        """Wake all threads that wait; holds the lock."""
        if self._waiting is not None:
            self._waiting.notify_all()
