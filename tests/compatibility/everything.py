"""The checks of the reference server of all features, over stdio: each of its tools and prompts."""

from __future__ import annotations

import concurrent.futures
import gzip
import json
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final

import pytest

from compatibility.case import PATIENCE, Case
from compatibility.peers import children
from mcp_sync import MCPError, MCPResponseError, MCPTimeoutError
from mcp_sync.errors import MCPToolError
from mcp_sync.types.completion import PromptReference, ResourceReference
from mcp_sync.types.content import EmbeddedResource, ImageContent, ResourceLink, TextContent
from mcp_sync.types.elicitation import ElicitationRequest, ElicitationResult
from mcp_sync.types.roots import Root
from mcp_sync.types.sampling import SamplingRequest, SamplingResult
from mcp_sync.types.subscriptions import MaybeMissed, ResourcesChanged, ResourceUpdated
from timing import MS

__all__ = ["CHECKS", "PROMPTS", "TOOLS"]

TOOLS: Final = {
    "echo",
    "get-annotated-message",
    "get-env",
    "get-resource-links",
    "get-resource-reference",
    "get-roots-list",
    "get-structured-content",
    "get-sum",
    "get-tiny-image",
    "gzip-file-as-resource",
    "simulate-research-query",
    "toggle-simulated-logging",
    "toggle-subscriber-updates",
    "trigger-elicitation-request",
    "trigger-long-running-operation",
    "trigger-sampling-request",
    "trigger-url-elicitation",
}
"""All that it offers to a client with sampling, elicitation and roots; each is called below."""

PROMPTS: Final = {"simple-prompt", "args-prompt", "completable-prompt", "resource-prompt"}

TEXT_URI: Final = "demo://resource/dynamic/text/{resourceId}"
BLOB_URI: Final = "demo://resource/dynamic/blob/{resourceId}"
PNG: Final = b"\x89PNG"


def connect(case: Case) -> None:
    session = case.client.initialize()
    assert session.protocol_version == case.peer.speaks
    assert (session.server_info.name, session.server_info.version) == (
        "mcp-servers/everything",
        "2.0.0",
    )
    assert session.server_info.extra["title"] == "Everything Reference Server"
    assert session.instructions is not None
    assert "🎉" in session.instructions
    assert {"tools", "resources", "prompts", "logging", "completions"} <= {*session.capabilities}


def list_tools(case: Case) -> None:
    tools = {tool.name: tool for tool in case.client.list_tools()}
    assert {*tools} == TOOLS
    weather = tools["get-structured-content"]
    assert weather.output_schema is not None
    assert {*weather.output_schema["required"]} == {"temperature", "conditions", "humidity"}
    assert tools["echo"].display_name == tools["echo"].title == "Echo Tool"
    assert tools["simulate-research-query"].raw["execution"] == {"taskSupport": "required"}


def call_text(case: Case) -> None:
    assert case.client.call_tool("echo", {"message": "héllo 世界"}).text == "Echo: héllo 世界"
    total = case.client.call_tool("get-sum", {"a": 2, "b": 0.5}).text
    assert total == "The sum of 2 and 0.5 is 2.5."
    environment = json.loads(case.client.call_tool("get-env").text)
    assert "PATH" in environment
    assert "PYTEST_CURRENT_TEST" not in environment, "the child was given all of ours"


def call_structured(case: Case) -> None:
    for city in ("New York", "Chicago", "Los Angeles"):
        result = case.client.call_tool("get-structured-content", {"location": city})
        assert {*result.data} == {"temperature", "conditions", "humidity"}
        assert json.loads(result.text) == result.data


def call_error(case: Case) -> None:
    result = case.client.call_tool("get-sum", {"a": "one"})
    assert result.is_error
    with pytest.raises(MCPToolError, match="expected number"):
        case.client.call_tool("get-sum", {"a": "one"}, raise_on_error=True)
    # It wants to be called as a task, which this client does not declare.
    research = case.client.call_tool("simulate-research-query", {"topic": "tides"})
    assert research.is_error
    assert "requires task augmentation" in research.text


def unknown_tool(case: Case) -> None:
    result = case.client.call_tool("nothing")
    assert result.is_error
    assert "Tool nothing not found" in result.text


def wrong_arguments(case: Case) -> None:
    with pytest.raises((MCPError, ValueError), match="location"):
        case.client.call_tool(
            "get-structured-content", {"location": "Atlantis"}, validate_arguments=True
        )


def content_blocks(case: Case) -> None:
    before, image, after = case.client.call_tool("get-tiny-image").content
    assert isinstance(image, ImageContent)
    assert image.decoded.startswith(PNG)
    assert isinstance(before, TextContent)
    assert isinstance(after, TextContent)
    for kind, priority in (("error", 1.0), ("success", 0.7), ("debug", 0.3)):
        message, picture = case.client.call_tool(
            "get-annotated-message", {"messageType": kind, "includeImage": True}
        ).content
        assert message.annotations is not None
        assert message.annotations.priority == priority
        assert picture.annotations is not None
        assert picture.annotations.audience == ("user",)
    _, *links = case.client.call_tool("get-resource-links", {"count": 10}).content
    assert len(links) == 10
    assert all(isinstance(link, ResourceLink) for link in links)
    _embedded(case)


def _embedded(case: Case) -> None:
    for kind in ("Text", "Blob"):
        arguments = {"resourceType": kind, "resourceId": 3}
        _, block, _ = case.client.call_tool("get-resource-reference", arguments).content
        assert isinstance(block, EmbeddedResource)
        assert block.resource.uri == f"demo://resource/dynamic/{kind.lower()}/3"
    arguments = {"name": "a.gz", "data": "data:text/plain,hello", "outputType": "resource"}
    (block,) = case.client.call_tool("gzip-file-as-resource", arguments).content
    assert gzip.decompress(block.resource.decoded) == b"hello"


def progress(case: Case) -> None:
    seen: queue.SimpleQueue[tuple[float, float | None, str | None]] = queue.SimpleQueue()
    result = case.client.call_tool(
        "trigger-long-running-operation",
        {"duration": 0.3, "steps": 3},
        on_progress=lambda *report: seen.put(report),
    )
    assert "completed" in result.text
    reports = [seen.get(timeout=PATIENCE)]
    while reports[-1][0] < 3:
        reports.append(seen.get(timeout=PATIENCE))
    assert reports[-1] == (3, 3, None)


def logging(case: Case) -> None:
    case.client.set_log_level("debug")
    case.client.call_tool("toggle-simulated-logging")
    try:
        message = case.logs.get(timeout=PATIENCE)
        assert message.level in str(message.data).lower()
    finally:
        stopped = case.client.call_tool("toggle-simulated-logging")
    assert "Stopped" in stopped.text


def cancel(case: Case) -> None:
    began = threading.Event()
    call = case.client.submit_tool(
        "trigger-long-running-operation",
        {"duration": 1, "steps": 20},
        on_progress=lambda *report: began.set(),
    )
    assert began.wait(PATIENCE)
    assert call.cancel()
    assert case.client.call_tool("echo", {"message": "on"}).text == "Echo: on"


def timeout(case: Case) -> None:
    arguments = {"duration": 1, "steps": 1}
    with pytest.raises(MCPTimeoutError):
        case.client.call_tool("trigger-long-running-operation", arguments, timeout=200 * MS)
    assert case.client.call_tool("echo", {"message": "on"}).text == "Echo: on"


def concurrent_calls(case: Case) -> None:
    texts = [f"number {number}" for number in range(50)]
    with ThreadPoolExecutor(8) as threads:
        calls = list(
            threads.map(lambda text: case.client.submit_tool("echo", {"message": text}), texts)
        )
    _, left = wait(calls, timeout=PATIENCE)
    assert not left
    assert [call.result().text for call in calls] == [f"Echo: {text}" for text in texts]


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


def list_resources(case: Case) -> None:
    resources = case.client.list_resources()
    names = {resource.name for resource in resources}
    assert {"architecture.md", "features.md", "instructions.md"} <= names
    assert {resource.mime_type for resource in resources} >= {"text/markdown"}


def read_resource(case: Case) -> None:
    document = case.client.read_resource("demo://resource/static/document/features.md")
    assert document.text.startswith("# Everything Server - Features")
    number = "demo://resource/dynamic/text/7"
    assert case.client.read_resource(number).text.startswith("Resource 7")
    assert b"Resource 7" in case.client.read_resource("demo://resource/dynamic/blob/7").blob


def missing_resource(case: Case) -> None:
    with pytest.raises(MCPResponseError, match="nothing"):
        case.client.read_resource("demo://nothing")


def templates(case: Case) -> None:
    found = {template.uri_template for template in case.client.list_resource_templates()}
    assert found == {TEXT_URI, BLOB_URI}


def subscribe(case: Case) -> None:
    uri = "demo://resource/dynamic/text/1"
    with case.client.subscribe_resource(uri) as changes:
        case.client.call_tool("toggle-subscriber-updates")
        try:
            assert changes.get(timeout=PATIENCE) == ResourceUpdated(uri)
        finally:
            case.client.call_tool("toggle-subscriber-updates")


def list_changed(case: Case) -> None:
    arguments = {"name": "new.gz", "data": "data:text/plain,hi", "outputType": "resourceLink"}
    with case.client.listen(resources=True) as changes:
        (link,) = case.client.call_tool("gzip-file-as-resource", arguments).content
        assert changes.get(timeout=PATIENCE) == ResourcesChanged()
    assert link.uri in {resource.uri for resource in case.client.list_resources()}
    assert gzip.decompress(case.client.read_resource(link.uri).blob) == b"hi"


def prompts(case: Case) -> None:
    found = {prompt.name: prompt for prompt in case.client.list_prompts()}
    assert {*found} == PROMPTS
    assert [one.required for one in found["args-prompt"].arguments] == [True, False]
    client = case.client
    assert client.get_prompt("simple-prompt").text.startswith("This is a simple prompt")
    asked = client.get_prompt("args-prompt", {"city": "Oslo", "state": "Norway"})
    assert asked.text == "What's weather in Oslo, Norway?"
    arguments = {"department": "Sales", "name": "Eve"}
    assert "promote Eve" in client.get_prompt("completable-prompt", arguments).text
    arguments = {"resourceType": "Text", "resourceId": "2"}
    _, message = client.get_prompt("resource-prompt", arguments).messages
    assert isinstance(message.content, EmbeddedResource)
    assert message.content.resource.uri == "demo://resource/dynamic/text/2"
    with pytest.raises(MCPResponseError):
        client.get_prompt("args-prompt", {})


def complete(case: Case) -> None:
    team = PromptReference("completable-prompt")
    assert case.client.complete(team, "department", "S").values == ("Sales", "Support")
    found = case.client.complete(team, "name", "", context={"department": "Engineering"})
    assert found.values == ("Alice", "Bob", "Charlie")
    assert case.client.complete(ResourceReference(TEXT_URI), "resourceId", "5").values == ("5",)


def ping(case: Case) -> None:
    assert 0 < case.client.ping() < PATIENCE


def reconnect(case: Case) -> None:
    (before,) = children(case.running.settings["stdio"])
    uri = "demo://resource/dynamic/text/2"
    with case.client.subscribe_resource(uri) as changes:
        case.running.kill_and_restart()
        call = case.client.submit_tool("echo", {"message": "again"}, idempotent=True)
        concurrent.futures.wait([call], timeout=PATIENCE)
        assert call.result(0).text == "Echo: again"
        (after,) = children(case.running.settings["stdio"])
        assert after != before
        assert isinstance(changes.get(timeout=PATIENCE), MaybeMissed)
        case.client.call_tool("toggle-subscriber-updates")
        assert changes.get(timeout=PATIENCE) == ResourceUpdated(uri)


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    "concurrent": concurrent_calls,
    **{
        check.__name__: check
        for check in (
            connect,
            list_tools,
            call_text,
            call_structured,
            call_error,
            unknown_tool,
            wrong_arguments,
            content_blocks,
            progress,
            logging,
            cancel,
            timeout,
            sampling,
            elicitation,
            decline,
            elicitation_url,
            roots,
            handler_fails,
            undeclared,
            list_resources,
            read_resource,
            missing_resource,
            templates,
            subscribe,
            list_changed,
            prompts,
            complete,
            ping,
            reconnect,
        )
    },
}
"""The checks of this server, by feature."""
