"""Streams of change notifications, opened anew on every link.

In the modern era each is a request that stays open, told apart by its id (``subscriptions/listen``,
MCP 2026-07-28); in the handshake era the server sends what it announced, and the updates of
resources that were subscribed to one by one. Listeners notice the difference only by what the
server honours.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, Protocol

from ..deadline import Deadline
from ..errors import (
    MCPClosedError,
    MCPConnectionError,
    MCPError,
    MCPResponseError,
    MCPTimeoutError,
    copy_of,
)
from ..protocol.mcp_modern import SUBSCRIPTION_KEY
from ..protocol.messages import RequestId, encode_notification, encode_params
from ..transports.base import LinkDown, WriteTimeout
from .exchange import Exchange
from .gate import Gate
from .link import Link
from .log_facts import GuardedLog
from .receiving import Receiver

__all__ = ["CHANGES", "Listener", "Streams"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_UPDATED: Final = "notifications/resources/updated"

CHANGES: Final = {
    "notifications/tools/list_changed": "toolsListChanged",
    "notifications/prompts/list_changed": "promptsListChanged",
    "notifications/resources/list_changed": "resourcesListChanged",
    _UPDATED: "resourceSubscriptions",
}
"""The notifications of a stream, and the key of the filter that asks for each."""

_CONNECTION_CLOSED: Final = -32000
"""What some servers answer to an open stream when their link ends; others mean all kinds of things
by it."""

_LINK_ENDS_SECONDS: Final = 0.5
"""How long after that answer a link is given to end."""

_OPEN_SECONDS: Final = 10.0
"""How long a server that has ended a stream may take to read that it is asked for another."""


class Listener(Protocol):
    """Who wants to know of changes. Called by whoever reads the link; must not block."""

    wanted: Mapping[str, Any]
    """The filter, in the words of ``subscriptions/listen``."""

    def opened(self, honored: Mapping[str, Any]) -> None:
        """The server has accepted; what it will tell of."""

    def changed(self, method: str, params: Mapping[str, Any]) -> None:
        """Something changed."""

    def interrupted(self, what: str) -> None:
        """It is asked for anew: what changes until it is open, if it was before, may be missed.

        Args:
            what: what ended it, as a short phrase.
        """

    def ended(self, error: MCPError | None) -> None:
        """The stream is over: in order, or with an error."""

    def orphan(self, error: MCPError) -> None:
        """The same in a forked child: no lock of the parent's may be taken."""


class _Stream:
    """A stream on one link, from the request on."""

    __slots__ = ("is_acknowledged", "listener")

    def __init__(self, listener: Listener) -> None:
        self.listener = listener
        self.is_acknowledged = False


class Streams:
    """The listeners of one connection. Safe for any thread.

    Args:
        gate: of the connection.
        receiver: gives what is read.
        exchange: sends one message and gives its result.
        report_down: is told of a link that ended while a stream was asked for.
        run: has a task run by a thread that may wait; False when it will not.
    """

    def __init__(
        self,
        gate: Gate,
        receiver: Receiver,
        exchange: Exchange,
        report_down: Callable[[Link, LinkDown], None],
        run: Callable[[Callable[[], None]], bool],
    ) -> None:
        self._gate = gate
        self._exchange = exchange
        self._report_down = report_down
        self._run = run
        self._numbers = itertools.count(1)
        self._listeners: tuple[Listener, ...] = ()
        """Replaced as a whole, under the lock."""
        receiver.ends_stream = self._answered
        for method in CHANGES:
            receiver.tap(method, self._tap_for(method))
        receiver.tap("notifications/subscriptions/acknowledged", self._acknowledged)
        receiver.tap("notifications/cancelled", self._cancelled)

    def add(self, listener: Listener) -> None:
        """Open a stream for a listener on every link from now on."""
        with self._gate.lock:
            self._listeners = (*self._listeners, listener)

    def remove(self, listener: Listener) -> None:
        """Open no more streams for a listener, and have the server told; never blocks."""
        gate = self._gate
        with gate.lock:
            self._listeners = tuple(one for one in self._listeners if one is not listener)
            link = gate.link
            if link is None or link.loss is not None:
                return
            ids = [key for key, one in link.streams.items() if one.listener is listener]
            for key in ids:
                del link.streams[key]
            unwanted = link.subscribed - self._wanted_uris()
            link.subscribed -= unwanted
        for key in ids:
            self._post(link, "notifications/cancelled", {"requestId": key})
        for uri in unwanted:
            self._unsubscribe(link, uri)

    def open(
        self, link: Link, listener: Listener, deadline: Deadline, exchange: Exchange | None = None
    ) -> None:
        """Ask the server of a ready link for a listener's stream; nothing if it was asked already.

        Raises:
            MCPResponseError: the server refused.
            MCPConnectionError: the link was lost meanwhile.
            MCPTimeoutError: it was not done in time.
        """
        if link.dialect.is_modern:
            self._listen(link, listener, deadline)
        else:
            self._subscribe(link, listener, deadline, exchange or self._exchange)

    def restore(self, link: Link, deadline: Deadline, exchange: Exchange) -> None:
        """Open all streams on a link that is being prepared; what is refused ends its stream.

        A subscription that is not answered in half of the time that is left is not waited for.

        Raises:
            MCPConnectionError: the link was lost meanwhile.
            MCPTimeoutError: the server does not take the bytes of a request.
        """
        for listener in self._listeners:
            listener.interrupted("the connection was lost")
            try:
                self.open(link, listener, deadline.half(), exchange)
            except MCPTimeoutError as error:
                if link.dialect.is_modern:
                    raise
                _log.warning("the server did not say whether it took a subscription: %s", error)
                listener.opened(_honored(link, listener.wanted))
            except MCPResponseError as error:
                _log.warning("the server refused what was subscribed to: %s", error)
                self._drop(listener, error)

    def end_all(self, error: MCPError) -> None:
        """End every stream, because there will be no further link."""
        with self._gate.lock:
            listeners, self._listeners = self._listeners, ()
        for listener in listeners:
            listener.ended(copy_of(error))

    def orphan(self) -> None:
        """End every stream in a forked child, where a thread that is gone may hold any lock."""
        for listener in self._listeners:
            listener.orphan(MCPClosedError("it was subscribed to in the parent process"))
        self._listeners = ()

    def _listen(self, link: Link, listener: Listener, deadline: Deadline) -> None:
        with self._gate.lock:
            is_open = any(one.listener is listener for one in link.streams.values())
            if is_open or listener not in self._listeners:
                return
            # No integer, so that no peer takes it for the id of another request.
            key = f"listen-{next(self._numbers)}"
            # Before the first byte: the acknowledgement may come before send() returns.
            link.streams[key] = _Stream(listener)
        params = encode_params({"notifications": listener.wanted})
        text = link.dialect.encode_request(key, "subscriptions/listen", params, "")
        try:
            link.transport.send(text, deadline)
        except WriteTimeout:
            with self._gate.lock:
                link.streams.pop(key, None)
            waiting_for = "the server to take the request's bytes"
            raise MCPTimeoutError(
                "subscriptions/listen", deadline.timeout, False, waiting_for
            ) from None
        except LinkDown as down:
            self._report_down(link, down)
            raise MCPConnectionError(f"subscriptions/listen: {down.cause}") from down

    def _subscribe(
        self, link: Link, listener: Listener, deadline: Deadline, exchange: Exchange
    ) -> None:
        for uri in listener.wanted.get("resourceSubscriptions", ()):
            with self._gate.lock:
                if uri in link.subscribed:
                    continue
            exchange(link, "resources/subscribe", {"uri": uri}, deadline)
            with self._gate.lock:
                link.subscribed.add(uri)
        listener.opened(_honored(link, listener.wanted))

    def _unsubscribe(self, link: Link, uri: str) -> None:
        # The answer tells nothing that anybody could do something about.
        text = link.dialect.encode_request(
            f"unsubscribe-{next(self._numbers)}",
            "resources/unsubscribe",
            encode_params({"uri": uri}),
            "",
        )
        link.transport.post(text)

    def _wanted_uris(self) -> set[str]:
        return {
            uri for one in self._listeners for uri in one.wanted.get("resourceSubscriptions", ())
        }

    @staticmethod
    def _post(link: Link, method: str, params: Mapping[str, Any]) -> None:
        link.transport.post(encode_notification(method, encode_params(params)))

    # What is read

    def _tap_for(self, method: str) -> Callable[[Link, Mapping[str, Any]], None]:
        def tap(link: Link, params: Mapping[str, Any]) -> None:
            if link.dialect.is_modern:
                stream = link.streams.get(_subscription_of(params))
                if stream is not None:
                    stream.listener.changed(method, params)
                return
            concerned = [one for one in self._listeners if one.wanted.get(CHANGES[method])]
            if method == _UPDATED:
                concerned = _who_named(params.get("uri"), concerned)
            for one in concerned:
                one.changed(method, params)

        return tap

    def _acknowledged(self, link: Link, params: Mapping[str, Any]) -> None:
        stream = link.streams.get(_subscription_of(params))
        if stream is not None:
            stream.is_acknowledged = True
            honored = params.get("notifications")
            stream.listener.opened(honored if isinstance(honored, Mapping) else {})

    def _cancelled(self, link: Link, params: Mapping[str, Any]) -> None:
        self._end(link, params.get("requestId"), None)

    def _answered(self, link: Link, request_id: RequestId, error: MCPError | None) -> bool:
        return self._end(link, request_id, error) or _is_unsubscription(request_id)

    def _end(self, link: Link, key: object, error: MCPError | None) -> bool:
        if not isinstance(key, str):
            return False
        with self._gate.lock:
            stream = link.streams.pop(key, None)
        if stream is None:
            return False
        is_closing = isinstance(error, MCPResponseError) and error.code == _CONNECTION_CLOSED
        # Before the acknowledgement it is a refusal like any other.
        is_closing = is_closing and stream.is_acknowledged
        if not (is_closing and self._run(partial(self._open_again, link, stream.listener))):
            self._drop(stream.listener, error)
        return True

    def _open_again(self, link: Link, listener: Listener) -> None:
        """Ask for a stream anew that the server ended; if its link ends as well, the next does."""
        if self._gate.wait_until(lambda: link.loss is not None, Deadline(_LINK_ENDS_SECONDS)):
            return
        listener.interrupted("the server closed the subscription")
        try:
            self._listen(link, listener, Deadline(_OPEN_SECONDS))
        except MCPTimeoutError as error:
            self._drop(listener, error)
        except MCPConnectionError as error:
            _log.debug("the next link opens what was subscribed to: %s", error)

    def _drop(self, listener: Listener, error: MCPError | None) -> None:
        with self._gate.lock:
            self._listeners = tuple(one for one in self._listeners if one is not listener)
        listener.ended(error)


def _subscription_of(params: Mapping[str, Any]) -> str:
    meta = params.get("_meta")
    key = meta.get(SUBSCRIPTION_KEY) if isinstance(meta, Mapping) else None
    return key if isinstance(key, str) else ""


def _who_named(uri: object, listeners: list[Listener]) -> list[Listener]:
    """Those that asked for a resource, or for one that it is a part of.

    All of them where nobody did: the server may write a URI otherwise than it was asked for.
    """
    if not isinstance(uri, str):
        return listeners
    named = [
        one for one in listeners if any(map(uri.startswith, one.wanted["resourceSubscriptions"]))
    ]
    return named or listeners


def _is_unsubscription(request_id: RequestId) -> bool:
    return isinstance(request_id, str) and request_id.startswith("unsubscribe-")


def _honored(link: Link, wanted: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a server of the handshake era will tell of, by its capabilities and its answers."""
    capabilities = link.session.result.capabilities if link.session is not None else {}

    def announces(what: str) -> bool:
        capability = capabilities.get(what)
        return isinstance(capability, Mapping) and capability.get("listChanged") is True

    honored: dict[str, Any] = {
        key: True
        for what in ("tools", "prompts", "resources")
        if wanted.get(key := f"{what}ListChanged") and announces(what)
    }
    uris = [uri for uri in wanted.get("resourceSubscriptions", ()) if uri in link.subscribed]
    if uris:
        honored["resourceSubscriptions"] = uris
    return honored
