"""The events thread: it runs the handlers of users, in order, with no lock held.

It refers to no connection and no client, so that it keeps neither alive.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..deadline import Deadline
from ..events import (
    EVENT_NAMES,
    ConnectionEvent,
    EventHandler,
    NotificationHandler,
)
from ..late_import import importing
from ..states import ConnectionState
from .event_queue import EventQueue, Job, News, Tally
from .handlers import ANY_METHOD, Handlers, name_of
from .log_facts import GuardedLog
from .worker import start_worker

if TYPE_CHECKING:
    import asyncio

    from ..types.notifications import NotificationEvent

__all__ = ["EVENTS_QUEUE_LIMIT", "EVENTS_THREAD", "NOTIFICATION_PREFIX", "Dispatcher"]

EVENTS_QUEUE_LIMIT: Final = 1000
"""How many connection events and notifications may wait for their handlers."""

EVENTS_THREAD: Final = "mcp-events"
"""The name of the thread that runs handlers."""

NOTIFICATION_PREFIX: Final = "notification:"
"""What stands before a method in ``handler_names``."""

logger = GuardedLog(logging.getLogger("mcp_sync.events"))


class Dispatcher:
    """Owner of the user's handlers and of the thread ``mcp-events`` that runs them.

    Handlers run one after the other in the order of the events; an event reaches those who
    listened when it happened and still listen when its turn comes. A handler that raises is
    logged with its traceback on ``mcp_sync.events`` and counted; one that blocks holds up later
    events, and nothing else. A coroutine is run to its end; tasks that it leaves behind go on only
    while a later coroutine runs, and are cancelled when the thread ends.

    Every method may be called from any thread, a handler included. ``announce`` and ``notify``
    take no lock and may be called under the state lock; nothing else here may.

    Args:
        limit: how many connection events and notifications may wait. One more drops the oldest
            notification, or the oldest connection event where no notification waits.
    """

    def __init__(self, limit: int = EVENTS_QUEUE_LIMIT) -> None:
        self._events = Handlers(EVENT_NAMES)
        self._notifications = Handlers()
        self._queue = EventQueue(limit)
        self._errors = Tally()
        # Both are re-entrant: a forgotten client is closed by a finalizer, which may run in any
        # thread, in the middle of anything.
        self._lock = threading.RLock()
        self._wakes: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._last_thread: threading.Thread | None = None
        """The one that has nothing more to deliver, and may have a moment left."""
        self._stopped = False
        self._end_by: Deadline | None = None
        self._drops_reported = 0

    def on(self, event: str, handler: EventHandler, once: bool = False) -> None:
        """Register a handler for a connection event, behind those that are there.

        Args:
            event: one of ``EVENT_NAMES``.
            handler: a plain or a coroutine function of one argument, the event. Registered
                twice, it is called twice.
            once: whether it is called for one event only.

        Raises:
            ValueError: there is no such event; the sentence lists those there are.
            TypeError: the handler cannot be called.
        """
        self._events.add(event, handler, once)

    def off(self, event: str, handler: EventHandler) -> bool:
        """Take a handler away; events that wait do not reach it any more.

        Args:
            event: one of ``EVENT_NAMES``.
            handler: what was registered; every registration of it for this event goes.

        Returns:
            Whether it was registered.

        Raises:
            ValueError: there is no such event.
        """
        return self._events.remove(event, handler)

    def on_notification(
        self, method: str, handler: NotificationHandler, once: bool = False
    ) -> None:
        """Register a handler for notifications of the server.

        Args:
            method: the notification's method; ``"*"`` for every method. The handlers of a method
                run before those of ``"*"``.
            handler: a plain or a coroutine function of one argument, the event.
            once: whether it is called for one notification only.

        Raises:
            ValueError: the method is empty or no text.
            TypeError: the handler cannot be called.
        """
        self._notifications.add(method, handler, once)

    def off_notification(self, method: str, handler: NotificationHandler) -> bool:
        """Take a notification handler away; see ``off``.

        Returns:
            Whether it was registered under this method.

        Raises:
            ValueError: the method is empty or no text.
        """
        return self._notifications.remove(method, handler)

    def wants(self, event: str) -> bool:
        """Whether a handler listens to this connection event; takes no lock."""
        return bool(self._events.of(event))

    def wants_notification(self, method: str) -> bool:
        """Whether a handler listens to notifications of this method; takes no lock."""
        return bool(self._notifications.of(method) or self._notifications.of(ANY_METHOD))

    def announce(self, event: ConnectionEvent) -> None:
        """Queue a connection event; nothing where nobody listens. Takes no lock.

        It is delivered after the next ``kick``. Announced under the state lock, so that the
        order of the events is the order of the states.
        """
        if event.state is not ConnectionState.DISCONNECTED:
            self._stopped = False  # the connection is open again after ``stop``
        listeners = self._events.of(event.name)
        if listeners:
            self._queue.add_event(event, listeners)

    def notify(self, event: NotificationEvent, coalesce_key: object = None) -> None:
        """Queue a notification; nothing where nobody listens. Takes no lock.

        It is delivered after the next ``kick``.

        Args:
            event: the notification.
            coalesce_key: anything hashable: a notification that still waits with an equal key is
                replaced, and this one has its turn. None: it is queued for itself.
        """
        listeners = self._notifications.of(event.method) + self._notifications.of(ANY_METHOD)
        if listeners:
            self._queue.add_notification(event, listeners, coalesce_key)

    def post(self, function: Callable[..., Any], *args: Any) -> None:
        """Have a function run on the events thread, behind what waits already.

        It never gives way to other events; callers bound how many they post. Not for the
        state lock: it kicks.

        Args:
            function: a plain or a coroutine function; what it raises is logged and counted.
            args: its arguments.
        """
        self._queue.add_job(function, args)
        self.kick()

    def catch_up(self, deadline: Deadline) -> bool:
        """Wait until what was posted and queued so far has been delivered.

        Args:
            deadline: until when to wait.

        Returns:
            Whether it has; False at once on the events thread itself.
        """
        if self._thread is threading.current_thread():
            return False
        delivered = threading.Event()
        self.post(delivered.set)
        return delivered.wait(deadline.remaining())

    def kick(self) -> None:
        """Wake the events thread, or start it, if anything waits. Not under the state lock."""
        if not len(self._queue):
            return
        with self._lock:
            if self._end_by is not None and self._end_by.is_over():
                self._end_by = None
            if self._thread is None or not self._thread.is_alive():
                try:
                    self._thread = start_worker(EVENTS_THREAD, self._run)
                except RuntimeError as error:
                    # At interpreter exit there are no new threads, and whoever kicks has work to
                    # finish.
                    logger.warning("%d events wait for a thread: %s", len(self._queue), error)
                    return
        if self._wakes.empty():
            self._wakes.put(None)

    def stop(self, deadline: Deadline) -> bool:
        """Deliver what waits, bounded by the deadline, and end the thread.

        Called from a handler it does not wait: what waits is delivered after that handler. What
        is left at the deadline stays queued, and a later ``kick`` delivers it on a new thread, or
        on the old one where a handler still blocks it. After ``stop`` a thread that a kick starts
        ends when nothing waits, until a state other than DISCONNECTED is announced.

        Args:
            deadline: until when events may be delivered.

        Returns:
            Whether everything was delivered and the thread has ended; False from a handler.
        """
        self.kick()
        with self._lock:
            self._stopped = True
            self._end_by = deadline
            threads = [one for one in (self._last_thread, self._thread) if one is not None]
        self._wakes.put(None)
        if threading.current_thread() in threads:
            return False
        for thread in threads:
            thread.join(deadline.remaining())
        blocked, waiting = any(one.is_alive() for one in threads), len(self._queue)
        if blocked or waiting:
            logger.warning(
                "stopped with %d events not delivered%s",
                waiting,
                ", a handler is still running" if blocked else "",
            )
        return not blocked and not waiting

    def renewed_in_child(self) -> Dispatcher:
        """A dispatcher with the same handlers for a forked child, where no thread of ours lives."""
        renewed = Dispatcher()
        renewed._events.take_over(self._events)
        renewed._notifications.take_over(self._notifications)
        return renewed

    def handler_names(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the handlers, in order, for each event that has some.

        Returns:
            Event name, or ``notification:`` and the method, to module and qualified names.
        """
        names = dict(self._events.names())
        for method, handlers in self._notifications.names().items():
            names[f"{NOTIFICATION_PREFIX}{method}"] = handlers
        return names

    @property
    def dropped(self) -> int:
        """How many events gave way because handlers were slower than the events."""
        return self._queue.drops.value

    @property
    def handler_errors(self) -> int:
        """How many calls of handlers and posted functions raised."""
        return self._errors.value

    def _run(self) -> None:
        coroutines = _Coroutines()
        while self._step(coroutines):
            pass

    def _step(self, coroutines: _Coroutines) -> bool:
        """Deliver one entry; False when the thread has to end.

        A function of its own, so that an idle thread refers to nothing that it delivered.
        """
        entry = self._next()
        if entry is None:
            self._guarded(coroutines.close, (), "closing the event loop of handlers")
            return not self._has_ended()
        if isinstance(entry, Job):
            what = f"{name_of(entry.function)} (posted)"
            self._guarded(coroutines.call, (entry.function, entry.args), what)
        else:
            self._deliver(entry, coroutines)
        return True

    def _next(self) -> Job | News | None:
        """Wait for an entry; None when the thread may end."""
        while True:
            if self._must_end():
                return None
            entry = self._queue.take()
            if entry is not None:
                return entry
            self._report_drops()
            if self._stopped:
                return None
            self._wakes.get()

    def _must_end(self) -> bool:
        end_by = self._end_by
        return self._stopped and end_by is not None and end_by.is_over()

    def _has_ended(self) -> bool:
        with self._lock:
            if not self._must_end() and (len(self._queue) or not self._stopped):
                return False
            self._last_thread, self._thread = self._thread, None
            return True

    def _deliver(self, news: News, coroutines: _Coroutines) -> None:
        event = self._queue.claim(news)
        if event is None:
            return
        handlers, key = (
            (self._events, event.name)
            if isinstance(event, ConnectionEvent)
            else (self._notifications, event.method)
        )
        for listener in news.listeners:
            if listener.once and not handlers.discard(listener):
                continue
            if listener.once or listener.active:
                what = f"handler {listener.name} of {key!r}"
                self._guarded(coroutines.call, (listener.function, (event,)), what)

    def _guarded(self, function: Callable[..., None], args: tuple[Any, ...], what: str) -> None:
        """Call what runs user code; it must not end the thread that serves all handlers."""
        try:
            function(*args)
        except BaseException:  # an exit or interrupt raised here is the handler's own
            self._errors.add()
            logger.exception("%s raised; the other handlers go on", what)

    def _report_drops(self) -> None:
        dropped = self._queue.drops.value
        if dropped > self._drops_reported:
            logger.warning(
                "%d events were dropped: handlers are slower than the events, and at most %d wait",
                dropped - self._drops_reported,
                self._queue.limit,
            )
            self._drops_reported = dropped


class _Coroutines:
    """One event loop for the coroutine handlers of one thread, made for the first of them."""

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def call(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Call a function, and run what it returns to its end if that is a coroutine."""
        result = function(*args)
        if not isinstance(result, Coroutine):
            return
        if self._runner is None:
            with importing:
                import asyncio  # noqa: PLC0415 - it costs more than the rest of the package

            self._runner = asyncio.Runner()
        self._runner.run(result)

    def close(self) -> None:
        """Cancel the tasks that are left and close the loop."""
        runner, self._runner = self._runner, None
        if runner is not None:
            runner.close()
