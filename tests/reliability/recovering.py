"""How soon after the server's return a client has its first answer, and how soon one closes.

The proxy refuses connections while the server is "away": so the moment of its return is known.
"""

from __future__ import annotations

import random
import threading
import time
from functools import partial
from typing import Final

from mcp_sync import MCPClient
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.testing import FaultProxy, RawPeer
from mcp_sync.testing.peers import PeerConnection
from reliability.clients import PATIENCE
from reliability.silence import Waiter
from scenes import Diary, Inbox, nobody_listening, own_threads
from timing import MS

__all__ = ["CLOSING", "close_times", "recovery_times"]

CLOSING: Final = 250 * MS
"""What closing may take at the most, on a busy machine; an idle one needs a millisecond."""


def recovery_times(
    client_type: type[MCPClient], *, rounds: int, delay: float, cap: float, waiting: bool, seed: int
) -> list[float]:
    """Take the server away and bring it back, again and again.

    Args:
        client_type: of the client.
        rounds: how often.
        delay: of the client's back-off, in seconds.
        cap: the longest pause of its back-off.
        waiting: whether a call waits all the time that the server is away; otherwise the client
            is idle, and a call is made once it is ready.
        seed: of the lengths of the outages.

    Returns:
        Seconds from the server's return to the first answer, for each round.
    """
    chance = random.Random(seed)
    times = []
    with EmbeddedServer() as server, FaultProxy("127.0.0.1", server.port) as proxy:
        client = client_type(
            proxy.url(), reconnect_attempts=100_000, reconnect_delay=delay, max_reconnect_delay=cap
        )
        diary = Diary(client)
        try:
            assert client.wait_until_ready(PATIENCE)
            for number in range(1, rounds + 1):
                proxy.refuse()
                proxy.cut("rst")
                diary.wait_for("disconnected", number)
                ask = partial(client.request, "ping", timeout=PATIENCE)
                waiter = Waiter(ask) if waiting else None
                threading.Event().wait(chance.uniform(1, 4) * cap)  # the length of the outage
                returned = time.monotonic()
                proxy.accept()
                if waiter is None:
                    diary.wait_for("initialized", number + 1)
                    waiter = Waiter(ask)
                assert waiter.join() == {}
                times.append(waiter.ended_at - returned)
            assert all(event.context["next_delay"] <= cap for event in diary.events("failed"))
        finally:
            client.close()
    return times


def close_times(client_type: type[MCPClient], rounds: int) -> dict[str, list[float]]:
    """Close clients in the middle of a back-off and of a dial.

    Returns:
        Seconds that ``close()`` took, by what it interrupted.
    """

    def say_nothing(connection: PeerConnection) -> None:
        accepted(None)
        connection.receive_to_end()

    times: dict[str, list[float]] = {"a back-off of up to 60 s": [], "a dial without an answer": []}
    for _ in range(rounds):
        with nobody_listening() as url:
            client = client_type(url, reconnect_delay=60.0)
            diary = Diary(client)
            client.submit("never")
            diary.wait_for("failed")
            times["a back-off of up to 60 s"].append(_close(client))
        accepted = Inbox()
        with RawPeer(say_nothing) as peer:
            client = client_type(f"ws://127.0.0.1:{peer.port}", connect_timeout=60.0)
            client.submit("never")
            assert accepted.wait_for(bool, PATIENCE)
            times["a dial without an answer"].append(_close(client))
    return times


def _close(client: MCPClient) -> float:
    begun = time.monotonic()
    client.close()
    took = time.monotonic() - begun
    assert client.get_connection_state() == "disconnected"
    left = own_threads()
    assert left == [], f"close() left threads behind: {left}"
    return took
