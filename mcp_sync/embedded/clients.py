"""The connected clients: who they are, what they subscribed to, how a message reaches them."""

from __future__ import annotations

import contextlib
import json
import threading
import uuid
from datetime import datetime
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection

from mcp_sync.deadline import Deadline

__all__ = ["Client", "ClientTable"]


class Client:
    """One connected client, its attributes set by the thread of its connection.

    Args:
        number: unique in the life of the server, so that a dead client's subscriptions can never
            be taken for those of a new one.
        connection: where its messages go.

    Attributes:
        client_id: the name that the subscription methods answer with.
        events: what it subscribed to.
        is_mcp: whether an MCP handshake made this an MCP connection.
        pending_calls: ids of the `tools/call` requests that wait for their turn; the job takes its
            own out when it begins.
    """

    def __init__(self, number: int, connection: ServerConnection) -> None:
        self.client_id = f"client_{number}"
        self.events: frozenset[str] = frozenset()
        self.is_mcp = False
        self.pending_calls: set[str | int] = set()
        self._connection = connection

    def send(self, text: str) -> None:
        """Send one message, from any thread; one for a client that is gone is dropped."""
        with contextlib.suppress(ConnectionClosed):
            self._connection.send(text)


class ClientTable:
    """All connected clients. Safe to use from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._clients: list[Client] = []
        self._joined = 0

    def join(self, connection: ServerConnection) -> Client:
        """Add the client at the other end of a connection."""
        with self._changed:
            self._joined += 1
            client = Client(self._joined, connection)
            self._clients.append(client)
            self._changed.notify_all()
        return client

    def leave(self, client: Client) -> None:
        """Remove a client, and with it its subscriptions."""
        with self._changed:
            self._clients.remove(client)
            self._changed.notify_all()

    def __len__(self) -> int:
        with self._changed:
            return len(self._clients)

    def wait_for(self, count: int, deadline: Deadline) -> bool:
        """Wait until exactly `count` clients are connected; whether that was so in time."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self._clients) == count, deadline.remaining())

    def broadcast(self, event: str, data: Any) -> int:
        """Send a notification to every client that subscribed to it.

        Args:
            event: its name; one that cannot be subscribed to reaches nobody.
            data: any JSON value.

        Returns:
            The number of clients that it was sent to.
        """
        with self._changed:
            subscribers = [client for client in self._clients if event in client.events]
        text = json.dumps(
            {
                "jsonrpc": "2.0",
                "id": str(uuid.uuid4()),
                "method": event,
                "params": {"timestamp": datetime.now().isoformat(), "data": data},
            }
        )
        for client in subscribers:
            client.send(text)
        return len(subscribers)
