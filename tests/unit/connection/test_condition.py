"""Bells: each waiter has one of his own, and none is left behind."""

from __future__ import annotations

import threading

import pytest

from mcp_sync.connection.condition import Bells, CallCondition
from timing import MS

PATIENCE = 10_000 * MS


def test_every_bell_that_hangs_is_rung() -> None:
    bells = Bells()
    hung = [bells.hang_bell() for _ in range(3)]
    assert not any(bell.acquire(False) for bell in hung)
    bells.ring()
    assert all(bell.acquire(False) for bell in hung)


def test_ringing_where_nobody_waits_does_nothing() -> None:
    bells = Bells()
    bells.ring()
    bell = bells.hang_bell()
    bells.take_bell_down(bell)
    bells.ring()
    assert not bell.acquire(False)


def test_a_bell_may_be_rung_again_before_its_owner_has_taken_it_down() -> None:
    bells = Bells()
    bell = bells.hang_bell()
    bells.ring()
    bells.ring()
    assert bell.acquire(False)
    bells.take_bell_down(bell)  # Once more, by its owner.


def test_a_bell_that_was_left_hanging_is_forgotten() -> None:
    """As an interrupt leaves it."""
    bells = Bells()
    bells.hang_bell()
    bells.ring()
    assert bells._bells
    bells.ring()
    assert not bells._bells


@pytest.mark.parametrize("notifies", [True, False])
def test_the_condition_of_a_call_gives_its_lock_back(notifies: bool) -> None:
    condition = CallCondition()
    with condition:
        if notifies:
            threading.Timer(1 * MS, condition.notify_all).start()
        assert condition.wait(PATIENCE if notifies else 1 * MS) is notifies
        # It is this thread's again: no other one can take it.
        taken: list[bool] = []
        other = threading.Thread(target=lambda: taken.append(condition.acquire(False)))
        other.start()
        other.join()
    assert taken == [False]
    assert not condition._bells
