"""Tools as a client lists and calls them: whole lists, schemas that change, one timeout for all."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from mcp_sync import CallToolResult, InvalidArguments, MCPClient, Tool
from mcp_sync.errors import MCPOfflineError, MCPProtocolError, MCPTimeoutError
from peers_mcp import PATIENCE, Line, Switchboard, modern, nothing
from scenes import FAST, Diary, in_threads, nobody_listening
from timing import MS


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


def call_tool(client: MCPClient, line: Line, result: dict[str, Any], **how: Any) -> CallToolResult:
    """Call the tool ``t`` with the arguments ``{"a": "text"}``, and answer with a result."""
    results: list[CallToolResult] = []

    def call() -> None:
        results.append(client.call_tool("t", {"a": "text"}, timeout=PATIENCE, **how))

    in_threads([call, lambda: line.answer(line.request("tools/call"), result)])
    return results[0]


def typed(kind: str) -> dict[str, Any]:
    """The tool ``t``, whose one argument, and whose output, is of a kind."""
    inputs = {"type": "object", "properties": {"a": {"type": kind}}}
    outputs = {"type": "object", "properties": {"n": {"type": kind}}}
    return {"name": "t", "inputSchema": inputs, "outputSchema": outputs}


def giving(**members: Any) -> dict[str, Any]:
    """A result of ``tools/call``."""
    return {"resultType": "complete", "content": [], **members}


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


# Schemas


def list_integers(client: MCPClient, line: Line) -> None:
    """List the tool ``t`` as one of integers."""
    list_tools(client, lambda: line.answer(line.request("tools/list"), page(typed("integer"))))


def test_what_a_listed_tool_gives_is_held_against_its_schema(client: MCPClient, line: Line) -> None:
    list_integers(client, line)
    with pytest.raises(MCPProtocolError, match="does not match its output schema"):
        call_tool(client, line, giving(structuredContent={"n": "one"}))
    assert call_tool(client, line, giving(structuredContent={"n": 1})).data == {"n": 1}


def test_a_tool_with_an_output_schema_has_to_give_structured_content(
    client: MCPClient, line: Line
) -> None:
    anything = {"name": "t", "inputSchema": {"type": "object"}, "outputSchema": {}}
    list_tools(client, lambda: line.answer(line.request("tools/list"), page(anything)))
    with pytest.raises(MCPProtocolError, match="tool t gave no structured content"):
        call_tool(client, line, giving())
    assert call_tool(client, line, giving(structuredContent=None)).data is None
    assert call_tool(client, line, giving(isError=True)).is_error


def test_a_schema_does_not_hold_for_tools_that_have_changed(client: MCPClient, line: Line) -> None:
    list_integers(client, line)
    line.notify("notifications/tools/list_changed")
    assert call_tool(client, line, giving(structuredContent={"n": "one"})).data == {"n": "one"}
    assert "t" in client.tools


def test_a_schema_does_not_hold_for_tools_that_changed_while_they_were_listed(
    client: MCPClient, line: Line
) -> None:
    def serve() -> None:
        request = line.request("tools/list")
        line.notify("notifications/tools/list_changed")
        line.answer(request, page(typed("integer")))

    list_tools(client, serve)
    assert call_tool(client, line, giving(structuredContent={"n": "one"})).data == {"n": "one"}


def test_a_schema_does_not_hold_for_the_server_of_another_link(
    board: Switchboard, client: MCPClient, line: Line
) -> None:
    list_integers(client, line)
    line.reset()
    second = board.line()
    assert call_tool(client, second, giving(structuredContent={"n": "one"})).data == {"n": "one"}
    assert "t" in client.tools


def test_arguments_are_held_against_the_schema_that_the_tool_has_now(
    client: MCPClient, line: Line
) -> None:
    list_integers(client, line)
    with pytest.raises(InvalidArguments):
        client.call_tool("t", {"a": "text"}, validate_arguments=True)
    line.notify("notifications/tools/list_changed")
    call_tool(client, line, giving())  # so that the change was taken in

    def serve() -> None:
        line.answer(line.request("tools/list"), page(typed("string")))
        line.answer(line.request("tools/call"), giving(structuredContent={"n": "one"}))

    def call() -> None:
        client.call_tool("t", {"a": "text"}, timeout=PATIENCE, validate_arguments=True)

    in_threads([serve, call])


# One timeout for all


def test_the_time_of_a_call_covers_the_list_that_it_needs(client: MCPClient, line: Line) -> None:
    for call in (client.call_tool, client.submit_tool):
        with pytest.raises(MCPTimeoutError) as caught:
            call("t", timeout=200 * MS, validate_arguments=True)
        assert (caught.value.method, caught.value.timeout) == ("tools/list", 200 * MS)
        line.next("tools/list")


@pytest.mark.parametrize("offline", ["wait", "raise", "queue"])
def test_what_the_list_took_is_gone_for_the_call(
    client: MCPClient, line: Line, offline: Any
) -> None:
    def serve() -> None:
        request = line.request("tools/list")
        threading.Event().wait(1000 * MS)
        line.answer(request, page("t"))

    def call() -> None:
        began = time.monotonic()
        with pytest.raises(MCPTimeoutError):
            client.call_tool("t", timeout=1200 * MS, offline=offline, validate_arguments=True)
        assert time.monotonic() - began < 2000 * MS

    in_threads([serve, call])


def test_without_a_ready_link_whoever_cannot_wait_does_not_wait_for_a_list() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_delay=PATIENCE)
        with contextlib.closing(client):
            with pytest.raises(MCPOfflineError):
                client.call_tool("t", offline="raise", validate_arguments=True)
            refusals: list[Callable[[], object]] = [
                lambda: client.call_tool("t", offline="queue", validate_arguments=True),
                lambda: client.submit_tool("t", validate_arguments=True),
            ]
            for refused in refusals:
                with pytest.raises(InvalidArguments, match="it was not listed"):
                    refused()
            assert client.offline_queue_size == 0


def test_without_a_ready_link_arguments_are_held_against_what_was_listed_last() -> None:
    with (
        Switchboard(modern, nothing) as board,
        MCPClient(board.fresh_url(), **FAST) as client,
    ):
        line = board.line()
        list_integers(client, line)
        diary = Diary(client)
        line.reset()
        diary.wait_for("disconnected")
        with pytest.raises(InvalidArguments, match="do not match"):
            client.submit_tool("t", {"a": "text"}, validate_arguments=True)


def test_a_ping_takes_no_longer_than_its_timeout() -> None:
    with nobody_listening() as url:
        client = MCPClient(url, reconnect_delay=PATIENCE)
        with contextlib.closing(client):
            began = time.monotonic()
            with pytest.raises(MCPTimeoutError):
                client.ping(timeout=1000 * MS)
            assert time.monotonic() - began < 1800 * MS
