"""The reader thread: it dials, shakes hands, restores, receives and says goodbye."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

import pytest

from calls_made import ReaderOnlyClient
from mcp_sync import CompareblocksClient, MCPClient
from mcp_sync.config import ClientConfig
from mcp_sync.errors import (
    MCPConfigurationError,
    MCPConnectionError,
    MCPConnectionRejected,
    MCPResponseError,
)
from mcp_sync.protocol.dialect import Dialect, Handshake, HandshakeStep, Session
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.offer import Offer
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from mcp_sync.types.session import InitializeResult
from peers_mcp import NEWEST, PATIENCE, Line, Switchboard, nothing
from scenes import PINNED, Diary, echo_all, no_new_threads, read_request, shake_hands, until
from timing import MS

SUBSCRIBED = {"subscribed": True, "event_types": ["error"], "client_id": "client_1"}


def old(line: Line) -> None:
    line.shake_hands("1.0.0")


# The handshake


def test_the_handshake_says_who_the_client_is_and_is_confirmed() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, client_info={"name": "tester", "version": "7"}, **PINNED)
        diary = Diary(client)
        call = client.submit("ping")
        line = board.line()
        request = line.request("initialize")
        assert request["params"] == {
            "protocolVersion": NEWEST,
            "capabilities": {},
            "clientInfo": {"name": "tester", "version": "7"},
        }
        line.answer(request, {"protocolVersion": NEWEST, "capabilities": {"tools": {}}})
        assert line.message() == {
            "jsonrpc": "2.0",
            "method": "notifications/initialized",
            "params": {},
        }
        line.answer(line.request("ping"))
        assert call.result(PATIENCE) == {}
        diary.wait_for("initialized")
        assert client.get_client_info().capabilities == {"tools": {}}
        client.close()


def test_after_a_reconnect_it_runs_again_by_itself() -> None:
    with Switchboard() as board, MCPClient(board.url, **PINNED) as client:
        diary = Diary(client)
        for count in (1, 2):
            board.line().reset()
            diary.wait_for("initialized", count)
        assert client.is_initialized()
        assert board.connections == 3


def test_who_the_client_says_it_is_can_be_given_and_holds_from_then_on() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, **PINNED)
        client.connect()
        waiting = threading.Thread(
            target=client.initialize, args=({"name": "given", "version": "3"},)
        )
        waiting.start()
        for _ in range(2):
            line = board.line()
            request = line.request("initialize")
            assert request["params"]["clientInfo"] == {"name": "given", "version": "3"}
            line.answer(request, {"protocolVersion": NEWEST})
            line.request("notifications/initialized")
            waiting.join(PATIENCE)
            line.reset()
        assert client.get_client_info().name == "given"
        client.close()


def test_an_unanswered_handshake_ends_by_the_connect_timeout_and_is_a_failed_attempt() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 0, **PINNED)
        diary = Diary(client)
        assert client.connect(PATIENCE)
        # Or the deadline of the dial would cover a handshake that follows at once.
        until(lambda: client._connection.gate.link.reader_idles)
        client.configure(connect_timeout=300 * MS)
        client.submit("ping")
        began = time.monotonic()
        event = diary.wait_for("failed")
        assert time.monotonic() - began < PATIENCE / 2
        assert "handshake was not answered in time" in event.context["error"]
        client.close()


def test_a_server_that_drips_its_handshake_does_not_stretch_the_connect_timeout() -> None:
    def drip(connection: WebSocketConnection) -> None:
        read_request(connection)
        body = b'{"jsonrpc": "2.0", "id": 1, "result": {}}' * 100
        try:
            connection.send(b"\x81\x7e\xff\xff")
            for byte in body:
                connection.send(bytes([byte]))
                if threading.Event().wait(5 * MS):
                    return
        except ConnectionError:
            return

    with WebSocketPeer(drip) as peer:
        client = MCPClient(peer.url, 0, connect_timeout=200 * MS, **PINNED)
        diary = Diary(client)
        client.submit("ping")
        began = time.monotonic()
        diary.wait_for("failed")
        assert time.monotonic() - began < PATIENCE / 2
        client.close()


def test_a_handshake_that_the_server_refuses_is_a_failed_attempt() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 1, **PINNED)
        diary = Diary(client)
        client.submit("ping")
        line = board.line()
        line.refuse(line.request("initialize"), -32603, "not yet")
        event = diary.wait_for("failed")
        assert "not yet" in event.context["error"]
        assert event.context["permanent"] is False
        again = board.line()
        again.answer(again.request("initialize"), {"protocolVersion": NEWEST})
        diary.wait_for("initialized")
        client.close()


def test_a_version_that_the_server_refuses_for_good_is_a_rejection() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, **PINNED)
        refusing = threading.Thread(
            target=lambda: (line := board.line()).refuse(
                line.request("initialize"), -32602, "Unsupported protocol version"
            )
        )
        refusing.start()
        with pytest.raises(MCPConnectionRejected, match="Unsupported protocol version"):
            client.request("ping", timeout=PATIENCE)
        refusing.join()
        assert board.connections == 1
        client.close()


def test_a_compareblocks_server_is_initialized_without_a_confirmation() -> None:
    with Switchboard(old) as board, MCPClient(board.url, **PINNED) as client:
        line = board.line()
        assert client.get_client_info().dialect == "compareblocks"
        call = client.submit("get_status")
        request = line.request("get_status")
        assert isinstance(request["id"], str)
        line.answer(request)
        assert call.result(PATIENCE) == {}


def test_a_client_that_only_connects_is_not_initialized_until_a_call_wants_it() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, **PINNED)
        assert client.connect()
        line = board.line()
        assert client.get_connection_state() == "connected"
        line.ask(1, "ping")
        assert line.message()["id"] == 1
        assert line.is_quiet()
        call = client.submit("ping")
        line.answer(line.request("initialize"), {"protocolVersion": NEWEST})
        line.request("notifications/initialized")
        line.answer(line.request("ping"))
        assert call.result(PATIENCE) == {}
        assert client.is_initialized()
        client.close()


def test_a_handshake_long_after_the_dial_has_the_whole_connect_timeout() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 0, connect_timeout=PATIENCE, **PINNED)
        client.connect()
        line = board.line()
        client.configure(connect_timeout=1500 * MS)
        line.ask(1, "ping")
        line.message()
        threading.Event().wait(1550 * MS)  # time has to pass, nothing else happens
        waiting = threading.Thread(target=client.initialize)
        waiting.start()
        request = line.request("initialize")
        line.answer(request, {"protocolVersion": NEWEST})
        waiting.join(PATIENCE)
        assert client.is_initialized()
        client.close()


# Restorations


def test_subscriptions_are_restored_after_a_reconnect_and_so_is_the_handshake() -> None:
    with Switchboard(old) as board, CompareblocksClient(board.url, **PINNED) as client:
        line = board.line()
        subscribing = threading.Thread(target=client.subscribe_updates, args=(["error"],))
        subscribing.start()
        line.answer(line.request("subscribe_updates"), SUBSCRIBED)
        subscribing.join(PATIENCE)
        line.reset()
        again = board.line()
        request = again.request("subscribe_updates")
        assert request["params"] == {"event_types": ["error"]}
        again.answer(request, SUBSCRIBED)
        assert client.wait_until_ready(PATIENCE)
        assert client.is_initialized()


def test_a_restoration_that_the_server_refuses_is_logged_and_the_link_is_ready(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with Switchboard() as board, MCPClient(board.url, **PINNED) as client:
        client._connection.restorations.remember("level", "logging/setLevel", {"level": "info"})
        board.line().reset()
        again = board.line()
        with caplog.at_level(logging.WARNING, "mcp_sync.connection"):
            again.refuse(again.request("logging/setLevel"), -32601, "unknown method")
            assert client.wait_until_ready(PATIENCE)
        assert any("could not restore logging/setLevel" in one for one in caplog.messages)


def test_a_restoration_that_the_server_does_not_answer_is_logged_and_the_link_is_ready(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = {**PINNED, "connect_timeout": 800 * MS}
    with Switchboard() as board, MCPClient(board.url, 0, **settings) as client:
        client._connection.restorations.remember("level", "logging/setLevel", {"level": "info"})
        board.line().reset()
        again = board.line()
        with caplog.at_level(logging.WARNING, "mcp_sync.connection"):
            again.request("logging/setLevel")
            assert client.wait_until_ready(PATIENCE)
        assert any("could not restore logging/setLevel" in one for one in caplog.messages)
        assert board.connections == 2


def test_a_closed_client_restores_nothing() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **PINNED)
        client.connect()
        client.initialize()
        client._connection.restorations.remember("level", "logging/setLevel", {})
        board.line()
        client.close()
        client.connect()
        client.initialize()
        assert board.line().is_quiet()
        client.close()


# Headers


def test_headers_are_asked_for_at_every_dial() -> None:
    seen: list[str] = []

    def check(connection: WebSocketConnection) -> None:
        seen.append(connection.request.headers["x-dial"])
        shake_hands(connection)
        if len(seen) == 1:
            connection.reset()
        else:
            echo_all(connection)

    dials = iter(range(10))
    with WebSocketPeer(check) as peer:
        client = MCPClient(peer.url, headers=lambda: {"X-Dial": str(next(dials))}, **PINNED)
        assert client.request("ping", timeout=PATIENCE)["method"] == "ping"
        client.close()
    assert seen == ["0", "1"]


def test_headers_that_cannot_be_had_are_a_failed_attempt_with_the_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    answers: list[Any] = [LookupError("no token"), {"X-Token": "1"}]

    def headers() -> Mapping[str, str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return dict(answer)

    with Switchboard() as board:
        client = MCPClient(board.url, headers=headers, **PINNED)
        diary = Diary(client)
        with caplog.at_level(logging.ERROR, "mcp_sync.connection"):
            assert client.connect() is True
        event = diary.wait_for("failed")
        assert event.context["error"] == "headers() raised LookupError: no token"
        assert "the headers for a dial could not be had" in caplog.text
        client.close()


def test_headers_that_nobody_may_send_are_an_error_of_the_settings_and_not_tried_again() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url, 3, headers=lambda: {"X-Bad": "a\r\nb"}, **PINNED)
        diary = Diary(client)
        with pytest.raises(MCPConfigurationError, match="X-Bad"):
            client.connect()
        with pytest.raises(MCPConfigurationError, match="X-Bad"):
            client.request("ping")
        assert client.get_connection_state() == "failed"
        assert diary.wait_for("failed").context["permanent"]
        assert len(diary.events("failed")) == 1
        assert board.connections == 0
        client.close()


def test_headers_may_close_the_client() -> None:
    """The one user code on the reader thread; it must not wait for itself."""
    closed = threading.Event()

    def headers() -> Mapping[str, str]:
        client.close()
        closed.set()
        return {}

    with Switchboard(nothing) as board:
        client = MCPClient(board.url, headers=headers, **PINNED)
        client.reconnect()
        assert closed.wait(PATIENCE)
        client.close()
        assert board.connections == 0


def test_a_bearer_token_from_a_function_is_not_sent_in_the_clear_to_another_machine() -> None:
    client = MCPClient(
        "ws://192.0.2.1:9", 3, headers=lambda: {"Authorization": "Bearer secret"}, **PINNED
    )
    with pytest.raises(MCPConfigurationError, match="allow_insecure_auth") as caught:
        client.connect()
    assert "secret" not in str(caught.value)
    client.close()


# The end


def test_a_close_is_a_handshake_of_its_own() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url, **PINNED)
        client.connect()
        client.initialize()
        line = board.line()
        client.close()
        line.wait_until_ended()
        assert line.close_code == 1000


def test_a_peer_that_does_not_answer_the_close_is_not_waited_for_long() -> None:
    def deaf(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        connection.hold()

    with WebSocketPeer(deaf) as peer:
        client = MCPClient(peer.url, **PINNED)
        client.connect()
        client.initialize()
        began = time.monotonic()
        client.close()
        assert time.monotonic() - began < 2.5


class _Faulty(McpDialect):
    """A dialect with a fault of ours: it raises what nobody expects."""

    def handshake(self, offer: Offer) -> Handshake:
        if offer is not None:
            raise ZeroDivisionError("a fault")
        yield HandshakeStep("never", {})
        return Session(InitializeResult.from_wire({}), self)


class _FaultyClient(MCPClient):
    @staticmethod
    def _make_dialect(config: ClientConfig) -> Dialect:
        return _Faulty()


def test_a_fault_of_ours_leaves_no_caller_waiting(caplog: pytest.LogCaptureFixture) -> None:
    with Switchboard(nothing) as board:
        client = _FaultyClient(board.url, **PINNED)
        with (
            caplog.at_level(logging.ERROR, "mcp_sync.connection"),
            pytest.raises(
                MCPConnectionError, match="please report it: ZeroDivisionError"
            ) as caught,
        ):
            client.request("ping", timeout=PATIENCE)
        # What it says may quote a request, with its credentials.
        assert "a fault" not in str(caught.value)
        board.line().wait_until_ended()
        client.close()
        assert "the reader failed" in caplog.text
        assert client.get_connection_state() == "disconnected"


def test_a_fault_while_a_message_is_taken_in_leaves_no_caller_waiting() -> None:
    def wants(method: str) -> bool:
        raise ZeroDivisionError(method)

    with Switchboard() as board:
        # Or it would be the caller who meets it, as it is he who reads.
        client = ReaderOnlyClient(board.url, **PINNED)
        client.connect()
        client.initialize()
        client._connection.receiver.wants = wants
        call = client.submit("tools/call", timeout=None)
        line = board.line()
        line.request("tools/call")
        line.notify("anything")
        assert isinstance(call.exception(PATIENCE), MCPConnectionError)
        line.wait_until_ended()
        client.close()


def test_a_log_handler_that_raises_leaves_no_caller_waiting() -> None:
    class Rude(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise RuntimeError("no disk")

    rude = Rude()
    logger = logging.getLogger("mcp_sync.connection")
    with Switchboard() as board:
        client = MCPClient(board.url, **PINNED)
        client.connect()
        client.initialize()
        call = client.submit("tools/call", timeout=None)
        line = board.line()
        line.request("tools/call")
        level = logger.level
        logger.setLevel(logging.DEBUG)
        logger.addHandler(rude)
        try:
            line.reset()
            assert call.exception(PATIENCE) is not None
        finally:
            logger.removeHandler(rude)
            logger.setLevel(level)
        client.close()


def test_a_dial_that_gets_no_thread_is_a_failed_attempt() -> None:
    with (
        Switchboard() as board,
        contextlib.closing(MCPClient(board.url, 10**6, **PINNED)) as client,
    ):
        diary = Diary(client)
        client.connect()
        client.initialize()
        diary.wait_for("initialized")
        with no_new_threads():
            client.reconnect()
            error = diary.wait_for("failed").context["error"]
        assert "no thread to resolve" in error
        diary.wait_for("initialized", 2)


def test_an_error_in_an_optional_handshake_is_the_callers() -> None:
    with Switchboard(nothing) as board:
        client = CompareblocksClient(board.url, **PINNED)
        client.connect()
        line = board.line()
        refusing = threading.Thread(target=lambda: line.refuse(line.request("initialize")))
        refusing.start()
        with pytest.raises(MCPResponseError):
            client.initialize()
        refusing.join()
        assert client.get_connection_state() == "connected"
        assert client._connection.gate.is_ready()
        client.close()


def test_a_header_that_nobody_may_send_is_found_before_any_dial() -> None:
    with pytest.raises(MCPConfigurationError):
        MCPClient("ws://127.0.0.1:1", headers={"X-Bad": "a\nb"})
