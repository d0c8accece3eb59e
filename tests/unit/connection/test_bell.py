"""A bell: no pull is lost, and many make one ring."""

from __future__ import annotations

import threading

from mcp_sync.connection.bell import Bell
from mcp_sync.deadline import Deadline
from timing import MS

BOUND = 5000 * MS


def test_a_pull_before_the_wait_rings_it_once() -> None:
    bell = Bell()
    bell.ring()
    bell.ring()
    assert bell.wait(Deadline(BOUND)) is True
    assert bell.wait(Deadline(0)) is False


def test_a_pull_from_another_thread_ends_the_wait() -> None:
    bell = Bell()
    puller = threading.Timer(10 * MS, bell.ring)
    puller.start()
    assert bell.wait(Deadline(BOUND)) is True
    puller.join()


def test_a_wait_that_ends_by_its_deadline_leaves_the_bell_to_ring() -> None:
    bell = Bell()
    assert bell.wait(Deadline(0)) is False
    bell.ring()
    assert bell.wait(Deadline(0)) is True


def test_a_wait_without_a_limit_waits_for_the_ring() -> None:
    bell = Bell()
    puller = threading.Timer(10 * MS, bell.ring)
    puller.start()
    assert bell.wait(Deadline(None)) is True
    puller.join()


def test_of_many_pulls_against_short_waits_none_is_lost() -> None:
    """Each pull waits for its ring before the next: one that got lost would end the game."""
    bell, heard = Bell(), threading.Semaphore(0)
    rounds = 300
    rung = 0

    def pull() -> None:
        for _ in range(rounds):
            bell.ring()
            assert heard.acquire(timeout=BOUND)

    puller = threading.Thread(target=pull)
    puller.start()
    end = Deadline(BOUND)
    while rung < rounds and not end.is_over():
        if bell.wait(Deadline(0.01 * MS)):
            rung += 1
            heard.release()
            end = Deadline(BOUND)
    assert rung == rounds
    puller.join()
