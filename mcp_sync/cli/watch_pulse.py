"""What `mcp-sync watch` knows: a client that pings, what came of it, what happened meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final

from mcp_sync import EVENT_NAMES, Call, ConnectionEvent, MCPClient, MCPError, MCPResponseError
from mcp_sync.cli.exits import Unreachable
from mcp_sync.cli.narrator import describe
from mcp_sync.cli.watch_view import Flight, News, View
from mcp_sync.types.versions import MODERN_VERSIONS

__all__ = ["Pulse"]

_KEPT_TRIPS: Final = 500
_KEPT_NEWS: Final = 100


class Pulse:
    """Pings, and hardly waits for an answer. One thread uses it.

    Args:
        client: a client that is not yet open; its owner opens and closes it.
        timeout: seconds that each answer may take.
        changed: called on the client's own thread whenever there is something to show.
    """

    def __init__(self, client: MCPClient, timeout: float, changed: Callable[[], object]) -> None:
        self._client = client
        self._timeout = timeout
        self._changed = changed
        self._news: deque[News] = deque(maxlen=_KEPT_NEWS)
        self._untold: deque[News] = deque()
        self._landed: deque[float | None] = deque()
        self._trips: deque[float | None] = deque(maxlen=_KEPT_TRIPS)
        self._lost = 0
        self._refusal: str | None = None
        self._done = 0
        self._method: str | None = None
        self._server: str | None = None
        for name in EVENT_NAMES:
            client.on(name, self._hear)

    def beat(self, patience: float) -> None:
        """Send a ping; while the server is away, it waits in the queue like any call.

        Args:
            patience: seconds to wait for the answer; one that comes later is taken later.
        """
        version = self._client.get_client_info().protocol_version
        if version is not None:
            self._method = "server/discover" if version in MODERN_VERSIONS else "ping"
        if self._method is None:
            # What a ping is called is not known before the handshake, which this asks for.
            with contextlib.suppress(MCPError):  # the events tell
                self._client.wait_until_ready(0.0)
            return
        began = time.monotonic()
        try:
            call = self._client.submit(self._method, {}, timeout=self._timeout, idempotent=True)
        except MCPError:
            self._land(None)
            return
        with contextlib.suppress(TimeoutError):
            call.exception(patience)
        call.add_done_callback(lambda done: self._take(done, began))

    def _take(self, done: Future[Any], began: float) -> None:
        """Take what came of a ping; on the thread of events where nobody waited for it."""
        now = time.monotonic()
        error = None if done.cancelled() else done.exception()
        answered = not done.cancelled() and (error is None or isinstance(error, MCPResponseError))
        self._land(now - began if answered else None)

    def _land(self, trip: float | None) -> None:
        self._landed.append(trip)
        self._changed()

    def _count_landed(self) -> None:
        for _ in range(len(self._landed)):
            trip = self._landed.popleft()
            self._trips.append(trip)
            self._lost += trip is None
            self._done += 1

    def _hear(self, event: ConnectionEvent) -> None:
        """Take an event; on the thread of events."""
        news = News(event.timestamp, event.name, describe(event))
        self._news.append(news)
        self._untold.append(news)
        if event.context.get("permanent"):
            self._refusal = str(event.context["error"])
        self._changed()

    def check(self) -> None:
        """See whether there is any use in going on.

        Raises:
            Unreachable: the server refused for good.
        """
        if self._refusal is not None:
            raise Unreachable(self._client.get_client_info().server_url, self._refusal)

    def fresh_news(self) -> list[News]:
        """What happened since this was asked last, oldest first."""
        return [self._untold.popleft() for _ in range(len(self._untold))]

    def view(self) -> View:
        """What there is to show now."""
        self._count_landed()
        info = self._client.get_client_info()
        if info.server is not None:
            about = f"{info.server.name} {info.server.version}"
            self._server = f"{about}, protocol {info.protocol_version}"
        now = time.monotonic()
        return View(
            url=info.server_url,
            server=self._server,
            statistics=self._client.get_connection_stats(),
            news=tuple(self._news.copy()),
            flights=tuple(self._flight(call, now) for call in self._client.pending_requests()),
            round_trips=tuple(self._trips),
            pings=self._done,
            lost=self._lost,
        )

    def _flight(self, call: Call, now: float) -> Flight:
        reason = self._client.why(call).partition(" waits for ")[2]
        return Flight(call.call_id, call.method, now - call.created_at, reason)
