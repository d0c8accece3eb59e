"""The one place where threads are made."""

from __future__ import annotations

import contextlib
import threading

import pytest

from alarm import Alarm
from mcp_sync.connection.worker import (
    DECISION_THREAD,
    may_be_interrupted,
    run_uninterrupted,
    start_worker,
)
from timing import MS
from untraced import untraced

BOUND = 5000 * MS


def test_a_worker_is_a_started_daemon_with_its_name() -> None:
    seen: list[threading.Thread] = []
    thread = start_worker("mcp-test", lambda: seen.append(threading.current_thread()))
    thread.join(BOUND)
    assert seen == [thread]
    assert thread.name == "mcp-test"
    assert thread.daemon


def test_what_a_worker_returns_is_ignored() -> None:
    thread = start_worker("mcp-test", lambda: "something")
    thread.join(BOUND)
    assert not thread.is_alive()


def test_what_must_not_be_interrupted_runs_elsewhere_and_gives_its_outcome() -> None:
    names: list[str] = []

    def act() -> str:
        names.append(threading.current_thread().name)
        return "done"

    assert run_uninterrupted(act) == "done"
    assert names == [DECISION_THREAD]


def test_what_it_raises_is_raised_where_it_is_waited_for() -> None:
    with pytest.raises(ZeroDivisionError):
        run_uninterrupted(lambda: 1 // 0)


@pytest.mark.parametrize("fate", ["well", "badly"])
def test_an_interrupt_of_the_wait_is_raised_once_it_has_ended(fate: str) -> None:
    ended: list[str] = []
    begun, interrupted = threading.Event(), threading.Event()

    def act() -> str:
        begun.set()
        assert interrupted.wait(BOUND)
        ended.append(fate)
        if fate == "badly":
            raise ZeroDivisionError
        return fate

    def interrupt() -> None:
        interrupted.set()
        raise KeyboardInterrupt

    with contextlib.closing(Alarm(interrupt)) as alarm:
        alarm.when(begun.is_set)
        with untraced(), pytest.raises(KeyboardInterrupt):
            run_uninterrupted(act)
    assert ended == [fate]


def test_the_main_thread_alone_may_be_interrupted() -> None:
    assert may_be_interrupted()
    answers: list[bool] = []
    start_worker("mcp-test", lambda: answers.append(may_be_interrupted())).join(BOUND)
    assert answers == [False]
