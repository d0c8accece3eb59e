"""The back-off of 200 clients, judged by the server that refuses them."""

from __future__ import annotations

import statistics

import pytest

from reliability.figures import record
from reliability.judging import Herd, Refusal, Verdict, judge

HERD = Herd(clients=200, processes=2, delay=1.0, cap=4.0, dials=6)

TRUSTING = Herd(clients=200, processes=2, delay=0.5, cap=2.0, dials=4)
"""Whose own back-off is no longer than what it is asked for."""

ASKED = 2

BUCKET = 0.1


def pauses(verdict: Verdict) -> str:
    means = [f"{statistics.fmean(of_one):.2f}" for of_one in verdict.pauses]
    longest = [f"{max(of_one):.2f}" for of_one in verdict.pauses]
    return f"mean pause before each dial {', '.join(means)} s, longest {', '.join(longest)} s"


@pytest.mark.timeout(300)
@pytest.mark.parametrize("refusal", ["closes", "503"])
def test_two_hundred_refused_clients_come_back_one_by_one(refusal: Refusal) -> None:
    verdict = judge(HERD, refusal)
    assert list(verdict.complaints()) == []
    waves = [verdict.busiest(HERD.ceiling(dial) / 10, dial) for dial in range(1, HERD.dials + 1)]
    assert max(waves) < 0.25, "a tenth of the time should see a tenth of the clients"
    record(
        f"06 back-off {refusal}",
        promise="Full jitter: each pause is anything from nothing to a ceiling that doubles from "
        f"`reconnect_delay` ({HERD.delay:g} s here) to `max_reconnect_delay` ({HERD.cap:g} s "
        "here); no thundering herd",
        fault=f"a server that drops {HERD.clients} clients at the same moment and then "
        f"{'closes every connection' if refusal == 'closes' else 'answers every dial with 503'}; "
        "it measures the pauses itself",
        rounds=HERD.clients * HERD.dials,
        measured=f"{pauses(verdict)}; in the busiest {BUCKET:g} s "
        f"{verdict.busiest(BUCKET):.0%} of the clients, in the busiest tenth of each round of "
        f"dials at most {max(waves):.0%}",
    )


@pytest.mark.timeout(300)
def test_retry_after_is_obeyed_and_does_not_make_a_herd() -> None:
    verdict = judge(TRUSTING, "503", ASKED)
    assert list(verdict.complaints(least=ASKED)) == []
    waves = [verdict.busiest(BUCKET, dial) for dial in range(2, TRUSTING.dials + 1)]
    assert max(waves) < 0.25, "clients that were asked for the same must not come back together"
    record(
        "06 back-off Retry-After",
        promise="`Retry-After` is obeyed, and the jitter comes on top of it",
        fault=f"the same server answers {TRUSTING.clients} clients with 503 and "
        f"`Retry-After: {ASKED}`",
        rounds=TRUSTING.clients * TRUSTING.dials,
        measured=f"{pauses(verdict)}; shortest pause after being asked "
        f"{min(map(min, verdict.pauses[1:])):.3f} s; in the busiest {BUCKET:g} s of a round of "
        f"dials at most {max(waves):.0%} of the clients",
    )
