"""The server's log messages: to Python's ``logging`` and to handlers; and signs of life."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..client_calls import UNSET, Timeout
from ..connection.connection import Connection
from ..deadline import Deadline
from ..errors import MCPProtocolError
from ..late_import import importing
from .feature import McpFeature

if TYPE_CHECKING:
    from ..types.logging import LogHandler, LogLevel
    from ..types.notifications import NotificationEvent

__all__ = ["Logs"]

_log: Final = logging.getLogger("mcp_sync.server")

_METHOD: Final = "notifications/message"

LogHandlerT = TypeVar("LogHandlerT", bound="LogHandler")


class Logs(McpFeature):
    """What a server logs. May be shared between threads."""

    def _adopt(self, connection: Connection) -> None:
        super()._adopt(connection)
        if not connection.dispatcher.wants_notification(_METHOD):
            connection.dispatcher.on_notification(_METHOD, _to_logging)

    def on_log(self, handler: LogHandlerT) -> LogHandlerT:
        """Have a function called at every log message of the server; also as a decorator.

        The messages go to the logger ``mcp_sync.server`` in any case.

        Args:
            handler: takes a ``LogMessage``, on the thread ``mcp-events``.

        Returns:
            The handler.
        """
        from ..types.logging import LogMessage

        def handle(event: NotificationEvent) -> Any:
            return handler(LogMessage.from_wire(event.params))

        self._dispatcher().on_notification(_METHOD, handle)
        return handler

    def set_log_level(self, level: LogLevel, *, timeout: Timeout = UNSET) -> None:
        """Say how grave a message must be for the server to send it.

        It holds until the client is closed, on every link. A server of the modern era sends none
        before it is called, and is told with each request from now on.

        Args:
            level: one of ``LOG_LEVELS``.
            timeout: seconds for the request to a server of the handshake era; None sets no limit;
                not given, ``request_timeout`` holds.

        Raises:
            ValueError: there is no such level.
            MCPResponseError: the server has no logging.
            MCPError: as for ``request``.
        """
        from ..types.logging import LOG_LEVELS

        if level not in LOG_LEVELS:
            raise ValueError(f"level={level!r} must be one of {', '.join(LOG_LEVELS)}")
        connection = self._connection
        connection.redeclare(log_level=level)
        if connection.gate.is_ready() and self._is_handshake_era():
            self._ask("logging/setLevel", {"level": level}, _nothing, timeout=timeout)

    def ping(self, *, timeout: Timeout = UNSET) -> float:
        """Ask the server for a sign of life.

        Args:
            timeout: seconds, also for a ready link; None sets no limit; not given,
                ``request_timeout`` holds.

        Returns:
            The seconds until its answer. In the modern era, which has no ping, it is asked what
            it is instead.

        Raises:
            MCPError: as for ``request``.
        """
        deadline = Deadline(self._seconds(timeout))
        self.wait_until_ready(deadline.remaining())
        probe = self._connection.current_dialect().health_probe
        method, params = probe or ("ping", {})
        began = time.monotonic()
        self._ask(method, params or None, _nothing, limit=deadline)
        return time.monotonic() - began


def _nothing(_: Any) -> None:
    return None


def _to_logging(event: NotificationEvent) -> None:
    with importing:
        from ..types.logging import LogMessage, python_level

    try:
        message = LogMessage.from_wire(event.params)
    except MCPProtocolError as error:
        _log.debug("a log message cannot be read: %s", error)
        return
    level = python_level(message.level)
    if _log.isEnabledFor(level):
        text = message.data if isinstance(message.data, str) else repr(message.data)
        _log.log(level, "%s: %s", message.logger or "server", text)
