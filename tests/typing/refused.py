"""What a checker must refuse: an ignored error that is none is an error here."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

from pathlib import Path

from mcp_sync import (
    CallToolResult,
    ClientConfig,
    CompareblocksClient,
    ConnectionEvent,
    MCPClient,
    NotificationEvent,
    SubscriptionEvent,
)


def arguments(client: MCPClient) -> None:
    client.call_tool(7)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.call_tool("echo", offline="later")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    client.call_tool("echo", {}, 5)  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue]
    client.call_tool("echo", timeout="5")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.submit_tool("echo", offline="queue")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    client.get_prompt("greet", {"name": 7})  # type: ignore[dict-item]  # pyright: ignore[reportArgumentType]
    client.set_log_level("loud")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def settings() -> None:
    ClientConfig(request_timout=5)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ClientConfig(request_timeout="5")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ClientConfig("ws://h/", 1, 2.0, 3.0, 4.0, 5.0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    ClientConfig().request_timeout = 5  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def results(client: MCPClient) -> str:
    result: CallToolResult = client.call_tool("echo", offline="queue")  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    result.is_error = False  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    print(result.txt)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    return client.list_tools()  # type: ignore[return-value]  # pyright: ignore[reportReturnType]


def handler_of_notifications(event: NotificationEvent) -> None: ...


def handler_of_text(text: str) -> None: ...


def handlers(client: MCPClient) -> None:
    client.on("conected", lambda event: None)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.once("conected")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.on("connected", handler_of_notifications)  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    client.on("connected")(handler_of_text)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    client.on_sampling(handler_of_text)  # type: ignore[type-var]  # pyright: ignore[reportArgumentType]
    client.call_tool("count", on_progress=handler_of_text)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    MCPClient(elicitation=lambda: None)  # type: ignore[arg-type, misc]  # pyright: ignore[reportArgumentType]


def values(event: ConnectionEvent, change: SubscriptionEvent) -> None:
    event.name = "other"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    print(change.uri)  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue]


def compareblocks(client: CompareblocksClient) -> None:
    client.submit_extraction(Path("a.pdf"), ["a line"], offline="wait")  # type: ignore[call-overload]  # pyright: ignore[reportCallIssue, reportArgumentType]
    client.get_results("session", "xml")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    client.subscribe_updates(["done"])  # type: ignore[list-item]  # pyright: ignore[reportArgumentType]
    print(client.get_status("session").active_sessions)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
    client.call_tool("echo")  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]
