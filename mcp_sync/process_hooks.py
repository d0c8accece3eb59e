"""What the end of a process and a fork mean for its clients.

At exit every open client is closed, with a bound. In a forked child every client is renewed: it is
fresh and unconnected, connects with its first call, and never touches the parent's sockets.
"""

from __future__ import annotations

import atexit
import os
import weakref
from typing import Protocol

from .deadline import Deadline

__all__ = ["Tracked", "track"]

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


@atexit.register
def _close_all() -> None:
    deadline = Deadline(_EXIT_SECONDS)
    for client in list(_clients):
        client._close_at_exit(deadline)


def _renew_all() -> None:
    for client in list(_clients):
        client._renew_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
