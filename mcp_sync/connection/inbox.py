"""What a subscription heard and nobody took yet."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any, Final

from ..deadline import Deadline
from ..errors import MCPError, MCPProtocolError
from ..types.subscriptions import MaybeMissed, SubscriptionEvent, read_event

__all__ = ["Inbox"]

_MOST_WAITING: Final = 1024


class Inbox:
    """The listener of one subscription, for ``Streams``; safe for any number of threads.

    It knows no client, so that a connection with subscriptions keeps none alive. Events are kept
    as levels: one that waits already is not kept twice.

    Args:
        wanted: the filter, in the words of ``subscriptions/listen``.
    """

    def __init__(self, wanted: Mapping[str, Any]) -> None:
        self.wanted = wanted
        self.honored: Mapping[str, Any] | None = None
        """What the server tells of; None until it has accepted."""
        self.error: MCPError | None = None
        self.is_over = False
        """Whether nothing more will come."""
        self._changed = threading.Condition()
        self._waiting: dict[SubscriptionEvent, None] = {}
        self._gap: MaybeMissed | None = None
        """What is to be told once the server tells of changes again; None where none is missed."""

    def opened(self, honored: Mapping[str, Any]) -> None:
        """The server has accepted; what it will tell of."""
        with self._changed:
            gap, self._gap = self._gap, None
            self.honored = honored
            self._changed.notify_all()
        if gap is not None:
            self._put(gap)

    def changed(self, method: str, params: Mapping[str, Any]) -> None:
        """Something changed."""
        try:
            event = read_event(method, params)
        except MCPProtocolError:
            # A change of nobody knows what: whoever listens has to look at everything.
            event = MaybeMissed("a change that could not be read")
        if event is not None:
            self._put(event)

    def interrupted(self, what: str) -> None:
        """Nothing is told of until the server accepts again; ``what`` happened."""
        if self.honored is not None:
            self._gap = MaybeMissed(what)

    def ended(self, error: MCPError | None) -> None:
        """The subscription is over: in order, or with an error."""
        with self._changed:
            if not self.is_over:
                self.is_over, self.error = True, error
            self._changed.notify_all()

    def orphan(self, error: MCPError) -> None:
        """The same in a forked child, where a thread that is gone may hold the lock."""
        self._changed = threading.Condition()
        self.is_over, self.error = True, error

    def _put(self, event: SubscriptionEvent) -> None:
        with self._changed:
            if len(self._waiting) >= _MOST_WAITING:
                self._waiting.clear()
                event = MaybeMissed(f"more than {_MOST_WAITING} changes waited to be taken")
            self._waiting[event] = None
            self._changed.notify_all()

    def wait_until_open(self, deadline: Deadline) -> bool:
        """Wait until the server has accepted or refused; whether it has."""
        with self._changed:
            return self._changed.wait_for(
                lambda: self.is_over or self.honored is not None, deadline.remaining()
            )

    def take(self, deadline: Deadline) -> SubscriptionEvent | None:
        """Take the event that waits longest; None when the subscription is over.

        Raises:
            TimeoutError: there was none in time.
            MCPError: the subscription ended with it.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self.is_over, deadline.remaining())
            if self._waiting:
                event = next(iter(self._waiting))
                del self._waiting[event]
                return event
            if not self.is_over:
                raise TimeoutError(f"no change within {deadline.timeout} s")
            if self.error is not None:
                raise self.error
            return None
