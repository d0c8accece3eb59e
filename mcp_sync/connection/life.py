"""The life of links, decided: when to dial, what a failed dial or a lost link means, when to stop.

Every decision is made here, under the state lock; the reader thread carries it out. This room
moves no bytes and waits for nobody but the clock.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final, NamedTuple

from ..errors import (
    MCPClosedError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPError,
    shorten,
)
from ..protocol.dialect import LinkSpent, Session
from ..states import ConnectionState, Trigger
from ..transports.base import LinkDown, LinkInfo, Transport
from .calls import Calls
from .eras import Beginning, forget, learn
from .gate import Decision, Gate, uninterrupted
from .link import CLOSE_NORMAL, Link, Loss
from .log_facts import GuardedLog, log_change
from .reconnect import Outage, is_permanent, load_policy

__all__ = ["Life", "Traffic"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_S = ConnectionState

_UNAUTHORIZED: Final = 401


class Traffic(NamedTuple):
    """Messages and bytes moved, each way."""

    messages_sent: int = 0
    messages_received: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


class Life:
    """Decides about links. Its methods take the state lock themselves, unless they say otherwise.

    Args:
        gate: of the connection.
        calls: whose fate hangs on the links.
        beginning: what a fresh link begins with.
        link_ready: called, under the lock, when a link is ready.
        start_threads: starts the threads of an open connection that do not run.
    """

    def __init__(
        self,
        gate: Gate,
        calls: Calls,
        beginning: Beginning,
        link_ready: Callable[[Decision], None],
        start_threads: Callable[[], None],
    ) -> None:
        self._gate = gate
        self._calls = calls
        self._beginning = beginning
        self._link_ready = link_ready
        self._start_threads = start_threads
        self.generation = 0
        self.dialing: Transport | None = None
        """The transport that is being opened, so that ``close`` can abort it."""
        self.reader_alive = False
        self.was_closed = False
        """Whether the client was closed and not opened again."""
        self.last_loss: Loss | None = None
        self._past_traffic = Traffic()
        self.handshake_wanted = False
        """Whether somebody needs a handshake; stays set over links until the client is closed."""
        self.on_end: Callable[[MCPError], None] = lambda _: None
        """Told, outside the lock, why there will be no further link."""
        self._dial_at: float | None = None
        self._is_quiet = False
        """Whether the client gave up and had no ready link since: nothing is announced then."""
        self._unscheduled_at = float("-inf")
        self._reauthorized = False

    # What users ask for

    def open(self, decision: Decision) -> None:
        """Begin to connect, or join the attempt under way. Holds the lock."""
        gate = self._gate
        resting = gate.state in (_S.DISCONNECTED, _S.OFFLINE)
        if not (resting or (gate.state is _S.FAILED and gate.rejection is not None)):
            return
        gate.rejection = None
        if gate.state is _S.DISCONNECTED:
            gate.outage = Outage()
        gate.outage.asked_anew()
        self._beginning.anew()
        self._reauthorized = False
        self._is_quiet = False
        gate.fire(Trigger.OPEN)
        self.was_closed = False
        self._plan(0.0)
        decision.later(self._start_threads)

    def want_link(self, decision: Decision) -> None:
        """A call waits for a ready link: dial sooner, or run the handshake. Holds the lock."""
        gate = self._gate
        if gate.state is _S.DISCONNECTED and self.was_closed:
            return
        self.handshake_wanted = True
        if gate.state is _S.DISCONNECTED:
            self.open(decision)
        elif gate.state is _S.CONNECTED and gate.link is not None:
            decision.later(gate.link.transport.wake)
        else:
            now = time.monotonic()
            due = now - self._unscheduled_at >= gate.config.reconnect_delay
            due = due and not gate.outage.asked_to_wait
            if due and self._dial_at is not None and self._dial_at > now:
                self._unscheduled_at = now
                self._plan(0.0)

    def reconfigured(self) -> None:
        """The settings have changed: a planned dial, and its link, keep to them. Holds the lock."""
        self._beginning.anew()
        if self._dial_at is not None and not self._gate.outage.asked_to_wait:
            cap = time.monotonic() + self._gate.config.max_reconnect_delay
            self._dial_at = min(self._dial_at, cap)
        self._gate.changed.notify_all()
        self._gate.settled.notify_all()

    def renew(self, decision: Decision) -> None:
        """Drop the link and dial, or dial now instead of after the back-off. Holds the lock."""
        link = self._gate.link
        if link is not None:
            decision.later(link.transport.send_close, CLOSE_NORMAL, "reconnecting")
            loss = Loss(cause="reconnect() was called")
            self._drop(link, loss, decision)
            self._leave(loss)
            self._plan(0.0)
            state, text = self._gate.state, "reconnect() was called; dialing again"
            decision.later(log_change, _log, logging.INFO, state, text)
        elif self._dial_at is not None:
            self._plan(0.0)
        else:
            self.open(decision)

    def close(self, error: MCPError, decision: Decision) -> tuple[Link | None, int]:
        """Settle every call, then end the link. Holds the lock.

        Returns:
            The link that was current, for its close frame, and how many calls were unsent.
        """
        gate = self._gate
        link, gate.link = gate.link, None
        was_open = gate.state is not _S.DISCONNECTED
        gate.fire(Trigger.CLOSE)
        gate.rejection = None
        self.handshake_wanted = False
        self.was_closed = True
        self._dial_at = None
        if link is not None:
            loss = Loss(cause="closed by this client", close_code=CLOSE_NORMAL)
            link.loss = self.last_loss = loss
            link.ready = False
            self._past_traffic = self.traffic(link)
            decision.later(link.stir.set)
        gate.note_readiness()
        unsent = self._calls.fail_all(error, decision)
        decision.later(self.on_end, error)
        gate.stats.calls_dropped(unsent)
        if was_open:
            gate.announce("disconnected", cause="closed", close_code=None, close_reason="")
            decision.later(log_change, _log, logging.INFO, gate.state, "closed")
        if self.dialing is not None:
            decision.later(self.dialing.abort)
            self.dialing = None
        return link, unsent

    # What the reader thread asks and tells

    def next_dial(self) -> bool:
        """Wait until it is time to dial; False when the reader's work is over."""
        gate = self._gate
        with gate.decide():
            while True:
                if self._dial_at is None:
                    self.reader_alive = False
                    gate.changed.notify_all()
                    return False
                pause = self._dial_at - time.monotonic()
                if pause <= 0:
                    break
                gate.changed.wait(pause)
            if gate.state is _S.FAILED:
                gate.fire(Trigger.RETRY)
                gate.announce("reconnecting", attempt=gate.outage.attempt + 1)
            gate.stats.dial_started(time.monotonic())
            return True

    def begin_dial(self, transport: Transport) -> bool:
        """Take note of a transport that is about to be opened; False when it is not wanted."""
        with self._gate.lock:
            if self._dial_at is None:
                return False
            self.dialing = transport
            return True

    def dialed(self, transport: Transport, info: LinkInfo) -> Link | None:
        """A transport is open: make it the link; None when the client was closed meanwhile."""
        gate = self._gate
        with gate.decide() as decision:
            if self.dialing is not transport:
                return None
            self.dialing = self._dial_at = None
            self.generation += 1
            link = Link(self.generation, transport, self._beginning.dialect(gate.config))
            link.info = info
            gate.link = link
            gate.stats.dial_succeeded(time.monotonic())
            gate.fire(Trigger.DIALED)
            if not self._is_quiet:
                self._announce_connected(link)
            decision.later(log_change, _log, logging.DEBUG, gate.state, "connected: %s", link)
            return link

    def dial_failed(self, transport: Transport | None, error: MCPError) -> None:
        """A dial failed, or could not begin (None): plan the next one, or give up."""
        load_policy()
        with self._gate.decide() as decision:
            if self.dialing is transport and self._dial_at is not None:
                self.dialing = None
                self._gate.stats.dial_failed(time.monotonic(), str(error))
                self._failed(error, decision)

    def agreed(self, link: Link, session: Session) -> None:
        """The handshake is done: speak as it agreed."""
        with self._gate.lock:
            link.adopt(session)
            learn(self._gate.config, session)

    def begin_anew(self, link: Link, spent: LinkSpent) -> None:
        """A handshake needs a fresh link, and knows what to begin it with."""
        load_policy()
        with self._gate.decide() as decision:
            if self._gate.link is not link:
                return
            error = self._beginning.change(spent)
            if error is None:
                self._restart(link, Loss(cause=str(spent)), decision)
            else:
                self._drop(link, Loss(cause=str(error)), decision)
                self._link_failed(error, decision)

    def _restart(self, link: Link, loss: Loss, decision: Decision) -> None:
        """Dial again at once, to begin otherwise. Holds the lock."""
        self._drop(link, loss, decision)
        self._leave(loss)
        self._plan(0.0)

    def prepared(self, link: Link, session: Session | None) -> None:
        """The link is ready: its handshake and restorations are done."""
        gate = self._gate
        with gate.decide() as decision:
            if gate.link is not link:
                return
            self._beginning.anew()
            gate.outage.ended()
            away = gate.unready_for() if gate.ever_ready else None
            link.ready = True
            link.ready_at = time.monotonic()
            gate.ever_ready = True
            if self._is_quiet:
                self._is_quiet = False
                self._announce_connected(link)
            if session is None:
                gate.note_readiness()
            else:
                self._initialized(link, session)
            self._calls.recheck_hints(link, decision)
            self._link_ready(decision)
            decision.later(_log_ready, gate.state, link, away)

    @uninterrupted
    def initialized(self, link: Link, session: Session) -> None:
        """An optional handshake was done on a link that is ready without it."""
        gate = self._gate
        with gate.decide() as decision:
            if gate.link is link and gate.state is _S.CONNECTED:
                link.adopt(session)
                self._initialized(link, session)
                decision.later(log_change, _log, logging.INFO, gate.state, "initialized: %s", link)

    def _initialized(self, link: Link, session: Session) -> None:
        self._gate.fire(Trigger.READY)
        self._gate.announce(
            "initialized", server=session.result.server_info, generation=link.generation
        )

    def unprepared(self, link: Link, error: MCPError) -> None:
        """The handshake failed: the link is given up and counts as a failed dial."""
        load_policy()
        with self._gate.decide() as decision:
            if self._gate.link is link:
                self._drop(link, Loss(cause=f"handshake failed: {shorten(error)}"), decision)
                self._link_failed(error, decision)

    @uninterrupted
    def down(self, link: Link, down: LinkDown) -> None:
        """A link is lost, whoever noticed; news of a retired link is dropped."""
        loss = Loss(
            cause=down.cause,
            close_code=down.close_code,
            close_reason=down.close_reason,
            size=down.size,
        )
        load_policy()
        with self._gate.decide() as decision:
            if self._gate.link is link:
                self.lose(link, loss, decision)

    def lose(self, link: Link, loss: Loss, decision: Decision) -> None:
        """Decide about a lost link: once, here. Holds the lock."""
        gate = self._gate
        was_ready = link.ready
        if self._beginning.falls_back(link.fallback, loss):
            self._restart(link, loss, decision)
            return
        self._drop(link, loss, decision)
        if not was_ready:
            error = MCPConnectionLost(loss.cause, False, None, loss.close_code, loss.close_reason)
            self._link_failed(gate.outage.rejection(loss) or error, decision)
            return
        self._leave(loss)
        rejection = gate.outage.rejection(loss)
        if rejection is not None:
            self._failed(rejection, decision)
            return
        self._plan(gate.outage.delay(gate.config))
        text = "connection lost (%s); dialing again"
        decision.later(log_change, _log, logging.INFO, gate.state, text, loss.cause)
        if self._calls.outbox:
            self.want_link(decision)

    def _leave(self, loss: Loss) -> None:
        """The link is gone and another will be dialed. Holds the lock."""
        self._gate.fire(Trigger.LOST)
        if self._is_quiet:
            return
        self._gate.announce(
            "disconnected",
            cause=loss.cause,
            close_code=loss.close_code,
            close_reason=loss.close_reason,
        )

    def _drop(self, link: Link, loss: Loss, decision: Decision) -> None:
        """Retire the link and decide about its calls. Holds the lock."""
        gate = self._gate
        gate.link = None
        self.last_loss = loss
        self._past_traffic = self.traffic(link)
        ready_for = None if link.ready_at is None else time.monotonic() - link.ready_at
        link.loss = loss
        link.ready = False
        gate.note_readiness()
        gate.outage.lost(loss, ready_for)
        gate.stats.link_lost(time.monotonic(), loss.cause, loss.close_code, loss.close_reason)
        self._calls.link_lost(loss, decision)
        decision.later(link.transport.abort)
        decision.later(link.stir.set)

    def _link_failed(self, error: MCPError, decision: Decision) -> None:
        """A link was lost before it was ready: its dial has failed after all. Holds the lock."""
        self._beginning.anew()
        # What it was begun with may be why.
        forget(self._gate.config)
        self._gate.stats.link_failed(time.monotonic(), str(error))
        self._failed(error, decision)

    def _failed(self, error: MCPError, decision: Decision) -> None:
        """Count a failed attempt and decide what follows. Holds the lock."""
        gate = self._gate
        gate.outage.failed(error)
        rejected = is_permanent(error, gate.ever_ready)
        once_more = rejected and self._may_reauthorize(error)
        permanent = rejected and not once_more
        if self._is_quiet and not permanent:
            if gate.state is not _S.OFFLINE:
                gate.fire(Trigger.FAIL)
                gate.fire(Trigger.GIVE_UP)
            gate.stats.quiet_probe()
            delay = gate.outage.probe_delay(gate.config)
            self._plan(delay)
            text = "still offline: %s; next attempt in %.2f s"
            decision.later(log_change, _log, logging.DEBUG, gate.state, text, error, delay)
            return
        gate.fire(Trigger.FAIL)
        attempt = gate.outage.attempt
        if permanent:
            self._give_up(error, True, decision)
        elif once_more or not gate.outage.is_over(gate.config):
            delay = gate.outage.delay(gate.config)
            self._plan(delay)
            self._announce_failed(error, delay, permanent=False)
            decision.later(_log_failure, gate.state, attempt, str(error), delay)
        elif gate.config.offline_mode:
            self._announce_failed(error, None, permanent=False)
            gate.fire(Trigger.GIVE_UP)
            # A probe has found the server again when the handshake is done, and not before.
            self._is_quiet = self.handshake_wanted = True
            gate.announce("offline", attempts=attempt, error=str(error))
            self._plan(gate.outage.probe_delay(gate.config))
            text = "offline after %d attempts: %s; calls are queued"
            decision.later(log_change, _log, logging.WARNING, gate.state, text, attempt, error)
        else:
            exhausted = MCPConnectionError(
                f"could not connect after {attempt} attempts: {error}", attempt, str(error)
            )
            exhausted.__cause__ = error
            self._give_up(exhausted, False, decision)

    def _give_up(self, error: MCPError, permanent: bool, decision: Decision) -> None:
        gate = self._gate
        gate.rejection = error
        self._dial_at = None
        self._announce_failed(error, None, permanent=permanent)
        self._calls.fail_all(error, decision)
        decision.later(self.on_end, error)
        gate.changed.notify_all()
        text = "not dialing any more: %s"
        decision.later(log_change, _log, logging.ERROR, gate.state, text, error)

    def traffic(self, link: Link | None) -> Traffic:
        """What was moved over all links so far, this one included. Holds the lock."""
        past = self._past_traffic
        if link is None:
            return past
        return Traffic(
            past.messages_sent + link.messages_sent,
            past.messages_received + link.messages_received,
            past.bytes_sent + link.transport.bytes_sent,
            past.bytes_received + link.transport.bytes_received,
        )

    def crashed(self, fault: Exception) -> None:
        """The reader thread met a fault of ours: nobody may wait for it any more."""
        # Its kind alone: what it says may quote a request, with its credentials.
        error = MCPConnectionError(f"internal fault, please report it: {type(fault).__name__}")
        with self._gate.decide() as decision:
            self.reader_alive = False
            self.close(error, decision)

    def released(self, link: Link) -> None:
        """The reader has closed the link's descriptors."""
        with self._gate.lock:
            link.released = True
            self._gate.changed.notify_all()

    def _announce_connected(self, link: Link) -> None:
        address = link.info.peer_address
        self._gate.announce("connected", generation=link.generation, peer_address=address)

    def _announce_failed(self, error: MCPError, delay: float | None, *, permanent: bool) -> None:
        self._gate.announce(
            "failed",
            attempt=self._gate.outage.attempt,
            error=str(error),
            next_delay=delay,
            permanent=permanent,
        )

    def _may_reauthorize(self, error: MCPError) -> bool:
        """Whether a 401 gets one more dial, with headers that are asked for anew."""
        unauthorized = getattr(error, "status", None) == _UNAUTHORIZED
        if not unauthorized or not callable(self._gate.config.headers) or self._reauthorized:
            return False
        self._reauthorized = True
        return True

    def _plan(self, delay: float) -> None:
        self._dial_at = time.monotonic() + delay
        self._gate.changed.notify_all()

    def closed_error(self) -> MCPError:
        """The error of whoever needs a connection that is closed or refused. Holds the lock."""
        return self._gate.refusal() or MCPClosedError()


def _log_ready(state: ConnectionState, link: Link, away: float | None) -> None:
    if away is None:
        log_change(_log, logging.INFO, state, "ready: %s", link)
    else:
        log_change(_log, logging.INFO, state, "ready again after %.1f s: %s", away, link)


def _log_failure(state: ConnectionState, attempt: int, error: str, delay: float) -> None:
    # The first failure of an outage must be seen in a script that configured no logging.
    level = logging.WARNING if attempt == 1 else logging.INFO
    text = "attempt %d to connect failed: %s; next in %.2f s"
    log_change(_log, level, state, text, attempt, error, delay)
