"""Lists that come in pages (MCP 2026-07-28, server/utilities/pagination): lazily, and bounded.

A cursor is opaque: it is sent back as it came and compared for equality, nothing else. This room
knows no client: it is given the function that fetches one page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from ..errors import MCPProtocolError, MCPResponseError

__all__ = ["Fetch", "pages", "whole_list"]

Fetch = Callable[[str | None], Mapping[str, Any]]
"""Takes the cursor, None for the first page, and returns the result of one list request."""

_MOST_PAGES: Final = 1000
_INVALID_PARAMS: Final = -32602


def pages(
    fetch: Fetch,
    key: str,
    method: str,
    *,
    most_pages: int = _MOST_PAGES,
    empty_cursor_ends: Callable[[], bool] = lambda: False,
) -> Iterator[list[Mapping[str, Any]]]:
    """Follow the pages of a list, each fetched when it is asked for.

    Args:
        fetch: gets one page; what it raises goes through.
        key: where a page has its entries: "tools", "resources", …
        method: the list method, for the errors.
        most_pages: how many pages may be fetched.
        empty_cursor_ends: asked where a page came with ``""`` for a next cursor; True where that
            ends the list, as servers of the handshake era use it. In the 2026-07-28 era it is a
            cursor like any other; which era it is may be known only once a page is there.

    Yields:
        The entries of each page, as they came; a page may be empty.

    Raises:
        MCPProtocolError: a page has no such list, an entry is no object, a cursor is no string or
            came before, or there are more pages than allowed. Pages before it were yielded.
    """
    seen: set[str] = set()
    cursor: str | None = None
    for _ in range(most_pages):
        page: object = fetch(cursor)
        yield _entries(page, key, method)
        cursor = _next_cursor(page, method)
        if cursor is None or (cursor == "" and empty_cursor_ends()):
            return
        if cursor in seen:
            raise MCPProtocolError(
                f"{method}: nextCursor came a second time, so the list would never end", cursor
            )
        seen.add(cursor)
    raise MCPProtocolError(
        f"{method}: the list goes on after {most_pages} pages, the most that are followed; "
        "iterate and stop at what you need, or have the server send larger pages"
    )


def whole_list(
    fetch: Fetch,
    key: str,
    method: str,
    *,
    most_pages: int = _MOST_PAGES,
    empty_cursor_ends: Callable[[], bool] = lambda: False,
) -> list[Mapping[str, Any]]:
    """Fetch a list to its end; when a cursor has become invalid, once more from the beginning.

    A server that forgets its cursors answers -32602 in the middle of the list; what came before is
    then discarded, as the specification asks.

    Args:
        fetch: as for ``pages``.
        key: as for ``pages``.
        method: as for ``pages``.
        most_pages: as for ``pages``, for each of the two tries.
        empty_cursor_ends: as for ``pages``.

    Returns:
        The entries of all pages in order, as they came.

    Raises:
        MCPProtocolError: as ``pages`` raises it.
        MCPResponseError: the first page was refused, or a cursor of the second try was.
    """

    def collect(into: list[Mapping[str, Any]], whole: list[int]) -> list[Mapping[str, Any]]:
        for entries in pages(
            fetch, key, method, most_pages=most_pages, empty_cursor_ends=empty_cursor_ends
        ):
            into += entries
            whole.append(len(entries))
        return into

    fetched: list[int] = []
    try:
        return collect([], fetched)
    except MCPResponseError as error:
        if error.code != _INVALID_PARAMS or not fetched:
            raise
    return collect([], [])


def _entries(page: object, key: str, method: str) -> list[Mapping[str, Any]]:
    entries = page.get(key) if isinstance(page, Mapping) else None
    if not isinstance(entries, list):
        raise MCPProtocolError(f"{method}: the result must have an array {key}", repr(page))
    for index, entry in enumerate(entries):
        if not isinstance(entry, Mapping):
            raise MCPProtocolError(f"{method}: {key}[{index}] must be an object", repr(entry))
    return entries


def _next_cursor(page: object, method: str) -> str | None:
    cursor = page.get("nextCursor") if isinstance(page, Mapping) else None
    if cursor is None or isinstance(cursor, str):
        return cursor
    raise MCPProtocolError(f"{method}: nextCursor must be a string", repr(cursor))
