"""Handlers: of events, of notifications, of progress, and of what a server asks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

from mcp_sync import (
    EVENT_NAMES,
    ConnectionEvent,
    ConnectionState,
    ElicitationRequest,
    ElicitationResult,
    LogMessage,
    MCPClient,
    NotificationEvent,
    ProgressHandler,
    Root,
    SamplingRequest,
    SamplingResult,
)

client = MCPClient()


@client.on("connected")
def connected(event: ConnectionEvent) -> str:
    assert_type(event.state, ConnectionState)
    assert_type(event.context, Mapping[str, Any])
    return event.name


@client.once("offline")
def went_offline(event: ConnectionEvent) -> int:
    return len(event.name)


@client.on_notification("notifications/tools/list_changed")
def changed(event: NotificationEvent) -> float:
    return event.timestamp


@client.on_log
def logged(message: LogMessage) -> None:
    assert_type(message.level, str)


@client.on_sampling
def complete(request: SamplingRequest) -> SamplingResult | None:
    return SamplingResult(f"{request.max_tokens} tokens", model="none") if request.tools else None


@client.on_elicitation
def ask(request: ElicitationRequest) -> dict[str, Any] | ElicitationResult:
    return {"name": request.message} if request.mode == "form" else ElicitationResult.cancel()


@client.on_roots
def roots() -> list[str | Root]:
    return [str(Path.cwd())]


async def later(event: ConnectionEvent) -> None:
    assert_type(event, ConnectionEvent)


# A decorator leaves a function what it was.
EVENT = ConnectionEvent(name="connected", state=ConnectionState.CONNECTED, timestamp=0.0)
assert_type(connected(EVENT), str)
assert_type(went_offline(EVENT), int)
assert_type(changed(NotificationEvent(method="m", params={}, timestamp=0.0)), float)
assert_type(roots(), list[str | Root])


def register() -> None:
    for name in EVENT_NAMES:
        client.on(name, lambda event: print(event.timestamp))
    client.on("failed", later)
    client.once("connected", connected)
    client.on_notification("*", lambda event: print(event.params))
    assert_type(client.off("connected", connected), bool)
    assert_type(client.off_notification("notifications/tools/list_changed", changed), bool)


def show(progress: float, total: float | None, message: str | None) -> None:
    assert_type((progress, total, message), tuple[float, float | None, str | None])


def handed_to_the_constructor(report: ProgressHandler = show) -> MCPClient:
    asking = MCPClient(
        sampling=lambda request: "a text" if request.messages else None,
        elicitation=lambda request: ElicitationResult.decline(),
        roots=[Path("docs"), "tests", Root.from_path("src")],
    )
    asking.call_tool("count", on_progress=report)
    asking.call_tool("count", on_progress=lambda progress, total, message: None)
    return asking
