"""A Hypothesis state machine drives a client and its server through random events.

The model knows what DESIGN section 5 promises and nothing of how it is kept: each call settles
once; what was answered was executed; what may not be repeated never runs twice; no call outlives
its time; a forked child has a client of its own and none of its parent's calls.
"""

from __future__ import annotations

import collections
import os
import select
import signal
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, ClassVar

import attrs
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from mcp_sync import (
    Call,
    ConnectionState,
    MCPClient,
    MCPClosedError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPError,
    MCPTimeoutError,
)
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.testing import FaultProxy
from reliability.figures import record

PATIENCE_S = 20.0
HASTE_S = 0.05
NEVER = threading.Event()


@attrs.frozen
class Promise:
    """A call that was made, and what was said about it."""

    call: Call
    repeatable: bool
    is_hasty: bool


class ClientMachine(RuleBasedStateMachine):
    """A client behind a proxy, a server that comes and goes, and what was promised."""

    fates: ClassVar[collections.Counter[str]] = collections.Counter()
    """What became of the calls of all lives."""

    def __init__(self) -> None:
        super().__init__()
        self.server: EmbeddedServer | None = EmbeddedServer()
        self.server.start()
        self.port = self.server.port
        self.executed: collections.Counter[str] = collections.Counter()
        self.proxy = FaultProxy("127.0.0.1", self.port).__enter__()
        self.client = MCPClient(
            self.proxy.url(),
            reconnect_attempts=1,
            reconnect_delay=0.01,
            max_reconnect_delay=0.02,
            request_timeout=PATIENCE_S,
        )
        self.closed = False
        self.promises: dict[str, Promise] = {}

    @rule(repeatable=st.booleans(), is_hasty=st.booleans())
    def submit(self, repeatable: bool, is_hasty: bool) -> None:
        key = f"key-{len(self.promises)}"
        params = {"name": "echo", "arguments": {"text": key, "key": key}}
        limit = {"timeout": HASTE_S} if is_hasty else {}
        try:
            call = self.client.submit("tools/call", params, idempotent=repeatable, **limit)
        except MCPClosedError:
            assert self.closed
            return
        assert not self.closed
        self.promises[key] = Promise(call, repeatable, is_hasty)

    @precondition(lambda self: self.server is not None and not self.closed)
    @rule()
    def call_and_wait(self) -> None:
        try:
            assert self.client.request("ping", timeout=PATIENCE_S) == {}
        except MCPConnectionError as error:
            # A link that is lost thrice under a ping uses up its replays.
            assert isinstance(error, MCPConnectionLost)

    @rule()
    def connect(self) -> None:
        deadline = Deadline(PATIENCE_S)
        # The end of a link may not be noticed yet, and an attempt that is joined may be too early.
        while self.client.connect(timeout=PATIENCE_S) != (self.server is not None):
            assert not deadline.is_over()
        self.closed = False

    @rule()
    def reconnect(self) -> None:
        self.client.reconnect()
        self.closed = False

    @rule(index=st.integers(0, 100))
    def cancel(self, index: int) -> None:
        if self.promises:
            call = list(self.promises.values())[index % len(self.promises)].call
            assert call.cancel() in (True, False)
            assert call.done()

    @rule()
    def clear(self) -> None:
        assert self.client.clear_offline_queue() >= 0

    @rule(how=st.sampled_from(["fin", "rst"]))
    def cut(self, how: str) -> None:
        self.proxy.cut(how)

    @precondition(lambda self: self.server is not None)
    @rule()
    def stop_server(self) -> None:
        assert self.server is not None
        self.server.stop()
        self.take_ledger()
        self.server = None

    @precondition(lambda self: self.server is None)
    @rule()
    def start_server(self) -> None:
        self.server = EmbeddedServer(port=self.port)
        self.server.start()

    @rule()
    def close(self) -> None:
        self.client.close()
        self.closed = True
        assert all(promise.call.done() for promise in self.promises.values())

    @rule()
    def clock(self) -> None:
        """Time passes, more than any hasty call has: each is settled without being asked."""
        NEVER.wait(HASTE_S)
        for promise in self.promises.values():
            if promise.is_hasty:
                outcome_of(promise.call, PATIENCE_S)

    @precondition(lambda self: not self.closed)
    @rule()
    def clock_without_answers(self) -> None:
        """Time passes while nothing moves: a call fails at its deadline, whatever the state."""
        self.proxy.pause()
        begun = time.monotonic()
        call = self.client.submit("ping", timeout=HASTE_S)
        outcome = outcome_of(call, PATIENCE_S)
        taken = time.monotonic() - begun
        self.proxy.resume()
        assert isinstance(outcome, MCPTimeoutError | MCPConnectionLost), outcome
        assert taken >= HASTE_S or isinstance(outcome, MCPConnectionLost), (taken, outcome)

    @rule()
    def fork(self) -> None:
        """A child is born, uses the client and ends; its parent's life goes on."""
        before = {key for key, promise in self.promises.items() if promise.call.done()}
        assert in_a_child(lambda: self.live_in_the_child(before)) == "all is well"

    def live_in_the_child(self, before: set[str]) -> None:
        client = self.client
        assert client.get_connection_state() is ConnectionState.DISCONNECTED
        assert client.offline_queue_size == 0
        assert client.pending_requests() == []
        for key, promise in self.promises.items():
            outcome = outcome_of(promise.call, PATIENCE_S)
            if key not in before and isinstance(outcome, MCPClosedError):
                assert "parent process" in str(outcome), outcome
            elif self.server is None:
                # Nobody could have answered it between the look and the fork.
                assert key in before or promise.is_hasty, (key, outcome)
        if self.server is not None:
            assert client.request("ping", timeout=PATIENCE_S) == {}
            assert client.get_connection_stats().link.generation >= 1
        client.close()

    @invariant()
    def the_state_is_one_of_the_seven(self) -> None:
        assert self.client.get_connection_state() in ConnectionState
        if self.closed:
            assert self.client.get_connection_state() is ConnectionState.DISCONNECTED

    def take_ledger(self) -> None:
        assert self.server is not None
        for entry in self.server.ledger:
            self.executed[str(entry.key)] += 1

    def teardown(self) -> None:
        try:
            if self.server is None:
                self.start_server()
            if not self.closed:
                assert self.client.drain(PATIENCE_S), self.client.why()
            self.client.close()
        finally:
            self.client.close()
            self.proxy.close()
            assert self.server is not None
            self.server.stop()
        self.take_ledger()
        for key, promise in self.promises.items():
            self.judge(key, promise, outcome_of(promise.call))

    def judge(self, key: str, promise: Promise, outcome: Any) -> None:
        times = self.executed[key]
        most = 1 + promise.call.replays if promise.repeatable else 1
        assert times <= most, (key, times, outcome)
        if isinstance(outcome, MCPConnectionLost) and not outcome.maybe_executed:
            assert times == 0, (key, outcome)
        if isinstance(outcome, MCPTimeoutError):
            assert promise.is_hasty, (key, outcome)
            assert outcome.sent or times == 0, (key, outcome)
        if not isinstance(outcome, MCPError):
            assert outcome["content"][0]["text"] == key
            assert times >= 1, key
        fate = type(outcome).__name__ if isinstance(outcome, MCPError) else "answered"
        self.fates[f"{fate}, executed {times}x"] += 1


def outcome_of(call: Call, patience: float = 0.0) -> Any:
    """The result or the error of a call that is settled, or is to be within so many seconds."""
    error = call.exception(patience)
    assert call.done(), call
    return call.result(0) if error is None else error


def in_a_child(act: Callable[[], None]) -> str:
    """Run something in a forked child; what it reports: "all is well", or what went wrong."""
    reading, writing = os.pipe()
    with warnings.catch_warnings():
        # From 3.12 on Python warns of any fork beside threads, which is what is tested here.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        report = ""
        try:
            act()
            report = "all is well"
        except BaseException as error:  # noqa: BLE001 - the parent is told
            report = repr(error)
        finally:
            os.write(writing, report.encode()[:4000])
            os._exit(0)
    os.close(writing)
    try:
        if not select.select([reading], [], [], 2 * PATIENCE_S)[0]:
            os.kill(child, signal.SIGKILL)
            return "the child did not end"
        return os.read(reading, 4096).decode()
    finally:
        os.close(reading)
        assert os.waitpid(child, 0)[0] == child


LIVES = settings(
    max_examples=400,
    stateful_step_count=25,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.mark.timeout(600)
def test_whatever_happens_in_whatever_order_each_call_settles_once_as_promised() -> None:
    ClientMachine.fates = collections.Counter()
    run_state_machine_as_test(ClientMachine, settings=LIVES)
    fates = ClientMachine.fates
    record(
        "13 model",
        promise="Whatever happens to a client, in whatever order, each call settles once, as "
        "promised: none that may not be repeated runs twice, and none outlives its time",
        fault="a Hypothesis state machine: calls, deadlines, cancels, connects, reconnects, "
        "closes, lost links, a link on which nothing moves, a server that goes and comes back, "
        f"forks; up to {LIVES.stateful_step_count} of them in a row",
        rounds=LIVES.max_examples,
        measured=f"{fates.total():,} calls: "
        + ", ".join(f"{count} {fate}" for fate, count in fates.most_common()),
    )
