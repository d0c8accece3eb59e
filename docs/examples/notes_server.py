"""A small MCP server over stdio that keeps notes: something to try a client with.

It needs nothing but the standard library, speaks the handshake era (2025-11-25) and answers one
request after another. ``python notes_server.py`` waits for messages on its standard input; a
client starts it with ``MCPClient(stdio=["python", "notes_server.py"])``.
"""

# ruff: noqa: D102 - what answers a request is named after it

from __future__ import annotations

import collections
import json
import sys
from typing import Any

Json = dict[str, Any]

TITLE = {"type": "object", "properties": {"title": {"type": "string"}}, "required": ["title"]}
TOOLS: list[Json] = [
    {
        "name": "write",
        "description": "Writes a note, over the one that has the title already.",
        "inputSchema": {
            "type": "object",
            "properties": {"title": {"type": "string"}, "text": {"type": "string"}},
            "required": ["title", "text"],
        },
    },
    {
        "name": "count",
        "description": "Counts the words of a note.",
        "inputSchema": TITLE,
        "outputSchema": {
            "type": "object",
            "properties": {"words": {"type": "integer"}},
            "required": ["words"],
        },
        "annotations": {"readOnlyHint": True},
    },
    {"name": "index", "description": "Reads all notes.", "inputSchema": {"type": "object"}},
    {"name": "summarize", "description": "Has a model sum a note up.", "inputSchema": TITLE},
    {"name": "discard", "description": "Deletes a note that you agree to.", "inputSchema": TITLE},
    {
        "name": "where",
        "description": "Tells the client's roots.",
        "inputSchema": {"type": "object"},
    },
]
CAPABILITIES: Json = {
    "tools": {},
    "resources": {"subscribe": True, "listChanged": True},
    "prompts": {},
    "completions": {},
    "logging": {},
}
NEEDS = {"summarize": "sampling", "discard": "elicitation", "where": "roots"}


class Refused(Exception):
    """A request is answered with this JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class NotesServer:
    """Answers one client; methods named ``on_…`` answer requests, others are tools."""

    def __init__(self) -> None:
        self.notes = {"shopping": "bread and milk", "reading": "a book on bees"}
        self.subscribed: set[str] = set()
        self.client: Json = {}
        self.logs = False
        self.waiting: collections.deque[Json] = collections.deque()
        self.asked = 0

    def serve(self) -> None:
        """Answer until the input ends."""
        while (message := self.next_message()) is not None:
            if "id" not in message or "method" not in message:
                continue
            try:
                reply = {"result": self.answer(message["method"], message.get("params", {}))}
            except Refused as refused:
                reply = {"error": {"code": refused.code, "message": str(refused)}}
            except (KeyError, TypeError) as error:
                reply = {"error": {"code": -32602, "message": f"Invalid params: {error}"}}
            self.send({"id": message["id"], **reply})

    def next_message(self) -> Json | None:
        if self.waiting:
            return self.waiting.popleft()
        line = sys.stdin.readline()
        return json.loads(line) if line else None

    def send(self, message: Json) -> None:
        print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)

    def notify(self, method: str, **params: Any) -> None:
        self.send({"method": f"notifications/{method}", "params": params})

    def ask(self, method: str, **params: Any) -> Json:
        """Ask the client and wait for its answer; what else it says meanwhile is kept."""
        self.asked += 1
        question = f"question-{self.asked}"
        self.send({"id": question, "method": method, "params": params})
        while True:
            line = sys.stdin.readline()
            if not line:
                raise SystemExit
            message = json.loads(line)
            if message.get("id") == question and "method" not in message:
                break
            self.waiting.append(message)
        if "error" in message:
            raise Refused(-32603, message["error"]["message"])
        return message["result"]

    def answer(self, method: str, params: Json) -> Json:
        """Answer a request by the method of this class that has its name."""
        handler = getattr(self, f"on_{method.replace('/', '_')}", None)
        if handler is None:
            raise Refused(-32601, f"Method not found: {method}")
        result: Json = handler(params)
        return result

    def on_initialize(self, params: Json) -> Json:
        self.client = params.get("capabilities", {})
        return {
            "protocolVersion": "2025-11-25",
            "capabilities": CAPABILITIES,
            "serverInfo": {"name": "notes", "version": "1"},
        }

    def on_ping(self, _: Json) -> Json:
        return {}

    def on_logging_setLevel(self, _: Json) -> Json:  # noqa: N802 - as the method is called
        self.logs = True
        return {}

    def on_tools_list(self, _: Json) -> Json:
        return {"tools": TOOLS}

    def on_resources_list(self, _: Json) -> Json:
        return {"resources": [{"uri": f"note://{title}", "name": title} for title in self.notes]}

    def on_resources_templates_list(self, _: Json) -> Json:
        return {"resourceTemplates": [{"uriTemplate": "note://{title}", "name": "note"}]}

    def on_resources_read(self, params: Json) -> Json:
        text = self.note(params["uri"].removeprefix("note://"))
        return {"contents": [{"uri": params["uri"], "mimeType": "text/plain", "text": text}]}

    def on_resources_subscribe(self, params: Json) -> Json:
        self.subscribed.add(params["uri"])
        return {}

    def on_resources_unsubscribe(self, params: Json) -> Json:
        self.subscribed.discard(params["uri"])
        return {}

    def on_prompts_list(self, _: Json) -> Json:
        return {"prompts": [{"name": "improve", "arguments": [{"name": "title"}]}]}

    def on_prompts_get(self, params: Json) -> Json:
        text = f"Say it better: {self.note(params['arguments']['title'])}"
        return {"messages": [{"role": "user", "content": {"type": "text", "text": text}}]}

    def on_completion_complete(self, params: Json) -> Json:
        begun = params["argument"]["value"]
        return {"completion": {"values": [one for one in self.notes if one.startswith(begun)]}}

    def on_tools_call(self, params: Json) -> Json:
        name, arguments = params["name"], params.get("arguments", {})
        if name not in (tool["name"] for tool in TOOLS):
            raise Refused(-32602, f"Unknown tool: {name}")
        if name in NEEDS and NEEDS[name] not in self.client:
            return _text(f"this client offers no {NEEDS[name]}", is_error=True)
        title = arguments.get("title")
        if name in ("count", "summarize", "discard") and title not in self.notes:
            return _text(f"no note {title!r}", is_error=True)
        token = params.get("_meta", {}).get("progressToken")
        if name == "index":
            return self.index(token)
        result: Json = getattr(self, name)(**arguments)
        return result

    def note(self, title: str) -> str:
        if title not in self.notes:
            raise Refused(-32002, f"no note {title}")
        return self.notes[title]

    def count(self, title: str) -> Json:
        words = len(self.notes[title].split())
        return {**_text(f"{words} words"), "structuredContent": {"words": words}}

    def summarize(self, title: str) -> Json:
        content = {"type": "text", "text": f"Sum up: {self.notes[title]}"}
        message = {"role": "user", "content": content}
        said = self.ask("sampling/createMessage", messages=[message], maxTokens=100)
        return _text(said["content"]["text"])

    def where(self) -> Json:
        return _text(" ".join(root["uri"] for root in self.ask("roots/list")["roots"]))

    def write(self, title: str, text: str) -> Json:
        is_new = title not in self.notes
        self.notes[title] = text
        if self.logs:
            self.notify("message", level="info", logger="notes", data=f"wrote {title}")
        if is_new:
            self.notify("resources/list_changed")
        if f"note://{title}" in self.subscribed:
            self.notify("resources/updated", uri=f"note://{title}")
        return _text(f"{len(self.notes)} notes")

    def index(self, token: str | int | None) -> Json:
        for number, title in enumerate(self.notes, 1):
            if token is not None:
                total = len(self.notes)
                self.notify(
                    "progress", progressToken=token, progress=number, total=total, message=title
                )
        return _text(" ".join(self.notes))

    def discard(self, title: str) -> Json:
        form = {
            "type": "object",
            "properties": {"sure": {"type": "boolean", "title": "Sure?", "default": False}},
        }
        question = f"Delete {title}?"
        said = self.ask("elicitation/create", mode="form", message=question, requestedSchema=form)
        if said["action"] != "accept" or not said["content"]["sure"]:
            return _text("kept")
        del self.notes[title]
        self.notify("resources/list_changed")
        return _text("deleted")


def _text(text: str, *, is_error: bool = False) -> Json:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


if __name__ == "__main__":
    NotesServer().serve()
