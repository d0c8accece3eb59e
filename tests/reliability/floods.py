"""Servers that babble or flood: random bytes, and more pings than anybody can answer."""

from __future__ import annotations

import contextlib
import json
import random
import time
import tracemalloc
from typing import Any

import attrs

from mcp_sync import MCPClient
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from mcp_sync.testing.wire import encode_frame
from reliability.clients import PATIENCE
from reliability.rude import calling, serve
from scenes import Inbox, answer, read_request, shake_hands

__all__ = ["Flood", "garbage_after_the_upgrade", "garbage_before_the_upgrade", "ping_flood"]

TEXT, CLOSE, PING = 0x1, 0x8, 0x9


def garbage_after_the_upgrade(client_type: type[MCPClient], seed: int) -> Any:
    """Have random bytes sent where an answer should come; the outcome of the call."""
    chance = random.Random(seed)
    # Most random bytes are refused at once; every second time the first frame's head is plausible.
    head = bytes([chance.choice((0x81, 0x01, 0x88, 0x89, 0x8A))]) if seed % 2 else b""
    garbage = head + chance.randbytes(4096)

    def babble(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        read_request(connection)
        with contextlib.suppress(OSError):
            connection.send(garbage)
            connection.finish()
        connection.receive_to_end()

    return _then_the_next(client_type, WebSocketPeer(babble, serve, patience=PATIENCE))


def garbage_before_the_upgrade(client_type: type[MCPClient], seed: int) -> Any:
    """Have random bytes sent instead of an HTTP response; the outcome of the call."""
    garbage = random.Random(seed).randbytes(4096)

    def babble(connection: WebSocketConnection) -> None:
        connection.read_request()
        with contextlib.suppress(OSError):
            connection.send(garbage)
            connection.finish()
        connection.receive_to_end()

    def upgrade_andserve(connection: WebSocketConnection) -> None:
        connection.read_request()
        connection.accept_upgrade()
        serve(connection)

    peer = WebSocketPeer(babble, upgrade_andserve, upgrade=False, patience=PATIENCE)
    return _then_the_next(client_type, peer)


def _then_the_next(client_type: type[MCPClient], peer: WebSocketPeer) -> Any:
    with peer, calling(client_type, peer.url) as (_, call):
        outcome = call("first")
        assert call("next") == {"method": "next", "params": None}
    return outcome


@attrs.frozen
class Flood:
    """What came of a flood of pings."""

    answered: bool
    seconds: float
    pongs: int
    last: bytes
    """The payload of the last pong."""
    peak: int


def ping_flood(client_type: type[MCPClient], pings: int) -> Flood:
    """Have a server ping that often, without reading one pong, before it answers a call."""
    pongs = Inbox()

    def flood(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        request = read_request(connection)
        for first in range(0, pings, 1000):
            some = range(first, min(pings, first + 1000))
            connection.send(b"".join(encode_frame(PING, b"%0125d" % number) for number in some))
        answer(connection, request, {})
        while (frame := connection.read_frame()).opcode != CLOSE:
            if frame.opcode == TEXT:
                answer(connection, json.loads(frame.payload), {})
            else:
                pongs(frame.payload)
        connection.receive_to_end()

    tracemalloc.start()
    try:
        with (
            WebSocketPeer(flood, patience=PATIENCE) as peer,
            calling(client_type, peer.url) as (client, call),
        ):
            assert client.wait_until_ready(PATIENCE)
            begun = time.monotonic()
            outcome = call("flooded")
            seconds = time.monotonic() - begun
            _, peak = tracemalloc.get_traced_memory()
            assert call("next") == {}  # before it goes the pong that is still owed
    finally:
        tracemalloc.stop()
    return Flood(outcome == {}, seconds, len(pongs), pongs.items()[-1], peak)
