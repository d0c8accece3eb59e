"""The checks of a server of the official SDK: what it asks of the client."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import wait
from pathlib import Path
from typing import Any, Final

import pytest

from compatibility.case import PATIENCE, Case
from compatibility.peers import MODERN
from mcp_sync import MCPError, MCPResponseError
from mcp_sync.types.elicitation import ElicitationRequest, ElicitationResult
from mcp_sync.types.roots import Root
from mcp_sync.types.sampling import SamplingRequest, SamplingResult

__all__ = ["CHECKS"]


def sampling(case: Case) -> None:
    asked: list[SamplingRequest] = []

    def answer(request: SamplingRequest) -> SamplingResult:
        asked.append(request)
        return SamplingResult("Oslo", "test-model", "stopSequence")

    case.sampling = answer
    assert _call(case, "ask_sampling", prompt="The capital of Norway?") == {
        "role": "assistant",
        "content": {"type": "text", "text": "Oslo"},
        "model": "test-model",
        "stopReason": "stopSequence",
    }
    (request,) = asked
    assert [(message.role, message.text) for message in request.messages] == [
        ("user", "The capital of Norway?")
    ]
    assert (request.max_tokens, request.temperature) == (7, 0.25)
    assert (request.system_prompt, request.stop_sequences) == ("Answer in one word.", (".",))
    assert request.model_preferences is not None
    assert request.model_preferences.hint_names == ("small",)
    case.sampling = lambda request: "a text is enough"
    answered = _call(case, "ask_sampling", prompt="?")
    assert answered["content"] == {"type": "text", "text": "a text is enough"}


def _call(case: Case, tool: str, **arguments: Any) -> dict[str, Any]:
    result = case.client.call_tool(tool, arguments, raise_on_error=True)
    answer: dict[str, Any] = json.loads(result.text)
    return answer


def elicitation(case: Case) -> None:
    asked: list[ElicitationRequest] = []

    def answer(request: ElicitationRequest) -> dict[str, Any]:
        asked.append(request)
        return {"name": "Ada", "count": 9}

    case.elicitation = answer
    assert _call(case, "ask_elicitation") == {
        "action": "accept",
        "content": {
            "name": "Ada",
            "count": 9,
            "ratio": 0.5,
            "wrapped": True,
            "colour": "green",
            "size": "l",
            "days": ["mon", "tue"],
        },
    }
    (request,) = asked
    assert (request.mode, request.message) == ("form", "What do you wish?")
    assert request.requested_schema["required"] == ["name"]


def decline(case: Case) -> None:
    case.elicitation = lambda request: None
    assert _call(case, "ask_elicitation") == {"action": "decline"}
    case.elicitation = lambda request: ElicitationResult.cancel()
    assert _call(case, "ask_elicitation") == {"action": "cancel"}


def rounds(case: Case) -> None:
    answers = {"first?": "tea", "and after tea?": "cake ☃"}
    case.elicitation = lambda request: {"answer": answers[request.message]}
    assert case.client.call_tool("ask_twice").text == "tea, cake ☃"


def elicitation_url(case: Case) -> None:
    asked: list[ElicitationRequest] = []

    def answer(request: ElicitationRequest) -> ElicitationResult:
        asked.append(request)
        return ElicitationResult.accept()

    case.elicitation = answer
    assert _call(case, "ask_url") == {"action": "accept"}
    (request,) = asked
    assert (request.mode, request.url) == ("url", "https://login.example/start?id=7")
    expected = None if case.peer.era == MODERN else "sign-in-7"
    assert request.elicitation_id == expected


def roots(case: Case) -> None:
    case.roots = [Root("file:///projects/a", name="A"), Path("/projects/b c")]
    first, second = _call(case, "ask_roots")["roots"]
    assert first == {"uri": "file:///projects/a", "name": "A"}
    assert second["uri"] == "file:///projects/b%20c"


def handler_calls(case: Case) -> None:
    def answer(request: SamplingRequest) -> str:
        return case.client.call_tool("echo", {"text": request.messages[0].text}).text

    case.sampling = answer
    answered = _call(case, "ask_sampling", prompt="there and back")
    assert answered["content"]["text"] == "there and back"


def asked_at_once(case: Case) -> None:
    case.sampling = lambda request: request.messages[0].text.upper()
    prompts = [f"prompt {number}" for number in range(12)]
    calls = [case.client.submit_tool("ask_sampling", {"prompt": prompt}) for prompt in prompts]
    wait(calls, timeout=PATIENCE)
    answers = [json.loads(call.result(0).text)["content"]["text"] for call in calls]
    assert answers == [prompt.upper() for prompt in prompts]


def handler_fails(case: Case) -> None:
    def fail(request: SamplingRequest) -> str:
        raise RuntimeError("the model is on fire")

    case.sampling = fail
    with pytest.raises((MCPError, RuntimeError)):
        case.client.call_tool("ask_sampling", {"prompt": "?"}, raise_on_error=True)
    case.elicitation = lambda request: {"name": "", "count": 99}
    with pytest.raises((MCPError, ValueError)):
        case.client.call_tool("ask_elicitation", raise_on_error=True)
    assert case.client.call_tool("echo", {"text": "on"}).text == "on"


def prompt_asks(case: Case) -> None:
    case.elicitation = lambda request: {"answer": "Grace"}
    assert case.client.get_prompt("interview").text == "It is Grace."


def server_pings(case: Case) -> None:
    assert _call(case, "ask_ping") == {}


def undeclared(case: Case) -> None:
    """A client without handlers offers nothing, and a server that asks all the same is told."""
    with (
        case.make_client(sampling=None, elicitation=None, roots=None) as client,
        pytest.raises(MCPResponseError) as caught,
    ):
        client.call_tool("ask_roots", raise_on_error=True)
    assert caught.value.code == (-32021 if case.peer.era == MODERN else -32601)


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    check.__name__: check
    for check in (
        sampling,
        elicitation,
        decline,
        rounds,
        elicitation_url,
        roots,
        handler_calls,
        asked_at_once,
        handler_fails,
        prompt_asks,
        server_pings,
        undeclared,
    )
}
"""The checks of this room, by feature."""
