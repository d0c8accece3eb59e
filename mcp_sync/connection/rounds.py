"""Calls whose server asks for input before it answers; each round is a request of its own.

MCP 2026-07-28, basic/mrtr. A call between two rounds stands in neither queue nor table; the pool
of the server's requests runs the user's handlers and sends the call again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from ..errors import (
    MCPCancelledError,
    MCPError,
    MCPProtocolError,
    MCPResponseError,
    shorten,
)
from ..protocol.messages import RequestId
from ..protocol.rounds import InputRequired
from .call import Call, Owner
from .calls import Calls
from .gate import Gate, uninterrupted
from .requests import ServerRequests

__all__ = ["Rounds"]

_MOST_ROUNDS: Final = 10

_FIRST_PAUSE: Final = 0.05
_LONGEST_PAUSE: Final = 0.25


class Rounds:
    """Sees to calls that wait for input of this client's. Safe for any thread.

    Args:
        gate: of the connection.
        calls: of the connection.
        requests: whose handlers know the answers, and whose pool runs them.
        send: writes or queues a call again.
    """

    def __init__(
        self, gate: Gate, calls: Calls, requests: ServerRequests, send: Callable[[Call], None]
    ) -> None:
        self._gate = gate
        self._calls = calls
        self._requests = requests
        self._send = send

    @uninterrupted
    def begin(self, request_id: RequestId, result: Mapping[str, Any]) -> bool:
        """Take in an answer that asks for input; False when no call of ours wants that.

        Called by whoever reads; it never blocks.
        """
        calls = self._calls
        with self._gate.lock:
            call = calls.peer.find(request_id)
            if call is None or not call.interactive:
                return False
            calls.peer.take(request_id)
            if calls.room_wanted:
                self._gate.settled.notify_all()
            calls.outbox.discard(call)
            call.owner = Owner.ASKED
            call.note("asked for input")
            calls.asked.add(call)
        if not self._requests.run(partial(self._go_on, call, result)):
            refusal = (
                "too many requests of the server wait for their handlers, or no thread is left"
            )
            calls.fail(call, MCPCancelledError(call.method, refusal))
        return True

    def _go_on(self, call: Call, result: Mapping[str, Any]) -> None:
        try:
            self._prepare(call, InputRequired.from_wire(call.method, result))
        except MCPError as error:
            self._calls.fail(call, error)
            return
        with self._gate.lock:
            if call.owner is not Owner.ASKED:
                return
            call.owner = Owner.CALLER
            call.written_at = call.queued_at = call.request_id = None
        try:
            self._send(call)
        except MCPError as error:
            # Whoever refused it has settled it, but for what was refused before it was looked at.
            self._calls.fail(call, error)
        finally:
            with self._gate.lock:
                # Not before, or a drain would find nothing under way; by now it may be asked again.
                if call.owner is not Owner.ASKED:
                    self._calls.asked.discard(call)
                if self._calls.room_wanted:
                    self._gate.settled.notify_all()

    def _prepare(self, call: Call, wanted: InputRequired) -> None:
        call.rounds += 1
        if call.rounds > _MOST_ROUNDS:
            sentence = f"{call.method}: the server asked for input more than {_MOST_ROUNDS} times"
            raise MCPProtocolError(sentence)
        if call.first_params is None:
            call.first_params = call.params
        if not wanted.requests:
            # The server only wants the request again; less often with each round.
            call.wait_settled(min(_FIRST_PAUSE * 2**call.rounds, _LONGEST_PAUSE))
        responses = self._ask_all(call, wanted)
        try:
            call.params = wanted.next_params(call.first_params, responses)
        except (TypeError, ValueError) as error:
            sentence = f"what a handler answered cannot be sent: {error}"
            raise MCPCancelledError(call.method, sentence) from error

    def _ask_all(self, call: Call, wanted: InputRequired) -> dict[str, Any]:
        for method, _ in wanted.requests.values():
            if method not in self._requests.handlers:
                sentence = f"{call.method}: the server asks for {method}, which was not declared"
                raise MCPProtocolError(sentence)
        return {
            key: self._ask(call, method, params)
            for key, (method, params) in wanted.requests.items()
        }

    def _ask(self, call: Call, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            answer: object = self._requests.handlers[method](params)
        except MCPResponseError as refusal:
            sentence = f"the handler of {method} refused: {refusal.error_message}"
            raise MCPCancelledError(call.method, sentence) from refusal
        except (Exception, SystemExit) as error:  # the user's handler may raise anything
            sentence = f"the handler of {method} raised {type(error).__name__}: {error}"
            raise MCPCancelledError(call.method, sentence) from error
        if not isinstance(answer, Mapping):
            sentence = f"the handler of {method} answered no object but {answer!r}"
            raise MCPCancelledError(call.method, shorten(sentence))
        return answer
