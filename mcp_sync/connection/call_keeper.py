"""The calls of a connection, as their callers see them: made, written, waited for, accounted for.

How a link comes to be is left to ``connection``, of which this is a part.
"""

from __future__ import annotations

import abc
import logging
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from typing import Any, Final

from ..deadline import Deadline
from ..errors import MCPCancelledError, MCPError, MCPOfflineError, MCPTimeoutError
from ..protocol.dialect import Dialect
from ..protocol.mcp_modern import STAMPED_KEYS
from ..protocol.messages import encode_apart, encode_request
from ..states import ConnectionState
from .call import Call
from .calls import Calls
from .dispatcher import Dispatcher
from .gate import Gate, uninterrupted
from .life import Life
from .reading import Reading
from .requests import ServerRequests
from .sending import Sender
from .why import no_link, reason_of

__all__ = ["CallKeeper"]

_log: Final = logging.getLogger("mcp_sync.connection")

_SETTLE_SECONDS: Final = 5.0


class CallKeeper(abc.ABC):
    """Makes calls and keeps them until they are settled. Safe for any number of threads."""

    gate: Gate
    dialect: Dialect
    calls: Calls
    life: Life
    dispatcher: Dispatcher
    requests: ServerRequests
    _sender: Sender
    _reading: Reading

    @property
    def _gate(self) -> Gate:
        return self.gate

    @abc.abstractmethod
    def open_in_background(self) -> None:
        """Begin to connect and return at once."""

    @abc.abstractmethod
    def want_link(self) -> None:
        """Have a link made, or made ready, sooner: somebody waits for it."""

    @abc.abstractmethod
    def wait_until_ready(self, deadline: Deadline, *, while_offline: bool = True) -> bool:
        """Wait for a ready link; False when the deadline is over first."""

    def make_call(
        self, method: str, params: Mapping[str, Any] | None, spec: Mapping[str, Any]
    ) -> Call:
        """Make a call of a method; nothing is sent yet.

        Args:
            method: the method.
            params: its params; None for none.
            spec: the rest of what a ``Call`` is made of, by name.

        Raises:
            TypeError: something in the params is no JSON.
            ValueError: a number is not finite, or the nesting impossible.
            MCPMessageTooLarge: the server would not take a message of this size.
        """
        text, meta = encode_apart(params, STAMPED_KEYS)
        limit = self.dialect.max_request_size
        if limit is not None:
            self._check_size(method, text, limit)
        return Call(self, method=method, params=text, meta=meta, **spec)

    def _check_size(self, method: str, text: str, limit: int) -> None:
        if len(text) * 4 > limit:
            number = self.calls.peer.next_number()
            message = encode_request(self.dialect.request_id(number), method, text)
            self.dialect.check_size(len(message.encode()))

    def start(self, call: Call, *, may_block: bool) -> None:
        """Write a call or queue it; see ``Sender.start``."""
        link = self.gate.link
        if link is None or not link.ready:
            self._want_ready(call, may_block)
        self._sender.start(call, may_block=may_block)

    def _want_ready(self, call: Call, may_block: bool) -> None:
        """Have a link made for a call, as far as nobody sees to that."""
        if not self.gate.config.offline_mode:
            self._connect_for(call, may_block)
        elif self.gate.state is ConnectionState.DISCONNECTED and not self.life.was_closed:
            self.open_in_background()

    def _connect_for(self, call: Call, may_block: bool) -> None:
        """Without a queue, a caller that may wait waits here, and any other is refused."""
        if self.gate.state is ConnectionState.DISCONNECTED and self.life.was_closed:
            return
        if not may_block:
            raise self.unready_error()
        deadline = call.deadline or Deadline(call.answer_limit)
        if not self.wait_until_ready(deadline):
            waiting_for = f"a connection: {no_link(self.gate)}"
            raise MCPTimeoutError(call.method, deadline.timeout, False, waiting_for)

    @uninterrupted
    def unready_error(self) -> MCPError:
        """The error of a call that is not to wait for a link, for which the next may find one."""
        with self.gate.decide() as decision:
            if self.gate.rejection is not None or self.life.was_closed:
                return self.life.closed_error()
            self.life.want_link(decision)
            return self.offline_error()

    def offline_error(self) -> MCPOfflineError:
        """The error that tells since when, and why, there is no ready link."""
        outage = self.gate.outage
        last = outage.last_error
        error = None if last is None else str(last)
        return MCPOfflineError(
            self.gate.unready_for(), len(self.calls.outbox), error, outage.attempt
        )

    def perform(self, call: Call) -> Any:
        """Write a call and wait for it within its deadline; returns or raises its outcome."""
        try:
            self.start(call, may_block=True)
            return self._settle(call)
        except BaseException:  # an interrupt of the caller withdraws this call alone
            if not call.done():
                self.calls.cancel(call)
            raise
        finally:
            # Or the error, by its traceback, and the call would hold each other, and the client.
            del call

    def _settle(self, call: Call) -> Any:
        deadline = call.deadline or Deadline(None)
        wait = self.wait if self.requests.threads else self._reading.wait
        # Half-time is told on the level INFO, and computed where somebody listens to that.
        wait(call, deadline.half() if _log.isEnabledFor(logging.INFO) else deadline)
        if not call.done():
            self.calls.tell_half_time(call)
            self._await_end(call)
            if not call.done():
                self.calls.expire(call)
                # Whoever writes it has the same deadline, and settles it.
                call.wait_settled(_SETTLE_SECONDS)
        try:
            return call.outcome()
        finally:
            del call  # see ``perform``

    def _await_end(self, call: Call) -> None:
        """Wait until a call is settled or its deadline, which progress may move, is over."""
        deadline = call.deadline or Deadline(None)
        self.wait(call, deadline)
        while not call.done() and call.deadline is not None and call.deadline is not deadline:
            deadline = call.deadline
            self.wait(call, deadline)

    def cancel(self, call: Call) -> bool:
        """Withdraw a call; False when it is settled already."""
        return self.calls.cancel(call)

    def wait(self, call: Call, deadline: Deadline) -> None:
        """Wait until a call is settled or the deadline is over."""
        if threading.get_ident() not in self.requests.threads:
            self._reading.wait(call, deadline)
            return
        with self.requests.waiting_for_call():
            self._reading.wait(call, deadline)

    def run_callback(self, function: Callable[[Future[Any]], object], call: Call) -> None:
        """Run a done callback of a call on the events thread."""
        self.dispatcher.post(function, call)
        self.dispatcher.kick()

    def drain(self, timeout: float | None) -> bool:
        """See ``BaseClient.drain``."""
        if self.calls.outbox and self.gate.state is not ConnectionState.DISCONNECTED:
            self.want_link()
        return self.calls.wait_settled(self.calls.is_idle, Deadline(timeout))

    @uninterrupted
    def clear_queue(self) -> int:
        """Fail every queued call with MCPCancelledError; how many they were."""
        with self.gate.decide() as decision:
            return self.calls.withdraw_queued(
                lambda call: MCPCancelledError(call.method, "the offline queue was cleared"),
                decision,
            )

    def why(self, call: Call) -> str:
        """See ``BaseClient.why``."""
        with self.gate.lock:
            return reason_of(call, self.gate, self.calls.outbox)

    def unsettled(self) -> list[Call]:
        """The calls that are queued, being written or unanswered, oldest first."""
        with self.gate.lock:
            calls = {*self.calls.outbox, *self.calls.peer, *self.calls.asked}
        return sorted(calls, key=lambda call: call.sequence)

    def position(self, call: Call) -> int:
        """Where a call stands in the queue, from 1; 0 when it is not queued (any more)."""
        with self.gate.lock:
            return self.calls.outbox.position(call) if call in self.calls.outbox else 0
