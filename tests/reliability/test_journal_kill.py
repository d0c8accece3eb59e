"""``kill -9`` of the client at random moments while it queues: nothing lost, nothing run twice.

``MCP_SYNC_KILL_ROUNDS`` sets how often.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest

from mcp_sync.embedded import ServerProcess
from reliability.figures import record
from reliability.journal_killing import broken_promises, kill_while_queueing, tally

ROUNDS = int(os.environ.get("MCP_SYNC_KILL_ROUNDS", "100"))


@pytest.mark.timeout(30 + 10 * ROUNDS)
def test_every_acknowledged_call_is_found_and_none_runs_twice(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.jsonl"
    fates: Counter[str] = Counter()
    with ServerProcess(ledger_path=ledger) as server:
        for number in range(ROUNDS):
            online = number % 2 == 1
            killed = kill_while_queueing(
                server, tmp_path, f"round{number}-", online=online, seed=number
            )
            assert killed.repeatable
            assert broken_promises(killed, ledger, online=online) == [], f"in round {number}"
            fates += tally(killed, ledger)
    print(f"{ROUNDS} rounds, {fates.total()} calls acknowledged as queued")
    print(*(f"{count:6} {fate}" for fate, count in fates.most_common()), sep="\n")
    # The kills did strike before, between and after the sending.
    assert {fate.split(",")[0] for fate in fates} == {"sent", "reported", "answered before"}
    record(
        "09 journal",
        promise="A call that was acknowledged as queued in a journal is found by the next process; "
        "none that may not be repeated runs twice",
        fault="`kill -9` of the client at a random moment while two threads queue, half of the "
        "rounds with the server away; the next process opens its journal",
        rounds=ROUNDS,
        measured=f"{fates.total():,} calls acknowledged, every one accounted for: "
        + "; ".join(f"{count:,} {fate}" for fate, count in fates.most_common()),
    )
