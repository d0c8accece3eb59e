"""What a call returns at once when it was queued: a receipt, never an invented answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar, cast

from .connection.call import Call

__all__ = ["OfflineResponse"]

AnswerT = TypeVar("AnswerT")

_STATUS: Final = "queued"


class OfflineResponse(Generic[AnswerT]):
    """The receipt of a queued call. Safe to share between threads.

    Args:
        call: the queued call; it later carries the server's real answer.
        position: where it stood in the queue when it was accepted; the head is 1.
        read: turns the server's ``result`` object into what ``result()`` returns; None leaves it.
    """

    def __init__(
        self, call: Call, position: int, read: Callable[[Any], AnswerT] | None = None
    ) -> None:
        self.call = call
        # It may have left the queue again before it was asked where it stood.
        self.position = max(1, position)
        self.queued_at = time.time()
        """When it was queued, in seconds since the epoch."""
        self._read = read

    @property
    def status(self) -> str:
        """Always "queued": that is all that is known of it here."""
        return _STATUS

    @property
    def message(self) -> str:
        """One sentence about what happens next."""
        return (
            f"{self.call.method} is queued at position {self.position}; "
            "it is sent when the server is back"
        )

    def result(self, timeout: float | None = None) -> AnswerT:
        """Wait for the server's real answer.

        Args:
            timeout: seconds to wait here; None waits until the call is settled.

        Returns:
            The answer, as the method that was called would have returned it.

        Raises:
            TimeoutError: not settled within ``timeout``; the call goes on.
            MCPError: the call failed; its kind tells how.
        """
        answer = self.call.result(timeout)
        return cast("AnswerT", answer) if self._read is None else self._read(answer)

    def __repr__(self) -> str:
        fate = "settled" if self.call.done() else f"queued at position {self.position}"
        return f"<OfflineResponse {self.call.call_id} {self.call.method} {fate}>"

    def _repr_html_(self) -> str:
        from .notebook.clients import receipt_html  # noqa: PLC0415 - only a notebook asks for it

        return receipt_html(self.message, self.call.call_id, self.queued_at, self.call.done())
