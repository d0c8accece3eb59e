"""The ends that nobody asked for: a real Ctrl-C, a process without a close, a forgotten client."""

from __future__ import annotations

import pytest

from reliability.clients import MODES
from reliability.ending import ENDINGS, EXIT, exit_time, forget_times, interrupt
from reliability.figures import milliseconds, record, spread
from reliability.recovering import CLOSING

SIGNALS = 60
EXITS = 5
FORGOTTEN = 10


@pytest.mark.timeout(300)
def test_ctrl_c_ends_the_call_that_it_strikes_and_no_other() -> None:
    outcomes = [interrupt(mode, SIGNALS, seed) for seed, mode in enumerate(MODES)]
    times = [seconds for one in outcomes for seconds in one.times]
    assert max(times) <= CLOSING
    assert [one.left for one in outcomes] == [0] * len(outcomes)
    for one in outcomes:
        # The server was told of every call that waited, or its link was lost.
        assert one.cancelled + one.losses >= SIGNALS // 2
    record(
        "12 end interrupt",
        promise="Ctrl-C reaches a caller at once and withdraws its call alone; the client goes on",
        fault="SIGINT to a process whose main thread calls: every second one in the middle of "
        "calls that are answered at once, the others while it waits for an answer",
        rounds=len(times),
        measured=f"signal to KeyboardInterrupt: {spread(times)}; every next call answered, "
        f"{sum(one.losses for one in outcomes)} links lost, no call left unsettled, "
        f"{sum(one.cancelled for one in outcomes)} withdrawn at the server",
    )


@pytest.mark.timeout(300)
def test_a_process_that_closes_nothing_ends_in_time() -> None:
    times = {what: [exit_time(what) for _ in range(EXITS)] for what in ENDINGS}
    assert max(map(max, times.values())) <= EXIT + CLOSING
    record(
        "12 end process",
        promise=f"A process ends within {milliseconds(EXIT)} of its last line, whatever its "
        "clients are in the middle of",
        fault="the main thread of a process ends and closes nothing",
        rounds=sum(map(len, times.values())),
        measured="; ".join(f"{what}: worst {milliseconds(max(times[what]))}" for what in times),
    )


@pytest.mark.timeout(300)
def test_a_forgotten_client_leaves_nothing_behind() -> None:
    times: dict[str, list[float]] = {}
    for client_type in MODES.values():
        for what, of_one in forget_times(client_type, FORGOTTEN).items():
            times.setdefault(what, []).extend(of_one)
    record(
        "12 end forgotten",
        promise="A client that is forgotten without a close is collected; it warns, and its "
        "threads and sockets end",
        fault="the last reference to an open client is deleted",
        rounds=sum(map(len, times.values())),
        measured="; ".join(f"{what}: {spread(of_one)}" for what, of_one in times.items()),
    )
