"""What the servers of the official SDK do when they are asked; in terms of the wire alone.

A server of one SDK gives a `Talk`, through which a tool reports, logs and asks; everything else is
the same for all of them. The standard library only.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

from offered import (
    LANGUAGES,
    PAGE,
    PIXEL,
    PROMPTS,
    RESOURCES,
    SILENCE,
    TEMPLATES,
    TOOLS,
    WISHES,
    Wire,
    base64_text,
)

LEVELS = ("debug", "info", "notice", "warning", "error", "critical", "alert", "emergency")

ADDED: Mapping[str, Wire] = {
    "tools": {
        "name": "added",
        "description": "Was not here before.",
        "inputSchema": {"type": "object"},
    },
    "prompts": {"name": "added"},
    "resources": {"uri": "test://added", "name": "added"},
}


class Refusal(Exception):
    """An error of the protocol: a code and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class World:
    """What lasts as long as the process."""

    def __init__(self) -> None:
        self.lists: dict[str, list[Wire]] = {
            "tools": list(TOOLS),
            "prompts": list(PROMPTS),
            "resources": list(RESOURCES),
            "resourceTemplates": list(TEMPLATES),
        }
        self.touched = 0
        self.cancelled = 0
        self.cancellation = asyncio.Condition()

    def toggle(self, name: str) -> None:
        """Add the entry that comes and goes, or take it away."""
        entry = ADDED[name]
        if entry in self.lists[name]:
            self.lists[name].remove(entry)
        else:
            self.lists[name].append(entry)

    def page(self, name: str, cursor: str | None) -> Wire:
        """A page of a list, with the cursor of the next one."""
        entries = self.lists[name]
        if cursor is not None and not cursor.startswith("from "):
            raise Refusal(-32602, f"no such cursor: {cursor}")
        start = int(cursor.removeprefix("from ")) if cursor else 0
        page: Wire = {name: entries[start : start + PAGE]}
        if start + PAGE < len(entries):
            page["nextCursor"] = f"from {start + PAGE}"
        return page


class Talk(Protocol):
    """One request, as a tool sees it."""

    not_found: int
    """The code of a resource that is not there, which differs between the eras."""

    async def progress(self, progress: float, total: float, message: str) -> None:
        """Report it, if the client asked for it."""

    async def log(self, level: str, data: Any) -> None:
        """Send it, if the client wants that level."""

    async def ask(self, key: str, method: str, params: Wire) -> Wire:
        """What the client answers."""

    async def changed(self, name: str) -> None:
        """Tell that a list has changed."""

    async def updated(self, uri: str) -> None:
        """Tell that a resource has changed, if this client subscribed to it."""


def text(value: str) -> Wire:
    """A block of text."""
    return {"type": "text", "text": value}


def picture() -> Wire:
    """A block with a picture."""
    return {"type": "image", "data": base64_text(PIXEL), "mimeType": "image/png"}


def said(value: str) -> Wire:
    """The result of a tool that has a text to give."""
    return {"content": [text(value)]}


async def call_tool(world: World, talk: Talk, name: str, arguments: Mapping[str, Any]) -> Wire:
    """Run a tool."""
    tool = _TOOLS.get(name)
    if tool is None:
        raise Refusal(-32602, f"Unknown tool: {name}")
    return await tool(world, talk, arguments)


async def _echo(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    return said(arguments["text"])


async def _add(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    structured = {"sum": arguments["a"] + arguments["b"]}
    return {
        **said(json.dumps(structured)),
        "structuredContent": structured,
        "_meta": {"test/kind": "sum"},
    }


async def _lie(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    return {**said("three"), "structuredContent": {"sum": "three"}}


async def _fail(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    return {**said("this tool always fails"), "isError": True}


async def _steps(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    count = arguments["count"]
    for step in range(1, count + 1):
        await asyncio.sleep(arguments.get("pause", 0))
        await talk.progress(step, count, f"step {step}")
    return said(f"{count} steps")


async def _slow(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    await talk.progress(1, 2, "began")
    try:
        await asyncio.sleep(arguments["seconds"])
    except asyncio.CancelledError:
        world.cancelled += 1
        _ring(world)
        raise
    return said("slept")


def _ring(world: World) -> None:
    async def ring() -> None:
        async with world.cancellation:
            world.cancellation.notify_all()

    _RINGING.add(task := asyncio.get_running_loop().create_task(ring()))
    task.add_done_callback(_RINGING.discard)


_RINGING: set[asyncio.Task[None]] = set()


async def _wait_cancelled(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    async with world.cancellation, asyncio.timeout(arguments["seconds"]):
        await world.cancellation.wait_for(lambda: world.cancelled > 0)
    number, world.cancelled = world.cancelled, 0
    return said(str(number))


async def _log(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    await talk.log("debug", "a detail")
    await talk.log("info", {"said": "something", "número": 1})
    await talk.log("error", ["one", 2, None])
    return said("logged")


async def _ask_sampling(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    answer = await talk.ask(
        "sample",
        "sampling/createMessage",
        {
            "messages": [{"role": "user", "content": text(arguments["prompt"])}],
            "systemPrompt": "Answer in one word.",
            "modelPreferences": {"hints": [{"name": "small"}], "speedPriority": 1.0},
            "maxTokens": 7,
            "temperature": 0.25,
            "stopSequences": ["."],
        },
    )
    return said(json.dumps(answer, sort_keys=True))


async def _ask_elicitation(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    params = {"mode": "form", "message": "What do you wish?", "requestedSchema": WISHES}
    return said(json.dumps(await talk.ask("wishes", "elicitation/create", params)))


def _form(message: str) -> Wire:
    return {
        "mode": "form",
        "message": message,
        "requestedSchema": {
            "type": "object",
            "properties": {"answer": {"type": "string"}},
            "required": ["answer"],
        },
    }


async def _ask_twice(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    first = await talk.ask("first", "elicitation/create", _form("first?"))
    said_first = first.get("content", {}).get("answer")
    second = await talk.ask("second", "elicitation/create", _form(f"and after {said_first}?"))
    return said(f"{said_first}, {second.get('content', {}).get('answer')}")


async def _ask_url(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    params = {
        "mode": "url",
        "message": "Please sign in.",
        "url": "https://login.example/start?id=7",
        "elicitationId": "sign-in-7",
    }
    return said(json.dumps(await talk.ask("sign-in", "elicitation/create", params)))


async def _ask_roots(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    return said(json.dumps(await talk.ask("roots", "roots/list", {})))


async def _ask_ping(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    return said(json.dumps(await talk.ask("ping", "ping", {})))


async def _change(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    world.toggle(arguments["list"])
    await talk.changed(arguments["list"])
    return said("changed")


async def _touch(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    world.touched += 1
    await talk.updated(arguments["uri"])
    return said(str(world.touched))


async def _contents(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    return {
        "content": [
            {**text("a text"), "annotations": {"audience": ["assistant"], "priority": 1.0}},
            picture(),
            {"type": "audio", "data": base64_text(SILENCE), "mimeType": "audio/wav"},
            {
                "type": "resource",
                "resource": {"uri": "test://text", "mimeType": "text/plain", "text": "héllo wörld"},
            },
            {
                "type": "resource",
                "resource": {
                    "uri": "test://pixel",
                    "mimeType": "image/png",
                    "blob": base64_text(PIXEL),
                },
            },
            {
                "type": "resource_link",
                "uri": "test://notes/1",
                "name": "note 1",
                "mimeType": "text/plain",
                "size": 6,
            },
        ]
    }


async def _pid(world: World, talk: Talk, arguments: Mapping[str, Any]) -> Wire:
    return said(str(os.getpid()))


_TOOLS: Mapping[str, Callable[[World, Talk, Mapping[str, Any]], Awaitable[Wire]]] = {
    "echo": _echo,
    "add": _add,
    "lie": _lie,
    "fail": _fail,
    "steps": _steps,
    "slow": _slow,
    "wait_cancelled": _wait_cancelled,
    "log": _log,
    "ask_sampling": _ask_sampling,
    "ask_elicitation": _ask_elicitation,
    "ask_twice": _ask_twice,
    "ask_url": _ask_url,
    "ask_roots": _ask_roots,
    "ask_ping": _ask_ping,
    "change": _change,
    "touch": _touch,
    "contents": _contents,
    "pid": _pid,
}


def read_resource(world: World, talk: Talk, uri: str) -> Wire:
    """The contents of a resource."""
    if uri == "test://text":
        return _document(uri, "héllo wörld")
    if uri == "test://counter":
        return _document(uri, str(world.touched))
    if uri == "test://pixel":
        blob = {"uri": uri, "mimeType": "image/png", "blob": base64_text(PIXEL)}
        return {"contents": [blob]}
    if uri.startswith(("test://notes/", "test://greetings/")):
        return _document(uri, uri.removeprefix("test://").replace("/", " "))
    raise Refusal(talk.not_found, f"Resource not found: {uri}")


def _document(uri: str, content: str) -> Wire:
    return {"contents": [{"uri": uri, "mimeType": "text/plain", "text": content}]}


async def get_prompt(talk: Talk, name: str, arguments: Mapping[str, str]) -> Wire:
    """A prompt, filled in."""
    if name == "greet":
        if "name" not in arguments:
            raise Refusal(-32602, "greet needs the argument name")
        language = arguments.get("language", "english")
        asked = f"Greet {arguments['name']} in {language}."
        return {
            "description": "A greeting",
            "messages": [
                {"role": "user", "content": text(asked)},
                {"role": "assistant", "content": text("Gladly.")},
            ],
        }
    if name == "illustrated":
        resource = {"uri": "test://text", "mimeType": "text/plain", "text": "héllo wörld"}
        return {
            "messages": [
                {"role": "user", "content": picture()},
                {"role": "user", "content": {"type": "resource", "resource": resource}},
            ]
        }
    if name == "interview":
        answer = await talk.ask("interview", "elicitation/create", _form("who?"))
        who = answer.get("content", {}).get("answer")
        return {"messages": [{"role": "user", "content": text(f"It is {who}.")}]}
    raise Refusal(-32602, f"Unknown prompt: {name}")


def complete(ref: Mapping[str, Any], value: str, context: Mapping[str, str]) -> Wire:
    """What the value of an argument may become."""
    if ref["type"] == "ref/resource" and ref["uri"] == "test://notes/{number}":
        candidates: Sequence[str] = [str(number) for number in range(1, 500)]
    else:
        candidates = LANGUAGES
    found = [one for one in candidates if one.startswith(value)]
    if "name" in context:
        found = [f"{one} for {context['name']}" for one in found]
    return {
        "completion": {
            "values": found[:100],
            "total": len(found),
            "hasMore": len(found) > 100,
        }
    }
