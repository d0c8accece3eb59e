"""Who listens to what: the handlers of users, kept so that looking them up needs no lock.

Every list of handlers is a tuple that is replaced, never changed. This room calls no handler and
knows no threads but the lock that orders registrations.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

__all__ = ["ANY_METHOD", "Handlers", "Registration", "name_of"]

ANY_METHOD: Final = "*"
"""The notification method that stands for every method."""


def name_of(function: object) -> str:
    """Name a callable for people: its module and qualified name, or those of its class."""
    while isinstance(function, functools.partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return f"{getattr(named, '__module__', None) or '?'}.{getattr(named, '__qualname__', '?')}"


class Registration:
    """One ``on`` or ``once``: a handler under one key.

    Args:
        key: the key it is registered under.
        function: the handler.
        once: whether its first event is also its last.
    """

    __slots__ = ("active", "function", "key", "name", "once")

    def __init__(self, key: str, function: Callable[..., Any], once: bool) -> None:
        self.key = key
        self.function = function
        self.once = once
        self.name = name_of(function)
        self.active = True


class Handlers:
    """The handlers under their keys, for one kind of event. May be shared between threads.

    Args:
        keys: the keys there are; None takes any text.
    """

    def __init__(self, keys: tuple[str, ...] | None = None) -> None:
        self._keys = keys
        self._lock = threading.RLock()  # re-entrant: a finalizer may run in its critical section
        self._table: dict[str, tuple[Registration, ...]] = {}

    def add(self, key: str, function: Callable[..., Any], once: bool = False) -> None:
        """Register a handler behind those that are there; each registration is one more call.

        Args:
            key: what it listens to.
            function: a plain or a coroutine function of one argument, the event.
            once: whether it is removed right before its first call.

        Raises:
            ValueError: there is no such key, or it is empty.
            TypeError: the handler cannot be called.
        """
        self._check(key)
        if not callable(function):
            raise TypeError(f"the handler of {key!r} must be callable, not {function!r}")
        registration = Registration(key, function, once)
        with self._lock:
            self._table[key] = (*self._table.get(key, ()), registration)

    def take_over(self, others: Handlers) -> None:
        """Have the handlers of another table, whose lock may be held by a thread that is gone."""
        self._table = dict(others._table)

    def remove(self, key: str, function: Callable[..., Any]) -> bool:
        """Take a handler away, however often it was registered under the key.

        Events that are queued already do not reach it any more; a call that runs goes on.

        Returns:
            Whether it was registered.

        Raises:
            ValueError: there is no such key, or it is empty.
        """
        self._check(key)
        # Compared before the lock is taken: == may be user code.
        leaving = [entry for entry in self.of(key) if entry.function == function]
        return sum(self.discard(entry) for entry in leaving) > 0

    def discard(self, registration: Registration) -> bool:
        """Take one registration away; False when it was gone already."""
        key = registration.key
        with self._lock:
            if not registration.active:
                return False
            registration.active = False
            left = tuple(entry for entry in self._table[key] if entry is not registration)
            if left:
                self._table[key] = left
            else:
                del self._table[key]
            return True

    def of(self, key: str) -> tuple[Registration, ...]:
        """The registrations under a key in their order; takes no lock."""
        return self._table.get(key, ())

    def names(self) -> Mapping[str, tuple[str, ...]]:
        """The names of the handlers by key; keys without handlers are left out."""
        return {
            key: tuple(entry.name for entry in entries)
            for key, entries in self._table.copy().items()
        }

    def _check(self, key: str) -> None:
        if self._keys is not None and key not in self._keys:
            raise ValueError(f"there is no event {key!r}; the events are {', '.join(self._keys)}")
        if not key:
            raise ValueError("a notification method must not be empty; '*' stands for every one")
