"""What waits for the events thread: a bounded queue that is filled without a lock.

Three lanes (jobs, connection events, notifications) are merged by sequence number, so that room
can be made in one lane while the order over all of them is kept. Filling the queue is legal
under the state lock, because it only uses operations that are atomic in the interpreter (append
and pop of a deque, get and set of a dict, ``next`` of a count). Taking is for one thread at a time.

This room calls no handler and starts no thread.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .handlers import Registration

if TYPE_CHECKING:
    from ..events import ConnectionEvent
    from ..types.notifications import NotificationEvent

__all__ = ["EventQueue", "Job", "News", "Tally"]

CONCURRENT_COUNTERS = 64


class Tally:
    """A counter that any thread may raise without a lock."""

    def __init__(self) -> None:
        self._tickets = itertools.count(1)
        # Two threads may append their tickets in either order; the greatest of the last few is
        # the count.
        self._marks: deque[int] = deque((0,), maxlen=CONCURRENT_COUNTERS)

    def add(self) -> None:
        """Count one."""
        self._marks.append(next(self._tickets))

    @property
    def value(self) -> int:
        """How many were counted."""
        return max(self._marks.copy())


class Job:
    """A function that waits for its turn."""

    __slots__ = ("args", "function", "sequence")

    def __init__(self, sequence: int, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self.sequence = sequence
        self.function = function
        self.args = args


class News:
    """An event that waits for its turn, with those who listened when it happened.

    The event lies in a slot of one place, so that a later one can take the place of it.
    """

    __slots__ = ("key", "listeners", "sequence", "slot", "taken")

    def __init__(
        self,
        sequence: int,
        event: ConnectionEvent | NotificationEvent,
        listeners: tuple[Registration, ...],
        key: object = None,
    ) -> None:
        self.sequence = sequence
        self.slot: deque[ConnectionEvent | NotificationEvent] = deque((event,), maxlen=1)
        self.listeners = listeners
        self.key = key
        self.taken = False


class EventQueue:
    """The queue of the events thread. Any thread may add; one at a time may take.

    Args:
        limit: how many connection events and notifications may wait. One more drops the oldest
            notification, or the oldest connection event where no notification waits. Jobs are
            not counted and never dropped: whoever posts them bounds them.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.drops = Tally()
        self._sequence = itertools.count()
        self._jobs: deque[Job] = deque()
        self._events: deque[News] = deque()
        self._notifications: deque[News] = deque()
        self._latest: dict[object, News] = {}
        self._held: dict[int, Job | News] = {}

    def add_job(self, function: Callable[..., Any], args: tuple[Any, ...]) -> None:
        """Append a job."""
        self._jobs.append(Job(next(self._sequence), function, args))

    def add_event(self, event: ConnectionEvent, listeners: tuple[Registration, ...]) -> None:
        """Append a connection event."""
        self._events.append(News(next(self._sequence), event, listeners))
        self._make_room()

    def add_notification(
        self, event: NotificationEvent, listeners: tuple[Registration, ...], key: object = None
    ) -> None:
        """Append a notification, or put it in the place of the waiting one with the same key."""
        if key is None:
            self._notifications.append(News(next(self._sequence), event, listeners))
        elif not self._replace(key, event):
            news = News(next(self._sequence), event, listeners, key)
            self._latest[key] = news
            self._notifications.append(news)
        self._make_room()

    def take(self) -> Job | News | None:
        """Take what was added first; None when nothing waits."""
        # What has a lower number was added before what is held already, by the same thread at
        # least; so a round over the lanes that finds nothing more has found it.
        while self._hold_heads():
            pass
        if not self._held:
            return None
        lane = min(self._held, key=lambda lane: self._held[lane].sequence)
        return self._held.pop(lane)

    def claim(self, news: News) -> ConnectionEvent | NotificationEvent | None:
        """Take the event out of what was taken; None when it moved on to a later entry."""
        self._retire(news)
        try:
            return news.slot.pop()
        except IndexError:
            return None

    def __len__(self) -> int:
        return len(self._jobs) + len(self._events) + len(self._notifications) + len(self._held)

    def _hold_heads(self) -> bool:
        """Hold the first of each lane of which nothing is held; False when nothing was found."""
        found = False
        lanes: tuple[deque[Any], ...] = (self._jobs, self._events, self._notifications)
        for number, lane in enumerate(lanes):
            if number not in self._held:
                # Not asked first whether it is empty: another thread may make room meanwhile.
                try:
                    self._held[number] = lane.popleft()
                except IndexError:
                    continue
                found = True
        return found

    def _replace(self, key: object, event: NotificationEvent) -> bool:
        """Put an event in the place of the waiting one; False when it has to be appended."""
        waiting = self._latest.get(key)
        if waiting is None:
            return False
        waiting.slot.append(event)
        if not waiting.taken:
            return True
        # It was taken meanwhile: either its taker found this event, or the event still lies there.
        try:
            waiting.slot.pop()
        except IndexError:
            return True
        return False

    def _make_room(self) -> None:
        while len(self._events) + len(self._notifications) > self.limit:
            for lane in (self._notifications, self._events):
                try:
                    oldest = lane.popleft()
                except IndexError:
                    continue
                self._retire(oldest)
                self.drops.add()
                break

    def _retire(self, news: News) -> None:
        news.taken = True
        if news.key is not None and self._latest.get(news.key) is news:
            self._latest.pop(news.key, None)
