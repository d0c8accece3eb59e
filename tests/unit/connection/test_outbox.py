"""The offline queue as a structure: order, bounds, and what is put back."""

from __future__ import annotations

import time

from calls_made import make_call, make_connection
from mcp_sync.connection.call import Call, Owner
from mcp_sync.connection.outbox import Outbox

CONNECTION = make_connection()


def calls(count: int, params: str = "") -> list[Call]:
    return [make_call(CONNECTION, params=params) for _ in range(count)]


def filled(*entries: Call) -> Outbox:
    outbox = Outbox()
    for call in entries:
        outbox.append(call)
    return outbox


def test_what_was_appended_first_is_the_head() -> None:
    first, second = calls(2)
    outbox = filled(first, second)
    assert outbox.head() is first
    assert [outbox.position(call) for call in (first, second)] == [1, 2]
    assert list(outbox) == [first, second]
    assert first.owner is Owner.OUTBOX


def test_an_empty_queue_has_no_head_and_nothing_old() -> None:
    outbox = Outbox()
    assert outbox.head() is None
    assert outbox.oldest_at() is None
    assert not outbox


def test_it_is_bounded_by_count() -> None:
    one, two, three = calls(3)
    outbox = filled(one, two)
    assert outbox.has_room(three, 3, 10_000)
    assert not outbox.has_room(three, 2, 10_000)


def test_it_is_bounded_by_the_bytes_of_the_requests_in_utf_8() -> None:
    (call,) = calls(1, '{"text":"äöü"}')
    size = len(b"tools/call") + len('{"text":"äöü"}'.encode())
    assert call.size == size
    outbox = filled(call)
    assert outbox.size_bytes == size
    (another,) = calls(1, '{"text":"äöü"}')
    assert outbox.has_room(another, 10, 2 * size)
    assert not outbox.has_room(another, 10, 2 * size - 1)


def test_a_call_can_leave_from_anywhere_and_gives_its_bytes_back() -> None:
    one, two, three = calls(3, "{}")
    outbox = filled(one, two, three)
    outbox.remove(two)
    assert list(outbox) == [one, three]
    outbox.remove(one)
    outbox.discard(three)
    outbox.discard(three)
    assert (len(outbox), outbox.size_bytes) == (0, 0)
    assert not three.queued


def test_what_returns_stands_where_it_was_made() -> None:
    one, two, three, four = calls(4)
    outbox = filled(two, four)
    outbox.restore([three, one])
    assert list(outbox) == [one, two, three, four]


def test_what_returns_keeps_the_time_of_its_first_queueing() -> None:
    one, two = calls(2)
    outbox = filled(one)
    queued_at = one.queued_at
    outbox.remove(one)
    outbox.append(two)
    outbox.restore([one])
    assert one.queued_at == queued_at
    assert outbox.oldest_at() == queued_at
    assert [word for _, word in one.history] == ["queued", "queued"]


def test_what_returns_after_a_direct_write_is_queued_now() -> None:
    (call,) = calls(1)
    before = time.monotonic()
    Outbox().restore([call])
    assert call.queued_at is not None
    assert call.queued_at >= before
