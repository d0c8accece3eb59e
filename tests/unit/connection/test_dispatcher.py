"""The events thread itself: when it lives, what ends it, what it keeps alive, what it survives."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_sync.connection.dispatcher import EVENTS_THREAD, Dispatcher
from mcp_sync.connection.event_queue import EventQueue, News
from mcp_sync.deadline import Deadline
from mcp_sync.events import ConnectionEvent
from mcp_sync.states import ConnectionState
from mcp_sync.types.notifications import NotificationEvent
from timing import MS

BOUND = 5000 * MS
SHORT = 50 * MS


def event(
    name: str = "connected", state: ConnectionState = ConnectionState.CONNECTED, **context: Any
) -> ConnectionEvent:
    return ConnectionEvent(name=name, state=state, timestamp=time.time(), context=context)


def closed_event(**context: Any) -> ConnectionEvent:
    return event("disconnected", ConnectionState.DISCONNECTED, **context)


def notification(method: str = "status_update", **params: Any) -> NotificationEvent:
    return NotificationEvent(method=method, params=params, timestamp=time.time())


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher()
    yield dispatcher
    assert dispatcher.stop(Deadline(BOUND))


def events_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == EVENTS_THREAD]


def settle(dispatcher: Dispatcher) -> None:
    done = threading.Event()
    dispatcher.post(done.set)
    assert done.wait(BOUND)


def block(dispatcher: Dispatcher) -> threading.Event:
    """Keep the events thread busy until the event that is returned is set."""
    entered, release = threading.Event(), threading.Event()

    def stay() -> None:
        entered.set()
        assert release.wait(BOUND)

    dispatcher.post(stay)
    assert entered.wait(BOUND)
    return release


def test_there_is_no_thread_before_something_waits(dispatcher: Dispatcher) -> None:
    dispatcher.on("connected", print)
    dispatcher.kick()
    assert events_threads() == []


def test_an_event_is_delivered_after_the_kick(dispatcher: Dispatcher) -> None:
    done = threading.Event()
    dispatcher.on("connected", lambda _: done.set())
    dispatcher.announce(event())
    assert events_threads() == []
    dispatcher.kick()
    assert done.wait(BOUND)
    assert len(events_threads()) == 1


def test_one_thread_serves_a_whole_life(dispatcher: Dispatcher) -> None:
    threads: set[threading.Thread] = set()
    dispatcher.on("connected", lambda _: threads.add(threading.current_thread()))
    for _ in range(50):
        dispatcher.announce(event())
        dispatcher.kick()
        settle(dispatcher)
    assert len(threads) == 1


def test_many_kicks_at_once_start_one_thread(dispatcher: Dispatcher) -> None:
    start = threading.Barrier(8)
    done = threading.Semaphore(0)

    def kick() -> None:
        start.wait(BOUND)
        dispatcher.post(done.release)

    threads = [threading.Thread(target=kick) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
        assert done.acquire(timeout=BOUND)
    assert len(events_threads()) == 1


def test_posted_functions_run_in_order_with_their_arguments(dispatcher: Dispatcher) -> None:
    seen: list[Any] = []
    dispatcher.on("connected", lambda e: seen.append(e.context["n"]))

    async def coroutine(n: int) -> None:
        seen.append(n)

    release = block(dispatcher)
    dispatcher.post(seen.append, 0)
    dispatcher.announce(event(n=1))
    dispatcher.post(coroutine, 2)
    dispatcher.announce(event(n=3))
    dispatcher.post(seen.append, 4)
    release.set()
    settle(dispatcher)
    assert seen == [0, 1, 2, 3, 4]


def test_a_posted_function_that_raises_is_logged_and_counted(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, "mcp_sync.events"):
        dispatcher.post(int, "no number")
        settle(dispatcher)
    assert dispatcher.handler_errors == 1
    assert "builtins.int (posted) raised" in caplog.text


def test_posted_functions_are_never_dropped(dispatcher: Dispatcher) -> None:
    seen: list[int] = []
    dispatcher.on_notification("*", print)
    release = block(dispatcher)
    for n in range(3000):
        dispatcher.post(seen.append, n)
    assert dispatcher.dropped == 0
    release.set()
    settle(dispatcher)
    assert seen == list(range(3000))


def test_nothing_is_lost_and_each_thread_keeps_its_order_under_load() -> None:
    dispatcher = Dispatcher(limit=100_000)
    state_lock = threading.Lock()
    running: Counter[str] = Counter()
    seen: dict[tuple[str, int], list[int]] = {}
    overlaps: list[str] = []

    def note(kind: str, thread: int, n: int) -> None:
        running[kind] += 1
        if sum(running.values()) > 1:
            overlaps.append(kind)
        seen.setdefault((kind, thread), []).append(n)
        running[kind] -= 1

    dispatcher.on("failed", lambda e: note("event", e.context["thread"], e.context["n"]))
    dispatcher.on_notification("*", lambda e: note("note", e.params["thread"], e.params["n"]))

    def produce(thread: int) -> None:
        for n in range(0, 1500, 3):
            with state_lock:
                dispatcher.announce(event("failed", thread=thread, n=n))
            dispatcher.kick()
            dispatcher.notify(notification(thread=thread, n=n + 1))
            dispatcher.kick()
            dispatcher.post(note, "post", thread, n + 2)

    threads = [threading.Thread(target=produce, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND * 4)
    assert dispatcher.stop(Deadline(BOUND * 4))
    assert overlaps == []
    assert dispatcher.dropped == 0
    for number in range(4):
        assert seen["event", number] == list(range(0, 1500, 3))
        assert seen["note", number] == list(range(1, 1500, 3))
        assert seen["post", number] == list(range(2, 1500, 3))


def test_what_one_thread_queues_of_several_kinds_stays_in_order_while_it_is_delivered() -> None:
    dispatcher = Dispatcher(limit=100_000)
    seen: list[int] = []
    dispatcher.on("failed", lambda e: seen.append(e.context["n"]))
    dispatcher.on_notification("*", lambda e: seen.append(e.params["n"]))
    for n in range(0, 15_000, 3):
        dispatcher.post(seen.append, n)
        dispatcher.announce(event("failed", n=n + 1))
        dispatcher.notify(notification(n=n + 2))
    assert dispatcher.stop(Deadline(BOUND * 4))
    assert seen == list(range(15_000))


def test_the_last_progress_always_arrives_while_handlers_are_running(
    dispatcher: Dispatcher,
) -> None:
    seen: list[int] = []
    dispatcher.on_notification("progress", lambda e: seen.append(e.params["n"]))
    for n in range(20_000):
        dispatcher.notify(notification("progress", n=n), coalesce_key="token")
        dispatcher.kick()
        if n % 500 == 499:
            settle(dispatcher)
            assert seen[-1] == n
    assert seen == sorted(set(seen))
    assert dispatcher.dropped == 0


class InterveningKey:
    """A key whose hash, asked for in the events thread, lets another thread act first."""

    def __init__(self, act: Callable[[], object]) -> None:
        self.act: Callable[[], object] | None = act

    def __hash__(self) -> int:
        if self.act is not None and threading.current_thread().name == EVENTS_THREAD:
            act, self.act = self.act, None
            thread = threading.Thread(target=act)
            thread.start()
            thread.join(BOUND)
        return 1


def test_progress_that_comes_while_the_earlier_one_is_taken_has_a_turn_of_its_own(
    dispatcher: Dispatcher,
) -> None:
    seen: list[int] = []
    dispatcher.on_notification("*", lambda e: seen.append(e.params["n"]))
    key = InterveningKey(lambda: dispatcher.notify(notification(n=2), coalesce_key=key))
    release = block(dispatcher)
    dispatcher.notify(notification(n=1), coalesce_key=key)
    dispatcher.notify(notification("other", n=0))
    release.set()
    settle(dispatcher)
    assert seen == [0, 2]


def test_progress_that_got_a_turn_of_its_own_is_replaced_by_what_comes_before_that_turn(
    dispatcher: Dispatcher,
) -> None:
    seen: list[int] = []
    key = InterveningKey(lambda: dispatcher.notify(notification(n=2), coalesce_key=key))
    dispatcher.on_notification("*", lambda e: seen.append(e.params["n"]))
    dispatcher.on_notification(
        "other", lambda _: dispatcher.notify(notification(n=3), coalesce_key=key)
    )
    release = block(dispatcher)
    dispatcher.notify(notification(n=1), coalesce_key=key)
    dispatcher.notify(notification("other", n=0))
    release.set()
    settle(dispatcher)
    assert seen == [0, 3]


def test_progress_that_is_taken_while_it_replaces_the_earlier_one_is_delivered_once() -> None:
    queue = EventQueue(10)
    taken: list[Any] = []

    def take() -> None:
        news = queue.take()
        assert isinstance(news, News)
        taken.append(queue.claim(news))

    earlier, later = notification(n=1), notification(n=2)
    queue.add_notification(earlier, (), "key")
    # The last reference to the earlier event goes when the later one has its place.
    weakref.finalize(earlier, take)
    del earlier
    queue.add_notification(later, (), "key")
    assert taken == [later]
    assert queue.take() is None


def test_what_is_posted_while_the_thread_is_about_to_end_is_still_run(
    dispatcher: Dispatcher,
) -> None:
    seen: list[str] = []
    kept: list[asyncio.Task[None]] = []

    async def post_at_the_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            dispatcher.post(seen.append, "posted")

    async def leave_a_task_behind() -> None:
        kept.append(asyncio.create_task(post_at_the_end()))
        await asyncio.sleep(0)

    dispatcher.post(leave_a_task_behind)
    assert dispatcher.stop(Deadline(BOUND)) is True
    assert seen == ["posted"]


def test_delivered_and_dropped_make_the_whole_under_overflow() -> None:
    dispatcher = Dispatcher(limit=50)
    seen: list[int] = []
    dispatcher.on_notification("*", lambda e: seen.append(e.params["n"]))

    def produce() -> None:
        for n in range(2000):
            dispatcher.notify(notification(n=n))
            dispatcher.kick()

    threads = [threading.Thread(target=produce) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND * 4)
    assert dispatcher.stop(Deadline(BOUND))
    assert len(seen) + dispatcher.dropped == 6000


def test_stop_delivers_what_waits_and_ends_the_thread(dispatcher: Dispatcher) -> None:
    seen: list[int] = []
    dispatcher.on("disconnected", lambda e: seen.append(e.context["n"]))
    for n in range(100):
        dispatcher.announce(closed_event(n=n))
    assert dispatcher.stop(Deadline(BOUND)) is True
    assert seen == list(range(100))
    assert events_threads() == []


def test_stop_without_a_thread_returns_at_once(dispatcher: Dispatcher) -> None:
    assert dispatcher.stop(Deadline(0)) is True
    assert dispatcher.stop(Deadline(None)) is True


def test_stop_is_bounded_although_a_handler_is_stuck(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[ConnectionEvent] = []
    dispatcher.on("disconnected", seen.append)
    release = block(dispatcher)
    dispatcher.announce(closed_event())
    started = time.monotonic()
    with caplog.at_level(logging.WARNING, "mcp_sync.events"):
        assert dispatcher.stop(Deadline(SHORT)) is False
    assert SHORT <= time.monotonic() - started < BOUND
    assert "1 events not delivered, a handler is still running" in caplog.text
    (thread,) = events_threads()
    release.set()
    thread.join(BOUND)
    assert not thread.is_alive()
    assert seen == []


def test_what_was_left_at_the_deadline_is_delivered_after_a_later_kick(
    dispatcher: Dispatcher,
) -> None:
    seen: list[str] = []
    dispatcher.on("disconnected", lambda e: seen.append(e.name))
    dispatcher.on("connected", lambda e: seen.append(e.name))
    release = block(dispatcher)
    (old,) = events_threads()
    dispatcher.announce(closed_event())
    assert not dispatcher.stop(Deadline(0))
    release.set()
    old.join(BOUND)
    assert seen == []
    dispatcher.announce(event())
    dispatcher.kick()
    settle(dispatcher)
    assert seen == ["disconnected", "connected"]


def test_a_kick_while_a_handler_is_stuck_after_stop_goes_on_behind_it(
    dispatcher: Dispatcher,
) -> None:
    seen: list[str] = []
    dispatcher.on("connected", lambda e: seen.append(e.name))
    release = block(dispatcher)
    assert not dispatcher.stop(Deadline(0))
    dispatcher.announce(event())
    dispatcher.kick()
    assert len(events_threads()) == 1
    release.set()
    settle(dispatcher)
    assert seen == ["connected"]


def test_a_function_posted_after_a_stop_that_timed_out_is_still_run(
    dispatcher: Dispatcher,
) -> None:
    seen: list[int] = []
    release = block(dispatcher)
    (old,) = events_threads()
    assert not dispatcher.stop(Deadline(0))
    release.set()
    old.join(BOUND)
    dispatcher.post(seen.append, 1)
    settle(dispatcher)
    assert seen == [1]


def test_a_function_posted_while_a_thread_ends_is_run_by_the_next(
    dispatcher: Dispatcher,
) -> None:
    ending, release = threading.Event(), threading.Event()

    class HeldByTheThread:
        def __del__(self) -> None:
            ending.set()
            release.wait(BOUND)

    local = threading.local()
    dispatcher.post(lambda: setattr(local, "held", HeldByTheThread()))
    settle(dispatcher)
    (old,) = events_threads()
    assert not dispatcher.stop(Deadline(SHORT))
    assert ending.wait(BOUND)
    try:
        settle(dispatcher)
        assert old.is_alive()
    finally:
        release.set()
        old.join(BOUND)


def test_a_key_is_let_go_when_its_progress_was_delivered_or_dropped() -> None:
    class Key:
        pass

    dispatcher = Dispatcher(limit=1)
    dispatcher.on_notification("*", lambda _: None)
    delivered, dropped = Key(), Key()
    gone = [weakref.ref(delivered), weakref.ref(dropped)]
    release = block(dispatcher)
    dispatcher.notify(notification(), coalesce_key=dropped)
    dispatcher.notify(notification(), coalesce_key=delivered)
    assert dispatcher.dropped == 1
    del dropped
    assert gone[1]() is None
    del delivered
    release.set()
    assert dispatcher.stop(Deadline(BOUND))
    assert gone[0]() is None


def test_a_slow_handler_does_not_hold_stop_beyond_the_deadline(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    begun, tick = threading.Event(), threading.Event()
    seen: list[int] = []

    def slow(happened: ConnectionEvent) -> None:
        seen.append(happened.context["n"])
        begun.set()
        tick.wait(100 * MS)

    dispatcher.on("disconnected", slow)
    for n in range(200):
        dispatcher.announce(closed_event(n=n))
    dispatcher.kick()
    assert begun.wait(BOUND)
    with caplog.at_level(logging.WARNING, "mcp_sync.events"):
        assert dispatcher.stop(Deadline(SHORT)) is False
    assert 0 < len(seen) < 200
    assert "events not delivered" in caplog.text
    tick.set()
    assert dispatcher.stop(Deadline(BOUND)) is True
    assert seen == list(range(200))


def test_stop_from_a_handler_does_not_wait_for_itself_and_delivers_what_follows(
    dispatcher: Dispatcher,
) -> None:
    seen: list[str] = []
    results: list[bool] = []

    def close(_: ConnectionEvent) -> None:
        dispatcher.announce(closed_event())
        results.append(dispatcher.stop(Deadline(BOUND)))

    dispatcher.on("failed", close)
    dispatcher.on("disconnected", lambda e: seen.append(e.name))
    dispatcher.announce(event("failed"))
    dispatcher.kick()
    for thread in events_threads():
        thread.join(BOUND)
    assert events_threads() == []
    assert results == [False]
    assert seen == ["disconnected"]


def test_stop_from_several_threads_at_once(dispatcher: Dispatcher) -> None:
    seen: list[int] = []
    dispatcher.on("disconnected", lambda e: seen.append(e.context["n"]))
    for n in range(100):
        dispatcher.announce(closed_event(n=n))
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda: results.append(dispatcher.stop(Deadline(BOUND))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(BOUND)
    assert results == [True] * 4
    assert seen == list(range(100))


def test_after_stop_a_kick_starts_a_thread_that_ends_when_nothing_waits(
    dispatcher: Dispatcher,
) -> None:
    settle(dispatcher)
    assert dispatcher.stop(Deadline(BOUND))
    threads: list[threading.Thread] = []
    done = threading.Event()

    def note() -> None:
        threads.append(threading.current_thread())
        done.set()

    dispatcher.post(note)
    assert done.wait(BOUND)
    threads[0].join(BOUND)
    assert not threads[0].is_alive()


def test_after_an_open_connection_is_announced_again_the_thread_stays(
    dispatcher: Dispatcher,
) -> None:
    settle(dispatcher)
    assert dispatcher.stop(Deadline(BOUND))
    threads: set[threading.Thread] = set()
    dispatcher.on("connected", lambda _: threads.add(threading.current_thread()))
    dispatcher.announce(closed_event())
    for _ in range(3):
        dispatcher.announce(event())
        dispatcher.kick()
        settle(dispatcher)
    assert len(threads) == 1
    assert events_threads() == list(threads)


def test_events_queued_under_the_state_lock_are_delivered_without_it(
    dispatcher: Dispatcher,
) -> None:
    release = block(dispatcher)
    state_lock = threading.Lock()
    free: list[bool] = []

    def look(_: Any) -> None:
        free.append(state_lock.acquire(timeout=BOUND))
        if free[-1]:
            state_lock.release()

    dispatcher.on("failed", look)
    dispatcher.on_notification("*", look)
    with state_lock:
        for _ in range(1500):
            dispatcher.announce(event("failed"))
            dispatcher.notify(notification(), coalesce_key="key")
    dispatcher.kick()
    release.set()
    settle(dispatcher)
    assert free == [True] * 1000


def test_an_idle_thread_keeps_nothing_alive_that_it_delivered(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL, "mcp_sync.events")  # log records would keep the traceback

    class Client:
        def hear(self, _: Any) -> None:
            raise ValueError("with a traceback that refers to the client")

        async def run(self) -> None:
            pass

    client = Client()
    dispatcher.on("connected", client.hear, once=True)
    dispatcher.announce(event(client=client))
    dispatcher.post(client.hear, client)
    dispatcher.post(client.run)
    settle(dispatcher)
    gone = threading.Event()
    weakref.finalize(client, gone.set)
    del client
    assert gone.wait(BOUND)


def test_a_stopped_dispatcher_is_collected() -> None:
    dispatcher = Dispatcher()
    settle(dispatcher)
    assert dispatcher.stop(Deadline(BOUND))
    gone = weakref.ref(dispatcher)
    del dispatcher
    gc.collect()
    assert gone() is None


def test_where_no_thread_can_be_started_the_caller_goes_on_and_nothing_is_lost(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[int] = []
    # More address space than there is: the system refuses the thread.
    usual = threading.stack_size(1 << 50)
    try:
        with caplog.at_level(logging.WARNING, "mcp_sync.events"):
            dispatcher.post(seen.append, 1)
    finally:
        threading.stack_size(usual)
    assert "1 events wait for a thread" in caplog.text
    assert seen == []
    settle(dispatcher)
    assert seen == [1]
