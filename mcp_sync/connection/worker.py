"""The one place where threads are made."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import FrameType
from typing import Final, Generic, TypeVar

__all__ = ["DECISION_THREAD", "may_be_interrupted", "run_uninterrupted", "start_worker"]

DECISION_THREAD: Final = "mcp-decision"
"""The thread that decides in place of a main thread that may be interrupted."""

_LOCKING: Final = frozenset({"logging", "threading", "concurrent.futures._base"})
"""Modules whose locks a decision may want, because it logs and settles futures."""

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
    """Whether what this thread runs has to be kept from what signal handlers raise.

    Python runs them on the main thread alone (``signal``, "Signals and threads"). What such a
    handler itself calls, where it has struck this library or ``logging``, is left where it is:
    the locks that were held there are free for their owner alone, who could not wait for another
    thread. And at the end of the interpreter new threads never begin.
    """
    is_main = threading.current_thread() is threading.main_thread()
    return is_main and not sys.is_finalizing() and not _has_struck_locks(sys._getframe(1))


def _has_struck_locks(frame: FrameType | None) -> bool:
    """Whether below this call of the library another one, or whoever takes locks, is under way."""
    while frame is not None and _is_ours(frame):
        frame = frame.f_back
    while frame is not None:
        if _is_ours(frame) or frame.f_globals.get("__name__") in _LOCKING:
            return True
        frame = frame.f_back
    return False


def _is_ours(frame: FrameType) -> bool:
    return str(frame.f_globals.get("__name__")).startswith("mcp_sync.")


def run_uninterrupted(act: Callable[[], Outcome]) -> Outcome:
    """Run something on a thread that no signal handler raises in, and wait for its end.

    Args:
        act: what to run.

    Returns:
        What it returned.

    Raises:
        BaseException: what it raised; or, once it has come to its end, what interrupted the wait.
    """
    errand, handled = _Errand(act), sys.exception()
    interrupts: list[BaseException] = []
    try:
        start_worker(DECISION_THREAD, errand.run)
    except BaseException as error:  # noqa: BLE001 - of the system, or of any signal handler
        interrupt = _interrupt_in(error, handled)
        if errand.claim():
            if interrupt is None:
                return act()
            raise interrupt from None
        interrupts.append(interrupt or error)  # It has begun all the same.
    while not errand.has_ended:
        try:
            errand.wait()
        except BaseException as interrupt:  # noqa: BLE001 - raised again when it has ended
            interrupts.append(interrupt)
    if interrupts:
        raise interrupts.pop(0)
    return errand.outcome()


def _interrupt_in(error: BaseException, handled: BaseException | None) -> BaseException | None:
    """What a signal handler raised while a thread was started; None where there is none to be had.

    An interrupt inside ``Thread.start()`` may come out as what its condition makes of it, a
    RuntimeError like that of a system without threads.
    """
    if not isinstance(error, RuntimeError):
        return error
    return None if error.__context__ is handled else error.__context__


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

    @property
    def has_ended(self) -> bool:
        """Whether it has come to its end."""
        return bool(self._ended)

    def wait(self) -> None:
        """Wait until it has ended."""
        if not self._ended:
            self._running.acquire()

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
