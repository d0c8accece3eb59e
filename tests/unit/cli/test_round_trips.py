from __future__ import annotations

import pytest

from mcp_sync.cli.round_trips import figures


def test_figures_are_by_nearest_rank_and_losses_are_no_times() -> None:
    assert figures([0.004, None, 0.001, 0.002, None]) == {
        "min": 0.001,
        "avg": pytest.approx(0.007 / 3),
        "p50": 0.002,
        "p99": 0.004,
        "max": 0.004,
    }


@pytest.mark.parametrize("trips", [[], [None]])
def test_without_an_answer_there_are_no_figures(trips: list[float | None]) -> None:
    assert set(figures(trips).values()) == {None}
