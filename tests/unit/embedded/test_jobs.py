from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator

import pytest

from mcp_sync.deadline import Deadline
from mcp_sync.embedded.jobs import JobInterrupted, JobRunner
from timing import MS

WAIT = 5000 * MS


@pytest.fixture
def runner() -> Iterator[JobRunner]:
    runner = JobRunner()
    runner.start()
    yield runner
    runner.interrupt()
    assert runner.join(Deadline(WAIT))


def test_jobs_run_in_order_on_one_other_thread(runner: JobRunner) -> None:
    seen: queue.SimpleQueue[tuple[int, threading.Thread]] = queue.SimpleQueue()
    for number in range(3):
        runner.add(lambda number=number: seen.put((number, threading.current_thread())))
    found = [seen.get(timeout=WAIT) for _ in range(3)]
    assert [number for number, _ in found] == [0, 1, 2]
    assert len({thread for _, thread in found} | {threading.current_thread()}) == 2


def test_a_job_that_fails_is_logged_and_the_next_one_runs(
    runner: JobRunner, caplog: pytest.LogCaptureFixture
) -> None:
    done = threading.Event()
    runner.add(lambda: 1 // 0)  # type: ignore[arg-type, return-value]
    runner.add(done.set)
    assert done.wait(WAIT)
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "ZeroDivisionError" in caplog.text


def test_a_stop_interrupts_a_pause_and_the_job_runs_again_after_the_next_start() -> None:
    runner = JobRunner(delay=60_000 * MS)
    begun, done = threading.Event(), threading.Event()

    def job() -> None:
        if begun.is_set():
            done.set()
            return
        begun.set()
        runner.pause(1.0)

    runner.add(job)
    runner.start()
    assert begun.wait(WAIT)
    runner.interrupt()
    assert runner.join(Deadline(WAIT))
    assert not done.is_set()
    runner.start()
    assert done.wait(WAIT)
    runner.interrupt()
    assert runner.join(Deadline(WAIT))


def test_a_pause_after_the_interrupt_raises_at_once() -> None:
    runner = JobRunner()
    runner.pause()
    runner.interrupt()
    with pytest.raises(JobInterrupted):
        runner.pause()


def test_a_held_job_gets_past_no_pause_until_all_have_let_go(runner: JobRunner) -> None:
    begun, done = threading.Event(), threading.Event()

    def job() -> None:
        begun.set()
        runner.pause()
        done.set()

    with runner.hold():
        with runner.hold():
            runner.add(job)
            assert begun.wait(WAIT)
        assert not done.wait(10 * MS)
    assert done.wait(WAIT)


def test_a_held_job_is_interrupted_like_any_other(runner: JobRunner) -> None:
    begun = threading.Event()

    def job() -> None:
        begun.set()
        runner.pause()

    with runner.hold():
        runner.add(job)
        assert begun.wait(WAIT)
        runner.interrupt()
        assert runner.join(Deadline(WAIT))


def test_join_says_when_a_job_does_not_end_in_time(runner: JobRunner) -> None:
    begun, released = threading.Event(), threading.Event()
    runner.add(lambda: (begun.set(), released.wait(WAIT)))  # type: ignore[func-returns-value]
    assert begun.wait(WAIT)
    runner.interrupt()
    assert not runner.join(Deadline(10 * MS))
    released.set()


def test_a_runner_that_never_started_is_joined_at_once() -> None:
    assert JobRunner().join(Deadline(0))
