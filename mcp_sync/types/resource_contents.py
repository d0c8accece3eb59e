"""What a resource holds, as text or as bytes, and what describes a resource or a block.

The parts that content blocks and resources share; users find them in ``content`` and
``resources``.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

import attrs

from .excerpt import excerpt
from .mcp_wire import META, MCPValue
from .wire import INTEGER, NUMBER, TEXT, TEXTS, list_of, missing, read_object

__all__ = [
    "ICONS",
    "Annotations",
    "BlobResourceContents",
    "Icon",
    "ResourceContents",
    "ResourceDescription",
    "TextResourceContents",
    "decode_base64",
    "encode_base64",
    "read_resource_contents",
]


def decode_base64(data: str, what: str) -> bytes:
    """Decode base64 as it stands in a JSON string (RFC 4648, section 4).

    Args:
        data: the text; white space in it is no matter.
        what: whose data it is, for the error's sentence.

    Returns:
        The bytes.

    Raises:
        ValueError: it is no base64.
    """
    try:
        return base64.b64decode("".join(data.split()), validate=True)
    except ValueError as error:
        reason = "not ASCII" if not isinstance(error, binascii.Error) else str(error)
        raise ValueError(
            f"the data of {what} is no base64 ({reason}); read the text as it came instead"
        ) from error


def encode_base64(data: bytes) -> str:
    """Give bytes as base64 text (RFC 4648, section 4)."""
    return base64.b64encode(data).decode("ascii")


@attrs.frozen(eq=False)
class Annotations(MCPValue):
    """For whom a block or a resource is meant (MCP 2025-11-25, resources, "Annotations").

    Args:
        audience: "user", "assistant" or both; empty where the server did not say.
        priority: 0 (least) to 1 (required); None where the server did not say.
        last_modified: when it last changed, in ISO 8601, as it came; None where not said.
        raw: the object exactly as it came.
    """

    audience: tuple[str, ...] = attrs.field(default=(), metadata=TEXTS)
    priority: float | None = attrs.field(default=None, metadata=NUMBER)
    last_modified: str | None = attrs.field(default=None, metadata=TEXT)


@attrs.frozen(eq=False)
class Icon(MCPValue):
    """A picture that stands for something (MCP 2025-11-25, "Icons").

    Untrusted: nothing here is ever fetched. Who renders it takes ``https:`` and ``data:`` alone.

    Args:
        src: its URI.
        mime_type: its type; None where the server did not say.
        sizes: "48x48" and the like, or "any"; empty where the server did not say.
        theme: "light" or "dark"; None for both.
        raw: the object exactly as it came.
    """

    src: str = attrs.field(metadata=TEXT)
    mime_type: str | None = attrs.field(default=None, metadata=TEXT)
    sizes: tuple[str, ...] = attrs.field(default=(), metadata=TEXTS)
    theme: str | None = attrs.field(default=None, metadata=TEXT)


ICONS = {"read": list_of(Icon.from_wire)}
"""Metadata of a field that is an array of icons, read as a tuple."""

_ANNOTATIONS = {"read": Annotations.from_wire}


@attrs.frozen(eq=False)
class ResourceDescription(MCPValue):
    """What a server says of a resource, in its lists and in links to it.

    Args:
        uri: where it is.
        name: its name for programs.
        title: its name for people; None where it has none.
        description: what it is; None where the server did not say.
        mime_type: its type; None where the server did not say.
        size: its bytes, before any encoding; None where the server did not say.
        icons: pictures for it.
        annotations: for whom it is meant; None where the server did not say.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    uri: str = attrs.field(metadata=TEXT)
    name: str = attrs.field(metadata=TEXT)
    title: str | None = attrs.field(default=None, metadata=TEXT)
    description: str | None = attrs.field(default=None, metadata=TEXT)
    mime_type: str | None = attrs.field(default=None, metadata=TEXT)
    size: int | None = attrs.field(default=None, metadata=INTEGER)
    icons: tuple[Icon, ...] = attrs.field(default=(), metadata=ICONS)
    annotations: Annotations | None = attrs.field(default=None, metadata=_ANNOTATIONS)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META)

    @property
    def display_name(self) -> str:
        """What to show to people: the title, else the name."""
        return self.title or self.name


@attrs.frozen(eq=False)
class ResourceContents(MCPValue):
    """What a resource holds: the half that text and bytes have in common.

    Args:
        uri: where it is; may be below the URI that was asked for.
        mime_type: its type; None where the server did not say.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    uri: str = attrs.field(metadata=TEXT)
    mime_type: str | None = attrs.field(default=None, metadata=TEXT, kw_only=True)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)


@attrs.frozen(eq=False)
class TextResourceContents(ResourceContents):
    """A resource, or a part of one, that is text (MCP 2025-11-25, resources).

    Args:
        uri: where it is; may be below the URI that was asked for.
        text: the text.
        mime_type: its type; None where the server did not say.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    text: str = attrs.field(metadata=TEXT, repr=excerpt)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..notebook.media import contents_bundle  # noqa: PLC0415 - only a notebook asks for it

        return contents_bundle(self)


@attrs.frozen(eq=False)
class BlobResourceContents(ResourceContents):
    """A resource, or a part of one, that is bytes (MCP 2025-11-25, resources).

    Args:
        uri: where it is; may be below the URI that was asked for.
        blob: the bytes as base64 text, as it came.
        mime_type: its type; None where the server did not say.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    blob: str = attrs.field(metadata=TEXT, repr=lambda blob: f"<{len(blob)} characters>")

    @property
    def decoded(self) -> bytes:
        """The bytes, decoded anew at each look; ``ValueError`` where ``blob`` is no base64."""
        return decode_base64(self.blob, self.uri)

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..notebook.media import contents_bundle  # noqa: PLC0415 - only a notebook asks for it

        return contents_bundle(self)

    @classmethod
    def from_bytes(
        cls, uri: str, data: bytes, mime_type: str | None = None
    ) -> BlobResourceContents:
        """Make contents of bytes.

        Args:
            uri: where they are.
            data: the bytes.
            mime_type: their type; None to leave it out.

        Returns:
            The contents.
        """
        return cls(uri, encode_base64(data), mime_type=mime_type)


def read_resource_contents(
    value: object, where: str = "contents"
) -> TextResourceContents | BlobResourceContents:
    """Read what a resource holds.

    Args:
        value: what came.
        where: the path to it, for the error's sentence.

    Returns:
        Text where it has a text, else bytes.

    Raises:
        MCPProtocolError: it is no object, or has no URI, or neither text nor blob.
    """
    wire = read_object(value, where)
    if "text" in wire:
        return TextResourceContents.from_wire(wire, where)
    if "blob" in wire:
        return BlobResourceContents.from_wire(wire, where)
    raise missing(f"{where}.text (or .blob)", value)
