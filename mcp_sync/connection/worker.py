"""The one place where threads are made."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final, TypeVar

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
    outcome: Future[Outcome] = Future()
    # A condition, which the future would wait on, an interrupt can leave without its lock.
    running = threading.Lock()
    running.acquire()

    def run() -> None:
        if not outcome.set_running_or_notify_cancel():
            return
        try:
            outcome.set_result(act())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            outcome.set_exception(error)
        running.release()

    interrupts: list[BaseException] = []
    try:
        start_worker(DECISION_THREAD, run)
    except BaseException as error:  # of the system, or whatever a signal handler may raise
        if not outcome.cancel():
            interrupts.append(error)  # It has begun all the same.
        elif isinstance(error, RuntimeError):
            return act()  # No thread is to be had, as at the exit of the interpreter.
        else:
            raise
    while not outcome.done():
        try:
            running.acquire()
        except BaseException as interrupt:  # noqa: BLE001 - raised again when the wait is over
            interrupts.append(interrupt)
    if interrupts:
        raise interrupts.pop(0)
    return outcome.result()
