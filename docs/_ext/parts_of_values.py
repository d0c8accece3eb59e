"""The classes that public values are made of: nobody imports them, and everybody reads them."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from types import ModuleType

import attrs

import mcp_sync

__all__ = ["parts_of_values"]


def parts_of_values() -> dict[type, str]:
    """Find them.

    Returns:
        By the class the attribute that leads to it, as ``ConnectionStatistics.dials``; those of
        one value together, in the order of its fields.
    """
    public = [getattr(mcp_sync, name) for name in mcp_sync.__all__]
    parts: dict[type, str] = {}
    for value in public:
        _add_parts_of(value, public, parts)
    return parts


def _add_parts_of(kind: object, public: list[object], parts: dict[type, str]) -> None:
    if not isinstance(kind, type) or not attrs.has(kind):
        return
    for field in attrs.fields(kind):
        for part in _classes_in(str(field.type), sys.modules[kind.__module__]):
            if part not in parts and part not in public:
                parts[part] = f"{kind.__name__}.{field.name}"
                _add_parts_of(part, public, parts)


def _classes_in(annotation: str, module: ModuleType) -> Iterator[type]:
    """The classes of ours that an annotation names; what only a type checker imports is public."""
    for word in re.findall(r"\w+", annotation):
        found = getattr(module, word, None)
        if isinstance(found, type) and attrs.has(found) and found.__module__.startswith("mcp_sync"):
            yield found
