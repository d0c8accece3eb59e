"""What the servers of the official SDK offer, as objects of the wire; the same from all of them.

Imported by the servers, which run in environments of their own, and by the checks: the standard
library only.
"""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any, Final

__all__ = [
    "INSTRUCTIONS",
    "LANGUAGES",
    "NAME",
    "PAGE",
    "PIXEL",
    "PROMPTS",
    "RESOURCES",
    "SILENCE",
    "TEMPLATES",
    "TOOLS",
    "VERSION",
    "WISHES",
    "Wire",
]

Wire = dict[str, Any]

NAME: Final = "compatibility"
VERSION: Final = "1.2.3"
INSTRUCTIONS: Final = "Everything here is for tests: ça va, 世界?"

PAGE: Final = 10
"""Entries on a page of any list."""


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PIXEL: Final = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00"))
    + _chunk(b"IEND", b"")
)
"""A PNG of one red pixel."""

SILENCE: Final = (
    b"RIFF"
    + struct.pack("<I", 44)
    + b"WAVEfmt "
    + struct.pack("<IHHIIHH", 16, 1, 1, 8000, 8000, 1, 8)
    + b"data"
    + struct.pack("<I", 8)
    + b"\x80" * 8
)
"""A WAV file of a millisecond of silence."""


def base64_text(data: bytes) -> str:
    """As it goes into an object of the wire."""
    return base64.b64encode(data).decode("ascii")


def _takes(required: tuple[str, ...] = (), **properties: Wire) -> Wire:
    return {"type": "object", "properties": properties, "required": list(required)}


_TEXT: Final[Wire] = {"type": "string"}
_NUMBER: Final[Wire] = {"type": "number"}

TOOLS: Final[list[Wire]] = [
    {
        "name": "echo",
        "title": "Echo",
        "description": "Gives the text back.",
        "inputSchema": _takes(("text",), text=_TEXT),
        "annotations": {"readOnlyHint": True, "idempotentHint": True, "openWorldHint": False},
    },
    {
        "name": "add",
        "description": "The sum of two numbers, structured.",
        "inputSchema": _takes(("a", "b"), a=_NUMBER, b=_NUMBER),
        "outputSchema": _takes(("sum",), sum=_NUMBER),
        "annotations": {"title": "Addition"},
    },
    {
        "name": "lie",
        "description": "Structured content that is not what its schema says.",
        "inputSchema": _takes(),
        "outputSchema": _takes(("sum",), sum=_NUMBER),
    },
    {"name": "fail", "description": "Ends in an error.", "inputSchema": _takes()},
    {
        "name": "steps",
        "description": "Reports its progress, after a pause in seconds each.",
        "inputSchema": _takes(("count",), count={"type": "integer"}, pause=_NUMBER),
    },
    {
        "name": "slow",
        "description": "Reports that it began, and takes so many seconds.",
        "inputSchema": _takes(("seconds",), seconds=_NUMBER),
    },
    {
        "name": "wait_cancelled",
        "description": "Waits until a slow call was cancelled; the number of those there were.",
        "inputSchema": _takes(("seconds",), seconds=_NUMBER),
    },
    {"name": "log", "description": "A message of each of three levels.", "inputSchema": _takes()},
    {
        "name": "ask_sampling",
        "description": "Has the client's model answer.",
        "inputSchema": _takes(("prompt",), prompt=_TEXT),
    },
    {
        "name": "ask_elicitation",
        "description": "Has the user fill in a form.",
        "inputSchema": _takes(),
    },
    {
        "name": "ask_twice",
        "description": "Two forms, the second asks about the first.",
        "inputSchema": _takes(),
    },
    {"name": "ask_url", "description": "Sends the user to a URL.", "inputSchema": _takes()},
    {"name": "ask_roots", "description": "The roots of the client.", "inputSchema": _takes()},
    {"name": "ask_ping", "description": "Pings the client.", "inputSchema": _takes()},
    {
        "name": "change",
        "description": "Adds an entry to a list, or takes it away again.",
        "inputSchema": _takes(
            ("list",), list={"type": "string", "enum": ["tools", "prompts", "resources"]}
        ),
    },
    {
        "name": "touch",
        "description": "Changes a resource.",
        "inputSchema": _takes(("uri",), uri=_TEXT),
    },
    {"name": "contents", "description": "A block of each kind.", "inputSchema": _takes()},
    {"name": "pid", "description": "The id of this process.", "inputSchema": _takes()},
]

_NOTES: Final[list[Wire]] = [
    {"uri": f"test://notes/{number}", "name": f"note {number}", "mimeType": "text/plain"}
    for number in range(1, 24)
]

RESOURCES: Final[list[Wire]] = [
    {
        "uri": "test://text",
        "name": "text",
        "title": "A text",
        "mimeType": "text/plain",
        "size": 12,
        "annotations": {"audience": ["user"], "priority": 0.5},
    },
    {"uri": "test://pixel", "name": "pixel", "mimeType": "image/png"},
    {"uri": "test://counter", "name": "counter", "description": "How often it was touched."},
    *_NOTES,
]

TEMPLATES: Final[list[Wire]] = [
    {"uriTemplate": "test://notes/{number}", "name": "notes", "mimeType": "text/plain"},
    {"uriTemplate": "test://greetings/{language}", "name": "greetings"},
]

PROMPTS: Final[list[Wire]] = [
    {
        "name": "greet",
        "title": "Greeting",
        "description": "Greets somebody.",
        "arguments": [
            {"name": "name", "description": "whom", "required": True},
            {"name": "language", "description": "in which language", "required": False},
        ],
    },
    {"name": "illustrated", "description": "With a picture and a resource."},
    {"name": "interview", "description": "Asks the user before it answers."},
]

LANGUAGES: Final = ("english", "esperanto", "estonian", "french", "german")

WISHES: Final[Wire] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1},
        "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
        "ratio": {"type": "number", "default": 0.5},
        "wrapped": {"type": "boolean", "default": True},
        "colour": {"type": "string", "enum": ["red", "green"], "default": "green"},
        "size": {
            "type": "string",
            "oneOf": [{"const": "s", "title": "Small"}, {"const": "l", "title": "Large"}],
            "default": "l",
        },
        "days": {
            "type": "array",
            "items": {"type": "string", "enum": ["mon", "tue", "wed"]},
            "default": ["mon", "tue"],
        },
    },
    "required": ["name"],
}
"""The form of ``ask_elicitation``: a field of each kind, with defaults but for the name."""
