"""How a connection is seen from outside: statistics, health, and the events about its health."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..deadline import Deadline
from ..errors import MCPError
from ..late_import import importing
from .calls import Calls
from .gate import Gate
from .life import Life

if TYPE_CHECKING:
    from ..types.health import Health
    from ..types.statistics import ConnectionStatistics

__all__ = ["Observer"]

_PING: Final = b"mcp_sync health "


class Observer:
    """Takes snapshots and checks. Safe for any thread."""

    def __init__(self, gate: Gate, calls: Calls, life: Life) -> None:
        self._gate = gate
        self._calls = calls
        self._life = life
        self._degraded = False
        self._checks = itertools.count(1)

    def statistics(self) -> ConnectionStatistics:
        """A snapshot of everything that was counted and measured."""
        # Before the lock is taken: importing takes its time.
        with importing:
            from .snapshot import Gauges, take_snapshot  # noqa: PLC0415 - see its docstring

        with self._gate.lock:
            gauges = Gauges(**self._gauges())
            return take_snapshot(self._gate.stats, time.monotonic(), gauges)

    def check_health(
        self, deadline: Deadline, probe: Callable[[Deadline], object] | None
    ) -> Health:
        """Ping the server and, where there is a probe, ask it something cheap.

        Args:
            deadline: of both together.
            probe: asks the server and returns when it has answered, or raises an MCPError.

        Returns:
            The verdict, with its reasons.
        """
        failures: list[str] = []
        request_trip = None
        ping_trip = self._ping(deadline, failures)
        if probe is not None and self._gate.is_ready():
            begun = time.monotonic()
            try:
                probe(deadline)
                request_trip = time.monotonic() - begun
            except MCPError as error:
                failures.append(f"the server did not answer: {error}")
        from .health import assess  # noqa: PLC0415 - its values are seldom wanted

        return assess(self.statistics(), ping_trip, request_trip, tuple(failures))

    def _ping(self, deadline: Deadline, failures: list[str]) -> float | None:
        link = self._gate.link
        if link is None or not link.ready:
            return None
        gate, trips = self._gate, list[float]()

        def answered(trip: float) -> None:
            with gate.lock:
                trips.append(trip)
                gate.changed.notify_all()

        if not link.ping(_PING + str(next(self._checks)).encode(), answered):
            # A writer is busy, or the link is down; the request tells which.
            return None
        gate.wait_until(lambda: bool(trips) or link.loss is not None, deadline)
        if trips:
            return trips[0]
        if link.loss is None:
            failures.append(f"no pong within {deadline.timeout:g} s")
        return None

    def review(self) -> bool:
        """Announce ``degraded`` or ``recovered`` when that has changed; whether anybody listens."""
        dispatcher = self._gate.dispatcher
        if not (dispatcher.wants("degraded") or dispatcher.wants("recovered")):
            return False
        with importing:
            from .health import degradations  # noqa: PLC0415 - its values are seldom wanted

        reasons = degradations(self.statistics())
        with self._gate.decide():
            if bool(reasons) != self._degraded:
                self._degraded = bool(reasons)
                self._gate.announce("degraded" if reasons else "recovered", reasons=reasons)
        return True

    def _gauges(self) -> dict[str, Any]:
        gate, calls = self._gate, self._calls
        now = time.monotonic()
        link, last = gate.link, self._life.last_loss
        written = [call.written_at or now for call in calls.peer]
        queued = calls.outbox.oldest_at()
        dispatcher = gate.dispatcher
        return dict(
            link_open=link is not None,
            generation=self._life.generation,
            peer_address=link.info.peer_address if link else None,
            subprotocol=link.info.subprotocol if link else None,
            tls_version=link.info.tls_version if link else None,
            last_close_code=last.close_code if last else None,
            last_close_reason=last.close_reason if last else "",
            **self._life.traffic(link)._asdict(),
            pending_count=len(calls.peer),
            oldest_pending_age=now - min(written) if written else None,
            queue_size=len(calls.outbox),
            queue_bytes=calls.outbox.size_bytes,
            queue_limit=gate.config.offline_queue_limit,
            queue_limit_bytes=gate.config.offline_queue_max_bytes,
            oldest_queued_age=None if queued is None else now - queued,
            handlers=dispatcher.handler_names(),
            handler_errors=dispatcher.handler_errors,
            events_dropped=dispatcher.dropped,
        )
