"""The clients that are compared, each behind the same three methods: call, shared, close.

Each runs in a process of its own, some in an environment of their own, so nothing foreign is
imported before it is used. ``shared`` is ``call`` made safe for many threads.
"""

from __future__ import annotations

import contextlib
import functools
import itertools
import json
import threading
from collections.abc import Callable
from typing import Any, Final, Protocol

__all__ = ["PEERS", "Peer", "call_tool", "make_client"]


class Peer(Protocol):
    """A client that is connected and initialized."""

    def call(self, arguments: dict[str, Any]) -> Any:
        """Call the tool ``echo``, from one thread."""

    def shared(self, arguments: dict[str, Any]) -> Any:
        """The same, from any of many threads."""

    def close(self) -> None:
        """Say goodbye."""


def call_tool(client: Any) -> Callable[[str, dict[str, Any]], Any]:
    """How a client of ours calls a tool: with typed results where it has them."""
    if hasattr(client, "call_tool"):
        typed: Callable[[str, dict[str, Any]], Any] = client.call_tool
        return typed

    def call(name: str, arguments: dict[str, Any]) -> Any:
        return client.request("tools/call", {"name": name, "arguments": arguments})

    return call


def ignore(*_: object) -> None:
    """A handler."""


def make_client(url: str, *, handlers: int = 1, **settings: Any) -> Any:
    """A client of ours with the defaults on, and so many handlers; not yet connected."""
    from mcp_sync import MCPClient

    client = MCPClient(url, **settings)
    for number in range(handlers):
        client.on_notification(f"notifications/{number}" if number else "*", ignore)
    return client


class Ours:
    """mcp_sync, in the era that the settings choose."""

    def __init__(self, url: str, **settings: Any) -> None:
        self.url = url
        self.client = make_client(url, **settings)
        self.client.connect()
        self.client.initialize()
        self.tool = call_tool(self.client)

    def call(self, arguments: dict[str, Any], name: str = "echo") -> Any:
        return self.tool(name, arguments)

    shared = call

    def close(self) -> None:
        self.client.close()


class Websockets:
    """The threaded client of websockets."""

    def __init__(self, url: str) -> None:
        from websockets.sync.client import connect

        self.link = connect(url, max_size=None, compression=None)
        self.ids = itertools.count(1)
        self.lock = threading.Lock()
        self.request("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}})

    def request(self, method: str, params: dict[str, Any]) -> Any:
        number = next(self.ids)
        request = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
        self.link.send(json.dumps(request))
        return json.loads(self.link.recv())["result"]

    def call(self, arguments: dict[str, Any]) -> Any:
        return self.request("tools/call", {"name": "echo", "arguments": arguments})

    def shared(self, arguments: dict[str, Any]) -> Any:
        with self.lock:
            return self.call(arguments)

    def close(self) -> None:
        self.link.close()


class _Sdk:
    """The official SDK, driven from synchronous code by anyio's portal."""

    def __init__(self, url: str) -> None:
        from anyio.from_thread import start_blocking_portal

        self.stack = contextlib.ExitStack()
        self.portal = self.stack.enter_context(start_blocking_portal())
        self.session: Any = self.open(url)

    def open(self, url: str) -> Any:
        raise AssertionError("each SDK opens in its own way")

    def call(self, arguments: dict[str, Any]) -> Any:
        return self.portal.call(self.session.call_tool, "echo", arguments)

    shared = call

    def close(self) -> None:
        self.stack.close()


class SdkOne(_Sdk):
    """mcp 1.30 over WebSocket."""

    def open(self, url: str) -> Any:
        from mcp import ClientSession
        from mcp.client.websocket import websocket_client

        enter, wrap = self.stack.enter_context, self.portal.wrap_async_context_manager
        streams = enter(wrap(websocket_client(url)))
        session = enter(wrap(ClientSession(*streams)))
        self.portal.call(session.initialize)
        return session


class SdkTwo(_Sdk):
    """mcp 2.3 over HTTP."""

    def open(self, url: str) -> Any:
        from mcp.client.client import Client

        return self.stack.enter_context(self.portal.wrap_async_context_manager(Client(url)))


class FastMcp(_Sdk):
    """fastmcp's client over HTTP, which is built on the official SDK."""

    def open(self, url: str) -> Any:
        from fastmcp import Client

        return self.stack.enter_context(self.portal.wrap_async_context_manager(Client(url)))


def _bare(url: str) -> Peer:
    from .peers_tuned import Bare

    return Bare(url)


def _tuned(url: str) -> Peer:
    from .peers_tuned import Tuned

    return Tuned(url)


PEERS: Final[dict[str, Callable[[str], Peer]]] = {
    # Pinned: the server speaks both eras, and a client that is asked to find out takes the later.
    "ours": functools.partial(Ours, protocol_version="2025-11-25"),
    "ours modern": functools.partial(Ours, protocol_version="2026-07-28"),
    "bare": _bare,
    "tuned": _tuned,
    "websockets": Websockets,
    "sdk 1.30 ws": SdkOne,
    "sdk 2.3 http": SdkTwo,
    "fastmcp http": FastMcp,
}
"""Every peer by its name."""
