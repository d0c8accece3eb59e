"""What a check is given: a client of one real server, and the person and model behind it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from compatibility.peers import Peer, Running
from mcp_sync import MCPClient
from mcp_sync.types.elicitation import ElicitationRequest
from mcp_sync.types.logging import LogMessage
from mcp_sync.types.sampling import SamplingRequest
from timing import MS

__all__ = ["PATIENCE", "Case"]

PATIENCE = 20_000 * MS
"""For anything a server is to do; seconds. A process that starts is the longest of it."""


class Case:
    """A client of one server, shared by its checks, and what they set and look at.

    Args:
        peer: which server.
        running: the server.
        directory: one that a server of files may use.
    """

    def __init__(self, peer: Peer, running: Running, directory: Path) -> None:
        self.peer = peer
        self.running = running
        self.directory = directory
        self.sampling: Callable[[SamplingRequest], Any] = _nobody
        """What the model says; a check sets it."""
        self.elicitation: Callable[[ElicitationRequest], Any] = _nobody
        """What the person does; a check sets it."""
        self.roots: Iterable[Any] = ()
        """What the server may know of; a check sets it."""
        self.logs: queue.SimpleQueue[LogMessage] = queue.SimpleQueue()
        """What the server logged."""
        self.client = self.make_client()

    def make_client(self, **settings: Any) -> MCPClient:
        """Make one more client of the server, which the caller closes."""
        client = MCPClient(
            **{
                "protocol_version": self.peer.asked,
                "sampling": self._sample,
                "elicitation": self._elicit,
                "roots": lambda: self.roots,
                "connect_timeout": PATIENCE,
                "request_timeout": PATIENCE,
                "reconnect_delay": 50 * MS,
                "max_reconnect_delay": 200 * MS,
                "reconnect_attempts": 100,
                **self.running.settings,
                **settings,
            }
        )
        client.on_log(self.logs.put)
        return client

    def _sample(self, request: SamplingRequest) -> Any:
        return self.sampling(request)

    def _elicit(self, request: ElicitationRequest) -> Any:
        return self.elicitation(request)

    def reset(self) -> None:
        """Forget what the check before has set."""
        self.sampling = self.elicitation = _nobody
        self.roots = ()
        while not self.logs.empty():
            self.logs.get_nowait()

    def close(self) -> None:
        """Close the client, and end the server."""
        try:
            self.client.close()
        finally:
            self.running.close()


def _nobody(request: Any) -> Any:
    raise AssertionError(f"nobody was expected to be asked: {request!r}")
