"""What the fast server answers: the bytes of every reply, made before they are asked for."""

from __future__ import annotations

import functools
import json
import struct
from typing import Any, Final

__all__ = ["VERSION_MODERN", "frames", "reply"]

VERSION_MODERN: Final = "2026-07-28"

_SMALL_TEXT: Final = "x" * 40
"""Makes an answer of about 100 bytes."""

_TEXT_FRAME, _CONTINUATION, _FIN = 0x1, 0x0, 0x80

_SERVER: Final = {"name": "fast", "version": "1"}


def _initialize(params: dict[str, Any]) -> dict[str, Any]:
    return {
        "protocolVersion": params.get("protocolVersion", "2025-11-25"),
        "capabilities": {"tools": {}},
        "serverInfo": _SERVER,
    }


def _discover(_: dict[str, Any]) -> dict[str, Any]:
    return {
        "resultType": "complete",
        "supportedVersions": [VERSION_MODERN],
        "capabilities": {"tools": {}},
        "ttlMs": 3_600_000,
        "cacheScope": "public",
        "_meta": {"io.modelcontextprotocol/serverInfo": _SERVER},
    }


def _list_tools(_: dict[str, Any]) -> dict[str, Any]:
    tools = [{"name": name, "inputSchema": {"type": "object"}} for name in ("echo", "hold", "tick")]
    return {"resultType": "complete", "ttlMs": 3_600_000, "cacheScope": "public", "tools": tools}


_OTHERS: Final = {
    "initialize": _initialize,
    "server/discover": _discover,
    "tools/list": _list_tools,
}


@functools.cache
def _body(size: int | None, is_modern: bool) -> bytes:
    """What follows the id in the answer to ``tools/call``."""
    kind = '"resultType":"complete",' if is_modern else ""
    text = _SMALL_TEXT if size is None else "x" * size
    return f',"result":{{{kind}"content":[{{"type":"text","text":"{text}"}}]}}}}'.encode()


def reply(message: dict[str, Any]) -> bytes:
    """The whole answer to a request."""
    params = message.get("params") or {}
    head = b'{"jsonrpc":"2.0","id":' + json.dumps(message["id"]).encode()
    if message["method"] == "tools/call":
        return head + _body(params.get("arguments", {}).get("size"), "_meta" in params)
    other = _OTHERS.get(message["method"])
    result = other(params) if other is not None else {}
    return head + b',"result":' + json.dumps(result).encode() + b"}"


def _frame(opcode: int, payload: bytes, *, is_last: bool) -> bytes:
    first, size = opcode | (_FIN if is_last else 0), len(payload)
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return struct.pack("!BBH", first, 126, size) + payload
    return struct.pack("!BBQ", first, 127, size) + payload


@functools.cache
def _rest_in_frames(rest: bytes, size: int) -> bytes:
    """All but the first fragment of a message as it goes over the wire."""
    pieces = [rest[start : start + size] for start in range(0, len(rest), size)]
    last = len(pieces) - 1
    return b"".join(
        _frame(_CONTINUATION, piece, is_last=at == last) for at, piece in enumerate(pieces)
    )


def frames(message: dict[str, Any], size: int) -> bytes:
    """The answer to ``tools/call`` in unmasked frames of so many bytes, ready for the wire."""
    params = message["params"]
    head = b'{"jsonrpc":"2.0","id":' + json.dumps(message["id"]).encode()
    body = _body(params["arguments"].get("size"), "_meta" in params)
    return _frame(_TEXT_FRAME, head, is_last=False) + _rest_in_frames(body, size)
