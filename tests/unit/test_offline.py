"""The receipt of a queued call, from a real client whose real server is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from mcp_sync import Call, MCPCancelledError, MCPClient, MCPClosedError, OfflineResponse
from mcp_sync.embedded import EmbeddedServer
from scenes import lasting_port
from timing import MS

PATIENCE = 10_000 * MS
"""For what happens as soon as the server is back."""


@pytest.fixture
def server() -> Iterator[EmbeddedServer]:
    """A server that has a port and is away."""
    server = EmbeddedServer(port=lasting_port())
    yield server
    server.stop()


@pytest.fixture
def client(server: EmbeddedServer) -> Iterator[MCPClient]:
    """Its client, without a link and dialing often."""
    client = MCPClient(server.url, 1000, 20 * MS, max_reconnect_delay=50 * MS)
    yield client
    client.close()


def queue_echo(client: MCPClient, text: str) -> OfflineResponse[dict[str, Any]]:
    params = {"name": "echo", "arguments": {"text": text}}
    response = client.request("tools/call", params, offline="queue")
    assert isinstance(response, OfflineResponse)
    return response


def echoed(answer: dict[str, Any]) -> str:
    text: str = answer["content"][0]["text"]
    return text


def test_it_says_where_the_call_stands(client: MCPClient) -> None:
    before = time.time()
    first, second = queue_echo(client, "one"), queue_echo(client, "two")
    assert (first.status, first.position) == ("queued", 1)
    assert (second.status, second.position) == ("queued", 2)
    assert second.message == (
        "tools/call is queued at position 2; it is sent when the server is back"
    )
    assert before <= first.queued_at <= second.queued_at <= time.time()
    assert client.offline_queue_size == 2
    assert isinstance(first.call, Call)
    assert client.pending_requests() == [first.call, second.call]
    assert repr(second) == (
        f"<OfflineResponse {second.call.call_id} tools/call queued at position 2>"
    )


def test_it_carries_the_real_answer_once_the_server_is_back(
    client: MCPClient, server: EmbeddedServer
) -> None:
    responses = [queue_echo(client, text) for text in ("one", "two")]
    server.start()
    assert [echoed(response.result(PATIENCE)) for response in responses] == ["one", "two"]
    assert echoed(responses[0].result()) == "one"
    assert [entry.method for entry in server.ledger].count("tools/call") == 2
    assert (responses[1].position, responses[1].status) == (2, "queued")
    call = responses[1].call
    assert repr(responses[1]) == f"<OfflineResponse {call.call_id} tools/call settled>"


def test_with_a_ready_link_there_is_no_receipt_but_the_answer(
    client: MCPClient, server: EmbeddedServer
) -> None:
    server.start()
    assert client.wait_until_ready(PATIENCE)
    assert client.request("ping", offline="queue") == {}


def test_an_impatient_wait_ends_and_the_call_goes_on(
    client: MCPClient, server: EmbeddedServer
) -> None:
    response = queue_echo(client, "one")
    with pytest.raises(TimeoutError):
        response.result(20 * MS)
    assert not response.call.done()
    server.start()
    assert echoed(response.result(PATIENCE)) == "one"


def test_the_answer_is_read_as_the_method_that_was_called_would_have_read_it(
    client: MCPClient, server: EmbeddedServer
) -> None:
    plain = queue_echo(client, "one")
    read = OfflineResponse(plain.call, plain.position, echoed)
    server.start()
    assert read.result(PATIENCE) == "one"
    assert plain.result(PATIENCE)["content"] == [{"type": "text", "text": "one"}]


def test_what_cannot_be_read_raises_what_the_reading_raises(
    client: MCPClient, server: EmbeddedServer
) -> None:
    plain = queue_echo(client, "one")
    read: OfflineResponse[str] = OfflineResponse(plain.call, 1, lambda answer: answer["missing"])
    server.start()
    with pytest.raises(KeyError, match="missing"):
        read.result(PATIENCE)


def test_a_withdrawn_call_has_no_answer(client: MCPClient) -> None:
    response = queue_echo(client, "one")
    assert response.call.cancel()
    with pytest.raises(MCPCancelledError, match=r"^tools/call: cancelled"):
        response.result(PATIENCE)


def test_a_call_that_was_never_sent_fails_when_the_client_is_closed(client: MCPClient) -> None:
    response = queue_echo(client, "one")
    client.close()
    with pytest.raises(MCPClosedError):
        response.result(PATIENCE)
