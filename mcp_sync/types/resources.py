"""Resources as a server lists them, and what reading one gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .display import Displayed
from .excerpt import excerpt
from .mcp_wire import META, MCPValue
from .resource_contents import (
    ICONS,
    Annotations,
    BlobResourceContents,
    Icon,
    ResourceContents,
    ResourceDescription,
    TextResourceContents,
    read_resource_contents,
)
from .wire import TEXT, list_of

__all__ = [
    "BlobResourceContents",
    "ReadResourceResult",
    "Resource",
    "ResourceContents",
    "ResourceTemplate",
    "TextResourceContents",
]


@attrs.frozen(eq=False, repr=False)
class Resource(Displayed, ResourceDescription):
    """A resource, as ``resources/list`` tells of it (MCP 2025-11-25, "Resource").

    Args:
        uri: where it is.
        name: its name for programs.
        title: its name for people; None where it has none (see ``display_name``).
        description: what it is; None where the server did not say.
        mime_type: its type; None where the server did not say.
        size: its bytes, before any encoding; None where the server did not say.
        icons: pictures for it.
        annotations: for whom it is meant; None where the server did not say.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """


@attrs.frozen(eq=False, repr=False)
class ResourceTemplate(Displayed, MCPValue):
    """Many resources at once, by a template of their URIs (MCP 2025-11-25, "ResourceTemplate").

    Args:
        uri_template: the template (RFC 6570).
        name: its name for programs.
        title: its name for people; None where it has none (see ``display_name``).
        description: what the resources are; None where the server did not say.
        mime_type: the type of all of them; None where they differ or the server did not say.
        icons: pictures for them.
        annotations: for whom they are meant; None where the server did not say.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    uri_template: str = attrs.field(metadata=TEXT)
    name: str = attrs.field(metadata=TEXT)
    title: str | None = attrs.field(default=None, metadata=TEXT)
    description: str | None = attrs.field(default=None, metadata=TEXT)
    mime_type: str | None = attrs.field(default=None, metadata=TEXT)
    icons: tuple[Icon, ...] = attrs.field(default=(), metadata=ICONS)
    annotations: Annotations | None = attrs.field(
        default=None, metadata={"read": Annotations.from_wire}
    )
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META)

    @property
    def display_name(self) -> str:
        """What to show to people: the title, else the name."""
        return self.title or self.name


@attrs.frozen(eq=False, repr=False)
class ReadResourceResult(MCPValue):
    """What ``resources/read`` gives (MCP 2025-11-25, "ReadResourceResult").

    Args:
        contents: one for each part, as text or as bytes; a directory may have many.
        meta: the object ``_meta`` of the result; empty where there is none.
        raw: the result exactly as it came.
    """

    contents: tuple[TextResourceContents | BlobResourceContents, ...] = attrs.field(
        metadata={"read": list_of(read_resource_contents)}
    )
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def text(self) -> str:
        """The texts of all parts that are text, joined with line feeds; "" where none is."""
        return "\n".join(
            part.text for part in self.contents if isinstance(part, TextResourceContents)
        )

    @property
    def blob(self) -> bytes:
        """The bytes of the one part that is bytes.

        Raises:
            ValueError: there is none, or more than one, or it is no base64.
        """
        blobs = [part for part in self.contents if isinstance(part, BlobResourceContents)]
        if len(blobs) != 1:
            raise ValueError(
                f"the result has {len(blobs)} parts of bytes among {len(self.contents)}, "
                "not one; look through .contents (.decoded of each), or take .text"
            )
        return blobs[0].decoded

    def __repr__(self) -> str:
        uris = [excerpt(part.uri, 80) for part in self.contents[:3]]
        more = ["…"] if len(self.contents) > 3 else []
        return f"<ReadResourceResult of {len(self.contents)}: {', '.join(uris + more)}>"

    def _repr_html_(self) -> str:
        from ..notebook.values import resource_result_html  # noqa: PLC0415 - only a notebook asks for it

        return resource_result_html(self)
