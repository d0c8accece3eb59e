"""Validation of params, in the words of the recorded server's validator. Pure.

The recorded server validates with the jsonschema package. Only as much of JSON Schema as its four
schemas use is interpreted here; the first violation found is reported, in that package's wording.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

__all__ = ["EVENTS", "RESULTS", "STATUS", "SUBMISSION", "SUBSCRIPTION", "first_violation"]

Schema = Mapping[str, Any]

EVENTS = ("status_update", "processing_complete", "error")
"""What can be subscribed to."""

_STRING: Schema = {"type": "string"}
_NUMBER: Schema = {"type": "number"}
_BOOLEAN: Schema = {"type": "boolean"}
_OBJECT: Schema = {"type": "object"}

_VARIATION: Schema = {
    "type": "object",
    "required": ["doc_id", "page", "engine", "raw_text"],
    "additionalProperties": False,
    "properties": {
        "doc_id": _STRING,
        "page": {"type": "integer", "minimum": 1},
        "engine": _STRING,
        "raw_text": _STRING,
        "block_id": _STRING,
        "bbox": {"type": "array", "minItems": 4, "maxItems": 4, "items": _NUMBER},
        "confidence": {"type": "number", "minimum": 0.0, "maximum": 1.0},
        "orientation": _NUMBER,
        "metadata": _OBJECT,
    },
}

SUBMISSION: Schema = {
    "type": "object",
    "required": ["pdf_path", "variations"],
    "properties": {
        "pdf_path": _STRING,
        "variations": {"type": "array", "items": _VARIATION},
        "metadata": {
            "type": "object",
            "properties": {
                "engine_name": _STRING,
                "engine_version": _STRING,
                "processing_timestamp": _STRING,
                "configuration": _OBJECT,
            },
        },
    },
}
"""The params of submit_extraction."""

STATUS: Schema = {
    "type": "object",
    "properties": {"session_id": _STRING, "include_details": _BOOLEAN},
}
"""The params of get_status."""

RESULTS: Schema = {
    "type": "object",
    "required": ["session_id"],
    "properties": {
        "session_id": _STRING,
        "format": {"type": "string", "enum": ["ndjson", "json", "summary"]},
        "include_analytics": _BOOLEAN,
    },
}
"""The params of get_results."""

SUBSCRIPTION: Schema = {
    "type": "object",
    "required": ["event_types"],
    "properties": {
        "event_types": {"type": "array", "items": {"type": "string", "enum": list(EVENTS)}},
    },
}
"""The params of subscribe_updates and unsubscribe_updates."""


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_integer(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, int) or value.is_integer())


_HAS_TYPE: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "number": _is_number,
    "integer": _is_integer,
}


def first_violation(value: Any, schema: Schema) -> str | None:
    """What the schema forbids about a value.

    Args:
        value: any JSON value.
        schema: one of this module's schemas, or a part of one.

    Returns:
        One sentence that quotes the offending part in full, or None when the value fits.
    """
    return next(_violations(value, schema), None)


def _violations(value: Any, schema: Schema) -> Iterator[str]:
    if not _HAS_TYPE[schema["type"]](value):
        yield f"{value!r} is not of type {schema['type']!r}"
    elif isinstance(value, dict):
        yield from _in_object(value, schema)
    elif isinstance(value, list):
        yield from _in_array(value, schema)
    else:
        yield from _in_scalar(value, schema)


def _in_object(value: dict[str, Any], schema: Schema) -> Iterator[str]:
    properties: Mapping[str, Schema] = schema.get("properties", {})
    for key in schema.get("required", ()):
        if key not in value:
            yield f"{key!r} is a required property"
    if not schema.get("additionalProperties", True):
        extra = [key for key in value if key not in properties]
        if extra:
            verb = "was" if len(extra) == 1 else "were"
            names = ", ".join(map(repr, extra))
            yield f"Additional properties are not allowed ({names} {verb} unexpected)"
    for key, part in properties.items():
        if key in value:
            yield from _violations(value[key], part)


def _in_array(value: list[Any], schema: Schema) -> Iterator[str]:
    if len(value) < schema.get("minItems", 0):
        yield f"{value!r} is too short"
    if len(value) > schema.get("maxItems", len(value)):
        yield f"{value!r} is too long"
    for item in value:
        yield from _violations(item, schema["items"])


def _in_scalar(value: Any, schema: Schema) -> Iterator[str]:
    if "enum" in schema and value not in schema["enum"]:
        yield f"{value!r} is not one of {schema['enum']!r}"
    if "minimum" in schema and value < schema["minimum"]:
        yield f"{value!r} is less than the minimum of {schema['minimum']!r}"
    if "maximum" in schema and value > schema["maximum"]:
        yield f"{value!r} is greater than the maximum of {schema['maximum']!r}"
