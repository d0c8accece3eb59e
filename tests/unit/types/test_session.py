"""What a handshake told, as values."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import attrs
import pytest

from mcp_sync.types.client_description import ClientDescription
from mcp_sync.types.session import InitializeResult, ServerInfo
from recorded import exchanges

WHOLE: dict[str, Any] = {
    "protocolVersion": "2025-11-25",
    "capabilities": {"tools": {"listChanged": True}},
    "serverInfo": {"name": "S", "version": "1", "title": "The S"},
    "instructions": "ask nicely",
    "_meta": {"x": 1},
}


def test_a_whole_result_is_read_and_kept_as_it_came() -> None:
    result = InitializeResult.from_wire(WHOLE)
    assert result == InitializeResult(
        protocol_version="2025-11-25",
        capabilities={"tools": {"listChanged": True}},
        server_info=ServerInfo("S", "1", {"title": "The S"}),
        instructions="ask nicely",
        raw=WHOLE,
    )
    assert result.raw is WHOLE


NOT_SAID = InitializeResult(protocol_version="", capabilities={}, server_info=ServerInfo())


@pytest.mark.parametrize(
    "wire",
    [
        {},
        dict.fromkeys(WHOLE),
        dict.fromkeys(WHOLE, 5),
        dict.fromkeys(WHOLE, True),
        {key: [] for key in WHOLE},
        {"serverInfo": {"name": None, "version": 3}},
    ],
)
def test_what_is_missing_or_of_another_type_counts_as_not_said(wire: dict[str, Any]) -> None:
    assert attrs.evolve(InitializeResult.from_wire(wire), raw={}) == NOT_SAID


def test_the_recorded_server_is_read() -> None:
    initialized = [one for one in exchanges("initialize") if one.result is not None]
    assert len(initialized) > 5
    for exchange in initialized:
        result = InitializeResult.from_wire(exchange.result)
        assert result.protocol_version == "1.0.0"
        assert result.server_info.name == "BECR-MCP-Server"
        assert list(result.server_info.extra) == ["description"]
        assert set(result.capabilities) == {
            "extraction_submission",
            "status_monitoring",
            "real_time_updates",
            "result_retrieval",
        }


VALUES = [
    InitializeResult.from_wire(WHOLE),
    ServerInfo("S", "1", {"title": "The S"}),
    ClientDescription(name="c", version="1", dialect="mcp", server_url="ws://h/"),
]


@pytest.mark.parametrize("value", VALUES)
def test_a_value_is_frozen_hashable_and_pickles(value: attrs.AttrsInstance) -> None:
    for field in attrs.fields(type(value)):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(value, field.name, None)
    assert pickle.loads(pickle.dumps(value)) == value
    assert len({value, copy.deepcopy(value)}) == 1


def test_the_raw_result_is_not_shown_twice() -> None:
    shown = repr(InitializeResult.from_wire(WHOLE))
    assert "raw=" not in shown
    assert shown.count("ask nicely") == 1


def test_before_a_handshake_a_client_knows_nothing_of_its_server() -> None:
    description = ClientDescription(name="c", version="1", dialect="mcp", server_url="ws://h/")
    assert description.protocol_version is None
    assert description.server is None
    assert description.capabilities == {}
