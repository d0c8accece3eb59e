"""A Hypothesis state machine drives a client and its server through random events.

The model knows what DESIGN section 5 promises and nothing of how it is kept: each call settles
once; what was answered was executed; what may not be repeated never runs twice.
"""

from __future__ import annotations

import collections
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mcp_sync import (
    Call,
    ConnectionState,
    MCPClient,
    MCPClosedError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPError,
)
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.testing import FaultProxy

PATIENCE_S = 20.0


class ClientMachine(RuleBasedStateMachine):
    """A client behind a proxy, a server that comes and goes, and what was promised."""

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
        self.calls: dict[str, tuple[Call, bool]] = {}

    @rule(repeatable=st.booleans())
    def submit(self, repeatable: bool) -> None:
        key = f"key-{len(self.calls)}"
        params = {"name": "echo", "arguments": {"text": key, "key": key}}
        try:
            call = self.client.submit("tools/call", params, idempotent=repeatable)
        except MCPClosedError:
            assert self.closed
            return
        assert not self.closed
        self.calls[key] = (call, repeatable)

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
        assert self.client.connect(timeout=PATIENCE_S) == (self.server is not None)
        self.closed = False

    @rule()
    def reconnect(self) -> None:
        self.client.reconnect()
        self.closed = False

    @rule(index=st.integers(0, 100))
    def cancel(self, index: int) -> None:
        if self.calls:
            call, _ = list(self.calls.values())[index % len(self.calls)]
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
        assert all(call.done() for call, _ in self.calls.values())

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
        for key, (call, repeatable) in self.calls.items():
            self.judge(key, outcome_of(call), repeatable, call.replays)

    def judge(self, key: str, outcome: Any, repeatable: bool, replays: int) -> None:
        times = self.executed[key]
        assert times <= (1 + replays if repeatable else 1), (key, times, outcome)
        if isinstance(outcome, MCPConnectionLost) and not outcome.maybe_executed:
            assert times == 0, (key, outcome)
        if not isinstance(outcome, MCPError):
            assert outcome["content"][0]["text"] == key
            assert times >= 1, key


def outcome_of(call: Call) -> Any:
    assert call.done(), call
    error = call.exception(0)
    return call.result(0) if error is None else error


TestClientMachine = ClientMachine.TestCase
TestClientMachine.settings = settings(
    max_examples=60,
    stateful_step_count=15,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
