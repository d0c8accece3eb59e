"""What is wrong with a connection, from its statistics alone."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from mcp_sync.connection.health import assess, degradations
from mcp_sync.states import ConnectionState
from mcp_sync.types.statistics import (
    CallStatistics,
    ConnectionStatistics,
    HeartbeatStatistics,
    LossRecord,
    LossStatistics,
    QueueStatistics,
)


def statistics(**parts: Any) -> ConnectionStatistics:
    usual: dict[str, Any] = {
        "taken_at": 1700000000.0,
        "state": ConnectionState.INITIALIZED,
        "state_since": 1699999000.0,
        "ready": True,
    }
    return ConnectionStatistics(**(usual | parts))


LOST = LossStatistics(count=1, last_age=12.0, recent=(LossRecord(at=1.0, cause="reset by peer"),))


def test_a_connection_without_faults_has_no_degradations() -> None:
    assert degradations(statistics()) == ()


@pytest.mark.parametrize(("age", "found"), [(0.0, True), (60.0, True), (60.1, False)])
def test_a_loss_in_the_last_minute_degrades(age: float, found: bool) -> None:
    losses = attrs.evolve(LOST, last_age=age)
    assert bool(degradations(statistics(losses=losses))) is found


def test_a_loss_is_named_with_its_cause() -> None:
    assert degradations(statistics(losses=LOST)) == (
        "the connection was lost 12 s ago (reset by peer)",
    )


@pytest.mark.parametrize(
    ("outcomes", "rate", "found"),
    [
        (20, 0.05, False),
        (20, 0.10, True),
        (19, 1.0, False),
        (1000, 0.051, True),
        (1000, 0.05, False),
        (0, None, False),
    ],
)
def test_more_than_five_percent_errors_degrade_from_twenty_calls_on(
    outcomes: int, rate: float | None, found: bool
) -> None:
    calls = CallStatistics(outcomes=outcomes, error_rate=rate)
    assert bool(degradations(statistics(calls=calls))) is found


def test_the_error_rate_is_named() -> None:
    calls = CallStatistics(outcomes=40, error_rate=0.125)
    assert degradations(statistics(calls=calls)) == (
        "12.5% of the 40 calls in the last 5 minutes failed",
    )


@pytest.mark.parametrize(
    ("queue", "found"),
    [
        (QueueStatistics(size=80, limit=100), ()),
        (QueueStatistics(size=81, limit=100), ("the offline queue is 81% full",)),
        (
            QueueStatistics(size=1, bytes=95, limit=100, limit_bytes=100),
            ("the offline queue is 95% full",),
        ),
        (QueueStatistics(size=81, bytes=900), ()),
        (QueueStatistics(size=0, limit=0), ()),
    ],
)
def test_a_queue_above_eighty_percent_degrades(
    queue: QueueStatistics, found: tuple[str, ...]
) -> None:
    assert degradations(statistics(queue=queue)) == found


@pytest.mark.parametrize(("age", "found"), [(0.0, True), (60.0, True), (60.1, False)])
def test_a_pong_lost_in_the_last_minute_degrades(age: float, found: bool) -> None:
    heartbeat = HeartbeatStatistics(pongs_lost=1, last_lost_age=age)
    assert bool(degradations(statistics(heartbeat=heartbeat))) is found


def test_degradations_come_in_their_order() -> None:
    found = degradations(
        statistics(
            losses=LOST,
            calls=CallStatistics(outcomes=100, error_rate=0.5),
            queue=QueueStatistics(size=10, limit=10),
            heartbeat=HeartbeatStatistics(last_lost_age=1.0),
        )
    )
    assert found == (
        "the connection was lost 12 s ago (reset by peer)",
        "50.0% of the 100 calls in the last 5 minutes failed",
        "the offline queue is 100% full",
        "a pong was lost 1 s ago",
    )


def test_a_server_that_answers_and_has_no_degradations_is_healthy() -> None:
    health = assess(statistics(), 0.01, 0.02, ())
    assert (health.status, health.reasons) == ("healthy", ())
    assert (health.ping_round_trip, health.request_round_trip) == (0.01, 0.02)
    assert health.checked_at == 1700000000.0
    assert health.state is ConnectionState.INITIALIZED


@pytest.mark.parametrize("trips", [(0.01, None), (None, 0.01)])
def test_one_answer_is_enough(trips: tuple[float | None, float | None]) -> None:
    assert assess(statistics(), *trips, ()).status == "healthy"


def test_a_server_that_answers_with_degradations_is_degraded() -> None:
    health = assess(statistics(losses=LOST), 0.01, 0.02, ())
    assert health.status == "degraded"
    assert health.reasons == ("the connection was lost 12 s ago (reset by peer)",)


def test_a_failed_check_is_unhealthy_with_its_reason_first() -> None:
    health = assess(statistics(losses=LOST), None, 0.02, ("no pong within 5 s",))
    assert health.status == "unhealthy"
    assert health.reasons == (
        "no pong within 5 s",
        "the connection was lost 12 s ago (reset by peer)",
    )


def test_a_server_that_answered_nothing_is_not_healthy() -> None:
    health = assess(statistics(), None, None, ())
    assert health.status == "unhealthy"
    assert health.reasons == ("the server answered nothing",)


@pytest.mark.parametrize(
    "state", [state for state in ConnectionState if state is not ConnectionState.OFFLINE]
)
def test_without_a_ready_link_it_is_unhealthy_in_every_state(state: ConnectionState) -> None:
    health = assess(statistics(state=state, ready=False), 0.01, 0.02, ())
    assert health.status == "unhealthy"
    assert health.reasons == (f"no ready link, the state is {state.value}",)


def test_offline_is_offline_with_what_else_is_wrong() -> None:
    health = assess(
        statistics(state=ConnectionState.OFFLINE, ready=False, losses=LOST), None, None, ()
    )
    assert health.status == "offline"
    assert health.reasons == (
        "the attempts to connect are used up",
        "the connection was lost 12 s ago (reset by peer)",
    )
