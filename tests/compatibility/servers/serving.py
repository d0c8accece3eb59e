"""How the servers of the official SDK are started: on their standard streams, or on a WebSocket.

`python SERVER.py stdio`, or `python SERVER.py ws PORT`, which prints its port when it listens.
Starlette under uvicorn in both cases; a server brings what serves one connection.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.websockets import WebSocket

__all__ = ["run"]


def run(
    serve_stdio: Callable[[], Awaitable[None]],
    serve_websocket: Callable[[WebSocket], Awaitable[None]],
) -> None:
    """Run as the words of the command line say, until the client leaves or a signal comes."""
    if sys.argv[1:] == ["stdio"]:
        asyncio.run(_awaited(serve_stdio))
    else:
        _listen(int(sys.argv[2]), serve_websocket)


async def _awaited(serve: Callable[[], Awaitable[None]]) -> None:
    await serve()


def _listen(port: int, serve: Callable[[WebSocket], Awaitable[None]]) -> None:
    import uvicorn
    from starlette.applications import Starlette
    from starlette.routing import WebSocketRoute

    # Bound before uvicorn is there, so that a dial after the port was printed is never refused.
    listening = socket.create_server(("127.0.0.1", port))
    app = Starlette(routes=[WebSocketRoute("/", serve)])
    config = uvicorn.Config(app, log_level="warning", lifespan="off", ws="websockets-sansio")
    print(listening.getsockname()[1], flush=True)
    asyncio.run(uvicorn.Server(config).serve(sockets=[listening]))
