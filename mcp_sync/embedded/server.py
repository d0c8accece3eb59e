"""The embedded server: a listening socket, its connections, and the life of both."""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

import attrs
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import Server, ServerConnection
from websockets.sync.server import serve as serve_websockets

from mcp_sync.connection.worker import start_worker
from mcp_sync.deadline import Deadline
from mcp_sync.embedded.clients import Client, ClientTable
from mcp_sync.embedded.compareblocks import CompareblocksDialect
from mcp_sync.embedded.extraction import Extraction
from mcp_sync.embedded.jobs import JobRunner
from mcp_sync.embedded.ledger import Ledger, LedgerEntry
from mcp_sync.embedded.links import CLOSE_TIMEOUT, Links
from mcp_sync.embedded.mcp import McpDialect
from mcp_sync.embedded.sessions import SessionTable

__all__ = ["EmbeddedServer"]

MAX_MESSAGE_BYTES = 1024 * 1024
_MAX_PORT = 65535

_logger = logging.getLogger("mcp_sync.embedded")


@attrs.frozen
class _Run:
    """What exists between a start and its stop."""

    server: Server
    links: Links
    acceptor: threading.Thread


class EmbeddedServer:
    """A real compareblocks server on this machine, with a small MCP server beside it.

    A connection speaks compareblocks until it does an MCP `initialize` (a `protocolVersion` that is
    a date); from then on it speaks MCP. Sessions and the ledger outlive a stop and a start of the
    same object. All methods are safe to call from any thread; use it as a context manager, because
    the threads of open connections keep the interpreter from ending.

    Args:
        host: the address to listen on.
        port: the port to listen on; 0 takes a free one at the first start and keeps it.
        working_directory: the directory whose PDF files may be submitted; None for the current one.
        ledger_path: a file for the ledger, loaded and appended to; None keeps it in memory.
        processing_delay: seconds that an extraction or a tool call takes at least.
        keepalive: seconds between the server's pings, and that it waits for each pong before it
            closes with 1011; the recorded server's 20.
        mcp: False answers an MCP `initialize` like any other, as the recorded server does.

    Raises:
        ValueError: the ledger file holds something else, or a setting is out of its range.
        OSError: the ledger file cannot be read or written.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        working_directory: str | os.PathLike[str] | None = None,
        ledger_path: str | os.PathLike[str] | None = None,
        processing_delay: float = 0.0,
        keepalive: float = 20.0,
        mcp: bool = True,
    ) -> None:
        _refuse_settings(port, processing_delay, keepalive)
        self._host = host
        self._port = port
        self._keepalive = keepalive
        self._ledger = Ledger(ledger_path)
        self._jobs = JobRunner(processing_delay)
        self._clients = ClientTable()
        self._mcp = McpDialect(self._ledger, self._jobs)
        directory = Path(working_directory or ".").resolve()
        sessions = SessionTable()
        extraction = Extraction(sessions, self._jobs, directory, self._clients.broadcast)
        self._compareblocks = CompareblocksDialect(
            sessions, self._ledger, directory, extraction.run, self._mcp if mcp else None
        )
        self._lifecycle = threading.Lock()
        self._run: _Run | None = None

    def start(self) -> None:
        """Listen, and serve until `stop`.

        Raises:
            RuntimeError: it is running already, or work of the last run has not ended.
            OSError: it cannot listen there, for example because the port is taken.
        """
        with self._lifecycle:
            if self._run is not None:
                raise RuntimeError(f"the embedded server is running already, at {self.url}")
            with contextlib.ExitStack() as undo:
                listener = undo.enter_context(socket.create_server((self._host, self._port)))
                self._jobs.start()
                undo.callback(self._jobs.interrupt)
                self._run = self._serve(listener)
                undo.pop_all()

    def _serve(self, listener: socket.socket) -> _Run:
        self._port = listener.getsockname()[1]
        links = Links()
        server = serve_websockets(
            self._handle,
            sock=listener,
            ping_interval=self._keepalive,
            ping_timeout=self._keepalive,
            close_timeout=CLOSE_TIMEOUT,
            max_size=MAX_MESSAGE_BYTES,
            create_connection=cast("type[ServerConnection]", links.open),
        )
        return _Run(server, links, start_worker("embedded-accept", server.serve_forever))

    def stop(self, timeout: float = 10.0) -> None:
        """Close every connection with 1001 and end all threads; a no-op when it is not running.

        Takes about a second when a client does not answer. Work that is not done is begun anew
        after the next `start`.

        Args:
            timeout: seconds that the threads have to end; a warning is logged when one does not.
        """
        with self._lifecycle:
            run, self._run = self._run, None
            if run is None:
                return
            deadline = Deadline(timeout)
            run.server.socket.close()
            self._jobs.interrupt()
            over = run.links.close_all(deadline)
            # On a thread, because it waits without a bound for the threads that are left.
            closer = start_worker("embedded-shutdown", run.server.shutdown)
            for thread in (closer, run.acceptor):
                thread.join(deadline.remaining())
            if not (over and self._jobs.join(deadline)):
                _logger.warning("threads of the embedded server did not end in %s s", timeout)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc_value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def port(self) -> int:
        """The port that it listens on, or will; 0 before the first start if none was given."""
        return self._port

    @property
    def url(self) -> str:
        """Where a client connects, for example "ws://127.0.0.1:8765"."""
        return f"ws://{self._host}:{self._port}"

    @property
    def ledger(self) -> list[LedgerEntry]:
        """What was executed so far, oldest first, as a list of the caller's own."""
        return self._ledger.entries()

    @property
    def connections(self) -> int:
        """How many clients are connected, their handshake done."""
        return len(self._clients)

    def wait_for_connections(self, count: int, timeout: float) -> bool:
        """Wait until exactly `count` clients are connected.

        Args:
            count: how many.
            timeout: seconds to wait at most.

        Returns:
            Whether that was so in time.
        """
        return self._clients.wait_for(count, Deadline(timeout))

    @contextlib.contextmanager
    def hold(self) -> Iterator[None]:
        """Let no extraction and no tool call be finished inside the block.

        Everything else is answered meanwhile, and `stop` ends what is held as it ends any work.
        """
        with self._jobs.hold():
            yield

    def broadcast(self, event: str, data: Any) -> int:
        """Send a notification to every client that subscribed to it.

        Args:
            event: its name; one that cannot be subscribed to reaches nobody.
            data: any JSON value, sent as `params.data`.

        Returns:
            The number of clients that it was sent to.
        """
        return self._clients.broadcast(event, data)

    def _handle(self, connection: ServerConnection) -> None:
        """Serve one connection, on a thread of its own, until it ends."""
        client = self._clients.join(connection)
        try:
            while True:
                self._treat(connection.recv(), client)
        except ConnectionClosed:
            pass  # how every connection ends
        finally:
            self._clients.leave(client)

    def _treat(self, data: str | bytes, client: Client) -> None:
        dialect = self._mcp if client.is_mcp else self._compareblocks
        reply = dialect.receive(data, client)
        if reply.text is not None:
            client.send(reply.text)
        if reply.job is not None:
            self._jobs.add(reply.job)


def _refuse_settings(port: int, processing_delay: float, keepalive: float) -> None:
    if not 0 <= port <= _MAX_PORT:
        raise ValueError(f"port={port!r} is not a port: use 0 (a free one) to {_MAX_PORT}")
    if not processing_delay >= 0:
        raise ValueError(f"processing_delay={processing_delay!r} must be 0 or more seconds")
    if not keepalive > 0:
        raise ValueError(f"keepalive={keepalive!r} must be more than 0 seconds")
