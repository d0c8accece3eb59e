"""One deadline: how much time is left, when it is over, and what can be none."""

from __future__ import annotations

import math
import threading
import time
from fractions import Fraction

import pytest

from mcp_sync.deadline import LONGEST_WAIT, Deadline
from timing import MS


def shortly(value: float) -> str:
    return str(value)[:12]


def test_what_remains_counts_down_from_the_timeout() -> None:
    before = time.monotonic()
    deadline = Deadline(60.0)
    first = deadline.remaining()
    second = deadline.remaining()
    elapsed = time.monotonic() - before
    assert first is not None
    assert second is not None
    assert 60.0 - elapsed <= second <= first <= 60.0
    assert not deadline.is_over()


def test_the_moment_is_monotonic_time_plus_the_timeout() -> None:
    before = time.monotonic()
    deadline = Deadline(5)
    after = time.monotonic()
    assert deadline.at is not None
    assert before + 5 <= deadline.at <= after + 5
    assert deadline.timeout == 5


def test_it_is_over_once_its_time_has_passed_and_stays_over() -> None:
    deadline = Deadline(20 * MS)
    never = threading.Event()
    while not deadline.is_over():
        never.wait(deadline.remaining())
    assert deadline.at is not None
    assert time.monotonic() >= deadline.at
    assert deadline.remaining() == 0.0
    assert deadline.is_over()


def test_without_a_limit_it_is_never_over() -> None:
    deadline = Deadline(None)
    assert (deadline.at, deadline.remaining(), deadline.is_over()) == (None, None, False)


@pytest.mark.parametrize("timeout", [0, 0.0, -0.0, -5.0, -math.inf, -(10**400)], ids=shortly)
def test_zero_and_less_is_over_at_once(timeout: float) -> None:
    deadline = Deadline(timeout)
    assert deadline.is_over()
    assert deadline.remaining() == 0.0


@pytest.mark.parametrize("timeout", [math.inf, 1e300, 10**400, LONGEST_WAIT + 1], ids=shortly)
def test_more_than_a_wait_can_take_is_cut_to_what_it_can_take(timeout: float) -> None:
    deadline = Deadline(timeout)
    remaining = deadline.remaining()
    assert remaining is not None
    assert LONGEST_WAIT - 60 < remaining <= LONGEST_WAIT < threading.TIMEOUT_MAX
    assert not deadline.is_over()
    event = threading.Event()
    event.set()
    assert event.wait(remaining)


def test_not_a_number_is_refused_because_it_would_never_be_over() -> None:
    with pytest.raises(ValueError, match=r"^a timeout must be a number of seconds or None"):
        Deadline(math.nan)


@pytest.mark.parametrize("timeout", ["5", True, [], Fraction(1, 2), object])
def test_what_is_no_number_is_refused_with_its_value(timeout: object) -> None:
    with pytest.raises(TypeError) as caught:
        Deadline(timeout)  # type: ignore[arg-type]
    assert str(caught.value) == f"a timeout must be a number of seconds or None, not {timeout!r}"


def test_it_shows_what_is_left() -> None:
    assert repr(Deadline(None)) == "<Deadline none>"
    assert repr(Deadline(-1)) == "<Deadline in 0.000 s>"
    assert repr(Deadline(60)).startswith(("<Deadline in 59.", "<Deadline in 60."))
