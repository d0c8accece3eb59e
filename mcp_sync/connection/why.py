"""What a call waits for, in one short true sentence."""

from __future__ import annotations

import time

from .call import Call, Owner
from .gate import Gate
from .link import Link
from .outbox import Outbox

__all__ = ["no_link", "reason_of"]


def reason_of(call: Call, gate: Gate, outbox: Outbox) -> str:
    """Say what a call waits for. Holds the lock.

    Args:
        call: an unsettled call.
        gate: of its connection.
        outbox: of its connection.

    Returns:
        The rest of a sentence that begins with "waiting for".
    """
    if call.owner is Owner.SETTLED:
        return "nothing: it is settled"
    link = call.link
    if call.owner is Owner.PENDING and link is not None and call.written_at is not None:
        return _for_an_answer(link, call.written_at)
    if call.owner is Owner.WRITER:
        return "the server to take the request's bytes"
    if call.owner is Owner.ASKED:
        return "this client's own handlers: the server asked for input"
    if call.owner is not Owner.OUTBOX:
        return "its turn to be written"
    place = f"queued at position {outbox.position(call)} of {len(outbox)}"
    if gate.is_ready():
        return f"its turn: {place}"
    return f"a connection: {place}, {no_link(gate)}"


def no_link(gate: Gate) -> str:
    """Say since when, and why, there is no ready link, as a part of a sentence."""
    error = gate.outage.last_error
    reason = "" if error is None else f", last error: {error}"
    return f"{gate.state}, no ready link for {gate.unready_for():.1f} s{reason}"


def _for_an_answer(link: Link, written_at: float) -> str:
    now = time.monotonic()
    text = f"an answer: written {now - written_at:.1f} s ago, "
    heard_at = link.transport.last_inbound
    text += f"last inbound byte {now - heard_at:.1f} s ago" if heard_at else "no byte received yet"
    if link.ponged_at is not None:
        text += f", last pong {now - link.ponged_at:.1f} s ago"
    return text
