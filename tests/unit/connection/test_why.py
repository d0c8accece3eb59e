"""What a call waits for, in words."""

from __future__ import annotations

import re

import pytest

from calls_made import make_call, make_connection
from mcp_sync import MCPClient
from mcp_sync.connection.call import Owner
from mcp_sync.errors import MCPTimeoutError
from peers_mcp import PATIENCE, Switchboard
from scenes import FAST, nobody_listening, until
from timing import MS


def test_a_call_that_is_nowhere_yet_waits_for_its_turn() -> None:
    connection = make_connection()
    assert connection.why(make_call(connection)) == "its turn to be written"


def test_a_call_that_is_being_written_waits_for_the_server_to_take_it() -> None:
    connection = make_connection()
    call = make_call(connection)
    call.owner = Owner.WRITER
    assert connection.why(call) == "the server to take the request's bytes"


def test_a_settled_call_waits_for_nothing() -> None:
    connection = make_connection()
    call = make_call(connection)
    assert call.cancel()
    assert connection.why(call) == "nothing: it is settled"


def test_a_queued_call_tells_its_place_and_the_state() -> None:
    with nobody_listening() as url, MCPClient(url, start_offline=True) as client:
        client.submit("ping")
        call = client.submit("ping")
        assert re.fullmatch(
            rf"{call.call_id} ping waits for a connection: queued at position 2 of 2, "
            r"(connecting|failed|reconnecting), "
            r"no ready link for \d+\.\d s(, last error: could not .+)?",
            client.why(call),
        )
        client.clear_offline_queue()


def test_a_written_call_tells_when_it_was_written_and_what_was_heard_since() -> None:
    with Switchboard() as board, MCPClient(board.url, heartbeat_interval=10 * MS) as client:
        line = board.line()
        call = client.submit("tools/call")
        line.request("tools/call")
        link = client._connection.gate.link
        assert link is not None
        until(lambda: link.ponged_at is not None)
        assert re.fullmatch(
            r"an answer: written \d+\.\d s ago, last inbound byte \d+\.\d s ago, "
            r"last pong \d+\.\d s ago",
            client._connection.why(call),
        )
        call.cancel()


def test_a_call_that_waits_behind_others_on_a_ready_link_waits_for_its_turn() -> None:
    with Switchboard() as board, MCPClient(board.url, max_pending=1) as client:
        line = board.line()
        first = client.submit("tools/call")
        second = client.submit("tools/call")
        assert client._connection.why(second) == "its turn: queued at position 1 of 1"
        line.answer(line.request("tools/call"))
        line.answer(line.request("tools/call"))
        assert (first.result(PATIENCE), second.result(PATIENCE)) == ({}, {})


def test_a_timeout_tells_what_was_waited_for() -> None:
    with (
        nobody_listening() as url,
        MCPClient(url, reconnect_attempts=0, start_offline=True, **FAST) as client,
        pytest.raises(MCPTimeoutError, match="queued at position 1 of 1") as caught,
    ):
        client.request("ping", timeout=20 * MS)
    assert "no ready link" in caught.value.waiting_for
    assert caught.value.sent is False


def test_a_call_without_a_link_tells_why_there_is_none() -> None:
    with nobody_listening() as url, MCPClient(url, 0, start_offline=True, **FAST) as client:
        assert not client.connect(PATIENCE)
        call = client.submit("ping")
        reason = (
            r"(connecting|offline), no ready link for \d+\.\d s, last error: .*connection refused"
        )
        assert re.search(reason, client.why(call))
        with pytest.raises(MCPTimeoutError, match=reason):
            client.request("ping", timeout=20 * MS)
        client.clear_offline_queue()


def test_all_unsettled_calls_are_told_of_one_a_line() -> None:
    with nobody_listening() as url, MCPClient(url, start_offline=True) as client:
        assert client.why() == "no call is waiting"
        assert client.why("call-0") == "call-0 is not waiting"
        calls = [client.submit("ping"), client.submit("tools/list")]
        lines = client.why().splitlines()
        assert [line.split(" waits for ")[0] for line in lines] == [
            f"{call.call_id} {call.method}" for call in calls
        ]
        assert client.why(calls[1].call_id) == client.why(calls[1])
        client.clear_offline_queue()
