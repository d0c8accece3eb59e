"""The soak: many calls through many faults, and nothing grows."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from reliability.clients import ANSWERED, LOST
from reliability.figures import record
from reliability.soaking import broken_promises, growth, soak

SECONDS = float(os.environ.get("MCP_SYNC_SOAK_SECONDS", "600"))

MIB = 1024 * 1024


@pytest.mark.timeout(SECONDS + 300)
def test_nothing_grows_under_faults(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    # pytest keeps every record of a test, and would be what grows.
    caplog.set_level(logging.CRITICAL, "mcp_sync")
    soaked = soak(tmp_path, SECONDS, seed=7)
    broken, fates = broken_promises(tmp_path)
    assert broken == []
    assert fates[ANSWERED] > SECONDS
    grown = growth(soaked)
    shown = {name: f"{before:,} → {after:,}" for name, (before, after) in grown.items()}
    faults = ", ".join(f"{count} of {name}" for name, count in soaked.faults.items())
    shown["memory"] = " → ".join(f"{size / MIB:.1f} MiB" for size in grown["memory"])
    for name, most in {"threads": 1, "descriptors": 4, "blocks": 0.05 * grown["blocks"][0]}.items():
        before, after = grown[name]
        assert after - before <= most, shown
    assert grown["memory"][1] - grown["memory"][0] <= 16 * MIB, shown
    record(
        "08 soak",
        promise="Threads, file descriptors and memory stay flat however long it goes on",
        fault=f"{SECONDS:g} s of calls from 4 threads through 2 clients, one for each way of "
        f"reading, under: {faults}",
        rounds=soaked.faults.total(),
        measured=f"{fates.total():,} calls ({fates[ANSWERED]:,} answered, {fates[LOST]:,} lost "
        f"with `maybe_executed`, the ledgers agree), {soaked.losses:,} lost links; median of the "
        f"first and the last third after warm-up: {shown['threads']} threads, "
        f"{shown['descriptors']} descriptors, {shown['blocks']} live blocks of Python memory, "
        f"{shown['memory']} resident",
    )
