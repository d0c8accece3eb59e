"""The recorded exchanges, and whether what was observed has the shape of what was recorded.

Compared are the number and kind of messages, the keys and types of every part of an answer, the
ids, the error codes, the prefixes of the messages, and the values that a client decides on. Not
compared are times, counts, the text behind a prefix, and the reasons of the closes that the
WebSocket library words itself.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

OLDER_LIBRARY = " @websockets-12.0"

PREFIXES = (
    "Invalid JSON: ",
    "Invalid extraction submission: Schema validation error: ",
    "Invalid extraction submission: PDF file not found: ",
    "Invalid PDF path: Path is not a file: ",
    "Invalid PDF path: File is not a PDF: ",
    "Invalid PDF path: PDF file too large: ",
    "Invalid PDF path: PDF path outside working directory: ",
    "Status request validation error: ",
    "Results request validation error: ",
    "Subscription request validation error: ",
    "Session not found: ",
)
"""What a client can tell errors apart by; any other message is compared whole."""

DECISIVE = frozenset(
    {"status", "protocolVersion", "system_status", "subscribed", "unsubscribed", "event_types"}
)
"""Keys whose values a client decides on: they are compared, not only their types."""

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_WORDED_BY_THE_LIBRARY = {"1002", "1007", "1009"}
_MEANINGS = {
    r"\[ping": "ping",
    r"\[client exception: SSL": "the TLS handshake fails",
    r"\[client exception: ConnectionRefused": "connections are refused",
    r"IPv6 loopback: (\w+): ": "IPv6 loopback: no connection",
    r"\[EOF\]|\[client exception.*(Reset|Pipe|Closed)": "the connection ends without a close",
}
_HEADERS = ("upgrade", "connection", "sec-websocket-accept", "sec-websocket-protocol")


@attrs.frozen
class Exchange:
    """One line of the recording."""

    case: str
    send: str | list[str]
    recv: list[str]
    note: str = ""

    @property
    def requests(self) -> list[str]:
        """What was sent, as a list also when it is one text."""
        return [self.send] if isinstance(self.send, str) else self.send


def load() -> list[Exchange]:
    """All lines of the recording, in order."""
    path = Path(__file__).with_name("compareblocks-wire.jsonl")
    return [Exchange(**json.loads(line)) for line in path.read_text("utf-8").splitlines()]


def mismatch(recorded: Sequence[str], observed: Sequence[str]) -> str | None:
    """In what the observed messages differ from the recorded ones; None when in nothing."""
    if "..." in recorded:
        recorded = recorded[: recorded.index("...")]
        observed = observed[: len(recorded)]
    if len(recorded) != len(observed):
        return f"{len(recorded)} messages were recorded, {len(observed)} observed: {observed}"
    pairs = zip(recorded, observed, strict=True)
    return next((text for pair in pairs for text in _differences(*pair)), None)


def _differences(recorded: str, observed: str) -> Iterator[str]:
    if recorded.startswith("{"):
        if observed.startswith("{"):
            yield from _in_message(json.loads(recorded), json.loads(observed))
        else:
            yield f"an answer was recorded, observed {observed}"
    elif recorded.startswith("HTTP/"):
        yield from _unequal("http", _http(recorded), _http(observed))
    else:
        yield from _unequal("event", _event(recorded), _event(observed))


def _in_message(recorded: dict[str, Any], observed: dict[str, Any]) -> Iterator[str]:
    yield from _unequal("keys", sorted(recorded), sorted(observed))
    yield from _unequal("id", _id(recorded.get("id")), _id(observed.get("id")))
    yield from _unequal("method", recorded.get("method"), observed.get("method"))
    if "error" in recorded and "error" in observed:
        error, other = dict(recorded["error"]), dict(observed["error"])
        yield from _unequal("prefix", _prefix(error["message"]), _prefix(other["message"]))
        yield from _unequal("error", error | {"message": ""}, other | {"message": ""})
    for key in ("result", "params"):
        yield from _in_shape(key, recorded.get(key), observed.get(key))


def _in_shape(path: str, recorded: Any, observed: Any) -> Iterator[str]:
    """An empty recorded container says nothing about what may be in it."""
    if path.rpartition(".")[2] in DECISIVE:
        yield from _unequal(path, recorded, observed)
    elif isinstance(recorded, dict) and isinstance(observed, dict):
        if recorded:
            yield from _unequal(f"{path}: keys", sorted(recorded), sorted(observed))
        for key in recorded.keys() & observed.keys():
            yield from _in_shape(f"{path}.{key}", recorded[key], observed[key])
    elif isinstance(recorded, list) and isinstance(observed, list):
        if recorded:
            yield from _unequal(f"{path}: length", len(recorded), len(observed))
        for index, (item, other) in enumerate(zip(recorded, observed, strict=False)):
            yield from _in_shape(f"{path}.{index}", item, other)
    else:
        yield from _unequal(path, _type(recorded), _type(observed))


def _unequal(what: str, recorded: object, observed: object) -> Iterator[str]:
    if recorded != observed:
        yield f"{what}: recorded {recorded!r}, observed {observed!r}"


def _type(value: Any) -> str:
    """The JSON type; true, false and null are types of their own."""
    if value is None or isinstance(value, bool):
        return json.dumps(value)
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def _id(value: Any) -> str:
    """The id with its type, or that it is one which the server invented."""
    invented = isinstance(value, str) and _UUID.fullmatch(value)
    return "invented" if invented else json.dumps(value)


def _prefix(message: str) -> str:
    return next((prefix for prefix in PREFIXES if message.startswith(prefix)), message)


def _http(answer: str) -> list[str]:
    """Status, the headers that matter to a client, and whether the connection was ended."""
    head, _, rest = answer.partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    extension = headers.get("sec-websocket-extensions", "").partition(";")[0]
    ended = "ended" if rest.endswith("[EOF]") else "open"
    return [status.split()[1], *(headers.get(name, "") for name in _HEADERS), extension, ended]


def _event(text: str) -> str:
    """A frame or an end, without its time, its random bytes and the library's own wording."""
    text = re.sub(r"^\[at [\d.]+ s\] ", "", text)
    if text.startswith("[raw bytes] "):
        frame = ast.literal_eval(text.removeprefix("[raw bytes] "))
        text = f"[close {int.from_bytes(frame[2:4])} {frame[4:].decode()!r}]"
    if size := re.fullmatch(r"\[one text message of (\d+) bytes\]", text):
        return f"a message of {int(size[1]) >> 20} MiB"
    close = re.fullmatch(r"\[close (\d+) '.*'\]", text)
    if close and close[1] in _WORDED_BY_THE_LIBRARY:
        return f"close {close[1]}"
    for pattern, meaning in _MEANINGS.items():
        if re.match(pattern, text):
            return meaning
    return text
