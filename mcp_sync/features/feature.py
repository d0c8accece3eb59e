"""What the features of a standard MCP client share: typed requests, whole lists, cached results."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..base_client import BaseClient
from ..client_calls import UNSET, Timeout
from ..connection.connection import Connection
from ..connection.link import Link
from ..deadline import Deadline
from ..errors import MCPResponseError

if TYPE_CHECKING:
    from .paging import Fetch
    from .result_cache import ResultCache

__all__ = ["McpFeature"]

_T = TypeVar("_T")

_INVALIDATING: Final = (
    "notifications/tools/list_changed",
    "notifications/prompts/list_changed",
    "notifications/resources/list_changed",
    "notifications/resources/updated",
    "notifications/subscriptions/acknowledged",
)


class McpFeature(BaseClient):
    """A client of a standard MCP server, as far as all its features need it.

    May be shared between threads.
    """

    _results: ResultCache | None = None
    """What modern servers let the client keep; None before anything could be kept."""
    _results_of = 0
    """The generation of the link that it came from."""

    def _adopt(self, connection: Connection) -> None:
        super()._adopt(connection)
        self._results = None

    def _traced(
        self, params: Mapping[str, Any] | None, meta: Mapping[str, Any] | None = None
    ) -> Mapping[str, Any] | None:
        """The params with the caller's ``_meta``, and the trace that the caller is in."""
        trace = _current_trace() if "opentelemetry.trace" in sys.modules else None
        if not trace and not meta:
            return params
        return {**(params or {}), "_meta": {**(trace or {}), **(meta or {})}}

    def _ask(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        finish: Callable[[Any], _T],
        *,
        timeout: Timeout = UNSET,
        **spec: Any,
    ) -> _T:
        """Call a method and make a typed value of its result."""
        spec["finish"] = finish
        answer: _T = self._perform(method, self._traced(params), spec, timeout)
        return answer

    def _read(
        self,
        method: str,
        params: Mapping[str, Any] | None,
        deadline: Deadline,
        *,
        refresh: bool = False,
    ) -> Mapping[str, Any]:
        """Get a result that may be cached; it is the caller's alone."""
        results = None if self._is_handshake_era() else self._kept_results()
        if results is not None and not refresh:
            cached = results.get(method, params)
            if cached is not None:
                return cached
        ticket = None if results is None else results.begin(method, params)
        spec = {"limit": deadline, "interactive": True}
        call = self._make_call(method, self._traced(params), None, spec)
        result: Mapping[str, Any] = self._connection.perform(call)
        if results is not None and ticket is not None:
            results.put(ticket, result, after_rounds=call.rounds > 0)
        return result

    def _kept_results(self) -> ResultCache:
        """The cache, without what other links told: that may have changed without a word since."""
        link, results = self._connection.gate.link, self._results
        if results is None:
            from .result_cache import ResultCache

            # One for each client: what a server said is private must meet no other user.
            results = self._results = ResultCache()
            for method in _INVALIDATING:
                self._connection.receiver.tap(method, _forgetter(results, method))
        if link is not None and link.generation != self._results_of:
            self._results_of = link.generation
            results.clear()
        return results

    def _fetch(self, method: str, deadline: Callable[[], Deadline], refresh: bool) -> Fetch:
        def fetch(cursor: str | None) -> Mapping[str, Any]:
            params = None if cursor is None else {"cursor": cursor}
            try:
                return self._read(method, params, deadline(), refresh=refresh)
            except MCPResponseError:
                # Or the list would begin again with the page that gave a cursor of no use.
                if self._results is not None:
                    self._results.forget(method)
                raise

        return fetch

    def _pages(self, method: str, key: str, timeout: Timeout) -> Iterator[list[Mapping[str, Any]]]:
        """The pages of a list, each asked for when it is wanted, each with the whole timeout."""
        from .paging import pages

        seconds = self._seconds(timeout)
        fetch = self._fetch(method, lambda: Deadline(seconds), refresh=False)
        return pages(fetch, key, method, empty_cursor_ends=self._is_handshake_era)

    def _whole(
        self, method: str, key: str, deadline: Deadline, *, refresh: bool
    ) -> list[Mapping[str, Any]]:
        """All entries of a list, within one deadline."""
        from .paging import whole_list

        fetch = self._fetch(method, lambda: deadline, refresh)
        return whole_list(fetch, key, method, empty_cursor_ends=self._is_handshake_era)

    def _is_handshake_era(self) -> bool:
        return not self._connection.current_dialect().is_modern


def _current_trace() -> Mapping[str, str]:
    """The trace that the caller is in, of a program that itself uses OpenTelemetry."""
    from .tracing import current_trace

    return current_trace()


def _forgetter(results: ResultCache, method: str) -> Callable[[Link, Mapping[str, Any]], None]:
    def forget(_: Link, params: Mapping[str, Any]) -> None:
        results.invalidate(method, params)

    return forget
