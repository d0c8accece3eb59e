"""Peers that fall silent without a FIN or a reset, and how long it takes to find that out."""

from __future__ import annotations

import contextlib
import random
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import attrs
import pytest

from mcp_sync import MCPClient, MCPConnectionLost, MCPTimeoutError
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.testing import FaultProxy, WebSocketConnection, WebSocketPeer
from mcp_sync.testing.wire import Frame, encode_frame
from reliability.clients import PATIENCE, QUICK, echo
from scenes import Inbox, echo_all, in_threads, read_request, send, shake_hands
from timing import MS

__all__ = [
    "SLACK",
    "Pulse",
    "Waiter",
    "after_half_a_frame",
    "after_life",
    "cut_off",
    "never_read",
    "stuck_write",
]

TEXT: Final = 0x1
PING: Final = 0x9
PONG: Final = 0xA

BEGINNING: Final = 65_536

SLACK: Final = 150 * MS
"""For threads of a busy machine that are woken late."""


@attrs.frozen
class Pulse:
    """Settings of a heartbeat, in seconds."""

    interval: float
    timeout: float

    @property
    def bound(self) -> float:
        """Within what a silent link must be found."""
        return self.interval + self.timeout

    def settings(self) -> dict[str, float]:
        """For a client's constructor."""
        return {"heartbeat_interval": self.interval, "heartbeat_timeout": self.timeout}


class Losses:
    """When links of a client were lost, on the monotonic clock."""

    def __init__(self, client: MCPClient) -> None:
        self._moments = Inbox()
        client.on("disconnected", lambda _: self._moments(time.monotonic()))

    def first(self) -> float:
        """Wait for the first loss, and give its moment."""
        assert self._moments.wait_for(bool, PATIENCE), "the silent link was never found"
        moment: float = self._moments.items()[0]
        return moment


class Waiter:
    """A caller that waits for an answer on a thread of its own, and what became of it."""

    def __init__(self, call: Callable[[], Any]) -> None:
        self._call = call
        self.outcome: Any = None
        self.ended_at = 0.0
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.outcome = self._call()
        except Exception as error:  # noqa: BLE001 - what became of the call, to be looked at
            self.outcome = error
        self.ended_at = time.monotonic()

    def join(self) -> Any:
        """Wait for the end; the result, or the exception."""
        self._thread.join()
        return self.outcome


def cut_off(
    client_type: type[MCPClient], pulse: Pulse, rounds: int, seed: int
) -> tuple[list[float], list[float]]:
    """Black-hole links in both directions, each at a random phase of its pulse.

    Returns:
        Seconds from the cut to the loss of idle links, and to the failure of a waiting call that
        may not be repeated; half of the rounds each.
    """
    phases = random.Random(seed)
    idle, waiting = Inbox(), Inbox()
    # The server never comes to an answer, so that the caller waits when the silence begins.
    with EmbeddedServer(processing_delay=2 * PATIENCE) as server:
        in_threads(
            partial(
                _cut_one_off if number % 2 else _cut_a_waiting_one_off,
                client_type,
                pulse,
                server.port,
                phases.uniform(0, 2 * pulse.interval),
                idle if number % 2 else waiting,
            )
            for number in range(rounds)
        )
    return idle.items(), waiting.items()


def _cut_one_off(
    client_type: type[MCPClient], pulse: Pulse, port: int, phase: float, found: Inbox
) -> None:
    with FaultProxy("127.0.0.1", port) as proxy:
        client = client_type(proxy.url(), **QUICK, **pulse.settings())
        losses = Losses(client)
        try:
            assert client.wait_until_ready(PATIENCE)
            threading.Event().wait(phase)  # paces the fault
            begun = time.monotonic()
            proxy.cut("blackhole")
            found(losses.first() - begun)
        finally:
            client.close()


def _cut_a_waiting_one_off(
    client_type: type[MCPClient], pulse: Pulse, port: int, phase: float, found: Inbox
) -> None:
    with FaultProxy("127.0.0.1", port) as proxy:
        client = client_type(proxy.url(), **QUICK, **pulse.settings())
        try:
            assert client.wait_until_ready(PATIENCE)
            client.request("ping", timeout=PATIENCE)  # the handshake has passed the proxy
            passed = proxy.bytes_to_server
            waiter = Waiter(partial(client.request, "tools/call", echo("silence"), timeout=None))
            proxy.wait_until(lambda it: it.bytes_to_server > passed + 100, PATIENCE)
            threading.Event().wait(phase)  # paces the fault
            begun = time.monotonic()
            proxy.cut("blackhole")
            lost = waiter.join()
            assert isinstance(lost, MCPConnectionLost), lost
            assert lost.maybe_executed
            found(waiter.ended_at - begun)
        finally:
            client.close()


def _until_a_ping(connection: WebSocketConnection) -> None:
    while connection.read_frame().opcode != PING:
        pass


def _after_last_bytes(
    client_type: type[MCPClient], pulse: Pulse, last: Callable[[WebSocketConnection], None]
) -> float:
    fell_silent = Inbox()

    def fall_silent(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        last(connection)
        fell_silent(time.monotonic())
        connection.receive_to_end()

    with WebSocketPeer(fall_silent, _serve, patience=PATIENCE) as peer:
        client = client_type(peer.url, **QUICK, **pulse.settings())
        losses = Losses(client)
        try:
            assert client.wait_until_ready(PATIENCE)
            lost_at = losses.first()
            assert client.request("next", timeout=PATIENCE)["method"] == "next"
        finally:
            client.close()
    seconds: float = lost_at - fell_silent.items()[0]
    return seconds


def _serve(connection: WebSocketConnection) -> None:
    shake_hands(connection)
    echo_all(connection)


def after_life(client_type: type[MCPClient], pulse: Pulse) -> float:
    """A peer that owes a pong, proves by other bytes that it lives, and then falls silent.

    Returns:
        Seconds from its last byte to the loss.
    """

    def last(connection: WebSocketConnection) -> None:
        _until_a_ping(connection)
        send(connection, {"jsonrpc": "2.0", "method": "notifications/alive"})

    return _after_last_bytes(client_type, pulse, last)


def after_half_a_frame(client_type: type[MCPClient], pulse: Pulse) -> float:
    """A peer that falls silent in the middle of a frame.

    Returns:
        Seconds from its last byte to the loss.
    """

    def last(connection: WebSocketConnection) -> None:
        connection.send(encode_frame(TEXT, b'{"jsonrpc": "2.0", "meth', declared=90))

    return _after_last_bytes(client_type, pulse, last)


def _until_a_big_frame(connection: WebSocketConnection) -> None:
    """Answer pings until a frame that is no ping has begun."""
    while (head := connection.receive_exactly(2))[0] & 0x0F == PING:
        mask = connection.receive_exactly(4)
        payload = connection.receive_exactly(head[1] & 0x7F)
        connection.send_frame(PONG, Frame.unmasked(head[0], mask, payload).payload)
    connection.receive_exactly(BEGINNING)


def stuck_write(client_type: type[MCPClient], pulse: Pulse, size: int) -> tuple[float, int]:
    """A peer that stops reading, so that the write of a big call that may not be repeated sticks.

    Args:
        client_type: of the client.
        pulse: its heartbeat.
        size: of the call in bytes, more than all buffers on the way hold.

    Returns:
        Seconds from the last byte that the peer read to the loss, and how often the server got the
        call whole: once, on the next link, since no server can execute half a frame.
    """
    arrived, stopped = Inbox(), Inbox()

    def stop_reading(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        _until_a_big_frame(connection)
        stopped(time.monotonic())
        connection.hold()

    def take(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        request = read_request(connection)
        arrived(len(request["params"]["text"]))
        send(connection, {"jsonrpc": "2.0", "id": request["id"], "result": {"taken": True}})
        connection.receive_to_end()

    with WebSocketPeer(stop_reading, take, patience=PATIENCE) as peer:
        client = client_type(peer.url, **QUICK, **pulse.settings())
        losses = Losses(client)
        try:
            assert client.wait_until_ready(PATIENCE)
            params = {"text": "x" * size}
            waiter = Waiter(partial(client.request, "big", params, timeout=PATIENCE))
            seconds = losses.first() - stopped.items()[0]
            client.configure(heartbeat_timeout=PATIENCE)  # this peer is slow, and answers no ping
            assert waiter.join() == {"taken": True}, waiter.outcome
        finally:
            client.close()
    assert arrived.items() == [size] * len(arrived)
    return seconds, len(arrived)


def never_read(client_type: type[MCPClient], request_timeout: float, size: int) -> list[float]:
    """A peer that sends all the time, so that its link lives, and never reads.

    Args:
        client_type: of the client.
        request_timeout: of the client, in seconds.
        size: of each call in bytes, more than all buffers on the way hold.

    Returns:
        Seconds until a call whose caller waits, and one that was submitted, had failed as not
        sent.
    """

    def chatter(connection: WebSocketConnection) -> None:
        with contextlib.suppress(OSError, EOFError):  # the client may close while it dials again
            shake_hands(connection)
            while True:
                send(connection, {"jsonrpc": "2.0", "method": "notifications/alive"})
                threading.Event().wait(20 * MS)  # paces the fault

    def failed(wait: Callable[[], Any]) -> float:
        begun = time.monotonic()
        with pytest.raises(MCPTimeoutError) as caught:
            wait()
        assert not caught.value.sent
        return time.monotonic() - begun

    params = {"text": "x" * size}
    with WebSocketPeer(chatter, patience=PATIENCE) as peer:
        client = client_type(
            peer.url, request_timeout=request_timeout, **QUICK, **Pulse(0.2, 0.2).settings()
        )
        try:
            assert client.wait_until_ready(PATIENCE)
            waited = failed(lambda: client.request("big", params))
            assert client.wait_until_ready(PATIENCE)
            return [waited, failed(lambda: client.submit("big", params).result(PATIENCE))]
        finally:
            client.close()
