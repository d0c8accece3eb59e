"""Conditions whose waiters an interrupt cannot hurt, and who cost nothing while nobody waits.

Whoever waits hangs up a bell of his own first: a lock that is released to wake him. He holds no
other lock meanwhile. With ``threading.Condition`` an interrupt can strike where the lock is let go
of and not yet taken again, and comes out as a RuntimeError.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

__all__ = ["CallCondition", "GateCondition", "OwnedLock"]

if TYPE_CHECKING:
    from threading import _RLock as OwnedLock
else:
    # What ``threading.RLock()`` makes: only its owner can release it, and it does both without
    # running any Python, so that no interrupt can come between.
    OwnedLock = type(threading.RLock())


class Bells:
    """The bells of all who wait for the same thing. Safe for any thread."""

    _bells: list[threading.Lock] | None = None
    """None before the first was hung up."""

    def hang_bell(self) -> threading.Lock:
        """Make a bell: a lock that can be taken once ``ring`` was called since."""
        bell = threading.Lock()
        bell.acquire()
        bells = self._bells
        if bells is None:
            # One operation of the interpreter, so that two threads get the same list.
            bells = self.__dict__.setdefault("_bells", [])
        bells.append(bell)
        return bell

    def take_bell_down(self, bell: threading.Lock) -> None:
        """Forget a bell that may not have been rung."""
        if self._bells is not None:
            try:  # noqa: SIM105 - suppress() costs more than all of the rest
                self._bells.remove(bell)
            except ValueError:
                pass  # It was left hanging once, and forgotten then.

    def ring(self) -> None:
        """Wake all threads that wait."""
        for bell in tuple(self._bells or ()):
            try:
                bell.release()
            except RuntimeError:
                # It was rung before: whoever hung it up is about to take it down, or never will.
                self.take_bell_down(bell)


class CallCondition(OwnedLock, Bells):  # type: ignore[misc]  # final in typeshed alone
    """What stands in for the ``threading.Condition`` of a future. Safe for any thread.

    It is its own lock: taking it, which every call does, runs no Python.
    """

    notify_all = Bells.ring

    def wait(self, timeout: float | None = None) -> bool:
        """Let go of the lock until somebody notifies; for the methods of the future itself.

        Args:
            timeout: seconds; None waits without a limit.

        Returns:
            False when the seconds were over first.
        """
        bell = self.hang_bell()
        self.release()
        try:
            return bell.acquire(True, -1 if timeout is None else timeout)
        finally:
            self.acquire()
            self.take_bell_down(bell)


class GateCondition(threading.Condition, Bells):
    """A condition of the state lock: background threads wait on it, callers by bells."""

    def notify_all(self) -> None:
        """Wake all threads that wait; holds the lock."""
        super().notify_all()
        self.ring()
