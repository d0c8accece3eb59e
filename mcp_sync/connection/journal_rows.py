"""Calls as rows of a journal and back, and the key by which a server can drop duplicates.

Values and conversions alone: nothing here touches a disk.
"""

from __future__ import annotations

import json
import os
import time
import zlib
from collections.abc import Mapping
from typing import Any, Final

import attrs

from ..deadline import Deadline
from ..errors import MCPConnectionLost, MCPError, MCPTimeoutError
from ..protocol.dialect import with_meta
from ..protocol.messages import encode_apart
from ..types.journal import JournalSettings
from .call import Call, Keeper, Owner

__all__ = [
    "COLUMNS",
    "Entry",
    "JournalRow",
    "call_of",
    "row_of",
    "seal",
    "was_sent_here",
    "with_key",
]

COLUMNS: Final = (
    "id, name, method, params, repeatable, keyed, answer_limit, queued_at, expires_at, sent"
)
"""The fields of a row, as they stand in SQL; the table has a checksum besides."""

_NAME_BYTES: Final = 16


@attrs.frozen(kw_only=True)
class JournalRow:
    """One entry as it stands on disk. Times are in seconds since the epoch.

    Args:
        id: its place in the order.
        name: names it for good, over processes.
        method: the method of the call.
        params: its params as JSON text; "" for none.
        repeatable: whether a second execution does no harm.
        keyed: whether its params carry a key by which the server can drop duplicates.
        answer_limit: seconds from the write to the answer; None where ``expires_at`` bounds both.
        queued_at: when it was queued.
        expires_at: when it is given up; None for never.
        sent: how many processes have begun to send it; counted for those that may not be repeated.
    """

    id: int
    name: str
    method: str
    params: str
    repeatable: bool
    keyed: bool
    answer_limit: float | None
    queued_at: float
    expires_at: float | None
    sent: int = 0

    @property
    def digest(self) -> int:
        """A checksum of everything that never changes."""
        facts = [self.id, self.name, self.method, self.repeatable, self.keyed]
        times = [self.answer_limit, self.queued_at, self.expires_at]
        return zlib.crc32(self.params.encode(), zlib.crc32(json.dumps([facts, times]).encode()))

    @classmethod
    def from_columns(cls, values: tuple[Any, ...]) -> JournalRow:
        """Read a row as SQLite gives it.

        Raises:
            ValueError: it is not as it was written.
        """
        *columns, checksum = values
        fields = dict(zip(COLUMNS.split(", "), columns, strict=True))
        flags = {name: fields[name] == 1 for name in ("repeatable", "keyed")}
        row = cls(**{**fields, **flags})
        try:
            is_whole = seal(row.digest, row.sent) == checksum
        except (TypeError, AttributeError):  # a value that is not even of its kind
            is_whole = False
        if not is_whole:
            raise ValueError(f"entry {row.id} is not as it was written")
        return row

    @property
    def lifetime(self) -> float | None:
        """Seconds from its queueing to its end; None for no end."""
        return None if self.expires_at is None else self.expires_at - self.queued_at

    def time_left(self, now: float) -> float | None:
        """Seconds until it is given up, below zero when it should have been; None for no limit."""
        if self.expires_at is None or self.lifetime is None:
            return None
        # The clock may have been set back since.
        return min(self.expires_at - now, self.lifetime)


def seal(digest: int, sent: int) -> int:
    """The checksum of a row: of what never changes, and of what does."""
    return zlib.crc32(b"%d" % sent, digest)


class Entry:
    """What a call knows of its row. ``sent`` belongs to whoever writes the call.

    Args:
        row: the row, as it is on disk now.
        found: whether another process wrote it.
    """

    __slots__ = ("before", "digest", "found", "id", "is_gone", "is_kept", "name", "sent")

    def __init__(self, row: JournalRow, *, found: bool) -> None:
        self.id = row.id
        self.name = row.name
        self.digest = row.digest
        self.sent = row.sent
        self.before = row.sent if found else 0
        """How many other processes have begun to send it."""
        self.found = found
        self.is_kept = False
        """Whether the row stays although the call was settled; changed under the state lock."""
        self.is_gone = False
        """Whether the row was deleted before the call was settled."""


def row_of(
    call: Call, row_id: int, queue_ttl: float | None, settings: JournalSettings
) -> JournalRow:
    """Make the row of a call that is about to be queued.

    Args:
        call: the call.
        row_id: the row's id.
        queue_ttl: seconds that it may be queued where it has no deadline of its own; None for
            no limit.
        settings: of the journal.

    Returns:
        The row, not yet on disk.
    """
    params = with_meta(call.params, call.meta)
    key = _key_of(params, settings)
    now = time.time()
    left = queue_ttl if call.deadline is None else call.deadline.remaining()
    return JournalRow(
        id=row_id,
        name=key or _new_name(),
        method=call.method,
        params=params,
        repeatable=call.repeatable,
        keyed=key is not None,
        answer_limit=call.answer_limit,
        queued_at=now,
        expires_at=None if left is None else now + left,
        sent=int(was_sent_here(call) and not call.repeatable),
    )


def was_sent_here(call: Call) -> bool:
    """Whether this process has sent a queued call before, whole, on this link or another."""
    return call.replays > 0 or call.rounds > 0


def call_of(row: JournalRow, keeper: Keeper, settings: JournalSettings, max_replays: int) -> Call:
    """Make a call of a row that was found.

    Args:
        row: the row.
        keeper: the connection that will carry the call.
        settings: of the journal.
        max_replays: how often a call with a key may be sent again after it was sent.

    Returns:
        The call: settled when it must not be sent (again), else ready to be queued.
    """
    now = time.time()
    left = row.time_left(now)
    params, meta = encode_apart(json.loads(row.params) if row.params else None)
    call = Call(
        keeper,
        method=row.method,
        params=params,
        meta=meta,
        repeatable=row.repeatable,
        limit=Deadline(left) if row.answer_limit is None else None,
        answer_limit=row.answer_limit,
        watched=True,
    )
    call.queue_deadline = Deadline(left)
    call.queued_at = time.monotonic() - max(0.0, now - row.queued_at)
    call.entry = Entry(row, found=True)
    call.note("found in the journal")
    may_repeat = settings.at_least_once and row.keyed and row.sent <= max_replays
    error = _why_not(row, left, may_repeat)
    if error is not None:
        call.owner = Owner.SETTLED
        call.conclude(error)
    return call


def _why_not(row: JournalRow, left: float | None, may_repeat: bool) -> MCPError | None:
    is_over = left is not None and left <= 0
    if row.sent and (is_over or not may_repeat):
        return MCPConnectionLost("a previous process ended after sending it", True, row.method)
    if left is None or left > 0:
        return None
    waiting_for = f"a connection: its time was over {-left:.1f} s before it was found again"
    return MCPTimeoutError(row.method, row.lifetime, False, waiting_for)


def with_key(
    params: Mapping[str, Any] | None, settings: JournalSettings
) -> Mapping[str, Any] | None:
    """Put a key into params by which a server can drop duplicates, if that was asked for.

    Args:
        params: of a call; a key of the caller's own is left in them.
        settings: of the journal.

    Returns:
        The params to send.

    Raises:
        TypeError: there is a ``_meta`` that is no mapping.
    """
    if not settings.at_least_once or not isinstance(params, Mapping | None):
        return params
    params = {} if params is None else params
    meta = params.get("_meta", {})
    if not isinstance(meta, Mapping):
        raise TypeError(f"params._meta must be a mapping, not {type(meta).__name__}")
    return {**params, "_meta": {settings.key_name: _new_name(), **meta}}


def _key_of(params: str, settings: JournalSettings) -> str | None:
    if not settings.at_least_once or not params:
        return None
    key = json.loads(params).get("_meta", {}).get(settings.key_name)
    return None if key is None else str(key)


def _new_name() -> str:
    return os.urandom(_NAME_BYTES).hex()
