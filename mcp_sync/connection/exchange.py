"""One message on one given link, ready or not: what handshakes and restorations are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ..deadline import Deadline
from ..errors import MCPConnectionError
from ..protocol.messages import encode_params
from .call import Call, Keeper
from .calls import Calls
from .gate import Gate
from .link import Link
from .sending import Sender

__all__ = ["Exchange"]


class Exchange:
    """Sends one message on a link and gives its result; it never waits for another link.

    Safe for any thread; one that reads the link itself says so with ``read``.

    Args:
        gate: of the connection.
        calls: of the connection.
        sender: of the connection.
        keeper: the connection, for the calls that are made here.
        settle: waits for a call within its deadline and gives its outcome.
        read: reads the link for a call, alone; None where others read it.
    """

    def __init__(
        self,
        gate: Gate,
        calls: Calls,
        sender: Sender,
        keeper: Keeper,
        settle: Callable[[Call], Any],
        read: Callable[[Link, Call, Deadline], None] | None = None,
    ) -> None:
        self._gate = gate
        self._calls = calls
        self._sender = sender
        self._keeper = keeper
        self._settle = settle
        self._read = read

    def __call__(
        self,
        link: Link,
        method: str,
        params: Mapping[str, Any],
        deadline: Deadline,
        wants_answer: bool = True,
    ) -> Mapping[str, Any]:
        """Send a message and wait for its answer.

        Args:
            link: the link.
            method: the message's method.
            params: its params.
            deadline: until when the answer must be there.
            wants_answer: False for a notification.

        Returns:
            The answer's result; empty for a notification.

        Raises:
            MCPError: the link is lost, the server refused, or the deadline is over.
        """
        call = Call(
            self._keeper,
            method=method,
            params=encode_params(params),
            repeatable=False,
            limit=deadline,
            wants_answer=wants_answer,
            queueable=False,
            internal=True,
        )
        with self._gate.lock:
            if link.loss is not None:
                raise MCPConnectionError(f"{method}: the link is lost ({link.loss.cause})")
            self._calls.register(link, call)
        self._sender.write(link, call)
        if self._read is not None:
            self._read(link, call, deadline)
        result = self._settle(call)
        return result if isinstance(result, Mapping) else {}
