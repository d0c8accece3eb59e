"""Sliding windows: what they hold, what they forget."""

from __future__ import annotations

import pytest

from mcp_sync.connection.windows import OutcomeWindow, RateWindow, percentile


@pytest.mark.parametrize(
    ("share", "expected"),
    [(0.0, 1), (0.01, 1), (0.2, 1), (0.21, 2), (0.5, 3), (0.8, 4), (0.81, 5), (1.0, 5)],
)
def test_a_percentile_is_the_smallest_sample_that_reaches_the_share(
    share: float, expected: int
) -> None:
    assert percentile([1, 2, 3, 4, 5], share) == expected


def test_there_is_no_percentile_of_nothing() -> None:
    assert percentile([], 0.5) is None


def test_outcomes_leave_with_their_bucket() -> None:
    window = OutcomeWindow(length=30.0, bucket=10.0)
    window.error(5.0, "A")
    window.advance(15.0, 4)
    window.error(15.0, "A")
    window.error(29.0, "B")
    assert window.sums(29.0) == (4, {"A": 2, "B": 1})
    assert window.sums(30.0) == (4, {"A": 1, "B": 1})
    assert window.sums(49.0) == (0, {"B": 1})
    assert window.sums(50.0) == (0, {})


def test_a_total_is_counted_once() -> None:
    window = OutcomeWindow()
    window.advance(1.0, 10)
    window.advance(2.0, 10)
    window.advance(50.0, 13)
    assert window.sums(50.0) == (13, {})


def test_a_record_that_comes_late_is_counted_in_the_latest_bucket() -> None:
    window = OutcomeWindow(length=30.0, bucket=10.0)
    window.error(25.0, "A")
    window.error(9.0, "B")
    assert window.sums(25.0) == (0, {"A": 1, "B": 1})


def test_error_classes_are_bounded_in_the_whole_window() -> None:
    window = OutcomeWindow()
    for n in range(6000):
        window.error(n / 20, f"Error{n}")
    _, errors = window.sums(299.0)
    assert sum(errors.values()) == 6000
    assert len(errors) == 101


def test_rates_before_anything_has_begun_are_zero() -> None:
    window = RateWindow(2)
    assert window.rates(10.0, (0, 0), None) == (0.0, (0.0, 0.0))
    assert window.rates(12.0, (4, 8), 11.0) == (2.0, (2.0, 4.0))


def test_rates_at_the_very_beginning_divide_by_nothing() -> None:
    assert RateWindow(1).rates(10.0, (5,), 10.0) == (0.0, (0.0,))


def test_moments_close_to_each_other_are_kept_once() -> None:
    window = RateWindow(1, length=10.0, spacing=1.0)
    for n in range(1000):
        window.rates(n / 100, (n,), 0.0)
    assert len(window._kept) <= 11
    assert window.rates(10.0, (1000,), 0.0) == (10.0, (100.0,))
