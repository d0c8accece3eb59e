"""Results that the server said may be kept for a while (MCP 2026-07-28, server/utilities/caching).

There is one cache per client, so that a private result never meets another authorization. Only
the 2026-07-28 era has these hints: on a link of the handshake era the caller leaves it alone.
This room knows no client and sends nothing.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any, Final

import attrs

__all__ = ["CACHEABLE_METHODS", "CacheTicket", "ResultCache"]

CACHEABLE_METHODS: Final = frozenset(
    {
        "server/discover",
        "tools/list",
        "prompts/list",
        "resources/list",
        "resources/templates/list",
        "resources/read",
    }
)
"""The methods whose results carry ``ttlMs`` and ``cacheScope``."""

_READ: Final = "resources/read"
_UPDATED: Final = "notifications/resources/updated"
_ACKNOWLEDGED: Final = "notifications/subscriptions/acknowledged"
_LISTS_OF: Final[Mapping[str, tuple[str, ...]]] = {
    "notifications/tools/list_changed": ("tools/list",),
    "notifications/prompts/list_changed": ("prompts/list",),
    "notifications/resources/list_changed": ("resources/list", "resources/templates/list"),
}
_LONGEST_TTL: Final = 24 * 3600.0
_MOST_ENTRIES: Final = 1024
_MOST_BYTES: Final = 64 * 1024 * 1024


@attrs.frozen
class CacheTicket:
    """A request under way: where its result belongs, and what was known when it was asked for."""

    method: str
    key: str
    uri: str | None
    generation: tuple[int, int]


@attrs.frozen
class _Entry:
    text: str
    """The result as JSON: whoever is given it may change all of it, and changes nobody else's."""
    fresh_until: float
    public: bool
    uri: str | None
    weight: int


class ResultCache:
    """A bounded cache of results, least recently used out first. May be shared between threads.

    Args:
        most_entries: how many results are kept.
        most_bytes: about how much memory they may take, as JSON; one result at most a quarter.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        most_entries: int = _MOST_ENTRIES,
        most_bytes: int = _MOST_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._most_entries = most_entries
        self._most_bytes = most_bytes
        self._clock = clock
        self._lock = threading.Lock()
        self._entries: OrderedDict[tuple[str, str], _Entry] = OrderedDict()
        self._bytes = 0
        self._clears = 0
        self._invalidations: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, method: str, params: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """Look for a fresh result.

        Args:
            method: the method of the request.
            params: its params; ``_meta`` does not count. None is the same as ``{}``.

        Returns:
            A copy of the result, for the caller alone; None where there is none.
        """
        if method not in CACHEABLE_METHODS:
            return None
        key = (method, _canonical(params))
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if self._clock() >= entry.fresh_until:
                self._drop(key)
                return None
            self._entries.move_to_end(key)
        result: dict[str, Any] = json.loads(entry.text)
        return result

    def begin(self, method: str, params: Mapping[str, Any] | None = None) -> CacheTicket:
        """Note that a request is about to be sent; to be called before it is.

        Args:
            method: the method of the request.
            params: its params.

        Returns:
            What ``put`` wants with the result.
        """
        uri = params.get("uri") if params and method == _READ else None
        key = _canonical(params) if method in CACHEABLE_METHODS else ""
        with self._lock:
            generation = self._generation(method)
        return CacheTicket(method, key, uri if isinstance(uri, str) else None, generation)

    def put(
        self, ticket: CacheTicket, result: Mapping[str, Any], *, after_rounds: bool = False
    ) -> bool:
        """Keep a result for as long as the server allows.

        It is not kept where the server gives no time, where it is not complete, where it is too
        large or too deep, or where something that concerns it changed since ``begin``.

        Args:
            ticket: what ``begin`` gave.
            result: the result object, as it just came.
            after_rounds: True where the result was obtained with the client's inputs
                (``inputResponses`` or ``requestState``): it is then nobody else's answer.

        Returns:
            Whether it is kept.
        """
        ttl = _seconds(result.get("ttlMs"))
        complete = result.get("resultType", "complete") == "complete"
        if after_rounds or not complete or ttl <= 0 or ticket.method not in CACHEABLE_METHODS:
            return False
        fresh_until = self._clock() + ttl
        try:
            text = json.dumps(result, separators=(",", ":"))
        except RecursionError:
            return False
        weight = len(ticket.key) + len(text)
        if weight > self._most_bytes // 4:
            return False
        public = result.get("cacheScope") == "public"
        entry = _Entry(text, fresh_until, public, ticket.uri, weight)
        with self._lock:
            if ticket.generation != self._generation(ticket.method):
                return False
            key = (ticket.method, ticket.key)
            self._drop(key)
            self._entries[key] = entry
            self._bytes += weight
            while len(self._entries) > self._most_entries or self._bytes > self._most_bytes:
                self._drop(next(iter(self._entries)))
            return key in self._entries

    def invalidate(self, notification: str, params: Mapping[str, Any] | None = None) -> None:
        """Forget what a notification of the server says has changed.

        Args:
            notification: its method, ``notifications/tools/list_changed`` and the like; one that
                concerns no cached result changes nothing. The beginning of a stream of changes
                forgets everything: what changed before, nobody tells any more.
            params: its params. An updated resource may be a part of one that was read, so every
                read of a uri that its uri begins with is forgotten; without a uri all reads are.
        """
        if notification == _ACKNOWLEDGED:
            self.clear()
            return
        methods = _LISTS_OF.get(notification, ())
        with self._lock:
            for method in methods:
                self._forget(method, lambda _: True)
            if notification == _UPDATED:
                updated = (params or {}).get("uri")
                self._forget(_READ, lambda entry: _concerns(updated, entry.uri))

    def forget(self, method: str) -> None:
        """Forget all results of one method, those under way too.

        To be called when the server refuses a cursor: the pages that led there must not be served
        again when the list is read from its beginning (server/utilities/pagination).

        Args:
            method: the method.
        """
        with self._lock:
            self._forget(method, lambda _: True)

    def clear(self, *, keep_public: bool = False) -> None:
        """Forget everything: the server may be another, or may see another user in this client.

        Args:
            keep_public: True keeps what the server said is the same for everyone; for a change of
                headers.
        """
        with self._lock:
            self._clears += 1
            for key in [k for k, e in self._entries.items() if not (keep_public and e.public)]:
                self._drop(key)

    def _generation(self, method: str) -> tuple[int, int]:
        """To be called under the lock."""
        return self._clears, self._invalidations[method]

    def _forget(self, method: str, concerned: Callable[[_Entry], bool]) -> None:
        """To be called under the lock."""
        self._invalidations[method] += 1
        for key in [k for k, e in self._entries.items() if k[0] == method and concerned(e)]:
            self._drop(key)

    def _drop(self, key: tuple[str, str]) -> None:
        """To be called under the lock."""
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= entry.weight


def _canonical(params: Mapping[str, Any] | None) -> str:
    """The params that decide the result, as one text."""
    if not params:
        return "{}"
    deciding = {name: value for name, value in params.items() if name != "_meta"}
    return json.dumps(deciding, sort_keys=True, separators=(",", ":"))


def _seconds(ttl_ms: object) -> float:
    """How long a result is fresh; 0 for a hint that is absent, negative or no integer."""
    if isinstance(ttl_ms, bool) or not isinstance(ttl_ms, int | float):
        return 0.0
    if isinstance(ttl_ms, float) and not ttl_ms.is_integer():
        return 0.0
    # Compared as it came: an integer may be beyond the range of a float.
    return _LONGEST_TTL if ttl_ms >= _LONGEST_TTL * 1000 else max(0.0, ttl_ms / 1000)


def _concerns(updated: object, read: str | None) -> bool:
    if not isinstance(updated, str) or read is None:
        return True
    return updated.startswith(read)
