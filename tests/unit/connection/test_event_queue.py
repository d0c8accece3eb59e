"""The queue of the events thread: filled by many threads without a lock, taken from by one."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator

import pytest

from mcp_sync.connection.event_queue import EventQueue, Job, News, Tally
from mcp_sync.events import ConnectionEvent
from mcp_sync.states import ConnectionState
from mcp_sync.types.notifications import NotificationEvent
from timing import MS

BOUND = 5000 * MS


def event(n: int) -> ConnectionEvent:
    state = ConnectionState.CONNECTED
    return ConnectionEvent(name="failed", state=state, timestamp=time.time(), context={"n": n})


def notification(n: int) -> NotificationEvent:
    return NotificationEvent(method="progress", params={"n": n}, timestamp=time.time())


def number(queue: EventQueue, entry: Job | News) -> int:
    if isinstance(entry, Job):
        return int(entry.args[0])
    found = queue.claim(entry)
    if isinstance(found, ConnectionEvent):
        return int(found.context["n"])
    assert found is not None
    return int(found.params["n"])


def drain(queue: EventQueue) -> list[int]:
    seen = []
    while (entry := queue.take()) is not None:
        seen.append(number(queue, entry))
    return seen


@pytest.fixture
def eager_threads() -> Iterator[None]:
    """Let threads change places much more often than they usually do."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


def test_entries_of_all_kinds_come_out_in_the_order_in_which_they_were_added() -> None:
    queue = EventQueue(100)
    queue.add_notification(notification(0), ())
    queue.add_event(event(1), ())
    queue.add_job(print, (2,))
    queue.add_job(print, (3,))
    queue.add_event(event(4), ())
    queue.add_notification(notification(5), (), "key")
    assert len(queue) == 6
    assert drain(queue) == [0, 1, 2, 3, 4, 5]
    assert len(queue) == 0


def test_entries_that_are_added_while_the_lanes_are_looked_at_stay_in_order(
    eager_threads: None,
) -> None:
    queue = EventQueue(100)
    bursts = 300
    seen: list[int] = []
    taken = threading.Semaphore(0)
    over = threading.Event()

    def consume() -> None:
        while not over.is_set():
            entry = queue.take()
            if entry is not None:
                seen.append(number(queue, entry))
                taken.release()

    consumer = threading.Thread(target=consume)
    consumer.start()
    try:
        for n in range(0, 3 * bursts, 3):
            queue.add_job(print, (n,))
            queue.add_event(event(n + 1), ())
            queue.add_notification(notification(n + 2), ())
            for _ in range(3):
                assert taken.acquire(timeout=BOUND)
    finally:
        over.set()
        consumer.join(BOUND)
    assert seen == list(range(3 * bursts))


def test_what_is_taken_and_not_yet_handed_out_still_counts() -> None:
    queue = EventQueue(100)
    queue.add_event(event(0), ())
    queue.add_notification(notification(1), ())
    assert queue.take() is not None
    assert len(queue) == 1
    assert drain(queue) == [1]


def test_progress_is_replaced_until_its_turn_has_come() -> None:
    queue = EventQueue(100)
    queue.add_event(event(0), ())
    queue.add_notification(notification(1), (), "key")
    first = queue.take()
    assert first is not None
    queue.add_notification(notification(2), (), "key")
    assert number(queue, first) == 0
    assert drain(queue) == [2]
    queue.add_notification(notification(3), (), "key")
    assert drain(queue) == [3]


def test_a_dropped_progress_is_not_replaced_but_added_anew() -> None:
    queue = EventQueue(2)
    queue.add_notification(notification(0), (), "key")
    queue.add_notification(notification(1), ())
    queue.add_notification(notification(2), ())
    queue.add_notification(notification(3), (), "key")
    assert queue.drops.value == 2
    assert drain(queue) == [2, 3]


def test_a_limit_of_none_keeps_jobs_only() -> None:
    queue = EventQueue(0)
    queue.add_event(event(0), ())
    queue.add_notification(notification(1), (), "key")
    queue.add_job(print, (2,))
    assert queue.drops.value == 2
    assert drain(queue) == [2]


def test_a_tally_counts_what_many_threads_add(eager_threads: None) -> None:
    tally = Tally()
    assert tally.value == 0

    def add() -> None:
        for _ in range(2000):
            tally.add()

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    assert tally.value == 16_000


def test_each_entry_is_either_taken_or_dropped_once_while_many_threads_make_room(
    eager_threads: None,
) -> None:
    queue = EventQueue(10)
    seen: list[int] = []

    def add(first: int) -> None:
        for n in range(first, first + 1000, 2):
            queue.add_notification(notification(n), ())
            queue.add_event(event(n + 1), ())

    threads = [threading.Thread(target=add, args=(1000 * n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        seen += drain(queue)
    for thread in threads:
        thread.join(BOUND)
    seen += drain(queue)
    assert len(set(seen)) == len(seen)
    assert len(seen) + queue.drops.value == 4000
    assert queue.drops.value > 0
