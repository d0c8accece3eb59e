"""The forms of elicitation: their defaults, and whether an answer fits."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.protocol.elicitation_forms import check_content, fill_defaults

DEFAULTS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "default": "John Doe"},
        "age": {"type": "integer", "default": 30},
        "score": {"type": "number", "default": 95.5},
        "status": {"type": "string", "enum": ["active", "off"], "default": "active"},
        "verified": {"type": "boolean", "default": False},
        "tags": {"type": "array", "items": {"enum": ["a", "b"]}, "default": ["a"]},
        "note": {"type": "string"},
    },
    "required": [],
}


def form(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields}


def test_every_field_left_out_takes_its_default() -> None:
    assert fill_defaults(DEFAULTS, {}) == {
        "name": "John Doe",
        "age": 30,
        "score": 95.5,
        "status": "active",
        "verified": False,
        "tags": ["a"],
    }
    check_content(DEFAULTS, fill_defaults(DEFAULTS, {}))


def test_what_was_filled_in_stays() -> None:
    given = {"name": "", "verified": True, "age": 0, "more": 1}
    filled = fill_defaults(DEFAULTS, given)
    assert {name: filled[name] for name in given} == given
    assert filled["tags"] == ["a"]
    assert given == {"name": "", "verified": True, "age": 0, "more": 1}


def test_the_defaults_of_the_schema_are_not_lent_out() -> None:
    fill_defaults(DEFAULTS, {})["tags"].append("b")
    assert DEFAULTS["properties"]["tags"]["default"] == ["a"]


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"properties": None},
        {"properties": [1]},
        {"properties": {"a": True}},
        {"properties": {"a": {"default": None}}},
    ],
)
def test_an_odd_schema_fills_in_nothing(schema: dict[str, Any]) -> None:
    assert fill_defaults(schema, {"b": 1}) == {"b": 1}


TITLED = [{"const": "#f00", "title": "Red"}, {"const": "#0f0", "title": "Green"}]
FITS: list[tuple[dict[str, Any], Any]] = [
    ({"type": "string"}, ""),
    ({"type": "string", "minLength": 2, "maxLength": 3}, "ab"),
    ({"type": "string", "minLength": 2, "maxLength": 3}, "\U0001f600é\u0301"),
    ({"type": "string", "pattern": "^(a+)+$"}, "a" * 60 + "b"),
    ({"type": "string", "minLength": "two", "maxLength": True, "format": ["email"]}, "abc"),
    ({"type": "string", "format": "hostname"}, "any thing"),
    ({"type": "string", "format": "email"}, "name+tag@example.org"),
    ({"type": "string", "format": "uri"}, "https://example.org/a?b#c"),
    ({"type": "string", "format": "uri"}, "urn:isbn:0451450523"),
    ({"type": "string", "format": "date"}, "2024-02-29"),
    ({"type": "string", "format": "date-time"}, "2026-11-23T12:30:00Z"),
    ({"type": "string", "format": "date-time"}, "2026-11-23t12:30:00.123456789z"),
    ({"type": "string", "format": "date-time"}, "2026-11-23T12:30:00-08:00"),
    ({"type": "integer", "minimum": 0, "maximum": 150}, 150),
    ({"type": "integer"}, 3.0),
    ({"type": "integer"}, 10**400),
    ({"type": "number", "minimum": 0.5}, 0.5),
    ({"type": "number", "maximum": 7}, -1),
    ({"type": "boolean"}, False),
    ({"type": "string", "enum": ["a", "b"], "enumNames": ["A", "B"]}, "b"),
    ({"type": "string", "oneOf": TITLED}, "#0f0"),
    ({"type": "string", "oneOf": [{"type": "string"}]}, "anything"),
    ({"enum": ["a", 1]}, 1),
    ({"type": ["string", "null"]}, "a"),
    ({}, ["a"]),
    ({"type": "array", "items": {"type": "string", "enum": ["a", "b"]}}, ["b", "a"]),
    ({"type": "array", "items": {"anyOf": TITLED}, "minItems": 1, "maxItems": 2}, ["#f00"]),
    ({"type": "array", "items": {"anyOf": TITLED}}, ()),
    ({"type": "array"}, ["whatever"]),
]


@pytest.mark.parametrize(("field", "value"), FITS)
def test_a_value_that_fits_is_taken(field: dict[str, Any], value: Any) -> None:
    check_content(form(x=field), {"x": value})


MISFITS: list[tuple[dict[str, Any], Any, str]] = [
    ({"type": "string"}, 5, "x=5 must be a string"),
    ({"type": "string"}, None, "x=None must be a string"),
    ({"type": "string", "minLength": 2}, "a", "x='a' must be at least 2 characters"),
    ({"type": "string", "maxLength": 2}, "abc", "x='abc' must be at most 2 characters"),
    ({"type": "string", "format": "email"}, "name", "must be an e-mail address"),
    ({"type": "string", "format": "email"}, "a b@c", "must be an e-mail address"),
    ({"type": "string", "format": "email"}, "a@b@c", "must be an e-mail address"),
    ({"type": "string", "format": "email"}, "@c", "must be an e-mail address"),
    ({"type": "string", "format": "uri"}, "example.org", "must be a URI"),
    ({"type": "string", "format": "uri"}, "http://[", "must be a URI"),
    ({"type": "string", "format": "uri"}, "https://a b", "must be a URI"),
    ({"type": "string", "format": "uri"}, "https:", "must be a URI"),
    ({"type": "string", "format": "date"}, "2023-02-29", "must be a date"),
    ({"type": "string", "format": "date"}, "20240229", "must be a date"),
    ({"type": "string", "format": "date"}, "2024-W01-1", "must be a date"),
    ({"type": "string", "format": "date-time"}, "2026-11-23T12:30:00", "must be a time"),
    ({"type": "string", "format": "date-time"}, "2026-11-23", "must be a time"),
    ({"type": "string", "format": "date-time"}, "2026-11-23T25:00:00Z", "must be a time"),
    ({"type": "integer"}, True, "x=True must be an integer"),
    ({"type": "integer"}, 1.5, "x=1.5 must be an integer"),
    ({"type": "integer"}, "1", "x='1' must be an integer"),
    ({"type": "integer"}, float("inf"), "must be an integer"),
    ({"type": "number"}, float("nan"), "must be a finite number"),
    ({"type": "number"}, False, "must be a finite number"),
    ({"type": "number", "minimum": 0}, -0.1, "x=-0.1 must be at least 0"),
    ({"type": "integer", "maximum": 150}, 151, "x=151 must be at most 150"),
    ({"type": "boolean"}, 1, "x=1 must be true or false"),
    ({"type": "string", "enum": ["a", "b"]}, "c", "x='c' must be one of 'a', 'b'"),
    ({"type": "string", "oneOf": TITLED}, "Red", "must be one of '#f00', '#0f0'"),
    ({"enum": [1]}, True, "x=True must be one of 1"),
    ({"enum": []}, "a", "must be one of"),
    ({"type": "array", "items": {"enum": ["a"]}}, ["a", "b"], "x='b' must be one of 'a'"),
    ({"type": "array", "items": {"anyOf": TITLED}}, ["Red"], "must be one of '#f00'"),
    ({"type": "array"}, "a", "x='a' must be a list of strings"),
    ({"type": "array"}, [1], "must be a list of strings"),
    ({"type": "array", "minItems": 1}, [], "must be at least 1 choices"),
    ({"type": "array", "maxItems": 1}, ["a", "b"], "must be at most 1 choices"),
    ({"type": "object"}, {}, "has the type 'object' in the form, which no form may have"),
    ({"type": ["integer", "null"]}, None, "x=None must be an integer"),
    ({"type": {}}, "a", "which no form may have"),
    ({}, {"deep": 1}, "must be a string or a finite number"),
]


@pytest.mark.parametrize(("field", "value", "words"), MISFITS)
def test_a_value_that_does_not_fit_is_named_with_its_rule(
    field: dict[str, Any], value: Any, words: str
) -> None:
    with pytest.raises(ValueError, match="^x=") as caught:
        check_content(form(y={"type": "string"}, x=field), {"y": "fine", "x": value})
    assert words in str(caught.value)


def test_what_is_required_must_be_there() -> None:
    schema = {**form(x={"type": "string"}), "required": ["x", 7]}
    check_content(schema, {"x": ""})
    with pytest.raises(ValueError, match="x is missing; the form requires it"):
        check_content(schema, {"y": "a"})


def test_what_is_not_required_may_be_left_out() -> None:
    check_content(form(x={"type": "string", "minLength": 5}), {})


def test_more_than_the_form_asks_for_is_refused_only_where_it_says_so() -> None:
    schema = form(x={"type": "string"})
    check_content(schema, {"more": 1})
    with pytest.raises(ValueError, match="more is not in the form, which asks for x"):
        check_content({**schema, "additionalProperties": False}, {"x": "a", "more": 1})
    with pytest.raises(ValueError, match="more="):
        check_content(schema, {"more": {"deep": 1}})


@pytest.mark.parametrize(
    "schema", [{}, {"properties": 1, "required": "x"}, {"properties": {"x": True}}]
)
def test_an_odd_schema_asks_for_nothing(schema: dict[str, Any]) -> None:
    check_content(schema, {"x": "a"})


def test_a_long_value_is_cut_short_in_the_sentence() -> None:
    with pytest.raises(ValueError, match="x=") as caught:
        check_content(form(x={"type": "string", "maxLength": 1}), {"x": "a" * 100_000})
    assert len(str(caught.value)) < 400
