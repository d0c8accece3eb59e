"""The one place where threads are made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final, Generic, TypeVar

__all__ = ["DECISION_THREAD", "may_be_interrupted", "run_uninterrupted", "start_worker"]

DECISION_THREAD: Final = "mcp-decision"
"""The thread that decides in place of a main thread that may be interrupted."""

Outcome = TypeVar("Outcome")


def start_worker(name: str, target: Callable[[], object]) -> threading.Thread:
    """Start a named daemon thread.

    Daemon, because a script that forgets ``close()`` must still be able to exit.

    Args:
        name: the thread's name, as a debugger shows it.
        target: what it runs; its return value is ignored.

    Returns:
        The started thread.

    Raises:
        RuntimeError: the interpreter is shutting down, or the system has no thread to give.
    """
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def may_be_interrupted() -> bool:
    """Whether a signal handler can raise in the middle of what this thread runs.

    Python runs signal handlers on the main thread alone (``signal``, "Signals and threads").
    """
    return threading.current_thread() is threading.main_thread()


def run_uninterrupted(act: Callable[[], Outcome]) -> Outcome:
    """Run something on a thread that no signal handler raises in, and wait for its end.

    Args:
        act: what to run.

    Returns:
        What it returned.

    Raises:
        BaseException: what it raised; or, once it has come to its end, what interrupted the wait.
    """
    errand = _Errand(act)
    interrupts: list[BaseException] = []
    try:
        start_worker(DECISION_THREAD, errand.run)
    except BaseException as error:  # of the system, or whatever a signal handler may raise
        if not errand.claim():
            interrupts.append(error)  # It has begun all the same.
        elif isinstance(error, RuntimeError):
            return act()  # No thread is to be had, as at the exit of the interpreter.
        else:
            raise
    interrupts += errand.wait()
    if interrupts:
        raise interrupts.pop(0)
    return errand.outcome()


class _Errand(Generic[Outcome]):
    """Something that is run once, by another thread, and waited for through all interrupts.

    It is made of bare locks and a list: an interrupt finds each of their operations done or not
    begun, where it could leave a condition, which a future has, with its lock taken.
    """

    def __init__(self, act: Callable[[], Outcome]) -> None:
        self._act = act
        self._claim, self._running = threading.Lock(), threading.Lock()
        self._running.acquire()
        self._ended: list[tuple[Outcome, None] | tuple[None, BaseException]] = []

    def claim(self) -> bool:
        """Whether it has not begun; whoever is told so alone may begin it."""
        return self._claim.acquire(False)

    def run(self) -> None:
        """Do it, unless somebody else has claimed it."""
        if not self.claim():
            return
        try:
            self._ended.append((self._act(), None))
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            self._ended.append((None, error))
        self._running.release()

    def wait(self) -> list[BaseException]:
        """Wait until it has ended; what interrupted that."""
        interrupts: list[BaseException] = []
        while not self._ended:
            try:
                self._running.acquire()
            except BaseException as interrupt:  # noqa: BLE001 - the caller raises it
                interrupts.append(interrupt)
        return interrupts

    def outcome(self) -> Outcome:
        """Return or raise, once, what it came to."""
        outcome, failure = self._ended.pop()
        if failure is None:
            return outcome  # type: ignore[return-value]  # what is not there failed
        try:
            raise failure
        finally:
            # Or it, by its traceback, and this frame would hold each other.
            del failure
