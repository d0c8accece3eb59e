"""The bare websocket-client loops: with the library's defaults, and tuned as far as it goes.

One thread owns a loop; ``shared`` puts a lock around it, which is all that threads can share.
"""

from __future__ import annotations

import itertools
import json
import os
import socket
import threading
from typing import Any
from urllib.parse import urlsplit

import websocket

__all__ = ["Bare", "Tuned"]


class Bare:
    """websocket-client with its defaults: send, receive, one thread."""

    def __init__(self, url: str) -> None:
        self.lock = threading.Lock()
        self.ids = itertools.count(1)
        self.socket = self.open(url)
        self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})
        self.send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def open(self, url: str) -> websocket.WebSocket:
        return websocket.create_connection(url)

    def send(self, message: dict[str, Any]) -> None:
        self.socket.send(json.dumps(message))

    def receive(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self.socket.recv())
        return answer

    def request(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        number = next(self.ids)
        self.send({"jsonrpc": "2.0", "id": number, "method": method, "params": params})
        answer = self.receive()
        assert answer["id"] == number
        result: dict[str, Any] = answer["result"]
        return result

    def call(self, arguments: dict[str, Any], name: str = "echo") -> dict[str, Any]:
        return self.request("tools/call", {"name": name, "arguments": arguments})

    def shared(self, arguments: dict[str, Any]) -> dict[str, Any]:
        with self.lock:
            return self.call(arguments)

    def close(self) -> None:
        self.socket.close()


class Buffered:
    """A socket that asks the kernel once for many bytes."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.bytes = b""
        self.position = 0
        self._closed = False

    def recv(self, size: int) -> bytes:
        if self.position == len(self.bytes):
            self.bytes, self.position = self.sock.recv(65_536), 0
        piece = self.bytes[self.position : self.position + size]
        self.position += len(piece)
        return piece

    def send(self, data: bytes) -> int:
        return self.sock.send(data)

    def gettimeout(self) -> None:
        return None

    def settimeout(self, timeout: float | None) -> None:
        return None

    def shutdown(self, how: int) -> None:
        self.sock.shutdown(how)

    def close(self) -> None:
        self.sock.close()
        self._closed = True

    def fileno(self) -> int:
        return self.sock.fileno()


class MaskPool:
    """Mask keys from one system call in a thousand."""

    def __init__(self) -> None:
        self.bytes = b""
        self.position = 0

    def __call__(self, size: int) -> bytes:
        if self.position == len(self.bytes):
            self.bytes, self.position = os.urandom(4096), 0
        self.position += size
        return self.bytes[self.position - size : self.position]


class Tuned(Bare):
    """The same loop with buffered reads, pooled mask keys and UTF-8 decoded in C."""

    def open(self, url: str) -> websocket.WebSocket:
        parts = urlsplit(url)
        sock = socket.create_connection((parts.hostname or "", parts.port or 80))
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link = websocket.WebSocket(get_mask_key=MaskPool(), skip_utf8_validation=True)
        link.connect(url, socket=Buffered(sock))
        return link

    def receive(self) -> dict[str, Any]:
        frame = self.socket.recv_frame()
        data = frame.data
        if not frame.fin:
            pieces = [data]
            while not frame.fin:
                frame = self.socket.recv_frame()
                pieces.append(frame.data)
            data = b"".join(pieces)
        answer: dict[str, Any] = json.loads(data.decode("utf-8"))
        return answer

    def pipeline(self, count: int, window: int, arguments: dict[str, Any]) -> None:
        """Make calls with so many unanswered at a time."""
        params = {"name": "echo", "arguments": arguments}
        sent = received = 0
        while received < count:
            while sent < count and sent - received < window:
                number = next(self.ids)
                request = {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": params}
                self.send(request)
                sent += 1
            self.receive()
            received += 1
