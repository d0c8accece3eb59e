"""The proofs of ``tests/reliability`` in short: the same scenarios, some seconds each.

How tight the promised times are is proven there. Here a machine that is busy with other tests must
not matter: the slack is wide, and what would be wrong lies beyond it.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from mcp_sync import MCPClient, MCPConnectionLost, MCPMessageTooLarge
from mcp_sync.embedded import ServerProcess
from pages import load
from reliability import cutting, floods, killing, rude, soaking
from reliability.clients import ANSWERED, MODES
from reliability.dripping import DRIPS, dial_times, lost_names
from reliability.ending import ENDINGS, EXIT, exit_time, forget_times, interrupt
from reliability.figures import FILE
from reliability.judging import Herd, judge
from reliability.page import PAGE, render
from reliability.recovering import close_times, recovery_times
from reliability.silence import (
    Pulse,
    after_half_a_frame,
    after_life,
    cut_off,
    never_read,
    stuck_write,
)
from scenes import Inbox, in_threads
from timing import MS

both_modes = pytest.mark.parametrize("client_type", MODES.values(), ids=MODES)

MIB = 1024 * 1024

SLACK = 1200 * MS
"""For threads of a busy machine that are woken late."""

CLOSING = 1500 * MS
"""What closing may take at the most; what it ends would take a minute."""

PULSES = [Pulse(200 * MS, 1400 * MS), Pulse(1400 * MS, 200 * MS)]
"""Whose longer half, counted twice, is more than the slack."""


@pytest.mark.parametrize(("how", "workers"), [("fin", 4), ("rst", 4), ("blackhole", 24)])
def test_a_cut_exchange_has_one_outcome_and_at_most_one_execution(
    how: cutting.How, workers: int, tmp_path: Path
) -> None:
    exchange, rounds, ledger = cutting.exchange_and_rounds(
        tmp_path, [how], step=97, workers=workers
    )
    assert {one.cut.way for one in rounds} == set(cutting.WAYS)
    assert cutting.broken_promises(rounds, exchange, ledger) == []


@both_modes
@pytest.mark.parametrize("pulse", PULSES, ids=str)
def test_silence_is_found_within_interval_and_timeout(
    client_type: type[MCPClient], pulse: Pulse
) -> None:
    found = Inbox()
    in_threads(
        [
            lambda: found(max(map(max, cut_off(client_type, pulse, 6, seed=1)))),
            lambda: found(after_life(client_type, pulse)),
            lambda: found(after_half_a_frame(client_type, pulse)),
        ]
    )
    assert max(found.items()) <= pulse.bound + SLACK


@both_modes
def test_a_stuck_write_is_found_and_the_call_is_delivered_once(
    client_type: type[MCPClient],
) -> None:
    pulse = PULSES[0]
    seconds, arrived = stuck_write(client_type, pulse, 8_000_000)
    assert seconds <= pulse.bound + SLACK
    assert arrived == 1


@both_modes
def test_a_write_to_a_peer_that_never_reads_is_bounded(client_type: type[MCPClient]) -> None:
    assert max(never_read(client_type, 400 * MS, 8_000_000)) <= 400 * MS + SLACK


@both_modes
@pytest.mark.parametrize("name", DRIPS)
def test_a_slow_server_does_not_stretch_a_dial(client_type: type[MCPClient], name: str) -> None:
    assert max(dial_times(client_type, DRIPS[name], 200 * MS, dials=2)) <= 200 * MS + SLACK


@both_modes
def test_a_name_server_does_not_stretch_a_dial(client_type: type[MCPClient]) -> None:
    failed, closed = lost_names(client_type, 200 * MS, dials=2)
    assert max(failed) <= 200 * MS + SLACK
    assert max(closed) <= CLOSING


@both_modes
@pytest.mark.parametrize("code", rude.CLOSE_CODES)
def test_a_close_code_has_its_outcome(client_type: type[MCPClient], code: int) -> None:
    act, expected = rude.CLOSE_CODES[code]
    assert rude.play(client_type, act).complaints(expected) == []
    assert rude.twice(client_type, code).complaints(code) == []


@both_modes
@pytest.mark.parametrize("name", rude.ABRUPT_ENDS)
def test_an_end_without_a_code_has_its_outcome(client_type: type[MCPClient], name: str) -> None:
    act, expected = rude.ABRUPT_ENDS[name]
    assert rude.play(client_type, act).complaints(expected) == []


@both_modes
@pytest.mark.parametrize("name", [name for name in rude.BROKEN_FRAMES if "flood" not in name])
def test_a_broken_frame_is_refused_with_its_code(client_type: type[MCPClient], name: str) -> None:
    act, expected = rude.BROKEN_FRAMES[name]
    ended = rude.play(client_type, act)
    assert ended.complaints(expected) == []
    assert ended.peak < 4 * MIB


@both_modes
def test_strange_messages_harm_neither_link_nor_call(client_type: type[MCPClient]) -> None:
    assert rude.survive(client_type, list(rude.STRANGE_MESSAGES.values())) == 1


@both_modes
def test_garbage_ends_a_link_and_never_the_client(client_type: type[MCPClient]) -> None:
    for seed in range(10):
        outcome = floods.garbage_after_the_upgrade(client_type, seed)
        assert isinstance(outcome, MCPConnectionLost | MCPMessageTooLarge)
        first = floods.garbage_before_the_upgrade(client_type, seed)
        assert first == {"method": "first", "params": None}


@both_modes
def test_a_flood_of_pings_blocks_nobody(client_type: type[MCPClient]) -> None:
    flood = floods.ping_flood(client_type, 5000)
    assert flood.answered
    assert int(flood.last) == 4999
    assert flood.peak < 16 * MIB


@both_modes
def test_kill_9_under_eight_threads_leaves_no_call_unsettled(
    client_type: type[MCPClient], tmp_path: Path
) -> None:
    ledger = tmp_path / "ledger"
    with ServerProcess(ledger_path=ledger, processing_delay=killing.PROCESSING) as server:
        siege = killing.besiege(client_type, server, kills=5, threads=8, seed=3)
    assert siege.links > 5
    assert killing.broken_promises(siege, ledger) == []


def test_refused_clients_come_back_with_full_jitter() -> None:
    verdict = judge(Herd(clients=80, processes=1, delay=0.4, cap=1.6, dials=4), "503")
    assert list(verdict.complaints_of_plans()) == []


def test_retry_after_is_obeyed() -> None:
    verdict = judge(Herd(clients=80, processes=1, delay=0.3, cap=0.6, dials=2), "503", 1)
    assert list(verdict.complaints_of_plans(least=1.0)) == []


@both_modes
@pytest.mark.parametrize("waiting", [True, False], ids=["waiting", "idle"])
def test_the_first_answer_comes_within_one_pause(
    client_type: type[MCPClient], waiting: bool
) -> None:
    delay, cap = 20 * MS, 100 * MS
    times = recovery_times(client_type, rounds=4, delay=delay, cap=cap, waiting=waiting, seed=1)
    assert max(times) <= cap + SLACK


@both_modes
def test_closing_ends_a_back_off_and_a_dial_at_once(client_type: type[MCPClient]) -> None:
    times = close_times(client_type, 3)
    assert max(map(max, times.values())) <= CLOSING


@pytest.mark.parametrize("mode", MODES)
def test_ctrl_c_withdraws_the_call_that_it_strikes(mode: str) -> None:
    outcome = interrupt(mode, 8, seed=1)
    assert max(outcome.times) <= CLOSING
    assert outcome.left == 0
    assert outcome.cancelled + outcome.losses >= 4


@pytest.mark.parametrize("what", ENDINGS)
def test_a_process_that_closes_nothing_ends_in_time(what: str) -> None:
    assert exit_time(what) <= EXIT + CLOSING


@both_modes
def test_a_forgotten_client_leaves_nothing_behind(client_type: type[MCPClient]) -> None:
    assert max(map(max, forget_times(client_type, 1).values())) <= EXIT


@pytest.mark.timeout(180)
def test_a_soak_of_a_minute_leaves_nothing_behind(tmp_path: Path) -> None:
    soaked = soaking.soak(tmp_path, 60.0, seed=5)
    broken, fates = soaking.broken_promises(tmp_path)
    assert broken == []
    assert fates[ANSWERED] > 100
    grown = soaking.growth(soaked)
    for name, most in {"threads": 1, "descriptors": 4, "memory": 16 * MIB}.items():
        before, after = grown[name]
        assert after - before <= most, (name, grown)


def test_the_page_shows_what_the_last_run_recorded() -> None:
    page = PAGE.read_text(encoding="utf-8")
    rows = load(FILE)
    assert rows
    assert render(page, rows) == page
