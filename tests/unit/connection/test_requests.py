"""What the server asks of the client: answered by a pool, whatever the reader does."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from typing import Any

import pytest

from mcp_sync import MCPClient
from mcp_sync.config import ClientConfig
from mcp_sync.protocol.dialect import Dialect
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.messages import Request
from peers_mcp import PATIENCE, Line, Switchboard, nothing
from scenes import read_request


def pool_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("mcp-request-")]


def answers(line: Line, count: int) -> dict[Any, dict[str, Any]]:
    return {message["id"]: message for message in (line.message() for _ in range(count))}


def test_a_ping_of_the_server_is_answered() -> None:
    with Switchboard() as board, MCPClient(board.url):
        line = board.line()
        line.ask("of-the-server", "ping")
        assert line.message() == {"jsonrpc": "2.0", "id": "of-the-server", "result": {}}


def test_a_ping_is_answered_before_the_handshake() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.url)
        assert client.connect()
        line = board.line()
        line.ask(1, "ping")
        assert line.message()["result"] == {}
        assert client.get_connection_state() == "connected"
        client.close()


def test_a_ping_is_answered_in_the_middle_of_the_handshake() -> None:
    seen: list[dict[str, Any]] = []

    def ping_first(line: Line) -> None:
        request = read_request(line.connection)
        line.ask("p", "ping")
        seen.append(json.loads(line.connection.read_text()))
        result = {"protocolVersion": "2025-11-25", "capabilities": {}}
        line.answer(request, result)

    with Switchboard(ping_first) as board, MCPClient(board.url) as client:
        assert client.is_initialized()
    assert seen == [{"jsonrpc": "2.0", "id": "p", "result": {}}]


def test_what_the_client_does_not_offer_is_refused() -> None:
    with Switchboard() as board, MCPClient(board.url):
        line = board.line()
        line.ask(7, "sampling/createMessage")
        message = line.message()
        assert message["id"] == 7
        assert message["error"]["code"] == -32601
        assert "sampling/createMessage" in message["error"]["message"]


def test_many_requests_are_answered_by_at_most_four_threads() -> None:
    with Switchboard() as board, MCPClient(board.url) as client:
        line = board.line()
        for number in range(60):
            line.ask(number, "ping")
        assert set(answers(line, 60)) == set(range(60))
        assert 1 <= len(pool_threads()) <= 4
        assert client.get_connection_stats().strays == {}


def test_the_threads_of_the_pool_end_with_the_client_and_come_back() -> None:
    with Switchboard() as board:
        client = MCPClient(board.url)
        for _ in range(2):
            client.connect()
            client.initialize()
            line = board.line()
            line.ask(1, "ping")
            assert line.message()["result"] == {}
            threads = pool_threads()
            client.close()
            for thread in threads:
                thread.join(PATIENCE)
            assert not any(thread.is_alive() for thread in threads)


class _SlowDialect(McpDialect):
    """Answers a request of the server's when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.release = threading.Event()

    def answer(self, request: Request) -> Mapping[str, Any] | None:
        self.begun.release()
        assert self.release.wait(PATIENCE)
        return super().answer(request)


def test_requests_over_the_limit_are_dropped_and_counted_and_the_link_lives() -> None:
    dialect = _SlowDialect()

    class Client(MCPClient):
        def _make_dialect(self, config: ClientConfig) -> Dialect:
            return dialect

    with Switchboard() as board, Client(board.url) as client:
        line = board.line()
        for number in range(4):
            line.ask(number, "ping")
            assert dialect.begun.acquire(timeout=PATIENCE)
        for number in range(4, 4 + 256 + 5):
            line.ask(number, "ping")
        call = client.submit("tools/list")
        line.answer(line.request("tools/list"))
        assert call.result(PATIENCE) == {}
        assert client.get_connection_stats().strays == {"server request over the limit": 5}
        assert {thread.name for thread in pool_threads()} == {
            f"mcp-request-{number}" for number in (1, 2, 3, 4)
        }
        dialect.release.set()
        assert set(answers(line, 60)) <= set(range(260))


def test_an_answer_that_cannot_be_sent_is_dropped(caplog: pytest.LogCaptureFixture) -> None:
    dialect = _SlowDialect()

    class Client(MCPClient):
        def _make_dialect(self, config: ClientConfig) -> Dialect:
            return dialect

    with Switchboard() as board, Client(board.url):
        board.line().ask(1, "ping")
        assert dialect.begun.acquire(timeout=PATIENCE)
        (thread,) = pool_threads()
    with caplog.at_level(logging.DEBUG, "mcp_sync.connection"):
        dialect.release.set()
        thread.join(PATIENCE)
    assert "could not answer the server's ping" in caplog.messages
