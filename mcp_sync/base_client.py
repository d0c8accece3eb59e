"""The life of a client, whatever the dialect: connect, initialize, call, queue, watch, close.

``MCPClient`` and ``CompareblocksClient`` add what their servers can do.
"""

from __future__ import annotations

import abc
import os
import warnings
import weakref
from collections.abc import Mapping
from functools import partial
from types import TracebackType
from typing import Any, Final, Literal, Self, overload

from .client_events import EventSource
from .config import ClientConfig, OfflineMode, check_plain_authorization
from .connection.call import Call, CallSpec
from .connection.connection import Connection
from .connection.dispatcher import Dispatcher
from .connection.resolver import LookUp
from .deadline import Deadline
from .offline import OfflineResponse
from .process_hooks import track
from .protocol.dialect import Dialect
from .states import ConnectionState
from .transports.base import Transport
from .transports.websocket import WebSocketSettings, WebSocketTransport
from .types.health import Health
from .types.session import ClientDescription, InitializeResult
from .types.statistics import ConnectionStatistics
from .url import mask_url

__all__ = ["UNSET", "BaseClient", "Unset"]


class Unset:
    """The kind of ``UNSET``, which tells "not given" from None."""

    def __repr__(self) -> str:
        return "UNSET"


UNSET: Final = Unset()
"""Not given: the client's own setting holds."""

Timeout = float | None | Unset


class BaseClient(EventSource):
    """A blocking client that lives across many links. May be shared between threads.

    It is made once and connects when it is told to, or with its first call. While the server is
    away, calls wait in a queue and the client dials in the background.

    Args:
        server_url: where the server is, ``ws://`` or ``wss://``.
        reconnect_attempts: retries after the first dial of every outage.
        reconnect_delay: seconds; the back-off starts from it and doubles.
        request_timeout: seconds a call may take when it is given no timeout of its own.
        heartbeat_interval: seconds between pings.
        **settings: the other fields of ``ClientConfig``, by name.

    Raises:
        MCPConfigurationError: a setting is unknown or impossible, or the journal cannot be opened.
    """

    _lead = True
    """False leaves all reading to the reader thread: the slower way, for tests to compare."""

    def __init__(
        self,
        server_url: str = "ws://localhost:8765",
        reconnect_attempts: int = 5,
        reconnect_delay: float = 2.0,
        request_timeout: float = 30.0,
        heartbeat_interval: float = 30.0,
        **settings: Any,
    ) -> None:
        config = ClientConfig().changed(
            server_url=server_url,
            reconnect_attempts=reconnect_attempts,
            reconnect_delay=reconnect_delay,
            request_timeout=request_timeout,
            heartbeat_interval=heartbeat_interval,
            **settings,
        )
        self._adopt(Connection(config, self._make_dialect(), _make_transport, lead=self._lead))
        track(self)

    def _adopt(self, connection: Connection) -> None:
        """Use this connection, which is closed when the client is forgotten."""
        self._connection = connection
        finalizer = weakref.finalize(self, _abandon, connection)
        # At exit the client is closed whole instead.
        finalizer.atexit = False

    @classmethod
    def from_settings(cls, config: ClientConfig) -> Self:
        """Make a client from settings that were read elsewhere (``ClientConfig.from_env()``).

        Args:
            config: all settings.

        Returns:
            A client that is not yet connected.
        """
        return cls(**config.as_settings())

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> Self:
        """Make a client from ``MCP_SYNC_*`` variables, over this kind of client's own defaults.

        Args:
            environ: the variables; None reads those of this process.
            **overrides: settings that win over the variables.

        Returns:
            A client that is not yet connected.

        Raises:
            MCPConfigurationError: as ``ClientConfig.from_env`` raises it.
        """
        return cls(**{**ClientConfig.read_env(environ), **overrides})

    @classmethod
    def from_profile(cls, path: str | os.PathLike[str], name: str, **overrides: Any) -> Self:
        """Make a client from a profile in a TOML file, over this kind of client's own defaults.

        Args:
            path: the file.
            name: the profile: the table ``[profiles.NAME]``.
            **overrides: settings that win over the file.

        Returns:
            A client that is not yet connected.

        Raises:
            MCPConfigurationError: as ``ClientConfig.from_profile`` raises it.
        """
        return cls(**{**ClientConfig.read_profile(path, name), **overrides})

    def __reduce__(self) -> tuple[Any, ...]:
        # A client travels to another process as its settings; it connects there anew.
        return type(self).from_settings, (self.config,)

    @abc.abstractmethod
    def _make_dialect(self) -> Dialect:
        """What this kind of client speaks."""

    def _dispatcher(self) -> Dispatcher:
        return self._connection.dispatcher

    def _close_at_exit(self, deadline: Deadline) -> None:
        if self.get_connection_state() is not ConnectionState.DISCONNECTED:
            _warn_unclosed(self._connection)
            self._connection.close(patience=deadline)
        elif self._connection.recovery.is_open:
            self._connection.close(patience=deadline)

    def _renew_in_child(self) -> None:
        self._adopt(self._connection.renewed_in_child())

    # The life of the connection

    def connect(self, timeout: float | None = None) -> bool:
        """Connect, or join the attempt under way; returns at once when connected.

        Args:
            timeout: seconds to wait; None waits for the outcome, however long the attempts take.

        Returns:
            True when connected; False when all attempts failed and offline mode was entered.

        Raises:
            MCPTimeoutError: not decided within ``timeout``; dialing goes on.
            MCPConnectionRejected: the server refused for good.
            MCPConnectionError: with ``offline_mode=False``, all attempts failed.
            MCPClosedError: the client was closed meanwhile.
        """
        return self._connection.connect(timeout)

    def initialize(self, client_info: Mapping[str, Any] | None = None) -> InitializeResult:
        """Have the dialect's handshake run, or return the result it already has.

        After a reconnect it runs again by itself.

        Args:
            client_info: who to say the client is, from now on; None says the setting.

        Returns:
            What the server told of itself.

        Raises:
            MCPTimeoutError: not done within ``request_timeout``.
            MCPOfflineError: the attempts to connect are used up.
            MCPConnectionRejected: there is no common version, or the server refused for good.
            MCPClosedError: the client was closed and not opened again.
            MCPResponseError: the server answered with an error.
        """
        return self._connection.initialize(client_info, Deadline(self.config.request_timeout))

    def wait_until_ready(self, timeout: float | None = None) -> bool:
        """Wait until calls would be sent at once, connecting if need be.

        Args:
            timeout: seconds to wait; None waits without a limit.

        Returns:
            Whether there is a ready link.

        Raises:
            MCPClosedError: the client was closed and not opened again.
            MCPConnectionRejected: the server refused for good.
        """
        return self._connection.wait_until_ready(Deadline(timeout))

    def reconnect(self) -> None:
        """Drop the link and dial again, or dial now instead of after the back-off."""
        self._connection.reconnect()

    def close(self, drain: float = 0.0) -> None:
        """Close the client: every unsettled call fails, nothing dials any more.

        Idempotent, bounded to a few seconds, and legal from any thread, a handler included.
        ``connect()`` opens the client again.

        Args:
            drain: seconds to wait first until everything queued is sent and answered.
        """
        self._connection.close(drain)

    def disconnect(self) -> None:
        """The same as ``close()``."""
        self.close()

    def __enter__(self) -> Self:
        if self.config.start_offline:
            self._connection.open_in_background()
            return self
        try:
            if not self.connect():
                raise self._connection.offline_error()
            self.initialize()
        except BaseException:  # whatever it was, nothing may be left running behind it
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # Calls

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
        if offline == "queue" and not self._connection.gate.is_ready():
            call = self.submit(method, params, timeout=timeout, idempotent=idempotent)
            return OfflineResponse(call, self._connection.position(call))
        if offline == "raise":
            self._require_link(timeout)
        limit = self.config.request_timeout if isinstance(timeout, Unset) else timeout
        call = self._make_call(
            method, params, idempotent, limit=Deadline(limit), queueable=offline != "raise"
        )
        result: dict[str, Any] = self._connection.perform(call)
        return result

    def _require_link(self, timeout: Timeout) -> None:
        connection = self._connection
        gate = connection.gate
        if gate.is_ready():
            return
        fresh = gate.state is ConnectionState.DISCONNECTED and not connection.life.was_closed
        if fresh or gate.state in (ConnectionState.CONNECTING, ConnectionState.CONNECTED):
            limit = self.config.request_timeout if isinstance(timeout, Unset) else timeout
            connection.wait_until_ready(Deadline(limit))
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
        given = not isinstance(timeout, Unset)
        journal = self._connection.calls.journal
        if journal is not None:
            params = journal.with_key(params)
        call = self._make_call(
            method,
            params,
            idempotent,
            limit=Deadline(timeout) if not isinstance(timeout, Unset) else None,
            answer_limit=None if given else self.config.request_timeout,
            watched=True,
        )
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
            call = self._make_call(method, params, None, limit=limit, wants_answer=False)
            self._connection.perform(call)
            return
        call = self._make_call(
            method,
            params,
            None,
            limit=None,
            answer_limit=limit.timeout,  # how long overflow="block" may hold this thread
            wants_answer=False,
            watched=True,
        )
        self._connection.start(call, may_block=False)

    def _make_call(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        idempotent: bool | None,
        **spec: Any,
    ) -> Call:
        if not method or type(method) is not str:
            raise TypeError(f"method must be a non-empty string, not {method!r}")
        repeatable = idempotent
        if repeatable is None:
            repeatable = self._connection.dialect.is_repeatable(method)
        tool = None
        if idempotent is None and self.config.trust_tool_hints:
            tool = self._connection.dialect.tool_of(method, params)
        return self._connection.make_call(
            method, params, partial(CallSpec, repeatable=repeatable, tool=tool, **spec)
        )

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

    # What it is and how it does

    @property
    def config(self) -> ClientConfig:
        """The settings that hold now."""
        return self._connection.gate.config

    def configure(self, **changes: Any) -> ClientConfig:
        """Change settings of a running client.

        Timeouts, back-off, heartbeat and queue limits hold at once; address, headers, TLS and
        subprotocols at the next dial.

        Args:
            **changes: settings by name.

        Returns:
            The settings that hold now.

        Raises:
            MCPConfigurationError: a setting is unknown or impossible; all old values are kept.
        """
        return self._connection.configure(changes)

    def get_connection_state(self) -> ConnectionState:
        """The state now; compares equal to its lower-case name ("connected")."""
        return self._connection.gate.state

    def is_connected(self) -> bool:
        """Whether there is a link, initialized or not."""
        return self._connection.gate.link is not None

    def is_initialized(self) -> bool:
        """Whether there is a link and its handshake is done."""
        return self.get_connection_state() is ConnectionState.INITIALIZED

    def is_offline(self) -> bool:
        """Whether the attempts are used up and the client probes on quietly."""
        return self.get_connection_state() is ConnectionState.OFFLINE

    def get_client_info(self) -> ClientDescription:
        """Who this client is and whom it talks to."""
        connection = self._connection
        info = connection.restorations.client_info(connection.gate)
        result = connection.session_result()
        return ClientDescription(
            name=str(info.get("name", "")),
            version=str(info.get("version", "")),
            dialect=connection.current_dialect().name,
            server_url=mask_url(self.config.server_url),
            protocol_version=result.protocol_version if result else None,
            server=result.server_info if result else None,
            capabilities=result.capabilities if result else {},
        )

    def get_connection_stats(self) -> ConnectionStatistics:
        """A frozen snapshot of everything counted and measured."""
        return self._connection.observer.statistics()

    def health_check(self, timeout: float = 5.0) -> Health:
        """Ping the server and, once initialized, ask it something cheap.

        Args:
            timeout: seconds for both together.

        Returns:
            The verdict: "healthy", "degraded", "unhealthy" or "offline", with reasons in words.
        """
        ask = None
        probe = self._connection.current_dialect().health_probe
        if probe is not None and self.is_initialized():
            ask = partial(self._probe, *probe)
        return self._connection.observer.check_health(Deadline(timeout), ask)

    def _probe(self, method: str, params: Mapping[str, Any], deadline: Deadline) -> None:
        self.request(method, params, timeout=deadline.remaining(), offline="raise")

    def __repr__(self) -> str:
        queued = self.offline_queue_size
        waiting = f", {queued} queued" if queued else ""
        where = mask_url(self.config.server_url)
        return f"<{type(self).__name__} {where} {self.get_connection_state()}{waiting}>"


def _make_transport(config: ClientConfig) -> Transport:
    headers = config.headers() if callable(config.headers) else config.headers
    check_plain_authorization(config.server_url, headers, config.allow_insecure_auth)
    settings = WebSocketSettings(
        url=config.server_url,
        headers=headers,
        subprotocols=config.subprotocols,
        ssl_context=config.ssl_context,
        max_message_size=config.max_message_size,
    )
    look_up = LookUp()
    return WebSocketTransport(settings, look_up.resolve, look_up.abort)


def _abandon(connection: Connection) -> None:
    """A client was forgotten without being closed; runs in whatever thread collects it."""
    if connection.gate.state is not ConnectionState.DISCONNECTED:
        connection.gate.abandon()
        _warn_unclosed(connection)


def _warn_unclosed(connection: Connection) -> None:
    where = mask_url(connection.gate.config.server_url)
    message = f"unclosed MCP client of {where}; use 'with', or call close()"
    warnings.warn(message, ResourceWarning, stacklevel=2)
