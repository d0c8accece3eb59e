"""A server of the official SDK 1.x: the eras of the handshake, over stdio and WebSocket."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from behaviour import LEVELS, Refusal, World, call_tool, complete, get_prompt, read_resource
from mcp import types
from mcp.server.lowlevel import NotificationOptions, Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import McpError
from mcp.shared.message import ServerMessageMetadata
from offered import INSTRUCTIONS, NAME, VERSION, Wire
from pydantic import BaseModel
from serving import run

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

ASKED: dict[str, tuple[type[BaseModel], type[BaseModel]]] = {
    "sampling/createMessage": (types.CreateMessageRequest, types.CreateMessageResult),
    "elicitation/create": (types.ElicitRequest, types.ElicitResult),
    "roots/list": (types.ListRootsRequest, types.ListRootsResult),
    "ping": (types.PingRequest, types.EmptyResult),
}

CHANGED: dict[str, type[BaseModel]] = {
    "tools": types.ToolListChangedNotification,
    "prompts": types.PromptListChangedNotification,
    "resources": types.ResourceListChangedNotification,
}

WORLD = World()


class Client:
    """What the server knows of one connection."""

    def __init__(self) -> None:
        self.level = "debug"
        self.subscribed: set[str] = set()


class Talk:
    """One request of the SDK, as the tools see it."""

    not_found = -32002

    def __init__(self, server: Server[Any, Any], client: Client) -> None:
        self._context = server.request_context
        self._client = client

    async def progress(self, progress: float, total: float, message: str) -> None:
        meta = self._context.meta
        if meta is not None and meta.progressToken is not None:
            await self._context.session.send_progress_notification(
                meta.progressToken, progress, total, message, str(self._context.request_id)
            )

    async def log(self, level: Any, data: Any) -> None:
        if LEVELS.index(level) >= LEVELS.index(self._client.level):
            await self._context.session.send_log_message(level, data, "compatibility.log")

    async def ask(self, key: str, method: str, params: Wire) -> Wire:
        request, result = ASKED[method]
        answer = await self._context.session.send_request(
            types.ServerRequest(request.model_validate({"method": method, "params": params})),
            result,
            metadata=ServerMessageMetadata(related_request_id=self._context.request_id),
        )
        return answer.model_dump(mode="json", by_alias=True, exclude_none=True)

    async def changed(self, name: str) -> None:
        await self._notify(CHANGED[name].model_validate({}))

    async def updated(self, uri: str) -> None:
        if uri in self._client.subscribed:
            params = {"params": {"uri": uri}}
            await self._notify(types.ResourceUpdatedNotification.model_validate(params))

    async def _notify(self, notification: Any) -> None:
        await self._context.session.send_notification(types.ServerNotification(notification))


def build() -> Server[Any, Any]:
    """A server for one connection."""
    server: Server[Any, Any] = Server(NAME, VERSION, INSTRUCTIONS)
    client = Client()

    def on(request: type[BaseModel], result: type[BaseModel]) -> Callable[..., None]:
        def decorate(function: Callable[[Talk, Any], Awaitable[Wire]]) -> None:
            async def handle(message: Any) -> types.ServerResult:
                try:
                    answer = await function(Talk(server, client), message.params)
                except Refusal as refused:
                    data = types.ErrorData(code=refused.code, message=refused.message)
                    raise McpError(data) from refused
                return types.ServerResult(result.model_validate(answer))

            server.request_handlers[request] = handle

        return decorate

    _lists(on)
    _verbs(on, client)
    return server


def _lists(on: Callable[..., Callable[..., None]]) -> None:
    lists = [
        ("tools", types.ListToolsRequest, types.ListToolsResult),
        ("prompts", types.ListPromptsRequest, types.ListPromptsResult),
        ("resources", types.ListResourcesRequest, types.ListResourcesResult),
        (
            "resourceTemplates",
            types.ListResourceTemplatesRequest,
            types.ListResourceTemplatesResult,
        ),
    ]
    for name, request, result in lists:

        @on(request, result)
        async def page(talk: Talk, params: Any, name: str = name) -> Wire:
            return WORLD.page(name, params.cursor if params else None)


def _verbs(on: Callable[..., Callable[..., None]], client: Client) -> None:
    @on(types.CallToolRequest, types.CallToolResult)
    async def call(talk: Talk, params: Any) -> Wire:
        return await call_tool(WORLD, talk, params.name, params.arguments or {})

    @on(types.ReadResourceRequest, types.ReadResourceResult)
    async def read(talk: Talk, params: Any) -> Wire:
        return read_resource(WORLD, talk, str(params.uri))

    @on(types.GetPromptRequest, types.GetPromptResult)
    async def prompt(talk: Talk, params: Any) -> Wire:
        return await get_prompt(talk, params.name, params.arguments or {})

    @on(types.CompleteRequest, types.CompleteResult)
    async def completion(talk: Talk, params: Any) -> Wire:
        context = params.context.arguments if params.context else None
        return complete(params.ref.model_dump(mode="json"), params.argument.value, context or {})

    @on(types.SetLevelRequest, types.EmptyResult)
    async def set_level(talk: Talk, params: Any) -> Wire:
        client.level = params.level
        return {}

    @on(types.SubscribeRequest, types.EmptyResult)
    async def subscribe(talk: Talk, params: Any) -> Wire:
        client.subscribed.add(str(params.uri))
        return {}

    @on(types.UnsubscribeRequest, types.EmptyResult)
    async def unsubscribe(talk: Talk, params: Any) -> Wire:
        client.subscribed.discard(str(params.uri))
        return {}


async def _serve(streams: contextlib.AbstractAsyncContextManager[Any]) -> None:
    server = build()
    options = server.create_initialization_options(NotificationOptions(True, True, True))
    assert options.capabilities.resources is not None
    # The 1.x server says that it cannot, whatever handlers it has.
    options.capabilities.resources.subscribe = True
    async with streams as (read, write):
        await server.run(read, write, options)


async def serve_websocket(websocket: WebSocket) -> None:
    from mcp.server.websocket import websocket_server

    await _serve(websocket_server(websocket.scope, websocket.receive, websocket.send))


async def serve_stdio() -> None:
    await _serve(stdio_server())


if __name__ == "__main__":
    run(serve_stdio, serve_websocket)
