"""The links whose reader threads stand aside, and the one of those threads that looks at them all.

Just after a caller has read a link, its reader thread leaves it alone: to wake for each message
would cost as much as the call. What no caller reads must be seen within milliseconds all the same.
However many clients a process has, one of the threads that stand aside wakes for that, and the
others sleep. It knows links; who reads them is decided in ``reading``.
"""

from __future__ import annotations

import os
import threading
import time
from typing import Final

from ..transports.readiness import POLLIN, make_poll
from .link import Link

__all__ = ["LOOKOUT", "QUIET_SECONDS", "TICK_SECONDS", "Lookout"]

TICK_SECONDS: Final = 0.008
"""How often the thread on duty looks."""

QUIET_SECONDS: Final = 0.03
"""So long after the last caller has read a link, its reader thread takes it back."""

_NAP_SECONDS: Final = 1.0
"""How long a thread that is not on duty sleeps without looking whether somebody is."""


class Lookout:
    """Where reader threads stand aside. Safe for any number of them, each with its own link."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """Begin anew in a forked child, where none of those threads lives."""
        self._lock = threading.Lock()
        self._aside: dict[Link, None] = {}
        self._called: set[Link] = set()
        """Those whose threads are to come back."""
        self._on_duty: Link | None = None
        """The link whose thread looks; None while nobody stands aside."""

    def stand_aside(self, link: Link) -> None:
        """Sleep until a link is quiet or lost, or has something that no caller reads.

        Args:
            link: that of the calling thread, which alone reads it beside the callers.
        """
        with self._lock:
            self._aside[link] = None
        try:
            while link.loss is None and link not in self._called:
                is_on_duty = self._is_on_duty(link)
                link.stir.wait(TICK_SECONDS if is_on_duty else _NAP_SECONDS)
                link.stir.clear()
                if is_on_duty:
                    self._look()
        finally:
            self._leave(link)

    def _is_on_duty(self, link: Link) -> bool:
        with self._lock:
            if self._on_duty is None:
                self._on_duty = link
            return self._on_duty is link

    def _leave(self, link: Link) -> None:
        with self._lock:
            del self._aside[link]
            self._called.discard(link)
            if self._on_duty is link:
                self._on_duty = next(iter(self._aside), None)
                if self._on_duty is not None:
                    self._on_duty.stir.set()

    def _look(self) -> None:
        """Call back the threads of those links that want them."""
        with self._lock:
            aside = tuple(self._aside)
        # Without the lock: whatever holds up this thread here holds up no other.
        wanted = _find_wanted(aside)
        if wanted:
            with self._lock:
                self._called.update(link for link in wanted if link in self._aside)
            for link in wanted:
                link.stir.set()


def _find_wanted(aside: tuple[Link, ...]) -> list[Link]:
    """The links that are quiet, and those that have something and that nobody reads."""
    quiet_since = time.monotonic() - QUIET_SECONDS
    wanted: list[Link] = []
    poll, links = make_poll(), {}
    for link in aside:
        if link.led_at < quiet_since:
            wanted.append(link)
        elif not link.read_turn.is_taken:
            if link.transport.has_news:
                wanted.append(link)
            # One that is closed meanwhile is told of as well, or is another's by now.
            poll.register(link.transport.input_fd, POLLIN)
            links[link.transport.input_fd] = link
    try:
        ready = poll.poll(0) if links else []
    except (OSError, ValueError):
        return list(aside)  # So many cannot be polled, or not those: each looks for itself.
    return wanted + [links[fd] for fd, _ in ready if not links[fd].read_turn.is_taken]


LOOKOUT: Final = Lookout()
"""That of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOOKOUT.forget)
