"""The due times of calls that nobody waits for."""

from __future__ import annotations

import time
from typing import Any

import pytest

from calls_made import make_call, make_connection
from mcp_sync.connection.call import Call, Owner
from mcp_sync.connection.connection import Connection
from mcp_sync.connection.expiry import Expiry
from mcp_sync.deadline import LONGEST_WAIT, Deadline
from timing import MS

OVER = Deadline(0)
FAR = 5000.0
SHORT = 2 * MS


def watched(connection: Connection, owner: Owner = Owner.OUTBOX, **spec: Any) -> Call:
    call = make_call(connection, watched=True, **spec)
    call.owner = owner
    if owner is Owner.OUTBOX:
        call.queued_at = time.monotonic()
    else:
        call.written_at = time.monotonic()
    with connection.gate.lock:
        connection.calls.expiry.watch(call)
    return call


def half_over(connection: Connection) -> list[Call]:
    with connection.gate.lock:
        return connection.calls.expiry.take_due()[1]


def due(connection: Connection) -> list[Call]:
    with connection.gate.lock:
        return connection.calls.expiry.take_due()[0]


def let_pass(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def next_due(connection: Connection) -> float | None:
    with connection.gate.lock:
        return connection.calls.expiry.next_due()


def test_a_call_whose_deadline_is_over_is_given_once() -> None:
    connection = make_connection()
    call = watched(connection, limit=OVER)
    assert due(connection) == [call]
    assert due(connection) == []
    assert next_due(connection) is None


def test_a_call_in_time_stays() -> None:
    connection = make_connection()
    watched(connection, limit=Deadline(FAR))
    assert due(connection) == []
    assert next_due(connection) is not None


def test_half_of_the_time_is_told_before_all_of_it() -> None:
    connection = make_connection()
    call = watched(connection, limit=Deadline(FAR))
    half = next_due(connection)
    assert half is not None
    assert call.deadline is not None
    assert call.deadline.at is not None
    assert half < call.deadline.at - FAR / 3


def test_the_call_of_which_half_the_time_is_over_is_given_as_such() -> None:
    connection = make_connection()
    call = watched(connection, limit=OVER)
    with connection.gate.lock:
        over, half = connection.calls.expiry.take_due()
    assert (over, half) == ([call], [call])


def test_half_of_the_time_is_told_once_however_often_a_call_is_watched() -> None:
    connection = make_connection()
    call = watched(connection, limit=Deadline(SHORT))
    with connection.gate.lock:
        connection.calls.expiry.watch(call)
    let_pass(SHORT)
    assert half_over(connection) == [call]
    with connection.gate.lock:
        connection.calls.expiry.watch(call)
    let_pass(SHORT)
    assert half_over(connection) == []


def test_a_call_that_has_more_time_since_it_was_written_is_told_when_half_of_that_is_over() -> None:
    connection = make_connection(queue_ttl=SHORT)
    call = watched(connection, answer_limit=FAR)
    let_pass(SHORT)
    call.owner, call.written_at = Owner.PENDING, time.monotonic()
    assert half_over(connection) == []
    again = next_due(connection)
    assert again is not None
    assert again == pytest.approx(time.monotonic() + FAR / 2, abs=FAR / 100)


@pytest.mark.parametrize("timeout", [1e12, float("inf")])
def test_half_of_the_longest_time_is_far_away(timeout: float) -> None:
    connection = make_connection()
    watched(connection, limit=Deadline(timeout))
    assert half_over(connection) == []
    assert (next_due(connection) or 0.0) > time.monotonic() + LONGEST_WAIT / 3


def test_without_a_deadline_the_queue_ttl_counts_from_the_queueing() -> None:
    connection = make_connection(queue_ttl=0.001 * MS)
    call = watched(connection, answer_limit=FAR)
    while not (over := due(connection)):
        assert time.monotonic() < (call.queued_at or 0) + 5
    assert over == [call]


def test_without_a_deadline_and_a_ttl_a_queued_call_is_never_due() -> None:
    connection = make_connection()
    watched(connection, answer_limit=FAR)
    assert next_due(connection) is None


def test_an_unanswered_call_is_due_by_its_answer_limit() -> None:
    connection = make_connection()
    call = watched(connection, Owner.PENDING, answer_limit=0.0)
    assert due(connection) == [call]
    assert watched(connection, Owner.PENDING, answer_limit=None) is not None
    assert next_due(connection) is None


def test_a_call_that_a_caller_waits_for_is_not_watched() -> None:
    connection = make_connection()
    call = make_call(connection, limit=OVER)
    with connection.gate.lock:
        connection.calls.expiry.watch(call)
    assert next_due(connection) is None


def test_a_call_that_is_being_written_is_looked_at_again_soon() -> None:
    connection = make_connection()
    watched(connection, Owner.WRITER, limit=OVER)
    before = time.monotonic()
    assert due(connection) == []
    again = next_due(connection)
    assert again is not None
    assert before < again < before + 1


def test_a_call_whose_time_has_moved_goes_back_with_the_new_one() -> None:
    connection = make_connection()
    call = watched(connection, limit=OVER)
    call.deadline = Deadline(FAR)
    assert due(connection) == []
    again = next_due(connection)
    assert again is not None
    assert again > time.monotonic() + FAR / 3


def test_settled_calls_are_swept_so_that_the_memory_stays_bounded() -> None:
    connection = make_connection()
    expiry: Expiry = connection.calls.expiry
    for _ in range(20_000):
        watched(connection, limit=Deadline(FAR)).owner = Owner.SETTLED
    assert len(expiry._heap) < 3000
    alive = watched(connection, limit=OVER)
    assert due(connection) == [alive]


@pytest.mark.parametrize("order", [1, -1])
def test_calls_are_given_in_the_order_of_their_deadlines(order: int) -> None:
    connection = make_connection()
    made = [watched(connection, limit=Deadline(-3.0 + at)) for at in (1, 2)[::order]]
    assert due(connection) == made[::order]


def test_a_settled_call_is_not_given_when_its_time_comes() -> None:
    connection = make_connection()
    watched(connection, limit=OVER).owner = Owner.SETTLED
    assert due(connection) == []
    assert next_due(connection) is None


def test_a_deadline_in_the_queue_of_its_own_comes_before_the_ttl() -> None:
    connection = make_connection(queue_ttl=FAR)
    call = make_call(connection, watched=True, answer_limit=FAR)
    call.owner, call.queued_at = Owner.OUTBOX, time.monotonic()
    call.queue_deadline = OVER
    with connection.gate.lock:
        connection.calls.expiry.watch(call)
    assert due(connection) == [call]
