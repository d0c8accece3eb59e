"""What the end of a process and a fork mean for its clients.

At exit every open client is closed, with a bound. In a forked child every client is renewed: it is
fresh and unconnected, connects with its first call, and never touches the parent's sockets.
"""

from __future__ import annotations

import atexit
import logging
import os
import weakref
from collections.abc import Callable
from typing import Final, Protocol

from .connection.log_facts import GuardedLog
from .deadline import Deadline

__all__ = ["Tracked", "track"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_EXIT_SECONDS = 1.5


class Tracked(Protocol):
    """What is asked of a client here."""

    def _close_at_exit(self, deadline: Deadline) -> None:
        """Close, if open, within the deadline."""

    def _renew_in_child(self) -> None:
        """Become a fresh client in a forked child, where only this thread lives."""


_clients: weakref.WeakSet[Tracked] = weakref.WeakSet()


def track(client: Tracked) -> None:
    """Have a client closed at exit and renewed in forked children, for as long as it lives."""
    _clients.add(client)


def _for_each(act: Callable[[Tracked], None]) -> None:
    """Do something to every client, whatever one of them raises."""
    for client in list(_clients):
        try:
            act(client)
        except Exception:  # noqa: BLE001 - a fault of ours, or a warning that is an error
            _log.exception("a client raised at exit or in a forked child")


@atexit.register
def _close_all() -> None:
    deadline = Deadline(_EXIT_SECONDS)
    _for_each(lambda client: client._close_at_exit(deadline))


def _renew_all() -> None:
    _for_each(lambda client: client._renew_in_child())


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
