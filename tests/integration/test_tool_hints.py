"""Tools whose own hints are trusted, over lost links (DESIGN section 5)."""

from __future__ import annotations

import contextlib
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from journals import make_journal, rows_on_disk
from mcp_sync import MCPClient, MCPClosedError, MCPConnectionLost
from mcp_sync.connection.journal_rows import JournalRow
from mcp_sync.deadline import Deadline
from peers_mcp import PATIENCE, Line, Switchboard, nothing
from scenes import PINNED

CALL = {"name": "look", "arguments": {}}
SAFE = {"readOnlyHint": True}


def with_tools(hints: dict[str, Any]) -> Callable[[Line], None]:
    """A handshake of a server that has a tool with these hints, and is asked for them."""

    def shake(line: Line) -> None:
        begin = json.loads(line.connection.read_text())
        version = begin["params"]["protocolVersion"]
        info = {"name": "peer", "version": "1"}
        result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
        line.answer(begin, result)
        assert "id" not in json.loads(line.connection.read_text())
        listing = json.loads(line.connection.read_text())
        assert listing["method"] == "tools/list"
        line.answer(listing, {"tools": [{"name": "look", "annotations": hints}]})

    return shake


def test_a_tool_that_both_servers_call_safe_is_called_again_after_a_lost_link() -> None:
    with (
        Switchboard(with_tools(SAFE)) as server,
        MCPClient(server.url, trust_tool_hints=True, **PINNED) as client,
    ):
        call = client.submit("tools/call", CALL)
        first = server.line()
        first.request("tools/call")
        first.reset()
        second = server.line()
        second.answer(second.request("tools/call"), {"content": []})
        assert call.result(PATIENCE) == {"content": []}
        assert call.replays == 1


def test_a_tool_that_the_new_server_does_not_call_safe_is_not_called_again() -> None:
    with (
        Switchboard(with_tools(SAFE), with_tools({})) as server,
        MCPClient(server.url, trust_tool_hints=True, **PINNED) as client,
    ):
        call = client.submit("tools/call", CALL)
        first = server.line()
        first.request("tools/call")
        first.reset()
        with pytest.raises(MCPConnectionLost, match="no longer says") as lost:
            call.result(PATIENCE)
        assert lost.value.maybe_executed
        second = server.line()
        pinged = client.submit("ping")
        second.answer(second.request("ping"))
        pinged.result(PATIENCE)


@pytest.mark.parametrize(
    ("hints", "given"), [({}, None), (SAFE, False)], ids=["no hint", "forbidden by the caller"]
)
def test_a_tool_without_a_trusted_hint_fails_at_once(
    hints: dict[str, Any], given: bool | None
) -> None:
    with (
        Switchboard(with_tools(hints)) as server,
        MCPClient(server.url, trust_tool_hints=True, **PINNED) as client,
    ):
        call = client.submit("tools/call", CALL, idempotent=given)
        first = server.line()
        first.request("tools/call")
        first.reset()
        with pytest.raises(MCPConnectionLost) as lost:
            call.result(PATIENCE)
        assert lost.value.maybe_executed


# In a journal


def is_reported(path: Path, row: JournalRow) -> bool:
    """Whether the next process, after a kill that left this row, reports its call as sent."""
    make_journal(path, row)
    with contextlib.closing(MCPClient(journal=path)) as client:
        (call,) = client.recovered()
        error = call.exception(0)
        return isinstance(error, MCPConnectionLost) and error.maybe_executed


def test_a_call_that_waits_to_be_sent_again_on_a_tools_word_is_not_sent_by_the_next_process(
    tmp_path: Path,
) -> None:
    path = tmp_path / "queue.db"
    with (
        Switchboard(with_tools(SAFE), nothing) as server,
        MCPClient(server.url, trust_tool_hints=True, journal=path, **PINNED) as client,
    ):
        call = client.submit("tools/call", CALL)
        first = server.line()
        first.request("tools/call")
        first.reset()
        server.line()  # never ready
        deadline = Deadline(PATIENCE)
        while not (rows := rows_on_disk(path)):
            assert not deadline.is_over()
        assert is_reported(tmp_path / "after a kill.db", rows[0])
        client.close()
        assert isinstance(call.exception(0), MCPClosedError)
        assert rows_on_disk(path) == []


def is_half_written(client: MCPClient) -> bool:
    link = client._connection.gate.link
    if link is None or not link.ready:
        return False
    return link.transport.is_writing() and link.transport.bytes_sent > 1 << 14


def test_a_repetition_that_is_cut_short_leaves_the_call_marked_as_sent(tmp_path: Path) -> None:
    path, is_stuck = tmp_path / "queue.db", threading.Event()
    settings: dict[str, Any] = {"journal": path, "offline_queue_max_bytes": 32 << 20, **PINNED}
    is_looked_at = threading.Event()

    def wait_until_looked_at(line: Line) -> None:
        assert is_looked_at.wait(PATIENCE)
        with_tools(SAFE)(line)

    def stop_reading(line: Line) -> None:
        with_tools(SAFE)(line)
        assert is_stuck.wait(PATIENCE)
        raise EOFError

    with (
        Switchboard(wait_until_looked_at, stop_reading, nothing) as server,
        contextlib.closing(MCPClient(server.url, trust_tool_hints=True, **settings)) as client,
    ):
        call = client.submit("tools/call", {**CALL, "arguments": {"text": "x" * (16 << 20)}})
        assert rows_on_disk(path)[0].sent == 0
        is_looked_at.set()
        first = server.line()
        first.request("tools/call")
        first.reset()
        server.wait_for_connections(2)
        deadline = Deadline(PATIENCE)
        while not is_half_written(client):
            assert not deadline.is_over()
        is_stuck.set()
        server.line()  # never ready
        client._connection._sender.await_drainer(Deadline(PATIENCE))
        assert call.cut_short == 1
        assert is_reported(tmp_path / "after a kill.db", rows_on_disk(path)[0])
