"""Tools as a client lists and calls them: whole lists, schemas that change, one timeout for all."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mcp_sync import MCPClient, Tool
from peers_mcp import PATIENCE, Line, Switchboard, modern
from scenes import FAST, in_threads


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard(modern) as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    with MCPClient(board.fresh_url(), **FAST) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


def page(*tools: str | dict[str, Any], **members: Any) -> dict[str, Any]:
    """A result of ``tools/list``; of a tool that is a name alone there is nothing to say."""
    entries = [
        {"name": one, "inputSchema": {"type": "object"}} if isinstance(one, str) else one
        for one in tools
    ]
    return {"resultType": "complete", "tools": entries, **members}


def list_tools(client: MCPClient, *serve: Callable[[], object]) -> list[Tool]:
    """List the tools while a server does what it has to."""
    listed: list[Tool] = []
    in_threads([lambda: listed.extend(client.list_tools(timeout=PATIENCE)), *serve])
    return listed


# Lists


def test_an_empty_cursor_is_followed_by_a_client_that_connects_with_the_list() -> None:
    def serve() -> None:
        line = board.line()
        line.answer(line.request("tools/list"), page("a", nextCursor=""))
        second = line.request("tools/list")
        assert second["params"]["cursor"] == ""
        line.answer(second, page("b"))

    with Switchboard(modern) as board:
        client = MCPClient(board.fresh_url(), **FAST)
        with contextlib.closing(client):
            assert [tool.name for tool in list_tools(client, serve)] == ["a", "b"]


def test_a_listed_tool_that_is_changed_changes_no_later_list(client: MCPClient, line: Line) -> None:
    def serve() -> None:
        line.answer(line.request("tools/list"), page("a", ttlMs=3_600_000))

    first = list_tools(client, serve)
    for _ in range(2):
        schema = first[0].input_schema
        assert schema == {"type": "object"}
        assert isinstance(schema, dict)
        schema.clear()
        first = client.list_tools(timeout=PATIENCE)
    assert line.is_quiet()
