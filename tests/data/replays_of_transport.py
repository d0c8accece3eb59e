"""Replays of how it is said: handshakes, frames, sizes, pings and closes."""

from __future__ import annotations

import ast
import json
import re
import socket
import ssl

from websocket import ABNF

from data.recording import Exchange
from data.stage import WAIT, Stage, answers, connect, each, events, first, named_failure, request
from mcp_sync.embedded import EmbeddedServer
from timing import MS


@each("frames/binary-json", "frames/binary-utf16", "frames/binary-garbage")
@each("frames/binary-not-json", "frames/binary-empty")
def _binary(stage: Stage, exchange: Exchange) -> list[str]:
    described, _, text = exchange.requests[0].rpartition("] ")
    encoding = "utf-16" if "UTF-16" in described else "utf-8"
    payload = text.encode(encoding) if described else ast.literal_eval(text)
    with connect(stage.server) as client:
        client.send_binary(payload)
        return answers(client)


@each("frames/fragmented")
def _fragmented(stage: Stage, exchange: Exchange) -> list[str]:
    text = exchange.requests[0].removeprefix("[two fragments of] ")
    with connect(stage.server) as client:
        client.send_frame(ABNF.create_frame(text[:20], ABNF.OPCODE_TEXT, fin=0))
        client.send_frame(ABNF.create_frame(text[20:], ABNF.OPCODE_CONT))
        return answers(client)


@each("frames/client-ping")
def _ping(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        client.ping("hello")
        return answers(client)


@each("frames/unsolicited-pong")
def _pong(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        client.pong("hello")
        return answers(client)


@each("frames/client-close-1000", "frames/client-close-1001", "frames/client-close-4000")
def _close(stage: Stage, exchange: Exchange) -> list[str]:
    code = int(re.findall(r"\d+", exchange.requests[0])[0])
    with connect(stage.server) as client:
        client.send_close(code, b"bye")
        return [first(client)]


@each("frames/text-invalid-utf8")
def _invalid_utf8(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        client.send_frame(ABNF.create_frame(b"\xff\xfe", ABNF.OPCODE_TEXT))
        return [first(client)]


@each("frames/unmasked")
def _unmasked(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        client.sock.sendall(b"\x81\x02{}")
        return [first(client)]


@each("frames/size-1MiB-1", "frames/size-1MiB", "frames/size-1MiB+1")
@each("frames/size-2MiB", "frames/size-8MiB")
def _size(stage: Stage, exchange: Exchange) -> list[str]:
    size = int(re.findall(r"\d+", exchange.requests[0])[0])
    empty = request("initialize", {"padding": ""}, "sz")
    with connect(stage.server) as client:
        client.send(empty.replace('""', f'"{"x" * (size - len(empty))}"'))
        return [first(client)]


@each("frames/size-fragments-1.2MB")
def _large_fragments(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        client.send_frame(ABNF.create_frame("x" * 600_000, ABNF.OPCODE_TEXT, fin=0))
        client.send_frame(ABNF.create_frame("x" * 600_000, ABNF.OPCODE_CONT))
        return [first(client)]


@each("frames/size-non-ascii")
def _non_ascii(stage: Stage, exchange: Exchange) -> list[str]:
    with connect(stage.server) as client:
        client.send("é" * 600_000)
        return [first(client)]


@each("frames/answer-larger-than-1MiB")
def _large_answer(stage: Stage, exchange: Exchange) -> list[str]:
    params = {"pdf_path": "sample.pdf", "variations": [], "metadata": {"note": "é" * 500_000}}
    message = {"jsonrpc": "2.0", "id": "big", "method": "submit_extraction", "params": params}
    with connect(stage.server) as client:
        client.send(json.dumps(message, ensure_ascii=False))
        accepted = first(client)
        stage.know(exchange.recv[0], accepted)
        client.send(stage.here(exchange.requests[1]))
        return [accepted, f"[one text message of {len(first(client))} bytes]"]


@each("keepalive/client-that-reads")
def _keepalive_read(stage: Stage, exchange: Exchange) -> list[str]:
    """All times are a twentieth of the recorded ones."""
    with EmbeddedServer(keepalive=1000 * MS) as server, connect(server) as client:
        found = []
        for _ in exchange.recv:
            ping = client.recv_frame()
            client.pong(ping.data)
            found.append("[ping]" if ping.opcode == ABNF.OPCODE_PING else str(ping))
        assert set(answers(client)) <= {"[ping]"}
        return found


@each("keepalive/client-that-never-answers-pings")
def _keepalive_silent(stage: Stage, exchange: Exchange) -> list[str]:
    with EmbeddedServer(keepalive=200 * MS) as server, connect(server) as client:
        return list(events(client))


@each("keepalive/synchronous-client-that-does-not-read-for-47s")
def _keepalive_late(stage: Stage, exchange: Exchange) -> list[str]:
    with EmbeddedServer(keepalive=1000 * MS) as server, connect(server) as client:
        assert server.wait_for_connections(1, WAIT)
        assert server.wait_for_connections(0, WAIT)
        client.send(request("get_status", None, "late"))
        return [first(client), first(client)]


@each("handshake/tls")
def _tls(stage: Stage, exchange: Exchange) -> list[str]:
    context = ssl.create_default_context()
    with (
        socket.create_connection(("127.0.0.1", stage.server.port), WAIT) as raw,
        named_failure() as failed,
    ):
        context.wrap_socket(raw, server_hostname="localhost").close()
    return failed


def handshake(stage: Stage, exchange: Exchange) -> list[str]:
    """Send recorded bytes; read the head of the answer, and to the end unless it is a 101."""
    received = b""
    with socket.create_connection(("127.0.0.1", stage.server.port), WAIT) as raw:
        raw.sendall(exchange.requests[0].encode())
        while chunk := raw.recv(65536):
            received += chunk
            if received.startswith(b"HTTP/1.1 101") and b"\r\n\r\n" in received:
                return [received.decode()]
    return [received.decode() + "[EOF]"]
