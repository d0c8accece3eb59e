"""The calls of a connection, wherever they stand, and the rules by which each is settled once.

One owner word per call says who alone may settle it; it changes under the state lock. A loss skips
a call that is being written: its writer resolves it. This room writes and reads nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..deadline import Deadline
from ..errors import (
    MCPCancelledError,
    MCPClosedError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPError,
    MCPMessageTooLarge,
    MCPQueueFullError,
    MCPTimeoutError,
    copy_of,
)
from ..protocol.messages import RequestId, encode_notification, encode_params
from ..protocol.peer import Peer
from ..states import ConnectionState
from .call import Call, Owner
from .expiry import Expiry
from .gate import Decision, Gate, uninterrupted
from .link import Link, Loss
from .log_facts import GuardedLog, about
from .outbox import Outbox
from .why import reason_of

if TYPE_CHECKING:
    from ..types.notifications import Progress
    from .journal import Journal

__all__ = ["Calls", "is_about_its_size"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_MESSAGE_TOO_BIG: Final = 1009


class Calls:
    """The pending table, the outbox and the settling of calls. Safe for any thread."""

    def __init__(self, gate: Gate, journal: Journal | None = None) -> None:
        self._gate = gate
        self.journal = journal
        self.peer: Peer[Call] = Peer()
        self.outbox = Outbox()
        self.expiry = Expiry(gate)
        self.asked: set[Call] = set()
        """Those that wait for this client's own handlers, between two rounds."""
        self.room_wanted = 0
        """How many threads wait for settled calls to make room; changed under the lock."""
        self.drainer_missing = False
        """Whether there was no thread to drain the outbox; changed under the lock."""

    def register(self, link: Link, call: Call) -> None:
        """Make the calling thread the writer of a call. Holds the lock."""
        call.owner = Owner.WRITER
        call.link = link
        if call.wants_answer:
            call.request_id = link.dialect.request_id(self.peer.next_number())
            self.peer.register(call.request_id, call)

    def wait_settled(self, condition: Callable[[], bool], limit: Deadline) -> bool:
        """Wait, as a caller, until settled calls or a change of readiness made a condition true."""
        with self._gate.lock:
            self.room_wanted += 1
        try:
            return self._gate.wait_until(condition, limit, self._gate.settled)
        finally:
            with self._gate.lock:
                self.room_wanted -= 1

    def is_full(self) -> bool:
        """Whether ``max_pending`` calls are unanswered. Holds the lock."""
        return len(self.peer.table) >= self._gate.config.max_pending

    def is_idle(self) -> bool:
        """Whether nothing is queued, being written or unanswered. Holds the lock."""
        return not self.outbox and not self.peer and not self.asked

    def take_answered(self, request_id: RequestId, link: Link) -> Call | None:
        """Take a call whose answer came; the caller then concludes it outside the lock."""
        gate = self._gate
        with gate.lock:
            # Noted before it is taken: an interrupt must not lose it on the way.
            link.concluding = call = self.peer.find(request_id)
            # A signal handler that has struck between the two may have settled it.
            if call is not None and self.peer.take(request_id) is None:
                link.concluding = call = None
            if call is not None:
                call.owner = Owner.SETTLED
                if call.queued:
                    # An answer proves that the last byte was written, before its writer says so.
                    self.outbox.remove(call)
                now = time.monotonic()
                gate.stats.call_answered(now - (call.written_at or now))
                if self.room_wanted:
                    gate.settled.notify_all()
        return call

    def settle(self, call: Call, outcome: Any, decision: Decision) -> None:
        """Settle a call that its owner let go of. Holds the lock; the future follows after it.

        Args:
            call: a call that stands in neither queue nor table any more.
            outcome: its result, or an MCPError; None for a notification.
            decision: the block under the lock.
        """
        assert call.owner is not Owner.SETTLED
        if isinstance(outcome, MCPConnectionError) and outcome.method is None:
            outcome = outcome.for_call(call.method, call.was_sent)
        call.owner = Owner.SETTLED
        if isinstance(outcome, MCPCancelledError):
            self._gate.stats.call_cancelled()
        elif isinstance(outcome, MCPTimeoutError):
            self._gate.stats.call_timed_out(call.method, outcome.sent, time.monotonic())
        elif isinstance(outcome, MCPError) and not call.internal:
            self._gate.stats.call_failed(type(outcome).__name__, time.monotonic())
        decision.later(call.conclude, outcome)
        self._after_settling(call, decision)

    def _after_settling(self, call: Call, decision: Decision) -> None:
        if self.room_wanted:
            self._gate.settled.notify_all()
        link = call.link
        if link is not None and link.leader is call:
            # Its caller is reading the link and would not notice.
            decision.later(link.transport.wake)

    def _forget(self, call: Call) -> None:
        if call.owner is Owner.OUTBOX:
            self.outbox.remove(call)
        if call.request_id is not None:
            self.peer.withdraw(call.request_id)
        self.asked.discard(call)

    def progressed(self, token: object, progress: Progress) -> Call | None:
        """Take note of a call's progress; the call when somebody wants to know of it."""
        with self._gate.lock:
            call = self.peer.find(token)
            if call is None or (call.on_progress is None and call.renewal is None):
                return None
            # Under another id the server begins anew: after a replay, or a round of input.
            last = call.progress if call.progress_id == call.request_id else None
            if last is not None and progress.progress <= last.progress:
                return None
            call.progress, call.progress_id = progress, call.request_id
            if call.renewal is not None and call.deadline is not None:
                renewed, longest = Deadline(call.renewal.seconds), call.renewal.longest
                is_later = longest.at is not None and (renewed.at or 0.0) > longest.at
                call.deadline = longest if is_later else renewed
        return call

    @uninterrupted
    def fail(self, call: Call, error: MCPError) -> None:
        """Settle a call with an error, wherever it stands; nothing if it is settled already."""
        with self._gate.decide() as decision:
            if call.owner is not Owner.SETTLED:
                self._forget(call)
                self.settle(call, error, decision)

    @uninterrupted
    def fail_answered(self, request_id: RequestId, error_for: Callable[[Call], MCPError]) -> bool:
        """Settle the call that an answer was about with an error; False when there is none."""
        with self._gate.decide() as decision:
            call = self.peer.take(request_id)
            if call is None:
                return False
            self.outbox.discard(call)
            self.settle(call, error_for(call), decision)
            return True

    @uninterrupted
    def send_again(self, request_id: RequestId, attend: Callable[[Decision], None]) -> bool:
        """Queue a call that was refused unseen, for one more try under a new id.

        Args:
            request_id: of the request that was refused.
            attend: sees to it that the queue is drained; called under the lock.

        Returns:
            False where there is no such call, or it had that try.
        """
        with self._gate.decide() as decision:
            call = self.peer.find(request_id)
            if call is None or call.internal or call.was_refused:
                return False
            self.peer.take(request_id)
            self.outbox.discard(call)
            call.was_refused = True
            # So that its writer, who may not have come so far, does not take it for written.
            call.request_id = None
            call.note("refused")
            self.requeue([call])
            if self.room_wanted:
                self._gate.settled.notify_all()
            self.adopt([call], decision)
            attend(decision)
            return True

    @uninterrupted
    def cancel(self, call: Call) -> bool:
        """Withdraw a call, and tell the server where its dialect can; False when settled."""
        with self._gate.decide() as decision:
            if call.owner is Owner.SETTLED:
                return False
            self._tell_later(call, decision)
            if call.owner is not Owner.PENDING:
                self.drop_rows([call], decision)
            self._forget(call)
            call.owner = Owner.SETTLED
            self._gate.stats.call_cancelled()
            decision.later(call.conclude_cancelled)
            self._after_settling(call, decision)
            return True

    @uninterrupted
    def expire(self, call: Call) -> None:
        """Settle a call whose deadline is over; one that is being written is its writer's."""
        gate = self._gate
        with gate.decide() as decision:
            if call.owner in (Owner.SETTLED, Owner.WRITER):
                return
            error: MCPError = self.timeout_error(call)
            if call.owner is Owner.OUTBOX:
                gate.stats.call_expired()
                if gate.is_ready() and self.is_full():
                    limit = gate.config.max_pending
                    error = MCPQueueFullError("table of pending calls", len(self.peer), limit)
            self._tell_later(call, decision)
            self._forget(call)
            self.settle(call, error, decision)

    def tell_half_time(self, call: Call) -> None:
        """Log what a call waits for that has used up half of its time."""
        with self._gate.lock:
            if call.owner is Owner.SETTLED:
                return
            reason = reason_of(call, self._gate, self.outbox)
        if _log.isEnabledFor(logging.INFO):
            text = "%s %s has used half of its time, waiting for %s"
            _log.info(text, call.call_id, call.method, reason, extra=about(call))

    def timeout_error(self, call: Call) -> MCPTimeoutError:
        """The error of a call whose deadline is over. Holds the lock."""
        timeout = call.deadline.timeout if call.deadline is not None else call.answer_limit
        if call.owner is Owner.OUTBOX and call.deadline is None:
            lifetime = call.queue_deadline
            timeout = self._gate.config.queue_ttl if lifetime is None else lifetime.timeout
        reason = reason_of(call, self._gate, self.outbox)
        return MCPTimeoutError(call.method, timeout, call.was_sent, reason)

    def _tell_later(self, call: Call, decision: Decision) -> None:
        """Have the server told that nobody waits for a written call any more. Holds the lock."""
        if call.owner is Owner.PENDING and call.link is not None:
            decision.later(self.tell_withdrawn, call.link, call)

    def tell_withdrawn(self, link: Link, call: Call) -> None:
        """Post the dialect's cancellation; best effort, never blocks."""
        # Nothing of a handshake may be cancelled (MCP 2025-11-25, utilities/cancellation).
        if call.request_id is None or link.loss is not None or not link.ready:
            return
        notice = link.dialect.cancellation(call.request_id, "nobody waits for it any more")
        if notice is not None:
            link.transport.post(encode_notification(notice.method, encode_params(notice.params)))

    def drop_rows(self, calls: list[Call], decision: Decision) -> None:
        """Have unsent calls deleted from the journal before they are settled. Holds the lock."""
        if self.journal is not None:
            decision.later(self.journal.drop, calls)

    def kept(self, call: Call, error: MCPError) -> MCPError:
        """Leave an unsent call to the next process, if there is a journal. Holds the lock.

        Returns:
            The error to settle it with.
        """
        return error if self.journal is None else self.journal.keep(call, error)

    def withdraw_queued(self, error_for: Callable[[Call], MCPError], decision: Decision) -> int:
        """Fail every queued call, in the journal as well; how many they were. Holds the lock."""
        self.drop_rows([call for call in self.outbox if call.owner is Owner.OUTBOX], decision)
        return self.fail_queued(error_for, decision)

    def fail_queued(self, error_for: Callable[[Call], MCPError], decision: Decision) -> int:
        """Fail every queued call that is not being written. Holds the lock.

        Args:
            error_for: gives the error for each call.
            decision: the block under the lock.

        Returns:
            How many calls it were.
        """
        queued = [call for call in self.outbox if call.owner is Owner.OUTBOX]
        for call in queued:
            self.outbox.remove(call)
            self.settle(call, error_for(call), decision)
        return len(queued)

    def fail_all(self, error: MCPError, decision: Decision) -> int:
        """Fail every queued and unanswered call; how many were unsent. Holds the lock."""
        unsent = self.fail_queued(lambda call: self.kept(call, copy_of(error)), decision)
        asked, self.asked = self.asked, set()
        asked_now = [call for call in asked if call.owner is Owner.ASKED]
        for call in [*self._take_written(), *asked_now]:
            self.settle(call, copy_of(error), decision)
        return unsent

    def _take_written(self) -> list[Call]:
        return [call for _, call in self.peer.take_all() if call.owner is Owner.PENDING]

    def link_lost(self, loss: Loss, decision: Decision) -> None:
        """Decide about every call that was written on a lost link. Holds the lock."""
        written = self._take_written()
        too_big = _find_too_big(written, loss)
        if too_big is not None:
            written.remove(too_big)
            self.settle(too_big, self.too_large(too_big, loss), decision)
        again = [call for call in written if not self.after_loss(call, loss, decision)]
        for call in [one for one in self.outbox if one.owner is Owner.OUTBOX]:
            if not self.may_queue(call):
                self.outbox.remove(call)
                self.settle(call, _lost(call, loss, call.was_sent), decision)
        self.requeue(again)
        self.adopt(again, decision)

    def recheck_hints(self, link: Link, decision: Decision) -> None:
        """Fail what is to be repeated on a tool's word that the new server does not give.

        Holds the lock. A restarted server may be another one.
        """
        for call in [one for one in self.outbox if one.tool is not None and one.replays]:
            if call.owner is Owner.OUTBOX and call.tool not in link.safe_tools:
                self.outbox.remove(call)
                cause = f"the tool {call.tool} no longer says that it is safe to repeat"
                self.settle(call, MCPConnectionLost(cause, True, call.method), decision)

    def requeue(self, calls: list[Call]) -> None:
        """Put calls back into the outbox, past its bounds. Holds the lock."""
        if not calls:
            return
        self.outbox.restore(calls)
        self._gate.stats.queue_sized(len(self.outbox), self.outbox.size_bytes)
        for call in calls:
            self.expiry.watch(call)

    def adopt(self, calls: list[Call], decision: Decision) -> None:
        """Have calls journaled that were written at once and are queued now. Holds the lock.

        It does not matter that they may be sent before that: they were sent already, and their
        rows say so where it counts.
        """
        fresh = [call for call in calls if call.durable and call.entry is None]
        if self.journal is not None and fresh:
            decision.later(self.journal.adopt, fresh, self._gate.config.queue_ttl)

    def may_queue(self, call: Call) -> bool:
        """Whether a call may wait for another link. Holds the lock."""
        return call.queueable and self._gate.config.offline_mode

    def after_loss(self, call: Call, loss: Loss, decision: Decision) -> bool:
        """Settle a written call whose link is lost; False when it is to be sent again instead.

        Holds the lock.
        """
        gate = self._gate
        closed = gate.state is ConnectionState.DISCONNECTED
        is_over = closed or gate.rejection is not None
        hinted = call.link is not None and call.tool in call.link.safe_tools
        replayable = (call.repeatable or hinted) and self.may_queue(call)
        if replayable and not is_over and call.replays < gate.config.max_replays:
            call.replays += 1
            call.note("replayed")
            gate.stats.call_replayed()
            return False
        error: MCPError = _lost(call, loss, maybe_executed=True)
        if closed:
            error = MCPClosedError().for_call(call.method, True)
        self.settle(call, error, decision)
        return True

    def too_large(self, call: Call, loss: Loss) -> MCPMessageTooLarge:
        """The error of the call that close code 1009 was about. Holds the lock."""
        way_out = f"{call.method} ended the link (close code {_MESSAGE_TOO_BIG})"
        if loss.size is None:
            return MCPMessageTooLarge(call.size, None, "outbound", f"{way_out}; send less")
        limit = self._gate.config.max_message_size
        return MCPMessageTooLarge(
            loss.size, limit, "inbound", f"{way_out}; ask for less or raise max_message_size"
        )


def is_about_its_size(loss: Loss) -> bool:
    """Whether the peer ended the link because a message of ours was too big for it."""
    return loss.close_code == _MESSAGE_TOO_BIG and loss.size is None


def _lost(call: Call, loss: Loss, maybe_executed: bool) -> MCPConnectionLost:
    return MCPConnectionLost(
        loss.cause, maybe_executed, call.method, loss.close_code, loss.close_reason
    )


def _find_too_big(written: list[Call], loss: Loss) -> Call | None:
    """Which call close code 1009 was about; None when that cannot be told."""
    if loss.close_code != _MESSAGE_TOO_BIG or not written:
        return None
    if loss.size is None:
        return max(written, key=lambda call: call.size)
    return written[0] if len(written) == 1 else None
