"""Where the proofs put down what they measured, for the table in ``docs/reliability.md``.

One JSON file, a row for each promise; a run of some of the proofs replaces their rows alone.
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from pages import circumstances, load, save
from reliability.page import show

__all__ = ["FILE", "milliseconds", "record", "spread"]

FILE: Final = Path(__file__).parent / "figures.json"


def record(name: str, *, promise: str, fault: str, rounds: int, measured: str) -> None:
    """Put down a row, in place of an earlier one of this name, and show it on the page.

    Args:
        name: of the row; rows are shown in the order of their names.
        promise: what is promised, for a user to read.
        fault: how the fault is injected.
        rounds: how often.
        measured: what came of it, in figures.
    """
    test = os.environ["PYTEST_CURRENT_TEST"].partition("::")[0]
    row = {
        "promise": promise,
        "fault": fault,
        "rounds": rounds,
        "measured": measured,
        **circumstances(f"pytest {test}"),
    }
    show(save(FILE, load(FILE), {name: row}))


def milliseconds(seconds: float) -> str:
    """A duration as a reader wants it."""
    return f"{seconds * 1000:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"


def spread(samples: Sequence[float]) -> str:
    """Median, 95th percentile (nearest rank) and the worst of some durations in seconds."""
    ordered = sorted(samples)
    at_95 = ordered[math.ceil(0.95 * len(ordered)) - 1]
    median = ordered[math.ceil(0.5 * len(ordered)) - 1]
    return (
        f"median {milliseconds(median)}, p95 {milliseconds(at_95)}, "
        f"worst {milliseconds(ordered[-1])}"
    )
