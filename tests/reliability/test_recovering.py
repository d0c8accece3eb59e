"""Recovery: from the server's return to the first answer; and closing in the meantime."""

from __future__ import annotations

import pytest

from reliability.clients import MODES
from reliability.figures import milliseconds, record, spread
from reliability.recovering import CLOSING, close_times, recovery_times

ROUNDS = 30
DELAY, CAP = 0.1, 0.5
DIAL = 0.25
"""For the dial, the handshake and the call, on a busy machine."""


@pytest.mark.timeout(600)
@pytest.mark.parametrize("waiting", [True, False], ids=["waiting", "idle"])
def test_the_first_answer_comes_within_one_pause_of_the_servers_return(waiting: bool) -> None:
    times = [
        seconds
        for seed, client_type in enumerate(MODES.values())
        for seconds in recovery_times(
            client_type, rounds=ROUNDS, delay=DELAY, cap=CAP, waiting=waiting, seed=seed
        )
    ]
    assert max(times) <= CAP + DIAL
    record(
        f"07 recovery {'waiting' if waiting else 'idle'}",
        promise="The first answer comes within one pause of the back-off after the server's "
        f"return (`max_reconnect_delay` {milliseconds(CAP)} here)",
        fault="the server refuses connections for 1 to 4 times that long; "
        + ("a call waits all the time" if waiting else "the client is idle"),
        rounds=len(times),
        measured=f"server up to first answer: {spread(times)}",
    )


@pytest.mark.timeout(300)
def test_closing_takes_milliseconds_whatever_it_interrupts() -> None:
    times: dict[str, list[float]] = {}
    for client_type in MODES.values():
        for what, of_one in close_times(client_type, ROUNDS).items():
            times.setdefault(what, []).extend(of_one)
    assert max(map(max, times.values())) <= CLOSING
    record(
        "07 recovery closing",
        promise="`close()` ends a back-off and a dial at once and leaves no thread behind",
        fault="closed in " + ", in ".join(times),
        rounds=sum(map(len, times.values())),
        measured="; ".join(f"{what}: {spread(of_one)}" for what, of_one in times.items()),
    )
