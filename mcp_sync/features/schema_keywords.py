"""The keywords of JSON Schema, made fit for hostile schemas and values.

Every keyword of ``jsonschema`` is counted and its messages are cut short. Those that match regular
expressions with ``re``, compare all with all, or gather without bound are done here instead. This
room needs the extra ``schema``.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import Any

from jsonschema.exceptions import ValidationError
from referencing.jsonschema import lookup_recursive_ref

from ..errors import shorten
from .schema_limits import budget
from .schema_patterns import matches

__all__ = ["OWN_KEYWORDS", "Keyword", "counted"]

Errors = Iterator[ValidationError]
Keyword = Callable[[Any, Any, Any, Any], Any]
"""Takes the validator, the keyword's value, the instance and the schema; yields what is wrong."""

_NAMED = 3

# Not the value's own repr: that of one as large as a message takes seconds.
_brief = reprlib.Repr()
_brief.maxstring = _brief.maxother = 80


def counted(keyword: Keyword) -> Keyword:
    """Have each use of a keyword take a step of the budget, and its messages cut short.

    Args:
        keyword: the keyword's function.

    Returns:
        A function to put in its place.
    """

    def one_step(validator: Any, value: Any, instance: Any, schema: Any) -> Errors:
        left = budget()
        left.enter()
        try:
            for error in keyword(validator, value, instance, schema) or ():
                # A message quotes its instance whole, once for each level that fails.
                error.message = shorten(error.message)
                yield error
        finally:
            left.leave()

    return one_step


def _type(validator: Any, value: Any, instance: Any, _schema: Any) -> Errors:
    wanted = [value] if isinstance(value, str) else value
    if not any(validator.is_type(instance, name) for name in wanted):
        yield ValidationError(f"{_brief.repr(instance)} is not of type {', '.join(wanted)}")


def _pattern(_validator: Any, value: str, instance: Any, _schema: Any) -> Errors:
    if isinstance(instance, str) and not matches(value, instance):
        yield ValidationError(f"{_brief.repr(instance)} does not match {value!r}")


def _pattern_properties(validator: Any, value: Any, instance: Any, _schema: Any) -> Errors:
    if not isinstance(instance, Mapping):
        return
    for pattern, subschema in value.items():
        for name, member in instance.items():
            if matches(pattern, name):
                yield from validator.descend(member, subschema, path=name, schema_path=pattern)


def _additional_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, Mapping):
        return
    patterns = schema.get("patternProperties", {})
    named = schema.get("properties", {})
    others = (
        name
        for name in instance
        if name not in named and not any(matches(pattern, name) for pattern in patterns)
    )
    if value is not False:
        for name in others:
            yield from validator.descend(instance[name], value, path=name)
    elif unexpected := list(others):
        yield ValidationError(f"{_some(unexpected)}: no such property is allowed")


def _unique_items(_validator: Any, value: Any, instance: Any, _schema: Any) -> Errors:
    if value is not True or not isinstance(instance, list):
        return
    seen: set[Hashable] = set()
    for index, item in enumerate(instance):
        key = _comparable(item)
        if key in seen:
            yield ValidationError(f"item {index} repeats an earlier item")
            return
        seen.add(key)


def _comparable(value: Any) -> Hashable:
    """What is equal for equal JSON values: 1 and 1.0 are, 1 and true are not."""
    if isinstance(value, bool):
        return ("truth", value)
    if isinstance(value, list):
        return ("array", tuple(map(_comparable, value)))
    if isinstance(value, Mapping):
        members = frozenset((name, _comparable(member)) for name, member in value.items())
        return ("object", members)
    return ("plain", value)


def _any_of(validator: Any, value: Any, instance: Any, _schema: Any) -> Errors:
    faults = []
    for index, subschema in enumerate(value):
        fault = next(validator.descend(instance, subschema, schema_path=index), None)
        if fault is None:
            return
        faults.append(fault)
    yield ValidationError("the value matches none of the schemas it may match", context=faults)


def _one_of(validator: Any, value: Any, instance: Any, _schema: Any) -> Errors:
    faults, matched = [], []
    for index, subschema in enumerate(value):
        fault = next(validator.descend(instance, subschema, schema_path=index), None)
        if fault is None:
            matched.append(index)
        else:
            faults.append(fault)
        if len(matched) > 1:
            yield ValidationError(
                f"the value matches schemas {matched[0]} and {matched[1]}, and may match only one"
            )
            return
    if not matched:
        yield ValidationError("the value matches none of the schemas it may match", context=faults)


def _unevaluated_properties(validator: Any, value: Any, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, Mapping):
        return
    others = {name: sub for name, sub in schema.items() if name != "unevaluatedProperties"}
    evaluated = _evaluated(validator, instance, others, _own_properties)
    unexpected = []
    for name in instance:
        if name in evaluated:
            continue
        if value is False:
            unexpected.append(name)
        else:
            yield from validator.descend(instance[name], value, path=name)
    if unexpected:
        yield ValidationError(f"{_some(unexpected)}: no such property is allowed")


def _unevaluated_items(validator: Any, value: Any, instance: Any, schema: Any) -> Errors:
    if not isinstance(instance, list):
        return
    others = {name: sub for name, sub in schema.items() if name != "unevaluatedItems"}
    evaluated = _evaluated(validator, instance, others, _own_items)
    for index, item in enumerate(instance):
        if index in evaluated:
            continue
        if value is False:
            yield ValidationError(f"no item is allowed at index {index}")
            return
        yield from validator.descend(item, value, path=index)


Evaluated = Callable[[Any, Any, Mapping[str, Any]], set[Any]]
Applied = Iterator[tuple[Any, Any]]


def _evaluated(validator: Any, instance: Any, schema: Any, own: Evaluated) -> set[Any]:
    """The names or indexes that the keywords of a schema look at (2020-12 core, 11.2 and 11.3)."""
    if not isinstance(schema, Mapping):
        return set()
    left = budget()
    left.enter()
    try:
        found = own(validator, instance, schema)
        for applied, subschema in _in_place(validator, instance, schema):
            found |= _evaluated(applied, instance, subschema, own)
        return found
    finally:
        left.leave()


def _in_place(
    validator: Any, instance: Any, schema: Mapping[str, Any]
) -> Iterator[tuple[Any, Any]]:
    """The subschemas that apply to the same instance and hold, each with its validator."""
    for resolved in _referred(validator, schema):
        applied = validator.evolve(schema=resolved.contents, _resolver=resolved.resolver)
        yield applied, resolved.contents
    for subschema in _candidates(validator, instance, schema):
        if _holds(validator, instance, subschema):
            yield validator.evolve(schema=subschema), subschema


def _referred(validator: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    for keyword in ("$ref", "$dynamicRef"):
        if keyword in schema:
            yield validator._resolver.lookup(schema[keyword])
    if "$recursiveRef" in schema:
        yield lookup_recursive_ref(validator._resolver)


def _candidates(validator: Any, instance: Any, schema: Mapping[str, Any]) -> Iterator[Any]:
    for keyword in ("allOf", "anyOf", "oneOf"):
        yield from schema.get(keyword, ())
    if isinstance(instance, Mapping):
        for name, subschema in schema.get("dependentSchemas", {}).items():
            if name in instance:
                yield subschema
    if "if" in schema:
        holds = _holds(validator, instance, schema["if"])
        branch = "then" if holds else "else"
        yield from ([schema["if"]] if holds else [])
        yield from ([schema[branch]] if branch in schema else [])


def _holds(validator: Any, instance: Any, subschema: Any) -> bool:
    return next(validator.descend(instance, subschema), None) is None


def _own_properties(_validator: Any, instance: Any, schema: Mapping[str, Any]) -> set[Any]:
    if "additionalProperties" in schema or "unevaluatedProperties" in schema:
        return set(instance)
    found = {name for name in schema.get("properties", {}) if name in instance}
    for pattern in schema.get("patternProperties", {}):
        found |= {name for name in instance if matches(pattern, name)}
    return found


def _own_items(validator: Any, instance: Any, schema: Mapping[str, Any]) -> set[Any]:
    items = schema.get("items")
    # Up to 2019-09 an array of items is what prefixItems is since.
    prefix = items if isinstance(items, list) else schema.get("prefixItems", [])
    whole = items is not None and not isinstance(items, list)
    if whole or "unevaluatedItems" in schema or "additionalItems" in schema:
        return set(range(len(instance)))
    found = set(range(min(len(prefix), len(instance))))
    if "contains" in schema:
        wanted = schema["contains"]
        found |= {i for i, item in enumerate(instance) if _holds(validator, item, wanted)}
    return found


def _some(names: list[str]) -> str:
    shown = ", ".join(shorten(repr(name), 25) for name in names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"


OWN_KEYWORDS: Mapping[str, Keyword] = {
    "additionalProperties": _additional_properties,
    "anyOf": _any_of,
    "oneOf": _one_of,
    "pattern": _pattern,
    "patternProperties": _pattern_properties,
    "type": _type,
    "unevaluatedItems": _unevaluated_items,
    "unevaluatedProperties": _unevaluated_properties,
    "uniqueItems": _unique_items,
}
"""The keywords that are done here, by name."""
