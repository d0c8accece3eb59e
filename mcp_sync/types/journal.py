"""How the calls of a queue are kept on disk, as one frozen value; the keeping is not done here."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any, Final

import attrs

from ..errors import MCPConfigurationError

__all__ = ["JournalSettings", "read_journal"]

_KEY_NAME: Final = re.compile(
    r"(?:(?P<prefix>(?:[a-z](?:[a-z0-9-]*[a-z0-9])?\.)*[a-z](?:[a-z0-9-]*[a-z0-9])?)/)?"
    r"(?P<name>[a-z0-9](?:[a-z0-9_.-]*[a-z0-9])?)",
    re.IGNORECASE | re.ASCII,
)
"""The grammar of the keys of ``_meta`` (MCP 2025-11-25, General fields)."""

_RESERVED_LABELS: Final = ("modelcontextprotocol", "mcp")

_RESERVED_NAMES: Final = ("progressToken", "traceparent", "tracestate", "baggage")


def _path(value: object) -> str:
    if isinstance(value, str | os.PathLike):
        text = os.fspath(value)
        if isinstance(text, str):
            return text
    raise MCPConfigurationError("journal", value, "must be the path of a file, as text")


def _usable_path(_: Any, __: attrs.Attribute[str], value: str) -> None:
    if not value or "\0" in value:
        raise MCPConfigurationError("journal", value, "must be the path of a file")


def _flag(_: Any, __: attrs.Attribute[bool], value: object) -> None:
    if not isinstance(value, bool):
        raise MCPConfigurationError("journal at_least_once", value, "must be True or False")


def _key_name(_: Any, __: attrs.Attribute[str], value: object) -> None:
    found = _KEY_NAME.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        rule = "must be a key of _meta such as 'com.example/key' (MCP, General fields)"
        raise MCPConfigurationError("journal key_name", value, rule)
    labels = (found["prefix"] or "").lower().split(".")
    if value in _RESERVED_NAMES or (len(labels) > 1 and labels[1] in _RESERVED_LABELS):
        rule = "is reserved by MCP; choose a prefix of your own"
        raise MCPConfigurationError("journal key_name", value, rule)


@attrs.frozen
class JournalSettings:
    """Where queued calls are kept on disk, and what the next process does with them.

    Args:
        path: the journal's file; it is made, readable by its owner alone, if it does not exist.
        at_least_once: True has the next process send again what was sent and not answered, and
            puts a stable key into every submitted call, by which a server can drop duplicates.
            False never sends anything twice that may not be repeated.
        key_name: the name of that key in ``params._meta``.

    Raises:
        MCPConfigurationError: a value is impossible.
    """

    path: str = attrs.field(converter=_path, validator=_usable_path)
    at_least_once: bool = attrs.field(default=False, validator=_flag, kw_only=True)
    key_name: str = attrs.field(
        default="mcp-sync/idempotency-key", validator=_key_name, kw_only=True
    )


def read_journal(
    value: str | os.PathLike[str] | Mapping[str, Any] | JournalSettings | None,
) -> JournalSettings | None:
    """Take what the setting ``journal`` may be given as.

    Args:
        value: a path, whole settings, their fields in a mapping (a table of a TOML file), or None
            for no journal.

    Returns:
        The settings; None for no journal.

    Raises:
        MCPConfigurationError: a field is unknown, missing or impossible.
    """
    if value is None or isinstance(value, JournalSettings):
        return value
    if not isinstance(value, Mapping):
        return JournalSettings(value)
    known = [field.name for field in attrs.fields(JournalSettings)]
    strange = [name for name in value if name not in known]
    if strange or "path" not in value:
        rule = f"must have a path; its settings are {', '.join(known)}"
        raise MCPConfigurationError("journal", dict(value), rule)
    return JournalSettings(**value)
