"""The snapshot as a value: frozen, JSON-serialisable, one line when printed."""

from __future__ import annotations

import copy
import inspect
import json
import pickle
from typing import Any

import attrs
import pytest

from mcp_sync.states import ConnectionState
from mcp_sync.types import statistics
from mcp_sync.types.statistics import (
    CallStatistics,
    ConnectionStatistics,
    DrainRecord,
    HandlerStatistics,
    HeartbeatStatistics,
    LatencyStatistics,
    LossRecord,
    LossStatistics,
    QueueStatistics,
)

PARTS = [getattr(statistics, name) for name in statistics.__all__]

FULL = ConnectionStatistics(
    taken_at=1700000100.0,
    state=ConnectionState.INITIALIZED,
    state_since=1700000000.0,
    ready=True,
    uptime=100.0,
    availability=0.99,
    losses=LossStatistics(
        count=1, recent=(LossRecord(at=1.0, cause="reset", close_code=1006, close_reason="x"),)
    ),
    calls=CallStatistics(
        sent=10, answered=9, error_rate=0.1, pending=1, errors_by_class={"MCPTimeoutError": 1}
    ),
    latency=LatencyStatistics(samples=9, p50=0.0012, p90=0.002, p99=0.003, max=0.004),
    heartbeat=HeartbeatStatistics(pings_sent=3),
    queue=QueueStatistics(
        size=2, last_drain=DrainRecord(at=2.0, count=3, failures=0, duration=0.5)
    ),
    handlers=HandlerStatistics(names={"connected": ("a.b", "a.c")}),
    strays={"unknown id": 2},
)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_part_is_frozen(part: type[attrs.AttrsInstance]) -> None:
    known: dict[str, Any] = {
        "taken_at": 0.0,
        "state": ConnectionState.OFFLINE,
        "state_since": 0.0,
        "at": 0.0,
        "cause": "reset",
        "count": 0,
        "failures": 0,
        "duration": 0.0,
    }
    needed = [field.name for field in attrs.fields(part) if field.default is attrs.NOTHING]
    value = part(**{name: known[name] for name in needed})
    for field in attrs.fields(part):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, None)


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_field_is_documented(part: type[attrs.AttrsInstance]) -> None:
    for field in attrs.fields(part):
        assert f"\n    {field.name}: " in (inspect.getdoc(part) or ""), field.name


def test_as_dict_is_json_all_the_way_down() -> None:
    as_dict = FULL.as_dict()
    assert json.loads(json.dumps(as_dict)) == as_dict
    assert as_dict["state"] == "initialized"
    assert type(as_dict["state"]) is str
    assert as_dict["losses"]["recent"] == [
        {"at": 1.0, "cause": "reset", "close_code": 1006, "close_reason": "x"}
    ]
    assert as_dict["handlers"]["names"] == {"connected": ["a.b", "a.c"]}
    assert as_dict["calls"]["errors_by_class"] == {"MCPTimeoutError": 1}
    assert as_dict["queue"]["last_drain"]["duration"] == 0.5
    assert as_dict["strays"] == {"unknown id": 2}
    assert set(as_dict) == {field.name for field in attrs.fields(ConnectionStatistics)}


def test_as_dict_shares_nothing_with_the_snapshot() -> None:
    as_dict = FULL.as_dict()
    as_dict["strays"]["other"] = 1
    as_dict["handlers"]["names"].clear()
    assert FULL.strays == {"unknown id": 2}
    assert FULL.handlers.names == {"connected": ("a.b", "a.c")}


def test_a_snapshot_is_one_line_when_printed() -> None:
    assert repr(FULL) == (
        "<ConnectionStatistics initialized, up 100 s, 1 losses, 9 of 10 answered, "
        "1 pending, 2 queued, errors 10.0%, p50 1.2 ms>"
    )
    empty = ConnectionStatistics(taken_at=0.0, state=ConnectionState.OFFLINE, state_since=0.0)
    assert repr(empty) == (
        "<ConnectionStatistics offline, up 0 s, 0 losses, 0 of 0 answered, "
        "0 pending, 0 queued, no calls in the last 5 minutes>"
    )


def test_a_snapshot_can_be_copied_and_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(FULL)) == FULL
    assert copy.deepcopy(FULL) == FULL
