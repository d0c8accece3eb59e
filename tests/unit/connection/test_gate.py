"""The state gate: one lock, one state, acts that run after the lock was released."""

from __future__ import annotations

import gc
import signal
import threading
import time
import traceback

import pytest

from mcp_sync.config import ClientConfig
from mcp_sync.connection.dispatcher import Dispatcher
from mcp_sync.connection.gate import Gate, copy_of
from mcp_sync.connection.stats import Stats
from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConnectionError, MCPConnectionRejected
from mcp_sync.events import ConnectionEvent
from mcp_sync.states import ConnectionState, IllegalTransition, Trigger
from timing import MS
from untraced import untraced

BOUND = 5000 * MS


@pytest.fixture
def gate() -> Gate:
    return Gate(ClientConfig(), Stats(time.monotonic()), Dispatcher())


def test_acts_run_in_order_after_the_lock_was_released(gate: Gate) -> None:
    seen: list[tuple[str, bool]] = []
    with gate.decide() as decision:
        decision.later(lambda: seen.append(("first", gate.is_locked())))
        decision.later(seen.append, ("second", False))
        assert gate.is_locked()
        assert seen == []
    assert seen == [("first", False), ("second", False)]


def test_an_act_that_raises_does_not_keep_the_others_from_running(gate: Gate) -> None:
    seen: list[str] = []

    def fail() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), gate.decide() as decision:
        decision.later(fail)
        decision.later(seen.append, "after")
    assert seen == ["after"]
    assert not gate.is_locked()


def test_a_block_that_raises_releases_the_lock_and_runs_its_acts(gate: Gate) -> None:
    seen: list[str] = []
    with pytest.raises(LookupError), gate.decide() as decision:
        decision.later(seen.append, "act")
        raise LookupError
    assert seen == ["act"]
    assert not gate.is_locked()


def test_an_illegal_trigger_changes_nothing_and_raises(gate: Gate) -> None:
    with gate.decide(), pytest.raises(IllegalTransition, match="READY is not legal"):
        gate.fire(Trigger.READY)
    assert gate.state is ConnectionState.DISCONNECTED


def test_only_who_holds_the_lock_may_change_the_state(gate: Gate) -> None:
    with pytest.raises(AssertionError):
        gate.fire(Trigger.OPEN)
    with pytest.raises(AssertionError):
        gate.announce("connected")
    assert gate.state is ConnectionState.DISCONNECTED


def test_events_are_announced_with_the_state_of_the_moment(gate: Gate) -> None:
    seen: list[ConnectionEvent] = []
    gate.dispatcher.on("failed", seen.append)
    with gate.decide():
        gate.fire(Trigger.OPEN)
        gate.announce("failed", attempt=1)
        gate.fire(Trigger.FAIL)
        gate.announce("failed", attempt=2)
        assert seen == []
    assert gate.dispatcher.stop(Deadline(BOUND))
    assert [(event.state, event.context) for event in seen] == [
        (ConnectionState.CONNECTING, {"attempt": 1}),
        (ConnectionState.FAILED, {"attempt": 2}),
    ]


def test_a_change_of_state_wakes_those_who_wait_for_one(gate: Gate) -> None:
    def change() -> None:
        with gate.decide():
            gate.fire(Trigger.OPEN)

    changer = threading.Timer(10 * MS, change)
    changer.start()
    state = ConnectionState.CONNECTING
    assert gate.wait_until(lambda: gate.state is state, Deadline(BOUND))
    changer.join()
    assert not gate.wait_until(lambda: gate.state is ConnectionState.OFFLINE, Deadline(0))


def test_without_a_link_it_is_not_ready_and_tells_for_how_long(gate: Gate) -> None:
    assert not gate.is_ready()
    before = gate.unready_for()
    assert 0 <= before < gate.unready_for()


def test_a_finalizer_may_abandon_it_whoever_holds_the_lock(gate: Gate) -> None:
    held, release = threading.Event(), threading.Event()

    def hold() -> None:
        with gate.decide():
            held.set()
            assert release.wait(BOUND)

    holder = threading.Thread(target=hold)
    holder.start()
    assert held.wait(BOUND)
    gate.abandon()
    assert gate.abandoned
    release.set()
    holder.join()
    gate.abandon()


def test_a_rejection_is_raised_as_a_copy_each_time(gate: Gate) -> None:
    assert gate.refusal() is None
    gate.rejection = MCPConnectionRejected("nothing there", status=404)
    lengths = []
    for _ in range(3):
        with pytest.raises(MCPConnectionRejected, match="nothing there") as caught:
            raise gate.refusal() or AssertionError
        assert caught.value.status == 404
        lengths.append(len(traceback.extract_tb(caught.value.__traceback__)))
    assert len(set(lengths)) == 1
    assert gate.rejection.__traceback__ is None


def test_a_copy_of_an_error_keeps_its_cause_and_not_its_frames() -> None:
    cause = MCPConnectionError("refused", attempts=3)
    error = MCPConnectionError("could not connect", 4, "refused")
    error.__cause__ = cause
    with pytest.raises(MCPConnectionError):
        raise error
    fresh = copy_of(error)
    assert fresh.__cause__ is cause
    assert fresh.__traceback__ is None
    assert str(fresh) == "could not connect"
    gc.collect()


def test_an_interrupt_while_the_lock_is_waited_for_leaves_it_to_its_owner(gate: Gate) -> None:
    held, release = threading.Event(), threading.Event()
    me = threading.main_thread().ident
    assert me == threading.get_ident()

    def hold_and_interrupt() -> None:
        with gate.decide():
            held.set()
            signal.pthread_kill(me, signal.SIGINT)
            assert release.wait(BOUND)

    holder = threading.Thread(target=hold_and_interrupt)
    with untraced(), pytest.raises(KeyboardInterrupt):
        holder.start()
        while True:  # the interrupt comes here, if not in the waiting
            with gate.decide():
                pass
    assert held.wait(BOUND)
    assert not gate.is_locked()
    release.set()
    holder.join()
    with gate.decide():
        assert gate.is_locked()
