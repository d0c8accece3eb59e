"""The client of a compareblocks server: submit, watch, fetch."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal, overload

from .base_client import BaseClient
from .client_calls import UNSET, Timeout, Unset
from .config import ClientConfig, OfflineMode
from .connection.bell import Bell
from .deadline import Deadline
from .errors import MCPConnectionLost, MCPTimeoutError
from .offline import OfflineResponse
from .protocol.compareblocks import CompareblocksDialect
from .protocol.compareblocks_errors import ExtractionFailed
from .protocol.compareblocks_requests import results_params, status_params, subscription_params
from .protocol.compareblocks_submission import validate_submission
from .protocol.dialect import Dialect
from .types.compareblocks import (
    UPDATE_EVENTS,
    ExtractionResults,
    ResultsFormat,
    SessionStatus,
    Submission,
    Subscription,
    SystemStatus,
    UpdateEventName,
    Variation,
)

__all__ = ["CompareblocksClient"]

_FIRST_POLL_SECONDS: Final = 0.1

_SLOWEST_POLL_SECONDS: Final = 2.0

_POLL_GROWTH: Final = 1.5

_SUBSCRIPTION: Final = "updates"

Variations = Iterable[Variation | Mapping[str, Any]]
"""What an extraction compares: values or plain mappings with the same keys."""

OnProgress = Callable[[SessionStatus], object]
"""Called in the waiting thread with each status that differs from the one before."""


class CompareblocksClient(BaseClient):
    """A blocking client of a compareblocks server. May be shared between threads.

    The arguments are those of ``BaseClient``, with defaults for a server that works for up to a
    minute without answering anybody.

    Args:
        server_url: where the server is, ``ws://`` or ``wss://``.
        reconnect_attempts: retries after the first dial of every outage.
        reconnect_delay: seconds; the back-off starts from it and doubles.
        request_timeout: seconds a call may take when it is given no timeout of its own.
        heartbeat_interval: seconds between pings.
        heartbeat_timeout: seconds of silence after a ping before the link counts as lost.
        **settings: the other fields of ``ClientConfig``, by name.
    """

    def __init__(
        self,
        server_url: str = "ws://localhost:8765",
        reconnect_attempts: int = 5,
        reconnect_delay: float = 2.0,
        request_timeout: float = 180.0,
        heartbeat_interval: float = 30.0,
        *,
        heartbeat_timeout: float = 120.0,
        **settings: Any,
    ) -> None:
        super().__init__(
            server_url,
            reconnect_attempts,
            reconnect_delay,
            request_timeout,
            heartbeat_interval,
            heartbeat_timeout=heartbeat_timeout,
            **settings,
        )
        self._subscribed = _Subscribed()
        self._connection.receiver.wants = self._subscribed.wants

    @staticmethod
    def _make_dialect(_config: ClientConfig) -> Dialect:
        return CompareblocksDialect()

    @overload
    def submit_extraction(
        self,
        pdf_path: str | os.PathLike[str],
        variations: Variations,
        metadata: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        offline: Literal["wait", "raise"],
    ) -> Submission: ...

    @overload
    def submit_extraction(
        self,
        pdf_path: str | os.PathLike[str],
        variations: Variations,
        metadata: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        offline: Literal["queue"] = "queue",
    ) -> Submission | OfflineResponse[Submission]: ...

    def submit_extraction(
        self,
        pdf_path: str | os.PathLike[str],
        variations: Variations,
        metadata: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        offline: OfflineMode = "queue",
    ) -> Submission | OfflineResponse[Submission]:
        """Have the server compare variations of a document's blocks.

        A submission is never sent twice: each makes a session of its own.

        Args:
            pdf_path: the document, as a path on the server, relative to its working directory.
            variations: what the engines read; values or mappings.
            metadata: further facts of the submission; None sends none.
            timeout: seconds for everything; None sets no limit; not given, ``request_timeout``
                holds, from the moment of sending for a queued submission.
            offline: what to do without a ready link: "queue" it and return at once, "wait", or
                "raise".

        Returns:
            The accepted session; without a ready link an ``OfflineResponse``, whose ``result()``
            is the accepted session once the server is back.

        Raises:
            InvalidSubmission: an argument breaks the server's schema; nothing was sent.
            MCPMessageTooLarge: it is over the server's 1 MiB; nothing was sent.
            CompareblocksError: the server refused it.
            MCPConnectionLost: the link was lost under it; with ``maybe_executed`` the server may
                have made a session.
            MCPQueueFullError: the offline queue is full.
        """
        params = validate_submission(pdf_path, variations, metadata)
        if offline == "queue" and not self._connection.gate.is_ready():
            call = self.submit("submit_extraction", params, timeout=timeout)
            return OfflineResponse(call, self._connection.position(call), _read_submission)
        mode: Literal["wait", "raise"] = "raise" if offline == "raise" else "wait"
        return _read_submission(
            self.request("submit_extraction", params, timeout=timeout, offline=mode)
        )

    @overload
    def get_status(
        self, session_id: None = None, include_details: bool = False, *, timeout: Timeout = UNSET
    ) -> SystemStatus: ...

    @overload
    def get_status(
        self, session_id: str, include_details: bool = False, *, timeout: Timeout = UNSET
    ) -> SessionStatus: ...

    def get_status(
        self,
        session_id: str | None = None,
        include_details: bool = False,
        *,
        timeout: Timeout = UNSET,
    ) -> SessionStatus | SystemStatus:
        """Ask for the status of a session, or of the whole server.

        Args:
            session_id: the session; None asks for the server's.
            include_details: True adds a summary of the results of a completed session.
            timeout: as for ``request``.

        Returns:
            The session's status, or the server's.

        Raises:
            SessionNotFound: the server does not know the session (any more).
            MCPTimeoutError: not answered in time; the server answers nobody while it works.
        """
        params = status_params(session_id, include_details)
        answer = self.request("get_status", params, timeout=timeout)
        if session_id is None:
            return SystemStatus.from_wire(answer, "get_status")
        return SessionStatus.from_wire(answer, "get_status")

    def get_results(
        self,
        session_id: str,
        format: ResultsFormat = "json",
        include_analytics: bool = False,
        *,
        timeout: Timeout = UNSET,
    ) -> ExtractionResults:
        """Fetch the results of a completed session.

        Args:
            session_id: the session.
            format: "json", "ndjson" (adds one text with a line for each decision) or "summary".
            include_analytics: True adds figures about quality and time.
            timeout: as for ``request``.

        Returns:
            The results; the decisions are mappings as they came.

        Raises:
            SessionNotCompleted: it is not completed; the error tells its status.
            SessionNotFound: the server does not know the session (any more).
        """
        params = results_params(session_id, format, include_analytics)
        answer = self.request("get_results", params, timeout=timeout)
        return ExtractionResults.from_wire(answer, "get_results", format)

    def subscribe_updates(
        self, event_types: Iterable[UpdateEventName], *, timeout: Timeout = UNSET
    ) -> Subscription:
        """Subscribe to the server's updates; done again after every reconnect.

        Handlers registered with ``on_notification`` get them. The recorded server never sends any
        by itself, so poll as well.

        Args:
            event_types: "status_update", "processing_complete", "error".
            timeout: as for ``request``.

        Returns:
            What the server confirmed.

        Raises:
            InvalidParams: there is no such event; the error lists them.
        """
        params = subscription_params(event_types)
        names = frozenset(params["event_types"])
        # The first update may come right behind the answer.
        new = names - self._subscribed.names
        self._let_through(names)
        try:
            answer = self.request("subscribe_updates", params, timeout=timeout)
        except BaseException:  # nothing was subscribed to, whatever the reason
            self._keep_out(new)
            raise
        self._remember()
        return Subscription.from_wire(answer, "subscribe_updates")

    def unsubscribe_updates(
        self, event_types: Iterable[UpdateEventName], *, timeout: Timeout = UNSET
    ) -> Subscription:
        """End subscriptions; the arguments and errors are those of ``subscribe_updates``."""
        params = subscription_params(event_types, "unsubscribe_updates")
        self._keep_out(frozenset(params["event_types"]))
        self._remember()
        answer = self.request("unsubscribe_updates", params, timeout=timeout)
        return Subscription.from_wire(answer, "unsubscribe_updates")

    def _let_through(self, names: frozenset[str]) -> None:
        with self._connection.gate.lock:
            self._subscribed.names |= names

    def _keep_out(self, names: frozenset[str]) -> None:
        with self._connection.gate.lock:
            self._subscribed.names -= names

    def _remember(self) -> None:
        names, restorations = self._subscribed.names, self._connection.restorations
        if names:
            params = {"event_types": sorted(names)}
            restorations.remember(_SUBSCRIPTION, "subscribe_updates", params)
        else:
            restorations.forget(_SUBSCRIPTION)

    def wait_for_results(
        self,
        session_id: str,
        timeout: Timeout = UNSET,
        on_progress: OnProgress | None = None,
    ) -> ExtractionResults:
        """Wait until a session is done and fetch its results.

        It listens to the updates that are subscribed to and polls as well, and goes on over lost
        links.

        Args:
            session_id: the session.
            timeout: seconds for everything; None sets no limit; not given, ``request_timeout``.
            on_progress: called in this thread with each new status; None calls nothing.

        Returns:
            The results in the "json" format.

        Raises:
            ExtractionFailed: the session failed on the server; the error has its reason.
            SessionNotFound: the server does not know the session (any more).
            MCPTimeoutError: not done in time; the session goes on.
        """
        deadline = Deadline(self.config.request_timeout if isinstance(timeout, Unset) else timeout)
        bell = Bell()

        def ring(_: object) -> None:
            bell.ring()

        for name in UPDATE_EVENTS:
            self.on_notification(name, ring)
        try:
            self._await_completion(session_id, deadline, bell, on_progress)
        finally:
            for name in UPDATE_EVENTS:
                self.off_notification(name, ring)
        return self.get_results(session_id, timeout=deadline.remaining())

    def _await_completion(
        self, session_id: str, deadline: Deadline, bell: Bell, on_progress: OnProgress | None
    ) -> None:
        pause, before = _FIRST_POLL_SECONDS, None
        while True:
            status = self._poll(session_id, deadline)
            if status is not None and status != before and on_progress is not None:
                on_progress(status)
            if status is not None and status.is_completed:
                return
            if status is not None and status.is_failed:
                raise ExtractionFailed(session_id, status.error or "no reason", status.progress)
            before = status or before
            if deadline.is_over():
                stands = f"its status is {before.status}" if before else "no status came"
                waiting_for = f"session {session_id}: {stands}; it goes on at the server"
                raise MCPTimeoutError("wait_for_results", deadline.timeout, True, waiting_for)
            left = deadline.remaining()
            bell.wait(Deadline(pause if left is None else min(pause, left)))
            pause = min(pause * _POLL_GROWTH, _SLOWEST_POLL_SECONDS)

    def _poll(self, session_id: str, deadline: Deadline) -> SessionStatus | None:
        """The status now; None when this poll came to nothing and the next may do better."""
        try:
            return self.get_status(session_id, timeout=deadline.remaining())
        except (MCPConnectionLost, MCPTimeoutError):
            return None

    def extract(
        self,
        pdf_path: str | os.PathLike[str],
        variations: Variations,
        metadata: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        on_progress: OnProgress | None = None,
    ) -> ExtractionResults:
        """Submit, wait and fetch: a whole extraction in one call.

        Args:
            pdf_path: as for ``submit_extraction``.
            variations: as for ``submit_extraction``.
            metadata: as for ``submit_extraction``.
            timeout: seconds for everything; None sets no limit; not given, ``request_timeout``.
            on_progress: called in this thread with each new status; None calls nothing.

        Returns:
            The results in the "json" format.

        Raises:
            MCPError: as ``submit_extraction`` and ``wait_for_results`` raise them.
        """
        deadline = Deadline(self.config.request_timeout if isinstance(timeout, Unset) else timeout)
        submission = self.submit_extraction(
            pdf_path, variations, metadata, timeout=deadline.remaining(), offline="wait"
        )
        return self.wait_for_results(submission.session_id, deadline.remaining(), on_progress)


class _Subscribed:
    """The events that were asked for; replaced as a whole, so safe to read from any thread."""

    def __init__(self) -> None:
        self.names: frozenset[str] = frozenset()

    def wants(self, method: str) -> bool:
        """A new connection can inherit a dead client's subscriptions at this server."""
        return method not in UPDATE_EVENTS or method in self.names


def _read_submission(answer: Any) -> Submission:
    return Submission.from_wire(answer, "submit_extraction")
