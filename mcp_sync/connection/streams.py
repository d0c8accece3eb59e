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
from typing import Any, Final, Protocol

from ..deadline import Deadline
from ..errors import (
    MCPClosedError,
    MCPConnectionError,
    MCPError,
    MCPResponseError,
    MCPTimeoutError,
)
from ..protocol.mcp_modern import SUBSCRIPTION_KEY
from ..protocol.messages import RequestId, encode_notification, encode_params
from ..transports.base import LinkDown, WriteTimeout
from .exchange import Exchange
from .gate import Gate, copy_of
from .link import Link
from .receiving import Receiver

__all__ = ["CHANGES", "Listener", "Streams"]

_log: Final = logging.getLogger("mcp_sync.connection")

_UPDATED: Final = "notifications/resources/updated"

CHANGES: Final = {
    "notifications/tools/list_changed": "toolsListChanged",
    "notifications/prompts/list_changed": "promptsListChanged",
    "notifications/resources/list_changed": "resourcesListChanged",
    _UPDATED: "resourceSubscriptions",
}
"""The notifications of a stream, and the key of the filter that asks for each."""

_CONNECTION_CLOSED: Final = -32000
"""What some servers answer to an open stream when their link ends; it is opened on the next."""


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


class Streams:
    """The listeners of one connection. Safe for any thread.

    Args:
        gate: of the connection.
        receiver: gives what is read.
        exchange: sends one message and gives its result.
        report_down: is told of a link that ended while a stream was asked for.
    """

    def __init__(
        self,
        gate: Gate,
        receiver: Receiver,
        exchange: Exchange,
        report_down: Callable[[Link, LinkDown], None],
    ) -> None:
        self._gate = gate
        self._exchange = exchange
        self._report_down = report_down
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
            ids = [key for key, one in link.streams.items() if one is listener]
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

        Raises:
            MCPConnectionError: the link was lost meanwhile.
        """
        for listener in self._listeners:
            listener.interrupted("the connection was lost")
            try:
                self.open(link, listener, deadline, exchange)
            except MCPResponseError as error:
                _log.warning("the server refused what was subscribed to: %s", error)
                listener.ended(error)

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
            if any(one is listener for one in link.streams.values()):
                return
            # No integer, so that no peer takes it for the id of another request.
            key = f"listen-{next(self._numbers)}"
            # Before the first byte: the acknowledgement may come before send() returns.
            link.streams[key] = listener
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
                listener = link.streams.get(_subscription_of(params))
                if listener is not None:
                    listener.changed(method, params)
                return
            concerned = [one for one in self._listeners if one.wanted.get(CHANGES[method])]
            if method == _UPDATED:
                concerned = _who_named(params.get("uri"), concerned)
            for one in concerned:
                one.changed(method, params)

        return tap

    def _acknowledged(self, link: Link, params: Mapping[str, Any]) -> None:
        listener = link.streams.get(_subscription_of(params))
        if listener is not None:
            honored = params.get("notifications")
            listener.opened(honored if isinstance(honored, Mapping) else {})

    def _cancelled(self, link: Link, params: Mapping[str, Any]) -> None:
        self._end(link, params.get("requestId"), None)

    def _answered(self, link: Link, request_id: RequestId, error: MCPError | None) -> bool:
        return self._end(link, request_id, error) or _is_unsubscription(request_id)

    def _end(self, link: Link, key: object, error: MCPError | None) -> bool:
        if not isinstance(key, str):
            return False
        with self._gate.lock:
            listener = link.streams.pop(key, None)
            if listener is None:
                return False
            if isinstance(error, MCPResponseError) and error.code == _CONNECTION_CLOSED:
                return True
            self._listeners = tuple(one for one in self._listeners if one is not listener)
        listener.ended(error)
        return True


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
    """What a server of the handshake era will tell of, by its capabilities."""
    capabilities = link.session.result.capabilities if link.session is not None else {}

    def announces(what: str) -> bool:
        capability = capabilities.get(what)
        return isinstance(capability, Mapping) and capability.get("listChanged") is True

    honored: dict[str, Any] = {
        key: True
        for what in ("tools", "prompts", "resources")
        if wanted.get(key := f"{what}ListChanged") and announces(what)
    }
    if wanted.get("resourceSubscriptions"):
        honored["resourceSubscriptions"] = list(wanted["resourceSubscriptions"])
    return honored
