"""The comparison that the contract test rests on sees what it must see."""

from __future__ import annotations

import json
from typing import Any

import pytest

from data.recording import mismatch

RESULT = {"jsonrpc": "2.0", "id": "1", "result": {"status": "accepted", "n": 1, "list": [{"a": 1}]}}
ERROR = {"jsonrpc": "2.0", "id": 0, "error": {"code": -32603, "message": "m", "data": None}}


def changed(whole: dict[str, Any], part: str, **changes: Any) -> dict[str, Any]:
    """A message with other values in one part."""
    return {**whole, part: {**whole[part], **changes}}


@pytest.mark.parametrize(
    "observed",
    [
        RESULT,
        changed(RESULT, "result", n=2.5),
        changed(RESULT, "result", list=[{"a": 7}]),
    ],
)
def test_other_values_of_the_same_types_are_no_difference(observed: dict[str, Any]) -> None:
    assert mismatch([json.dumps(RESULT)], [json.dumps(observed)]) is None


@pytest.mark.parametrize(
    ("observed", "seen"),
    [
        (changed(RESULT, "result", status="error"), "status"),
        (changed(RESULT, "result", n="1"), "n"),
        (changed(RESULT, "result", n=True), "n"),
        (changed(RESULT, "result", n=None), "n"),
        (changed(RESULT, "result", more=1), "keys"),
        (changed(RESULT, "result", list=[{}]), "keys"),
        (changed(RESULT, "result", list=[]), "length"),
        ({**RESULT, "id": 1}, "id"),
        ({**RESULT, "id": "2"}, "id"),
        ({**RESULT, "more": 1}, "keys"),
        (ERROR, "keys"),
    ],
)
def test_another_shape_is_a_difference(observed: dict[str, Any], seen: str) -> None:
    difference = mismatch([json.dumps(RESULT)], [json.dumps(observed)])
    assert difference is not None
    assert seen in difference


@pytest.mark.parametrize(
    ("observed", "seen"),
    [
        (changed(ERROR, "error", code=-32600), "error"),
        (changed(ERROR, "error", data={}), "error"),
        (changed(ERROR, "error", message="n"), "prefix"),
        ({**ERROR, "id": False}, "id"),
    ],
)
def test_another_error_is_a_difference(observed: dict[str, Any], seen: str) -> None:
    assert mismatch([json.dumps(ERROR)], [json.dumps(ERROR)]) is None
    difference = mismatch([json.dumps(ERROR)], [json.dumps(observed)])
    assert difference is not None
    assert seen in difference


def test_of_a_known_message_the_prefix_alone_counts() -> None:
    one, other = (
        json.dumps(changed(ERROR, "error", message=f"Session not found: {name}")) for name in "ab"
    )
    assert mismatch([one], [other]) is None


@pytest.mark.parametrize(
    ("recorded", "observed"),
    [
        (["[close 1000 'bye']"], ["[close 1000 '']"]),
        (["[close 1009 'too large']"], ["[close 1008 '']"]),
        (["[pong b'a']"], ["[pong b'b']"]),
        (["[EOF]"], ["[close 1001 '']"]),
        (["[EOF]"], []),
        ([], ["[ping]"]),
        (["{}"], ["[EOF]"]),
        (["HTTP/1.1 101 x\r\n\r\n"], ["HTTP/1.1 400 x\r\n\r\n"]),
        (["HTTP/1.1 101 x\r\n\r\n"], ["HTTP/1.1 101 x\r\nSec-WebSocket-Protocol: mcp\r\n\r\n"]),
        (["HTTP/1.1 426 x\r\n\r\n[EOF]"], ["HTTP/1.1 426 x\r\n\r\n"]),
    ],
)
def test_another_frame_or_end_is_a_difference(recorded: list[str], observed: list[str]) -> None:
    assert mismatch(recorded, recorded) is None
    assert mismatch(recorded, observed) is not None


@pytest.mark.parametrize(
    ("recorded", "observed"),
    [
        (["[at 20.0 s] [ping <4 random bytes>]"], ["[ping]"]),
        (["[close 1009 'too large']"], ["[close 1009 '']"]),
        (["[raw bytes] b'\\x88\\x03\\x03\\xeax'"], ["[close 1002 'y']"]),
        (["[client exception: WebSocketConnectionClosedException: x]"], ["[EOF]"]),
        (["[one text message of 3000331 bytes]"], ["[one text message of 3000330 bytes]"]),
        (["[ping]", "..."], ["[ping]", "[pong b'']", "[EOF]"]),
    ],
)
def test_what_the_library_words_or_chance_decides_is_no_difference(
    recorded: list[str], observed: list[str]
) -> None:
    assert mismatch(recorded, observed) is None
