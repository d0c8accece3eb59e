"""Who reads a link: a caller that waits for its answer, or the reader thread while nobody waits.

A caller that reads its own answer saves the switch between threads, which costs more than the
rest of a call. Whoever holds ``link.read_turn`` receives; what it receives for others wakes them.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ..deadline import Deadline
from ..transports.base import LinkDown
from .call import Call, Owner
from .calls import Calls
from .gate import Gate
from .link import Link
from .lookout import LOOKOUT, QUIET_SECONDS, TICK_SECONDS
from .receiving import Receiver

__all__ = ["Reading"]


class Reading:
    """Decides who reads. Safe for any number of threads.

    Args:
        gate: of the connection.
        calls: of the connection.
        receiver: takes what was read.
        report_down: is told of a link that ended while it was read.
        lead: False leaves all reading to the reader thread.
    """

    def __init__(
        self,
        gate: Gate,
        calls: Calls,
        receiver: Receiver,
        report_down: Callable[[Link, LinkDown], None],
        *,
        lead: bool = True,
    ) -> None:
        self._gate = gate
        self._calls = calls
        self._receiver = receiver
        self._report_down = report_down
        self._lead_allowed = lead
        self._followers: dict[Call, None] = {}

    def wait(self, call: Call, deadline: Deadline) -> None:
        """Wait until a call is settled or the deadline is over, reading the link if nobody does."""
        while True:
            link = call.link
            if link is None or not self._lead(link, call, deadline):
                self._follow(call, deadline)
            if call.done() or deadline.is_over():
                return

    def _could_lead(self, link: Link | None, call: Call) -> bool:
        if link is None or not self._lead_allowed:
            return False
        return link.ready and call.owner is Owner.PENDING and not link.read_turn.is_taken

    def _lead(self, link: Link, call: Call, deadline: Deadline) -> bool:
        """Read the link for a call if that is possible; whether it was."""
        if not self._could_lead(link, call):
            return False
        turn, mine = link.read_turn, False
        try:
            if not turn.acquire(False):
                return False
            mine = turn.is_taken = True
            link.leader = call
            self.read_for(link, call, deadline)
        finally:
            # No call of our own in here: an interrupt at its first line would leak the turn.
            if mine:
                link.leader = None
                turn.is_taken = False
            try:  # noqa: SIM105 - suppress() is a call
                turn.release()
            except RuntimeError:
                pass  # It was never taken.
            if mine:
                link.led_at = time.monotonic()
                if link.reader_idles:
                    self._rouse(link)
        self._hand_over()
        return True

    def read_for(self, link: Link, call: Call, deadline: Deadline) -> None:
        """Receive until a call is settled, the link is lost or the deadline is over.

        The caller has the read turn.
        """
        text = None
        try:
            # Settled comes before done: who settled it may have looked for its leader before.
            while call.owner is not Owner.SETTLED and link.loss is None:
                text = link.transport.receive(deadline)
                if text is not None:
                    self._receiver.accept(link, text)
                    text = None
                if call.owner is Owner.SETTLED or deadline.is_over():
                    return
        except LinkDown as down:
            self._report_down(link, down)
        except BaseException:  # an interrupt: what was read and not yet passed on is gone
            if text is not None or link.transport.messages_received != link.messages_received:
                self._abandon(link)
            raise

    def read_alone(self, link: Link, call: Call, deadline: Deadline) -> None:
        """``read_for`` as the reader thread, on a link that is not yet ready."""
        link.leader = call
        try:
            self.read_for(link, call, deadline)
        finally:
            link.leader = None

    def _abandon(self, link: Link) -> None:
        self._receiver.abandon(link)
        self._report_down(link, LinkDown("interrupted while a message was taken in"))

    def _follow(self, call: Call, deadline: Deadline) -> None:
        # Each of these is one operation of the interpreter: threads need no lock for it.
        self._followers[call] = None
        call.followed = True
        try:
            # A leader that left before this call was in the list has rung nobody.
            if not self._could_lead(call.link, call):
                call.wait_settled(deadline.remaining())
        finally:
            self._followers.pop(call, None)
            if not call.done():
                # Rung and gone, by its deadline or an interrupt: somebody else must read.
                self._hand_over()

    def _hand_over(self) -> None:
        """Wake one caller that waits for an answer, so that it reads on."""
        if not self._followers:
            return
        for call in tuple(self._followers):
            if self._could_lead(call.link, call):
                call.ring()
                return

    def listen(self, link: Link) -> None:
        """Receive and pass on one message as the reader thread, or leave the link to callers.

        Raises:
            LinkDown: the link is lost.
        """
        patience = None
        if self._lead_allowed:
            if time.monotonic() - link.led_at < QUIET_SECONDS:
                LOOKOUT.stand_aside(link)
            led_at = link.led_at
            self._idle(link)
            if link.led_at != led_at:
                return  # What has come was a caller's, who has read it.
            # Or one is about to.
            patience = Deadline(TICK_SECONDS)
        if link.read_turn.take():
            # From here on this thread sees each message at once, until a caller reads again.
            link.led_at = 0.0
            self._read_one(link, patience)
        else:
            link.stir.wait(TICK_SECONDS)
            link.stir.clear()

    def _idle(self, link: Link) -> None:
        """Wait for input without the read turn, so that a caller can have it at once."""
        link.reader_idles = True
        try:
            link.transport.await_input()
        finally:
            link.reader_idles = False

    def _rouse(self, link: Link) -> None:
        """Have the reader thread look at what a caller has received and left, or was woken for."""
        if link.transport.has_news:
            link.transport.wake()

    def _read_one(self, link: Link, patience: Deadline | None) -> None:
        """Receive and pass on one message as the reader thread, which has the read turn."""
        answered = None
        try:
            text = link.transport.receive(patience)
            if text is not None:
                answered = self._receiver.accept(link, text)
        except LinkDown:
            raise
        except BaseException:  # as in ``read_for``
            self._abandon(link)
            raise
        finally:
            link.read_turn.give_back()
        if answered is not None and answered.followed and self._lead_allowed:
            # A caller has had its answer from this thread; the next one it shall read itself.
            link.led_at = time.monotonic()
            self._hand_over()
