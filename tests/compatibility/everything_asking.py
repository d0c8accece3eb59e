"""The checks of the reference server of all features: what it asks of the client."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from pathlib import Path
from typing import Any, Final

import pytest

from compatibility.case import PATIENCE, Case
from compatibility.everything_calls import TOOLS
from mcp_sync import MCPError, MCPResponseError
from mcp_sync.types.elicitation import ElicitationRequest, ElicitationResult
from mcp_sync.types.roots import Root
from mcp_sync.types.sampling import SamplingRequest, SamplingResult

__all__ = ["CHECKS"]


def sampling(case: Case) -> None:
    asked: list[SamplingRequest] = []

    def answer(request: SamplingRequest) -> SamplingResult:
        asked.append(request)
        return SamplingResult("Oslo", "test-model")

    case.sampling = answer
    arguments = {"prompt": "The capital of Norway?", "maxTokens": 9}
    result = case.client.call_tool("trigger-sampling-request", arguments, raise_on_error=True)
    assert '"text": "Oslo"' in result.text
    (request,) = asked
    assert request.max_tokens == 9
    assert "The capital of Norway?" in request.messages[0].text


def elicitation(case: Case) -> None:
    asked: list[ElicitationRequest] = []

    def answer(request: ElicitationRequest) -> dict[str, Any]:
        asked.append(request)
        return {"name": "Ada Lovelace", "check": True, "integer": 7}

    case.elicitation = answer
    content = _raw(case.client.call_tool("trigger-elicitation-request").text)["content"]
    assert (content["name"], content["check"], content["integer"]) == ("Ada Lovelace", True, 7)
    properties = asked[0].requested_schema["properties"]
    defaults = {name: field["default"] for name, field in properties.items() if "default" in field}
    assert len(defaults) > 4
    assert content == defaults | {"name": "Ada Lovelace", "check": True, "integer": 7}


def _raw(text: str) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(text.partition("Raw result:")[2])
    return answer


def decline(case: Case) -> None:
    case.elicitation = lambda request: None
    text = case.client.call_tool("trigger-elicitation-request").text
    assert _raw(text) == {"action": "decline"}


def elicitation_url(case: Case) -> None:
    asked: list[ElicitationRequest] = []

    def answer(request: ElicitationRequest) -> ElicitationResult:
        asked.append(request)
        return ElicitationResult.accept()

    case.elicitation = answer
    arguments = {"url": "https://pay.example/7", "message": "Please pay", "elicitationId": "pay-7"}
    text = case.client.call_tool("trigger-url-elicitation", arguments).text
    assert _raw(text) == {"action": "accept"}
    assert [(one.mode, one.url, one.elicitation_id) for one in asked] == [
        ("url", "https://pay.example/7", "pay-7")
    ]
    with pytest.raises(MCPResponseError) as caught:
        case.client.call_tool("trigger-url-elicitation", arguments | {"errorPath": True})
    assert caught.value.code == -32042
    assert caught.value.data["elicitations"][0]["mode"] == "url"


def roots(case: Case) -> None:
    # It asks for them once in a session, a while after the handshake, so this is another session.
    case.roots = [Root("file:///projects/a", name="A"), Path("/projects/b")]
    with case.make_client() as client:
        text = client.call_tool("get-roots-list").text
    assert "2 total" in text
    assert "file:///projects/a" in text
    assert "file:///projects/b" in text


def handler_calls(case: Case) -> None:
    case.sampling = lambda request: case.client.call_tool("echo", {"message": "inner"}).text
    result = case.client.call_tool("trigger-sampling-request", {"prompt": "?"})
    assert '"text": "Echo: inner"' in result.text


def asked_at_once(case: Case) -> None:
    case.sampling = lambda request: request.messages[0].text.upper()
    numbers = range(12)
    calls = [
        case.client.submit_tool("trigger-sampling-request", {"prompt": f"prompt {number}"})
        for number in numbers
    ]
    wait(calls, timeout=PATIENCE)
    for number, call in zip(numbers, calls, strict=True):
        assert f'PROMPT {number}"' in call.result(0).text


def handler_fails(case: Case) -> None:
    def fail(request: SamplingRequest) -> str:
        raise RuntimeError("the model is on fire")

    case.sampling = fail
    with pytest.raises(MCPError):
        case.client.call_tool("trigger-sampling-request", {"prompt": "?"}, raise_on_error=True)
    assert case.client.call_tool("echo", {"message": "on"}).text == "Echo: on"


def undeclared(case: Case) -> None:
    with case.make_client(sampling=None, elicitation=None, roots=None) as client:
        offered = {tool.name for tool in client.list_tools()}
    # These tools are there only for a client that declared what they ask for.
    assert TOOLS - offered == {
        "get-roots-list",
        "trigger-elicitation-request",
        "trigger-sampling-request",
        "trigger-url-elicitation",
    }


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    check.__name__: check
    for check in (
        sampling,
        elicitation,
        decline,
        elicitation_url,
        roots,
        handler_calls,
        asked_at_once,
        handler_fails,
        undeclared,
    )
}
"""The checks of this room, by feature."""
