from __future__ import annotations

import json
import re

import pytest

from mcp_sync.cli.ping import Tally
from peers_cli import cli_line

from .conftest import Run

FAST = ("-i", "0.01")


def test_each_answer_is_a_line_and_the_figures_are_the_end(run: Run) -> None:
    done = run("ping", "-c", "3", *FAST, "--stdio", cli_line())
    assert (done.code, done.err) == (0, "")
    first, _, third, rule, counts, figures = done.out.splitlines()
    assert re.fullmatch(r"1: \d+\.\d\d ms", first)
    assert third.startswith("3: ")
    assert re.fullmatch(r"--- stdio:python\S* ---", rule)
    assert counts == "3 sent, 3 answered, 0% lost"
    assert re.fullmatch(r"min [\d.]+  avg [\d.]+  p50 [\d.]+  p99 [\d.]+  max [\d.]+ ms", figures)


def test_the_figures_as_json(run: Run) -> None:
    done = run("ping", "-c", "2", *FAST, "--json", "--stdio", cli_line())
    found = json.loads(done.out)
    assert (found["pings"], found["answers"], found["loss"]) == (2, 2, 0.0)
    assert 0 < found["min"] <= found["avg"] <= found["max"] == max(found["round_trips"])


def test_a_server_that_refuses_to_be_pinged_has_answered(run: Run) -> None:
    done = run("ping", "-c", "1", "--stdio", cli_line(bare=True))
    assert done.code == 0
    assert "1 sent, 1 answered, 0% lost" in done.out


def test_a_ping_without_an_answer_is_lost(run: Run) -> None:
    # It is sent again to each new server, and each of them ends by it.
    done = run("ping", "-c", "1", "--stdio", cli_line(dies_at=1))
    assert (done.code, done.err) == (4, "")
    assert done.out.startswith("1: no answer: ")
    assert "1 sent, 0 answered, 100% lost" in done.out


def test_an_absent_server_is_told_at_once(run: Run, dead_url: str) -> None:
    done = run("ping", "--url", dead_url)
    assert (done.code, done.out) == (3, "")


def test_the_figures_of_answers_and_losses_for_people() -> None:
    assert Tally([0.004, None, 0.001, 0.002, None]).lines("ws://h") == [
        "--- ws://h ---",
        "5 sent, 3 answered, 40% lost",
        "min 1.00  avg 2.33  p50 2.00  p99 4.00  max 4.00 ms",
    ]


@pytest.mark.parametrize(
    ("trips", "counts"),
    [([], "0 sent, 0 answered, none lost"), ([None], "1 sent, 0 answered, 100% lost")],
)
def test_without_an_answer_there_are_no_figures(trips: list[float | None], counts: str) -> None:
    assert Tally(trips).lines("ws://h") == ["--- ws://h ---", counts]
    assert Tally(trips).as_dict("ws://h")["min"] is None
