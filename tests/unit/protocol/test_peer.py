"""Ids and the pending table: every entry leaves it exactly once."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator

import pytest

from mcp_sync.protocol.peer import Peer

KEPT = 256
"""How many withdrawn ids a peer remembers."""


def test_numbers_start_at_one_and_are_never_given_twice() -> None:
    peer: Peer[str] = Peer()
    assert [peer.next_number() for _ in range(3)] == [1, 2, 3]
    peer.register(3, "a")
    peer.take_all()
    assert peer.next_number() == 4


def test_two_peers_count_apart() -> None:
    first, second = Peer[str](), Peer[str]()
    first.next_number()
    assert second.next_number() == 1


@pytest.fixture
def hasty_switches() -> Iterator[None]:
    """Threads take turns as often as the interpreter can have them."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("hasty_switches")
def test_numbers_stay_unique_over_threads() -> None:
    peer: Peer[str] = Peer()
    taken: list[list[int]] = [[] for _ in range(4)]
    start = threading.Barrier(4)

    def work(mine: list[int]) -> None:
        start.wait(10)
        mine.extend(peer.next_number() for _ in range(5000))

    threads = [threading.Thread(target=work, args=(mine,)) for mine in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    numbers = sorted(number for mine in taken for number in mine)
    assert numbers == list(range(1, 20_001))


def test_an_entry_is_taken_once() -> None:
    peer: Peer[str] = Peer()
    peer.register(1, "one")
    assert (len(peer), list(peer)) == (1, ["one"])
    assert peer.take(1) == "one"
    assert peer.take(1) is None
    assert peer.withdraw(1) is None
    assert (len(peer), list(peer)) == (0, [])


def test_a_number_that_comes_back_as_a_text_is_that_number() -> None:
    peer: Peer[str] = Peer()
    peer.register(17, "mine")
    assert peer.find("17") == "mine"
    assert peer.take("17") == "mine"
    assert peer.take("17") is None
    peer.register(18, "given up")
    peer.withdraw(18)
    assert peer.was_withdrawn("18")


def test_a_text_is_not_a_number_where_it_is_an_id_itself() -> None:
    peer: Peer[str] = Peer()
    peer.register(1, "number")
    peer.register("1", "text")
    assert peer.find("1") == "text"
    assert peer.take("1") == "text"
    assert peer.take(1) == "number"
    peer.register("2", "text")
    assert peer.take(2) is None


@pytest.mark.parametrize(
    "other", ["", "0", "01", "+1", "-1", " 1", "1 ", "1.0", "1e0", "\u0661", "\u00b9", "1" * 5000]
)
def test_a_text_that_only_resembles_a_number_is_another_id(other: str) -> None:
    peer: Peer[str] = Peer()
    for number in (0, 1, -1):
        peer.register(number, "mine")
    assert peer.find(other) is None
    assert peer.take(other) is None
    peer.withdraw(1)
    assert not peer.was_withdrawn(other)


def test_a_withdrawn_entry_is_remembered_so_that_its_answer_counts_as_late() -> None:
    peer: Peer[str] = Peer()
    peer.register(1, "one")
    assert not peer.was_withdrawn(1)
    assert peer.withdraw(1) == "one"
    assert peer.was_withdrawn(1)
    assert peer.take(1) is None


def test_an_answered_or_unknown_id_is_not_late() -> None:
    peer: Peer[str] = Peer()
    peer.register(1, "one")
    peer.take(1)
    peer.withdraw(1)
    peer.withdraw(2)
    assert not any(peer.was_withdrawn(number) for number in (1, 2, 3, "1", "3", None))


def test_only_so_many_withdrawn_ids_are_remembered() -> None:
    peer: Peer[int] = Peer()
    for number in range(KEPT + 1):
        peer.register(number, number)
        peer.withdraw(number)
    assert not peer.was_withdrawn(0)
    assert all(peer.was_withdrawn(number) for number in range(1, KEPT + 1))


def test_taking_all_empties_the_table_in_the_order_of_registration() -> None:
    peer: Peer[str] = Peer()
    for number, entry in [(3, "c"), ("1", "a"), (2, "b")]:
        peer.register(number, entry)
    assert peer.take_all() == [(3, "c"), ("1", "a"), (2, "b")]
    assert peer.take_all() == []
    assert len(peer) == 0
    assert peer.take(3) is None


def test_a_lost_request_does_not_count_as_withdrawn() -> None:
    peer: Peer[str] = Peer()
    peer.register(1, "one")
    peer.take_all()
    assert not peer.was_withdrawn(1)
