"""A figure of the benchmark: what is compared, the goal, what each round came to, met or not."""

from __future__ import annotations

import operator
import statistics
from collections.abc import Sequence
from typing import Any, Final

import attrs

from .fleet import Fleet, Results

__all__ = ["Part", "figures", "ratios"]

_HOLDS: Final = {"≤": operator.le, "≥": operator.ge}


@attrs.frozen
class Part:
    """One goal of a row.

    Args:
        measure: what is measured, for a reader.
        sense: "≤" or "≥".
        goal: the bound.
        values: of each round; none when it could not be measured.
        unit: of goal and values.
        note: the absolute scale, or why there are no values.
    """

    measure: str
    sense: str
    goal: float
    values: Sequence[float]
    unit: str = "x"
    note: str = ""

    @property
    def median(self) -> float | None:
        """Of the rounds; None when there are none."""
        return statistics.median(self.values) if self.values else None

    @property
    def is_met(self) -> bool:
        """Whether the median keeps to the goal; what was not measured does not."""
        return self.median is not None and bool(_HOLDS[self.sense](self.median, self.goal))

    def quartiles(self) -> tuple[float, float] | None:
        """First and third; None with fewer than three rounds."""
        if len(self.values) < 3:
            return None
        first, _, third = statistics.quantiles(self.values, n=4, method="inclusive")
        return first, third

    def as_row(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "measure": self.measure,
            "goal": f"{self.sense} {self.goal:g} {self.unit}".strip(),
            "median": self.median,
            "quartiles": self.quartiles(),
            "rounds": len(self.values),
            "unit": self.unit,
            "met": self.is_met,
            "note": self.note,
        }


def figures(results: Results, peer: str, key: str) -> list[float]:
    """What a peer measured in each round that has it."""
    return [one[peer][key] for one in results if peer in one]


def ratios(
    fleet: Fleet,
    results: Results,
    key: str,
    pair: tuple[str, str],
    goal: tuple[str, float],
    *,
    measure: str,
    scale: str = "",
) -> Part:
    """One peer's figure over another's, round by round.

    Args:
        fleet: knows why a peer is missing.
        results: of the rounds.
        key: of the figure.
        pair: the peers, numerator first.
        goal: sense and bound.
        measure: for a reader.
        scale: unit of the absolute figures of the second peer, for the note; "" for no note.
    """
    over, under = pair
    both = [one for one in results if over in one and under in one]
    values = [one[over][key] / one[under][key] for one in both]
    note = "; ".join(
        f"{peer} missing: {fleet.why_missing(peer)}"
        for peer in pair
        if not figures(results, peer, key)
    )
    if values and scale:
        note = f"{under}: {statistics.median(one[under][key] for one in both):.4g} {scale}"
    return Part(measure, *goal, values, "x", note)
