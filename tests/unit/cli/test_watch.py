from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from mcp_sync import ConnectionState, ConnectionStatistics, MCPClient
from mcp_sync.cli.pauses import Bell, wait
from mcp_sync.cli.watch_pulse import Pulse
from mcp_sync.cli.watch_screen import draw
from mcp_sync.cli.watch_view import Flight, News, View, clock, sparkline
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.types.statistics import (
    CallStatistics,
    LatencyStatistics,
    LossRecord,
    LossStatistics,
    QueueStatistics,
)
from peers_cli import cli_line
from timing import MS

from .conftest import Run

UNHURRIED = ("-c", "2", "-i", "1")
"""For two seconds: what is to be seen comes long before the end."""


def view(**changes: Any) -> View:
    statistics = ConnectionStatistics(
        taken_at=100.0,
        state=ConnectionState.INITIALIZED,
        state_since=50.0,
        uptime=50.0,
        losses=LossStatistics(
            count=1, recent=(LossRecord(at=40.0, cause="reset", close_code=1006),)
        ),
        calls=CallStatistics(pending=1),
        latency=LatencyStatistics(samples=3, p50=0.002, p90=0.9, p99=0.9, max=0.9),  # handshake
        queue=QueueStatistics(size=2, bytes=80, high_water=7, oldest_age=3.2),
    )
    facts: dict[str, Any] = {
        "url": "ws://h",
        "server": "weather 1.0, protocol 2025-11-25",
        "statistics": statistics,
        "news": (News(41.0, "failed", "[red]attempt 1: refused\x1b[2J"),),
        "flights": (Flight("call-7", "ping", 1.25, "its answer"),),
        "round_trips": (0.001, None, 0.002),
        "pings": 3,
        "lost": 1,
    }
    return View(**facts | changes)


def test_a_moment_in_one_line() -> None:
    assert view().line() == (
        f"{clock(100.0)}  initialized, 2.00 ms, 2 queued, 1 in flight, 1 of 3 pings lost, "
        "1 links lost"
    )
    assert "no answer yet" in view(round_trips=()).line()


def test_a_moment_as_json() -> None:
    found = json.loads(json.dumps(view().as_dict()))
    assert (found["state"], found["pings"], found["round_trip"]) == ("initialized", 3, 0.002)
    assert found["in_flight"][0]["waits_for"] == "its answer"
    assert found["statistics"]["queue"]["size"] == 2


def shown(moment: View, width: int = 90, **settings: Any) -> str:
    console = Console(width=width, color_system=None, highlight=False, record=True)
    with console.capture() as capture:
        console.print(draw(moment, width, **settings))
    return capture.get()


def test_the_screen_shows_everything_and_no_markup_or_control_characters() -> None:
    text = shown(view())
    for part in (
        "ws://h, weather 1.0, protocol 2025-11-25",
        f"initialized since {clock(50.0)}, up 50 s",
        "2 calls, 80 bytes, the oldest for 3 s; 7 at the most",
        "3, 1 lost; last 2.00, p50 1.00, p99 2.00, max 2.00 ms",
        "▅!█",
        "history (1)",
        "failed  [red]attempt 1: refused\\x1b[2J",
        "calls in flight (1)",
        "call-7  ping  1.2 s, its answer",
        "last losses (1)",
        "1006  reset",
        "q ends it",
    ):
        assert part in text, part


def test_a_narrow_screen_cuts_lines_and_breaks_none() -> None:
    long = view(news=tuple(News(1.0, "failed", "word " * 40) for _ in range(20)))
    text = shown(long, width=40)
    assert max(map(len, text.splitlines())) <= 40
    assert text.count("failed") == 6


def test_the_sparkline_is_as_high_as_the_slowest_and_marks_losses() -> None:
    assert sparkline([0.0, 0.5, 1.0, None], 10) == "▁▅█!"
    assert sparkline([0.0, 0.5, 1.0, None], 2, ascii_only=True) == "@!"
    assert sparkline([0.0, None], 5) == "▁!"
    assert sparkline([], 5) == sparkline([1.0], 0) == ""


def test_piped_it_is_lines_for_so_many_intervals(run: Run) -> None:
    done = run("watch", "-c", "3", "-i", "0.7", "--stdio", cli_line())
    assert (done.code, done.err) == (0, "")
    lines = done.out.splitlines()
    assert any("[initialized] weather 1.0 answers" in line for line in lines)
    beats = [line for line in lines if "pings lost" in line]
    assert len(beats) == 3
    assert "initialized, " in beats[-1]
    assert " ms, 0 queued" in beats[-1]


def test_as_json_it_is_an_object_a_line(run: Run) -> None:
    done = run("watch", *UNHURRIED, "--json", "--stdio", cli_line())
    assert done.code == 0
    found = [json.loads(line) for line in done.out.splitlines()]
    assert "connected" in [one.get("event") for one in found]
    assert len([one for one in found if "statistics" in one]) == 2


def test_a_server_that_is_away_is_watched_for(run: Run, dead_url: str) -> None:
    done = run("watch", *UNHURRIED, "--url", dead_url)
    assert (done.code, done.err) == (0, "")
    assert "[failed] attempt 1: could not connect" in done.out


def test_a_server_that_refuses_for_good_is_not(run: Run) -> None:
    done = run("watch", "-i", "0.1", "--stdio", "no-such-command")
    assert done.code == 3
    assert "there is no command 'no-such-command'" in done.err


def test_pings_that_end_the_server_are_lost(run: Run) -> None:
    settings = ("--json", "--timeout", "0.5")
    done = run("watch", "-c", "10", "-i", "0.3", *settings, "--stdio", cli_line(dies_at=1))
    assert done.code == 0
    last = json.loads(done.out.splitlines()[-1])
    assert last["lost"] > 0
    assert last["statistics"]["losses"]["count"] > 0


def until(bell: Bell, condition: Callable[[], bool]) -> None:
    deadline = Deadline(10_000 * MS)
    while not condition():
        assert wait(deadline.remaining() or 0.0, [bell.reader])
        bell.hush()


def test_pings_wait_in_the_queue_while_the_server_is_away_and_are_lost_in_time() -> None:
    with EmbeddedServer() as server, Bell() as bell:
        client = MCPClient(server.url, start_offline=True)
        pulse = Pulse(client, 300 * MS, bell.ring)
        with client:
            assert client.wait_until_ready(10_000 * MS)
            pulse.beat(0.0)
            until(bell, lambda: pulse.view().pings == 1)
            server.stop()
            until(bell, lambda: "disconnected" in [one.name for one in pulse.view().news])
            pulse.beat(0.0)
            found = pulse.view()
            assert [one.method for one in found.flights] == ["ping"]
            assert found.statistics.queue.size == 1
            assert (found.server or "").startswith("mcp-sync-embedded ")
            until(bell, lambda: pulse.view().lost == 1)


def test_a_ping_that_is_answered_soon_is_over_before_anything_is_drawn() -> None:
    with EmbeddedServer() as server, Bell() as bell:
        client = MCPClient(server.url)
        pulse = Pulse(client, 10_000 * MS, bell.ring)
        with client:
            pulse.beat(10_000 * MS)
            found = pulse.view()
    assert (found.pings, found.lost) == (1, 0)
    assert found.flights == ()


def test_a_bell_ends_a_wait_and_is_heard_once() -> None:
    with Bell() as bell:
        bell.ring()
        bell.ring()
        assert wait(5.0, [bell.reader]) == [bell.reader]
        bell.hush()
        assert wait(-1.0, [bell.reader]) == []
    bell.ring()


def test_a_full_bell_still_rings() -> None:
    with Bell() as bell:
        for _ in range(70_000):
            bell.ring()
        assert wait(0, [bell.reader]) == [bell.reader]


def test_a_wait_is_as_long_as_it_says() -> None:
    began = time.monotonic()
    assert wait(0.05) == []
    assert time.monotonic() - began >= 0.045


@pytest.mark.parametrize("at", [0.0, 86_399.0])
def test_the_time_of_day_has_six_digits(at: float) -> None:
    assert len(clock(at)) == 8
