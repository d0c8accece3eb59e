"""What users may rely on when they register handlers: order, isolation, bounds, coroutines."""

from __future__ import annotations

import asyncio
import functools
import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_sync.connection.dispatcher import EVENTS_THREAD, Dispatcher
from mcp_sync.deadline import Deadline
from mcp_sync.events import EVENT_NAMES, ConnectionEvent
from mcp_sync.states import ConnectionState
from mcp_sync.types.notifications import NotificationEvent
from timing import MS

BOUND = 5000 * MS


def event(name: str = "connected", **context: Any) -> ConnectionEvent:
    return ConnectionEvent(
        name=name, state=ConnectionState.CONNECTED, timestamp=time.time(), context=context
    )


def notification(method: str = "status_update", **params: Any) -> NotificationEvent:
    return NotificationEvent(method=method, params=params, timestamp=time.time())


@pytest.fixture
def dispatcher() -> Iterator[Dispatcher]:
    dispatcher = Dispatcher()
    yield dispatcher
    assert dispatcher.stop(Deadline(BOUND))


class Blocked:
    """A handler that stays in its first call until it is released, and keeps what it was given."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.release = threading.Event()
        self.seen: list[Any] = []

    def __call__(self, event: Any) -> None:
        self.seen.append(event)
        self.entered.set()
        assert self.release.wait(BOUND)


@pytest.fixture
def blocked(dispatcher: Dispatcher) -> Iterator[Blocked]:
    """A handler of ``offline`` in whose first call the events thread stays."""
    handler = Blocked()
    dispatcher.on("offline", handler)
    dispatcher.announce(event("offline"))
    dispatcher.kick()
    assert handler.entered.wait(BOUND)
    yield handler
    handler.release.set()


def settle(dispatcher: Dispatcher) -> None:
    """Wait until everything that was queued so far was delivered."""
    done = threading.Event()
    dispatcher.post(done.set)
    assert done.wait(BOUND)


def deliver(dispatcher: Dispatcher, *events: ConnectionEvent | NotificationEvent) -> None:
    for each in events:
        if isinstance(each, ConnectionEvent):
            dispatcher.announce(each)
        else:
            dispatcher.notify(each)
    settle(dispatcher)


def test_every_handler_of_an_event_is_called_in_the_order_of_registration(
    dispatcher: Dispatcher,
) -> None:
    calls: list[tuple[str, ConnectionEvent]] = []
    for name in ("first", "second", "third"):
        dispatcher.on("connected", functools.partial(lambda n, e: calls.append((n, e)), name))
    happened = event(generation=1)
    deliver(dispatcher, happened)
    assert calls == [("first", happened), ("second", happened), ("third", happened)]


def test_a_handler_hears_its_own_event_only(dispatcher: Dispatcher) -> None:
    seen: list[str] = []
    dispatcher.on("failed", lambda e: seen.append(e.name))
    deliver(dispatcher, *(event(name) for name in EVENT_NAMES))
    assert seen == ["failed"]


def test_events_and_notifications_arrive_in_the_order_in_which_they_happened(
    dispatcher: Dispatcher, blocked: Blocked
) -> None:
    seen: list[Any] = []
    dispatcher.on("failed", lambda e: seen.append(e.context["n"]))
    dispatcher.on_notification("*", lambda e: seen.append(e.params["n"]))
    for n in range(200):
        if n % 3:
            dispatcher.notify(notification(n=n))
        else:
            dispatcher.announce(event("failed", n=n))
    blocked.release.set()
    settle(dispatcher)
    assert seen == list(range(200))


def test_handlers_run_on_the_events_thread_and_on_no_other(dispatcher: Dispatcher) -> None:
    threads: list[threading.Thread] = []
    dispatcher.on("connected", lambda _: threads.append(threading.current_thread()))
    dispatcher.on_notification("*", lambda _: threads.append(threading.current_thread()))
    deliver(dispatcher, event(), notification(), event())
    assert {thread.name for thread in threads} == {EVENTS_THREAD}
    assert len(set(threads)) == 1
    assert threads[0].daemon


def test_a_typo_in_an_event_name_is_an_error_that_lists_the_names(dispatcher: Dispatcher) -> None:
    for method in (dispatcher.on, dispatcher.off):
        with pytest.raises(ValueError, match="'conected'") as caught:
            method("conected", print)
        for name in EVENT_NAMES:
            assert name in str(caught.value)


def test_a_handler_that_cannot_be_called_is_refused(dispatcher: Dispatcher) -> None:
    with pytest.raises(TypeError, match="'connected' must be callable, not 'print'"):
        dispatcher.on("connected", "print")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be callable"):
        dispatcher.on_notification("*", None)  # type: ignore[arg-type]
    assert dispatcher.handler_names() == {}


def test_an_empty_notification_method_is_refused(dispatcher: Dispatcher) -> None:
    with pytest.raises(ValueError, match="must not be empty"):
        dispatcher.on_notification("", print)
    with pytest.raises(ValueError, match="must not be empty"):
        dispatcher.off_notification("", print)


def test_once_is_called_for_one_event_even_where_several_wait(
    dispatcher: Dispatcher, blocked: Blocked
) -> None:
    once: list[int] = []
    always: list[int] = []
    dispatcher.on("failed", lambda e: once.append(e.context["n"]), once=True)
    dispatcher.on("failed", lambda e: always.append(e.context["n"]))
    for n in range(3):
        dispatcher.announce(event("failed", n=n))
    blocked.release.set()
    settle(dispatcher)
    assert once == [0]
    assert always == [0, 1, 2]


def test_once_for_every_notification_is_called_for_one(dispatcher: Dispatcher) -> None:
    seen: list[str] = []
    dispatcher.on_notification("*", lambda e: seen.append(e.method), once=True)
    deliver(dispatcher, notification("a"), notification("b"))
    assert seen == ["a"]
    assert dispatcher.handler_names() == {}


def test_a_handler_registered_with_once_and_without_loses_the_once_only(
    dispatcher: Dispatcher,
) -> None:
    seen: list[ConnectionEvent] = []

    def hear(happened: ConnectionEvent) -> None:
        seen.append(happened)

    dispatcher.on("connected", hear, once=True)
    dispatcher.on("connected", hear)
    deliver(dispatcher, event())
    assert len(seen) == 2
    deliver(dispatcher, event())
    assert len(seen) == 3


def test_a_once_handler_that_raises_is_not_called_again(dispatcher: Dispatcher) -> None:
    def fail(_: ConnectionEvent) -> None:
        raise LookupError

    dispatcher.on("failed", fail, once=True)
    deliver(dispatcher, event("failed"), event("failed"))
    assert dispatcher.handler_errors == 1


def test_off_ends_the_calls_and_says_whether_there_was_such_a_handler(
    dispatcher: Dispatcher,
) -> None:
    seen: list[ConnectionEvent] = []
    dispatcher.on("connected", seen.append)
    deliver(dispatcher, event())
    assert dispatcher.off("connected", seen.append) is True
    assert dispatcher.off("connected", seen.append) is False
    deliver(dispatcher, event())
    assert len(seen) == 1
    assert not dispatcher.wants("connected")


def test_off_reaches_events_that_wait_already(dispatcher: Dispatcher, blocked: Blocked) -> None:
    seen: list[Any] = []
    dispatcher.on("failed", seen.append)
    dispatcher.on_notification("status_update", seen.append)
    dispatcher.announce(event("failed"))
    dispatcher.notify(notification())
    dispatcher.off("failed", seen.append)
    dispatcher.off_notification("status_update", seen.append)
    blocked.release.set()
    settle(dispatcher)
    assert seen == []


def test_off_of_one_handler_keeps_the_others(dispatcher: Dispatcher) -> None:
    seen: list[str] = []

    def first(_: ConnectionEvent) -> None:
        seen.append("first")

    def second(_: ConnectionEvent) -> None:
        seen.append("second")

    for handler in (first, second, first):
        dispatcher.on("connected", handler)
    deliver(dispatcher, event())
    assert seen == ["first", "second", "first"]
    assert dispatcher.off("connected", first)
    deliver(dispatcher, event())
    assert seen == ["first", "second", "first", "second"]


def test_a_handler_registered_later_does_not_hear_what_happened_before(
    dispatcher: Dispatcher, blocked: Blocked
) -> None:
    early: list[int] = []
    late: list[int] = []
    dispatcher.on("failed", lambda e: early.append(e.context["n"]))
    dispatcher.announce(event("failed", n=1))
    dispatcher.on("failed", lambda e: late.append(e.context["n"]))
    dispatcher.announce(event("failed", n=2))
    blocked.release.set()
    settle(dispatcher)
    assert early == [1, 2]
    assert late == [2]


def test_a_handler_may_take_itself_away_and_register_another(dispatcher: Dispatcher) -> None:
    seen: list[str] = []

    def second(_: ConnectionEvent) -> None:
        seen.append("second")

    def first(_: ConnectionEvent) -> None:
        seen.append("first")
        dispatcher.off("connected", first)
        dispatcher.on("connected", second)

    dispatcher.on("connected", first)
    deliver(dispatcher, event())
    deliver(dispatcher, event())
    assert seen == ["first", "second"]


def test_handlers_of_a_method_run_before_those_of_every_method(dispatcher: Dispatcher) -> None:
    seen: list[str] = []
    dispatcher.on_notification("*", lambda e: seen.append(f"* {e.method}"))
    dispatcher.on_notification("error", lambda e: seen.append(e.method))
    deliver(dispatcher, notification("error"), notification("other"))
    assert seen == ["error", "* error", "* other"]


def test_a_notification_method_and_an_event_of_the_same_name_are_apart(
    dispatcher: Dispatcher,
) -> None:
    seen: list[str] = []
    dispatcher.on("failed", lambda _: seen.append("event"))
    dispatcher.on_notification("failed", lambda _: seen.append("notification"))
    deliver(dispatcher, notification("failed"))
    assert seen == ["notification"]
    deliver(dispatcher, event("failed"))
    assert seen == ["notification", "event"]


@pytest.mark.parametrize(
    "error", [ValueError, KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
@pytest.mark.parametrize("coroutine", [False, True], ids=["plain", "coroutine"])
def test_a_handler_that_raises_is_logged_with_its_traceback_and_harms_nobody_else(
    dispatcher: Dispatcher,
    caplog: pytest.LogCaptureFixture,
    error: type[BaseException],
    coroutine: bool,
) -> None:
    seen: list[str] = []

    def culprit(_: ConnectionEvent) -> None:
        raise error("on purpose")

    async def async_culprit(happened: ConnectionEvent) -> None:
        await asyncio.sleep(0)
        culprit(happened)

    async def async_after(_: ConnectionEvent) -> None:
        await asyncio.sleep(0)
        seen.append("coroutine after")

    dispatcher.on("connected", lambda _: seen.append("before"))
    dispatcher.on("connected", async_culprit if coroutine else culprit)
    dispatcher.on("connected", lambda _: seen.append("after"))
    dispatcher.on("connected", async_after)
    with caplog.at_level(logging.ERROR, "mcp_sync.events"):
        deliver(dispatcher, event(), event())
    assert seen == ["before", "after", "coroutine after"] * 2
    assert dispatcher.handler_errors == 2
    records = [record for record in caplog.records if record.name == "mcp_sync.events"]
    assert len(records) == 2
    assert "culprit of 'connected' raised" in records[0].getMessage()
    assert records[0].exc_info is not None
    assert records[0].exc_info[0] is error
    assert "in culprit" in caplog.text


def test_a_log_handler_that_raises_does_not_end_the_events_thread(dispatcher: Dispatcher) -> None:
    class Rude(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no disk")

    def fail(_: ConnectionEvent) -> None:
        raise ValueError

    seen: list[ConnectionEvent] = []
    dispatcher.on("connected", fail)
    dispatcher.on("connected", seen.append)
    rude = Rude()
    logging.getLogger("mcp_sync.events").addHandler(rude)
    try:
        deliver(dispatcher, event())
    finally:
        logging.getLogger("mcp_sync.events").removeHandler(rude)
    assert len(seen) == 1
    assert dispatcher.handler_errors == 1


def test_a_handler_that_blocks_does_not_block_those_who_append(
    dispatcher: Dispatcher, blocked: Blocked
) -> None:
    seen: list[Any] = []
    dispatcher.on("failed", seen.append)
    dispatcher.on_notification("*", seen.append)
    done = threading.Event()

    def append() -> None:
        for _ in range(100):
            dispatcher.announce(event("failed"))
            dispatcher.notify(notification())
            dispatcher.kick()
        dispatcher.post(seen.append, "posted")
        done.set()

    thread = threading.Thread(target=append)
    thread.start()
    assert done.wait(BOUND)
    thread.join()
    assert seen == []
    blocked.release.set()
    settle(dispatcher)
    assert len(seen) == 201


def test_overflow_drops_the_oldest_notifications_and_counts_them(
    caplog: pytest.LogCaptureFixture, dispatcher: Dispatcher, blocked: Blocked
) -> None:
    seen: list[int] = []
    dispatcher.on_notification("*", lambda e: seen.append(e.params["n"]))
    for n in range(1250):
        dispatcher.notify(notification(n=n))
    assert dispatcher.dropped == 250
    with caplog.at_level(logging.WARNING, "mcp_sync.events"):
        blocked.release.set()
        assert dispatcher.stop(Deadline(BOUND))
        settle(dispatcher)
        assert dispatcher.stop(Deadline(BOUND))
    assert seen == list(range(250, 1250))
    assert [r.getMessage() for r in caplog.records] == [
        "250 events were dropped: handlers are slower than the events, and at most 1000 wait"
    ]


def test_connection_events_are_not_dropped_while_notifications_wait(
    dispatcher: Dispatcher, blocked: Blocked
) -> None:
    seen: list[Any] = []
    dispatcher.on("failed", lambda e: seen.append(("failed", e.context["n"])))
    dispatcher.on_notification("*", lambda e: seen.append(("note", e.params["n"])))
    for n in range(5):
        dispatcher.announce(event("failed", n=n))
    for n in range(2000):
        dispatcher.notify(notification(n=n))
    for n in range(5, 10):
        dispatcher.announce(event("failed", n=n))
    blocked.release.set()
    settle(dispatcher)
    assert [n for kind, n in seen if kind == "failed"] == list(range(10))
    assert [n for kind, n in seen if kind == "note"] == list(range(1010, 2000))
    assert dispatcher.dropped == 1010


def test_where_only_connection_events_wait_the_oldest_of_them_is_dropped(
    dispatcher: Dispatcher, blocked: Blocked
) -> None:
    seen: list[int] = []
    dispatcher.on("failed", lambda e: seen.append(e.context["n"]))
    for n in range(1003):
        dispatcher.announce(event("failed", n=n))
    assert dispatcher.dropped == 3
    blocked.release.set()
    settle(dispatcher)
    assert seen == list(range(3, 1003))


def test_progress_with_the_same_key_takes_the_place_of_what_waits(
    dispatcher: Dispatcher, blocked: Blocked
) -> None:
    seen: list[Any] = []
    dispatcher.on_notification("*", lambda e: seen.append((e.method, e.params["n"])))
    dispatcher.notify(notification("log", n=0))
    for n in range(5000):
        dispatcher.notify(notification("progress", n=n), coalesce_key=("token", "a"))
        dispatcher.notify(notification("progress", n=-n), coalesce_key=("token", "b"))
    dispatcher.notify(notification("log", n=1))
    assert dispatcher.dropped == 0
    blocked.release.set()
    settle(dispatcher)
    assert seen == [("log", 0), ("progress", 4999), ("progress", -4999), ("log", 1)]


def test_progress_that_was_delivered_or_dropped_takes_nothing_with_it(
    dispatcher: Dispatcher,
) -> None:
    seen: list[int] = []
    dispatcher.on_notification("progress", lambda e: seen.append(e.params["n"]))
    for n in range(3):
        dispatcher.notify(notification("progress", n=n), coalesce_key="token")
        settle(dispatcher)
    assert seen == [0, 1, 2]
    blocked = Blocked()
    dispatcher.post(blocked, None)
    assert blocked.entered.wait(BOUND)
    dispatcher.notify(notification("progress", n=3), coalesce_key="token")
    for n in range(4, 1004):
        dispatcher.notify(notification("progress", n=n))
    dispatcher.notify(notification("progress", n=1004), coalesce_key="token")
    blocked.release.set()
    settle(dispatcher)
    assert dispatcher.dropped == 2
    assert seen == [0, 1, 2, *range(5, 1005)]


def test_what_nobody_listens_to_is_not_queued(dispatcher: Dispatcher) -> None:
    dispatcher.on("connected", print)
    dispatcher.on_notification("status_update", print)
    before = threading.active_count()
    for _ in range(2000):
        dispatcher.announce(event("failed"))
        dispatcher.notify(notification("error"))
    dispatcher.kick()
    assert threading.active_count() == before
    assert dispatcher.dropped == 0


def test_a_coroutine_function_runs_to_its_end_before_the_next_handler(
    dispatcher: Dispatcher,
) -> None:
    seen: list[str] = []

    async def slow(_: ConnectionEvent) -> None:
        seen.append("begin")
        for _turn in range(10):
            await asyncio.sleep(0)
        seen.append("end")

    dispatcher.on("connected", slow)
    dispatcher.on("connected", lambda _: seen.append("next"))
    deliver(dispatcher, event())
    assert seen == ["begin", "end", "next"]


def coroutine_handlers(seen: list[Any]) -> dict[str, Callable[[Any], Any]]:
    async def function(happened: Any) -> None:
        seen.append(happened)

    def give(happened: Any) -> Any:
        return function(happened)

    class Listener:
        async def __call__(self, happened: Any) -> None:
            seen.append(happened)

        async def method(self, happened: Any) -> None:
            seen.append(happened)

    return {
        "function": function,
        "partial": functools.partial(function),
        "object": Listener(),
        "method": Listener().method,
        "plain function": give,
    }


@pytest.mark.parametrize("kind", ["function", "partial", "object", "method", "plain function"])
def test_whatever_gives_a_coroutine_is_run(dispatcher: Dispatcher, kind: str) -> None:
    seen: list[Any] = []
    dispatcher.on("connected", coroutine_handlers(seen)[kind])
    happened = event()
    deliver(dispatcher, happened)
    assert seen == [happened]


def test_coroutine_handlers_share_one_event_loop_that_is_closed_with_the_thread(
    dispatcher: Dispatcher,
) -> None:
    loops: list[asyncio.AbstractEventLoop] = []
    cancelled = threading.Event()

    async def leave_a_task_behind() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def handler(_: Any) -> None:
        loops.append(asyncio.get_running_loop())
        kept.append(asyncio.create_task(leave_a_task_behind()))
        await asyncio.sleep(0)

    kept: list[asyncio.Task[None]] = []
    dispatcher.on("connected", handler)
    dispatcher.on_notification("*", handler)
    deliver(dispatcher, event(), notification(), event())
    assert len(loops) == 3
    assert len(set(loops)) == 1
    assert not loops[0].is_closed()
    assert not cancelled.is_set()
    assert dispatcher.stop(Deadline(BOUND))
    assert loops[0].is_closed()
    assert cancelled.is_set()


def test_an_error_while_the_loop_is_closed_is_logged_and_counted(
    dispatcher: Dispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    async def refuse_to_end() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            raise SystemExit(3)

    async def handler(_: Any) -> None:
        kept.append(asyncio.create_task(refuse_to_end()))
        await asyncio.sleep(0)

    kept: list[asyncio.Task[None]] = []
    dispatcher.on("connected", handler)
    deliver(dispatcher, event())
    with caplog.at_level(logging.ERROR, "mcp_sync.events"):
        assert dispatcher.stop(Deadline(BOUND))
    assert dispatcher.handler_errors == 1
    assert "closing the event loop of handlers raised" in caplog.text


def test_asyncio_is_imported_for_the_first_coroutine_handler_only() -> None:
    program = """
import sys, threading
from mcp_sync.connection.dispatcher import Dispatcher
dispatcher = Dispatcher()
done = threading.Event()
dispatcher.post(done.set)
assert done.wait(20)
print("asyncio" in sys.modules)
async def coroutine():
    done.set()
done.clear()
dispatcher.post(coroutine)
assert done.wait(20)
print("asyncio" in sys.modules)
"""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=40
    )
    assert run.stdout.split() == ["False", "True"]
    assert run.stderr == ""


def test_handler_names_are_listed_by_event(dispatcher: Dispatcher) -> None:
    class Listener:
        def hear(self, _: Any) -> None: ...

        def __call__(self, _: Any) -> None: ...

    listener = Listener()
    dispatcher.on("connected", listener.hear)
    dispatcher.on("connected", listener)
    dispatcher.on("failed", functools.partial(functools.partial(listener.hear)))
    dispatcher.on_notification("*", print)
    here = f"{__name__}.test_handler_names_are_listed_by_event.<locals>.Listener"
    assert dispatcher.handler_names() == {
        "connected": (f"{here}.hear", here),
        "failed": (f"{here}.hear",),
        "notification:*": ("builtins.print",),
    }
    dispatcher.off("failed", print)
    dispatcher.off_notification("*", print)
    assert set(dispatcher.handler_names()) == {"connected", "failed"}


def test_whether_anybody_listens_can_be_asked_first(dispatcher: Dispatcher) -> None:
    assert not dispatcher.wants("connected")
    assert not dispatcher.wants_notification("error")
    dispatcher.on("connected", print)
    dispatcher.on_notification("error", print)
    assert dispatcher.wants("connected")
    assert dispatcher.wants_notification("error")
    assert not dispatcher.wants_notification("other")
    dispatcher.on_notification("*", print)
    assert dispatcher.wants_notification("other")
