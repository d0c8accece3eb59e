"""What becomes of an inbound message. Whoever reads calls it; it never blocks."""

from __future__ import annotations

import functools
import logging
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from ..errors import MCPConnectionLost, MCPError, MCPProtocolError, shorten
from ..late_import import importing
from ..protocol.dialect import INTERNAL_ERROR
from ..protocol.messages import (
    BadRequest,
    Broken,
    ErrorResponse,
    Message,
    Notification,
    Request,
    RequestId,
    Response,
    decode,
    encode_error,
    encode_result,
)
from ..protocol.rounds import INPUT_REQUIRED, is_complete
from .call import Call
from .calls import Calls
from .gate import Decision, Gate
from .link import Link
from .log_facts import GuardedLog
from .requests import ServerRequests
from .rounds import Rounds

if TYPE_CHECKING:
    from ..types.notifications import NotificationEvent, Progress

__all__ = ["Receiver", "Tap"]

Tap = Callable[[Link, Mapping[str, Any]], None]
"""Takes a link and the params of a notification on it; called by whoever reads, never blocks."""

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_TOO_MANY: Final = "too many requests wait for this client's handlers; ask again later"


@functools.cache
def _kinds() -> tuple[type[NotificationEvent], type[Progress]]:
    """What a server tells unasked: loaded with the first of it, since many tell nothing."""
    with importing:
        from ..types.notifications import NotificationEvent, Progress  # noqa: PLC0415 - see above
    return NotificationEvent, Progress


class Receiver:
    """Matches answers to calls and passes the rest on. Safe for any thread."""

    def __init__(self, gate: Gate, calls: Calls, requests: ServerRequests, rounds: Rounds) -> None:
        self._gate = gate
        self._calls = calls
        self._requests = requests
        self._rounds = rounds
        self.taps: Mapping[str, tuple[Tap, ...]] = {}
        """Who of us must see a notification as it is read, by method; replaced as a whole."""
        self.attend: Callable[[Decision], None] = lambda _: None
        """Sees to it that what is queued is sent; called under the lock."""
        self.ends_stream: Callable[[Link, RequestId, MCPError | None], bool] = lambda *_: False
        """Takes an answer that belongs to no call; whether it ended a stream of notifications."""
        self.wants: Callable[[str], bool] = lambda _: True
        """Whether a notification of this method was asked for; others are dropped."""

    def tap(self, method: str, tap: Tap) -> None:
        """Have one of us see the notifications of a method as they are read.

        Who comes last sees them first: so what is kept of a list is forgotten before a
        subscription, which was here from the start, tells anybody that the list has changed.
        """
        self.taps = {**self.taps, method: (tap, *self.taps.get(method, ()))}

    def accept(self, link: Link, text: str) -> Call | None:
        """Take one message; called by whoever has the read turn of the link.

        Returns:
            The call that it answered; None where it was no result, or nobody's.
        """
        link.messages_received += 1
        try:
            message = link.dialect.classify(decode(text))
        except MCPProtocolError as error:
            return self._accept_parts(link, text, error)
        if type(message) is not Response:
            self._accept_other(link, message)
            return None
        if link.dialect.is_modern and not is_complete(message.result):
            self._incomplete(link, message)
            return None
        call = self._calls.take_answered(message.id, link)
        if call is None:
            self._unexpected(link, message.id)
            return None
        call.conclude(message.result)
        link.concluding = None
        return call

    def _accept_parts(self, link: Link, text: str, error: MCPProtocolError) -> Call | None:
        """Take what is no message, which may be several; the last of the calls they answered."""
        parts = link.dialect.split(text)
        if not parts:
            self._stray("malformed", str(error))
        answered = None
        for part in parts:
            answered = self.accept(link, part) or answered
        # Together they are the one message that was read.
        link.messages_received -= len(parts)
        return answered

    def abandon(self, link: Link) -> None:
        """Fail the call whose answer was being passed on when an interrupt struck."""
        call, link.concluding = link.concluding, None
        if call is not None:
            error = MCPConnectionLost("interrupted", True, call.method)
            self._calls.fail(call, error)
            if not call.done():
                call.conclude(error)
            call.ring()
        with self._gate.lock:
            self._gate.stats.interrupted_read()

    def _accept_other(self, link: Link, message: Message) -> None:
        if isinstance(message, Notification):
            self._notify(link, message)
        elif isinstance(message, Request):
            self._asked(link, message)
        elif isinstance(message, ErrorResponse):
            self._refused(link, message)
        elif isinstance(message, Broken):
            self._broken(message)
        elif isinstance(message, BadRequest):
            self._ill_asked(link, message)

    def _incomplete(self, link: Link, message: Response) -> None:
        """A result that is not the last word: input is wanted, or its kind is unknown."""
        if self._rounds.begin(message.id, message.result):
            return
        if message.result["resultType"] == INPUT_REQUIRED:
            # Whoever made the call himself sees to it himself.
            call = self._calls.take_answered(message.id, link)
            if call is not None:
                call.conclude(message.result)
                link.concluding = None
                return
        kind = shorten(message.result["resultType"])
        self._broken(Broken(message.id, f"the result has the unknown type {kind}"))

    def _asked(self, link: Link, request: Request) -> None:
        if link.dialect.is_modern:
            # A modern client sends no answers (MCP 2026-07-28, basic).
            self._stray("server request on a modern link", request.method)
            return
        result = link.dialect.answer(request)
        if result is not None:
            # At once, however long the handlers of other requests take.
            link.transport.post(encode_result(request.id, result))
        elif not self._requests.put(link, request):
            link.transport.post(encode_error(request.id, INTERNAL_ERROR, _TOO_MANY))
            self._stray("server request over the limit", request.method)

    def _ill_asked(self, link: Link, message: BadRequest) -> None:
        if not link.dialect.is_modern:  # as above
            link.transport.post(encode_error(message.id, message.code, message.rule))
        self._stray("broken message", message.rule)

    def _notify(self, link: Link, message: Notification) -> None:
        method, params = message.method, message.params
        if not self.wants(method):
            self._stray("unasked notification", method)
            return
        for tap in self.taps.get(method, ()):
            tap(link, params)
        key = None
        if method == "notifications/progress":
            token = params.get("progressToken")
            self._progressed(token, params)
            key = (method, token) if isinstance(token, int | str) else None
        elif method == "notifications/cancelled":
            request_id = params.get("requestId")
            if isinstance(request_id, int | str):
                self._requests.withdraw(link.generation, request_id)
        dispatcher = self._gate.dispatcher
        if dispatcher.wants_notification(method):
            kind, _ = _kinds()
            event = kind(method=method, params=params, timestamp=time.time())
            dispatcher.notify(event, key)
            dispatcher.kick()

    def _progressed(self, token: object, params: Mapping[str, Any]) -> None:
        _, kind = _kinds()
        progress = kind.from_wire(params)
        call = None if progress is None else self._calls.progressed(token, progress)
        if call is not None and call.expects_report():
            self._gate.dispatcher.post(call.report_progress)

    def _refused(self, link: Link, message: ErrorResponse) -> None:
        if message.id is None:
            self._stray("null id", message.message)
            return
        dialect = link.dialect
        if dialect.is_worth_another_try(message) and self._calls.send_again(
            message.id, self.attend
        ):
            return
        if not self._calls.fail_answered(
            message.id, lambda call: dialect.error(message, call.method)
        ):
            error = dialect.error(message, "subscriptions/listen")
            self._unexpected(link, message.id, error)

    def _broken(self, message: Broken) -> None:
        if message.id is None or not self._calls.fail_answered(
            message.id, lambda call: MCPProtocolError(f"{call.method}: {message.rule}")
        ):
            self._stray("broken message", message.rule)

    def _unexpected(self, link: Link, request_id: RequestId, error: MCPError | None = None) -> None:
        if self.ends_stream(link, request_id, error):
            return
        with self._gate.lock:
            late = self._calls.peer.was_withdrawn(request_id)
        self._stray("late answer" if late else "unknown id", f"id {request_id!r}")

    def _stray(self, kind: str, detail: str) -> None:
        with self._gate.lock:
            self._gate.stats.stray(kind)
        _log.debug("dropped an inbound message (%s): %s", kind, detail)
