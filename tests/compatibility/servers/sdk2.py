"""A server of the official SDK 2.x: both eras, over stdio and a bridge to WebSocket.

SDK 2.x has no WebSocket transport; its low-level server runs on any pair of streams. It asks a
client of the handshake eras in the middle of a call, and a modern one in `input_required` rounds.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import anyio
import mcp_types as types
from behaviour import LEVELS, Refusal, World, call_tool, complete, get_prompt, read_resource
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import NotificationOptions, Server
from mcp.server.stdio import stdio_server
from mcp.server.subscriptions import (
    InMemorySubscriptionBus,
    ListenHandler,
    PromptsListChanged,
    ResourcesListChanged,
    ResourceUpdated,
    ToolsListChanged,
)
from mcp.shared.exceptions import MCPDeprecationWarning, MCPError
from mcp.shared.message import ServerMessageMetadata, SessionMessage
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from offered import INSTRUCTIONS, NAME, VERSION, Wire
from pydantic import BaseModel
from serving import run
from starlette.websockets import WebSocket, WebSocketDisconnect

warnings.simplefilter("ignore", MCPDeprecationWarning)

ASKED: dict[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "roots/list": (types.ListRootsRequest, types.ListRootsResult),
    "ping": (types.PingRequest, types.EmptyResult),
}

CAPABILITIES = {
    "sampling/createMessage": "sampling",
    "elicitation/create": "elicitation",
    "roots/list": "roots",
}

CHANGED: dict[str, tuple[type[BaseModel], Any]] = {
    "tools": (types.ToolListChangedNotification, ToolsListChanged()),
    "prompts": (types.PromptListChangedNotification, PromptsListChanged()),
    "resources": (types.ResourceListChangedNotification, ResourcesListChanged()),
}

FRESH = {"ttlMs": 0, "cacheScope": "private"}
LASTING = {"ttlMs": 60_000, "cacheScope": "private"}

WORLD = World()
BUS = InMemorySubscriptionBus()


class NeedsInput(Exception):
    """A modern client must answer this first, and then send the request again."""

    def __init__(self, key: str, method: str, params: Wire, answered: Mapping[str, Wire]) -> None:
        super().__init__(key)
        self.result: Wire = {
            "resultType": "input_required",
            "inputRequests": {key: {"method": method, "params": params}},
            # Not only JSON's own alphabet, so that a client that touches it is found out.
            "requestState": " " + json.dumps(answered, ensure_ascii=False) + "\t☃",
        }


class Client:
    """What the server knows of one connection."""

    def __init__(self) -> None:
        self.level = "debug"
        self.subscribed: set[str] = set()


class Talk:
    """One request of the SDK, as the tools see it."""

    def __init__(self, context: ServerRequestContext[Any, Any], client: Client) -> None:
        self._context = context
        self._client = client
        self.is_modern = context.protocol_version in MODERN_PROTOCOL_VERSIONS
        self.not_found = -32602 if self.is_modern else -32002
        params = context.params or {}
        state = params.get("requestState")
        if state is not None and not (state.startswith(" ") and state.endswith("\t☃")):
            raise Refusal(-32602, f"the request state came back changed: {state!r}")
        earlier = json.loads(state[:-2]) if state is not None else {}
        self._answers: dict[str, Wire] = {**earlier, **(params.get("inputResponses") or {})}

    async def progress(self, progress: float, total: float, message: str) -> None:
        await self._context.session.report_progress(progress, total, message)

    async def log(self, level: Any, data: Any) -> None:
        if self.is_modern or LEVELS.index(level) >= LEVELS.index(self._client.level):
            await self._context.session.send_log_message(level, data, "compatibility.log")

    async def ask(self, key: str, method: str, params: Wire) -> Wire:
        if self.is_modern:
            return self._answer(key, method, params)
        request, result = ASKED[method]
        answer = await self._context.session.send_request(
            request.model_validate({"method": method, "params": params}),
            result,
            metadata=ServerMessageMetadata(related_request_id=self._context.request_id),
        )
        return answer.model_dump(mode="json", by_alias=True, exclude_none=True)

    def _answer(self, key: str, method: str, params: Wire) -> Wire:
        if key in self._answers:
            return self._answers[key]
        capability = CAPABILITIES[method]
        if getattr(self._context.session.client_capabilities, capability, None) is None:
            required = {"requiredCapabilities": {capability: {}}}
            raise MCPError(-32021, f"the client offers no {capability}", required)
        params = {name: value for name, value in params.items() if name != "elicitationId"}
        raise NeedsInput(key, method, params, self._answers)

    async def changed(self, name: str) -> None:
        notification, event = CHANGED[name]
        if self.is_modern:
            await BUS.publish(event)
        else:
            await self._context.session.send_notification(notification.model_validate({}))

    async def updated(self, uri: str) -> None:
        if self.is_modern:
            await BUS.publish(ResourceUpdated(uri))
        elif uri in self._client.subscribed:
            await self._context.session.send_resource_updated(uri)


Handler = Callable[[Talk, Any], Awaitable[Wire]]


def build() -> Server[Any]:
    """A server for one connection."""
    client = Client()

    def handling(function: Handler) -> Callable[..., Awaitable[Wire]]:
        async def handle(context: ServerRequestContext[Any, Any], params: Any) -> Wire:
            try:
                answer = await function(Talk(context, client), params)
                return {"resultType": "complete", **answer}
            except NeedsInput as needed:
                return needed.result
            except Refusal as refused:
                raise MCPError(refused.code, refused.message) from refused

        return handle

    return Server(
        NAME,
        version=VERSION,
        instructions=INSTRUCTIONS,
        on_list_tools=handling(_page("tools")),
        on_list_prompts=handling(_page("prompts")),
        on_list_resources=handling(_page("resources")),
        on_list_resource_templates=handling(_page("resourceTemplates")),
        on_call_tool=handling(_call),
        on_read_resource=handling(_read),
        on_get_prompt=handling(_prompt),
        on_completion=handling(_complete),
        on_set_logging_level=handling(_set_level),
        on_subscribe_resource=handling(_subscribe),
        on_unsubscribe_resource=handling(_unsubscribe),
        on_subscriptions_listen=ListenHandler(BUS),
    )  # type: ignore[call-overload]


def _page(name: str) -> Handler:
    async def page(talk: Talk, params: Any) -> Wire:
        return WORLD.page(name, params.cursor if params else None) | FRESH

    return page


async def _call(talk: Talk, params: Any) -> Wire:
    return await call_tool(WORLD, talk, params.name, params.arguments or {})


async def _read(talk: Talk, params: Any) -> Wire:
    keep = LASTING if params.uri == "test://counter" else FRESH
    return read_resource(WORLD, talk, params.uri) | keep


async def _prompt(talk: Talk, params: Any) -> Wire:
    return await get_prompt(talk, params.name, params.arguments or {})


async def _complete(talk: Talk, params: Any) -> Wire:
    context = params.context.arguments if params.context else None
    return complete(params.ref.model_dump(mode="json"), params.argument.value, context or {})


async def _set_level(talk: Talk, params: Any) -> Wire:
    talk._client.level = params.level
    return {}


async def _subscribe(talk: Talk, params: Any) -> Wire:
    talk._client.subscribed.add(params.uri)
    return {}


async def _unsubscribe(talk: Talk, params: Any) -> Wire:
    talk._client.subscribed.discard(params.uri)
    return {}


async def _serve(read: Any, write: Any) -> None:
    server = build()
    options = server.create_initialization_options(NotificationOptions(True, True, True))
    await server.run(read, write, options)


async def serve_stdio() -> None:
    async with stdio_server() as (read, write):
        await _serve(read, write)


async def serve_websocket(websocket: WebSocket) -> None:
    """The bridge: one JSON-RPC message in one text message, in both directions."""
    await websocket.accept(subprotocol="mcp" if "mcp" in websocket["subprotocols"] else None)
    to_server, read = anyio.create_memory_object_stream[SessionMessage | Exception](0)
    write, from_server = anyio.create_memory_object_stream[SessionMessage](0)

    async def receive() -> None:
        async with to_server:
            try:
                while True:
                    await to_server.send(_message(await websocket.receive_text()))
            except (WebSocketDisconnect, anyio.BrokenResourceError):
                return

    async def send() -> None:
        async with from_server:
            async for outgoing in from_server:
                text = outgoing.message.model_dump_json(by_alias=True, exclude_unset=True)
                await websocket.send_text(text)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(receive)
        tasks.start_soon(send)
        await _serve(read, write)
        tasks.cancel_scope.cancel()


def _message(text: str) -> SessionMessage | Exception:
    try:
        return SessionMessage(types.jsonrpc_message_adapter.validate_json(text, by_name=False))
    except ValueError as error:
        return error


if __name__ == "__main__":
    run(serve_stdio, serve_websocket)
