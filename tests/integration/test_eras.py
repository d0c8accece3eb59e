"""Which era a server speaks is found out on the wire, and found out again when it changes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from calls_made import ReaderOnlyClient
from mcp_sync import MCPClient
from mcp_sync.errors import (
    MCPConnectionRejected,
    MCPProtocolError,
    MCPResponseError,
    MCPTimeoutError,
)
from peers_mcp import MODERN, NEWEST, PATIENCE, Line, Switchboard, initialize, modern, nothing
from scenes import FAST, Diary, in_threads
from timing import MS

KEY = "io.modelcontextprotocol/"

Script = Callable[[Line], None]


def refusing(code: int, **data: Any) -> Script:
    """A server that refuses the probe, and then speaks the handshake era on the same link."""

    def script(line: Line) -> None:
        line.refuse(line.read("server/discover"), code, **data)
        initialize(line)

    return script


def is_modern(client: MCPClient) -> bool:
    return client.get_client_info().protocol_version == MODERN


def dials(client: MCPClient) -> tuple[int, int]:
    """How many dials there were, and how many attempts failed."""
    stats = client.get_connection_stats().dials
    return stats.made, stats.failed


# What the probe finds


def test_a_server_that_answers_the_probe_is_spoken_to_in_the_modern_era() -> None:
    info = {"name": "tester", "version": "7"}
    with (
        Switchboard(modern) as board,
        MCPClient(board.fresh_url(), client_info=info, **FAST) as client,
    ):
        line = board.line()
        assert client.is_initialized()
        assert is_modern(client)
        description = client.get_client_info()
        assert description.server is not None
        assert (description.server.name, description.capabilities) == ("modern", {"tools": {}})
        call = client.submit("tools/list", {"cursor": "x"})
        request = line.message()
        assert request["method"] == "tools/list"
        assert request["params"] == {
            "cursor": "x",
            "_meta": {
                f"{KEY}protocolVersion": MODERN,
                f"{KEY}clientInfo": info,
                f"{KEY}clientCapabilities": {},
            },
        }
        line.answer(request, {"resultType": "complete", "tools": []})
        assert call.result(PATIENCE) == {"resultType": "complete", "tools": []}
        assert dials(client) == (1, 0)


@pytest.mark.parametrize("code", [-32601, -32602, 0, -32603, -32000])
def test_a_server_that_refuses_the_probe_is_initialized_on_the_same_link(code: int) -> None:
    with (
        Switchboard(refusing(code)) as board,
        MCPClient(board.fresh_url(), **FAST) as client,
    ):
        assert client.get_client_info().protocol_version == NEWEST
        line = board.line()
        call = client.submit("tools/list")
        request = line.request("tools/list")
        assert "params" not in request
        line.answer(request)
        assert call.result(PATIENCE) == {}
        assert dials(client) == (1, 0)
        assert board.connections == 1


def test_a_server_that_is_silent_about_the_probe_is_initialized_within_the_connect_timeout() -> (
    None
):
    probes: list[dict[str, Any]] = []

    def silent(line: Line) -> None:
        probes.append(line.read("server/discover"))
        initialize(line)

    with Switchboard(silent) as board:
        client = MCPClient(board.fresh_url(), connect_timeout=2000 * MS, **FAST)
        with contextlib.closing(client):
            diary = Diary(client)
            assert client.wait_until_ready(PATIENCE)
            line = board.line()
            line.discovered(probes[0])
            call = client.submit("tools/list")
            line.answer(line.request("tools/list"))
            assert call.result(PATIENCE) == {}
            assert client.get_connection_stats().strays == {"late answer": 1}
            assert client.get_client_info().protocol_version == NEWEST
            diary.wait_for("initialized")
            assert diary.names() == ["connected", "initialized"]
            assert dials(client) == (1, 0)


def test_a_server_that_is_silent_about_everything_is_a_failed_attempt_in_the_connect_timeout() -> (
    None
):
    with Switchboard(nothing) as board:
        client = MCPClient(board.fresh_url(), 0, **FAST)
        with contextlib.closing(client):
            assert client.connect(PATIENCE)
            client.configure(connect_timeout=1000 * MS)  # of which half is for the probe
            diary = Diary(client)
            client.submit("tools/list")
            event = diary.wait_for("failed")
            assert "initialize: not done within" in event.context["error"]
            line = board.line()
            assert [line.message()["method"] for _ in range(2)] == ["server/discover", "initialize"]


def end(line: Line) -> None:
    line.close()


def close_in_order(line: Line) -> None:
    line.close(1000, "what is that")


def reset(line: Line) -> None:
    line.reset()


@pytest.mark.parametrize("leave", [end, close_in_order, reset])
def test_a_server_that_leaves_upon_the_probe_is_initialized_on_a_fresh_link(leave: Script) -> None:
    def offended(line: Line) -> None:
        line.read("server/discover")
        leave(line)

    with Switchboard(offended, initialize) as board:
        client = MCPClient(board.fresh_url(), 0, **FAST)
        with contextlib.closing(client):
            diary = Diary(client)
            assert client.wait_until_ready(PATIENCE)
            assert client.get_client_info().protocol_version == NEWEST
            assert board.connections == 2
            assert dials(client) == (2, 0)
            diary.wait_for("initialized")
            diary.wait_for("initialized")
            names = ["connected", "disconnected", "connected", "initialized"]
            assert diary.names() == names


def test_a_server_that_leaves_whatever_is_said_uses_up_the_attempts() -> None:
    def leave(line: Line) -> None:
        line.read()
        line.close()

    with Switchboard(leave) as board:
        client = MCPClient(board.fresh_url(), 2, **FAST)
        with contextlib.closing(client):
            diary = Diary(client)
            client.submit("tools/list")
            diary.wait_for("offline")
            assert len(diary.events("failed")) == 3


def test_a_refused_version_is_asked_for_once_more_where_the_server_lists_it() -> None:
    def fussy(line: Line) -> None:
        line.refuse(line.read("server/discover"), -32022, supported=[MODERN], requested=MODERN)
        again = line.read("server/discover")
        assert again["params"]["_meta"][f"{KEY}protocolVersion"] == MODERN
        line.discovered(again)

    with Switchboard(fussy) as board, MCPClient(board.fresh_url(), **FAST) as client:
        assert is_modern(client)
        assert dials(client) == (1, 0)


def test_a_server_that_lists_the_handshake_era_alone_is_initialized_on_a_fresh_link() -> None:
    def locked(line: Line) -> None:
        line.refuse(line.read("server/discover"), -32022, supported=[NEWEST])

    with (
        Switchboard(locked, initialize) as board,
        MCPClient(board.fresh_url(), 0, **FAST) as client,
    ):
        board.line().wait_until_ended()
        assert client.get_client_info().protocol_version == NEWEST
        assert dials(client) == (2, 0)


def test_without_a_common_version_it_is_refused_for_good_in_a_useful_sentence() -> None:
    def foreign(line: Line) -> None:
        line.refuse(line.read("server/discover"), -32022, supported=["2099-01-01"])

    with Switchboard(foreign) as board:
        client = MCPClient(board.fresh_url(), **FAST)
        with contextlib.closing(client):
            with pytest.raises(MCPConnectionRejected) as caught:
                client.request("tools/list", timeout=PATIENCE)
            assert str(caught.value) == (
                "tools/list: the server speaks 2099-01-01; this client speaks 2026-07-28, "
                "2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05: use a server with one of these; "
                "the request had not been sent"
            )
            assert client.get_connection_state() == "failed"
            assert board.connections == 1


def test_a_server_that_refuses_both_is_refused_for_good() -> None:
    def stubborn(line: Line) -> None:
        line.refuse(line.read("server/discover"), -32601)
        line.refuse(line.read("initialize"), -32601, "no such method")

    with Switchboard(stubborn) as board:
        client = MCPClient(board.fresh_url(), **FAST)
        with contextlib.closing(client):
            with pytest.raises(MCPConnectionRejected, match="both server/discover and initialize"):
                client.request("tools/list", timeout=PATIENCE)
            assert board.connections == 1


def test_a_server_that_is_too_busy_to_initialize_is_tried_again() -> None:
    def busy(line: Line) -> None:
        line.refuse(line.read("server/discover"), -32601)
        line.refuse(line.read("initialize"), -32603, "starting up")

    with Switchboard(busy, refusing(-32601)) as board:
        client = MCPClient(board.fresh_url(), 1, **FAST)
        with contextlib.closing(client):
            diary = Diary(client)
            assert client.wait_until_ready(PATIENCE)
            assert "starting up" in diary.wait_for("failed").context["error"]
            assert dials(client) == (2, 1)


def test_a_slow_modern_server_that_tells_when_it_is_initialized_is_believed() -> None:
    def slow(line: Line) -> None:
        line.read("server/discover")
        line.refuse(line.read("initialize"), -32022, supported=[MODERN], requested=NEWEST)
        line.discovered(line.read("server/discover"))

    with Switchboard(slow) as board:
        client = MCPClient(board.fresh_url(), connect_timeout=2000 * MS, **FAST)
        with contextlib.closing(client):
            assert client.wait_until_ready(PATIENCE)
            assert is_modern(client)
            assert dials(client) == (1, 0)


# Pinned


@pytest.mark.parametrize("version", ["2025-11-25", "2024-11-05"])
def test_pinned_to_the_handshake_era_it_initializes_at_once_with_that_version(version: str) -> None:
    def pinned(line: Line) -> None:
        request = line.read("initialize")
        assert request["params"]["protocolVersion"] == version
        line.answer(request, {"protocolVersion": version, "capabilities": {}})
        line.read("notifications/initialized")

    with (
        Switchboard(pinned) as board,
        MCPClient(board.fresh_url(), protocol_version=version, **FAST) as client,
    ):
        assert client.get_client_info().protocol_version == version


def test_pinned_to_the_handshake_era_it_takes_no_other_version() -> None:
    with Switchboard(initialize) as board:
        client = MCPClient(board.fresh_url(), protocol_version="2024-11-05", **FAST)
        with contextlib.closing(client), pytest.raises(MCPConnectionRejected, match="'2025-11-25'"):
            client.request("tools/list", timeout=PATIENCE)


def test_pinned_to_the_modern_era_it_does_not_fall_back() -> None:
    def old(line: Line) -> None:
        line.refuse(line.read("server/discover"), -32601)

    with Switchboard(old) as board:
        client = MCPClient(board.fresh_url(), protocol_version=MODERN, **FAST)
        with contextlib.closing(client):
            with pytest.raises(MCPConnectionRejected, match=f"does not speak {MODERN}"):
                client.request("tools/list", timeout=PATIENCE)
            line = board.line()
            line.wait_until_ended()
            assert line.is_quiet()


def test_pinned_to_the_modern_era_silence_is_a_failed_attempt() -> None:
    with Switchboard(nothing) as board:
        client = MCPClient(board.fresh_url(), 0, protocol_version=MODERN, **FAST)
        with contextlib.closing(client):
            assert client.connect(PATIENCE)
            client.configure(connect_timeout=500 * MS)
            diary = Diary(client)
            client.submit("tools/list")
            assert "server/discover" in diary.wait_for("failed").context["error"]
            line = board.line()
            assert line.message()["method"] == "server/discover"
            line.wait_until_ended()
            assert line.is_quiet()


def test_a_version_that_is_configured_later_holds_from_the_next_link_on() -> None:
    with (
        Switchboard(refusing(-32601), modern, initialize) as board,
        MCPClient(board.fresh_url(), 0, **FAST) as client,
    ):
        assert client.get_client_info().protocol_version == NEWEST
        for version in (MODERN, NEWEST):
            client.configure(protocol_version=version)
            client.reconnect()
            assert client.wait_until_ready(PATIENCE)
            assert client.get_client_info().protocol_version == version
        assert dials(client) == (3, 0)


def test_a_client_that_was_refused_for_its_version_may_be_given_another() -> None:
    def old(line: Line) -> None:
        line.refuse(line.read("server/discover"), -32601)

    with Switchboard(old, refusing(-32601)) as board:
        client = MCPClient(board.fresh_url(), protocol_version=MODERN, **FAST)
        with contextlib.closing(client):
            with pytest.raises(MCPConnectionRejected, match="use protocol_version='auto'"):
                client.request("tools/list", timeout=PATIENCE)
            client.configure(protocol_version="auto")
            assert client.connect(PATIENCE)
            assert client.wait_until_ready(PATIENCE)
            assert client.get_client_info().protocol_version == NEWEST


# The server is replaced


def test_a_server_of_the_handshake_era_is_initialized_at_once_on_the_next_link() -> None:
    with (
        Switchboard(refusing(-32601), initialize) as board,
        MCPClient(board.fresh_url(), 0, **FAST) as client,
    ):
        diary = Diary(client)
        board.line().reset()
        diary.wait_for("initialized")
        assert dials(client) == (2, 0)


def test_another_client_of_that_server_initializes_at_once() -> None:
    with Switchboard(refusing(-32601), initialize) as board:
        url = board.fresh_url()
        for _ in range(2):
            with MCPClient(url, 0, **FAST) as client:
                assert client.get_client_info().protocol_version == NEWEST
                assert dials(client) == (1, 0)


def test_a_legacy_server_replaced_by_a_modern_one_is_found_out() -> None:
    def modern_only(line: Line) -> None:
        line.refuse(line.read("initialize"), -32022, supported=[MODERN], requested=NEWEST)

    with (
        Switchboard(refusing(-32601), modern_only, modern) as board,
        MCPClient(board.fresh_url(), 0, **FAST) as client,
    ):
        diary = Diary(client)
        first = board.line()
        call = client.submit("tools/list", {"cursor": "x"})
        assert first.request("tools/list")["params"] == {"cursor": "x"}
        first.reset()
        diary.wait_for("initialized")
        assert is_modern(client)
        assert dials(client) == (3, 0)
        board.line().wait_until_ended()
        again = board.line().request("tools/list")
        assert again["params"]["cursor"] == "x"
        assert again["params"]["_meta"][f"{KEY}protocolVersion"] == MODERN
        assert not call.done()
        call.cancel()


def test_a_modern_server_replaced_by_a_legacy_one_is_found_out() -> None:
    with (
        Switchboard(modern, refusing(-32602)) as board,
        MCPClient(board.fresh_url(), 0, **FAST) as client,
    ):
        diary = Diary(client)
        first = board.line()
        call = client.submit("tools/list", {"_meta": {"mine": 1}})
        assert first.request("tools/list")["params"]["_meta"]["mine"] == 1
        first.reset()
        diary.wait_for("initialized")
        assert client.get_client_info().protocol_version == NEWEST
        again = board.line()
        request = again.request("tools/list")
        assert request["params"] == {"_meta": {"mine": 1}}
        again.answer(request)
        assert call.result(PATIENCE) == {}
        assert dials(client) == (2, 0)


def test_a_server_that_keeps_changing_its_mind_is_given_up() -> None:
    def fickle(line: Line) -> None:
        request = line.read()
        supported = [NEWEST] if request["method"] == "server/discover" else [MODERN]
        line.refuse(request, -32022, supported=supported)

    with Switchboard(fickle) as board:
        client = MCPClient(board.fresh_url(), **FAST)
        with contextlib.closing(client):
            with pytest.raises(MCPConnectionRejected, match="keeps changing what it speaks"):
                client.request("tools/list", timeout=PATIENCE)
            assert board.connections == 4


# What the modern era means on a link


@pytest.fixture
def board() -> Any:
    with Switchboard(modern) as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Any:
    with MCPClient(board.fresh_url(), **FAST) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    return board.line()


def test_a_modern_servers_request_is_dropped_and_counted_and_never_answered(
    client: MCPClient, line: Line
) -> None:
    client._connection.requests.handlers = {"roots/list": lambda _: {"roots": []}}
    for number, method in enumerate(("ping", "roots/list", "sampling/createMessage")):
        line.ask(number, method)
    line.send({"jsonrpc": "2.0", "id": "bad", "method": "roots/list", "params": 5})
    call = client.submit("tools/list")
    request = line.message()
    assert request["method"] == "tools/list"
    line.answer(request)
    assert call.result(PATIENCE) == {}
    strays = client.get_connection_stats().strays
    assert strays == {"server request on a modern link": 3, "broken message": 1}
    assert line.is_quiet()


def test_a_result_that_does_not_say_its_type_is_complete(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call", {"name": "t"})
    line.answer(line.request("tools/call"), {"content": []})
    assert call.result(PATIENCE) == {"content": []}


@pytest.mark.parametrize("kind", ["task", "", None, 5, ["complete"]])
def test_a_result_of_an_unknown_type_is_an_error_of_its_call_alone(
    client: MCPClient, line: Line, kind: Any
) -> None:
    broken, fine = client.submit("tools/call"), client.submit("tools/call")
    line.answer(line.request("tools/call"), {"resultType": kind, "content": []})
    line.answer(line.request("tools/call"), {"resultType": "complete", "content": []})
    error = broken.exception(PATIENCE)
    assert isinstance(error, MCPProtocolError)
    assert "unknown type" in str(error)
    assert fine.result(PATIENCE)["content"] == []


def test_in_the_handshake_era_the_type_of_a_result_means_nothing() -> None:
    with (
        Switchboard(initialize) as board,
        MCPClient(board.fresh_url(), protocol_version=NEWEST, **FAST) as client,
    ):
        line = board.line()
        call = client.submit("tools/call")
        line.answer(line.request("tools/call"), {"resultType": "task", "content": []})
        assert call.result(PATIENCE) == {"resultType": "task", "content": []}


def test_a_modern_request_is_withdrawn_by_a_notification(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    request = line.request("tools/call")
    call.cancel()
    assert line.request("notifications/cancelled")["params"]["requestId"] == request["id"]


def test_a_modern_request_that_times_out_is_withdrawn(client: MCPClient, line: Line) -> None:
    with pytest.raises(MCPTimeoutError):
        client.request("tools/call", timeout=1000 * MS)
    request = line.request("tools/call")
    assert line.request("notifications/cancelled")["params"]["requestId"] == request["id"]


def test_an_error_of_a_modern_server_is_the_calls(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    line.refuse(line.request("tools/call"), -32021, "needs it", requiredCapabilities={"roots": {}})
    error = call.exception(PATIENCE)
    assert isinstance(error, MCPResponseError)
    assert (error.code, error.data) == (-32021, {"requiredCapabilities": {"roots": {}}})


@pytest.mark.parametrize("kind", [MCPClient, ReaderOnlyClient])
def test_a_request_whose_version_is_refused_and_listed_is_sent_once_more(
    kind: type[MCPClient],
) -> None:
    with Switchboard(modern) as board, kind(board.fresh_url(), **FAST) as client:
        line = board.line()
        refused: list[Any] = []

        def refuse_once() -> None:
            refused.append(line.request("tools/call"))
            line.refuse(refused[0], -32022, supported=[MODERN, NEWEST], requested=MODERN)
            refused.append(line.request("tools/call"))
            line.answer(refused[1], {"content": [{"type": "text", "text": "done"}]})

        def call() -> None:
            assert client.call_tool("tool", {"a": 1}, timeout=PATIENCE).text == "done"

        in_threads([refuse_once, call])
        first, second = refused
        assert first["params"] == second["params"]
        assert first["id"] != second["id"]
        assert client.get_connection_stats().strays == {}
        assert dials(client) == (1, 0)


def test_a_queue_is_drained_to_its_end_when_the_version_of_the_call_before_it_is_refused() -> None:
    with (
        Switchboard(modern) as board,
        MCPClient(board.fresh_url(), **FAST, max_pending=1) as client,
    ):
        line = board.line()
        calls = [client.submit("tools/call", {"n": number}) for number in range(3)]
        seen = set()
        for _ in range(2 * len(calls)):
            request = line.request("tools/call")
            number = request["params"]["n"]
            if number in seen:
                line.answer(request)
            else:
                seen.add(number)
                line.refuse(request, -32022, supported=[MODERN], requested=MODERN)
        assert [call.result(PATIENCE) for call in calls] == [{}] * 3


def test_a_request_whose_version_is_refused_twice_has_failed(client: MCPClient, line: Line) -> None:
    call = client.submit("tools/call")
    for _ in range(2):
        line.refuse(line.request("tools/call"), -32022, supported=[MODERN])
    error = call.exception(PATIENCE)
    assert isinstance(error, MCPResponseError)
    assert error.code == -32022
    assert line.is_quiet()


@pytest.mark.parametrize(
    ("code", "data"),
    [
        (-32022, {"supported": [NEWEST]}),
        (-32022, {"supported": MODERN}),
        (-32022, {}),
        (-32021, {"supported": [MODERN]}),
        (-32004, {"supported": [MODERN]}),
    ],
)
def test_a_request_that_is_refused_for_anything_else_has_failed_at_once(
    client: MCPClient, line: Line, code: int, data: dict[str, Any]
) -> None:
    call = client.submit("tools/call")
    line.refuse(line.request("tools/call"), code, **data)
    error = call.exception(PATIENCE)
    assert isinstance(error, MCPResponseError)
    assert error.code == code
    assert line.is_quiet()


def test_the_health_of_a_modern_server_is_asked_by_discovering_it(
    client: MCPClient, line: Line
) -> None:
    def answer() -> None:
        request = line.request("server/discover")
        assert request["params"]["_meta"][f"{KEY}protocolVersion"] == MODERN
        line.discovered(request)

    def check() -> None:
        health = client.health_check(PATIENCE)
        assert (health.status, health.reasons) == ("healthy", ())

    in_threads([answer, check])


def test_what_is_declared_anew_holds_from_the_next_request_on(
    client: MCPClient, line: Line
) -> None:
    before = client.submit("tools/list")
    declared = line.request("tools/list")["params"]["_meta"]
    assert declared[f"{KEY}clientCapabilities"] == {}
    client.on_roots(["/"])
    after = client.submit("tools/list")
    declared = line.request("tools/list")["params"]["_meta"]
    assert declared[f"{KEY}clientCapabilities"] == {"roots": {}}
    for call in (before, after):
        call.cancel()
