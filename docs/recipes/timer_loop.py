"""Something every few seconds by ``threading.Timer``; a turn is missed while the server is away."""

from __future__ import annotations

import threading
from collections.abc import Callable

from mcp_sync import MCPClient, MCPError


class Poller:
    """Asks a server every few seconds, and ends at once when it is told.

    Args:
        client: shared with the rest of the application.
        seconds: from the end of a turn to the next.
        tell: called with each answer, on the timer's thread.
        missed: called with the error of each turn that gave none.
    """

    def __init__(
        self,
        client: MCPClient,
        seconds: float,
        tell: Callable[[str], object],
        missed: Callable[[MCPError], object],
    ) -> None:
        self._client, self._seconds, self._tell, self._missed = client, seconds, tell, missed
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    def start(self) -> None:
        """Have the first turn come."""
        with self._lock:
            self._timer = self._next()

    def _next(self) -> threading.Timer:
        timer = threading.Timer(self._seconds, self._turn)
        timer.daemon = True  # a poller that was forgotten keeps no process alive
        timer.start()
        return timer

    def _turn(self) -> None:
        try:
            # "raise" gives the turn up at once: the next one comes anyway, and nothing piles up.
            answer = self._client.call_tool("echo", {"text": "tick"}, timeout=5, offline="raise")
            self._tell(answer.text)
        except MCPError as error:
            self._missed(error)
        with self._lock:
            if self._timer is not None:
                self._timer = self._next()

    def stop(self) -> None:
        """End it; a turn that is under way is finished first."""
        with self._lock:
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()
