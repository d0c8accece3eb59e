"""What becomes of an inbound message, well-formed or not: the client stays usable."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from calls_made import ReaderOnlyClient
from mcp_sync import CompareblocksClient, MCPClient
from mcp_sync.errors import MCPConnectionLost, MCPProtocolError, MCPResponseError
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from mcp_sync.types.notifications import NotificationEvent
from peers_mcp import NEWEST, PATIENCE, Line, Switchboard
from scenes import FAST, Inbox, answer, in_threads, read_request, send, shake_hands
from timing import MS


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard() as board:
        yield board


@pytest.fixture(params=[MCPClient, ReaderOnlyClient], ids=["led", "reader only"])
def client(board: Switchboard, request: pytest.FixtureRequest) -> Iterator[MCPClient]:
    with request.param(board.url) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


def strays_after(client: MCPClient, line: Line) -> dict[str, int]:
    """The strays, once a call has shown that all before it was taken in."""
    call = client.submit("tools/list")
    while line.message().get("method") != "tools/list":
        pass
    call_request = {"id": call.request_id}
    line.answer(call_request)
    assert call.result(PATIENCE) == {}
    return dict(client.get_connection_stats().strays)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{broken", "malformed"),
        ("", "malformed"),
        ("[]", "malformed"),
        ('[{"jsonrpc":"2.0","id":1,"result":{}}]', "malformed"),
        ("17", "malformed"),
        ('"text"', "malformed"),
        ("null", "malformed"),
        ("[" * 100_000, "malformed"),
        ('{"jsonrpc":"2.0","id":12345,"result":{}}', "unknown id"),
        ('{"jsonrpc":"2.0","id":"12345","result":{}}', "unknown id"),
        ('{"jsonrpc":"2.0","id":12345,"error":{"code":-1,"message":"m"}}', "unknown id"),
        ('{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"parse"}}', "null id"),
        ('{"jsonrpc":"2.0","id":null,"result":{}}', "broken message"),
        ('{"jsonrpc":"2.0","id":1.5,"result":{}}', "broken message"),
        ('{"jsonrpc":"2.0","id":true,"result":{}}', "broken message"),
        ('{"jsonrpc":"2.0","id":{},"method":"ping"}', "broken message"),
        ('{"jsonrpc":"2.0","id":12345,"result":[]}', "broken message"),
        ('{"jsonrpc":"2.0","id":12345,"error":"text"}', "broken message"),
        ('{"jsonrpc":"2.0","method":7}', "broken message"),
        ('{"jsonrpc":"2.0","method":"m","params":[1]}', "broken message"),
        ("{}", "broken message"),
    ],
)
def test_what_fits_nothing_is_dropped_and_counted_by_kind(
    client: MCPClient, line: Line, text: str, kind: str
) -> None:
    line.send_text(text)
    assert strays_after(client, line) == {kind: 1}
    assert client.is_initialized()
    assert client.get_connection_stats().losses.count == 0


@pytest.fixture
def batching() -> Iterator[Switchboard]:
    """A server of the one version in which messages may come as an array."""
    with Switchboard(lambda line: line.shake_hands("2025-03-26")) as board:
        yield board


@pytest.mark.parametrize("kind", [MCPClient, ReaderOnlyClient])
def test_a_batch_is_taken_in_as_the_messages_it_holds(
    batching: Switchboard, kind: type[MCPClient]
) -> None:
    with kind(batching.fresh_url()) as client:
        line, told = batching.line(), Inbox()
        client.on_notification("notifications/tools/list_changed", told)
        calls = [client.submit("tools/list") for _ in range(3)]
        first, second, third = (line.next("tools/list")["id"] for _ in calls)
        line.send(
            [
                {"jsonrpc": "2.0", "id": second, "result": {"number": 2}},
                {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"},
                {"jsonrpc": "2.0", "id": third, "error": {"code": -32603, "message": "not 3"}},
                {"jsonrpc": "2.0", "id": 99999, "method": "ping"},
                ["no message"],
                {"jsonrpc": "2.0", "id": first, "result": {"number": 1}},
            ]
        )
        assert [call.result(PATIENCE) for call in calls[:2]] == [{"number": 1}, {"number": 2}]
        with pytest.raises(MCPResponseError, match="not 3"):
            calls[2].result(PATIENCE)
        assert told.wait_for(lambda events: len(events) == 1)
        assert line.message()["result"] == {}
        assert client.get_connection_stats().strays == {"malformed": 1}


def test_a_caller_reads_its_answer_out_of_a_batch(batching: Switchboard) -> None:
    with MCPClient(batching.fresh_url()) as client:
        line = batching.line()

        def answer_in_an_array() -> None:
            request = line.next("tools/list")
            line.send([{"jsonrpc": "2.0", "id": request["id"], "result": {"tools": []}}])

        in_threads([answer_in_an_array, lambda: client.request("tools/list", timeout=PATIENCE)])


def quoting(request: dict[str, Any]) -> dict[str, Any]:
    """A request as a server knows it that makes texts of all ids."""
    return {**request, "id": str(request["id"])}


def test_a_server_may_give_ids_back_as_texts() -> None:
    def shake_hands_quoting(line: Line) -> None:
        line.refuse(quoting(line.read("server/discover")), -32601)
        line.answer(quoting(line.read("initialize")), {"protocolVersion": NEWEST})
        line.read("notifications/initialized")

    with (
        Switchboard(shake_hands_quoting) as board,
        MCPClient(board.fresh_url(), 0, connect_timeout=PATIENCE, **FAST) as client,
    ):
        line, reports = board.line(), Inbox()
        call = client.submit_tool("slow", on_progress=lambda done, *_: reports(done))
        request = line.request("tools/call")
        line.notify("notifications/progress", progressToken=str(request["id"]), progress=1)
        assert reports.wait_for(lambda items: items == [1])
        line.answer(quoting(request), {"content": []})
        assert call.result(PATIENCE).content == ()
        refused = client.submit("tools/list")
        line.refuse(quoting(line.request("tools/list")), -32603, "not now")
        with pytest.raises(MCPResponseError, match="not now"):
            refused.result(PATIENCE)
        assert client.get_connection_stats().strays == {}


@pytest.mark.parametrize(
    ("member", "code"),
    [
        ({"method": "ping", "params": [1]}, -32602),
        ({"method": "sampling/createMessage", "params": "x"}, -32602),
        ({"method": 5}, -32600),
    ],
)
@pytest.mark.parametrize("request_id", [1, "a"])
def test_a_request_that_breaks_the_protocol_is_answered_with_an_error(
    client: MCPClient, line: Line, member: dict[str, Any], code: int, request_id: int | str
) -> None:
    call = client.submit("tools/call")
    request = line.request("tools/call")
    # It may have the id of a request of ours: ids are each side's own.
    asked_id = request["id"] if request_id == 1 else request_id
    line.send({"jsonrpc": "2.0", "id": asked_id, **member})
    answer = line.message()
    assert (answer["id"], answer["error"]["code"]) == (asked_id, code)
    assert "an object of params" in answer["error"]["message"]
    line.answer(request, {"n": 1})
    assert call.result(PATIENCE) == {"n": 1}
    assert client.get_connection_stats().strays == {"broken message": 1}


def test_a_dropped_message_is_logged_for_those_who_look(
    client: MCPClient, line: Line, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "mcp_sync.connection"):
        line.send_text("{broken")
        strays_after(client, line)
    assert any("dropped an inbound message (malformed)" in one for one in caplog.messages)


def test_a_second_answer_is_a_stray(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    request = line.request("tools/call")
    line.answer(request, {"n": 1})
    line.answer(request, {"n": 2})
    assert call.result(PATIENCE) == {"n": 1}
    assert strays_after(client, line) == {"unknown id": 1}


@pytest.mark.parametrize("late", ["answer", "refuse"])
def test_an_answer_after_the_timeout_is_late(client: MCPClient, line: Line, late: str) -> None:
    with pytest.raises(TimeoutError):
        client.request("tools/call", timeout=1000 * MS)
    getattr(line, late)(line.request("tools/call"))
    assert strays_after(client, line) == {"late answer": 1}


@pytest.mark.parametrize(
    ("member", "rule"),
    [
        ({"result": []}, "the result is not an object"),
        ({"result": "text"}, "the result is not an object"),
        ({"result": None}, "the result is not an object"),
        ({"error": "text"}, "the error has no integer code"),
        ({"error": {"code": "1"}}, "the error has no integer code"),
        ({}, "the result is not an object"),
    ],
)
def test_an_answer_that_breaks_the_protocol_fails_its_call(
    client: MCPClient, line: Line, member: dict[str, Any], rule: str
) -> None:
    call = client.submit("tools/call")
    line.send({"jsonrpc": "2.0", "id": line.request("tools/call")["id"], **member})
    with pytest.raises(MCPProtocolError, match=f"tools/call: {rule}"):
        call.result(PATIENCE)
    assert strays_after(client, line) == {}


def test_an_error_beside_a_null_result_and_the_other_way_round(
    client: MCPClient, line: Line
) -> None:
    one, two = client.submit("tools/call"), client.submit("tools/call")
    first, second = line.message(), line.message()
    error = {"code": -1, "message": "no"}
    line.send({"jsonrpc": "2.0", "id": first["id"], "result": None, "error": error})
    line.send({"jsonrpc": "2.0", "id": second["id"], "result": {"n": 1}, "error": None})
    with pytest.raises(MCPResponseError, match="no"):
        one.result(PATIENCE)
    assert two.result(PATIENCE) == {"n": 1}


def test_notifications_reach_their_handlers_with_their_params(
    client: MCPClient, line: Line
) -> None:
    inbox = Inbox()
    client.on_notification("notifications/message", inbox)
    line.notify("notifications/message", level="info", data="hello")
    line.send({"jsonrpc": "2.0", "method": "notifications/message"})
    line.notify("notifications/other")
    assert inbox.wait_for(lambda items: len(items) == 2)
    first, second = inbox.items()
    assert isinstance(first, NotificationEvent)
    assert (first.method, first.params) == (
        "notifications/message",
        {"level": "info", "data": "hello"},
    )
    assert second.params == {}
    assert strays_after(client, line) == {}


def test_of_us_who_see_a_notification_the_last_to_come_is_the_first(
    client: MCPClient, line: Line
) -> None:
    seen: list[str] = []
    receiver = client._connection.receiver
    receiver.tap("notifications/other", lambda *_: seen.append("came first"))
    receiver.tap("notifications/other", lambda *_: seen.append("came last"))
    line.notify("notifications/other")
    assert strays_after(client, line) == {}
    assert seen == ["came last", "came first"]


def old_handshake(line: Line) -> None:
    line.shake_hands("1.0.0")


def test_a_notification_of_the_compareblocks_server_is_never_answered() -> None:
    inbox = Inbox()
    with Switchboard(old_handshake) as board, CompareblocksClient(board.url) as client:
        line = board.line()
        client.on_notification("*", inbox)
        line.ask("of-the-server", "processing_complete")
        line.ask("another", "something_else")
        call = client.submit("get_status")
        line.answer(line.request("get_status"))
        assert call.result(PATIENCE) == {}
        assert line.is_quiet()
        assert client.get_connection_stats().strays == {"unasked notification": 1}
        assert inbox.wait_for(lambda items: len(items) == 1)
        assert inbox.items()[0].method == "something_else"


def test_an_interrupt_while_a_message_is_taken_in_retires_the_link_and_loses_no_call() -> None:
    """What was read is gone, and nobody can tell what it was: so all calls of the link settle."""
    me = threading.current_thread()

    def interrupt(method: str) -> bool:
        if threading.current_thread() is me:
            raise KeyboardInterrupt
        return True

    with WebSocketPeer(notify_before_each_answer) as peer, MCPClient(peer.url, **FAST) as client:
        client._connection.receiver.wants = interrupt
        waiting = client.submit("hold")
        with pytest.raises(KeyboardInterrupt):
            while True:  # until this thread, and not the reader, has read the notification
                client.request("ping", timeout=PATIENCE)
        with pytest.raises(MCPConnectionLost, match="interrupted while a message") as caught:
            waiting.result(PATIENCE)
        assert caught.value.maybe_executed
        client._connection.receiver.wants = lambda _: True
        assert client.request("ping", timeout=PATIENCE)["method"] == "ping"
        statistics = client.get_connection_stats()
        assert statistics.traffic.interrupted_reads == 1
        assert statistics.losses.count == 1
        assert statistics.calls.cancelled == 1


def notify_before_each_answer(connection: WebSocketConnection) -> None:
    shake_hands(connection)
    try:
        while True:
            request = read_request(connection)
            if request.get("method") == "ping":
                send(connection, {"jsonrpc": "2.0", "method": "notifications/message"})
                answer(connection, request, {"method": "ping"})
    except (EOFError, ConnectionError):
        return


def test_an_interrupt_between_taking_and_settling_a_call_settles_it() -> None:
    with Switchboard() as board, MCPClient(board.url, **FAST) as client:
        line = board.line()
        call = client.submit("tools/call")
        request = line.request("tools/call")
        link = client._connection.gate.link
        assert link is not None
        taken = client._connection.calls.take_answered(request["id"], link)
        assert taken is call
        client._connection.receiver.abandon(link)
        with pytest.raises(MCPConnectionLost, match="interrupted"):
            call.result(PATIENCE)
        client._connection.receiver.abandon(link)
        assert client.get_connection_stats().traffic.interrupted_reads == 2
