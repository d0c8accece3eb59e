"""How a call gets onto the wire: written by its caller, else by way of the outbox."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable
from typing import Final

from ..deadline import Deadline
from ..errors import (
    MCPClosedError,
    MCPConnectionLost,
    MCPError,
    MCPMessageTooLarge,
    MCPQueueFullError,
)
from ..protocol.dialect import with_meta
from ..protocol.messages import RequestId, encode_notification
from ..states import ConnectionState
from ..transports.base import LinkDown, WriteTimeout
from .call import Call, Owner
from .calls import Calls, is_about_its_size
from .gate import Decision, Gate, uninterrupted
from .link import Link
from .log_facts import GuardedLog, about
from .worker import start_worker

__all__ = ["Sender"]

_log: Final = GuardedLog(logging.getLogger("mcp_sync.connection"))

_DIALING: Final = (ConnectionState.FAILED, ConnectionState.RECONNECTING, ConnectionState.OFFLINE)
"""Where a link is being made, without a word to anybody else when one more call wants it."""

_MOST_CUT_SHORT: Final = 5
"""So many links in a row that end in the middle of one call's frame are that call's doing."""


class Sender:
    """Routes and writes calls, and drains the outbox. Safe for any number of threads."""

    def __init__(
        self,
        gate: Gate,
        calls: Calls,
        report_down: Callable[[Link, LinkDown], None],
        want_link: Callable[[Decision], None],
    ) -> None:
        self._gate = gate
        self._calls = calls
        self._report_down = report_down
        self._want_link = want_link
        self._draining = False
        """True while calls must join the outbox's tail; changed under the lock."""
        self._drainer_alive = False

    def start(self, call: Call, *, may_block: bool) -> None:
        """Write a call on the ready link, or queue it.

        Args:
            call: a fresh call.
            may_block: whether this thread may wait for the peer to take the bytes.

        Raises:
            MCPError: the call was refused; it is settled with the same kind of error.
        """
        try:
            link = self._claim(call, may_block)
            if link is not None:
                self.write(link, call)
            else:
                self._queue(call)
        except MCPError:
            raise
        except BaseException:  # an interrupt of the caller, as in ``write``
            self._calls.cancel(call)
            raise

    def _claim(self, call: Call, may_block: bool) -> Link | None:
        gate = self._gate
        link = gate.link
        if link is None or not (may_block or link.transport.can_send_now(call.size)):
            return None
        with gate.lock:
            if gate.link is not link or not link.ready or self._draining or self._calls.is_full():
                return None
            self._calls.register(link, call)
        return link

    def write(self, link: Link, call: Call) -> bool:
        """Write a call that this thread owns as its writer, and pass it on as the outcome says.

        Returns:
            Whether the kernel has taken all of it.
        """
        # The time for the answer runs from here: a peer may send, and so live, and never read.
        limit = call.deadline or Deadline(call.answer_limit)
        request_id = call.request_id
        try:
            text = _text(link, call)
            if link.dialect.max_request_size is not None:
                link.dialect.check_size(len(text) if text.isascii() else len(text.encode()))
            call.written_at = time.monotonic()
            link.transport.send(text, limit)
        except WriteTimeout:
            self._unwritten(link, call, timed_out=True)
        except LinkDown as down:
            self._report_down(link, down)
            call.cut_short += down.partly_written
            self._unwritten(link, call, timed_out=down.partly_written and limit.is_over())
        except MCPMessageTooLarge as error:
            self._leave_outbox(call)
            self._calls.fail(call, error)
        except BaseException:  # an interrupt of the caller: its call is withdrawn, nothing is lost
            self._leave_outbox(call)
            self._calls.cancel(call)
            raise
        else:
            if call.wants_answer:
                self._written(link, call, request_id)
            else:
                self._notified(link, call)
            return True
        return False

    def _leave_outbox(self, call: Call) -> None:
        """Or the drain would meet a call again that is settled."""
        with self._gate.lock:
            self._calls.outbox.discard(call)

    def _written(self, link: Link, call: Call, request_id: RequestId | None) -> None:
        gate, calls = self._gate, self._calls
        with gate.lock:
            gate.stats.call_sent()
            link.messages_sent += 1
            if call.request_id != request_id:
                return  # The server has asked for input meanwhile: it is on its way once more.
            if call.queued:
                calls.outbox.remove(call)
                if calls.room_wanted:
                    gate.settled.notify_all()
            if call.owner is Owner.WRITER and link.loss is None:
                call.owner = Owner.PENDING
                if call.watched:
                    calls.expiry.watch(call)
                return
            if call.owner is Owner.SETTLED and not calls.peer.was_withdrawn(call.request_id):
                return
        self._written_too_late(link, call)

    def _notified(self, link: Link, call: Call) -> None:
        """Settle a notification, which nobody answers, when its last byte was written."""
        gate, calls = self._gate, self._calls
        with gate.lock:
            gate.stats.call_sent()
            link.messages_sent += 1
            calls.outbox.discard(call)
            is_wanted = call.owner is Owner.WRITER
            if is_wanted:
                call.owner = Owner.SETTLED
            if calls.room_wanted:
                gate.settled.notify_all()
        if is_wanted:
            call.conclude(None)

    @uninterrupted
    def _written_too_late(self, link: Link, call: Call) -> None:
        """Pass on a call that was withdrawn while it was written, or whose link was lost."""
        gate, calls = self._gate, self._calls
        with gate.decide() as decision:
            if call.owner is not Owner.WRITER:
                # Answered before we came here, or withdrawn while it was being written.
                if calls.peer.was_withdrawn(call.request_id):
                    decision.later(calls.tell_withdrawn, link, call)
            elif link.loss is not None and not calls.after_loss(call, link.loss, decision):
                calls.requeue([call])
                calls.adopt([call], decision)
                self._attend(decision)

    @uninterrupted
    def _unwritten(self, link: Link, call: Call, *, timed_out: bool) -> None:
        gate, calls = self._gate, self._calls
        # Before it can be claimed from the queue; its caller is still in ``submit``.
        unkept = None if timed_out else self._journaled(call)
        with gate.decide() as decision:
            calls.outbox.discard(call)
            if call.owner is not Owner.WRITER:
                return
            if call.request_id is not None:
                calls.peer.take(call.request_id)
            refusal = self._refusal()
            error = None if refusal else unkept or self._why_not_again(link, call)
            if timed_out or (call.deadline is not None and call.deadline.is_over()):
                error = calls.timeout_error(call)
            if error is not None:
                calls.drop_rows([call], decision)
                calls.settle(call, error, decision)
            elif refusal is not None:
                calls.settle(call, calls.kept(call, refusal), decision)
            else:
                calls.requeue([call])
                self._attend(decision)

    def _refusal(self) -> MCPError | None:
        """Why no call is taken any more; None while calls are."""
        closed = self._gate.state is ConnectionState.DISCONNECTED
        return MCPClosedError() if closed else self._gate.refusal()

    def _why_not_again(self, link: Link, call: Call) -> MCPError | None:
        """Why an unwritten call may not be written on another link; None when it may."""
        loss = link.loss
        if call.cut_short and loss is not None and is_about_its_size(loss):
            return self._calls.too_large(call, loss)
        if call.cut_short >= _MOST_CUT_SHORT:
            cause = f"{call.cut_short} links in a row ended in the middle of this request"
            return MCPConnectionLost(cause, call.was_sent, call.method)
        return None if self._calls.may_queue(call) else self._lost_before_writing(call)

    def _lost_before_writing(self, call: Call) -> MCPConnectionLost:
        return MCPConnectionLost("before it was written", call.was_sent, call.method)

    def _journaled(self, call: Call) -> MCPError | None:
        """Write a call to the journal, if it belongs there; the error if that failed."""
        journal = self._calls.journal
        if journal is None or not call.durable or call.entry is not None:
            return None
        try:
            journal.accept([call], self._gate.config.queue_ttl)
        except MCPError as error:
            return error
        return None

    def _queue(self, call: Call) -> None:
        """Queue a call; where ``overflow`` has it wait for room, wait here."""
        limit = call.deadline or Deadline(call.answer_limit)
        while not (self._join_queue(call) or self._enqueue(call, may_wait=not limit.is_over())):
            self._calls.wait_settled(lambda: not self._has_to_wait(call), limit)

    def _join_queue(self, call: Call) -> bool:
        """Queue a call where there is no more to it; False where there is something to decide."""
        gate, calls = self._gate, self._calls
        with gate.lock:
            if gate.is_ready():
                is_seen_to = self._drainer_alive
            else:
                is_seen_to = gate.rejection is None and gate.state in _DIALING
            durable = calls.journal is not None and call.durable
            if durable or not (is_seen_to and calls.may_queue(call) and self._has_room(call)):
                return False
            self._append(call)
            if not gate.is_ready():
                self._want_link(gate.decide())
        return True

    def _append(self, call: Call) -> None:
        """Put a call at the end of the queue. Holds the lock."""
        stats, outbox = self._gate.stats, self._calls.outbox
        outbox.append(call)
        stats.call_queued()
        stats.queue_sized(len(outbox), outbox.size_bytes)
        self._calls.expiry.watch(call)

    @uninterrupted
    def _enqueue(self, call: Call, *, may_wait: bool) -> bool:
        """Queue a call, or refuse it; False where it has to wait for room, and may."""
        gate, calls = self._gate, self._calls
        with gate.lock:
            if may_wait and self._has_to_wait(call):
                return False
            # What is refused anyway need not be written to the journal and deleted again.
            unwanted = self._refusal() or self._why_no_room(call)
        error = None if unwanted else self._journaled(call)
        with gate.decide() as decision:
            if call.owner is not Owner.CALLER:
                return True  # An interrupt of its caller was faster.
            error = self._refusal() or error
            if error is None and not (gate.is_ready() or calls.may_queue(call)):
                error = self._lost_before_writing(call)
            error = error or self._make_room(call, decision)
            if error is None:
                self._append(call)
                self._attend(decision)
            else:
                calls.drop_rows([call], decision)
                calls.settle(call, error, decision)
        if error is not None:
            raise error
        return True

    def _has_room(self, call: Call) -> bool:
        config = self._gate.config
        limits = config.offline_queue_limit, config.offline_queue_max_bytes
        return self._calls.outbox.has_room(call, *limits)

    def _why_no_room(self, call: Call) -> MCPError | None:
        """Why a call cannot be queued, whoever waits or gives way for it. Holds the lock."""
        if call.size > self._gate.config.offline_queue_max_bytes:
            return self._full(f"offline queue (this call alone has {call.size} bytes)")
        if self._gate.config.overflow == "reject" and not self._has_room(call):
            return self._full()
        return None

    def _has_to_wait(self, call: Call) -> bool:
        """Whether ``overflow`` has the caller of a full queue wait for room. Holds the lock."""
        if self._gate.config.overflow != "block" or self._has_room(call):
            return False
        return self._why_no_room(call) is None and self._refusal() is None

    def _make_room(self, call: Call, decision: Decision) -> MCPError | None:
        """Apply ``overflow`` to a full outbox. Holds the lock."""

        def has_room() -> bool:
            return self._has_room(call)

        refusal = self._why_no_room(call)
        if refusal is not None:
            return refusal
        if self._gate.config.overflow == "drop_oldest":
            self._drop_oldest(has_room, decision)
        return None if has_room() else self._full()

    def _drop_oldest(self, has_room: Callable[[], bool], decision: Decision) -> None:
        calls = self._calls
        for oldest in [one for one in calls.outbox if one.owner is Owner.OUTBOX]:
            if has_room():
                return
            error = self._full()
            calls.outbox.discard(oldest)
            self._gate.stats.calls_dropped(1)
            calls.drop_rows([oldest], decision)
            calls.settle(oldest, error, decision)

    def _full(self, what: str = "offline queue") -> MCPQueueFullError:
        config, outbox = self._gate.config, self._calls.outbox
        return MCPQueueFullError(
            what,
            len(outbox),
            config.offline_queue_limit,
            outbox.size_bytes,
            config.offline_queue_max_bytes,
        )

    def _attend(self, decision: Decision) -> None:
        """See to it that a queue with calls in it is drained. Holds the lock."""
        if not self._gate.is_ready():
            self._want_link(decision)
        elif self._calls.outbox:
            self._draining = True
            if not self._drainer_alive:
                self._drainer_alive = True
                decision.later(self._start_drainer, self._calls.drainer_missing)
                self._calls.drainer_missing = False

    def _start_drainer(self, was_missing: bool) -> None:
        try:
            start_worker("mcp-outbox", self._drain)
        except RuntimeError as error:
            gate, calls = self._gate, self._calls
            with gate.lock:
                self._drainer_alive = False
                calls.drainer_missing = True
                gate.changed.notify_all()  # the heartbeat tries again
                gate.settled.notify_all()
            if not was_missing:
                _log.warning(
                    "%d calls wait for a thread to send them: %s", len(calls.outbox), error
                )

    def revive(self) -> None:
        """Start the drainer for which there was no thread, if it is still wanted."""
        with self._gate.decide() as decision:
            # Else the next call that is queued, or the next ready link, sees to it.
            self._calls.drainer_missing &= self._gate.is_ready() and bool(self._calls.outbox)
            if self._calls.drainer_missing:
                self._attend(decision)

    def link_ready(self, decision: Decision) -> None:
        """A link is ready: what is queued goes first. Holds the lock."""
        self._attend(decision)

    def _drain(self) -> None:
        """Write queued calls in order, within the dialect's window; ends with the queue."""
        started, count, failures = time.monotonic(), 0, 0
        while True:
            with self._gate.decide():
                claimed = self._next_queued()
                if claimed is None:
                    if count or failures:
                        now = time.monotonic()
                        self._gate.stats.drain_finished(count, failures, now - started, now)
                    return
            try:
                written = self._write_queued(*claimed)
            except Exception:  # noqa: BLE001 - a fault of ours: this call was withdrawn, the others go on
                _log.exception("could not write %s", claimed[1].method, extra=about(claimed[1]))
                written = False
            count += written
            failures += not written

    def _write_queued(self, link: Link, call: Call) -> bool:
        """Write a call that was claimed from the queue; whether the kernel has taken all of it."""
        journal = self._calls.journal
        if journal is None or call.entry is None or call.repeatable:
            return self.write(link, call)
        try:
            journal.mark(call)
        except MCPError as error:
            self._unmarked(call, error)
            return False
        if not self._is_still_wanted(call):
            return False
        written = self.write(link, call)
        if call.owner is Owner.OUTBOX:
            journal.unmark(call)
        return written

    def _unmarked(self, call: Call, error: MCPError) -> None:
        """Fail a claimed call that must not be sent; it stays in the journal as it was."""
        with self._gate.decide() as decision:
            if self._is_still_wanted(call):
                self._calls.outbox.discard(call)
                if call.request_id is not None:
                    self._calls.peer.take(call.request_id)
                self._calls.settle(call, self._calls.kept(call, error), decision)

    def _is_still_wanted(self, call: Call) -> bool:
        """Whether a claimed call has to be written; it is forgotten if it was withdrawn."""
        with self._gate.lock:
            if call.owner is Owner.WRITER:
                return True
            self._calls.outbox.discard(call)
            return False

    def await_drainer(self, patience: Deadline) -> None:
        """Wait until nobody writes from the queue; after a close, when that ends by itself."""
        self._calls.wait_settled(lambda: not self._drainer_alive, patience)

    def _next_queued(self) -> tuple[Link, Call] | None:
        """Claim the head of the queue once the window is open. Holds the lock."""
        gate, calls = self._gate, self._calls
        while True:
            link, call = gate.link, calls.outbox.head()
            if link is None or not link.ready or call is None:
                # Without a ready link nothing is written directly; the next one starts a drain.
                self._draining = self._drainer_alive = False
                if calls.room_wanted:
                    gate.settled.notify_all()
                return None
            if self._is_window_open(link):
                call.drained = True
                calls.register(link, call)
                return link, call
            self._await_window(link)

    def _await_window(self, link: Link) -> None:
        """Wait until the drain may go on or the link is lost. Holds the lock between looks."""
        self._calls.room_wanted += 1
        self._gate.settled.wait_for(lambda: link.loss is not None or self._is_window_open(link))
        self._calls.room_wanted -= 1

    def _is_window_open(self, link: Link) -> bool:
        calls = self._calls
        under_way = sum(1 for call in calls.peer if call.drained)
        return under_way < link.dialect.drain_window and not calls.is_full()


def _text(link: Link, call: Call) -> str:
    meta = call.meta
    if call.request_id is None:
        return encode_notification(call.method, with_meta(call.params, meta))
    if call.on_progress is not None or call.renewal is not None:
        # A new id at each replay makes a token that no report on an old link can meet.
        token = f'"progressToken":{json.dumps(call.request_id)}'
        meta = f"{meta},{token}" if meta else token
    return link.dialect.encode_request(call.request_id, call.method, call.params, meta)
