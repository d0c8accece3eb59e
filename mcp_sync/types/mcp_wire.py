"""How an object of standard MCP becomes a frozen value, and an object again.

A value class derives from ``MCPValue`` and gives each field that is on the wire a reader as its
attrs ``metadata``; the key is the field's name in camelCase. Reading is lenient where MCP leaves
room for other revisions: an optional field of a wrong type counts as absent, an unknown one is
kept, and only a required one fails. This room knows no method and no particular value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Final, Self

import attrs

from ..errors import MCPProtocolError
from .wire import OBJECT, Read, missing, read_object

__all__ = ["ABSENT", "META", "REQUIRED", "MCPValue"]

ABSENT: Final = "absent"
"""Metadata key: what a field is when its key is absent, where that is not the field's default."""

REQUIRED: Final = "required"
"""Metadata key: True where the key must be on the wire although the field has a default."""

META: Final = {**OBJECT, "key": "_meta"}
"""Metadata of the field that holds ``_meta``."""


@attrs.frozen
class _Field:
    """What a class says of one field that is on the wire."""

    name: str
    key: str
    read: Read
    required: bool
    write: Callable[[Any], Any]
    metadata: Mapping[Any, Any]
    default: Any

    @property
    def absent(self) -> Any:
        if ABSENT in self.metadata:
            return self.metadata[ABSENT]
        factory = getattr(self.default, "factory", None)
        return self.default if factory is None else factory()

    def is_told_by(self, wire: Mapping[str, Any], value: object) -> bool:
        """Whether an object as it came says the same as this value, in its own words."""
        if self.key not in wire:
            return bool(wire and value == self.absent)
        try:
            return bool(self.read(wire[self.key], self.key) == value)
        except MCPProtocolError:
            return bool(value == self.absent)


@attrs.frozen(eq=False)
class MCPValue:
    """A value of standard MCP. Frozen, so safe to share between threads.

    Two values are equal when they are of one class and the same on the wire, fields unknown here
    included.

    Args:
        raw: the object exactly as it came; ``{}`` for a value that was made here.
    """

    TYPE: ClassVar[str | None] = None
    """The ``type`` tag of the object; None where it has none."""

    raw: Mapping[str, Any] = attrs.field(factory=dict, kw_only=True, repr=False)

    @classmethod
    def from_wire(cls, value: object, where: str = "") -> Self:
        """Read an object.

        Args:
            value: what came.
            where: the path to it, for the error's sentence; "" for the name of the class.

        Returns:
            The value, which keeps the object as ``raw``. An optional field that is null or of
            another type counts as absent; it stays in ``raw``.

        Raises:
            MCPProtocolError: it is no object, or a required field is missing or of another type.
        """
        return cls(**cls._facts(value, where or cls.__name__))

    @classmethod
    def _facts(cls, value: object, where: str) -> dict[str, Any]:
        """Read the arguments of the constructor from an object."""
        wire = read_object(value, where)
        facts: dict[str, Any] = {"raw": wire}
        for field in _fields(cls):
            if field.key in wire:
                try:
                    facts[field.name] = field.read(wire[field.key], f"{where}.{field.key}")
                    continue
                except MCPProtocolError:
                    if field.required:
                        raise
            elif field.required:
                raise missing(f"{where}.{field.key}", value)
            if ABSENT in field.metadata:
                facts[field.name] = field.absent
        return facts

    def to_wire(self) -> dict[str, Any]:
        """Give the object as it goes to the wire.

        Returns:
            A new dict. For a value that came from the wire it equals what came; where a field
            was changed since (``attrs.evolve``), that field alone differs. Nested objects that
            came from the wire are not copied.
        """
        wire = dict(self.raw)
        if self.TYPE is not None and not wire:
            wire["type"] = self.TYPE
        for field in _fields(type(self)):
            value = getattr(self, field.name)
            if field.is_told_by(self.raw, value):
                continue
            if value == field.absent and not field.required:
                wire.pop(field.key, None)
            else:
                wire[field.key] = field.write(value)
        return wire

    @property
    def extra(self) -> dict[str, Any]:
        """The keys of the object that its class does not know, as they came; a new dict."""
        known = {field.key for field in _fields(type(self))}
        if self.TYPE is not None:
            known.add("type")
        return {key: value for key, value in self.raw.items() if key not in known}

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.to_wire() == other.to_wire()

    def __hash__(self) -> int:
        # Objects and arrays have no hash; the keys with plain values tell values well apart.
        plain = {
            (key, value)
            for key, value in self.to_wire().items()
            if isinstance(value, str | int | float)
        }
        return hash((type(self), frozenset(plain)))


_known_fields: dict[type[MCPValue], tuple[_Field, ...]] = {}


def _fields(kind: type[MCPValue]) -> tuple[_Field, ...]:
    fields = _known_fields.get(kind)
    if fields is None:
        fields = _known_fields[kind] = _find_fields(kind)
    return fields


def _find_fields(kind: type[MCPValue]) -> tuple[_Field, ...]:
    return tuple(
        _Field(
            name=field.name,
            key=field.metadata.get("key", _camel_case(field.name)),
            read=field.metadata["read"],
            required=field.metadata.get(REQUIRED, field.default is attrs.NOTHING),
            write=field.metadata.get("write", _plain),
            metadata=field.metadata,
            default=field.default,
        )
        for field in attrs.fields(kind)
        if "read" in field.metadata
    )


def _camel_case(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _plain(value: Any) -> Any:
    if isinstance(value, MCPValue):
        return value.to_wire()
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return value
