"""The life of links: states, attempts and events, exactly; rejections; waking and probing."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_sync import ConnectionState, MCPClient
from mcp_sync.errors import (
    MCPClosedError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPError,
    MCPOfflineError,
    MCPTimeoutError,
)
from mcp_sync.testing import FaultProxy, WebSocketConnection, WebSocketPeer
from peers_mcp import PATIENCE, Line, Switchboard, nothing, refuse_upgrade, shake
from scenes import (
    FAST,
    PINNED,
    Diary,
    echo_all,
    in_threads,
    nobody_listening,
    shake_hands,
    until,
)
from timing import MS

SLOW = 600.0
"""A back-off that no test lives to see the end of."""

AT_ONCE = 1900 * MS
"""Before the two seconds are over that close() gives threads that do not end."""


@contextlib.contextmanager
def behind_a_proxy(board: Switchboard, **settings: Any) -> Iterator[tuple[MCPClient, FaultProxy]]:
    with FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), **({**FAST} | settings))
        try:
            yield client, proxy
        finally:
            client.close()


# Attempts


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_n_retries_are_n_plus_1_failed_n_reconnecting_and_1_offline(retries: int) -> None:
    with nobody_listening() as url:
        client = MCPClient(url, retries, **FAST)
        diary = Diary(client)
        assert client.connect() is False
        client.close()
        expected = ["failed", "reconnecting"] * retries + ["failed", "offline", "disconnected"]
        diary.wait_for("disconnected")
        assert diary.names() == expected
        failed = diary.events("failed")
        assert [event.context["attempt"] for event in failed] == list(range(1, retries + 2))
        assert all("connection refused" in event.context["error"] for event in failed)
        assert [event.context["next_delay"] is None for event in failed] == [False] * retries + [
            True
        ]
        assert not any(event.context["permanent"] for event in failed)
        assert {event.state for event in failed} == {ConnectionState.FAILED}
        again = diary.events("reconnecting")
        assert [event.context["attempt"] for event in again] == list(range(2, retries + 2))
        (offline,) = diary.events("offline")
        assert offline.context["attempts"] == retries + 1
        assert "connection refused" in offline.context["error"]
        assert offline.state is ConnectionState.OFFLINE


@pytest.mark.parametrize("retries", [0, 2])
def test_every_outage_has_all_its_attempts(retries: int) -> None:
    with (
        Switchboard() as board,
        behind_a_proxy(board, reconnect_attempts=retries) as (
            client,
            proxy,
        ),
    ):
        diary = Diary(client)
        client.connect()
        client.initialize()
        line = board.line()
        proxy.refuse()
        line.reset()
        diary.wait_for("offline")
        assert diary.names() == [
            "connected",
            "initialized",
            "disconnected",
            *["failed", "reconnecting"] * retries,
            "failed",
            "offline",
        ]


def test_a_loss_before_ready_consumes_attempts_like_a_failed_dial() -> None:
    def drop(line: Line) -> None:
        line.message()
        line.reset()

    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 2, **PINNED)
        diary = Diary(client)
        client.submit("ping")
        for _ in range(3):
            drop(board.line())
        offline = diary.wait_for("offline")
        client.close()
    assert offline.context["attempts"] == 3
    assert diary.names()[:8] == [
        "connected",
        "failed",
        "reconnecting",
        "connected",
        "failed",
        "reconnecting",
        "connected",
        "failed",
    ]
    assert "disconnected" not in diary.names()[:-1]


def test_attempts_start_anew_at_ready() -> None:
    def drop_first(line: Line) -> None:
        line.shake_hands()

    with (
        Switchboard(drop_first) as board,
        behind_a_proxy(board, reconnect_attempts=1) as (
            client,
            proxy,
        ),
    ):
        diary = Diary(client)
        client.connect()
        client.initialize()
        for outage in (1, 2, 3):
            board.line().reset()
            diary.wait_for("initialized", outage + 1)
        assert proxy.connections
        assert diary.events("failed") == []
        assert diary.events("offline") == []


def test_the_events_of_a_good_life_carry_their_facts() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **FAST)
        diary = Diary(client)
        client.connect()
        client.initialize()
        board.line().close(1001, "restart")
        diary.wait_for("initialized", 2)
        client.close()
        diary.wait_for("disconnected", 2)
    assert diary.names() == [
        "connected",
        "initialized",
        "disconnected",
        "connected",
        "initialized",
        "disconnected",
    ]
    first, second = diary.events("connected")
    assert (first.context["generation"], second.context["generation"]) == (1, 2)
    assert first.context["peer_address"] == f"127.0.0.1:{board.port}"
    assert first.state is ConnectionState.CONNECTED
    initialized = diary.events("initialized")[0]
    assert initialized.context["server"].name == "peer"
    assert initialized.state is ConnectionState.INITIALIZED
    lost, closed = diary.events("disconnected")
    assert (lost.context["close_code"], lost.context["close_reason"]) == (1001, "restart")
    assert lost.state is ConnectionState.RECONNECTING
    assert (closed.context["cause"], closed.state) == ("closed", ConnectionState.DISCONNECTED)
    assert all(event.timestamp > 1e9 for event in diary.events())


def test_the_first_failure_is_a_warning_with_the_reason_and_the_next_delay(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        caplog.at_level(logging.INFO, "mcp_sync.connection"),
        nobody_listening() as url,
    ):
        client = MCPClient(url, 2, **FAST)
        client.connect()
        client.close()
    records = [one for one in caplog.records if "attempt" in one.message]
    assert [one.levelno for one in records] == [logging.WARNING, logging.INFO, logging.WARNING]
    assert "attempt 1 to connect failed" in records[0].message
    assert "connection refused; next in 0.0" in records[0].message
    assert "offline after 3 attempts" in records[2].message


# Offline


def test_quiet_probes_fire_no_event_are_counted_and_find_the_server_again() -> None:
    with Switchboard() as board, behind_a_proxy(board, reconnect_attempts=0) as (client, proxy):
        diary = Diary(client)
        proxy.refuse()
        assert client.connect() is False
        calls = [client.submit("tools/call"), client.submit("tools/list")]
        while client.get_connection_stats().dials.quiet_probes < 3:
            assert client.is_offline()
        proxy.accept()
        line = board.line()
        for method in ("tools/call", "tools/list"):
            line.answer(line.request(method))
        assert [call.result(PATIENCE) for call in calls] == [{}, {}]
        diary.wait_for("initialized")
        assert diary.names() == ["failed", "offline", "connected", "initialized"]


@pytest.mark.parametrize("act", ["submit", "connect"])
def test_a_probe_whose_link_never_gets_ready_is_as_quiet_as_one_without_a_link(
    act: str, caplog: pytest.LogCaptureFixture
) -> None:
    def drop(line: Line) -> None:
        raise EOFError

    with (
        Switchboard(*[drop] * 8, shake) as board,
        contextlib.closing(MCPClient(board.url, 1, **PINNED)) as client,
    ):
        diary = Diary(client)
        if act == "submit":
            client.submit("ping")
        else:
            client.connect()
        connected = diary.wait_for("connected", 3)
        diary.wait_for("initialized")
        assert connected.state is ConnectionState.CONNECTED
        attempts = ["connected", "failed", "reconnecting", "connected", "failed"]
        names = [name for name in diary.names() if name != "degraded"]  # which hangs on the pace
        assert names == [*attempts, "offline", "connected", "initialized"]
        assert client.get_connection_stats().dials.quiet_probes == 6
    assert sum("offline after" in one for one in caplog.messages) == 1


def test_connect_while_offline_starts_fresh_attempts() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, 1, reconnect_delay=10 * MS, max_reconnect_delay=SLOW)
        diary = Diary(client)
        assert client.connect() is False
        assert client.connect() is False
        client.close()
        diary.wait_for("disconnected")
    assert diary.names() == [*["failed", "reconnecting", "failed", "offline"] * 2, "disconnected"]
    assert [event.context["attempt"] for event in diary.events("failed")] == [1, 2, 1, 2]


def test_without_offline_mode_exhaustion_raises_and_there_is_no_offline() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, 1, offline_mode=False, **FAST)
        diary = Diary(client)
        with pytest.raises(
            MCPConnectionError, match="could not connect after 2 attempts"
        ) as caught:
            client.connect()
        assert caught.value.attempts == 2
        assert "connection refused" in (caught.value.last_error or "")
        assert isinstance(caught.value.__cause__, MCPConnectionError)
        assert client.get_connection_state() == "failed"
        with pytest.raises(MCPConnectionError, match="after 2 attempts"):
            client.request("ping", timeout=PATIENCE)
        with pytest.raises(MCPConnectionError, match="after 2 attempts"):
            client.submit("ping")
        client.close()
        diary.wait_for("disconnected")
    assert diary.names() == ["failed", "reconnecting", "failed", "disconnected"]


def test_without_offline_mode_connect_tries_anew_after_the_exhaustion() -> None:
    with (
        Switchboard() as board,
        behind_a_proxy(board, reconnect_attempts=0, offline_mode=False) as (client, proxy),
    ):
        proxy.refuse()
        with pytest.raises(MCPConnectionError):
            client.connect()
        proxy.accept()
        assert client.connect() is True


def test_without_offline_mode_a_call_waits_for_the_connection_or_fails_with_it() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, offline_mode=False, **FAST)
        with pytest.raises(MCPOfflineError):
            client.submit("ping")
        answered = threading.Thread(
            target=lambda: (line := board.line()).answer(line.request("ping"))
        )
        answered.start()
        assert client.request("ping", timeout=PATIENCE) == {}
        answered.join()
        client.close()
        with pytest.raises(MCPClosedError):
            client.submit("ping")
    with nobody_listening() as url:
        client = MCPClient(url, 1, offline_mode=False, **FAST)
        with pytest.raises(MCPConnectionError, match="after 2 attempts"):
            client.request("ping", timeout=PATIENCE)
        client.close()


def test_without_offline_mode_the_wait_for_the_connection_is_bounded() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, offline_mode=False, reconnect_delay=SLOW)
        client.configure(reconnect_delay=SLOW, max_reconnect_delay=SLOW)
        with pytest.raises(TimeoutError, match="a connection: .*, no ready link"):
            client.request("ping", timeout=30 * MS)
        client.close()


# Waking


def planned_dial(client: MCPClient) -> float:
    with client._connection.gate.lock:
        planned = client._connection.life._dial_at
    assert planned is not None
    return planned


def test_a_call_wakes_the_dialer_at_most_once_per_reconnect_delay() -> None:
    with WebSocketPeer(refuse_upgrade(503), upgrade=False) as peer:
        client = MCPClient(peer.url, 100, reconnect_delay=SLOW, max_reconnect_delay=SLOW)
        diary = Diary(client)
        client.submit("ping")
        diary.wait_for("failed")
        client.submit("ping")
        diary.wait_for("failed", 2)
        planned = planned_dial(client)
        calls = [client.submit("ping") for _ in range(20)]
        assert planned_dial(client) == planned
        assert peer.connections == 2
        assert not any(call.done() for call in calls)
        client.close()


def test_a_call_wakes_an_offline_client() -> None:
    with WebSocketPeer(refuse_upgrade(503), upgrade=False) as peer:
        client = MCPClient(peer.url, 0, reconnect_delay=SLOW, max_reconnect_delay=SLOW)
        assert client.connect() is False
        client.submit("ping")
        peer.wait_for_connections(2)
        client.close()


def test_a_wait_for_readiness_wakes_the_dialer_as_a_call_does() -> None:
    with (
        Switchboard() as board,
        behind_a_proxy(
            board, reconnect_attempts=0, reconnect_delay=SLOW, max_reconnect_delay=SLOW
        ) as (client, proxy),
    ):
        proxy.refuse()
        assert client.connect() is False
        assert client.wait_until_ready(0) is False
        # That has woken it, too: a dial under way is joined, and not followed by another.
        until(lambda: client.get_connection_stats().dials.failed == 2)
        client.configure(reconnect_delay=1 * MS)
        proxy.accept()
        assert client.wait_until_ready(PATIENCE) is True


def test_a_server_that_asked_to_wait_is_not_dialed_sooner_by_a_call() -> None:
    with WebSocketPeer(refuse_upgrade(503, Retry_After="100"), upgrade=False) as peer:
        client = MCPClient(peer.url, 3, **FAST)
        diary = Diary(client)
        client.submit("ping")
        event = diary.wait_for("failed")
        # What the server asked for, and the usual jitter on top.
        assert 100 <= event.context["next_delay"] <= 100 + FAST["max_reconnect_delay"]
        planned = planned_dial(client)
        for _ in range(3):
            client.submit("ping")
        client.configure(max_reconnect_delay=1 * MS)
        assert planned_dial(client) == planned
        assert peer.connections == 1
        client.reconnect()
        diary.wait_for("failed", 2)
        client.close()


def test_reconnect_wakes_the_back_off() -> None:
    with (
        Switchboard() as board,
        behind_a_proxy(board, reconnect_delay=SLOW, max_reconnect_delay=SLOW) as (client, proxy),
    ):
        diary = Diary(client)
        proxy.refuse()
        # Not by a call, which would wake the back-off itself.
        with pytest.raises(MCPTimeoutError):
            client.connect(0)
        diary.wait_for("failed")
        proxy.accept()
        client.reconnect()
        diary.wait_for("connected")


def test_reconnect_drops_the_link_and_dials() -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        diary = Diary(client)
        first = board.line()
        client.reconnect()
        first.wait_until_ended()
        assert first.close_code == 1000
        board.line()
        diary.wait_for("initialized")
        lost = diary.events("disconnected")[0]
        assert lost.context["cause"] == "reconnect() was called"


def test_reconnect_on_a_link_that_is_not_ready_is_no_failed_attempt() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 0, **FAST)
        diary = Diary(client)
        client.connect()
        board.line()
        client.reconnect()
        board.line()
        diary.wait_for("connected", 2)
        assert diary.names() == ["connected", "disconnected", "connected"]
        client.close()


def test_reconnect_opens_a_client_that_never_was_or_was_closed() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, **FAST)
        client.reconnect()
        board.line()
        client.close()
        client.reconnect()
        board.line()
        client.close()


def test_a_shorter_cap_shortens_the_back_off_that_is_under_way() -> None:
    with (
        Switchboard() as board,
        behind_a_proxy(board, reconnect_delay=SLOW, max_reconnect_delay=SLOW) as (client, proxy),
    ):
        diary = Diary(client)
        proxy.refuse()
        client.submit("ping")
        diary.wait_for("failed")
        proxy.accept()
        client.configure(max_reconnect_delay=1 * MS)
        line = board.line()
        line.answer(line.request("ping"))
        assert client.drain(PATIENCE)


# Rejections


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_before_ever_ready_is_permanent(status: int) -> None:
    is_queued = threading.Event()

    def refuse_when_queued(connection: WebSocketConnection) -> None:
        assert is_queued.wait(PATIENCE)
        refuse_upgrade(status)(connection)

    with WebSocketPeer(refuse_when_queued, upgrade=False) as peer:
        client = MCPClient(peer.url, **FAST)
        diary = Diary(client)
        queued = client.submit("ping")
        is_queued.set()
        with pytest.raises(MCPConnectionRejected) as caught:
            client.connect()
        assert caught.value.status == status
        assert isinstance(queued.exception(PATIENCE), MCPConnectionRejected)
        assert client.get_connection_state() == "failed"
        event = diary.wait_for("failed")
        assert event.context["permanent"] is True
        assert event.context["next_delay"] is None
        assert peer.connections >= 1
        with pytest.raises(MCPConnectionRejected):
            client.wait_until_ready(PATIENCE)
        with pytest.raises(MCPConnectionRejected):
            client.initialize()
        client.close()


def test_only_connect_dials_again_after_a_rejection() -> None:
    with WebSocketPeer(refuse_upgrade(404), upgrade=False) as peer:
        client = MCPClient(peer.url, **FAST)
        for count in (1, 2):
            with pytest.raises(MCPConnectionRejected):
                client.connect()
            with pytest.raises(MCPConnectionRejected):
                client.request("ping")
            assert peer.connections == count
        client.close()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_after_the_client_was_ready_may_pass(status: int) -> None:
    def once(connection: WebSocketConnection) -> None:
        connection.read_request()
        connection.accept_upgrade()
        shake_hands(connection)
        connection.reset()

    def later(connection: WebSocketConnection) -> None:
        connection.read_request()
        connection.accept_upgrade()
        shake_hands(connection)
        echo_all(connection)

    with WebSocketPeer(once, refuse_upgrade(status), later, upgrade=False) as peer:
        client = MCPClient(peer.url, **FAST)
        assert client.request("ping", timeout=PATIENCE)["method"] == "ping"
        assert peer.connections == 3
        client.close()


@pytest.mark.parametrize("retries", [0, 3])
def test_a_401_with_callable_headers_gets_one_more_dial(retries: int) -> None:
    tokens: list[str] = []

    def headers() -> dict[str, str]:
        tokens.append(f"Bearer {len(tokens)}")
        return {"Authorization": tokens[-1]}

    with WebSocketPeer(refuse_upgrade(401), upgrade=False) as peer:
        client = MCPClient(peer.url, retries, headers=headers, **FAST)
        with pytest.raises(MCPConnectionRejected):
            client.connect()
        assert peer.connections == 2
        assert tokens == ["Bearer 0", "Bearer 1"]
        client.close()


def test_a_401_that_new_headers_cure_is_no_rejection() -> None:
    seen: list[str] = []

    def check(connection: WebSocketConnection) -> None:
        request = connection.read_request()
        seen.append(request.headers["authorization"])
        if len(seen) == 1:
            connection.respond(401)
            return
        connection.accept_upgrade()
        shake_hands(connection)
        echo_all(connection)

    with (
        WebSocketPeer(check, upgrade=False) as peer,
        MCPClient(peer.url, headers=lambda: {"Authorization": str(len(seen))}, **FAST) as client,
    ):
        assert client.is_initialized()
    assert seen == ["0", "1"]


def test_no_common_version_is_permanent_also_later() -> None:
    def strange(line: Line) -> None:
        line.shake_hands("1999-01-01")

    with Switchboard(strange) as board:
        client = MCPClient(board.url, **FAST)
        with pytest.raises(MCPConnectionRejected, match="1999-01-01"):
            client.__enter__()
        assert board.connections == 1

    def good(line: Line) -> None:
        line.shake_hands()

    with Switchboard(good, strange) as board:
        client = MCPClient(board.url, **FAST)
        client.connect()
        client.initialize()
        board.line().reset()
        with pytest.raises(MCPConnectionRejected):
            client.request("ping", timeout=PATIENCE)
        client.close()


@pytest.mark.parametrize("code", [1002, 1003, 1007])
def test_two_losses_by_a_broken_protocol_in_a_row_are_permanent(code: int) -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        diary = Diary(client)
        board.line().close(code)
        second = board.line()
        diary.wait_for("initialized")
        second.close(code)
        event = diary.wait_for("failed")
        assert event.context["permanent"] is True
        with pytest.raises(MCPConnectionRejected, match=f"close code {code}"):
            client.wait_until_ready(PATIENCE)
        assert client.connect() is True
        board.line().close(code)
        board.line()
        assert client.wait_until_ready(PATIENCE)


def test_broken_links_count_before_ready_too() -> None:
    def broken(line: Line) -> None:
        line.message()
        line.close(1002)

    with Switchboard(nothing) as board:
        client = MCPClient(board.url, **PINNED)
        call = client.submit("ping")
        for _ in range(2):
            broken(board.line())
        assert isinstance(call.exception(PATIENCE), MCPConnectionRejected)
        client.close()


@pytest.mark.parametrize("code", [1000, 1001, 1008, 1011, 1012, 1013, 4000])
def test_other_close_codes_are_transient(code: int) -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        for _ in range(3):
            board.line().close(code, "because")
        line = board.line()
        call = client.submit("ping")
        line.answer(line.request("ping"))
        assert call.result(PATIENCE) == {}
        recent = client.get_connection_stats().losses.recent
        assert [(one.close_code, one.close_reason) for one in recent] == [(code, "because")] * 3


def test_a_close_frame_without_a_code_is_transient_like_a_normal_closure() -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        for _ in range(3):
            line = board.line()
            line.connection.send_close()
            line.close()
        line = board.line()
        call = client.submit("ping")
        line.answer(line.request("ping"))
        assert call.result(PATIENCE) == {}
        recent = client.get_connection_stats().losses.recent
        assert [one.close_code for one in recent] == [1005] * 3


# Closing


def test_closing_during_the_back_off_takes_milliseconds() -> None:
    before = threading.enumerate()
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_delay=SLOW, max_reconnect_delay=SLOW)
        diary = Diary(client)
        client.submit("ping")
        diary.wait_for("failed")
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < AT_ONCE
        assert not [one for one in threading.enumerate() if one not in before]


def test_closing_during_a_dial_ends_it() -> None:
    def mute(connection: WebSocketConnection) -> None:
        connection.receive_to_end()

    with WebSocketPeer(mute, upgrade=False) as peer:
        client = MCPClient(peer.url, connect_timeout=SLOW)
        client.submit("ping")
        peer.wait_for_connections(1)
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < AT_ONCE


def test_a_waiting_connect_meets_the_close() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_delay=SLOW, max_reconnect_delay=SLOW)
        diary = Diary(client)
        outcomes: list[BaseException] = []

        def connect() -> None:
            with pytest.raises(MCPClosedError) as caught:
                client.connect()
            outcomes.append(caught.value)

        connecting = threading.Thread(target=connect)
        connecting.start()
        diary.wait_for("failed")
        client.close()
        connecting.join(PATIENCE)
        assert len(outcomes) == 1


def test_a_closed_client_is_opened_by_connect() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **FAST)
        for generation in (1, 2, 3):
            assert client.connect() is True
            assert client.get_connection_stats().link.generation == generation
            client.initialize()
            line = board.line()
            call = client.submit("ping")
            line.answer(line.request("ping"))
            assert call.result(PATIENCE) == {}
            client.close()
            assert client.get_connection_state() == "disconnected"


def test_a_wait_on_a_closed_client_leaves_no_wish_for_a_handshake_behind() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, **FAST)
        client.close()
        with pytest.raises(MCPClosedError):
            client.wait_until_ready(PATIENCE)
        assert client.connect() is True
        line = board.line()
        line.ask(1, "ping")
        assert line.message()["id"] == 1
        assert line.is_quiet()
        assert client.get_connection_state() == "connected"
        client.close()


def test_many_threads_that_connect_make_one_connection() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **FAST)
        outcomes: list[bool] = []
        in_threads([lambda: outcomes.append(client.connect(PATIENCE))] * 12)
        assert outcomes == [True] * 12
        in_threads([client.initialize] * 6)
        assert board.connections == 1
        client.close()


def test_a_loss_before_ready_tells_the_reason_to_those_who_wait() -> None:
    def drop(line: Line) -> None:
        line.message()
        line.close(4002, "not today")

    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 0, offline_mode=False, **PINNED)
        dropping = threading.Thread(target=lambda: drop(board.line()))
        dropping.start()
        with pytest.raises(MCPConnectionError, match="after 1 attempts") as caught:
            client.request("ping", timeout=PATIENCE)
        assert isinstance(caught.value.__cause__, MCPConnectionLost)
        assert caught.value.__cause__.close_code == 4002
        dropping.join()
        client.close()


def test_dials_are_counted() -> None:
    with Switchboard() as board, behind_a_proxy(board, reconnect_attempts=1) as (client, proxy):
        proxy.refuse()
        assert client.connect() is False
        proxy.accept()
        assert client.wait_until_ready(PATIENCE)
        board.line().reset()
        board.line()
        assert client.wait_until_ready(PATIENCE)
        statistics = client.get_connection_stats()
        dials = statistics.dials
        assert dials.succeeded == 2
        assert dials.failed >= 2
        assert dials.made == dials.succeeded + dials.failed
        assert dials.success_rate == dials.succeeded / dials.made
        assert dials.reconnects == 1
        assert statistics.losses.count == 1
        assert statistics.link.generation == 2


def test_a_dial_counts_once_whether_its_handshake_or_its_ready_link_fails() -> None:
    def refuse(line: Line) -> None:
        while (request := line.message())["method"] != "initialize":
            line.refuse(request)
        line.refuse(request, -32603, "not today")

    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 0, offline_mode=False, **PINNED)
        call = threading.Thread(target=lambda: refuse(board.line()))
        call.start()
        with pytest.raises(MCPError):
            client.request("ping", timeout=PATIENCE)
        call.join()
        dials = client.get_connection_stats().dials
        client.close()
    assert (dials.made, dials.succeeded, dials.failed, dials.reconnects) == (1, 0, 1, 0)
    assert "not today" in str(dials.last_error)
    with Switchboard() as board, MCPClient(board.url, **PINNED) as client:
        diary = Diary(client)
        for _ in range(2):
            board.line().close(1002)
        diary.wait_for("failed")
        dials = client.get_connection_stats().dials
    assert (dials.made, dials.succeeded, dials.failed) == (2, 2, 0)


def test_traffic_is_counted_over_all_links() -> None:
    with Switchboard() as board, MCPClient(board.url, **PINNED) as client:
        before = client.get_connection_stats().traffic
        board.line().reset()
        board.line()
        assert client.wait_until_ready(PATIENCE)
        after = client.get_connection_stats().traffic
        assert after.messages_sent == 2 * before.messages_sent == 4
        assert after.bytes_sent > before.bytes_sent * 1.5
        assert after.bytes_received > before.bytes_received
