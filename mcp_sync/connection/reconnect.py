"""When to dial again, and when not to: the policy of reconnecting, apart from its threads.

tenacity's strategies are the policy; the reader asks them and waits itself, because a wait of
tenacity's own is followed by one more attempt after it was interrupted.
"""

from __future__ import annotations

from typing import Final

from ..config import ClientConfig
from ..errors import (
    MCPConfigurationError,
    MCPConnectionError,
    MCPConnectionRejected,
    MCPError,
)
from ..late_import import importing
from .link import Loss

__all__ = ["STABLE_SECONDS", "Outage", "is_permanent", "load_policy"]

STABLE_SECONDS: Final = 20.0
"""A link that was ready for so long starts the back-off anew."""

_MAX_RETRY_AFTER: Final = 300.0

_BROKEN_PROTOCOL: Final = frozenset({1002, 1003, 1007})


def load_policy() -> None:
    """Import what the policy is made of; at the first outage, and never under a lock.

    tenacity imports asyncio, which takes longer than everything else a client needs.
    """
    with importing:
        import tenacity  # noqa: F401, PLC0415 - see above


def is_permanent(error: MCPError, ever_ready: bool) -> bool:
    """Tell a failure that dialing again would only repeat from one that may pass.

    Args:
        error: why the dial or the handshake failed.
        ever_ready: whether this client ever had a ready link to the server.

    Returns:
        True for a rejection, and for a setting that the dial found impossible. An HTTP refusal
        counts only for a client that was never ready: later it may be a proxy or a restart on the
        way.
    """
    if isinstance(error, MCPConfigurationError):
        return True
    if not isinstance(error, MCPConnectionRejected):
        return False
    return error.status is None or not ever_ready


class Outage:
    """Counts the dials of outages and plans the next one. Holds the lock.

    ``attempt`` counts the failed dials of this outage and starts anew when a link is ready;
    ``level``, which the delay grows with, starts anew after a stable link alone.
    """

    def __init__(self) -> None:
        self.attempt = 0
        self.level = 0
        self.broken_links = 0
        self.last_error: MCPError | None = None

    def failed(self, error: MCPError) -> None:
        """Count a failed dial."""
        self.attempt += 1
        self.level += 1
        self.last_error = error

    def is_over(self, config: ClientConfig) -> bool:
        """Whether the first dial and all its retries are used up."""
        import tenacity  # noqa: PLC0415 - it imports asyncio, which no client without an outage needs

        stop = tenacity.stop_after_attempt(config.reconnect_attempts + 1)
        return bool(stop(_state(self.attempt)))

    def delay(self, config: ClientConfig) -> float:
        """Seconds until the next dial: full jitter, also at the cap."""
        import tenacity  # noqa: PLC0415 - as above

        wait = tenacity.wait_random_exponential(
            multiplier=config.reconnect_delay, max=config.max_reconnect_delay
        )
        # On top of what the server asked for: all its clients were asked for the same.
        return self.asked_to_wait + float(wait(_state(max(1, self.level))))

    @property
    def asked_to_wait(self) -> float:
        """Seconds that the server asked to wait before the next dial (Retry-After); 0 for none."""
        asked = self.last_error
        if isinstance(asked, MCPConnectionError) and asked.retry_after is not None:
            return min(asked.retry_after, _MAX_RETRY_AFTER)
        return 0.0

    def probe_delay(self, config: ClientConfig) -> float:
        """Seconds until the next quiet probe of a client that gave up: at the cap, with jitter."""
        import tenacity  # noqa: PLC0415 - as above

        cap = config.max_reconnect_delay
        return self.asked_to_wait + float(tenacity.wait_random(cap / 2, cap)(_state(1)))

    def asked_anew(self) -> None:
        """A user wants to connect: attempts, and links that broke the protocol, count anew."""
        self.attempt = 0
        self.broken_links = 0

    def ended(self) -> None:
        """A link is ready: attempts start anew."""
        self.attempt = 0
        self.last_error = None

    def lost(self, loss: Loss, ready_for: float | None) -> None:
        """Count a lost link.

        Args:
            loss: why it ended.
            ready_for: seconds it was ready; None when it never was, and counts as a failed dial.
        """
        if ready_for is not None:
            self.level = 0 if ready_for >= STABLE_SECONDS else self.level + 1
        broken = loss.close_code in _BROKEN_PROTOCOL
        self.broken_links = self.broken_links + 1 if broken else 0

    def rejection(self, loss: Loss) -> MCPConnectionRejected | None:
        """The permanent error when the protocol was broken on two links in a row."""
        if self.broken_links < 2:
            return None
        return MCPConnectionRejected(
            f"two links in a row ended with a broken protocol (close code {loss.close_code}, "
            f"{loss.cause}): check that the address is that of a server of this kind"
        )


def _state(attempt: int):  # type: ignore[no-untyped-def]  # tenacity's type is imported late
    import tenacity  # noqa: PLC0415 - as above

    state = tenacity.RetryCallState(tenacity.Retrying(), None, (), {})
    state.attempt_number = attempt
    return state
