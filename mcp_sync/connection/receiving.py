"""What becomes of an inbound message. Whoever reads calls it; it never blocks."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from ..errors import MCPConnectionLost, MCPProtocolError
from ..events import NotificationEvent
from ..protocol.messages import (
    Broken,
    ErrorResponse,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    decode,
)
from .calls import Calls
from .gate import Gate
from .link import Link
from .requests import ServerRequests

__all__ = ["Receiver"]

_log: Final = logging.getLogger("mcp_sync.connection")


class Receiver:
    """Matches answers to calls and passes the rest on. Safe for any thread."""

    def __init__(self, gate: Gate, calls: Calls, requests: ServerRequests) -> None:
        self._gate = gate
        self._calls = calls
        self._requests = requests
        self.wants: Callable[[str], bool] = lambda _: True
        """Whether a notification of this method was asked for; others are dropped."""

    def accept(self, link: Link, text: str) -> None:
        """Take one message; called by whoever has the read turn of the link."""
        link.messages_received += 1
        try:
            message = link.dialect.classify(decode(text))
        except MCPProtocolError as error:
            self._stray("malformed", str(error))
            return
        if type(message) is Response:
            call = self._calls.take_answered(message.id, link)
            if call is not None:
                call.conclude(message.result)
                link.concluding = None
            else:
                self._unexpected(message.id)
        else:
            self._accept_other(link, message)

    def abandon(self, link: Link) -> None:
        """Fail the call whose answer was being passed on when an interrupt struck."""
        call = link.concluding
        if call is not None and not call.done():
            call.conclude(MCPConnectionLost("interrupted", True, call.method))
        with self._gate.lock:
            self._gate.stats.interrupted_read()

    def _accept_other(self, link: Link, message: Message) -> None:
        if isinstance(message, Notification):
            self._notify(message)
        elif isinstance(message, Request):
            if not self._requests.put(link, message):
                self._stray("server request over the limit", message.method)
        elif isinstance(message, ErrorResponse):
            self._refused(link, message)
        elif isinstance(message, Broken):
            self._broken(message)

    def _notify(self, message: Notification) -> None:
        if not self.wants(message.method):
            self._stray("unasked notification", message.method)
            return
        dispatcher = self._gate.dispatcher
        dispatcher.notify(
            NotificationEvent(method=message.method, params=message.params, timestamp=time.time())
        )
        dispatcher.kick()

    def _refused(self, link: Link, message: ErrorResponse) -> None:
        if message.id is None:
            self._stray("null id", message.message)
            return
        dialect = link.dialect
        if not self._calls.fail_answered(
            message.id, lambda call: dialect.error(message, call.method)
        ):
            self._unexpected(message.id)

    def _broken(self, message: Broken) -> None:
        if message.id is None or not self._calls.fail_answered(
            message.id, lambda call: MCPProtocolError(f"{call.method}: {message.rule}")
        ):
            self._stray("broken message", message.rule)

    def _unexpected(self, request_id: RequestId) -> None:
        with self._gate.lock:
            late = self._calls.peer.was_withdrawn(request_id)
        self._stray("late answer" if late else "unknown id", f"id {request_id!r}")

    def _stray(self, kind: str, detail: str) -> None:
        with self._gate.lock:
            self._gate.stats.stray(kind)
        _log.debug("dropped an inbound message (%s): %s", kind, detail)
