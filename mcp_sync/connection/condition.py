"""The condition of a call: what ``concurrent.futures`` needs of one, at a third of the price.

Most calls are answered to a caller that reads the answer itself, so nobody ever waits on them.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

__all__ = ["CallCondition"]

if TYPE_CHECKING:
    from threading import _RLock as RLock
else:
    # ``threading.RLock`` is a function that makes one of these.
    RLock = type(threading.RLock())


class CallCondition(RLock):  # type: ignore[misc]  # final in typeshed alone
    """A condition whose waiters are made by the first thread that waits. Safe for any thread.

    It stands in for the ``threading.Condition`` of a ``concurrent.futures.Future``, and is its own
    lock: taking it, which every call does, runs no Python.
    """

    _waiting: threading.Condition | None = None

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock until somebody notifies; False when the seconds were over first."""
        if self._waiting is None:
            self._waiting = threading.Condition(self)
        return self._waiting.wait(timeout)

    def notify_all(self) -> None:
        """Wake all threads that wait; holds the lock."""
        if self._waiting is not None:
            self._waiting.notify_all()
