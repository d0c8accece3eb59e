"""A script: tools, resources, prompts, health."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, assert_type

from mcp_sync import (
    Annotations,
    CallToolResult,
    ClientDescription,
    Completion,
    ConnectionState,
    ConnectionStatistics,
    GetPromptResult,
    Health,
    Icon,
    ImageContent,
    InitializeResult,
    MCPClient,
    MCPConnectionLost,
    MCPError,
    MCPTimeoutError,
    Prompt,
    PromptReference,
    ReadResourceResult,
    Resource,
    ResourceReference,
    ResourceTemplate,
    TextContent,
    Tool,
    __version__,
)

VERSION: str = __version__


def make_a_client() -> MCPClient:
    with MCPClient("ws://localhost:8765", 3, request_timeout=10, trust_tool_hints=True) as client:
        assert_type(client, MCPClient)
    return client


def live(client: MCPClient) -> None:
    assert_type(client.connect(timeout=5), bool)
    assert_type(client.initialize({"name": "script", "version": "1"}), InitializeResult)
    assert_type(client.wait_until_ready(5), bool)
    assert_type(client.get_connection_state(), ConnectionState)
    assert_type(client.get_connection_stats(), ConnectionStatistics)
    assert_type(client.get_connection_stats().as_dict(), dict[str, Any])
    assert_type(client.get_client_info(), ClientDescription)
    assert_type(client.health_check(timeout=2), Health)
    assert_type(client.health_check().ping_round_trip, float | None)
    assert_type(client.is_connected(), bool)
    assert_type(client.why(), str)
    assert_type(client.drain(), bool)
    client.reconnect()
    client.close(drain=2)


def call_tools(client: MCPClient) -> None:
    result = client.call_tool("echo", {"text": "hello"}, timeout=None, meta={"trace": 1})
    assert_type(result, CallToolResult)
    assert_type(result.text, str)
    assert_type(result.is_error, bool)
    assert_type(result.data, Any)
    assert_type(result.raise_for_error(), CallToolResult)
    for block in result.content:
        if isinstance(block, TextContent):
            assert_type(block.text, str)
            assert_type(block.annotations, Annotations | None)
        elif isinstance(block, ImageContent):
            assert_type(block.mime_type, str)
    assert_type(client.tools.echo(text="hello"), CallToolResult)
    assert_type(client.tools["get-weather"](place="here"), CallToolResult)
    assert_type(client.list_tools(refresh=True), list[Tool])
    assert_type(client.iter_tools(), Iterator[Tool])
    for tool in client.list_tools():
        assert_type(tool.input_schema, Mapping[str, Any])
        assert_type(tool.output_schema, Mapping[str, Any] | None)
        assert_type(tool.icons, tuple[Icon, ...])
        assert_type(tool.annotations.read_only_hint, bool)


def read_resources(client: MCPClient) -> None:
    assert_type(client.list_resources(), list[Resource])
    assert_type(client.iter_resources(), Iterator[Resource])
    assert_type(client.list_resource_templates(), list[ResourceTemplate])
    read = client.read_resource("file:///notes.txt")
    assert_type(read, ReadResourceResult)
    assert_type(read.text, str)
    assert_type(read.blob, bytes)


def use_prompts(client: MCPClient) -> None:
    assert_type(client.list_prompts(), list[Prompt])
    assert_type(client.get_prompt("greet", {"name": "Ada"}), GetPromptResult)
    reference = PromptReference("greet")
    assert_type(client.complete(reference, "name", "A", context={"b": "c"}), Completion)
    assert_type(client.complete(ResourceReference("file:///{name}"), "name", ""), Completion)


def below_the_features(client: MCPClient) -> None:
    assert_type(client.request("tools/list"), dict[str, Any])
    assert_type(client.request("tools/list", {"cursor": "a"}, idempotent=True), dict[str, Any])
    client.notify("notifications/message", {"level": "info"})
    assert_type(client.ping(), float)


def meet_errors(client: MCPClient) -> str | None:
    try:
        client.call_tool("order", {"number": 7}, raise_on_error=True)
    except MCPConnectionLost as lost:
        assert_type(lost.maybe_executed, bool)
        assert_type(lost.close_code, int | None)
    except MCPTimeoutError as late:
        assert_type(late.timeout, float | None)
        assert_type(late.sent, bool)
    except MCPError as error:
        return str(error)
    return None
