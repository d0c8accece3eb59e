"""Poll and the self-pipe."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from mcp_sync.deadline import Deadline
from mcp_sync.transports.readiness import (
    POLLIN,
    POLLOUT,
    Poll,
    SelectorPoll,
    SelfPipe,
    acquire_within,
    make_poll,
    poll_timeout,
)
from timing import MS

BOUND = 10_000 * MS


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


@pytest.fixture
def pipe() -> Iterator[SelfPipe]:
    made = SelfPipe()
    made.open()
    yield made
    made.close()


@pytest.mark.parametrize("make", [make_poll, SelectorPoll])
def test_both_kinds_of_poll_tell_the_same(
    make: type[Poll], pair: tuple[socket.socket, socket.socket]
) -> None:
    one, other = pair
    poll = make()
    poll.register(one.fileno(), POLLIN)
    assert poll.poll(0) == []
    poll.register(one.fileno(), POLLIN | POLLOUT)
    assert poll.poll(0) == [(one.fileno(), POLLOUT)]
    other.send(b"x")
    assert poll.poll(None) == [(one.fileno(), POLLIN | POLLOUT)]
    poll.register(one.fileno(), POLLOUT)
    assert poll.poll(1) == [(one.fileno(), POLLOUT)]


def test_a_timeout_becomes_milliseconds_that_fit_a_c_integer() -> None:
    assert poll_timeout(None) is None
    assert poll_timeout(0.5) == 500
    assert make_poll().poll(poll_timeout(0.0)) == []
    assert poll_timeout(1e12) == 86_400_000


def test_a_wake_ends_a_poll_and_is_taken_once(pipe: SelfPipe) -> None:
    poll = make_poll()
    poll.register(pipe.fileno(), POLLIN)
    assert poll.poll(0) == []
    pipe.wake()
    pipe.wake()
    assert poll.poll(0) == [(pipe.fileno(), POLLIN)]
    assert pipe.take_wake()
    assert not pipe.take_wake()
    assert poll.poll(0) == []


def test_a_wake_before_the_descriptors_exist_is_remembered() -> None:
    pipe = SelfPipe()
    assert pipe.fileno() == -1
    pipe.wake()
    pipe.abort()
    pipe.open()
    pipe.close()
    assert pipe.woken
    assert pipe.aborted


def test_a_closed_pipe_takes_calls_and_keeps_its_flags(pipe: SelfPipe) -> None:
    pipe.close()
    pipe.close()
    pipe.abort()
    pipe.wake()
    pipe.drain()
    assert pipe.aborted
    assert pipe.take_wake()


def test_a_pipe_that_is_full_takes_more_aborts(pipe: SelfPipe) -> None:
    for _ in range(20_000):
        pipe.abort()
    pipe.drain()
    poll = make_poll()
    poll.register(pipe.fileno(), POLLIN)
    assert poll.poll(0) == []


def test_a_lock_is_waited_for_until_the_deadline_and_no_longer(in_thread: Any) -> None:
    lock = threading.RLock()
    held, let_go = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            held.set()
            assert let_go.wait(BOUND)

    holder: Future[None] = in_thread(hold)
    assert held.wait(BOUND)
    assert not acquire_within(lock, Deadline(20 * MS))
    let_go.set()
    assert acquire_within(lock, None)
    lock.release()
    holder.result(BOUND)
