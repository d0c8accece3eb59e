"""Text to messages and back: what is written exactly, what is read, and what is refused."""

from __future__ import annotations

import enum
import json
import math
import sys
from collections import OrderedDict, UserDict, namedtuple
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.protocol.messages import (
    BadRequest,
    Broken,
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    classify,
    decode,
    encode_error,
    encode_notification,
    encode_params,
    encode_request,
    encode_result,
    split_batch,
)

DEEP = 100_000


class Colour(enum.StrEnum):
    RED = "red"


class Level(enum.IntEnum):
    LOW = 1


Point = namedtuple("Point", "x y")


def nested(depth: int, leaf: Any = None) -> dict[str, Any]:
    value: Any = leaf
    for _ in range(depth):
        value = {"a": value}
    return {"a": value}


# Encoding params

KEYS_OF_OTHER_TYPES = '{"2":"int","2.5":"float","true":"bool","null":"null"}'


@pytest.mark.parametrize(
    ("params", "text"),
    [
        (None, ""),
        ({}, "{}"),
        ({"a": 1, "b": [True, False, None]}, '{"a":1,"b":[true,false,null]}'),
        ({"a": (1, 2), "b": Point(3, 4)}, '{"a":[1,2],"b":[3,4]}'),
        ({"a": 0.1, "b": 1e300, "c": -0.0}, '{"a":0.1,"b":1e+300,"c":-0.0}'),
        ({"a": 2**64, "b": -(2**200)}, f'{{"a":{2**64},"b":-{2**200}}}'),
        ({2: "int", 2.5: "float", True: "bool", None: "null"}, KEYS_OF_OTHER_TYPES),
        ({"a": Colour.RED, Colour.RED: Level.LOW}, '{"a":"red","red":1}'),
        ({"text": 'a"b\\c\n'}, r'{"text":"a\"b\\c\n"}'),
        ({"grüße": "日本 🎉"}, '{"grüße":"日本 🎉"}'),
        (OrderedDict(b=1, a=2), '{"b":1,"a":2}'),
        (MappingProxyType({"a": {"b": 1}}), '{"a":{"b":1}}'),
        (UserDict(a=1), '{"a":1}'),
    ],
)
def test_params_are_compact_json(params: Mapping[Any, Any] | None, text: str) -> None:
    assert encode_params(params) == text


@pytest.mark.parametrize("wrap", [dict, MappingProxyType, UserDict])
def test_a_lone_surrogate_is_escaped_so_that_the_text_has_a_utf_8_form(
    wrap: Callable[[dict[str, str]], Mapping[str, str]],
) -> None:
    encoded = encode_params(wrap({"a": "\ud800 é", "\udfff": "b"}))
    assert encoded == r'{"a":"\ud800 \u00e9","\udfff":"b"}'
    assert encoded.encode("utf-8")
    assert json.loads(encoded) == {"a": "\ud800 é", "\udfff": "b"}


def test_the_most_digits_that_python_writes_are_written() -> None:
    most = sys.get_int_max_str_digits()
    assert encode_params({"a": 10 ** (most - 1)}) == f'{{"a":1{"0" * (most - 1)}}}'


@pytest.mark.parametrize("params", [[], "x", 5, True, [("a", 1)], range(2)], ids=repr)
def test_params_that_are_no_mapping_are_refused(params: Any) -> None:
    with pytest.raises(TypeError) as caught:
        encode_params(params)
    kind = type(params).__name__
    assert str(caught.value) == f"params must be a mapping or None, not {kind}"


UNSERIALISABLE = [
    ({"a": {1}}, "params.a is a set, which is not JSON; convert it before the call"),
    ({"a": [0, b"x"]}, "params.a[1] is a bytes, which is not JSON; convert it before the call"),
    (
        {"a": {"b": [{"c": (1, range(2))}]}},
        "params.a.b[0].c[1] is a range, which is not JSON; convert it before the call",
    ),
    (
        {"a": MappingProxyType({})},
        "params.a is a mappingproxy, which is not JSON; convert it before the call",
    ),
    (MappingProxyType({"a": 1j}), "params.a is a complex, which is not JSON; "),
    ({"ok": 1, ("x",): 1}, "params has the key ('x',); JSON keys are strings"),
    ({"a": [{b"k": 1}]}, "params.a[0] has the key b'k'; JSON keys are strings"),
    ({"a": len}, "params.a is a builtin_function_or_method, which is not JSON; "),
]


@pytest.mark.parametrize(("params", "sentence"), UNSERIALISABLE, ids=lambda value: str(value)[:50])
def test_what_is_no_json_is_named_by_its_path(params: Mapping[Any, Any], sentence: str) -> None:
    with pytest.raises(TypeError) as caught:
        encode_params(params)
    assert str(caught.value).startswith(sentence)


def circular() -> dict[str, Any]:
    params: dict[str, Any] = {"a": [1, {"b": None}]}
    params["a"][1]["b"] = params["a"]
    return params


HUGE = 10**5000

INEXPRESSIBLE = [
    ({"a": math.nan}, "params.a is nan, which JSON cannot express (RFC 8259, section 6)"),
    ({"a": [1.0, math.inf]}, "params.a[1] is inf, which JSON cannot express (RFC 8259, section 6)"),
    ({"a": ({"b": -math.inf},)}, "params.a[0].b is -inf, which JSON cannot express (RFC 8259, "),
    ({"a": {math.nan: 1}}, "params.a has the key nan, which JSON cannot express (RFC 8259, "),
    (circular(), "params.a[1].b contains itself, which JSON cannot express"),
    (
        {"a": [HUGE]},
        f"params.a[0] is an integer of {HUGE.bit_length()} bits, which has more digits than Python "
        "writes; send it as hexadecimal text",
    ),
    ({"a": {HUGE: 1}}, f"params.a has the key an integer of {HUGE.bit_length()} bits, which has "),
]


@pytest.mark.parametrize(
    ("params", "sentence"), INEXPRESSIBLE, ids=[sentence[:30] for _, sentence in INEXPRESSIBLE]
)
def test_what_json_cannot_express_is_named_by_its_path(
    params: Mapping[Any, Any], sentence: str
) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        encode_params(params)
    assert str(caught.value).startswith(sentence)


def test_the_same_list_twice_side_by_side_is_no_circle() -> None:
    shared = [1]
    assert encode_params({"a": shared, "b": {"c": shared}}) == '{"a":[1],"b":{"c":[1]}}'
    with pytest.raises(TypeError, match=r"^params\.c is a set"):
        encode_params({"a": shared, "b": {"c": shared}, "c": set()})


@pytest.mark.parametrize("leaf", [None, math.nan, object()], ids=["sound", "NaN", "object"])
def test_nesting_without_end_is_refused_whatever_lies_at_its_ground(leaf: Any) -> None:
    with pytest.raises(ValueError, match=r"nested too deeply") as caught:
        encode_params(nested(DEEP, leaf))
    assert str(caught.value) == "params are nested too deeply to be sent as JSON; flatten them"


def test_the_cause_stays_with_the_error() -> None:
    with pytest.raises(TypeError) as caught:
        encode_params({"a": set()})
    assert isinstance(caught.value.__cause__, TypeError)


class LivesTwice(dict[str, Any]):
    """A mapping that is broken while it is written and sound when it is looked at again."""

    def __init__(self) -> None:
        super().__init__(a=1)
        self.looks = 0

    def items(self) -> Any:
        self.looks += 1
        return {"a": set() if self.looks == 1 else 1}.items()


def test_a_refusal_without_a_path_says_what_the_encoder_said() -> None:
    with pytest.raises(TypeError, match=r"^params cannot be sent as JSON: Object of type set"):
        encode_params({"x": LivesTwice()})


@pytest.mark.parametrize(("leaf", "kind"), [(object(), TypeError), (math.nan, ValueError)])
def test_what_lies_too_deep_to_be_named_is_refused_without_a_path(
    leaf: Any, kind: type[Exception]
) -> None:
    with pytest.raises(kind, match=r"^params cannot be sent as JSON: O") as caught:
        encode_params(nested(600, leaf))
    assert type(caught.value) is kind


# Encoding messages


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (encode_request(1, "ping", ""), '{"jsonrpc":"2.0","id":1,"method":"ping"}'),
        (
            encode_request("1", "ping", "{}"),
            '{"jsonrpc":"2.0","id":"1","method":"ping","params":{}}',
        ),
        (
            encode_request('a"b', 'x"y\n', '{"a":1}'),
            r'{"jsonrpc":"2.0","id":"a\"b","method":"x\"y\n","params":{"a":1}}',
        ),
        (
            encode_request(2, "größe", '{"ü":1}'),
            r'{"jsonrpc":"2.0","id":2,"method":"gr\u00f6\u00dfe","params":{"ü":1}}',
        ),
        (encode_notification("n/x", ""), '{"jsonrpc":"2.0","method":"n/x"}'),
        (
            encode_notification("n/x", '{"a":1}'),
            '{"jsonrpc":"2.0","method":"n/x","params":{"a":1}}',
        ),
        (encode_notification('"', ""), r'{"jsonrpc":"2.0","method":"\""}'),
        (encode_result(7, {}), '{"jsonrpc": "2.0", "id": 7, "result": {}}'),
        (
            encode_result("s", MappingProxyType({"a": 1})),
            '{"jsonrpc": "2.0", "id": "s", "result": {"a": 1}}',
        ),
        (
            encode_error(7, -32601, 'no "x"'),
            r'{"jsonrpc": "2.0", "id": 7, "error": {"code": -32601, "message": "no \"x\""}}',
        ),
    ],
)
def test_a_message_is_this_text_exactly(text: str, expected: str) -> None:
    assert text == expected
    assert json.loads(text)["jsonrpc"] == "2.0"


@pytest.mark.parametrize("params", [None, {}, {"a": ["x", 1.5]}, {"ü": "\ud800"}])
@pytest.mark.parametrize("request_id", [1, "1", 2**70])
def test_what_is_written_is_read_as_it_was(request_id: Any, params: Any) -> None:
    text = encode_params(params)
    request = classify(decode(encode_request(request_id, "m/x", text)))
    assert request == Request(request_id, "m/x", params or {})
    assert classify(decode(encode_notification("m/x", text))) == Notification("m/x", params or {})


def test_answers_to_the_server_are_read_as_what_they_are() -> None:
    assert classify(decode(encode_result("s", {"a": 1}))) == Response("s", {"a": 1})
    assert classify(decode(encode_error(3, -1, "no"))) == ErrorResponse(3, -1, "no", None)


# Decoding

NO_JSON = {
    "empty": "",
    "blank": "  \n",
    "word": "hello",
    "cut": '{"jsonrpc":"2.0","id":1',
    "two objects": '{"id":1}{"id":2}',
    "byte order mark": '\ufeff{"id":1}',
    "single quotes": "{'id': 1}",
    "trailing comma": '{"id":1,}',
    "raw control character": '{"a":"\x01"}',
    "an integer of 5000 digits": f'{{"a":1{"0" * 5000}}}',
}


@pytest.mark.parametrize("text", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused_and_shown(text: str) -> None:
    with pytest.raises(
        MCPProtocolError, match=r"^the message is not JSON \(.+\): received "
    ) as caught:
        decode(text)
    assert isinstance(caught.value.__cause__, ValueError)
    assert caught.value.received is not None
    assert caught.value.received[:200] == text[:200]


@pytest.mark.parametrize("text", ["[]", '[{"id":1}]', "1", "1.5", '"x"', "true", "null", "NaN"])
def test_json_that_is_no_object_is_refused(text: str) -> None:
    with pytest.raises(MCPProtocolError) as caught:
        decode(text)
    assert str(caught.value) == f"the message is not a JSON object: received {text}"


@pytest.mark.parametrize(
    "text", ["[" * DEEP, '{"a":' * DEEP, '{"a":' + "[" * DEEP + "]" * DEEP + "}"]
)
def test_nesting_without_end_is_refused_when_read(text: str) -> None:
    with pytest.raises(MCPProtocolError) as caught:
        decode(text)
    assert caught.value.rule == "the message is nested too deeply"
    assert caught.value.received == f"{text[:200]}… ({len(text)} characters)"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ('[{"id":1}]', [{"id": 1}]),
        (' [ {"id":1} , {"a":[NaN,"\\ud800"]} ]\n', [{"id": 1}, {"a": [math.nan, "\ud800"]}]),
        ("[" + ",".join(["{}"] * 1000) + "]", [{}] * 1000),
        ("[]", []),
        ("[" + ",".join(["{}"] * 1001) + "]", []),
        ('{"id":1}', []),
        ("[{}", []),
        ("", []),
        ("7", []),
        ("[" * DEEP, []),
        ("[" + '{"a":' * DEEP + "1" + "}" * DEEP + "]", []),
    ],
)
def test_a_batch_is_split_into_its_messages(text: str, parts: list[Any]) -> None:
    assert repr([decode(part) for part in split_batch(text)]) == repr(parts)


def test_what_is_no_object_in_a_batch_is_refused_like_any_text_that_is_none() -> None:
    for part in split_batch('[7,"x",null,[{"id":1}],[]]'):
        with pytest.raises(MCPProtocolError, match="not a JSON object"):
            decode(part)


@pytest.mark.parametrize(
    ("text", "raw"),
    [
        ("{}", {}),
        (' {"a" : 1}\n', {"a": 1}),
        ('{"id":1,"id":2}', {"id": 2}),
        (f'{{"id":{2**80}}}', {"id": 2**80}),
        (r'{"a":"\ud800"}', {"a": "\ud800"}),
        ('{"a":[Infinity,-Infinity]}', {"a": [math.inf, -math.inf]}),
    ],
)
def test_an_object_is_read(text: str, raw: dict[str, Any]) -> None:
    assert decode(text) == raw


def test_a_nan_that_a_server_sends_is_taken() -> None:
    assert math.isnan(decode('{"a":NaN}')["a"])


# Classification

BAD_ID = "the id is neither a string nor an integer"
BAD_REQUEST = "a request needs a method name and an object of params"
BAD_RESULT = "the result is not an object"
NULL_ID = "the answer has a null id"

CLASSIFIED: list[tuple[dict[str, Any], Message]] = [
    ({"id": 1, "method": "m", "params": {"a": 1}}, Request(1, "m", {"a": 1})),
    ({"id": 0, "method": "m"}, Request(0, "m", {})),
    ({"id": "", "method": "m", "params": None}, Request("", "m", {})),
    ({"id": -5, "method": ""}, Request(-5, "", {})),
    ({"method": "m"}, Notification("m", {})),
    ({"id": None, "method": "m", "params": {}}, Notification("m", {})),
    ({"id": 1, "method": "m", "result": {}, "error": {"code": 1}}, Request(1, "m", {})),
    ({"id": 1, "result": {}}, Response(1, {})),
    ({"jsonrpc": "1.0", "id": "x", "result": {"a": 1}}, Response("x", {"a": 1})),
    ({"id": 1, "result": {"a": 1}, "error": None}, Response(1, {"a": 1})),
    ({"id": 1, "method": None, "result": {}}, Response(1, {})),
    ({"id": 1, "error": {"code": -1, "message": "no"}}, ErrorResponse(1, -1, "no", None)),
    (
        {"id": 1, "error": {"code": 0, "message": "no", "data": [1]}, "result": None},
        ErrorResponse(1, 0, "no", [1]),
    ),
    (
        {"id": None, "error": {"code": -32700, "message": "x"}},
        ErrorResponse(None, -32700, "x", None),
    ),
    ({"error": {"code": -32700}}, ErrorResponse(None, -32700, "", None)),
    ({"id": 1, "error": {"code": 1, "message": None}}, ErrorResponse(1, 1, "", None)),
    ({"id": 1, "error": {"code": 1, "message": 5}}, ErrorResponse(1, 1, "5", None)),
    ({"id": 1, "error": {"code": 1}, "result": {"a": 1}}, ErrorResponse(1, 1, "", None)),
    ({"id": True, "result": {}}, Broken(None, BAD_ID)),
    ({"id": False, "method": "m"}, Broken(None, BAD_ID)),
    ({"id": 1.0, "result": {}}, Broken(None, BAD_ID)),
    ({"id": {}, "result": {}}, Broken(None, BAD_ID)),
    ({"id": [1], "error": {"code": 1}}, Broken(None, BAD_ID)),
    ({"id": math.nan, "method": "m"}, Broken(None, BAD_ID)),
    ({"id": 1, "method": 5}, BadRequest(1, -32600, BAD_REQUEST)),
    ({"method": True}, Broken(None, BAD_REQUEST)),
    ({"id": "a", "method": ["m"], "params": []}, BadRequest("a", -32600, BAD_REQUEST)),
    ({"id": 1, "method": "m", "params": []}, BadRequest(1, -32602, BAD_REQUEST)),
    ({"id": "a", "method": "m", "params": "x"}, BadRequest("a", -32602, BAD_REQUEST)),
    ({"method": "m", "params": [1]}, Broken(None, BAD_REQUEST)),
    ({"method": "m", "params": "x"}, Broken(None, BAD_REQUEST)),
    ({"method": "m", "params": False}, Broken(None, BAD_REQUEST)),
    ({}, Broken(None, BAD_RESULT)),
    ({"id": 1}, Broken(1, BAD_RESULT)),
    ({"id": 1, "result": None}, Broken(1, BAD_RESULT)),
    ({"id": 1, "result": None, "error": None}, Broken(1, BAD_RESULT)),
    ({"id": "a", "result": 5}, Broken("a", BAD_RESULT)),
    ({"id": 1, "result": "x"}, Broken(1, BAD_RESULT)),
    ({"id": 1, "result": True}, Broken(1, BAD_RESULT)),
    ({"id": 1, "result": []}, Broken(1, BAD_RESULT)),
    ({"id": None, "result": {}}, Broken(None, NULL_ID)),
    ({"result": {}}, Broken(None, NULL_ID)),
    ({"id": 1, "error": "x"}, Broken(1, "the error has no integer code: x")),
    ({"id": 1, "error": 0}, Broken(1, "the error has no integer code: 0")),
    ({"id": 1, "error": []}, Broken(1, "the error has no integer code: []")),
    ({"id": 1, "error": {}}, Broken(1, "the error has no integer code: {}")),
    (
        {"id": 1, "error": {"message": "m"}},
        Broken(1, "the error has no integer code: {'message': 'm'}"),
    ),
    (
        {"id": 1, "error": {"code": "1"}},
        Broken(1, "the error has no integer code: {'code': '1'}"),
    ),
    ({"id": 1, "error": {"code": 1.0}}, Broken(1, "the error has no integer code: {'code': 1.0}")),
    (
        {"id": 1, "error": {"code": True}},
        Broken(1, "the error has no integer code: {'code': True}"),
    ),
    (
        {"error": "x" * 300},
        Broken(None, f"the error has no integer code: {'x' * 200}… (300 characters)"),
    ),
]


@pytest.mark.parametrize(("raw", "message"), CLASSIFIED, ids=lambda value: str(value)[:70])
def test_an_object_is_exactly_this_message(raw: dict[str, Any], message: Message) -> None:
    found = classify(raw)
    assert type(found) is type(message)
    assert found == message
    # Equality alone would take True for 1.
    assert [type(one) for one in found] == [type(one) for one in message]
