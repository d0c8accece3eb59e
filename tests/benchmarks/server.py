"""`python -m tests.benchmarks.server [PORT]`: a server that is never what is measured.

WebSocket (picows) and, for the SDK that speaks it, HTTP with plain JSON answers. Prints both ports
once it listens, and ends with its standard input.

The tool ``echo`` answers with a text of ``size`` bytes, in fragments of ``fragment`` bytes;
``hold`` keeps its answers until ``release``; ``tick`` sends a notification ``delay_ms`` after its
answer, with the time of CLOCK_MONOTONIC in it; ``drop`` cuts the link.
"""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
import time
from typing import Any

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_create_server

from .replies import frames, reply

__all__: list[str] = []

MAX_FRAME = 64 * 1024 * 1024


class Listener(WSListener):  # type: ignore[misc]
    """One WebSocket connection."""

    def __init__(self) -> None:
        self.held: list[dict[str, Any]] = []

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        if frame.msg_type == WSMsgType.CLOSE:
            transport.send_close(frame.get_close_code(), frame.get_close_message())
            transport.disconnect()
        elif frame.msg_type == WSMsgType.PING:
            transport.send_pong(frame.get_payload_as_bytes())
        elif frame.msg_type == WSMsgType.TEXT:
            message = json.loads(frame.get_payload_as_memoryview().tobytes())
            if "id" in message and "method" in message:
                self.answer(transport, message)

    def answer(self, transport: WSTransport, message: dict[str, Any]) -> None:
        params = message.get("params") or {}
        name, arguments = params.get("name"), params.get("arguments", {})
        if name == "hold":
            self.held.append(message)
            return
        if name == "release":
            for held in self.held:
                transport.send(WSMsgType.TEXT, reply(held))
            self.held.clear()
        elif name == "drop":
            transport.disconnect()
            return
        if arguments.get("fragment"):
            transport.underlying_transport.write(frames(message, arguments["fragment"]))
        else:
            transport.send(WSMsgType.TEXT, reply(message))
        if name == "tick":
            delay = arguments["delay_ms"] / 1000
            asyncio.get_running_loop().call_later(delay, self.tick, transport)

    def tick(self, transport: WSTransport) -> None:
        data = {"level": "info", "data": {"sent": time.monotonic()}}
        text = json.dumps({"jsonrpc": "2.0", "method": "notifications/message", "params": data})
        transport.send(WSMsgType.TEXT, text.encode())


class Http(asyncio.Protocol):
    """One HTTP connection: a JSON answer to each POST, 405 to a GET."""

    def __init__(self) -> None:
        self.received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        self.received += data
        while True:
            head, end, body = self.received.partition(b"\r\n\r\n")
            size = _content_length(head)
            if not end or len(body) < size:
                return
            self.received = body[size:]
            self.transport.write(_http_answer(head, body[:size]))


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            return int(value)
    return 0


def _http_answer(head: bytes, body: bytes) -> bytes:
    if head.startswith(b"GET"):
        return b"HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n"
    message = json.loads(body) if body else {}
    if "id" not in message:
        return b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n"
    text = reply(message)
    size = str(len(text)).encode()
    kind = b"Content-Type: application/json\r\n"
    return b"HTTP/1.1 200 OK\r\n" + kind + b"Content-Length: " + size + b"\r\n\r\n" + text


async def serve(port: int) -> None:
    """Serve until standard input ends."""
    loop = asyncio.get_running_loop()
    websocket = await ws_create_server(
        lambda _: Listener(), "127.0.0.1", port, max_frame_size=MAX_FRAME
    )
    http = await loop.create_server(Http, "127.0.0.1", 0)
    ports = [server.sockets[0].getsockname()[1] for server in (websocket, http)]
    print(json.dumps(ports), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)
    websocket.close()
    http.close()


if __name__ == "__main__":
    logging.disable(logging.WARNING)  # It would tell of every pause of a big answer.
    asyncio.run(serve(int(sys.argv[1]) if len(sys.argv) > 1 else 0))
