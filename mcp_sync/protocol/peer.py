"""One side of a JSON-RPC talk: it allots ids and keeps the table of unanswered requests.

Every entry leaves the table exactly once, and whoever takes it out settles it. The peer does not
know what an entry is. It has no lock: its owner calls it under one.
"""

from __future__ import annotations

import collections
import itertools
from collections.abc import Callable, Iterator
from typing import Final, Generic, TypeVar

from .messages import RequestId

__all__ = ["Peer"]

_REMEMBERED_IDS: Final = 256

_MOST_DIGITS: Final = 18
"""No client sends so many requests."""

Entry = TypeVar("Entry")


class Peer(Generic[Entry]):
    """The ids and the pending table of one client, over all its links.

    Ids are never used twice, so an answer from a retired link cannot meet a newer request, and a
    number that comes back as a text, as from some servers, can mean no other. Not safe for threads:
    the owner holds a lock, but for ``next_number``, which is atomic.
    """

    def __init__(self) -> None:
        self.next_number: Callable[[], int] = itertools.count(1).__next__
        """Allots the next request number; atomic."""
        self.table: dict[RequestId, Entry] = {}
        """The requests without an answer, by their ids; for looking at alone."""
        self._withdrawn: collections.deque[RequestId] = collections.deque(maxlen=_REMEMBERED_IDS)

    def register(self, request_id: RequestId, entry: Entry) -> None:
        """Put a request into the table, before its first byte is written."""
        self.table[request_id] = entry

    def take(self, request_id: RequestId) -> Entry | None:
        """Take an answered request out of the table; None when it is not in it."""
        entry = self.table.pop(request_id, None)
        if entry is None and type(request_id) is str:
            entry = self.table.pop(_unquoted(request_id), None)
        return entry

    def find(self, request_id: object) -> Entry | None:
        """Look an unanswered request up, by an id as it came; None when it is not in the table."""
        if type(request_id) is int:
            return self.table.get(request_id)
        if not isinstance(request_id, str):
            return None
        entry = self.table.get(request_id)
        if entry is None and type(request_id) is str:
            entry = self.table.get(_unquoted(request_id))
        return entry

    def withdraw(self, request_id: RequestId) -> Entry | None:
        """Take a request out that nobody waits for any more; its answer will count as late."""
        entry = self.table.pop(request_id, None)
        if entry is not None:
            self._withdrawn.append(request_id)
        return entry

    def take_all(self) -> list[tuple[RequestId, Entry]]:
        """Empty the table, in the order of registration: the link is lost."""
        taken = list(self.table.items())
        self.table.clear()
        return taken

    def was_withdrawn(self, request_id: RequestId | None) -> bool:
        """Whether an answer with this id comes late rather than from nowhere."""
        if request_id in self._withdrawn:
            return True
        return type(request_id) is str and _unquoted(request_id) in self._withdrawn

    def __len__(self) -> int:
        return len(self.table)

    def __iter__(self) -> Iterator[Entry]:
        return iter(self.table.values())


def _unquoted(request_id: str) -> RequestId:
    """The number that some servers give back as a text; any other text as it is."""
    is_number = request_id.isascii() and request_id.isdigit() and request_id[0] != "0"
    return int(request_id) if is_number and len(request_id) <= _MOST_DIGITS else request_id
