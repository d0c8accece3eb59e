"""One transport connection with its generation number, and what was agreed on over it."""

from __future__ import annotations

import collections
import contextlib
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from ..protocol.dialect import Dialect, Session
from ..protocol.messages import RequestId
from ..transports.base import LinkInfo, Transport
from ..types.excerpt import excerpt
from ..values import frozen
from .condition import OwnedLock

if TYPE_CHECKING:
    from .call import Call

__all__ = ["CLOSE_NORMAL", "Link", "Loss", "ReadTurn"]

_KEPT_PINGS: Final = 16


CLOSE_NORMAL: Final = 1000
"""The close code of a link that has served its purpose (RFC 6455, 7.4.1)."""


@frozen(kw_only=True)
class Loss:
    """Why a link ended.

    Args:
        cause: a short phrase without secrets.
        close_code: the WebSocket close code; None without a close frame.
        close_reason: the text that came with it.
        size: bytes of the message that was too large (1009); None otherwise.
    """

    cause: str
    close_code: int | None = None
    close_reason: str = ""
    size: int | None = None


class ReadTurn(OwnedLock):  # type: ignore[misc]  # final in typeshed alone
    """The right to read a link; whoever has it receives. Safe for any number of threads.

    It is never taken twice. A thread that may be interrupted, as only the main thread may, takes
    and releases it as a lock, with no Python in between.
    """

    is_taken = False

    def take(self) -> bool:
        """Take the turn if it is free; whether this thread has it now."""
        if self.is_taken or not self.acquire(False):
            return False
        self.is_taken = True
        return True

    def give_back(self) -> None:
        """Give the turn back, if this thread has it."""
        if self._is_owned():  # type: ignore[attr-defined]
            self.is_taken = False
            self.release()


@frozen
class _Ping:
    """A ping whose pong has not come: what tells it from others, when, and who wants to know."""

    payload: bytes
    asked_at: float
    answered: Callable[[float], None]


class Link:
    """A link. Its fields change under the state lock; ``read_turn`` is held by whoever reads."""

    def __init__(self, generation: int, transport: Transport, dialect: Dialect) -> None:
        self.generation = generation
        self.transport = transport
        self.dialect = dialect
        self.info = LinkInfo()
        self.session: Session | None = None
        self.ready = False
        self.ready_at: float | None = None
        self.loss: Loss | None = None
        self.safe_tools: frozenset[str] = frozenset()
        """The tools whose hints this server gives as safe to repeat, where they are trusted."""
        self.fallback: Dialect | None = None
        """What to begin the next link with if this one ends now; None where that tells nothing."""
        self.streams: dict[RequestId, Any] = {}
        """The streams of notifications on this link, by the id of the request."""
        self.subscribed: set[str] = set()
        """The resources whose updates this link was asked for, in the handshake era."""
        self.read_turn = ReadTurn()
        self.messages_sent = 0
        self.messages_received = 0
        self.concluding: Call | None = None
        """The call whose answer is being passed on; None between messages."""
        self.leader: Call | None = None
        """The call whose waiting caller has the read turn; None while the reader has it."""
        self.led_at = 0.0
        """``time.monotonic`` when a waiting caller last gave the read turn back; zero once the
        reader thread has read since."""
        self.reader_idles = False
        """Whether the reader thread waits for input, and leaves the link to callers meanwhile."""
        self.stir = threading.Event()
        """Wakes a reader that stands aside; set when the link is lost, and by the lookout."""
        self.released = False
        """Whether the reader has closed the descriptors."""
        self.ponged_at: float | None = None
        """``time.monotonic`` of the last pong that answered a ping of ours; None before one."""
        self._pings: collections.deque[_Ping] = collections.deque(maxlen=_KEPT_PINGS)
        """Those without a pong, oldest first; a peer that never answers fills no memory."""
        transport.on_pong = self._pong

    def __str__(self) -> str:
        """Say what it leads to, for a log record."""
        facts = [f"link {self.generation}"]
        if self.info.peer_address is not None:
            facts[0] += f" to {self.info.peer_address}"
        if self.info.tls_version is not None:
            facts.append(self.info.tls_version)
        if self.session is not None:
            result = self.session.result
            server = (result.server_info.name, result.server_info.version)
            facts.append(f"server {' '.join(excerpt(word) for word in server)}")
            facts.append(f"protocol {excerpt(result.protocol_version)}")
        return ", ".join(facts)

    def ping(self, payload: bytes, answered: Callable[[float], None]) -> bool:
        """Send a ping if no writer is busy.

        Args:
            payload: tells this ping from others on the link.
            answered: called with the round trip in seconds by whoever reads; must not block.

        Returns:
            Whether the ping was sent.
        """
        # Noted first: the pong may be read before ping() returns.
        ping = _Ping(payload, time.monotonic(), answered)
        self._pings.append(ping)
        if self.transport.ping(payload):
            return True
        with contextlib.suppress(ValueError):  # so many were sent since that it is forgotten
            self._pings.remove(ping)
        return False

    def _pong(self, payload: bytes) -> None:
        if all(ping.payload != payload for ping in self._pings.copy()):
            return
        # A pong answers the pings before it as well (RFC 6455, 5.5.3).
        while self._pings:
            ping = self._pings.popleft()
            self.ponged_at = time.monotonic()
            ping.answered(self.ponged_at - ping.asked_at)
            if ping.payload == payload:
                return

    def adopt(self, session: Session) -> None:
        """Speak as a handshake agreed. Holds the lock."""
        self.session = session
        self.dialect = session.dialect
