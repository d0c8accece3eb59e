"""Roots: the directories and files that a client lets a server know of (MCP 2025-11-25)."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import attrs

from ..errors import MCPConfigurationError, MCPProtocolError
from .mcp_wire import META, MCPValue
from .wire import TEXT

if TYPE_CHECKING:
    from os import PathLike

__all__ = ["Root"]

_SCHEME = "file://"


def _check_uri(_root: object, _field: object, uri: Any) -> None:
    if not isinstance(uri, str) or not uri.lower().startswith(_SCHEME):
        raise MCPConfigurationError(
            "uri", uri, "must begin with file:// (MCP, roots); Root.from_path makes it of a path"
        )


@attrs.frozen(eq=False)
class Root(MCPValue):
    """A directory or a file that a server may know of.

    Args:
        uri: a ``file://`` URI; ``MCPConfigurationError`` (a ``ValueError``) refuses any other.
        name: its name for people; None for none.
        meta: the object ``_meta``; empty to leave it out.
        raw: the object exactly as it came; ``{}`` for a value that was made here.
    """

    uri: str = attrs.field(validator=_check_uri, metadata=TEXT)
    name: str | None = attrs.field(default=None, metadata=TEXT)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @classmethod
    def from_wire(cls, value: object, where: str = "") -> Self:
        """Read an object.

        Args:
            value: what came.
            where: the path to it, for the error's sentence; "" for the name of the class.

        Returns:
            The root, which keeps the object as ``raw``.

        Raises:
            MCPProtocolError: it is no object, or its URI is missing or no ``file://`` URI.
        """
        where = where or cls.__name__
        try:
            return cls(**cls._facts(value, where))
        except MCPConfigurationError as error:
            raise MCPProtocolError(f"{where}.uri must begin with file://", repr(value)) from error

    @classmethod
    def from_path(cls, path: str | PathLike[str], name: str | None = None) -> Self:
        """Make a root of a path.

        Args:
            path: a directory or a file, which need not exist; a relative one starts at the
                current directory. Links in it are followed, so that the URI names what is meant.
            name: its name for people; None for none.

        Returns:
            The root with the absolute URI.
        """
        return cls(Path(path).resolve().as_uri(), name)
