"""A connection: what a client holds to talk to one server over many links.

It joins the rooms of this floor (gate, calls, sending, receiving, reading, life, heartbeat) and
offers what a client's life is made of: connect, initialize, call, drain, close.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn

from ..config import ClientConfig, check_client_info
from ..deadline import Deadline
from ..errors import (
    MCPClosedError,
    MCPConfigurationError,
    MCPConnectionError,
    MCPError,
    MCPTimeoutError,
)
from ..protocol.dialect import Dialect
from ..states import ConnectionState
from ..transports.base import Transport
from ..types.session import InitializeResult
from .call import Call
from .call_keeper import CallKeeper
from .calls import Calls
from .dispatcher import Dispatcher
from .eras import Beginning
from .exchange import Exchange
from .gate import Gate, uninterrupted
from .heartbeat import Heartbeat
from .life import Life
from .link import Link
from .log_facts import GuardedLog
from .observer import Observer
from .reader import Reader, run_steps
from .reading import Reading
from .receiving import Receiver
from .reconnect import load_policy
from .recovery import Recovery
from .requests import ServerRequests
from .restoring import Restorations
from .rounds import Rounds
from .sending import Sender
from .stats import Stats
from .streams import Streams
from .why import no_link
from .worker import start_worker

if TYPE_CHECKING:
    from .journal import Journal

__all__ = ["Connection"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_CLOSE_SECONDS: Final = 2.0
"""How long ``close`` waits for the peer's close frame, for handlers and for its own threads."""

_KILLED_SECONDS: Final = 0.5
"""How long ``close`` waits for the reader once more, when it had to end the peer itself."""

_S = ConnectionState

_CONNECTED: Final = (_S.CONNECTED, _S.INITIALIZED)


class Connection(CallKeeper):
    """One client's connection. Every method may be called from any thread, handlers included.

    Args:
        config: the settings.
        make_dialect: gives what a link begins with, for the settings of the moment.
        make_transport: gives an unopened transport for the settings of the moment.
        lead: False leaves all reading to the reader thread.
        dispatcher: keeps the handlers; None makes a new one.
        journal: keeps queued calls; None makes one if the settings have one.

    Raises:
        MCPConfigurationError: the journal cannot be opened.
    """

    def __init__(
        self,
        config: ClientConfig,
        make_dialect: Callable[[ClientConfig], Dialect],
        make_transport: Callable[[ClientConfig], Transport],
        *,
        lead: bool = True,
        dispatcher: Dispatcher | None = None,
        journal: Journal | None = None,
    ) -> None:
        self._make_dialect = make_dialect
        self.dialect = make_dialect(config)
        """How this kind of server talks, as far as that is known without a link."""
        self._make_transport = make_transport
        self._lead = lead
        self.dispatcher = dispatcher or Dispatcher()
        self.stats = Stats(time.monotonic())
        self.gate = Gate(config, self.stats, self.dispatcher)
        if journal is None and config.journal is not None:
            from .journal import Journal  # noqa: PLC0415 - most clients have none

            journal = Journal(config.journal)
        self.calls = Calls(self.gate, journal)
        self.restorations = Restorations()
        beginning = Beginning(make_dialect)
        self.life = Life(self.gate, self.calls, beginning, self._link_ready, self._start_threads)
        self.observer = Observer(self.gate, self.calls, self.life)
        self._sender = Sender(self.gate, self.calls, self.life.down, self.life.want_link)
        self.requests = ServerRequests(self.life.down)
        rounds = Rounds(self.gate, self.calls, self.requests, partial(self.start, may_block=True))
        self.receiver = Receiver(self.gate, self.calls, self.requests, rounds)
        self.receiver.attend = self._link_ready
        self._reading = Reading(self.gate, self.calls, self.receiver, self.life.down, lead=lead)
        self._exchange = Exchange(self.gate, self.calls, self._sender, self, self._settle)
        self.streams = Streams(
            self.gate, self.receiver, self._exchange, self.life.down, self.requests.run
        )
        self.life.on_end = self.streams.end_all
        self._reader = Reader(
            self.gate,
            self.life,
            self._reading,
            self.restorations,
            Exchange(
                self.gate, self.calls, self._sender, self, self._settle, self._reading.read_alone
            ),
            self.streams,
            make_transport,
        )
        self._heartbeat = Heartbeat(
            self.gate,
            self.calls,
            self.life.down,
            self.observer.review,
            self._sender.revive,
            self.close,
        )
        self._threads: list[threading.Thread] = []
        self.recovery = Recovery(self.gate, self.calls, self, self._link_ready)
        self.recovery.begin()

    # The life of the link

    def connect(self, timeout: float | None) -> bool:
        """See ``BaseClient.connect``."""
        gate, life = self.gate, self.life
        before = self._open(self.recovery.look())
        self.recovery.make_sure()

        def is_decided() -> bool:
            return self._has_stopped() or (life.generation > before and not self._is_preparing())

        if not gate.wait_until(is_decided, Deadline(timeout)):
            raise MCPTimeoutError("connect", timeout, False, f"a connection: {no_link(gate)}")
        with gate.lock:
            if life.generation > before:
                return True
            if gate.state is _S.OFFLINE:
                return False
            error = life.closed_error()
        raise error

    def _has_stopped(self) -> bool:
        """Whether no further dial will be made soon. Holds the lock."""
        gate = self.gate
        given_up = gate.state is _S.FAILED and gate.rejection is not None
        return given_up or gate.state in (_S.OFFLINE, _S.DISCONNECTED)

    def _is_preparing(self) -> bool:
        """Whether the link gets ready by itself, and is not yet. Holds the lock."""
        link = self.gate.link
        return link is not None and not link.ready and not link.dialect.handshake_required

    def open_in_background(self) -> None:
        """Begin to connect and return at once."""
        self._open(self.recovery.look())
        self.recovery.make_sure()

    @uninterrupted
    def _open(self, found: list[Call]) -> int:
        """Begin to connect, or join the attempt under way.

        Args:
            found: what the journal held, to be queued.

        Returns:
            The generation that the link which is wanted comes after.
        """
        with self.gate.decide() as decision:
            is_connected = self.gate.state in _CONNECTED
            if not is_connected:
                self.life.open(decision)
            self.recovery.take_over(found, decision)
            return self.life.generation - is_connected

    @uninterrupted
    def want_link(self) -> None:
        """Have a link made, or made ready, sooner: somebody waits for it."""
        with self.gate.decide() as decision:
            if not self.gate.is_ready():
                self.life.want_link(decision)

    def wait_until_ready(self, deadline: Deadline, *, while_offline: bool = True) -> bool:
        """Wait for a ready link; False when the deadline is over first.

        Args:
            deadline: until when to wait.
            while_offline: False gives up, too, when the attempts to connect are used up.

        Raises:
            MCPConnectionError: the client is closed, or the server refused for good.
        """
        gate = self.gate
        if gate.is_ready():
            return True
        self.want_link()

        def is_decided() -> bool:
            is_over = not while_offline or gate.state is not _S.OFFLINE
            return gate.is_ready() or (self._has_stopped() and is_over)

        gate.wait_until(is_decided, deadline)
        with gate.lock:
            if gate.is_ready() or not self._has_stopped() or gate.state is _S.OFFLINE:
                return gate.is_ready()
            error = self.life.closed_error()
        raise error

    def initialize(
        self, client_info: Mapping[str, Any] | None, deadline: Deadline
    ) -> InitializeResult:
        """See ``BaseClient.initialize``."""
        if client_info is not None:
            check_client_info(client_info)
            self.restorations.given_client_info = client_info
        if not self.wait_until_ready(deadline, while_offline=False):
            raise self._not_initialized(deadline)
        with self.gate.lock:
            link = self.gate.link
        if link is None:
            raise self._not_initialized(deadline)
        if link.session is not None:
            return link.session.result
        handshake = link.dialect.handshake(self.restorations.offer(self.gate))
        session = run_steps(handshake, link, self._exchange, deadline)
        self.restorations.handshake = True
        self.life.agreed(link, session)
        self.life.initialized(link, session)
        return session.result

    def _not_initialized(self, deadline: Deadline) -> MCPError:
        if self.gate.state is _S.OFFLINE or not deadline.is_over():
            return self.offline_error()
        waiting_for = f"a connection: {no_link(self.gate)}"
        return MCPTimeoutError("initialize", deadline.timeout, False, waiting_for)

    def session_result(self) -> InitializeResult | None:
        """What the current link's handshake told; None without one."""
        link = self.gate.link
        return None if link is None or link.session is None else link.session.result

    def redeclare(
        self, capabilities: Mapping[str, Any] | None = None, log_level: str | None = None
    ) -> None:
        """Declare something else to the server from now on.

        A modern server is told with the next request; of the handshake era, with the next link.

        Args:
            capabilities: what it may ask for besides what it may already; None for no more.
            log_level: the least severe message that is wanted; None leaves that as it is.
        """
        declared = self.restorations
        with self.gate.lock:
            if capabilities is not None:
                declared.capabilities = {**declared.capabilities, **capabilities}
            if log_level is not None:
                declared.log_level = log_level
            link = self.gate.link
            if link is not None:
                link.dialect = link.dialect.with_offer(declared.offer(self.gate))

    def current_dialect(self) -> Dialect:
        """What the current link speaks; without one, what the next will begin with."""
        link = self.gate.link
        return self._make_dialect(self.gate.config) if link is None else link.dialect

    @uninterrupted
    def configure(self, changes: Mapping[str, Any]) -> ClientConfig:
        """See ``BaseClient.configure``."""
        with self.gate.decide():
            config = self.gate.config.changed(**changes)
            if config.journal != self.gate.config.journal:
                rule = "cannot be changed; make another client"
                raise MCPConfigurationError("journal", changes["journal"], rule)
            self.gate.config = config
            self.life.reconfigured()
        return config

    def reconnect(self) -> None:
        """Drop the link and dial, or dial now instead of after the back-off."""
        load_policy()
        self._renew(self.recovery.look())
        self.recovery.make_sure()

    @uninterrupted
    def _renew(self, found: list[Call]) -> None:
        with self.gate.decide() as decision:
            self.life.renew(decision)
            self.recovery.take_over(found, decision)

    def let_go_in_child(self) -> None:
        """Let go in a forked child of what is the parent's: sockets, journal, calls, streams.

        Only the forking thread lives there, and it is not in here: so no lock is taken, since a
        thread that is gone may hold it. The parent's sockets are closed without a word on them.
        """
        journal = self.calls.journal
        if journal is not None:
            journal.abandon_after_fork()
        link = self.gate.link
        open_ones = {link.transport if link else None, self.life.dialing, self._reader.transport}
        for transport in open_ones:
            if transport is not None:
                transport.forget()
        for call in {*self.calls.outbox, *self.calls.peer, *self.calls.asked}:
            forked = MCPClosedError("the process was forked")
            fate = "it was called in the parent process, which goes on with it"
            call.orphan(forked.for_call(call.method, True, fate))
        self.streams.orphan()

    def renewed_in_child(self) -> Connection:
        """A fresh connection for a forked child, in place of this one."""
        # What its finalizer finds in the child: nothing that is open.
        self.gate = Gate(self.gate.config, self.stats, self.dispatcher)
        renewed = Connection(
            self.gate.config,
            self._make_dialect,
            self._make_transport,
            lead=self._lead,
            dispatcher=self.dispatcher.renewed_in_child(),
            journal=self.calls.journal,
        )
        renewed.receiver.wants = self.receiver.wants
        renewed.requests.handlers = self.requests.handlers
        renewed.restorations.capabilities = self.restorations.capabilities
        return renewed

    def close(self, drain: float = 0.0, patience: Deadline | None = None) -> None:
        """See ``BaseClient.close``; ``patience`` bounds all but the draining.

        None gives 2 s, and the transport's goodbye as long as that may take.
        """
        if drain > 0:
            self.drain(drain)
        transport = self._reader.transport
        goodbye = 0.0 if transport is None else transport.goodbye_seconds
        farewell = patience or Deadline(_CLOSE_SECONDS + goodbye)
        patience = patience or Deadline(_CLOSE_SECONDS)
        link, threads = self._close()
        if link is not None:
            self._await_release(link, farewell)
        self.requests.stop()
        is_delivered = self.dispatcher.stop(patience)
        _join(threads, farewell)
        if is_delivered:
            self.dispatcher.stop(patience)  # Once more, for what the last of these announced.
        is_stuck = transport is not None and self._reader.transport is transport
        if transport is not None and is_stuck and farewell.is_over():
            # Its peer could outlive this process, where that is a child.
            transport.kill()
            _join(threads, Deadline(_KILLED_SECONDS))
        self.recovery.finish(self._sender.await_drainer, patience)

    @uninterrupted
    def _close(self) -> tuple[Link | None, list[threading.Thread]]:
        """End the connection, as far as that is a matter of deciding.

        Returns:
            The link that was current, and the threads that end now.
        """
        with self.gate.decide() as decision:
            kept = self.recovery.count_kept()
            link, unsent = self.life.close(MCPClosedError(), decision)
            self.restorations.clear()
            threads, self._threads = self._threads, []
        self._tell_unsent(unsent, kept)
        return link, threads

    def _tell_unsent(self, unsent: int, kept: int) -> None:
        fate = "they fail with MCPClosedError"
        if unsent and self.calls.journal is not None:
            where = self.calls.journal.path
            lost = unsent - kept
            fate = f"{kept} are kept in the journal {where} for the next process, {lost} are lost"
        if unsent:
            _log.warning("closed with %d calls unsent; %s", unsent, fate)

    def _await_release(self, link: Link, patience: Deadline) -> None:
        """Wait, within bounds, until the reader has said goodbye and closed the socket."""
        link.transport.wake()
        self.gate.wait_until(lambda: link.released, patience)
        link.transport.abort()

    # Threads

    def _link_ready(self, decision: Any) -> None:
        self._sender.link_ready(decision)

    def _start_threads(self) -> None:
        self.requests.open()
        with self.gate.lock:
            missing = []
            if not self.life.reader_alive:
                self.life.reader_alive = True
                missing.append(("mcp-reader", self._reader.run))
            if not self._heartbeat.alive:
                self._heartbeat.alive = True
                missing.append(("mcp-heartbeat", self._heartbeat.run))
        started: list[threading.Thread] = []
        try:
            for name, run in missing:
                started.append(start_worker(name, run))
        except RuntimeError as error:
            self._without_threads({name for name, _ in missing[len(started) :]}, error)
        finally:
            with self.gate.lock:
                self._threads = [*(one for one in self._threads if one.is_alive()), *started]

    def _without_threads(self, names: set[str], cause: RuntimeError) -> NoReturn:
        """Close, so that nobody waits for a thread that was not to be had; ``connect`` may retry.

        Raises:
            MCPConnectionError: always.
        """
        failure = MCPConnectionError(
            f"could not start {' and '.join(sorted(names))}: {cause}; end other threads, or raise "
            "the system's limit of them, and connect again"
        )
        with self.gate.decide() as decision:
            self.life.reader_alive &= "mcp-reader" not in names
            self._heartbeat.alive &= "mcp-heartbeat" not in names
            self.life.close(failure, decision)
        raise failure from cause


def _join(threads: list[threading.Thread], deadline: Deadline) -> None:
    for thread in threads:
        if thread is not threading.current_thread():
            thread.join(deadline.remaining())
