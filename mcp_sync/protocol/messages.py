"""Text to JSON-RPC messages and back (JSON-RPC 2.0).

This room knows the shape of messages and nothing of what their methods mean.
"""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable, Iterable, Mapping
from itertools import chain
from json import encoder
from typing import Any, Final, NamedTuple

from ..errors import MCPProtocolError, shorten

__all__ = [
    "INVALID_PARAMS",
    "INVALID_REQUEST",
    "BadRequest",
    "Broken",
    "ErrorResponse",
    "Message",
    "Notification",
    "Request",
    "RequestId",
    "Response",
    "classify",
    "decode",
    "encode_apart",
    "encode_error",
    "encode_notification",
    "encode_params",
    "encode_request",
    "encode_result",
    "join_params",
    "split_batch",
]

INVALID_REQUEST: Final = -32600
"""The error code for what is no request (JSON-RPC 2.0, section 5.1)."""

INVALID_PARAMS: Final = -32602
"""The error code for params that are impossible (the same)."""

_MOST_IN_A_BATCH: Final = 1000
"""Whoever reads does nothing else meanwhile."""

RequestId = int | str
"""The id of a request; never null, so that every request can be answered."""

_encoder: Final = json.JSONEncoder(
    check_circular=False, ensure_ascii=False, allow_nan=False, separators=(",", ":")
)


def _make_encode() -> Callable[[Any], str]:
    """Make the function that encodes params."""
    make = getattr(encoder, "c_make_encoder", None)
    if make is None:
        return _encoder.encode
    # Made once: JSONEncoder makes it anew for each text. Without a memory of what it is in, what
    # contains itself ends in a RecursionError, and one encoder serves all threads.
    quote = encoder.encode_basestring
    chunks = make(None, _encoder.default, quote, None, ":", ",", False, False, False)
    return lambda value: "".join(chunks(value, 0))


_encode: Final = _make_encode()

_new_tuple: Final = tuple.__new__

_scan: Final = json.JSONDecoder().scan_once  # type: ignore[attr-defined]


def _loads(text: str) -> Any:
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        value, end = None, -1
    # White space around it, or what is no JSON; the usual message has neither.
    return value if end == len(text) else json.loads(text)


@functools.lru_cache(maxsize=256)
def _quoted(name: str) -> str:
    return json.dumps(name)


class Request(NamedTuple):
    """A request; from a server it wants an answer."""

    id: RequestId
    method: str
    params: Mapping[str, Any]


class Notification(NamedTuple):
    """A message that wants no answer."""

    method: str
    params: Mapping[str, Any]


class Response(NamedTuple):
    """A successful answer."""

    id: RequestId
    result: dict[str, Any]


class ErrorResponse(NamedTuple):
    """An answer that reports an error; ``id`` is None where the server could not tell it."""

    id: RequestId | None
    code: int
    message: str
    data: Any


class Broken(NamedTuple):
    """A message that breaks the protocol, with the id of the request it would have answered."""

    id: RequestId | None
    rule: str


class BadRequest(NamedTuple):
    """A request that breaks the protocol, and wants an error as its answer all the same."""

    id: RequestId
    code: int
    rule: str


Message = Request | Notification | Response | ErrorResponse | Broken | BadRequest
"""Anything that can be received."""


def encode_params(params: Mapping[str, Any] | None) -> str:
    """Encode params as compact JSON that every UTF-8 peer can read.

    Args:
        params: what to encode; None gives the empty text, which leaves ``params`` out.

    Returns:
        JSON text; "" for None.

    Raises:
        TypeError: something in it is no JSON; the error names the path to it.
        ValueError: a number is not finite, or the nesting is circular or too deep.
    """
    if params is None:
        return ""
    if type(params) is not dict and not isinstance(params, Mapping):
        raise TypeError(f"params must be a mapping or None, not {type(params).__name__}")
    plain = params if type(params) is dict else dict(params)
    try:
        text = _encode(plain)
    except (TypeError, ValueError, RecursionError) as error:
        raise _explain(plain, error) from error
    if not text.isascii() and not _is_utf8(text):
        return json.dumps(plain, allow_nan=False, separators=(",", ":"))
    return text


def encode_apart(
    params: Mapping[str, Any] | None, reserved: frozenset[str] = frozenset()
) -> tuple[str, str]:
    """Encode params, and their ``_meta`` apart, since the era of a link has its own to say there.

    Args:
        params: of a request; None for none.
        reserved: keys of ``_meta`` that no caller may set; they are left out.

    Returns:
        The encoded params without ``_meta``, "" for none, and the encoded members of ``_meta``.

    Raises:
        TypeError: something in it is no JSON, or ``_meta`` is no mapping.
        ValueError: as ``encode_params`` raises it.
    """
    if (type(params) is not dict and not isinstance(params, Mapping)) or "_meta" not in params:
        return encode_params(params), ""
    meta = params["_meta"]
    if not isinstance(meta, Mapping):
        raise TypeError(f"params._meta must be a mapping, not {type(meta).__name__}")
    rest = {key: value for key, value in params.items() if key != "_meta"}
    members = {key: value for key, value in meta.items() if key not in reserved}
    return encode_params(rest or None), encode_params(members)[1:-1]


def join_params(params: str, members: str) -> str:
    """Add members to params that are encoded already.

    Args:
        params: an encoded object, or "" for none.
        members: encoded members, such as ``"a":1``; "" for none.

    Returns:
        The encoded object with all of them, the added ones last; "" when there is nothing.
    """
    if not members:
        return params
    if len(params) <= len("{}"):
        return "{" + members + "}"
    return f"{params[:-1]},{members}}}"


def _is_utf8(text: str) -> bool:
    # A lone surrogate has no UTF-8 form, but has a JSON escape (RFC 8259, 8.2).
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _explain(params: dict[str, Any], error: Exception) -> TypeError | ValueError:
    try:
        found = _find_unserialisable(params, "params", frozenset())
    except RecursionError:
        found = None
    if found is None and isinstance(error, RecursionError):
        return ValueError("params are nested too deeply to be sent as JSON; flatten them")
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return found or kind(f"params cannot be sent as JSON: {error}")


def _find_unserialisable(
    value: Any, path: str, above: frozenset[int]
) -> TypeError | ValueError | None:
    if value is None or isinstance(value, int | float | str):
        return _refuse_scalar(value, f"{path} is")
    if id(value) in above:
        return ValueError(f"{path} contains itself, which JSON cannot express")
    keys: Iterable[Any] = ()
    children: Iterable[tuple[str, Any]]
    if isinstance(value, dict):
        keys = value
        children = ((f"{path}.{key}", child) for key, child in value.items())
    elif isinstance(value, list | tuple):
        children = ((f"{path}[{index}]", child) for index, child in enumerate(value))
    else:
        kind = type(value).__name__
        return TypeError(f"{path} is a {kind}, which is not JSON; convert it before the call")
    above |= {id(value)}
    in_keys = (_refuse_key(key, f"{path} has the key") for key in keys)
    below = (_find_unserialisable(child, at, above) for at, child in children)
    return next((found for found in chain(in_keys, below) if found is not None), None)


def _refuse_key(key: Any, subject: str) -> TypeError | ValueError | None:
    if key is None or isinstance(key, int | float | str):
        return _refuse_scalar(key, subject)
    return TypeError(f"{subject} {key!r}; JSON keys are strings")


def _refuse_scalar(value: Any, subject: str) -> ValueError | None:
    if isinstance(value, float) and not math.isfinite(value):
        return ValueError(f"{subject} {value}, which JSON cannot express (RFC 8259, section 6)")
    if isinstance(value, int):
        try:
            int.__repr__(value)
        except ValueError:
            rule = "which has more digits than Python writes; send it as hexadecimal text"
            return ValueError(f"{subject} an integer of {value.bit_length()} bits, {rule}")
    return None


def encode_request(request_id: RequestId, method: str, params: str) -> str:
    """Put a request together.

    Args:
        request_id: its id.
        method: its method.
        params: what ``encode_params`` returned.

    Returns:
        The JSON text of the message.
    """
    name = _quoted(method)
    number = request_id if type(request_id) is int else json.dumps(request_id)
    if params:
        return f'{{"jsonrpc":"2.0","id":{number},"method":{name},"params":{params}}}'
    return f'{{"jsonrpc":"2.0","id":{number},"method":{name}}}'


def encode_notification(method: str, params: str) -> str:
    """Put a notification together; the arguments are those of ``encode_request``."""
    name = _quoted(method)
    if params:
        return f'{{"jsonrpc":"2.0","method":{name},"params":{params}}}'
    return f'{{"jsonrpc":"2.0","method":{name}}}'


def encode_result(request_id: RequestId, result: Mapping[str, Any]) -> str:
    """Put together the answer to a server's request; ``result`` must be JSON."""
    message = {"jsonrpc": "2.0", "id": request_id, "result": dict(result)}
    return json.dumps(message, allow_nan=False)


def encode_error(request_id: RequestId, code: int, message: str, data: Any = None) -> str:
    """Put together an error answer to a server's request; ``data`` must be JSON, None for none."""
    error = {"code": code, "message": message}
    if data is not None:
        error["data"] = data
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error})


def decode(text: str) -> dict[str, Any]:
    """Read one message's text as a JSON object.

    Args:
        text: what was received.

    Returns:
        The object, still unclassified. Of a repeated key the last one counts; the tokens NaN and
        Infinity, which are no JSON, are taken because servers send them.

    Raises:
        MCPProtocolError: the text is not JSON, nested too deeply, or not an object.
    """
    try:
        raw = _loads(text)
    except RecursionError:
        raise MCPProtocolError("the message is nested too deeply", text) from None
    except ValueError as error:
        raise MCPProtocolError(f"the message is not JSON ({error})", text) from error
    if type(raw) is not dict:
        raise MCPProtocolError("the message is not a JSON object", text)
    return raw


def split_batch(text: str) -> list[str]:
    """Split an array of messages into the texts of each.

    Args:
        text: what ``decode`` refused.

    Returns:
        Texts for ``decode``, which refuses those of what is no object, such as a batch in a batch;
        none where the text is no array, or one of more than a thousand.
    """
    try:
        batch = _loads(text)
        if type(batch) is not list or len(batch) > _MOST_IN_A_BATCH:
            return []
        return [json.dumps(one) if type(one) is dict else "null" for one in batch]
    except (ValueError, RecursionError):
        return []


def classify(raw: dict[str, Any]) -> Message:
    """Tell what kind of message an object is (JSON-RPC 2.0, sections 4 and 5).

    A member that is present and null counts as absent: servers send ``"error": null`` beside a
    result. The member ``jsonrpc`` tells nothing and is not looked at.

    Args:
        raw: what ``decode`` returned.

    Returns:
        The message; ``Broken`` with the rule where it is none, ``BadRequest`` where it has an id
        to be answered to.
    """
    request_id = raw.get("id")
    if request_id is not None and type(request_id) is not int and type(request_id) is not str:
        return Broken(None, "the id is neither a string nor an integer")
    method = raw.get("method")
    if method is None:
        return _classify_response(raw, request_id)
    params = raw.get("params")
    if params is None:
        params = {}
    if type(method) is not str or type(params) is not dict:
        rule = "a request needs a method name and an object of params"
        if request_id is None:
            return Broken(None, rule)
        return BadRequest(
            request_id, INVALID_PARAMS if type(method) is str else INVALID_REQUEST, rule
        )
    if request_id is None:
        return Notification(method, params)
    return Request(request_id, method, params)


def _classify_response(raw: dict[str, Any], request_id: RequestId | None) -> Message:
    error = raw.get("error")
    if error is not None:
        if type(error) is not dict or type(error.get("code")) is not int:
            return Broken(request_id, f"the error has no integer code: {shorten(error)}")
        text = error.get("message")
        message = "" if text is None else str(text)
        return ErrorResponse(request_id, error["code"], message, error.get("data"))
    result = raw.get("result")
    if type(result) is not dict:
        return Broken(request_id, "the result is not an object")
    if request_id is None:
        return Broken(None, "the answer has a null id")
    # Every call comes here: past the function that makes a tuple with names.
    return _new_tuple(Response, (request_id, result))
