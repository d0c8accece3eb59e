"""How a call gets onto the wire: written by its caller when it can be, else by way of the outbox."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from ..deadline import Deadline
from ..errors import MCPClosedError, MCPConnectionLost, MCPError, MCPMessageTooLarge
from ..errors import MCPQueueFullError
from ..protocol.messages import encode_notification, encode_request
from ..states import ConnectionState
from ..transports.base import LinkDown, WriteTimeout
from .call import Call, Owner
from .calls import Calls
from .gate import Decision, Gate
from .link import Link
from .worker import start_worker

__all__ = ["Sender"]

_log: Final = logging.getLogger("mcp_sync.connection")

_UNLIMITED: Final = Deadline(None)


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
            MCPError: the call was refused; it is settled with the same error.
        """
        link = self._claim(call, may_block)
        if link is not None:
            self.write(link, call)
        else:
            self._enqueue(call)

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

    def write(self, link: Link, call: Call) -> None:
        """Write a call that this thread owns as its writer, and pass it on as the outcome says."""
        try:
            text = _text(call)
            link.dialect.check_size(len(text) if text.isascii() else len(text.encode()))
            call.written_at = time.monotonic()
            link.transport.send(text, call.deadline or _UNLIMITED)
        except WriteTimeout:
            self._unwritten(call, timed_out=True)
        except LinkDown as down:
            self._report_down(link, down)
            self._unwritten(call, timed_out=False)
        except MCPMessageTooLarge as error:
            with self._gate.lock:
                self._calls.outbox.discard(call)
            self._calls.fail(call, error)
        except BaseException:  # an interrupt of the caller: its call is withdrawn, nothing is lost
            self._calls.cancel(call)
            raise
        else:
            self._written(link, call)

    def _written(self, link: Link, call: Call) -> None:
        gate, calls = self._gate, self._calls
        with gate.lock:
            gate.stats.call_sent()
            link.messages_sent += 1
            calls.outbox.discard(call)
            if call.owner is Owner.WRITER and call.wants_answer and link.loss is None:
                call.owner = Owner.PENDING
                calls.expiry.watch(call)
                return
            if call.owner is Owner.SETTLED and not call.cancelled():
                return
        with gate.decide() as decision:
            if call.owner is not Owner.WRITER:
                # Answered before we came here, or withdrawn while it was being written.
                if call.cancelled():
                    decision.later(calls.tell_withdrawn, link, call)
            elif not call.wants_answer:
                calls.settle(call, None, decision)
            elif link.loss is not None and not calls.after_loss(call, link.loss, decision):
                calls.outbox.restore([call])
                self._attend(decision)

    def _unwritten(self, call: Call, *, timed_out: bool) -> None:
        gate, calls = self._gate, self._calls
        with gate.decide() as decision:
            calls.outbox.discard(call)
            if call.owner is not Owner.WRITER:
                return
            if call.request_id is not None:
                calls.peer.take(call.request_id)
            error = self._refusal(call)
            if timed_out or (call.deadline is not None and call.deadline.is_over()):
                error = calls.timeout_error(call)
            if error is not None:
                calls.settle(call, error, decision)
            else:
                calls.outbox.restore([call])
                self._attend(decision)

    def _refusal(self, call: Call) -> MCPError | None:
        """Why an unwritten call may not wait for another link; None when it may."""
        gate = self._gate
        if gate.state is ConnectionState.DISCONNECTED:
            return MCPClosedError()
        if gate.rejection is not None:
            return gate.rejection
        if not call.queueable or not (gate.config.offline_mode or gate.is_ready()):
            return MCPConnectionLost("before it was written", False, call.method)
        return None

    def _enqueue(self, call: Call) -> None:
        gate, calls = self._gate, self._calls
        with gate.decide() as decision:
            error = self._refusal(call) or self._make_room(call, decision)
            if error is None:
                calls.outbox.append(call)
                gate.stats.call_queued()
                gate.stats.queue_sized(len(calls.outbox), calls.outbox.size_bytes)
                calls.expiry.watch(call)
                self._attend(decision)
            else:
                calls.settle(call, error, decision)
        if error is not None:
            raise error

    def _make_room(self, call: Call, decision: Decision) -> MCPError | None:
        """Apply ``overflow`` to a full outbox. Holds the lock, and lets go of it while waiting."""
        gate, outbox = self._gate, self._calls.outbox

        def has_room() -> bool:
            config = gate.config
            return outbox.has_room(call, config.offline_queue_limit, config.offline_queue_max_bytes)

        if gate.config.overflow == "block" and not has_room():
            limit = call.deadline or Deadline(call.answer_limit)
            calls = self._calls
            calls.wait_settled(lambda: has_room() or self._refusal(call) is not None, limit)
            refusal = self._refusal(call)
            if refusal is not None:
                return refusal
        if gate.config.overflow == "drop_oldest":
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
            calls.settle(oldest, error, decision)

    def _full(self) -> MCPQueueFullError:
        config, outbox = self._gate.config, self._calls.outbox
        return MCPQueueFullError(
            "offline queue",
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
                decision.later(start_worker, "mcp-outbox", self._drain)

    def link_ready(self, decision: Decision) -> None:
        """A link is ready: what is queued goes first. Holds the lock."""
        self._attend(decision)

    def _drain(self) -> None:
        """Write queued calls in order, within the dialect's window; ends with the queue."""
        started, count = time.monotonic(), 0
        while True:
            with self._gate.decide():
                claimed = self._next_queued(started, count)
            if claimed is None:
                return
            try:
                self.write(*claimed)
            except Exception:  # a fault of ours: this call was withdrawn, the others go on
                _log.exception("could not write %s", claimed[1].method)
            count += 1

    def _next_queued(self, started: float, count: int) -> tuple[Link, Call] | None:
        """Claim the head of the queue once the window is open. Holds the lock."""
        gate, calls = self._gate, self._calls
        while True:
            link, call = gate.link, calls.outbox.head()
            if link is None or not link.ready or call is None:
                self._draining = call is not None
                self._drainer_alive = False
                now = time.monotonic()
                gate.stats.drain_finished(count, 0, now - started, now)
                gate.changed.notify_all()
                return None
            if self._is_window_open(link):
                call.drained = True
                calls.register(link, call)
                return link, call
            calls.wait_settled(
                lambda link=link: link.loss is not None or self._is_window_open(link),  # type: ignore[misc]
                _UNLIMITED,
            )

    def _is_window_open(self, link: Link) -> bool:
        calls = self._calls
        under_way = sum(1 for call in calls.peer if call.drained)
        return under_way < link.dialect.drain_window and not calls.is_full()


def _text(call: Call) -> str:
    if call.request_id is None:
        return encode_notification(call.method, call.params)
    return encode_request(call.request_id, call.method, call.params)
