"""What a server asks of a person, and what the person says."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types.elicitation import (
    ELICITATION_ACTIONS,
    ElicitationRequest,
    ElicitationResult,
)

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"name": {"type": "string"}},
    "required": ["name"],
}
FORM: dict[str, Any] = {"message": "Who are you?", "requestedSchema": SCHEMA}
URL: dict[str, Any] = {
    "mode": "url",
    "message": "Sign in",
    "url": "https://example.org/in?x=1",
    "elicitationId": "e-1",
}


@pytest.mark.parametrize(
    "wire",
    [
        FORM,
        {**FORM, "mode": "form", "_meta": {"progressToken": 1}, "newer": [None]},
        {**FORM, "url": None, "mode": None},
        URL,
        {"mode": "url", "message": "m", "url": "https://example.org"},
        {"mode": "telepathy", "message": "m", "strength": 7},
    ],
)
def test_a_request_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert ElicitationRequest.from_wire(wire).to_wire() == wire


@pytest.mark.parametrize("wire", [FORM, {**FORM, "mode": "form"}, {**FORM, "mode": None}])
def test_a_request_without_a_mode_is_a_form(wire: dict[str, Any]) -> None:
    request = ElicitationRequest.from_wire(wire)
    assert (request.mode, request.message) == ("form", "Who are you?")
    assert request.requested_schema is SCHEMA
    assert (request.url, request.elicitation_id, request.meta) == (None, None, {})


def test_a_request_may_send_somewhere() -> None:
    request = ElicitationRequest.from_wire(URL)
    assert (request.mode, request.url) == ("url", "https://example.org/in?x=1")
    assert (request.elicitation_id, request.requested_schema) == ("e-1", {})


def test_a_mode_that_is_not_known_is_kept() -> None:
    assert ElicitationRequest.from_wire({"mode": "telepathy", "message": "m"}).mode == "telepathy"


@pytest.mark.parametrize(
    ("wire", "words"),
    [
        ({"requestedSchema": SCHEMA}, r"elicitation/create: params\.message is missing"),
        ({"message": "m"}, r"params\.requestedSchema \(an object\) is missing"),
        ({"message": "m", "requestedSchema": []}, r"params\.requestedSchema \(an object\)"),
        ({"message": "m", "mode": "url"}, r"params\.url \(a string\) is missing"),
        ({"message": "m", "mode": "url", "url": 7}, r"params\.url \(a string\) is missing"),
        (None, "params must be an object"),
    ],
)
def test_what_is_missing_in_a_request_is_named(wire: Any, words: str) -> None:
    with pytest.raises(MCPProtocolError, match=words):
        ElicitationRequest.from_wire(wire)


def test_an_answer_is_consent_refusal_or_neither() -> None:
    assert ElicitationResult.accept({"name": "x"}).to_wire() == {
        "action": "accept",
        "content": {"name": "x"},
    }
    assert ElicitationResult.accept({}).to_wire() == {"action": "accept", "content": {}}
    assert ElicitationResult.accept().to_wire() == {"action": "accept"}
    assert ElicitationResult.decline().to_wire() == {"action": "decline"}
    assert ElicitationResult.cancel().to_wire() == {"action": "cancel"}
    assert ELICITATION_ACTIONS == ("accept", "decline", "cancel")


@pytest.mark.parametrize(
    "wire",
    [
        {"action": "accept", "content": {"name": "x", "tags": ["a"]}, "_meta": {}},
        {"action": "accept", "content": {}},
        {"action": "decline", "content": None},
        {"action": "cancel", "newer": 1},
    ],
)
def test_an_answer_survives_a_round_trip(wire: dict[str, Any]) -> None:
    assert ElicitationResult.from_wire(wire).to_wire() == wire


def test_an_answer_that_mcp_does_not_know_is_refused() -> None:
    with pytest.raises(ValueError, match="action"):
        ElicitationResult("maybe")  # type: ignore[arg-type]
    with pytest.raises(MCPProtocolError, match="must be accept, decline or cancel"):
        ElicitationResult.from_wire({"action": "maybe"})
