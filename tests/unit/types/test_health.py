"""The outcome of a health check as a value."""

from __future__ import annotations

import json

import attrs
import pytest

from mcp_sync.states import ConnectionState
from mcp_sync.types.health import Health

HEALTH = Health(
    status="degraded",
    reasons=("a pong was lost 3 s ago",),
    checked_at=1700000000.0,
    state=ConnectionState.INITIALIZED,
    ping_round_trip=0.01,
    request_round_trip=None,
)


def test_health_is_frozen() -> None:
    for field in attrs.fields(Health):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(HEALTH, field.name, None)


def test_as_dict_is_json_with_every_field() -> None:
    as_dict = HEALTH.as_dict()
    assert json.loads(json.dumps(as_dict)) == as_dict
    assert as_dict == {
        "status": "degraded",
        "reasons": ["a pong was lost 3 s ago"],
        "checked_at": 1700000000.0,
        "state": "initialized",
        "ping_round_trip": 0.01,
        "request_round_trip": None,
    }
    assert list(as_dict) == [field.name for field in attrs.fields(Health)]
