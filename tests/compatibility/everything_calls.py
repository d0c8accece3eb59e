"""The checks of the reference server of all features: being connected, and calling its tools."""

from __future__ import annotations

import gzip
import json
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

import pytest

from compatibility.case import PATIENCE, Case
from mcp_sync import MCPError, MCPTimeoutError
from mcp_sync.errors import MCPToolError
from mcp_sync.types.content import EmbeddedResource, ImageContent, ResourceLink, TextContent
from timing import MS

__all__ = ["CHECKS", "TOOLS"]

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


def extended(case: Case) -> None:
    arguments = {"duration": 2, "steps": 5}  # in seconds, longer than the timeout
    reports: list[float] = []
    result = case.client.call_tool(
        "trigger-long-running-operation",
        arguments,
        timeout=1500 * MS,
        reset_timeout_on_progress=True,
        on_progress=lambda *report: reports.append(report[0]),
    )
    assert "completed" in result.text
    assert reports[-1] == 5


def concurrent(case: Case) -> None:
    texts = [f"number {number}" for number in range(50)]
    with ThreadPoolExecutor(8) as threads:
        calls = list(
            threads.map(lambda text: case.client.submit_tool("echo", {"message": text}), texts)
        )
    _, left = wait(calls, timeout=PATIENCE)
    assert not left
    assert [call.result().text for call in calls] == [f"Echo: {text}" for text in texts]


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
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
        extended,
        concurrent,
    )
}
"""The checks of this room, by feature."""
