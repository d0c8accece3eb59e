"""A client's surface: how it is made, entered, called, listened to, and what it tells of itself."""

from __future__ import annotations

import contextlib
import pickle
import threading
import time
import warnings
from collections.abc import Iterator

import pytest

from mcp_sync import BaseClient, CompareblocksClient, MCPClient, OfflineResponse
from mcp_sync.client_calls import UNSET
from mcp_sync.config import ClientConfig
from mcp_sync.deadline import Deadline
from mcp_sync.errors import (
    MCPClosedError,
    MCPConfigurationError,
    MCPConnectionRejected,
    MCPOfflineError,
    MCPTimeoutError,
)
from mcp_sync.testing import FaultProxy, WebSocketPeer
from peers_mcp import NEWEST, PATIENCE, Line, Switchboard, nothing, refuse_upgrade
from scenes import FAST, PINNED, Diary, Inbox, nobody_listening
from timing import MS

SLOW = 600.0
QUICK = 0.8 * PATIENCE


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    with MCPClient(board.url, **FAST) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


@pytest.fixture
def away() -> Iterator[MCPClient]:
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_attempts=0, **FAST)
        assert client.connect() is False
        yield client
        client.close()


# Making one


def test_the_five_settings_stand_at_their_places_with_their_defaults() -> None:
    config = MCPClient().config
    assert (
        config.server_url,
        config.reconnect_attempts,
        config.reconnect_delay,
        config.request_timeout,
        config.heartbeat_interval,
    ) == ("ws://localhost:8765", 5, 2.0, 30.0, 30.0)
    config = MCPClient("ws://localhost:1", 1, 2.5, 3.5, 4.5).config
    assert (
        config.server_url,
        config.reconnect_attempts,
        config.reconnect_delay,
        config.request_timeout,
        config.heartbeat_interval,
    ) == ("ws://localhost:1", 1, 2.5, 3.5, 4.5)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"server_url": "http://127.0.0.1:1"}, "Streamable HTTP is not in this version"),
        ({"server_url": "ftp://127.0.0.1:1"}, "server_url"),
        ({"server_url": "ws://"}, "server_url"),
        ({"request_timeout": 0}, "request_timeout"),
        ({"reconnect_attempts": -1}, "reconnect_attempts"),
        ({"no_such_setting": 1}, "is no setting"),
    ],
)
def test_an_impossible_setting_raises_in_the_constructor(
    settings: dict[str, object], words: str
) -> None:
    with pytest.raises(MCPConfigurationError, match=words):
        MCPClient(**settings)  # type: ignore[arg-type]


def test_a_client_that_is_made_does_nothing_yet() -> None:
    before = threading.active_count()
    client = MCPClient("ws://127.0.0.1:1")
    assert client.get_connection_state() == "disconnected"
    assert threading.active_count() == before
    told = (client.is_connected(), client.is_initialized(), client.is_offline())
    assert told == (False, False, False)


def test_a_client_of_no_kind_speaks_no_dialect() -> None:
    with pytest.raises(TypeError, match="MCPClient or CompareblocksClient|abstract"):
        BaseClient()  # type: ignore[abstract]


def test_a_client_is_made_from_settings_that_were_read_elsewhere() -> None:
    config = ClientConfig(server_url="ws://127.0.0.1:1", max_replays=0, request_timeout=3.0)
    assert MCPClient.from_settings(config).config == config
    assert CompareblocksClient.from_settings(config).config == config


def test_a_client_travels_as_its_settings(client: MCPClient) -> None:
    copy = pickle.loads(pickle.dumps(client))
    assert type(copy) is MCPClient
    assert copy.config == client.config
    assert copy.get_connection_state() == "disconnected"


# with


def test_with_means_ready(board: Switchboard) -> None:
    with MCPClient(board.url, **FAST) as client:
        assert client.is_connected()
        assert client.is_initialized()
    assert client.get_connection_state() == "disconnected"


def test_with_raises_when_the_server_is_away_and_leaves_nothing_running() -> None:
    before = set(threading.enumerate())
    with nobody_listening() as url:
        client = MCPClient(url, 1, **FAST)
        with pytest.raises(MCPOfflineError, match="connection refused") as caught:
            client.__enter__()
        assert caught.value.attempts == 2
    assert client.get_connection_state() == "disconnected"
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE)
    with pytest.raises(MCPClosedError):
        client.submit("ping")


def test_with_raises_the_rejection() -> None:
    with WebSocketPeer(refuse_upgrade(403), upgrade=False) as peer:
        client = MCPClient(peer.url, **FAST)
        with pytest.raises(MCPConnectionRejected):
            client.__enter__()
        assert client.get_connection_state() == "disconnected"


def test_with_raises_at_once_when_the_handshake_uses_the_attempts_up() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 0, request_timeout=SLOW, **FAST)
        assert client.connect(PATIENCE)
        client.configure(connect_timeout=300 * MS)
        began = time.monotonic()
        with pytest.raises(MCPOfflineError, match="handshake was not answered in time"):
            client.__enter__()
        assert time.monotonic() - began < QUICK


def test_with_start_offline_enters_at_once_and_dials_in_the_background() -> None:
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        proxy.refuse()
        with MCPClient(proxy.url(), 1000, start_offline=True, **FAST) as client:
            diary = Diary(client)
            call = client.submit("ping")
            proxy.accept()
            line = board.line()
            line.answer(line.request("ping"))
            assert call.result(PATIENCE) == {}
            diary.wait_for("initialized")


def test_an_error_in_the_block_is_the_users_and_the_client_is_closed(board: Switchboard) -> None:
    client = MCPClient(board.url, **FAST)
    with pytest.raises(LookupError), client:
        raise LookupError
    assert client.get_connection_state() == "disconnected"


# Calling


def test_a_call_before_any_connect_connects_within_its_own_deadline() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **FAST)
        answering = threading.Thread(
            target=lambda: (line := board.line()).answer(line.request("ping"), {"n": 1})
        )
        answering.start()
        assert client.request("ping", timeout=PATIENCE) == {"n": 1}
        answering.join()
        client.close()
    with nobody_listening() as url:
        client = MCPClient(url, **FAST)
        with pytest.raises(MCPTimeoutError):
            client.request("ping", timeout=30 * MS)
        client.close()


@pytest.mark.parametrize("timeout", [-1.0, 0.0, 0.001 * MS])
def test_a_deadline_that_is_over_ends_the_call_at_once(client: MCPClient, timeout: float) -> None:
    began = time.monotonic()
    with pytest.raises(MCPTimeoutError):
        client.request("ping", timeout=timeout)
    assert time.monotonic() - began < QUICK
    assert client.pending_requests() == []
    assert client.is_initialized()


def test_params_reach_the_server_as_they_are(client: MCPClient, line: Line) -> None:
    params = {"text": "grüße \ud83d\ude00", "list": [1, 2.5, None, True], "nested": {"a": {}}}
    call = client.submit("tools/call", params)
    request = line.request("tools/call")
    assert request["params"] == {**params, "text": "grüße 😀"}
    line.answer(request)
    assert call.result(PATIENCE) == {}
    without = client.submit("tools/list")
    request = line.request("tools/list")
    assert "params" not in request
    line.answer(request)
    assert without.result(PATIENCE) == {}


def test_offline_raise_raises_and_queues_nothing(away: MCPClient) -> None:
    with pytest.raises(MCPOfflineError, match="use offline='wait' or submit") as caught:
        away.request("ping", offline="raise")
    assert caught.value.since >= 0
    assert caught.value.queue_size == 0
    assert "connection refused" in (caught.value.last_error or "")
    assert away.offline_queue_size == 0


def test_offline_raise_connects_a_fresh_client_and_joins_a_first_dial() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **FAST)
        answering = threading.Thread(
            target=lambda: (line := board.line()).answer(line.request("ping"))
        )
        answering.start()
        assert client.request("ping", timeout=PATIENCE, offline="raise") == {}
        answering.join()
        client.close()


def test_offline_raise_of_a_fresh_client_waits_for_one_dial_and_not_for_the_back_off() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_delay=SLOW, max_reconnect_delay=SLOW)
        began = time.monotonic()
        with pytest.raises(MCPOfflineError, match="connection refused"):
            client.request("ping", offline="raise")
        assert time.monotonic() - began < QUICK
        client.close()


def test_offline_raise_has_a_client_that_gave_up_dial_for_the_next_call() -> None:
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), 0, reconnect_delay=10 * MS, max_reconnect_delay=SLOW)
        ready = threading.Event()
        client.on("initialized", lambda event: ready.set())
        proxy.refuse()
        assert client.connect() is False
        proxy.accept()
        with pytest.raises(MCPOfflineError):
            client.request("ping", offline="raise")
        assert ready.wait(PATIENCE)
        client.close()


def test_offline_raise_is_bounded_by_the_timeout_too() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, **FAST)
        began = time.monotonic()
        with pytest.raises(MCPOfflineError):
            client.request("ping", timeout=50 * MS, offline="raise")
        assert time.monotonic() - began < QUICK
        client.configure(request_timeout=50 * MS)
        with pytest.raises(MCPOfflineError):
            client.request("ping", offline="raise")
        client.close()


def test_offline_raise_has_one_timeout_for_the_dial_and_the_answer() -> None:
    timeout = 1500 * MS

    def slow(line: Line) -> None:
        threading.Event().wait(timeout * 2 / 3)  # what the server takes
        line.shake_hands()

    with (
        Switchboard(slow) as board,
        contextlib.closing(MCPClient(board.url, **PINNED)) as client,
    ):
        began = time.monotonic()
        with pytest.raises(MCPTimeoutError):
            client.request("ping", timeout=timeout, offline="raise")
        assert time.monotonic() - began < 1.5 * timeout


def test_offline_queue_gives_a_receipt_at_once(away: MCPClient) -> None:
    first = away.request("tools/call", {"n": 1}, offline="queue")
    second = away.request("tools/call", {"n": 2}, offline="queue")
    assert isinstance(first, OfflineResponse)
    assert isinstance(second, OfflineResponse)
    assert (first.status, first.position, second.position) == ("queued", 1, 2)
    assert "tools/call is queued at position 2" in second.message
    assert away.pending_requests() == [first.call, second.call]


def test_offline_queue_answers_directly_on_a_ready_link(client: MCPClient, line: Line) -> None:
    answering = threading.Thread(target=lambda: line.answer(line.request("ping"), {"n": 1}))
    answering.start()
    assert client.request("ping", offline="queue", timeout=PATIENCE) == {"n": 1}
    answering.join()


def test_a_receipt_never_says_less_than_the_head(away: MCPClient) -> None:
    call = away.submit("ping")
    assert OfflineResponse(call, 0).position == 1


def test_submit_never_waits_for_the_server() -> None:
    def mute(connection: object) -> None:
        connection.receive_to_end()  # type: ignore[attr-defined]

    with WebSocketPeer(mute, upgrade=False) as peer:
        client = MCPClient(peer.url, connect_timeout=SLOW)
        began = time.monotonic()
        calls = [client.submit("ping") for _ in range(50)]
        assert time.monotonic() - began < QUICK
        assert client.pending_requests() == calls
        client.close()


def test_drain_and_pending_requests_on_a_quiet_client(client: MCPClient) -> None:
    assert client.drain() is True
    assert client.pending_requests() == []
    assert client.offline_queue_size == 0
    assert client.cancel("call-0") is False


# Listening


def test_handlers_are_registered_by_call_or_as_decorators(client: MCPClient, line: Line) -> None:
    inbox = Inbox()

    @client.on("disconnected")
    def on_disconnected(event: object) -> None:
        inbox(event)

    @client.on_notification("hello")
    def on_hello(event: object) -> None:
        inbox(event)

    def once(event: object) -> None:
        inbox(event)

    assert client.once("disconnected", once) is once
    assert client.on_notification("*", once) is once
    line.notify("hello")
    assert inbox.wait_for(lambda items: len(items) == 2)
    assert client.off_notification("hello", on_hello) is True
    assert client.off_notification("hello", on_hello) is False
    assert client.off_notification("*", once) is True
    line.reset()
    assert inbox.wait_for(lambda items: len(items) == 4)
    assert client.off("disconnected", on_disconnected) is True
    assert client.off("disconnected", once) is False


def test_a_typo_in_an_event_is_an_error_that_lists_them(client: MCPClient) -> None:
    for register in (client.on, client.once):
        with pytest.raises(ValueError, match=r"connected.*initialized.*disconnected"):
            register("conected", print)  # type: ignore[call-overload]


def test_handlers_and_client_may_be_forgotten_together(client: MCPClient) -> None:
    client.on("connected", client.request)
    assert "request" in client.get_connection_stats().handlers.names["connected"][0]
    client.off("connected", client.request)


# What it tells


def test_it_says_where_it_stands() -> None:
    with Switchboard() as board, FaultProxy("127.0.0.1", board.port) as proxy:
        client = MCPClient(proxy.url(), 0, **FAST)
        told = (client.is_connected, client.is_initialized, client.is_offline)
        assert [ask() for ask in told] == [False, False, False]
        client.connect()
        assert [ask() for ask in told] == [True, False, False]
        client.initialize()
        assert [ask() for ask in told] == [True, True, False]
        proxy.refuse()
        diary = Diary(client)
        board.line().reset()
        diary.wait_for("offline")
        assert [ask() for ask in told] == [False, False, True]
        client.close()
        assert [ask() for ask in told] == [False, False, False]


def test_its_repr_is_short_and_without_secrets() -> None:
    with nobody_listening() as url:
        secret = url.replace("ws://", "ws://user:secret@") + "/path?token=secret"
        client = MCPClient(secret, 0, **FAST)
        masked = url.replace("ws://", "ws://***@")
        assert repr(client) == f"<MCPClient {masked}/path?*** disconnected>"
        client.connect()
        client.submit("ping")
        client.submit("ping")
        shown = repr(client)
        assert shown.endswith(" offline, 2 queued>")
        assert "secret" not in shown
        assert "secret" not in repr(client.get_client_info())
        client.close()
    assert repr(UNSET) == "UNSET"


def test_it_tells_who_it_is_and_whom_it_talks_to(board: Switchboard) -> None:
    client = MCPClient(board.url, client_info={"name": "tester", "version": "7"}, **FAST)
    before = client.get_client_info()
    assert (before.name, before.version, before.dialect) == ("tester", "7", "mcp")
    assert (before.protocol_version, before.server, before.capabilities) == (None, None, {})
    client.connect()
    client.initialize()
    after = client.get_client_info()
    assert after.protocol_version == NEWEST
    assert after.server is not None
    assert (after.server.name, after.server.version) == ("peer", "1")
    client.close()


@pytest.mark.parametrize("info", [{}, {"name": 7}, "tester"])
def test_who_the_client_says_it_is_must_be_somebody(client: MCPClient, info: object) -> None:
    with pytest.raises(MCPConfigurationError, match="client_info"):
        client.initialize(info)  # type: ignore[arg-type]


def test_the_health_check_on_a_client_that_never_connected() -> None:
    health = MCPClient("ws://127.0.0.1:1").health_check(timeout=PATIENCE)
    assert health.status == "unhealthy"
    assert "no ready link, the state is disconnected" in health.reasons


# The end of the process


def test_at_exit_an_open_client_is_closed_with_a_warning(board: Switchboard) -> None:
    client = MCPClient(board.url, **FAST)
    client.connect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        client._close_at_exit(Deadline(PATIENCE))
        client._close_at_exit(Deadline(PATIENCE))
    told = [str(one.message) for one in caught if board.url in str(one.message)]
    assert len(told) == 1
    assert client.get_connection_state() == "disconnected"
