"""Subscriptions: one way to hear of changes at the server, over both eras of the protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ..client_calls import UNSET, Timeout
from ..connection.connection import Connection
from ..deadline import Deadline
from ..errors import (
    MCPClosedError,
    MCPConnectionError,
    MCPConnectionRejected,
    MCPTimeoutError,
)
from .feature import McpFeature

if TYPE_CHECKING:
    from ..connection.inbox import Inbox
    from ..types.subscriptions import SubscriptionEvent

__all__ = ["EventSubscription", "Subscriptions"]


class EventSubscription:
    """What a server tells of changes, until it is closed; a context manager and an iterator.

    It outlives lost links: it is asked for anew on the next one, and when the server tells of
    changes again the event ``MaybeMissed`` says that something may have changed unseen. May be
    shared between threads; each event goes to one of them.
    """

    def __init__(self, client: McpFeature, connection: Connection, inbox: Inbox) -> None:
        # A subscription that is in use keeps its client.
        self._client = client
        self._connection = connection
        self._inbox = inbox

    @property
    def honored(self) -> Mapping[str, Any]:
        """What the server agreed to tell of, in the words of ``subscriptions/listen``."""
        return self._inbox.honored or {}

    def get(self, timeout: float | None = None) -> SubscriptionEvent:
        """Wait for the next event.

        Args:
            timeout: seconds to wait; None waits without a limit.

        Returns:
            The event: ``ToolsChanged``, ``PromptsChanged``, ``ResourcesChanged``,
            ``ResourceUpdated`` or ``MaybeMissed``. Several of one kind that nobody took are one.

        Raises:
            TimeoutError: there was none in time.
            MCPClosedError: the subscription or the client was closed, or the server ended it.
            MCPError: the server refused it on a later link.
        """
        event = self._inbox.take(Deadline(timeout))
        if event is None:
            raise MCPClosedError("the subscription is over")
        return event

    def __iter__(self) -> Iterator[SubscriptionEvent]:
        while (event := self._inbox.take(Deadline(None))) is not None:
            yield event

    def close(self) -> None:
        """End the subscription; idempotent, never blocks, legal from any thread."""
        self._connection.streams.remove(self._inbox)
        self._inbox.ended(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        state = "over" if self._inbox.is_over else "open"
        return f"<EventSubscription {state}: {', '.join(self._inbox.wanted)}>"


class Subscriptions(McpFeature):
    """The changes that a server tells of. May be shared between threads."""

    def listen(
        self,
        *,
        tools: bool = False,
        prompts: bool = False,
        resources: bool = False,
        uris: Iterable[str] = (),
        timeout: Timeout = UNSET,
    ) -> EventSubscription:
        """Listen to changes at the server.

        Args:
            tools: whether to hear that its list of tools changed.
            prompts: the same for prompts.
            resources: the same for its list of resources.
            uris: the resources whose updates to hear of.
            timeout: seconds until the server has accepted; None sets no limit; not given,
                ``request_timeout`` holds.

        Returns:
            The subscription; ``honored`` tells which of that the server can tell of.

        Raises:
            ValueError: nothing is asked for.
            MCPResponseError: the server refused.
            MCPTimeoutError: it was not accepted in time.
            MCPError: as for ``request``.
        """
        wanted: dict[str, Any] = {
            key: True
            for key, is_wanted in (
                ("toolsListChanged", tools),
                ("promptsListChanged", prompts),
                ("resourcesListChanged", resources),
            )
            if is_wanted
        }
        listed = [uris] if isinstance(uris, str) else list(uris)
        if listed:
            wanted["resourceSubscriptions"] = listed
        if not wanted:
            raise ValueError("listen() needs tools, prompts, resources or uris to listen to")
        from ..connection.inbox import Inbox

        inbox = Inbox(wanted)
        subscription = EventSubscription(self, self._connection, inbox)
        try:
            self._open(inbox, Deadline(self._seconds(timeout)))
        except BaseException:  # whatever it was, nobody holds the subscription
            subscription.close()
            raise
        return subscription

    def subscribe_resource(self, uri: str, *, timeout: Timeout = UNSET) -> EventSubscription:
        """Listen to the updates of one resource; as ``listen(uris=[uri])``."""
        return self.listen(uris=[uri], timeout=timeout)

    def _open(self, inbox: Inbox, deadline: Deadline) -> None:
        connection = self._connection
        connection.streams.add(inbox)
        while inbox.honored is None and not inbox.is_over:
            if deadline.is_over() or not self.wait_until_ready(deadline.remaining()):
                raise _too_late(deadline, "a ready connection")
            link = connection.gate.link
            if link is None:
                continue
            try:
                connection.streams.open(link, inbox, deadline)
            except (MCPConnectionRejected, MCPClosedError):
                raise
            except MCPConnectionError:
                continue  # the next link opens it, if there is time for one
            if not inbox.wait_until_open(deadline) and link.loss is None:
                raise _too_late(deadline, "the server's acknowledgement")
        if inbox.error is not None:
            raise inbox.error


def _too_late(deadline: Deadline, waiting_for: str) -> MCPTimeoutError:
    return MCPTimeoutError("subscriptions/listen", deadline.timeout, False, waiting_for)
