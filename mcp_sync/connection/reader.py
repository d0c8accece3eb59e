"""The reader thread: it dials, shakes hands, receives, and closes what it opened.

What to do is decided in ``life``; this thread does it, and runs no user code but the function that
gives the headers of a dial.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final, TypeVar

from ..config import ClientConfig
from ..deadline import Deadline
from ..errors import (
    MCPConnectionError,
    MCPConnectionLost,
    MCPError,
    MCPResponseError,
    MCPTimeoutError,
)
from ..protocol.dialect import HandshakeStep, LinkSpent, Session
from ..protocol.tool_hints import read_safe_tools
from ..transports.base import LinkDown, Transport
from .exchange import Exchange
from .gate import Gate
from .life import Life
from .link import CLOSE_NORMAL, Link
from .log_facts import GuardedLog, log_change
from .reading import Reading
from .restoring import Restorations
from .streams import Streams

__all__ = ["Reader", "run_steps"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_GOODBYE_SECONDS: Final = 0.9

Outcome = TypeVar("Outcome")


class Reader:
    """What the ``mcp-reader`` thread runs; it alone opens and releases transports."""

    def __init__(
        self,
        gate: Gate,
        life: Life,
        reading: Reading,
        restorations: Restorations,
        exchange: Exchange,
        streams: Streams,
        make_transport: Callable[[ClientConfig], Transport],
    ) -> None:
        self._gate = gate
        self._streams = streams
        self._life = life
        self._reading = reading
        self._restorations = restorations
        self._exchange = exchange
        self._make_transport = make_transport

        self.transport: Transport | None = None
        """What is dialed, served or released now; None while nothing is open."""

    def run(self) -> None:
        """Dial and serve links until there is nothing more to dial."""
        try:
            self._run()
        except Exception as fault:  # noqa: BLE001 - a fault of ours must leave no caller waiting
            self._life.crashed(fault)
            _log.exception("the reader failed")

    def _run(self) -> None:
        while self._life.next_dial():
            deadline = Deadline(self._gate.config.connect_timeout)
            transport = self._new_transport()
            if transport is None:
                continue
            self.transport = transport
            link = None
            try:
                link = self._dial(transport, deadline)
                if link is not None:
                    self._serve(link, deadline)
                    self._say_goodbye(link)
            finally:
                transport.abort()
                transport.release()
                self.transport = None
                if link is not None:
                    self._life.released(link)

    def _new_transport(self) -> Transport | None:
        try:
            return self._make_transport(self._gate.config)
        except MCPError as error:
            self._life.dial_failed(None, error)
        except Exception as error:  # noqa: BLE001 - the user's headers function may raise anything
            _log.exception("the headers for a dial could not be had")
            failure = MCPConnectionError(f"headers() raised {type(error).__name__}: {error}")
            failure.__cause__ = error
            self._life.dial_failed(None, failure)
        return None

    def _dial(self, transport: Transport, deadline: Deadline) -> Link | None:
        if not self._life.begin_dial(transport):
            return None
        self._tell_of_dial()
        try:
            info = transport.open(deadline)
        except MCPError as error:
            self._life.dial_failed(transport, error)
        except LinkDown as down:
            self._life.dial_failed(transport, MCPConnectionLost(down.cause, False))
        else:
            return self._life.dialed(transport, info)
        return None

    def _tell_of_dial(self) -> None:
        if _log.isEnabledFor(logging.DEBUG):
            state, address = self._gate.state, self._gate.config.address
            attempt = self._gate.outage.attempt + 1
            log_change(_log, logging.DEBUG, state, "dialing %s, attempt %d", address, attempt)

    def _serve(self, link: Link, deadline: Deadline) -> None:
        try:
            while link.loss is None:
                if not link.ready and self._needs_preparing(link):
                    self._prepare(link, deadline)
                else:
                    self._reading.listen(link)
                    # The dial's own deadline covers a handshake that follows at once, no later one.
                    deadline = Deadline(self._gate.config.connect_timeout)
        except LinkDown as down:
            self._life.down(link, down)

    def _say_goodbye(self, link: Link) -> None:
        """Close in order, if this client closed: our frame, then the peer's (RFC 6455, 7.1.2)."""
        if not self._life.was_closed or not link.transport.send_close(CLOSE_NORMAL):
            return
        deadline = Deadline(_GOODBYE_SECONDS)
        try:
            while not deadline.is_over():
                link.transport.receive(deadline)
        except LinkDown:
            return

    def _needs_preparing(self, link: Link) -> bool:
        return self._life.handshake_wanted or not link.dialect.handshake_required

    def _prepare(self, link: Link, deadline: Deadline) -> None:
        try:
            session = None
            if link.dialect.handshake_required or self._restorations.handshake:
                offer = self._restorations.offer(self._gate)
                session = run_steps(link.dialect.handshake(offer), link, self._exchange, deadline)
                self._restorations.handshake = True
                self._life.agreed(link, session)
            self._restore_all(link, session, deadline)
        except LinkSpent as spent:
            self._life.begin_anew(link, spent)
        except MCPTimeoutError as error:
            failure = MCPConnectionError(f"the handshake was not answered in time: {error}")
            failure.__cause__ = error
            self._life.unprepared(link, failure)
        except MCPError as error:
            self._life.unprepared(link, error)
        else:
            self._life.prepared(link, session)

    def _restore_all(self, link: Link, session: Session | None, deadline: Deadline) -> None:
        for method, params in self._restorations.requests():
            self._restore(link, method, params, deadline)
        if session is None or link.dialect.name != "mcp":
            return
        level = self._restorations.log_level
        if level is not None and not link.dialect.is_modern:
            self._restore(link, "logging/setLevel", {"level": level}, deadline)
        self._streams.restore(link, deadline, self._exchange)
        if self._gate.config.trust_tool_hints:
            self._read_hints(link, session, deadline)

    def _read_hints(self, link: Link, session: Session, deadline: Deadline) -> None:
        """Read anew on every link: the server may have been replaced meanwhile."""
        if "tools" not in session.result.capabilities:
            return
        try:
            link.safe_tools = run_steps(read_safe_tools(), link, self._exchange, deadline.half())
        except (MCPResponseError, MCPTimeoutError) as error:
            _log.warning("no tool counts as safe to repeat: %s", error)

    def _restore(
        self, link: Link, method: str, params: Mapping[str, Any], deadline: Deadline
    ) -> None:
        try:
            # The link is wanted for other things, too: one that is not answered is done without.
            self._exchange(link, method, params, deadline.half(), True)
        except (MCPResponseError, MCPTimeoutError) as error:
            text = "could not restore %s after the reconnect: %s"
            _log.warning(text, method, error, extra={"method": method})


def run_steps(
    steps: Generator[HandshakeStep, Mapping[str, Any], Outcome],
    link: Link,
    exchange: Exchange,
    deadline: Deadline,
) -> Outcome:
    """Drive a dialect's handshake, or another exchange of steps, over a link.

    Args:
        steps: yields the messages; is sent each result, or has the server's error thrown in.
        link: the link.
        exchange: sends a message and returns its result.
        deadline: of all steps together.

    Returns:
        What the generator returned.

    Raises:
        MCPError: it came to no end, or its last step failed.
        LinkSpent: it has to go on on another link.
    """
    try:
        step = next(steps)
        while True:
            link.fallback = step.fallback
            left = deadline.remaining()
            limit = deadline if left is None or step.share == 1 else Deadline(left * step.share)
            try:
                result = exchange(link, step.method, step.params, limit, step.wants_answer)
            except MCPResponseError as error:
                step = steps.throw(error)
            except MCPTimeoutError as error:
                if limit is deadline or deadline.is_over():
                    raise
                step = steps.throw(error)
            else:
                step = steps.send(result)
    except StopIteration as done:
        outcome: Outcome = done.value
        return outcome
    finally:
        link.fallback = None
