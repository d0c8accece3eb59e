"""A result that asks for input, as values: what counts as one, and what goes back."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.protocol.rounds import InputRequired, is_complete

LOGIN = {"method": "elicitation/create", "params": {"mode": "form", "message": "who?"}}
ROOTS = {"method": "roots/list"}


def asking(**members: Any) -> dict[str, Any]:
    return {"resultType": "input_required", **members}


def read(method: str = "tools/call", **members: Any) -> InputRequired:
    return InputRequired.from_wire(method, asking(**members))


@pytest.mark.parametrize(
    ("result", "complete"),
    [
        ({}, True),
        ({"content": []}, True),
        ({"resultType": "complete"}, True),
        ({"resultType": "input_required"}, False),
        ({"resultType": "task"}, False),
        ({"resultType": ""}, False),
        ({"resultType": None}, False),
        ({"resultType": True}, False),
        ({"resultType": ["complete"]}, False),
    ],
)
def test_a_result_is_complete_unless_it_says_otherwise(
    result: dict[str, Any], complete: bool
) -> None:
    assert is_complete(result) is complete


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "resources/read"])
def test_these_three_may_ask(method: str) -> None:
    wanted = read(method, inputRequests={"login": LOGIN, "where": ROOTS}, requestState="opaque")
    assert wanted.requests == {
        "login": ("elicitation/create", LOGIN["params"]),
        "where": ("roots/list", {}),
    }
    assert wanted.state == "opaque"


@pytest.mark.parametrize("method", ["tools/list", "server/discover", "completion/complete", "x/y"])
def test_no_other_may(method: str) -> None:
    with pytest.raises(MCPProtocolError, match=f"{method}: a result of the type 'input_required'"):
        read(method, requestState="s")


@pytest.mark.parametrize("kind", ["task", "", None, 5, ["input_required"]])
def test_a_result_of_an_unknown_type_is_none(kind: Any) -> None:
    with pytest.raises(MCPProtocolError, match="a result of the type"):
        InputRequired.from_wire("tools/call", {"resultType": kind, "requestState": "s"})


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"inputRequests": None, "requestState": None},
        {"inputRequests": []},
        {"inputRequests": "login"},
        {"inputRequests": {"login": LOGIN}, "requestState": 5},
        {"requestState": {"a": 1}},
        {"inputRequests": {"login": None}},
        {"inputRequests": {"login": "elicitation/create"}},
        {"inputRequests": {"login": {"params": {}}}},
        {"inputRequests": {"login": {"method": 5}}},
        {"inputRequests": {"login": {"method": "roots/list", "params": []}}},
        {"inputRequests": {"fine": LOGIN, "login": []}},
    ],
)
def test_what_asks_for_nothing_or_in_a_wrong_shape_breaks_the_protocol(
    members: dict[str, Any],
) -> None:
    with pytest.raises(MCPProtocolError, match=r"^tools/call: "):
        read(**members)


def test_the_answers_go_back_by_the_keys_of_the_questions_and_the_state_as_it_came() -> None:
    state = 'eyJ9 \u00e9\U0001f600\\"{}\n\u2028 '
    wanted = read(inputRequests={"login": LOGIN, "é": ROOTS}, requestState=state)
    answers = {"login": {"action": "accept", "content": {"n": 1}}, "é": {"roots": []}}
    params = wanted.next_params('{"name":"t","arguments":{}}', answers)
    assert json.loads(params) == {
        "name": "t",
        "arguments": {},
        "inputResponses": answers,
        "requestState": state,
    }


def test_only_what_was_asked_for_and_given_goes_back() -> None:
    first = '{"name":"t"}'
    assert json.loads(read(requestState="").next_params(first, {})) == {
        "name": "t",
        "requestState": "",
    }
    assert json.loads(read(inputRequests={"a": ROOTS}).next_params(first, {"a": {}})) == {
        "name": "t",
        "inputResponses": {"a": {}},
    }
    assert json.loads(read(inputRequests={}, requestState="s").next_params(first, {})) == {
        "name": "t",
        "requestState": "s",
    }


def test_an_empty_list_of_questions_without_a_state_wants_the_request_again() -> None:
    assert read(inputRequests={}).next_params('{"name":"t"}', {}) == '{"name":"t"}'


@pytest.mark.parametrize("params", ["", "{}"])
def test_a_request_without_params_gets_some(params: str) -> None:
    assert read(requestState="s").next_params(params, {}) == '{"requestState":"s"}'
