"""A real TLS server for the proofs: websockets' own, a legacy MCP server behind it.

Run as ``python secure_server.py CERTIFICATE_PEM``; prints its port, serves until it is killed. It
answers ``echo`` at once, ``slow`` after it was asked to ``release``, and floods a connection with
notifications of 16 kB from ``flood`` on, which fills both directions at once.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

RELEASED = threading.Event()

FLOOD = json.dumps(
    {"jsonrpc": "2.0", "method": "notifications/flood", "params": {"text": "x" * 16_000}}
)


def answer(connection: ServerConnection, message: dict[str, Any]) -> dict[str, Any]:
    method = message["method"]
    if method == "initialize":
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": {},
            "serverInfo": {"name": "secure", "version": "1"},
        }
    if method == "slow":
        RELEASED.wait(20)
    if method == "release":
        RELEASED.set()
    if method == "flood":
        threading.Thread(target=flood, args=(connection,), daemon=True).start()
    return {"echo": message.get("params")}


def flood(connection: ServerConnection) -> None:
    try:
        while True:
            connection.send(FLOOD)
    except ConnectionClosed:
        return


def talk(connection: ServerConnection) -> None:
    def reply(message: dict[str, Any]) -> None:
        result = answer(connection, message)
        connection.send(json.dumps({"jsonrpc": "2.0", "id": message["id"], "result": result}))

    for text in connection:
        message = json.loads(text)
        if message.get("method") == "slow":
            threading.Thread(target=reply, args=(message,), daemon=True).start()
        elif "id" in message:
            reply(message)


def main(certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with serve(talk, "127.0.0.1", 0, ssl=context, max_size=None, ping_interval=None) as server:
        print(server.socket.getsockname()[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1])
