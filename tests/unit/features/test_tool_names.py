"""The tools by name: from what was listed, never from the server."""

from __future__ import annotations

import gc
import inspect
import pickle
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_sync import MCPClient
from mcp_sync.types.listing import Listing
from peers_mcp import Line, Switchboard
from scenes import PINNED

SCHEMA = {
    "properties": {"b": {}, "self": {}, "a-b": {}, "class": {}, "_x": {}, "a": {}},
    "required": ["self", "missing"],
}
NAMES = ["add", "class", "get", "get-weather", "_hidden", "__len__", "line\nfeed"]


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    with MCPClient(board.url, **PINNED) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


def list_them(client: MCPClient, line: Line, names: list[str]) -> Any:
    """Have the client list tools with these names."""
    call = client.submit("ping")
    line.answer(line.next("ping"))
    call.result(5)
    tools = [{"name": name, "inputSchema": SCHEMA, "description": "Adds."} for name in names]
    thread = line.answering("tools/list", {"tools": tools})
    listed = client.list_tools(refresh=True)
    thread.join()
    return listed
