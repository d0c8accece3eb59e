"""A small MCP server over stdio for the command line: each kind of tool, resource and prompt.

Imported, it makes the command that runs it; run, it needs nothing but the standard library.
"""

from __future__ import annotations

import base64
import json
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n" + bytes(26)

ESCAPES = "\x1b[31mred\x1b[0m\rbell\x07"

OBJECT = {"type": "object"}

TOOLS = [
    {
        "name": "forecast",
        "title": "Forecast",
        "description": "Tells the weather of a place.\nWhatever the place.",
        "inputSchema": {
            **OBJECT,
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
        "outputSchema": OBJECT,
        "annotations": {"readOnlyHint": True},
    },
    {"name": "chart", "description": "Draws the temperatures.", "inputSchema": OBJECT},
    {"name": "climate", "description": "Works for a while.", "inputSchema": OBJECT},
    {"name": "storm", "description": "Always fails.", "inputSchema": OBJECT},
    {"name": "echo", "inputSchema": OBJECT},
]

PROMPTS = [
    {
        "name": "report",
        "description": "A report on the weather.",
        "arguments": [{"name": "city", "required": True}, {"name": "style"}],
    }
]

RESOURCES = [
    {"uri": "weather://oslo", "name": "Oslo", "mimeType": "text/plain", "size": 6},
    {"uri": "weather://map", "name": "Map", "mimeType": "image/png"},
]

TEMPLATES = [{"uriTemplate": "weather://{city}", "name": "Any place"}]


def cli_command(**settings: Any) -> list[str]:
    """The words that run the server; see ``Server`` for what it can be told."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), json.dumps(settings)]


def cli_line(**settings: Any) -> str:
    """The same, as one text for ``--stdio``."""
    return shlex.join(cli_command(**settings))


def text(value: str) -> dict[str, str]:
    """A block of text."""
    return {"type": "text", "text": value}


def picture() -> dict[str, str]:
    """A block that is a picture."""
    return {"type": "image", "mimeType": "image/png", "data": base64.b64encode(PNG).decode()}


class Server:
    """What runs in the child.

    Args:
        settings: ``empty``: it has nothing; ``bare``: it knows no method but the handshake;
            ``diary``: a file for the notifications that it gets, a line each; ``dies_at``: the
            number of the ping that ends it without an answer; ``pid``: a file for its own.
    """

    def __init__(self, settings: dict[str, Any]) -> None:
        self.settings = settings
        self.pings = 0

    def send(self, **members: Any) -> None:
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", **members}) + "\n")
        sys.stdout.flush()

    def serve(self) -> None:
        if "pid" in self.settings:
            Path(self.settings["pid"]).write_text(str(os.getpid()))
        for line in sys.stdin:
            message = json.loads(line)
            if "id" not in message:
                self.write_down(message["method"])
                continue
            method = message["method"]
            handler = getattr(self, "on_" + method.replace("/", "_"), None)
            if handler is None or (self.settings.get("bare") and method != "initialize"):
                self.send(id=message["id"], error={"code": -32601, "message": "Method not found"})
                continue
            try:
                result = handler(message.get("params", {}))
            except LookupError as error:
                self.send(id=message["id"], error={"code": -32602, "message": str(error.args[0])})
                continue
            if result is not None:
                self.send(id=message["id"], result=result)

    def write_down(self, word: str) -> None:
        if "diary" in self.settings:
            with Path(self.settings["diary"]).open("a") as diary:
                diary.write(word + "\n")

    def listed(self, key: str, entries: list[Any]) -> dict[str, Any]:
        return {key: [] if self.settings.get("empty") else entries}

    def on_initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        info = {"name": "weather", "version": "1.0"}
        capabilities: dict[str, Any] = {"tools": {}, "resources": {}, "prompts": {}}
        version = params["protocolVersion"]
        return {"protocolVersion": version, "capabilities": capabilities, "serverInfo": info}

    def on_ping(self, params: dict[str, Any]) -> dict[str, Any]:
        self.pings += 1
        if self.pings == self.settings.get("dies_at"):
            sys.exit(3)
        return {}

    def on_tools_list(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.listed("tools", TOOLS)

    def on_tools_call(self, params: dict[str, Any]) -> dict[str, Any] | None:
        arguments = params.get("arguments", {})
        match params["name"]:
            case "forecast":
                found = {"city": arguments["city"], "degrees": [8.5, 11]}
                return {"content": [text(json.dumps(found))], "structuredContent": found}
            case "chart":
                return {"content": [text("Oslo, two days"), picture(), picture()]}
            case "climate":
                return self.work(params)
            case "storm":
                return {"content": [text("no data for the moon")], "isError": True}
            case "echo":
                return {"content": [text(json.dumps(arguments, sort_keys=True))]}
            case "variables":
                found = {name: os.environ.get(name) for name in arguments["names"].split(",")}
                return {"content": [text(json.dumps(found))]}
            case "escapes":
                return {"content": [text(ESCAPES)]}
        raise LookupError(f"Unknown tool: {params['name']}")

    def work(self, params: dict[str, Any]) -> dict[str, Any] | None:
        token = params.get("_meta", {}).get("progressToken")
        steps = params.get("arguments", {}).get("steps", 2)
        for step in range(1, steps + 1):
            report = {"progress": step, "total": steps, "message": f"year {step}"}
            self.send(method="notifications/progress", params={"progressToken": token, **report})
        if params.get("arguments", {}).get("for_ever"):
            return None
        while params.get("arguments", {}).get("deaf"):
            signal.pause()
        return {"content": [text("done")]}

    def on_resources_list(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.listed("resources", RESOURCES)

    def on_resources_templates_list(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.listed("resourceTemplates", TEMPLATES)

    def on_resources_read(self, params: dict[str, Any]) -> dict[str, Any]:
        uri = params["uri"]
        match uri:
            case "weather://oslo":
                return {"contents": [{"uri": uri, "text": "rainy\n"}]}
            case "weather://map":
                blob = base64.b64encode(PNG).decode()
                return {"contents": [{"uri": uri, "mimeType": "image/png", "blob": blob}]}
        raise LookupError(f"Resource not found: {uri}")

    def on_prompts_list(self, params: dict[str, Any]) -> dict[str, Any]:
        return self.listed("prompts", PROMPTS)

    def on_prompts_get(self, params: dict[str, Any]) -> dict[str, Any]:
        arguments = params.get("arguments", {})
        if "city" not in arguments:
            raise LookupError("Missing argument: city")
        question = f"Write a report on the weather of {arguments['city']}."
        answer = f"In the style of {arguments.get('style', 'a newspaper')}?"
        messages = [("user", question), ("assistant", answer)]
        return {"messages": [{"role": role, "content": text(said)} for role, said in messages]}


if __name__ == "__main__":
    try:
        Server(json.loads(sys.argv[1]) if len(sys.argv) > 1 else {}).serve()
    except KeyboardInterrupt:
        sys.exit(0)
