"""A link: its read turn, its pings, what a handshake agreed on."""

from __future__ import annotations

import threading

import pytest

from mcp_sync.connection.link import Link, Loss, ReadTurn
from mcp_sync.connection.resolver import resolve
from mcp_sync.deadline import Deadline
from mcp_sync.protocol.compareblocks import CompareblocksDialect
from mcp_sync.protocol.dialect import Session
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from mcp_sync.transports.base import LinkInfo
from mcp_sync.transports.websocket import WebSocketSettings, WebSocketTransport
from mcp_sync.types.session import InitializeResult
from peers_mcp import PING, PONG
from timing import MS

BOUND = 5000 * MS


def make_link(url: str = "ws://127.0.0.1:1") -> Link:
    return Link(1, WebSocketTransport(WebSocketSettings(url=url), resolve), McpDialect())


def in_another_thread(act: object) -> object:
    outcome: list[object] = []
    thread = threading.Thread(target=lambda: outcome.append(act()))  # type: ignore[operator]
    thread.start()
    thread.join(BOUND)
    return outcome[0]


def test_one_thread_at_a_time_has_the_read_turn() -> None:
    turn = ReadTurn()
    assert turn.take() is True
    assert turn.take() is False
    assert in_another_thread(turn.take) is False
    turn.give_back()
    assert in_another_thread(turn.take) is True


def test_only_who_has_the_turn_can_give_it_back() -> None:
    turn = ReadTurn()
    turn.give_back()
    assert turn.take()
    in_another_thread(turn.give_back)
    assert turn.is_taken
    turn.give_back()
    assert not turn.is_taken


def test_a_link_says_what_it_leads_to_on_one_line() -> None:
    link = make_link()
    assert str(link) == "link 1"
    link.info = LinkInfo(peer_address="192.0.2.7:443", tls_version="TLSv1.3")
    assert str(link) == "link 1 to 192.0.2.7:443, TLSv1.3"
    wire = {"protocolVersion": "1", "serverInfo": {"name": "a\nb", "version": "v" * 1000}}
    link.adopt(Session(InitializeResult.from_wire(wire), McpDialect()))
    shown = f"server 'a\\nb' '{'v' * 60}'… (1000 characters), protocol '1'"
    assert str(link) == f"link 1 to 192.0.2.7:443, TLSv1.3, {shown}"


def test_a_loss_tells_why() -> None:
    loss = Loss(cause="the peer closed the link", close_code=1001, close_reason="bye")
    assert (loss.cause, loss.close_code, loss.close_reason, loss.size) == (
        "the peer closed the link",
        1001,
        "bye",
        None,
    )


def test_a_ping_that_could_not_be_sent_says_so_and_is_forgotten() -> None:
    link = make_link()
    trips: list[float] = []
    assert link.ping(b"1", trips.append) is False
    link._pong(b"1")
    assert trips == []
    assert link.ponged_at is None


def test_a_handshake_decides_what_is_spoken() -> None:
    link = make_link()
    result = InitializeResult.from_wire({"protocolVersion": "1.0.0"})
    session = Session(result, CompareblocksDialect())
    link.adopt(session)
    assert link.session is session
    assert link.dialect.name == "compareblocks"


def pong_for(*payloads: bytes):  # type: ignore[no-untyped-def]  # a script
    """After as many pings as payloads, these pongs."""

    def run(connection: WebSocketConnection) -> None:
        for _ in payloads:
            assert connection.read_frame().opcode == PING
        for payload in payloads:
            connection.send_frame(PONG, payload)
        connection.send_text("{}")
        connection.receive_to_end()

    return run


@pytest.mark.parametrize(
    ("pongs", "answered"),
    [
        ((b"1", b"2"), ["1", "2"]),
        ((b"2", b"2"), ["1", "2"]),  # RFC 6455, 5.5.3: the latest pong stands for all before
        ((b"1", b"1"), ["1"]),
        ((b"unasked", b"1"), ["1"]),
    ],
)
def test_a_pong_answers_its_ping_and_those_before_it(
    pongs: tuple[bytes, ...], answered: list[str]
) -> None:
    seen: list[str] = []
    with WebSocketPeer(pong_for(*pongs)) as peer:
        link = make_link(peer.url)
        link.transport.open(Deadline(BOUND))
        for name in ("1", "2"):
            assert link.ping(name.encode(), lambda trip, name=name: seen.append(name))  # type: ignore[misc]
        assert link.transport.receive(Deadline(BOUND)) == "{}"
        assert seen == answered
        assert link.ponged_at is not None
        link.transport.abort()
        link.transport.release()


def test_a_peer_that_never_answers_pings_fills_no_memory() -> None:
    def mute(connection: WebSocketConnection) -> None:
        for _ in range(100):
            connection.read_frame()
        connection.send_frame(PONG, b"0")
        connection.send_frame(PONG, b"99")
        connection.send_text("{}")
        connection.receive_to_end()

    seen: list[int] = []
    with WebSocketPeer(mute) as peer:
        link = make_link(peer.url)
        link.transport.open(Deadline(BOUND))
        for number in range(100):
            assert link.ping(
                str(number).encode(),
                lambda trip, number=number: seen.append(number),  # type: ignore[misc]
            )
        assert len(link._pings) < 20
        assert link.transport.receive(Deadline(BOUND)) == "{}"
        assert seen[-1] == 99
        assert 0 not in seen
        link.transport.abort()
        link.transport.release()
