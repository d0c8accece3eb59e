"""When a connection opens its journal, what becomes of the calls in it, and when it closes it."""

from __future__ import annotations

from collections.abc import Callable

from ..deadline import Deadline
from ..errors import MCPClosedError
from ..states import ConnectionState
from .call import Call, Keeper
from .calls import Calls
from .gate import Decision, Gate, uninterrupted

__all__ = ["Recovery"]


class Recovery:
    """Queues what another process left behind. Safe for any thread; does nothing without a journal.

    Args:
        gate: of the connection.
        calls: of the connection, with its journal.
        keeper: the connection.
        attend: sees to it that a queue is drained; called under the lock.
    """

    def __init__(
        self, gate: Gate, calls: Calls, keeper: Keeper, attend: Callable[[Decision], None]
    ) -> None:
        self._gate = gate
        self._calls = calls
        self._keeper = keeper
        self._attend = attend

    def begin(self) -> None:
        """Open the journal of a new connection and queue what is in it.

        Raises:
            MCPConfigurationError: it cannot be opened.
        """
        found = self.look()
        if found:
            self._take_over_at_once(found)

    @uninterrupted
    def _take_over_at_once(self, found: list[Call]) -> None:
        with self._gate.decide() as decision:
            self.take_over(found, decision)

    def look(self) -> list[Call]:
        """Open the journal if it is closed, and give what is to be queued.

        Raises:
            MCPConfigurationError: it cannot be opened.
        """
        journal = self._calls.journal
        if journal is None:
            return []
        return journal.open(self._keeper, self._gate.config.max_replays)

    def take_over(self, found: list[Call], decision: Decision) -> None:
        """Queue what was found, past the bounds of the queue. Holds the lock.

        What was found by a client that is open now, or is being opened, has it make a link ready.
        """
        self._calls.requeue(found)
        if self._calls.journal is not None and self._calls.outbox and not self._is_closed():
            self._attend(decision)

    def make_sure(self) -> None:
        """Open the journal again if a ``close`` that was under way has closed it after ``look``."""
        found = self.look()
        if found:
            self._take_over_or_fail(found)
            self._close_unless_open()

    @uninterrupted
    def _take_over_or_fail(self, found: list[Call]) -> None:
        with self._gate.decide() as decision:
            self.take_over(found, decision)
            if self._is_closed():
                self._calls.fail_all(MCPClosedError(), decision)

    @property
    def is_open(self) -> bool:
        """Whether there is an open journal."""
        return self._calls.journal is not None and self._calls.journal.is_open

    def recovered(self) -> list[Call]:
        """See ``BaseClient.recovered``."""
        return [] if self._calls.journal is None else self._calls.journal.recovered()

    def count_kept(self) -> int:
        """How many queued calls a close would leave to the next process. Holds the lock."""
        journal = self._calls.journal
        return 0 if journal is None else sum(map(journal.keeps, self._calls.outbox))

    def finish(self, wait_for_drainer: Callable[[Deadline], object], patience: Deadline) -> None:
        """Close the journal of a closed connection, when nobody writes from the queue any more."""
        if self._calls.journal is not None:
            wait_for_drainer(patience)
            self._close_unless_open()

    def _close_unless_open(self) -> None:
        journal = self._calls.journal
        if journal is not None:
            journal.close(unless=lambda: not self._is_closed())

    def _is_closed(self) -> bool:
        with self._gate.lock:
            return self._gate.state is ConnectionState.DISCONNECTED
