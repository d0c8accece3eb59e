"""A server in the hands of a test: it shakes hands, reads on, and says what the test has it say."""

from __future__ import annotations

import contextlib
import itertools
import json
import queue
import socket
import struct
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from timing import MS

PATIENCE = 5000 * MS
"""The bound of every wait for something that is to happen."""

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA

NEWEST = "2025-11-25"
MODERN = "2026-07-28"

_paths = itertools.count(1)


class Line:
    """One connection, as the test holds it: its script's thread reads, the test's thread talks."""

    def __init__(self, connection: WebSocketConnection, *, pongs: bool) -> None:
        self.connection = connection
        self.close_code: int | None = None
        """What the client closed with; None where it sent no close frame."""
        self.pings: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self.begun: Future[bool] = Future()
        """Whether its handshake was done, once that is decided."""
        self._pongs = pongs
        self._inbox: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._ended = threading.Event()
        self._writing = threading.Lock()

    # What comes in

    def message(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """The next message of the client."""
        return self._inbox.get(timeout=timeout)

    def request(self, method: str, timeout: float = PATIENCE) -> dict[str, Any]:
        """The next message, which must be of this method."""
        message = self.message(timeout)
        assert message.get("method") == method, message
        return message

    def next(self, method: str) -> dict[str, Any]:
        """The next message of this method, whatever comes before it."""
        while (message := self.message()).get("method") != method:
            pass
        return message

    def is_quiet(self) -> bool:
        """Whether everything that came was taken."""
        return self._inbox.empty()

    def wait_until_ended(self) -> None:
        """Wait until the client has closed or lost the connection."""
        assert self._ended.wait(PATIENCE)

    # What goes out

    def send(self, message: Any) -> None:
        """Send a JSON value."""
        self.send_text(json.dumps(message))

    def send_text(self, text: str) -> None:
        """Send a text, JSON or not."""
        with self._writing:
            self.connection.send_text(text)

    def answer(self, request: dict[str, Any], result: Any = None) -> None:
        """Answer a request with a result; None gives an empty object."""
        self.send({"jsonrpc": "2.0", "id": request["id"], "result": result or {}})

    def refuse(
        self, request: dict[str, Any], code: int = -32000, message: str = "no", **data: Any
    ) -> None:
        """Answer a request with an error."""
        error: dict[str, Any] = {"code": code, "message": message}
        if data:
            error["data"] = data
        self.send({"jsonrpc": "2.0", "id": request["id"], "error": error})

    def discovered(self, request: dict[str, Any], *versions: str, **members: Any) -> None:
        """Answer ``server/discover`` as a server of these versions; none means the modern one."""
        result = {
            "resultType": "complete",
            "supportedVersions": list(versions or (MODERN,)),
            "capabilities": {"tools": {}},
            "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "modern", "version": "1"}},
        }
        self.answer(request, {**result, **members})

    def acknowledge(self, request: dict[str, Any], **honored: Any) -> None:
        """Accept ``subscriptions/listen``; what is not said is honoured as it was asked for."""
        self.notify_stream(
            request,
            "notifications/subscriptions/acknowledged",
            notifications=honored or request["params"]["notifications"],
        )

    def notify_stream(self, request: dict[str, Any], method: str, **params: Any) -> None:
        """Send a notification on the stream that a ``subscriptions/listen`` opened."""
        meta = {"io.modelcontextprotocol/subscriptionId": request["id"]}
        self.notify(method, _meta=meta, **params)

    def notify(self, method: str, **params: Any) -> None:
        """Send a notification."""
        self.send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, request_id: Any, method: str, **params: Any) -> None:
        """Send a request of the server's own."""
        message: dict[str, Any] = {"jsonrpc": "2.0", "id": request_id, "method": method}
        self.send({**message, "params": params} if params else message)

    def close(self, code: int | None = None, reason: str = "") -> None:
        """End the link with a close frame, or, without a code, by a FIN alone."""
        if code is not None:
            with self._writing:
                self.connection.send_close(code, reason)
        with contextlib.suppress(OSError):  # the client has closed it already
            self.connection.finish()

    def reset(self) -> None:
        """End the link with a TCP reset."""
        linger = struct.pack("ii", 1, 0)
        self.connection.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        # The script's thread is in a read, and would keep the socket from going down.
        self.connection.socket.shutdown(socket.SHUT_RD)

    # What the script's thread does

    def shake_hands(self, version: str = NEWEST) -> None:
        """Take an MCP client's handshake."""
        request = json.loads(self.connection.read_text())
        if request["method"] == "server/discover":
            self.refuse(request, -32601, "no such method")
            request = json.loads(self.connection.read_text())
        assert request["method"] == "initialize", request
        info = {"name": "peer", "version": "1"}
        result = {"protocolVersion": version, "capabilities": {}, "serverInfo": info}
        self.answer(request, result)
        if version == NEWEST:
            done = json.loads(self.connection.read_text())
            assert done["method"] == "notifications/initialized", done

    def read(self, method: str | None = None) -> dict[str, Any]:
        """The next message, which must be of this method, if any; before ``serve`` reads."""
        message: dict[str, Any] = json.loads(self.connection.read_text())
        assert method in (None, message.get("method")), message
        return message

    def serve(self) -> None:
        """Read until the end, answering pings and the close frame."""
        try:
            while self._take_frame():
                pass
        except (OSError, EOFError, ValueError):  # closed under us, by the test too
            return
        finally:
            self._ended.set()

    def _take_frame(self) -> bool:
        frame = self.connection.read_frame()
        if frame.opcode == TEXT:
            self._inbox.put(json.loads(frame.payload))
        elif frame.opcode == PING:
            self.pings.put(frame.payload)
            if self._pongs:
                self.pong(frame.payload)
        elif frame.opcode == CLOSE:
            self.close_code = frame.close_code
            with self._writing:
                self.connection.send_close(frame.close_code)
        return frame.opcode != CLOSE

    def pong(self, payload: bytes) -> None:
        """Send a pong."""
        with self._writing:
            self.connection.send_frame(PONG, payload)


def shake(line: Line) -> None:
    """The usual handshake."""
    line.shake_hands()


def modern(line: Line) -> None:
    """The first contact of the modern era."""
    line.discovered(line.read("server/discover"))


def initialize(line: Line) -> None:
    """The handshake era, and no probe before it."""
    result = {"protocolVersion": NEWEST, "capabilities": {}, "serverInfo": {"name": "old"}}
    line.answer(line.read("initialize"), result)
    line.read("notifications/initialized")


def nothing(line: Line) -> None:
    """No handshake: the test answers ``initialize`` itself, or there is none."""


class Switchboard:
    """A server whose connections a test takes one after another. Use it as a context manager.

    Args:
        handshakes: what the nth connection begins with, later ones as the last; the line is put
            through after it. None: the usual handshake of MCP.
        pongs: whether pings are answered.
    """

    def __init__(self, *handshakes: Callable[[Line], None], pongs: bool = True) -> None:
        self._lines: queue.SimpleQueue[Line] = queue.SimpleQueue()
        scripts = [self._script(handshake, pongs) for handshake in handshakes or (shake,)]
        self._peer = WebSocketPeer(*scripts, patience=2 * PATIENCE)

    def __enter__(self) -> Self:
        self._peer.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._peer.__exit__(kind, error, traceback)

    @property
    def url(self) -> str:
        """Where to dial."""
        return self._peer.url

    def fresh_url(self) -> str:
        """Where to dial as a server of which this process has learned nothing yet."""
        return f"ws://127.0.0.1:{self.port}/{next(_paths)}"

    @property
    def port(self) -> int:
        """Where to dial."""
        return self._peer.port

    @property
    def connections(self) -> int:
        """How many were accepted so far."""
        return self._peer.connections

    def wait_for_connections(self, count: int) -> None:
        """Wait until so many were accepted."""
        self._peer.wait_for_connections(count, PATIENCE)

    def line(self) -> Line:
        """The next connection in the order of dialing; one without a handshake is passed over."""
        while not (line := self._lines.get(timeout=PATIENCE)).begun.result(PATIENCE):
            pass
        return line

    def _script(
        self, handshake: Callable[[Line], None], pongs: bool
    ) -> Callable[[WebSocketConnection], None]:
        def run(connection: WebSocketConnection) -> None:
            line = Line(connection, pongs=pongs)
            self._lines.put(line)
            try:
                handshake(line)
                line.begun.set_result(True)
            except (OSError, EOFError):
                return  # the client left in the middle of it
            finally:
                if not line.begun.done():
                    line.begun.set_result(False)
            line.serve()

        return run


def refuse_upgrade(status: int, **headers: str) -> Callable[[WebSocketConnection], None]:
    """A script, for a peer that leaves the upgrade to it: an ordinary HTTP response."""

    def run(connection: WebSocketConnection) -> None:
        try:
            connection.read_request()
        except EOFError:
            return  # the client was closed meanwhile
        connection.respond(status, {name.replace("_", "-"): headers[name] for name in headers})

    return run
