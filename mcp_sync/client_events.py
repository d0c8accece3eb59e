"""How users listen: handlers of connection events and of the server's notifications."""

from __future__ import annotations

import abc
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar, overload

from .connection.dispatcher import Dispatcher
from .events import EventHandler, EventName, NotificationHandler

__all__ = ["EventSource"]

HandlerT = TypeVar("HandlerT", bound=EventHandler)
NotedT = TypeVar("NotedT", bound=NotificationHandler)


class EventSource(abc.ABC):
    """The part of a client that takes handlers. May be shared between threads."""

    @abc.abstractmethod
    def _dispatcher(self) -> Dispatcher:
        """Who keeps the handlers."""

    @overload
    def on(self, event: EventName) -> Callable[[HandlerT], HandlerT]: ...

    @overload
    def on(self, event: EventName, handler: EventHandler) -> EventHandler: ...

    def on(self, event: str, handler: EventHandler | None = None) -> Any:
        """Have a function called at every event of a kind; also as a decorator.

        Handlers run one after another on the thread ``mcp-events``; they may call the client.

        Args:
            event: one of ``EVENT_NAMES``.
            handler: takes a ``ConnectionEvent``; may be a coroutine function. None makes this a
                decorator.

        Returns:
            The handler, or the decorator.

        Raises:
            ValueError: there is no such event; the error lists them.
        """
        return self._register(partial(self._dispatcher().on, event), handler)

    @overload
    def once(self, event: EventName) -> Callable[[HandlerT], HandlerT]: ...

    @overload
    def once(self, event: EventName, handler: EventHandler) -> EventHandler: ...

    def once(self, event: str, handler: EventHandler | None = None) -> Any:
        """Have a function called at the next event of a kind alone; otherwise like ``on``."""
        register = partial(self._dispatcher().on, event, once=True)
        return self._register(register, handler)

    def off(self, event: str, handler: EventHandler) -> bool:
        """Take a handler away; whether it was there."""
        return self._dispatcher().off(event, handler)

    @overload
    def on_notification(self, method: str) -> Callable[[NotedT], NotedT]: ...

    @overload
    def on_notification(self, method: str, handler: NotificationHandler) -> NotificationHandler: ...

    def on_notification(self, method: str, handler: NotificationHandler | None = None) -> Any:
        """Have a function called at every notification of a method; also as a decorator.

        Args:
            method: the notification's method; "*" takes all.
            handler: takes a ``NotificationEvent``; may be a coroutine function. None makes this
                a decorator.

        Returns:
            The handler, or the decorator.
        """
        register = partial(self._dispatcher().on_notification, method)
        return self._register(register, handler)

    def off_notification(self, method: str, handler: NotificationHandler) -> bool:
        """Take a handler of notifications away; whether it was there."""
        return self._dispatcher().off_notification(method, handler)

    @staticmethod
    def _register(register: Callable[[Any], None], handler: Any) -> Any:
        if handler is not None:
            register(handler)
            return handler

        def decorate(function: Any) -> Any:
            register(function)
            return function

        return decorate
