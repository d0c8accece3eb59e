"""From a foreign schema to a validator, or to the reason why there is none.

What can be known beforehand is: its size, its dialect, that it is a schema at all, that every
reference stays inside it, and that its patterns are some. This room needs the extra ``schema``.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

import jsonschema
from jsonschema.exceptions import ValidationError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable
from referencing.jsonschema import specification_with

from ..errors import shorten
from .schema_keywords import OWN_KEYWORDS, counted
from .schema_limits import SchemaLimits, SchemaUnusable, budget, spending
from .schema_patterns import check_pattern

__all__ = ["CompiledSchema", "compile_schema"]

_DEFAULT_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_DIALECTS: Final[Mapping[str, Any]] = {
    _DEFAULT_DIALECT: jsonschema.Draft202012Validator,
    "https://json-schema.org/draft/2019-09/schema": jsonschema.Draft201909Validator,
    "http://json-schema.org/draft-07/schema": jsonschema.Draft7Validator,
}
# Empty, and without a way to retrieve: the library then knows the metaschemas that it brings
# along, and fetches nothing.
_NO_REGISTRY: Final[Registry[Any]] = Registry()
_REFERENCES: Final = ("$ref", "$dynamicRef", "$recursiveRef")


class CompiledSchema:
    """A schema that was read, with its limits. May be shared between threads.

    Args:
        validator: the validator of the whole schema.
        limits: what one check may spend.
    """

    def __init__(self, validator: Any, limits: SchemaLimits) -> None:
        self._validator = validator
        self._limits = limits

    def first_fault(self, instance: object) -> tuple[str, str] | None:
        """Look for the first fault of a value.

        Args:
            instance: any JSON value.

        Returns:
            A JSON path to it and the reason, both cut short; None where the value matches.

        Raises:
            SchemaUnusable: the schema cannot be applied to this value.
        """
        with _at_work(self._limits):
            error = _first_error(self._validator, instance)
        return None if error is None else (shorten(error.json_path), shorten(error.message))


def compile_schema(schema: Mapping[str, Any] | bool, limits: SchemaLimits) -> CompiledSchema:
    """Read a schema.

    Args:
        schema: the schema as it came.
        limits: what reading it may spend, and each check with it.

    Returns:
        The schema, ready.

    Raises:
        SchemaUnusable: there is no way to use it.
    """
    with _at_work(limits):
        _measure(schema, limits)
        dialect = _dialect_of(schema)
        kind = _bounded(dialect)
        fault = _first_error(kind(kind.META_SCHEMA, registry=_NO_REGISTRY), schema)
        if fault is not None:
            where = shorten(fault.json_path)
            raise SchemaUnusable(f"it is no valid schema at {where}: {shorten(fault.message)}")
        validator = kind(schema, registry=_NO_REGISTRY)
        _inspect(schema, dialect, validator._resolver)
        return CompiledSchema(validator, limits)


def _measure(schema: object, limits: SchemaLimits) -> None:
    """Hold the schema's bare size against the limits, before anything recursive sees it."""
    characters = objects = 0
    waiting = [(schema, 1)]
    while waiting:
        value, depth = waiting.pop()
        characters += 1
        members: list[Any] = []
        if isinstance(value, Mapping):
            objects += 1
            characters += sum(map(len, value))
            members = list(value.values())
        elif isinstance(value, list):
            members = value
        elif isinstance(value, str):
            characters += len(value)
        if depth > limits.deepest and members:
            raise SchemaUnusable(f"it is nested deeper than {limits.deepest}")
        if objects > limits.most_objects:
            raise SchemaUnusable(f"it has more than {limits.most_objects} objects")
        if characters > limits.most_characters:
            raise SchemaUnusable(f"it has more than {limits.most_characters} characters")
        waiting += [(member, depth + 1) for member in members]


def _dialect_of(schema: object) -> str:
    named: object = _DEFAULT_DIALECT
    if isinstance(schema, Mapping):
        named = schema.get("$schema", _DEFAULT_DIALECT)
    dialect = named.removesuffix("#") if isinstance(named, str) else ""
    if dialect not in _DIALECTS:
        raise SchemaUnusable(
            f"its dialect $schema={shorten(repr(named))} is not supported, only 2020-12, 2019-09 "
            "and draft-07 are"
        )
    return dialect


@functools.cache
def _bounded(dialect: str) -> Any:
    """The library's validator of a dialect, every keyword counted or replaced."""
    base = _DIALECTS[dialect]
    own = {name: keyword for name, keyword in OWN_KEYWORDS.items() if name in base.VALIDATORS}
    keywords = {name: counted(keyword) for name, keyword in {**base.VALIDATORS, **own}.items()}
    extend: Any = jsonschema.validators.extend
    kind = extend(base, keywords)
    # The library's own evolve() would leave this class for one whose keywords are not counted,
    # wherever a subschema names a $schema.
    kind.evolve = _evolve
    return kind


def _evolve(validator: Any, **changes: Any) -> Any:
    return type(validator)(
        changes.get("schema", validator.schema),
        registry=_NO_REGISTRY,
        _resolver=changes.get("_resolver", validator._resolver),
    )


def _inspect(schema: Any, dialect: str, resolver: Any) -> None:
    """Look at every subschema: its references, patterns and dialect."""
    specification = specification_with(dialect)
    waiting: list[tuple[Any, Any]] = [(schema, resolver)]
    while waiting:
        part, here = waiting.pop()
        budget().spend()
        if not isinstance(part, Mapping):
            continue
        if _dialect_of({"$schema": dialect, **part}) != dialect:
            raise SchemaUnusable(f"a part of it has another dialect: {part['$schema']}")
        for pattern in _patterns(part):
            check_pattern(pattern)
        for ref in (part[name] for name in _REFERENCES if name in part):
            _resolve(here, ref)
        for inner in specification.subresources_of(part):
            sub = specification.create_resource(inner)
            waiting.append((inner, here.in_subresource(sub)))


def _patterns(part: Mapping[str, Any]) -> Iterator[str]:
    if "pattern" in part:
        yield part["pattern"]
    yield from part.get("patternProperties", ())


def _resolve(resolver: Any, ref: str) -> None:
    try:
        resolver.lookup(ref)
    except (Unresolvable, ValueError, LookupError, TypeError):
        raise _nowhere(ref) from None


def _nowhere(ref: object) -> SchemaUnusable:
    return SchemaUnusable(
        f"its reference {shorten(repr(ref))} leads to nothing inside it, and nothing is fetched"
    )


def _first_error(validator: Any, instance: object) -> ValidationError | None:
    first = next(validator.iter_errors(instance), None)
    return None if first is None else best_match([first])


@contextmanager
def _at_work(limits: SchemaLimits) -> Iterator[None]:
    """Have the library work within the limits, and all that it raises become one error."""
    with spending(limits):
        try:
            yield
        except SchemaUnusable:
            raise
        except Unresolvable as error:
            raise _nowhere(error.ref) from None
        except RecursionError:
            raise SchemaUnusable("it or the value is nested too deep") from None
        except Exception as error:  # the library raises anything on a hostile schema
            text = f"it fails with {type(error).__name__}: {shorten(error)}"
            raise SchemaUnusable(text) from error
