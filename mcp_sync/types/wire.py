"""How a JSON object of an answer becomes a frozen value.

A value class derives from ``WireValue`` and gives each field that is read from the wire a reader
as its attrs ``metadata``: the field's name is the key, and a field without a default is required.
This room knows no method and no particular value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Self, TypeVar

import attrs

from ..errors import MCPProtocolError
from .display import Displayed

__all__ = [
    "ANYTHING",
    "FLAG",
    "INTEGER",
    "NUMBER",
    "OBJECT",
    "OBJECTS",
    "TEXT",
    "TEXTS",
    "Read",
    "WireValue",
    "list_of",
    "missing",
    "nested",
    "read_flag",
    "read_object",
    "structure",
]

Read = Callable[[object, str], Any]
"""Takes what came and where, returns it as the field wants it, or raises MCPProtocolError."""


def missing(where: str, received: object) -> MCPProtocolError:
    """Say that a required key is not there; the arguments are its path and what was received."""
    return MCPProtocolError(f"{where} is missing or null", repr(received))


def _misfit(where: str, wanted: str, received: object) -> MCPProtocolError:
    return MCPProtocolError(f"{where} must be {wanted}", repr(received))


def _read_text(value: object, where: str) -> str:
    if isinstance(value, str):
        return value
    raise _misfit(where, "a string", value)


def _read_integer(value: object, where: str) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, float) and value.is_integer():
        return int(value)
    raise _misfit(where, "an integer", value)


def _read_number(value: object, where: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError:
            raise _misfit(where, "a number within the range of a double", value) from None
    raise _misfit(where, "a number", value)


def read_flag(value: object, where: str) -> bool:
    """Read true or false.

    Args:
        value: what came.
        where: the path to it, for the error's sentence.

    Returns:
        The value.

    Raises:
        MCPProtocolError: it is something else.
    """
    if isinstance(value, bool):
        return value
    raise _misfit(where, "true or false", value)


def read_object(value: object, where: str) -> Mapping[str, Any]:
    """Read an object.

    Args:
        value: what came.
        where: the path to it, for the error's sentence.

    Returns:
        The value.

    Raises:
        MCPProtocolError: it is something else.
    """
    if isinstance(value, Mapping):
        return value
    raise _misfit(where, "an object", value)


def list_of(read: Read) -> Read:
    """Make the reader of an array.

    Args:
        read: the reader of each of its items.

    Returns:
        A reader that gives a tuple; what is no array, or has an item that does not fit, does not
        fit.
    """

    def read_list(value: object, where: str) -> tuple[Any, ...]:
        if not isinstance(value, list):
            raise _misfit(where, "an array", value)
        return tuple(read(item, f"{where}[{index}]") for index, item in enumerate(value))

    return read_list


def _read_anything(value: object, _where: str) -> object:
    return value


ANYTHING: Final = {"read": _read_anything}
"""Metadata of a field that is any JSON."""

FLAG: Final = {"read": read_flag}
"""Metadata of a field that is true or false."""

INTEGER: Final = {"read": _read_integer}
"""Metadata of a field that is an integer; ``1.0`` is one."""

NUMBER: Final = {"read": _read_number}
"""Metadata of a field that is a number, read as a float."""

OBJECT: Final = {"read": read_object}
"""Metadata of a field that is an object, kept as it came."""

OBJECTS: Final = {"read": list_of(read_object)}
"""Metadata of a field that is an array of objects, read as a tuple."""

TEXT: Final = {"read": _read_text}
"""Metadata of a field that is a string."""

TEXTS: Final = {"read": list_of(_read_text)}
"""Metadata of a field that is an array of strings, read as a tuple."""


@attrs.frozen(kw_only=True, repr=False)
class WireValue(Displayed):
    """A value read from an answer. Frozen, so safe to share between threads.

    Args:
        extra: the keys of the answer that its class does not know, as they came.
    """

    extra: Mapping[str, Any] = attrs.field(factory=dict, repr=False)

    @classmethod
    def from_wire(cls, value: object, method: str) -> Self:
        """Read an answer.

        Args:
            value: the result as it came.
            method: the method that was called, for the error's sentence.

        Returns:
            The value, with every key that is not known here in ``extra``.

        Raises:
            MCPProtocolError: it is no object, or a required key is missing or of another type.
        """
        return structure(cls, value, f"{method}: result")


_V = TypeVar("_V", bound=WireValue)


def structure(kind: type[_V], value: object, where: str, **known: Any) -> _V:
    """Fill the fields of a class from an object.

    Args:
        kind: the class.
        value: what came.
        where: the path to it, for the error's sentence.
        known: fields that are not read from the object.

    Returns:
        An instance; a key that is null counts as missing.

    Raises:
        MCPProtocolError: it is no object, or a required key is missing or of another type.
    """
    extra = dict(read_object(value, where))
    facts: dict[str, Any] = {}
    for field in attrs.fields(kind):
        read: Read | None = field.metadata.get("read")
        if read is None:
            continue
        given = extra.pop(field.name, None)
        if given is not None:
            facts[field.name] = read(given, f"{where}.{field.name}")
        elif field.default is attrs.NOTHING:
            raise missing(f"{where}.{field.name}", value)
    return kind(extra=extra, **facts, **known)


def nested(kind: type[WireValue]) -> dict[str, Read]:
    """Make the reader of a field whose value is an object of its own class."""

    def read(value: object, where: str) -> WireValue:
        return structure(kind, value, where)

    return {"read": read}
