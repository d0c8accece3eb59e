"""A value of fields, as a notebook shows it: each field that says something, and what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import attrs

from ..types.display import told_fields
from .parts import card, count, facts, faint, json_block, mark, safe, table

__all__ = ["fields_html"]

_MOST_ROWS: Final = 100
_MOST_COLUMNS: Final = 8
_MOST_IN_A_CELL: Final = 120

_STATES: Final = frozenset({"status", "system_status"})
"""The fields that say in one word how something is."""


def fields_html(value: attrs.AttrsInstance) -> str:
    """Show a value; HTML without a script.

    Args:
        value: any attrs value; of an array of more than 100 objects the first are shown, and how
            many are left.

    Returns:
        HTML without a script.
    """
    return card(type(value).__name__, body=_fields(value))


def _fields(value: attrs.AttrsInstance) -> str:
    return facts((name.replace("_", " "), _shown(name, told)) for name, told in told_fields(value))


def _shown(name: str, value: Any) -> str:
    if name in _STATES:
        return mark(str(value))
    if attrs.has(type(value)):
        return _fields(value)
    if isinstance(value, Mapping):
        return json_block(value) if value else faint("none")
    if isinstance(value, list | tuple):
        is_table = bool(value) and all(isinstance(item, Mapping) for item in value)
        return _objects(value) if is_table else safe(", ".join(map(str, value)))
    return safe(value)


def _objects(items: Sequence[Mapping[str, Any]]) -> str:
    """A table of objects that are alike, with the columns of the first of them."""
    names = list(items[0])[:_MOST_COLUMNS]
    rows = [
        [safe(item.get(name, ""), _MOST_IN_A_CELL) for name in names] for item in items[:_MOST_ROWS]
    ]
    left = len(items) - _MOST_ROWS
    note = f"<div>{faint(f'and {left:,} more')}</div>" if left > 0 else ""
    return faint(count(len(items), "object")) + table(names, rows) + note
