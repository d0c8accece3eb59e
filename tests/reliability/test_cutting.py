"""Cut at every byte: each call has one fate, and none that may not be repeated runs twice."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from reliability.clients import LOST
from reliability.cutting import HOWS, How, broken_promises, exchange_and_rounds, tally
from reliability.figures import record, spread

WORKERS = {"fin": 4, "rst": 4, "blackhole": 32}

WORDS = {"fin": "a FIN", "rst": "a reset", "blackhole": "a black hole (no FIN, no reset)"}


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("how", HOWS)
def test_cut_after_every_byte_in_each_direction(how: How, tmp_path: Path) -> None:
    exchange, rounds, ledger = exchange_and_rounds(tmp_path, [how], step=1, workers=WORKERS[how])
    broken = broken_promises(rounds, exchange, ledger)
    assert broken == []
    fates = tally(rounds, ledger)
    assert all(LOST in fate for fate in _risky(fates[f"{how}, not repeatable"]))
    record(
        f"01 cut by {how}",
        promise="Whatever byte a link is lost after, a call is answered or fails with "
        "`maybe_executed`; one that may not be repeated is executed at most once",
        fault=f"TCP proxy, {WORDS[how]} after byte 0 to "
        f"{exchange.whole['to_server']} to the server and 0 to {exchange.whole['to_client']} to "
        "the client of one exchange (upgrade, handshake, call, answer); callers reading, reader "
        "reading, and calls from the queue",
        rounds=len(rounds),
        measured="; ".join(
            f"{kind.partition(', ')[2]}: "
            + ", ".join(f"{count} {fate}" for fate, count in sorted(counts.items()))
            for kind, counts in fates.items()
        )
        + f"; {spread([one.seconds for one in rounds])}",
    )


def _risky(fates: Counter[str]) -> list[str]:
    return [fate for fate in fates if not fate.startswith("answered, executed 1x")]
