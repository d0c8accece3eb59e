"""A server that comes and goes while its era is found out: what the end of a link tells of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from mcp_sync import MCPClient
from peers_mcp import MODERN, NEWEST, PATIENCE, Line, Switchboard, initialize, modern, shake
from scenes import FAST, Diary
from timing import MS

Script = Callable[[Line], None]


def leaving(code: int | None = None) -> Script:
    """A server that ends the link upon the first message, whatever it is."""

    def script(line: Line) -> None:
        line.read()
        line.close(code, "not now")

    return script


def modern_alone(line: Line) -> None:
    """A server that knows no ``initialize``."""
    request = line.read()
    if request["method"] == "server/discover":
        line.discovered(request)
    else:
        line.refuse(request, -32601, "no such method")


def both(line: Line) -> None:
    """A server that speaks whichever era it is asked for first."""
    request = line.read()
    if request["method"] == "server/discover":
        line.discovered(request)
    else:
        line.answer(request, {"protocolVersion": NEWEST, "capabilities": {}})
        line.read("notifications/initialized")


def version(client: MCPClient) -> str | None:
    """What is spoken on the link."""
    return client.get_client_info().protocol_version


@pytest.mark.parametrize("code", [None, 1000, 1011, 1012, 1013])
@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 8])
def test_a_modern_server_that_ends_its_first_links_is_reached_once_it_stays(
    count: int, code: int | None
) -> None:
    with Switchboard(*[leaving(code)] * count, modern_alone) as board:
        client = MCPClient(board.fresh_url(), 20, **FAST)
        with contextlib.closing(client):
            assert client.wait_until_ready(PATIENCE)
            assert version(client) == MODERN
            assert client.get_connection_state() == "initialized"


@pytest.mark.parametrize("code", [None, 1013])
@pytest.mark.parametrize("count", [3, 4])
def test_a_server_known_as_modern_is_reached_again_after_a_restart(
    count: int, code: int | None
) -> None:
    with (
        Switchboard(modern, *[leaving(code)] * count, modern_alone) as board,
        MCPClient(board.fresh_url(), 20, **FAST) as client,
    ):
        diary = Diary(client)
        first = board.line()
        call = client.submit("tools/list")
        first.request("tools/list")
        first.close(1012, "restart")
        diary.wait_for("initialized")
        *_, last = [board.line() for _ in range(board.connections - 1)]
        last.answer(last.request("tools/list"))
        assert call.result(PATIENCE) == {}
        assert version(client) == MODERN


def test_between_links_that_end_it_waits_for_the_back_off() -> None:
    with Switchboard(leaving()) as board:
        client = MCPClient(board.fresh_url(), 3, **FAST)
        with contextlib.closing(client):
            diary = Diary(client)
            client.submit("tools/list")
            diary.wait_for("offline")
            # A probe, and ``initialize`` once in its place, for each attempt.
            assert len(diary.events("failed")) == 4
            assert board.connections == 8


@pytest.mark.parametrize("code", [1001, 1012, 1013])
def test_a_server_that_says_that_it_leaves_is_not_taken_for_an_old_one(code: int) -> None:
    with Switchboard(leaving(code), both) as board:
        client = MCPClient(board.fresh_url(), **FAST)
        with contextlib.closing(client):
            diary = Diary(client)
            assert client.wait_until_ready(PATIENCE)
            assert version(client) == MODERN
            assert diary.wait_for("failed").context["attempt"] == 1
            assert board.connections == 2


def test_one_link_that_ended_does_not_settle_the_era_of_a_server() -> None:
    with Switchboard(leaving(), both) as board:
        url = board.fresh_url()
        client = MCPClient(url, **FAST)
        with contextlib.closing(client):
            diary = Diary(client)
            assert client.wait_until_ready(PATIENCE)
            assert version(client) == NEWEST
            client.reconnect()
            diary.wait_for("initialized", 2)
            assert version(client) == MODERN
        with MCPClient(url, **FAST) as another:
            assert version(another) == MODERN


def refusing_and_leaving(line: Line) -> None:
    """A server that has had enough of a client that begins with anything but ``initialize``."""
    line.refuse(line.read("server/discover"), -32600, "expected initialize")
    line.close()


def silent_and_leaving(line: Line) -> None:
    """A server that cannot read the probe, and takes what follows amiss."""
    line.read("server/discover")
    line.read("initialize")
    line.reset()


@pytest.mark.parametrize("script", [refusing_and_leaving, silent_and_leaving])
def test_a_server_that_ends_the_link_after_a_failed_probe_is_initialized_on_a_fresh_one(
    script: Script,
) -> None:
    with Switchboard(script, initialize, both) as board:
        client = MCPClient(board.fresh_url(), 0, connect_timeout=600 * MS, **FAST)
        with contextlib.closing(client):
            assert client.wait_until_ready(PATIENCE)
            assert version(client) == NEWEST
            assert board.connections == 2
            client.reconnect()
            assert client.wait_until_ready(PATIENCE)
            assert version(client) == MODERN


def test_a_server_known_as_legacy_that_leaves_is_asked_anew() -> None:
    """One that is modern by now may answer ``initialize`` by ending the link."""
    with (
        Switchboard(shake, leaving(), modern_alone) as board,
        MCPClient(board.fresh_url(), **FAST) as client,
    ):
        assert version(client) == NEWEST
        diary = Diary(client)
        board.line().reset()
        diary.wait_for("initialized")
        assert version(client) == MODERN
        assert len(diary.events("failed")) == 1


def test_one_of_two_backends_that_ends_every_link_does_not_reject_the_other() -> None:
    """Every other link goes to the one that is broken."""
    with Switchboard(*[leaving(), modern_alone] * 6) as board:
        client = MCPClient(board.fresh_url(), 20, **FAST)
        with contextlib.closing(client):
            for _ in range(2):
                assert client.wait_until_ready(PATIENCE)
                assert version(client) == MODERN
                client.reconnect()
