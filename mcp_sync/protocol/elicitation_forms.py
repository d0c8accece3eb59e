"""The forms of elicitation: their defaults, and whether an answer fits (MCP 2025-11-25).

A form is a flat object of strings, numbers, booleans and choices. The schema is a server's data:
it is neither fetched nor run, its regular expressions are never compiled, and whatever keyword is
unknown or of a wrong type is ignored. Pure: no I/O.
"""

from __future__ import annotations

import datetime
import math
import urllib.parse
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeGuard

from ..errors import shorten

__all__ = ["check_content", "fill_defaults"]


def fill_defaults(schema: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    """Fill in what was left out of a form (MCP 2025-11-25, elicitation; SEP-1034).

    Args:
        schema: the ``requestedSchema``.
        content: what a person filled in.

    Returns:
        A new dict: the content, and every property with a ``default`` that it leaves out. A
        default that is null counts as none, since no form has null for a value.
    """
    defaults = {
        name: list(field["default"]) if isinstance(field["default"], list) else field["default"]
        for name, field in _properties(schema).items()
        if name not in content and field.get("default") is not None
    }
    return {**content, **defaults}


def check_content(schema: Mapping[str, Any], content: Mapping[str, Any]) -> None:
    """Check that a form is filled in as its schema wants it.

    Args:
        schema: the ``requestedSchema``. Known keywords: properties, required, type, minLength,
            maxLength, format (email, uri, date, date-time, loosely), minimum, maximum, enum,
            oneOf with const, minItems, maxItems, and for the items enum, anyOf or oneOf with
            const; ``additionalProperties`` where it is false.
        content: the form, filled in. A property that the schema does not know may have any plain
            value.

    Raises:
        ValueError: a required value is missing, or a value does not fit; the sentence names the
            first.
    """
    properties = _properties(schema)
    required = schema.get("required")
    for name in required if isinstance(required, list) else ():
        if isinstance(name, str) and name not in content:
            raise ValueError(f"{name} is missing; the form requires it")
    for name, value in content.items():
        if name not in properties and schema.get("additionalProperties") is False:
            known = ", ".join(properties) or "nothing"
            raise ValueError(f"{name} is not in the form, which asks for {shorten(known)}")
        _check_value(name, properties.get(name, {}), value)


def _properties(schema: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    properties = schema.get("properties")
    if not isinstance(properties, Mapping):
        return {}
    return {name: field for name, field in properties.items() if isinstance(field, Mapping)}


def _check_value(name: str, field: Mapping[str, Any], value: object) -> None:
    _check_type(name, field, value)
    if isinstance(value, str):
        _check_text(name, field, value)
    elif isinstance(value, list | tuple):
        _check_items(name, field, value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        _check_bounds(name, value, field, ("minimum", "maximum"), "")
    _check_choice(name, value, _choices(field, "oneOf"))


def _is_number(value: object) -> TypeGuard[float]:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and not isinstance(value, bool)


def _is_integer(value: object) -> bool:
    if isinstance(value, float):
        return value.is_integer()
    return _is_number(value)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(item, str) for item in value)


_TYPES: Final[dict[str, tuple[str, Callable[[object], bool]]]] = {
    "string": ("a string", lambda value: isinstance(value, str)),
    "number": ("a finite number", _is_number),
    "integer": ("an integer", _is_integer),
    "boolean": ("true or false", lambda value: isinstance(value, bool)),
    "array": ("a list of strings", _is_list_of_texts),
}


def _check_type(name: str, field: Mapping[str, Any], value: object) -> None:
    wanted = field.get("type")
    if wanted is None or isinstance(wanted, list):
        kinds = [kind for kind in wanted or _TYPES if isinstance(kind, str)]
    else:
        kinds = [str(wanted)]
    known = [_TYPES[kind] for kind in kinds if kind in _TYPES]
    if not known:
        raise _misfit(name, value, f"has the type {wanted!r} in the form, which no form may have")
    if not any(fits(value) for _, fits in known):
        raise _misfit(name, value, f"must be {' or '.join(words for words, _ in known)}")


def _check_text(name: str, field: Mapping[str, Any], value: str) -> None:
    _check_bounds(name, len(value), field, ("minLength", "maxLength"), " characters", value)
    wanted = field.get("format")
    if isinstance(wanted, str) and wanted in _FORMATS:
        words, fits = _FORMATS[wanted]
        if not fits(value):
            raise _misfit(name, value, f"must be {words}")


def _check_items(name: str, field: Mapping[str, Any], value: list[Any] | tuple[Any, ...]) -> None:
    _check_bounds(name, len(value), field, ("minItems", "maxItems"), " choices", value)
    items = field.get("items")
    choices = _choices(items, "anyOf", "oneOf") if isinstance(items, Mapping) else None
    for item in value:
        _check_choice(name, item, choices)


def _check_bounds(
    name: str,
    size: float,
    field: Mapping[str, Any],
    keys: tuple[str, str],
    unit: str,
    value: object = None,
) -> None:
    least, most = (field.get(key) for key in keys)
    shown = size if value is None else value
    if _is_number(least) and size < least:
        raise _misfit(name, shown, f"must be at least {least}{unit}")
    if _is_number(most) and size > most:
        raise _misfit(name, shown, f"must be at most {most}{unit}")


def _choices(field: Mapping[str, Any], *titled: str) -> list[Any] | None:
    """Give what may be chosen; None where anything may."""
    plain = field.get("enum")
    if isinstance(plain, list):
        return plain
    for keyword in titled:
        options = field.get(keyword)
        if isinstance(options, list) and all(
            isinstance(option, Mapping) and "const" in option for option in options
        ):
            return [option["const"] for option in options]
    return None


def _check_choice(name: str, value: object, choices: list[Any] | None) -> None:
    # True and 1 are equal in Python, and not in JSON.
    if choices is not None and not any(
        choice == value and isinstance(choice, bool) == isinstance(value, bool)
        for choice in choices
    ):
        raise _misfit(name, value, f"must be one of {shorten(', '.join(map(repr, choices)))}")


def _is_email(text: str) -> bool:
    local, _, domain = text.rpartition("@")
    return bool(local and domain) and "@" not in local and not any(map(str.isspace, text))


def _is_uri(text: str) -> bool:
    try:
        parts = urllib.parse.urlsplit(text)
    except ValueError:
        return False
    return bool(parts.scheme and (parts.netloc or parts.path)) and not any(map(str.isspace, text))


def _is_date(text: str) -> bool:
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


def _is_date_time(text: str) -> bool:
    day, time = text[:10], text[11:]
    if not _is_date(day) or text[10:11] not in ("T", "t", " ") or ":" not in time[:3]:
        return False
    try:
        return datetime.datetime.fromisoformat(f"{day}T{time.upper()}").tzinfo is not None
    except ValueError:
        return False


_FORMATS: Final[dict[str, tuple[str, Callable[[str], bool]]]] = {
    "email": ("an e-mail address, like name@example.org", _is_email),
    "uri": ("a URI with its scheme, like https://example.org/", _is_uri),
    "date": ("a date, like 2026-11-23", _is_date),
    "date-time": ("a time with its date and zone, like 2026-11-23T12:30:00Z", _is_date_time),
}


def _misfit(name: str, value: object, rule: str) -> ValueError:
    return ValueError(f"{name}={shorten(repr(value))} {rule}")
