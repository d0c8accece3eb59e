"""The checks of a server of the official SDK: being connected, and calling tools."""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Final

import pytest

from compatibility.case import PATIENCE, Case
from compatibility.servers import offered
from mcp_sync import MCPError, MCPProtocolError, MCPResponseError, MCPTimeoutError
from mcp_sync.errors import MCPToolError
from mcp_sync.types.content import (
    AudioContent,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
)
from timing import MS

__all__ = ["CHECKS"]


def connect(case: Case) -> None:
    session = case.client.initialize()
    assert session.protocol_version == case.peer.speaks
    assert (session.server_info.name, session.server_info.version) == (
        offered.NAME,
        offered.VERSION,
    )
    assert session.instructions == offered.INSTRUCTIONS
    assert session.capabilities["tools"]["listChanged"] is True
    assert session.capabilities["resources"]["subscribe"] is True
    assert "completions" in session.capabilities


def list_tools(case: Case) -> None:
    tools = case.client.list_tools()
    assert [tool.raw for tool in tools] == offered.TOOLS
    assert len(tools) > offered.PAGE, "a list of one page proves nothing"
    by_name = {tool.name: tool for tool in tools}
    echo, add = by_name["echo"], by_name["add"]
    assert (echo.display_name, add.display_name) == ("Echo", "Addition")
    assert echo.annotations is not None
    assert (echo.annotations.read_only_hint, echo.annotations.open_world_hint) == (True, False)
    assert echo.output_schema is None
    assert add.output_schema == offered.TOOLS[1]["outputSchema"]
    pages = case.client.iter_tools()
    assert next(pages).name == "echo"


def call_text(case: Case) -> None:
    for text in ("hello", "", "z\u0301 世界 🎉\u2028\n\x00 \\", "x" * 200_000):
        result = case.client.call_tool("echo", {"text": text})
        assert result.text == text
        assert not result.is_error
        assert not result.has_structured_content


def call_structured(case: Case) -> None:
    result = case.client.call_tool("add", {"a": 2, "b": 0.5})
    assert result.structured_content == result.data == {"sum": 2.5}
    assert result.has_structured_content
    assert json.loads(result.text) == {"sum": 2.5}
    assert result.meta["test/kind"] == "sum"


def bad_structured(case: Case) -> None:
    case.client.list_tools()
    with pytest.raises(MCPProtocolError, match="sum"):
        case.client.call_tool("lie")


def call_error(case: Case) -> None:
    result = case.client.call_tool("fail")
    assert result.is_error
    assert result.text == "this tool always fails"
    with pytest.raises(MCPToolError, match="this tool always fails"):
        result.raise_for_error()
    with pytest.raises(MCPToolError, match="this tool always fails"):
        case.client.call_tool("fail", raise_on_error=True)


def unknown_tool(case: Case) -> None:
    with pytest.raises(MCPResponseError) as caught:
        case.client.call_tool("nothing")
    assert caught.value.code == -32602
    assert "nothing" in str(caught.value)


def wrong_arguments(case: Case) -> None:
    with pytest.raises((MCPError, ValueError), match="b"):
        case.client.call_tool("add", {"a": 1, "b": "two"}, validate_arguments=True)
    assert case.client.call_tool("add", {"a": 1, "b": 2}, validate_arguments=True).data == {
        "sum": 3
    }


def content_blocks(case: Case) -> None:
    text, image, audio, document, picture, link = case.client.call_tool("contents").content
    assert isinstance(text, TextContent)
    assert text.annotations is not None
    assert (text.annotations.audience, text.annotations.priority) == (("assistant",), 1.0)
    assert isinstance(image, ImageContent)
    assert (image.decoded, image.mime_type) == (offered.PIXEL, "image/png")
    assert isinstance(audio, AudioContent)
    assert (audio.decoded, audio.mime_type) == (offered.SILENCE, "audio/wav")
    assert isinstance(document, EmbeddedResource)
    assert document.resource.text == "héllo wörld"
    assert isinstance(picture, EmbeddedResource)
    assert picture.resource.decoded == offered.PIXEL
    assert isinstance(link, ResourceLink)
    assert (link.uri, link.name, link.size) == ("test://notes/1", "note 1", 6)


def progress(case: Case) -> None:
    seen: queue.SimpleQueue[tuple[float, float | None, str | None]] = queue.SimpleQueue()
    result = case.client.call_tool(
        "steps", {"count": 4}, on_progress=lambda *report: seen.put(report)
    )
    assert result.text == "4 steps"
    # Reports that wait to be handed over give way to the newest, which is always told.
    reports = [seen.get(timeout=PATIENCE)]
    while reports[-1][0] < 4:
        reports.append(seen.get(timeout=PATIENCE))
    assert reports[-1] == (4, 4, "step 4")
    assert reports == sorted(set(reports))


def logging(case: Case) -> None:
    case.client.set_log_level("info")
    assert case.client.call_tool("log").text == "logged"
    first, second = (case.logs.get(timeout=PATIENCE) for _ in range(2))
    assert (first.level, first.data) == ("info", {"said": "something", "número": 1})
    assert (second.level, second.data) == ("error", ["one", 2, None])
    assert {first.logger, second.logger} == {"compatibility.log"}
    case.client.set_log_level("debug")
    case.client.call_tool("log")
    assert case.logs.get(timeout=PATIENCE).data == "a detail"


def cancel(case: Case) -> None:
    began = threading.Event()
    call = case.client.submit_tool(
        "slow", {"seconds": 600}, on_progress=lambda *report: began.set()
    )
    assert began.wait(PATIENCE)
    assert call.cancel()
    assert call.cancelled()
    assert _cancelled_at_the_server(case) == 1
    assert case.client.call_tool("echo", {"text": "on"}).text == "on"


def timeout(case: Case) -> None:
    pid = case.client.call_tool("pid").text
    with pytest.raises(MCPTimeoutError):
        case.client.call_tool("slow", {"seconds": 600}, timeout=300 * MS)
    assert _cancelled_at_the_server(case) == 1
    assert case.client.call_tool("pid").text == pid


def extended(case: Case) -> None:
    arguments = {"count": 4, "pause": 0.45}  # together longer than the timeout
    reports: list[float] = []

    def report(progress: float, total: float | None, message: str | None) -> None:
        reports.append(progress)

    result = case.client.call_tool(
        "steps", arguments, timeout=1500 * MS, reset_timeout_on_progress=True, on_progress=report
    )
    assert result.text == "4 steps"
    assert reports[-1] == 4
    with pytest.raises(MCPTimeoutError):
        case.client.call_tool(
            "steps",
            arguments,
            timeout=1500 * MS,
            reset_timeout_on_progress=True,
            max_total_timeout=500 * MS,
            on_progress=report,
        )


def _cancelled_at_the_server(case: Case) -> int:
    return int(case.client.call_tool("wait_cancelled", {"seconds": PATIENCE}).text)


def concurrent(case: Case) -> None:
    texts = [f"number {number}" for number in range(50)]
    with ThreadPoolExecutor(8) as threads:
        calls = list(
            threads.map(lambda text: case.client.submit_tool("echo", {"text": text}), texts)
        )
    done, left = wait(calls, timeout=PATIENCE)
    assert not left
    assert len(done) == len(texts)
    assert [call.result().text for call in calls] == texts


CHECKS: Final[Mapping[str, Callable[[Case], None]]] = {
    check.__name__: check
    for check in (
        connect,
        list_tools,
        call_text,
        call_structured,
        bad_structured,
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
