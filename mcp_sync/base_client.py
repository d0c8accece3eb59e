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
from typing import TYPE_CHECKING, Any, Self

from .client_calls import CallSource
from .client_events import EventSource
from .config import ClientConfig, check_plain_authorization
from .connection.connection import Connection
from .connection.dispatcher import Dispatcher
from .connection.worker import start_worker
from .deadline import Deadline
from .late_import import importing
from .process_hooks import track
from .protocol.dialect import Dialect
from .states import ConnectionState
from .transports.base import Transport
from .types.session import InitializeResult

if TYPE_CHECKING:
    from .types.client_description import ClientDescription
    from .types.health import Health
    from .types.statistics import ConnectionStatistics

__all__ = ["BaseClient"]


class BaseClient(CallSource, EventSource):
    """A blocking client that lives across many links. May be shared between threads.

    It is made once and connects when it is told to, or with its first call. While the server is
    away, calls wait in a queue and the client dials in the background.

    Args:
        server_url: where the server is, ``ws://`` or ``wss://``; not used where the setting
            ``stdio`` names a command that starts it.
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
        self._adopt(Connection(config, self._make_dialect, _make_transport, lead=self._lead))
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

    @classmethod
    def from_config(cls, path: str | os.PathLike[str], name: str, **overrides: Any) -> Self:
        """Make a client of a server in the ``mcpServers`` file of desktop tools and editors.

        Args:
            path: the file (``mcp.json``); ``${VAR}``, ``${env:VAR}`` and ``${VAR:-default}`` in
                its texts stand for variables of this process.
            name: the server.
            **overrides: settings that win over the file.

        Returns:
            A client that is not yet connected.

        Raises:
            MCPConfigurationError: the file cannot be read, has no such server or a disabled one,
                or the server has a wrong shape or a transport other than ws, wss and stdio.
        """
        from .mcp_servers_file import read_server  # noqa: PLC0415 - most clients have no such file

        return cls(**{**read_server(path, name), **overrides})

    def __reduce__(self) -> tuple[Any, ...]:
        # A client travels to another process as its settings; it connects there anew.
        return type(self).from_settings, (self.config,)

    @staticmethod
    @abc.abstractmethod
    def _make_dialect(config: ClientConfig) -> Dialect:
        """What a link of this kind of client begins with."""

    def _dispatcher(self) -> Dispatcher:
        return self._connection.dispatcher

    def _close_at_exit(self, deadline: Deadline) -> None:
        is_open = self.get_connection_state() is not ConnectionState.DISCONNECTED
        if is_open or self._connection.recovery.is_open:
            self._connection.close(patience=deadline)
        if is_open:
            # Last, because warnings may be errors.
            _warn_unclosed(self._connection)

    def _renew_in_child(self) -> None:
        try:
            self._connection.let_go_in_child()
        finally:
            # Whatever it was, the child must not talk over its parent's links.
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
            MCPConfigurationError: what a function gave for the headers cannot be sent.
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

    def wait_until_ready(self, timeout: float | None = None, *, while_offline: bool = True) -> bool:
        """Wait until calls would be sent at once, connecting if need be.

        Args:
            timeout: seconds to wait; None waits without a limit.
            while_offline: False gives up, too, when the attempts to connect are used up.

        Returns:
            Whether there is a ready link.

        Raises:
            MCPClosedError: the client was closed and not opened again.
            MCPConnectionRejected: the server refused for good.
        """
        deadline = Deadline(timeout)
        return self._connection.wait_until_ready(deadline, while_offline=while_offline)

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

    # What it is and how it does

    @property
    def config(self) -> ClientConfig:
        """The settings that hold now."""
        return self._connection.gate.config

    def configure(self, **changes: Any) -> ClientConfig:
        """Change settings of a running client.

        Timeouts, back-off, heartbeat and queue limits hold at once; address, headers, TLS,
        subprotocols and ``protocol_version`` at the next dial.

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

    @property
    def session(self) -> InitializeResult | None:
        """What the server told of itself on the current link; None before a handshake."""
        return self._connection.session_result()

    def get_client_info(self) -> ClientDescription:
        """Who this client is and whom it talks to."""
        from .types.client_description import (  # noqa: PLC0415 - seldom wanted
            ClientDescription,
        )

        connection = self._connection
        info = connection.restorations.client_info(connection.gate)
        result = connection.session_result()
        return ClientDescription(
            name=str(info.get("name", "")),
            version=str(info.get("version", "")),
            dialect=connection.current_dialect().name,
            server_url=self.config.address,
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
        where = self.config.address
        return f"<{type(self).__name__} {where} {self.get_connection_state()}{waiting}>"

    def _repr_html_(self) -> str:
        from .notebook.clients import client_html  # noqa: PLC0415 - only a notebook asks for it

        kind, numbers = type(self).__name__, self.get_connection_stats()
        return client_html(kind, self.get_client_info(), numbers)


def _make_transport(config: ClientConfig) -> Transport:
    return _make_websocket(config) if config.stdio is None else _make_stdio(config, config.stdio)


# A transport is imported with the first link of its kind: a program pays for what it uses, when it
# uses it, and a system without pipes can still dial.


def _make_stdio(config: ClientConfig, command: tuple[str, ...]) -> Transport:
    with importing:
        from .transports.stdio import StdioSettings, StdioTransport  # noqa: PLC0415 - see above
    settings = StdioSettings(
        command=command, env=config.env, cwd=config.cwd, max_message_size=config.max_message_size
    )
    return StdioTransport(settings, start_worker)


def _make_websocket(config: ClientConfig) -> Transport:
    with importing:
        from .connection.resolver import LookUp  # noqa: PLC0415 - see above
        from .transports.websocket import (  # noqa: PLC0415 - see above
            WebSocketSettings,
            WebSocketTransport,
        )
    headers = config.headers() if callable(config.headers) else config.headers
    check_plain_authorization(config.server_url, headers, config.allow_insecure_auth, config.proxy)
    settings = WebSocketSettings(
        url=config.server_url,
        headers=headers,
        subprotocols=config.subprotocols,
        ssl_context=config.ssl_context,
        max_message_size=config.max_message_size,
        proxy=config.proxy,
    )
    look_up = LookUp()
    return WebSocketTransport(settings, look_up.resolve, look_up.abort)


def _abandon(connection: Connection) -> None:
    """A client was forgotten without being closed; runs in whatever thread collects it."""
    if connection.gate.state is not ConnectionState.DISCONNECTED:
        connection.gate.abandon()
        _warn_unclosed(connection)


def _warn_unclosed(connection: Connection) -> None:
    where = connection.gate.config.address
    message = f"unclosed MCP client of {where}; use 'with', or call close()"
    warnings.warn(message, ResourceWarning, stacklevel=2)
