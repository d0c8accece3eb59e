"""Sliding windows of bounded memory: samples, outcomes by time, totals by time.

They know no clock and take no lock: the time comes in, and whoever owns them serialises.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Sequence
from typing import Final

__all__ = ["OutcomeWindow", "RateWindow", "count_capped", "percentile"]

DISTINCT_KEYS: Final = 100
OTHER: Final = "other"


def percentile(ordered: Sequence[float], share: float) -> float | None:
    """The percentile of sorted samples by nearest rank.

    Args:
        ordered: the samples in ascending order.
        share: 0.5 for the median.

    Returns:
        The smallest sample that at least this share of them do not exceed; None without samples.
    """
    if not ordered:
        return None
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def count_capped(counts: Counter[str], key: str, times: int = 1) -> None:
    """Count under a key; under "other" where there are 100 keys already, to bound the memory."""
    counts[key if key in counts or len(counts) < DISTINCT_KEYS else OTHER] += times


class _Bucket:
    __slots__ = ("answered", "errors", "number")

    def __init__(self, number: int) -> None:
        self.number = number
        self.answered = 0
        self.errors: Counter[str] = Counter()


class OutcomeWindow:
    """Answers and errors of the last so many seconds, in buckets.

    Answers are counted elsewhere, without a clock; they come in as a total, and what is new is
    counted for the moment at which it came in.

    Args:
        length: seconds that the window covers.
        bucket: seconds that share one count; the window is exact to this.
    """

    def __init__(self, length: float = 300.0, bucket: float = 5.0) -> None:
        self._bucket_length = bucket
        self._buckets: deque[_Bucket] = deque(maxlen=round(length / bucket))
        self._answered = 0

    def advance(self, now: float, answered_total: int) -> None:
        """Count what was answered since the last call."""
        if answered_total > self._answered:
            self._current(now).answered += answered_total - self._answered
            self._answered = answered_total

    def error(self, now: float, error_name: str) -> None:
        """Count an error."""
        count_capped(self._current(now).errors, error_name)

    def sums(self, now: float) -> tuple[int, dict[str, int]]:
        """Answers and errors by class in the window that ends now."""
        first = self._number(now) - (self._buckets.maxlen or 0) + 1
        errors: Counter[str] = Counter()
        answered = 0
        for bucket in self._buckets:
            if bucket.number >= first:
                answered += bucket.answered
                for name, times in bucket.errors.items():
                    count_capped(errors, name, times)
        return answered, dict(errors)

    def _number(self, now: float) -> int:
        return int(now // self._bucket_length)

    def _current(self, now: float) -> _Bucket:
        number = self._number(now)
        if not self._buckets or self._buckets[-1].number < number:
            self._buckets.append(_Bucket(number))
        return self._buckets[-1]


class RateWindow:
    """Rates per second of totals that only grow, from the totals at earlier moments.

    Args:
        width: how many totals there are.
        length: seconds that the window covers at most.
        spacing: the least seconds between two moments that are kept.
    """

    def __init__(self, width: int, length: float = 60.0, spacing: float = 1.0) -> None:
        self._length = length
        self._spacing = spacing
        self._zeros = (0,) * width
        self._kept: deque[tuple[float, tuple[int, ...]]] = deque(maxlen=round(length / spacing) + 1)

    def rates(
        self, now: float, totals: tuple[int, ...], start: float | None
    ) -> tuple[float, tuple[float, ...]]:
        """Keep the totals of now, and compare them with the oldest in the window.

        Args:
            now: the time in seconds.
            totals: as many as the window is wide.
            start: when the totals were all zero, for the time before something is kept; None
                where nothing has begun.

        Returns:
            The seconds that are covered and the rate of each total.
        """
        while self._kept and self._kept[0][0] < now - self._length:
            self._kept.popleft()
        since, before = self._kept[0] if self._kept else (start, self._zeros)
        if not self._kept or now - self._kept[-1][0] >= self._spacing:
            self._kept.append((now, totals))
        if since is None or now <= since:
            return 0.0, (0.0,) * len(totals)
        window = now - since
        return window, tuple(
            (total - earlier) / window for total, earlier in zip(totals, before, strict=True)
        )
