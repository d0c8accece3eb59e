"""A small real MCP server with tools, run as a child process over stdio (revision 2025-11-25).

Imported, it makes the command that runs it; run, it needs nothing but the standard library.
``echo`` gives its ``text``; ``count`` reports progress ``steps`` times; ``wait`` answers never,
and reports that it waits; ``seen`` gives all methods that came so far, with the name of the tool
or the id that was cancelled.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

OWN = ("echo", "count", "wait", "seen")

SCHEMA = {
    "type": "object",
    "properties": {"text": {"type": "string"}, "steps": {"type": "integer"}},
    "required": ["text"],
}


def tools_command(*more: str) -> list[str]:
    """The words that run the server.

    Args:
        more: names of further tools that it lists; they all answer with their own name.

    Returns:
        The words.
    """
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), json.dumps(more)]


class Server:
    """What runs in the child."""

    def __init__(self, more: list[str]) -> None:
        self.names = [*OWN, *more]
        self.seen: list[str] = []

    def send(self, **members: Any) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **members}) + "\n")
        sys.stdout.flush()

    def serve(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            params = message.get("params", {})
            about = params.get("name", params.get("requestId"))
            self.seen.append(" ".join(str(word) for word in (message["method"], about) if word))
            if "id" in message:
                self.take(message["id"], message["method"], params)

    def take(self, request_id: Any, method: str, params: dict[str, Any]) -> None:
        if method == "initialize":
            info = {"name": "tools peer", "version": "1"}
            facts = {"capabilities": {"tools": {}}, "serverInfo": info}
            self.send(id=request_id, result={"protocolVersion": "2025-11-25", **facts})
        elif method == "tools/list":
            listed = [{"name": name, "inputSchema": SCHEMA} for name in self.names]
            self.send(id=request_id, result={"tools": listed})
        elif method == "tools/call":
            self.call(request_id, params)
        else:
            error = {"code": -32601, "message": f"no method {method}"}
            self.send(id=request_id, error=error)

    def call(self, request_id: Any, params: dict[str, Any]) -> None:
        name, arguments = params["name"], params.get("arguments", {})
        text = name
        if name == "wait":
            token = params.get("_meta", {}).get("progressToken")
            if token is not None:
                self.send(method="notifications/progress", params=_report(token, 0))
            return
        if name == "echo":
            text = arguments["text"]
        elif name == "seen":
            text = json.dumps(self.seen)
        elif name == "count":
            self.count(params["_meta"]["progressToken"], arguments["steps"])
        self.send(id=request_id, result={"content": [{"type": "text", "text": text}]})

    def count(self, token: Any, steps: int) -> None:
        for step in range(1, steps + 1):
            facts = _report(token, step, total=steps, message=f"step\n{step}")
            self.send(method="notifications/progress", params=facts)


def _report(token: Any, progress: int, **more: Any) -> dict[str, Any]:
    return {"progressToken": token, "progress": progress, **more}


if __name__ == "__main__":
    Server(json.loads(sys.argv[1])).serve()
