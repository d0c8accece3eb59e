"""How users call: blocking, as a future, or without an answer; and what becomes of calls."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from .config import ClientConfig, OfflineMode
from .connection.call import Call
from .connection.connection import Connection
from .deadline import Deadline
from .states import ConnectionState

if TYPE_CHECKING:
    from .offline import OfflineResponse

__all__ = ["UNSET", "CallSource", "Timeout", "Unset"]


class Unset:
    """The kind of ``UNSET``, which tells "not given" from None."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Not given: the client's own setting holds."""

_DIALING: Final = (ConnectionState.CONNECTING, ConnectionState.CONNECTED)

Timeout = float | None | Unset
"""Seconds, None for no limit, or ``UNSET``."""


class CallSource(abc.ABC):
    """The part of a client that makes calls. May be shared between threads."""

    _connection: Connection

    @property
    @abc.abstractmethod
    def config(self) -> ClientConfig:
        """The settings that hold now."""

    @overload
    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        offline: Literal["wait", "raise"] = "wait",
        idempotent: bool | None = None,
    ) -> dict[str, Any]: ...

    @overload
    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        offline: Literal["queue"],
        idempotent: bool | None = None,
    ) -> dict[str, Any] | OfflineResponse[dict[str, Any]]: ...

    def request(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        offline: OfflineMode = "wait",
        idempotent: bool | None = None,
    ) -> dict[str, Any] | OfflineResponse[dict[str, Any]]:
        """Call a method and wait for its answer.

        Args:
            method: the JSON-RPC method.
            params: its params; None sends none.
            timeout: seconds for everything: queueing, replays, waiting. None sets no limit; not
                given, ``request_timeout`` holds.
            offline: what to do without a ready link: "wait" within the timeout, "raise" at once,
                or "queue" the call and return at once.
            idempotent: True when a second execution does no harm, so that the call may be sent
                again after a lost link; False forbids it; None leaves it to the method.

        Returns:
            The answer's ``result`` object, as it came; with ``offline="queue"`` and no ready
            link an ``OfflineResponse``.

        Raises:
            MCPResponseError: the server answered with an error.
            MCPTimeoutError: not answered in time; ``sent`` tells whether it was sent.
            MCPConnectionLost: the link was lost under it; ``maybe_executed`` tells the risk.
            MCPOfflineError: with ``offline="raise"``, there is no ready link.
            MCPClosedError: the client was closed.
            MCPQueueFullError: the offline queue is full.
            TypeError: something in the params is no JSON; the error names the path to it.
            ValueError: a number in the params is not finite, or their nesting impossible.
        """
        result: dict[str, Any] | OfflineResponse[dict[str, Any]] = self._perform(
            method, params, {}, timeout, offline, idempotent
        )
        return result

    def _perform(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        spec: dict[str, Any],
        timeout: Timeout,
        offline: OfflineMode = "wait",
        idempotent: bool | None = None,
    ) -> Any:
        """Make a call and wait for it; see ``request`` and, for ``spec``, ``Call``."""
        connection = self._connection
        if offline == "queue" and not connection.gate.is_ready():
            from .offline import OfflineResponse  # noqa: PLC0415 - few calls are queued

            call = self._submit(method, params, spec, timeout, idempotent)
            return OfflineResponse(call, connection.position(call))
        if "limit" not in spec:
            spec["limit"] = Deadline(self._seconds(timeout))
        if offline == "raise":
            self._require_link(spec["limit"])
            spec["queueable"] = False
        return connection.perform(self._make_call(method, params, idempotent, spec))

    def _seconds(self, timeout: Timeout) -> float | None:
        if isinstance(timeout, Unset):
            return self._connection.gate.config.request_timeout
        return timeout

    def _require_link(self, limit: Deadline) -> None:
        connection = self._connection
        gate = connection.gate
        if gate.is_ready():
            return
        fresh = gate.state is ConnectionState.DISCONNECTED and not connection.life.was_closed
        if fresh or gate.state in _DIALING:
            # One dial, and not the back-off behind it: "raise" is for whoever cannot wait.
            connection.want_link()
            gate.wait_until(lambda: gate.is_ready() or gate.state not in _DIALING, limit)
        if not gate.is_ready():
            raise connection.unready_error()

    def submit(
        self,
        method: str,
        params: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        idempotent: bool | None = None,
    ) -> Call:
        """Start a call without waiting for the server.

        Args:
            method: the JSON-RPC method.
            params: its params; None sends none.
            timeout: seconds for everything: queueing, replays, waiting. None sets no limit; not
                given, the call may wait in the queue up to ``queue_ttl``, and
                ``request_timeout`` runs from the moment it is written.
            idempotent: as for ``request``.

        Returns:
            The call: a ``concurrent.futures.Future`` of the answer's ``result`` object.

        Raises:
            MCPQueueFullError: the offline queue is full.
            MCPClosedError: the client was closed.
            MCPOfflineError: with ``offline_mode=False``, there is no ready link.
            MCPError: it had to be queued and could not be written to the journal.
            TypeError: something in the params is no JSON; the error names the path to it.
            ValueError: a number in the params is not finite, or their nesting impossible.
        """
        return self._submit(method, params, {}, timeout, idempotent)

    def _submit(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        spec: dict[str, Any],
        timeout: Timeout,
        idempotent: bool | None = None,
    ) -> Call:
        """Start a call; see ``submit`` and, for ``spec``, ``Call``."""
        if isinstance(timeout, Unset):
            spec.setdefault("limit", None)
            spec["answer_limit"] = self.config.request_timeout
        else:
            spec.setdefault("limit", Deadline(timeout))
        journal = self._connection.calls.journal
        if journal is not None:
            params = journal.with_key(params)
        spec["watched"] = True
        call = self._make_call(method, params, idempotent, spec)
        self._connection.start(call, may_block=False)
        return call

    def notify(self, method: str, params: Mapping[str, Any] | None = None) -> None:
        """Send a notification: at once on a ready link, else when there is one.

        Args:
            method: its method.
            params: its params; None sends none.

        Raises:
            MCPQueueFullError: the offline queue is full.
            MCPClosedError: the client was closed.
            TypeError: something in the params is no JSON; the error names the path to it.
            ValueError: a number in the params is not finite, or their nesting impossible.
        """
        limit = Deadline(self.config.request_timeout)
        if self._connection.gate.is_ready():
            spec: dict[str, Any] = {"limit": limit, "wants_answer": False}
            call = self._make_call(method, params, None, spec)
            self._connection.perform(call)
            return
        spec = {
            "limit": None,
            "answer_limit": limit.timeout,  # how long overflow="block" may hold this thread
            "wants_answer": False,
            "watched": True,
        }
        call = self._make_call(method, params, None, spec)
        self._connection.start(call, may_block=False)

    def _make_call(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        idempotent: bool | None,
        spec: dict[str, Any],
    ) -> Call:
        """Make a call; ``spec`` is the rest of what a ``Call`` is made of."""
        if not method or type(method) is not str:
            raise TypeError(f"method must be a non-empty string, not {method!r}")
        connection = self._connection
        if idempotent is None:
            spec["repeatable"] = connection.dialect.is_repeatable(method)
            if connection.gate.config.trust_tool_hints:
                spec["tool"] = connection.dialect.tool_of(method, params)
        else:
            spec["repeatable"] = idempotent
        return connection.make_call(method, params, spec)

    def drain(self, timeout: float | None = 30.0) -> bool:
        """Wait until the offline queue and the table of unanswered calls are empty.

        Args:
            timeout: seconds to wait; None waits without a limit.

        Returns:
            Whether they are empty.
        """
        return self._connection.drain(timeout)

    def pending_requests(self) -> list[Call]:
        """The calls that are queued or not yet answered, oldest first."""
        return self._connection.unsettled()

    def why(self, call: Call | str | None = None) -> str:
        """Say what waiting calls wait for.

        Args:
            call: a call or its id; None tells of every unsettled call, one a line.

        Returns:
            A short true sentence for each call; also for one that is settled or unknown.
        """
        if isinstance(call, Call):
            return f"{call.call_id} {call.method} waits for {self._connection.why(call)}"
        waiting = [one for one in self.pending_requests() if call in (None, one.call_id)]
        nothing = f"{call} is not waiting" if call else "no call is waiting"
        return "\n".join(map(self.why, waiting)) or nothing

    def cancel(self, call_id: str) -> bool:
        """Withdraw a call by its id.

        Args:
            call_id: ``Call.call_id``.

        Returns:
            True when it is withdrawn; False when there is no such unsettled call.
        """
        return any(
            call.cancel() for call in self._connection.unsettled() if call.call_id == call_id
        )

    def recovered(self) -> list[Call]:
        """The calls that the journal held when this client opened it, in the order of queueing.

        Those that had not been sent are queued again, and sent once the client connects. Those
        that may have been sent by the process that ended have failed with MCPConnectionLost
        (``maybe_executed``), those whose time was over with MCPTimeoutError: they stay in the
        journal until a client that was asked for them is closed.

        Returns:
            The calls, settled or not; none without a journal.
        """
        return self._connection.recovery.recovered()

    @property
    def offline_queue_size(self) -> int:
        """How many calls wait for a ready link."""
        return len(self._connection.calls.outbox)

    def clear_offline_queue(self) -> int:
        """Withdraw every queued call; each fails with MCPCancelledError.

        Returns:
            How many they were.
        """
        return self._connection.clear_queue()
