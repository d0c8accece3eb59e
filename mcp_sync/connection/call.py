"""A call: one request as its caller holds it, over all the links that it may live through."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple, Protocol

from ..deadline import Deadline
from ..errors import MCPCancelledError, MCPError
from ..protocol.messages import RequestId
from .condition import CallCondition

if TYPE_CHECKING:
    from ..events import ProgressHandler
    from ..types.notifications import Progress
    from .journal_rows import Entry
    from .link import Link

__all__ = ["Call", "Keeper", "Owner", "Renewal"]

_sequence: Final = itertools.count(1)

_WITHDRAWN: Final = frozenset({CANCELLED, CANCELLED_AND_NOTIFIED})
_DONE: Final = _WITHDRAWN | {FINISHED}


class Owner:
    """Who alone may settle a call; changed under the state lock, and compared by identity.

    No Enum: before Python 3.12 each look at a member of one goes by way of a function, and a call
    is looked at a dozen times.

    Args:
        value: how it is called in a repr.
    """

    CALLER: ClassVar[Owner]
    OUTBOX: ClassVar[Owner]
    WRITER: ClassVar[Owner]
    PENDING: ClassVar[Owner]
    ASKED: ClassVar[Owner]
    SETTLED: ClassVar[Owner]

    def __init__(self, value: str) -> None:
        self.value = value


Owner.CALLER = Owner("caller")
Owner.OUTBOX = Owner("outbox")
Owner.WRITER = Owner("writer")
Owner.PENDING = Owner("pending table")
Owner.ASKED = Owner("handlers")
Owner.SETTLED = Owner("settled")


class Renewal(NamedTuple):
    """How progress extends the time of a call.

    Args:
        seconds: from each progress on.
        longest: the hard maximum of everything.
    """

    seconds: float
    longest: Deadline


class Keeper(Protocol):
    """What a call needs of the connection that carries it."""

    def cancel(self, call: Call) -> bool:
        """Withdraw the call; False when it is settled already."""

    def wait(self, call: Call, deadline: Deadline) -> None:
        """Wait until the call is settled or the deadline is over."""

    def run_callback(self, function: Callable[[Future[Any]], object], call: Call) -> None:
        """Run a done callback on the events thread."""


class Call(Future[Any]):
    """One request and its outcome: a ``concurrent.futures.Future`` that outlives lost links.

    Safe to use from any thread. ``result()`` gives the answer's ``result`` object or raises the
    error of the call; ``cancel()`` withdraws it. Done callbacks run on the events thread, never
    on the thread that reads the link.

    Args:
        keeper: the connection that carries it.
        method: the method.
        params: its params as JSON text, from ``encode_params``.
        repeatable: whether a second execution does no harm.
        limit: the deadline of everything: queueing, replays, waiting; None where ``answer_limit``
            bounds it from the write on.
        answer_limit: seconds from the write to the answer; None for no such limit.
        wants_answer: False for a notification.
        queueable: False fails the call instead of letting it wait for another link.
        watched: True has the heartbeat expire it, because no caller waits for it.
        tool: the tool that it runs, where the tool's own hints are trusted; None elsewhere.
        meta: the encoded members of ``_meta`` that the caller gave.
        finish: makes the caller's value of the ``result`` object; None gives the object itself.
        on_progress: is told of the call's progress; None asks the server for none.
        renewal: seconds that each progress grants the call anew; None for none.
        internal: whether the connection itself makes it, for a handshake or what follows one; its
            failure counts among no user's calls.
        interactive: whether this client's handlers answer what the server asks for meanwhile
            (``input_required``); False leaves that to the caller.
    """

    # Half of the memory of a queued call, beside a dictionary of so many names.
    __slots__ = (
        "_finish",
        "_keeper",
        "_rung",
        "_to_report",
        "answer_limit",
        "created_at",
        "cut_short",
        "deadline",
        "drained",
        "history",
        "interactive",
        "internal",
        "link",
        "meta",
        "method",
        "on_progress",
        "owner",
        "params",
        "queueable",
        "queued",
        "queued_at",
        "renewal",
        "repeatable",
        "replays",
        "request_id",
        "sequence",
        "tool",
        "wants_answer",
        "watched",
        "written_at",
    )

    owner: Owner

    link: Link | None
    """Where it was written last."""

    request_id: RequestId | None
    """As what it was written there."""

    queued: bool
    """Whether it stands in the outbox, which it leaves after its last byte was written."""

    drained: bool
    """Whether it was written from the outbox, so that it counts in the drain window."""

    queued_at: float | None
    """``time.monotonic`` of when it was queued first."""

    written_at: float | None
    """``time.monotonic`` of when it was last about to be written."""

    replays: int
    """How often it was to be sent again."""

    cut_short: int
    """How often a link was lost in the middle of its frame."""

    history: list[tuple[float, str]]
    """What happened to it: (``time.monotonic``, word), oldest first."""

    entry: Entry | None = None
    """Its place in the journal; None while it has none."""

    queue_deadline: Deadline | None = None
    """Until when it may be queued, if another process queued it; None leaves that to a setting."""

    followed = False
    """Whether a caller waits for it, or did, while somebody else read the link."""

    was_refused = False
    """Whether a server refused it unseen and it was sent once more."""

    half_told = False
    """Whether it was told that half of its time is over, where the heartbeat sees to that."""

    rounds = 0
    """How often its server has asked for input."""

    first_params: str | None = None
    """Its params before any input was added; None while none was."""

    progress: Progress | None = None
    """What the server told last of how far it is; None before it told anything."""

    progress_id: RequestId | None = None
    """The id of the request that it was told of."""

    _finished: tuple[Any] | None = None

    def __init__(  # noqa: PLR0913 - what one call may want, all by keyword
        self,
        keeper: Keeper,
        *,
        method: str,
        params: str,
        repeatable: bool,
        limit: Deadline | None,
        answer_limit: float | None = None,
        wants_answer: bool = True,
        queueable: bool = True,
        watched: bool = False,
        tool: str | None = None,
        meta: str = "",
        finish: Callable[[Any], Any] | None = None,
        on_progress: ProgressHandler | None = None,
        renewal: Renewal | None = None,
        internal: bool = False,
        interactive: bool = False,
    ) -> None:
        # What Future.__init__ sets, but for the condition; a test holds the two together.
        self._condition = CallCondition()  # type: ignore[assignment]
        self._state = PENDING
        self._result = self._exception = None
        self._waiters = []
        self._done_callbacks: list[Callable[[Future[Any]], object]] = []
        self._keeper = keeper
        self.sequence = next(_sequence)
        self.method = method
        self.params = params
        self.repeatable = repeatable
        self.wants_answer = wants_answer
        self.queueable = queueable
        self.watched = watched
        self.tool = tool
        self.meta = meta
        self.on_progress = on_progress
        # One place: while a report waits for its turn, a later one only changes what it says.
        self._to_report = [None] if on_progress is not None else []
        self.renewal = renewal
        self.internal = internal
        self.interactive = interactive
        self._finish = finish
        self.answer_limit = answer_limit
        self.deadline = limit
        self.created_at = time.monotonic()
        self.queued_at = self.written_at = None
        self.replays = self.cut_short = 0
        self.owner = Owner.CALLER
        self.queued = self.drained = self._rung = False
        self.link = self.request_id = None
        self.history = []

    @property
    def call_id(self) -> str:
        """A name that stays the same over replays, unlike the id of the request."""
        return f"call-{self.sequence}"

    @property
    def journal_id(self) -> str | None:
        """A name that stays the same over processes; None while it is not in a journal."""
        return None if self.entry is None else self.entry.name

    @property
    def durable(self) -> bool:
        """Whether a journal keeps it while it is queued: its caller was told that it is."""
        return self.watched and self.wants_answer

    @property
    def size(self) -> int:
        """Bytes of its params on the wire, which the outbox counts."""
        text = self.params + self.meta
        return len(self.method) + (len(text) if text.isascii() else len(text.encode()))

    @property
    def was_sent(self) -> bool:
        """Whether a server may have seen all of it, on an earlier link or from another process."""
        if self.replays or self.rounds or self.owner in (Owner.PENDING, Owner.ASKED):
            return True
        entry = self.entry
        # What may be repeated is not marked when it is sent.
        return entry is not None and entry.found and (self.repeatable or entry.before > 0)

    def note(self, word: str) -> None:
        """Add a word to the history."""
        self.history.append((time.monotonic(), word))

    def cancel(self) -> bool:
        """Withdraw the call, and tell the server where its dialect can.

        Returns:
            True when the call is withdrawn: ``result()`` then raises MCPCancelledError. False
            when it was settled already.
        """
        return self._keeper.cancel(self)

    def conclude_cancelled(self) -> None:
        """End the future as cancelled; only for whoever settles the call."""
        # Future.cancel() alone leaves wait() and as_completed() hanging.
        super().cancel()
        self.set_running_or_notify_cancel()

    def result(self, timeout: float | None = None) -> Any:
        """Wait for the outcome.

        Args:
            timeout: seconds to wait here; None waits until the call is settled. The call itself
                goes on when this is over.

        Returns:
            The answer's ``result`` object, or what the method that made the call promises of it;
            None for a notification.

        Raises:
            TimeoutError: not settled within ``timeout``.
            MCPError: the call failed; its kind tells how.
        """
        if not self.done():
            self._keeper.wait(self, Deadline(timeout))
        return self.outcome()

    def done(self) -> bool:
        """Whether it is settled: answered, failed or withdrawn."""
        # A waiting caller asks often; the word is written last, so that it needs no lock.
        return self._state in _DONE

    def cancelled(self) -> bool:
        """Whether it was withdrawn."""
        return self._state in _WITHDRAWN

    def outcome(self) -> Any:
        """Return or raise what a settled call came to; TimeoutError when it is not settled."""
        if self._state is not FINISHED or self._exception is not None:
            try:
                if self.cancelled():
                    raise MCPCancelledError(self.method)
                return super().result(0)
            finally:
                # Or the error, by its traceback, and the call would hold each other.
                del self
        value = self._result
        return value if self._finish is None else self._finished_value(value)

    def _finished_value(self, value: Any) -> Any:
        """Finish the result in the thread that asks for it, never in the one that reads."""
        if self._finished is None:
            assert self._finish is not None
            self._finished = (self._finish(value),)
        return self._finished[0]

    def exception(self, timeout: float | None = None) -> BaseException | None:
        """Wait for the outcome and return the error; None when the call succeeded."""
        self._keeper.wait(self, Deadline(timeout))
        if self.cancelled():
            return MCPCancelledError(self.method)
        error = super().exception(0)
        if error is None and self._finish is not None:
            try:
                self.outcome()
            except MCPError as unfinished:
                return unfinished
        return error

    def add_done_callback(self, fn: Callable[[Future[Any]], object]) -> None:
        """Have a function called with this call once it is settled, on the events thread.

        Args:
            fn: takes the call; called at once, in this thread, when the call is settled already.
        """
        if self.done():
            super().add_done_callback(fn)
        else:
            # The settling thread may be the one that reads the link; user code must not block it.
            super().add_done_callback(lambda _: self._keeper.run_callback(fn, self))

    def expects_report(self) -> bool:
        """Whether its progress has yet to be reported; True once until it is."""
        try:
            self._to_report.pop()
        except IndexError:
            return False
        return True

    def report_progress(self) -> Any:
        """Tell the caller's function how far the server is; on the events thread."""
        self._to_report.append(None)
        progress = self.progress
        if progress is None or self.on_progress is None:
            return None
        return self.on_progress(progress.progress, progress.total, progress.message)

    def wait_settled(self, timeout: float | None) -> bool:
        """Wait until it is settled or somebody rings ``ring``; whether it is settled."""
        condition: CallCondition = self._condition  # type: ignore[assignment]
        bell = condition.hang_bell()
        try:
            if not self.done() and not self._rung:
                bell.acquire(True, -1 if timeout is None else timeout)
        finally:
            condition.take_bell_down(bell)
        self._rung = False
        return self.done()

    def ring(self) -> None:
        """Wake whoever waits in ``wait_settled``."""
        self._rung = True
        self._condition.notify_all()

    def orphan(self, error: MCPError) -> None:
        """Fail in a forked child, where a thread that is gone may hold this future's lock.

        One that is settled already stays so: its writer, which the child has not, kept it queued.
        """
        self._condition = CallCondition()  # type: ignore[assignment]
        self.owner = Owner.SETTLED
        self._done_callbacks = []
        if not self.done():
            self.set_exception(error)

    def conclude(self, outcome: Any) -> None:
        """Settle with a result, or with an error when the outcome is one."""
        if isinstance(outcome, MCPError):
            self.set_exception(outcome)
            return
        with self._condition:
            if not (self._waiters or self._done_callbacks or self._state in _DONE):
                # As ``set_result`` does it, where only those who wait here are to be told.
                self._result = outcome
                self._state = FINISHED
                self._condition.notify_all()
                return
        self.set_result(outcome)

    def __repr__(self) -> str:
        fate = self.owner.value if not self.done() else "settled"
        return f"<Call {self.call_id} {self.method} {fate}>"
