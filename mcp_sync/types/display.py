"""How a value of fields is shown: as one short line, and as a table in a notebook."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sized
from typing import TYPE_CHECKING, Any

from .excerpt import excerpt

if TYPE_CHECKING:
    import attrs

__all__ = ["Displayed", "told_fields"]


class Displayed:
    """The displays of a frozen attrs value; to be derived from, and adds no field.

    A class of its own ``repr`` must be ``attrs.frozen(repr=False)``, since attrs would make one
    that is as long as what a server said.
    """

    __slots__ = ()

    def __repr__(self: attrs.AttrsInstance) -> str:
        told = ", ".join(f"{name}={_brief(value)}" for name, value in told_fields(self))
        return f"{type(self).__name__}({told})"

    def _repr_html_(self: attrs.AttrsInstance) -> str:
        from ..notebook.fields import fields_html  # noqa: PLC0415 - only a notebook asks for it

        return fields_html(self)


def told_fields(value: attrs.AttrsInstance) -> Iterator[tuple[str, Any]]:
    """Name what a value says.

    Args:
        value: any attrs value.

    Yields:
        The name and the value of each field, in order; without those that a ``repr`` leaves out,
        and those that are as they are where nothing was said.
    """
    import attrs  # noqa: PLC0415 - not needed until a value is shown

    for field in attrs.fields(type(value)):
        told = getattr(value, field.name)
        if field.repr and told != _unsaid(field.default):
            yield field.name, told


def _unsaid(default: Any) -> Any:
    factory = getattr(default, "factory", None)
    return default if factory is None else factory()


def _brief(value: Any) -> str:
    if isinstance(value, str):
        return excerpt(value)
    if isinstance(value, Mapping):
        return f"<{_count(value, 'key')}>"
    if isinstance(value, list | tuple):
        return f"<{_count(value, 'item')}>"
    return repr(value)


def _count(values: Sized, noun: str) -> str:
    return f"{len(values)} {noun}" if len(values) == 1 else f"{len(values)} {noun}s"
