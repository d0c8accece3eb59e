"""The state gate: the one lock, the one state, the one current link.

Decide under the lock, act outside it: ``decide()`` gives a block that holds the lock, and what the
block puts off with ``later`` runs after the lock was released. Events are appended in the block,
so that their order is the states' order, and delivered outside it.
"""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from ..config import ClientConfig
from ..deadline import Deadline
from ..errors import MCPError, copy_of
from ..events import ConnectionEvent
from ..states import ConnectionState, Trigger, next_state
from .condition import GateCondition
from .dispatcher import Dispatcher
from .link import Link
from .reconnect import Outage
from .stats import Stats
from .worker import may_be_interrupted, run_uninterrupted

__all__ = ["Decision", "Gate", "uninterrupted"]

Params = ParamSpec("Params")
Outcome = TypeVar("Outcome")


class Gate:
    """Holds the lock, the state, the link and the settings of one connection. Safe for any thread.

    The lock is a leaf: nothing else is acquired under it, and no send, dial, close, log handler
    or user code runs while it is held.
    """

    _state = ConnectionState.DISCONNECTED

    def __init__(self, config: ClientConfig, stats: Stats, dispatcher: Dispatcher) -> None:
        self.config = config
        # An RLock, because only its owner can release it: an interrupt cannot leak it.
        self.lock = threading.RLock()
        self.changed = GateCondition(self.lock)
        """Notified when the state, the readiness or the plans change."""
        self.settled = GateCondition(self.lock)
        """Notified when calls were settled and somebody waits for that, or readiness changed."""
        self.stats = stats
        self.dispatcher = dispatcher
        self.state_since = time.monotonic()
        self.link: Link | None = None
        self.outage = Outage()
        self.abandoned = False
        """Whether the client was garbage-collected; the heartbeat then closes the connection."""
        self.ever_ready = False
        self.rejection: MCPError | None = None
        """Why the state is FAILED for good, or why the attempts are used up; None otherwise."""
        self.unready_since = time.monotonic()
        """``time.monotonic`` since when there is no ready link; 0 while there is one."""

    @property
    def state(self) -> ConnectionState:
        """The state now; only ``fire`` changes it."""
        return self._state

    def decide(self) -> Decision:
        """Begin a block that holds the lock and runs its acts after releasing it."""
        return Decision(self)

    def fire(self, trigger: Trigger) -> None:
        """Move the state along the table. Holds the lock.

        Raises:
            IllegalTransition: the table does not allow it; nothing has changed.
        """
        assert self.is_locked()
        self._state = next_state(self._state, trigger)
        self.state_since = time.monotonic()
        self.note_readiness()

    def note_readiness(self) -> None:
        """Tell the statistics and the waiters that state or readiness changed. Holds the lock."""
        assert self.is_locked()
        ready = self.is_ready()
        now = time.monotonic()
        if not ready and self.unready_since == 0.0:
            self.unready_since = now
        if ready:
            self.unready_since = 0.0
        self.stats.state_changed(self.state, ready, now)
        self.changed.notify_all()
        self.settled.notify_all()

    def refusal(self) -> MCPError | None:
        """Why nothing can be sent for good, to be raised; None while there is hope."""
        return None if self.rejection is None else copy_of(self.rejection)

    def announce(self, name: str, **context: Any) -> None:
        """Append a connection event with the state as it is now. Holds the lock."""
        assert self.is_locked()
        event = ConnectionEvent(name=name, state=self.state, timestamp=time.time(), context=context)
        self.dispatcher.announce(event)

    def is_locked(self) -> bool:
        """Whether this thread holds the lock; helpers that need it assert so."""
        return self.lock._is_owned()  # type: ignore[attr-defined,no-any-return]

    def is_ready(self) -> bool:
        """Whether there is a ready link; a caller's "offline" is the opposite."""
        link = self.link
        return link is not None and link.ready

    def unready_for(self) -> float:
        """Seconds without a ready link; 0 when there is one."""
        return time.monotonic() - self.unready_since if self.unready_since else 0.0

    def abandon(self) -> None:
        """Have the connection closed by its heartbeat; for a finalizer.

        A finalizer may run in any thread in the middle of anything, also under this lock: so it
        waits for nothing.
        """
        self.abandoned = True
        if self.lock.acquire(blocking=False):
            self.changed.notify_all()
            self.lock.release()

    def wait_until(
        self, is_true: Callable[[], bool], deadline: Deadline, news: GateCondition | None = None
    ) -> bool:
        """Wait until something holds, as a caller; not under the lock.

        Args:
            is_true: looks at fields alone, under the lock.
            deadline: until when to wait.
            news: what is notified when it may hold; None for ``changed``.

        Returns:
            Whether it holds now.
        """
        news = self.changed if news is None else news
        while True:
            bell = news.hang_bell()
            try:
                with self.lock:
                    if is_true():
                        return True
                    if deadline.is_over():
                        return False
                remaining = deadline.remaining()
                bell.acquire(True, -1 if remaining is None else remaining)
            finally:
                news.take_bell_down(bell)


class Decider(Protocol):
    """Whoever decides at a gate."""

    @property
    def _gate(self) -> Gate: ...


Self = TypeVar("Self", bound=Decider)


def uninterrupted(
    method: Callable[Concatenate[Self, Params], Outcome],
) -> Callable[Concatenate[Self, Params], Outcome]:
    """Make a method that decides run to its end, whatever interrupts the main thread.

    A decision that is cut in half, or of which the acts are, would leave a state that nobody leads
    out of. On the main thread, where alone signal handlers run, it is made by another thread;
    what interrupts the wait for that is raised after it. It must not be called under the lock,
    but from a signal handler that has struck there.
    """

    @functools.wraps(method)
    def decide(self: Self, *args: Params.args, **kwargs: Params.kwargs) -> Outcome:
        if not may_be_interrupted() or self._gate.is_locked():
            return method(self, *args, **kwargs)
        return run_uninterrupted(functools.partial(method, self, *args, **kwargs))

    return decide  # type: ignore[return-value]  # the names of its arguments are kept


class Decision:
    """One block under the state lock, and the acts that follow it."""

    __slots__ = ("_acts", "_gate")

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._acts: deque[tuple[Callable[..., object], tuple[object, ...]]] = deque()

    def later(self, act: Callable[..., object], *args: object) -> None:
        """Put an act off until the lock is released."""
        self._acts.append((act, args))

    def __enter__(self) -> Decision:
        lock = self._gate.lock
        try:
            lock.acquire()
        except BaseException:  # an interrupt may strike after the lock was taken
            with contextlib.suppress(RuntimeError):
                lock.release()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._gate.lock.release()
        self._act()
        self._gate.dispatcher.kick()

    def _act(self) -> None:
        try:
            while self._acts:
                act, args = self._acts.popleft()
                act(*args)
        finally:
            # After an interrupt the other calls of this decision must still hear of their fate.
            if self._acts:
                self._act()
