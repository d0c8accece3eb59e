"""The values that handlers are given."""

from __future__ import annotations

import copy
import math
import pickle
import typing
from typing import Any

import attrs
import pytest

from mcp_sync.events import (
    EVENT_NAMES,
    ConnectionEvent,
    EventName,
)
from mcp_sync.states import ConnectionState
from mcp_sync.types.notifications import NotificationEvent, Progress

FAILED = ConnectionEvent(
    name="failed",
    state=ConnectionState.FAILED,
    timestamp=1700000000.0,
    context={"attempt": 1, "error": "refused", "next_delay": None, "permanent": False},
)

PROGRESS = NotificationEvent(
    method="notifications/progress", params={"progress": 1}, timestamp=1700000000.0
)


def test_there_are_exactly_these_events() -> None:
    assert EVENT_NAMES == (
        "connected",
        "initialized",
        "disconnected",
        "failed",
        "reconnecting",
        "offline",
        "degraded",
        "recovered",
    )
    assert typing.get_args(EventName) == EVENT_NAMES


@pytest.mark.parametrize("event", [FAILED, PROGRESS])
def test_an_event_is_frozen(event: attrs.AttrsInstance) -> None:
    for field in attrs.fields(type(event)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(event, field.name, None)


@pytest.mark.parametrize("event", [FAILED, PROGRESS])
def test_an_event_can_be_passed_on_and_kept(event: attrs.AttrsInstance) -> None:
    assert pickle.loads(pickle.dumps(event)) == event
    assert copy.deepcopy(event) == event
    assert len({event, copy.deepcopy(event)}) == 1


def test_events_are_equal_by_value() -> None:
    assert attrs.evolve(FAILED) == FAILED
    assert attrs.evolve(FAILED, context={}) != FAILED
    assert attrs.evolve(PROGRESS, params={}) != PROGRESS


def test_an_event_without_context_has_an_empty_one_of_its_own() -> None:
    def bare() -> ConnectionEvent:
        return ConnectionEvent(name="offline", state=ConnectionState.OFFLINE, timestamp=0.0)

    assert bare().context == {}
    assert bare().context is not bare().context


def test_events_are_made_by_keyword_alone() -> None:
    with pytest.raises(TypeError):
        ConnectionEvent("failed", ConnectionState.FAILED, 0.0)  # type: ignore[misc]
    with pytest.raises(TypeError):
        NotificationEvent("m", {}, 0.0)  # type: ignore[misc]


@pytest.mark.parametrize("number", [0, -1, 0.5, 10**400])
def test_progress_is_any_finite_number(number: float) -> None:
    assert Progress.from_wire({"progress": number, "total": number}) == Progress(number, number)


@pytest.mark.parametrize("wrong", [None, True, "1", [1], math.nan, math.inf, -math.inf])
def test_progress_without_a_number_is_none_and_a_wrong_total_is_not_said(wrong: Any) -> None:
    assert Progress.from_wire({"progress": wrong}) is None
    assert Progress.from_wire({"progress": 1, "total": wrong, "message": 5}) == Progress(1)
