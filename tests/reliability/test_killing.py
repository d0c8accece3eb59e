"""A server killed with SIGKILL under calling threads: what was told agrees with its ledger."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from mcp_sync.embedded import ServerProcess
from reliability.clients import MODES
from reliability.figures import record
from reliability.killing import PROCESSING, besiege, broken_promises

KILLS = 50
THREADS = 8


@pytest.mark.timeout(1200)
def test_kill_9_fifty_times_under_eight_threads(tmp_path: Path) -> None:
    fates: Counter[str] = Counter()
    calls = links = 0
    for seed, (name, client_type) in enumerate(MODES.items()):
        ledger = tmp_path / name
        with ServerProcess(ledger_path=ledger, processing_delay=PROCESSING) as server:
            siege = besiege(client_type, server, kills=KILLS, threads=THREADS, seed=seed)
        assert broken_promises(siege, ledger) == []
        fates += siege.tally(ledger)
        calls += len(siege.calls)
        links += siege.links
    assert links >= len(MODES) * KILLS
    record(
        "05 kill",
        promise="Every call is settled, once; what its caller was told agrees with the server's "
        "ledger",
        fault=f"the server's process killed with SIGKILL {KILLS} times under {THREADS} threads "
        "that call and submit through one client, in each way of reading; every second time the "
        "answers on their way are lost with it",
        rounds=len(MODES) * KILLS,
        measured=f"{calls:,} calls over {links} links; "
        + ", ".join(f"{fate}: {count}" for fate, count in sorted(fates.items())),
    )
