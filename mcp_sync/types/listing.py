"""What the list methods return: a list that a notebook shows as a table."""

from __future__ import annotations

from typing import Any, SupportsIndex, TypeVar, overload

from .excerpt import excerpt

__all__ = ["Listing"]

ItemT = TypeVar("ItemT")

_MOST_NAMES = 8


class Listing(list[ItemT]):
    """A list in everything but how it is shown; it equals, pickles and changes as one.

    A slice of it is shown in the same way; whatever else is made of it is a plain list. Not safe
    to change from two threads at once, as no list is; the client keeps none of it.
    """

    __slots__ = ()

    @overload
    def __getitem__(self, index: SupportsIndex) -> ItemT: ...

    @overload
    def __getitem__(self, index: slice) -> Listing[ItemT]: ...

    def __getitem__(self, index: SupportsIndex | slice) -> ItemT | Listing[ItemT]:
        if isinstance(index, slice):
            return Listing(super().__getitem__(index))
        return super().__getitem__(index)

    def __repr__(self) -> str:
        names = [excerpt(_name(item)) for item in self[:_MOST_NAMES]]
        more = ["…"] if len(self) > _MOST_NAMES else []
        return f"<Listing of {len(self)}: {', '.join(names + more)}>" if self else "<Listing of 0>"

    def _repr_html_(self) -> str:
        from ..notebook.values import listing_html  # noqa: PLC0415 - only a notebook asks for it

        return listing_html(self)


def _name(item: Any) -> str:
    return str(getattr(item, "name", item))
