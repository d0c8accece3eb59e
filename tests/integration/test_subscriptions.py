"""Subscriptions as a client has them: over lost links, refusals, and servers that do not answer."""

from __future__ import annotations

import logging
import queue
from typing import Any

import pytest

from mcp_sync import EventSubscription, MaybeMissed, MCPClient, ResourceUpdated, ToolsChanged
from mcp_sync.errors import MCPResponseError
from peers_mcp import NEWEST, PATIENCE, Line, Switchboard
from scenes import ABSENCE, PINNED, in_threads
from timing import MS


def accepted(client: MCPClient, line: Line) -> tuple[dict[str, Any], EventSubscription]:
    """Subscribe to the tools of a modern server, which accepts; its request and what came of it."""
    request: dict[str, Any] = {}
    made: list[EventSubscription] = []

    def accept() -> None:
        request.update(line.request("subscriptions/listen"))
        line.acknowledge(request)

    in_threads([accept, lambda: made.append(client.listen(tools=True, timeout=PATIENCE))])
    return request, made[0]


def tools(name: str) -> dict[str, Any]:
    """A result of ``tools/list`` that may be kept for an hour."""
    entry = {"name": name, "inputSchema": {"type": "object"}}
    return {"resultType": "complete", "tools": [entry], "ttlMs": 3_600_000}


def ask_tools(client: MCPClient, line: Line, name: str) -> list[str]:
    """List the tools, for which the server is asked."""
    names: list[str] = []
    in_threads(
        [
            lambda: names.extend(tool.name for tool in client.list_tools(timeout=PATIENCE)),
            lambda: line.answer(line.request("tools/list"), tools(name)),
        ]
    )
    return names


# Lost links


def test_what_changes_before_the_subscription_is_open_again_is_not_missed(
    board: Switchboard, client: MCPClient, line: Line
) -> None:
    _, subscription = accepted(client, line)
    line.reset()
    second = board.line()
    request = second.request("subscriptions/listen")
    assert ask_tools(client, second, "old") == ["old"]
    with pytest.raises(TimeoutError):
        subscription.get(ABSENCE)
    second.acknowledge(request)
    assert subscription.get(PATIENCE) == MaybeMissed("the connection was lost")
    assert ask_tools(client, second, "new") == ["new"]
    second.notify_stream(request, "notifications/tools/list_changed")
    assert subscription.get(PATIENCE) == ToolsChanged()


def test_a_subscription_that_was_never_open_has_missed_nothing(
    board: Switchboard, client: MCPClient, line: Line
) -> None:
    def serve() -> None:
        line.request("subscriptions/listen")
        line.reset()
        second = board.line()
        second.acknowledge(second.request("subscriptions/listen"))

    made: list[EventSubscription] = []
    in_threads([serve, lambda: made.append(client.listen(tools=True, timeout=PATIENCE))])
    with pytest.raises(TimeoutError):
        made[0].get(ABSENCE)


# A server that ends the stream with the code that some use when their link ends

CLOSED = -32000


def test_before_the_server_has_accepted_it_is_a_refusal(client: MCPClient, line: Line) -> None:
    def refuse() -> None:
        line.refuse(line.request("subscriptions/listen"), CLOSED, "too many subscriptions")

    def ask() -> None:
        with pytest.raises(MCPResponseError, match="too many subscriptions"):
            client.listen(tools=True, timeout=PATIENCE)

    in_threads([ask, refuse])
    assert client._connection.streams._listeners == ()


def test_while_the_link_lives_the_stream_is_opened_again_on_it(
    client: MCPClient, line: Line
) -> None:
    request, subscription = accepted(client, line)
    line.refuse(request, CLOSED)
    again = line.request("subscriptions/listen")
    line.acknowledge(again)
    assert subscription.get(PATIENCE) == MaybeMissed("the server closed the subscription")
    line.notify_stream(again, "notifications/tools/list_changed")
    assert subscription.get(PATIENCE) == ToolsChanged()


def test_when_the_link_ends_as_well_the_next_one_has_the_stream(
    board: Switchboard, client: MCPClient, line: Line
) -> None:
    request, subscription = accepted(client, line)
    line.refuse(request, CLOSED)
    line.close(1001)
    second = board.line()
    second.acknowledge(second.request("subscriptions/listen"))
    assert subscription.get(PATIENCE) == MaybeMissed("the connection was lost")
    assert line.is_quiet()


def test_a_subscription_that_was_closed_meanwhile_is_not_opened_again(
    client: MCPClient, line: Line
) -> None:
    request, subscription = accepted(client, line)
    line.refuse(request, CLOSED)
    ask_tools(client, line, "any")  # so that the refusal was taken in
    subscription.close()
    with pytest.raises(queue.Empty):
        line.message(3 * ABSENCE)


# Resources in the handshake era


def subscribing(line: Line) -> None:
    """A server of the handshake era that takes subscriptions to resources."""
    request = line.read("initialize")
    resources = {"subscribe": True, "listChanged": True}
    line.answer(request, {"protocolVersion": NEWEST, "capabilities": {"resources": resources}})
    line.read("notifications/initialized")


def subscribe(client: MCPClient, line: Line, uri: str) -> EventSubscription:
    """Subscribe to a resource of such a server."""
    made: list[EventSubscription] = []
    in_threads(
        [
            lambda: made.append(client.subscribe_resource(uri, timeout=PATIENCE)),
            lambda: line.answer(line.request("resources/subscribe")),
        ]
    )
    return made[0]


def updated(line: Line, uri: str) -> None:
    line.notify("notifications/resources/updated", uri=uri)


def test_a_subscription_gets_the_updates_of_its_own_resources_alone() -> None:
    with Switchboard(subscribing) as board, MCPClient(board.url, **PINNED) as client:
        line = board.line()
        a, b = subscribe(client, line, "file:///a"), subscribe(client, line, "file:///b")
        for uri in ("file:///b", "file:///b/part", "file:///a"):
            updated(line, uri)
        assert a.get(PATIENCE) == ResourceUpdated("file:///a")
        assert b.get(PATIENCE) == ResourceUpdated("file:///b")
        assert b.get(PATIENCE) == ResourceUpdated("file:///b/part")
        updated(line, "FILE:///a")
        assert a.get(PATIENCE) == b.get(PATIENCE) == ResourceUpdated("FILE:///a")
        line.notify("notifications/resources/updated")
        missed = MaybeMissed("a change that could not be read")
        assert a.get(PATIENCE) == b.get(PATIENCE) == missed


def test_a_server_that_does_not_answer_a_subscription_keeps_no_client_from_being_ready(
    caplog: pytest.LogCaptureFixture,
) -> None:
    settings = {**PINNED, "connect_timeout": 800 * MS}
    with Switchboard(subscribing) as board, MCPClient(board.url, 0, **settings) as client:
        line = board.line()
        subscription = subscribe(client, line, "file:///a")
        with caplog.at_level(logging.WARNING, "mcp_sync.connection"):
            line.reset()
            second = board.line()
            second.request("resources/subscribe")
            assert subscription.get(PATIENCE) == MaybeMissed("the connection was lost")
            assert client.wait_until_ready(PATIENCE)
        assert subscription.honored == {}
        assert any("did not say whether it took" in message for message in caplog.messages)
        updated(second, "file:///a")
        assert subscription.get(PATIENCE) == ResourceUpdated("file:///a")
