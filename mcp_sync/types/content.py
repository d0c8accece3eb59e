"""Content blocks: what tools answer, prompts hold and models say.

``read_content`` reads a list of blocks of any revision; a block of a type that is not known here
is an ``UnknownContent``, which keeps all of it. This room knows no method.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Final, TypeAlias

import attrs

from ..errors import MCPProtocolError
from .excerpt import excerpt
from .mcp_wire import META, REQUIRED, MCPValue
from .resource_contents import (
    Annotations,
    BlobResourceContents,
    Icon,
    ResourceContents,
    ResourceDescription,
    TextResourceContents,
    decode_base64,
    encode_base64,
    read_resource_contents,
)
from .wire import ANYTHING, FLAG, OBJECT, TEXT, missing, read_object

__all__ = [
    "Annotations",
    "AudioContent",
    "BlobResourceContents",
    "Content",
    "EmbeddedResource",
    "Icon",
    "ImageContent",
    "ResourceContents",
    "ResourceLink",
    "TextContent",
    "TextResourceContents",
    "ToolResultContent",
    "ToolUseContent",
    "UnknownContent",
    "as_blocks",
    "join_text",
    "read_block",
    "read_content",
    "read_one_text",
    "read_resource_contents",
    "summary",
]

_ANNOTATIONS = {"read": Annotations.from_wire}

_new = object.__new__
_set = object.__setattr__


@attrs.frozen(eq=False)
class TextContent(MCPValue):
    """A block of text (every revision).

    Args:
        text: the text.
        annotations: for whom it is meant; None where nobody said.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    TYPE: ClassVar[str] = "text"

    text: str = attrs.field(metadata=TEXT, repr=excerpt)
    annotations: Annotations | None = attrs.field(default=None, metadata=_ANNOTATIONS, kw_only=True)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def type(self) -> str:
        """The ``type`` tag on the wire: "text"."""
        return self.TYPE


@attrs.frozen(eq=False)
class _Media(MCPValue):
    """Bytes of a type, which is all that pictures and sounds are."""

    TYPE: ClassVar[str]

    data: str = attrs.field(metadata=TEXT, repr=lambda data: f"<{len(data)} characters>")
    mime_type: str = attrs.field(metadata=TEXT)
    annotations: Annotations | None = attrs.field(default=None, metadata=_ANNOTATIONS, kw_only=True)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def type(self) -> str:
        """The ``type`` tag on the wire."""
        return self.TYPE

    @property
    def decoded(self) -> bytes:
        """The bytes, decoded anew at each look; ``ValueError`` where ``data`` is no base64."""
        return decode_base64(self.data, f"a block of {self.mime_type}")

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        from ..notebook.media import media_bundle  # noqa: PLC0415 - only a notebook asks for it

        return media_bundle(self.mime_type, self.data, repr(self))


@attrs.frozen(eq=False)
class ImageContent(_Media):
    """A picture (every revision).

    Args:
        data: its bytes as base64 text, as it came; ``decoded`` gives the bytes.
        mime_type: its type, like "image/png".
        annotations: for whom it is meant; None where nobody said.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    TYPE: ClassVar[str] = "image"

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str) -> ImageContent:
        """Make a picture of its bytes and its type, like "image/png"."""
        return cls(encode_base64(data), mime_type)


@attrs.frozen(eq=False)
class AudioContent(_Media):
    """A sound (since 2025-03-26).

    Args:
        data: its bytes as base64 text, as it came; ``decoded`` gives the bytes.
        mime_type: its type, like "audio/wav".
        annotations: for whom it is meant; None where nobody said.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    TYPE: ClassVar[str] = "audio"

    @classmethod
    def from_bytes(cls, data: bytes, mime_type: str) -> AudioContent:
        """Make a sound of its bytes and its type, like "audio/wav"."""
        return cls(encode_base64(data), mime_type)


@attrs.frozen(eq=False)
class EmbeddedResource(MCPValue):
    """A resource within a block, with all it holds (every revision).

    Args:
        resource: what it holds, as text or as bytes.
        annotations: for whom it is meant; None where nobody said.
        meta: the object ``_meta`` of the block; empty where there is none.
        raw: the object exactly as it came.
    """

    TYPE: ClassVar[str] = "resource"

    resource: TextResourceContents | BlobResourceContents = attrs.field(
        metadata={"read": read_resource_contents}
    )
    annotations: Annotations | None = attrs.field(default=None, metadata=_ANNOTATIONS, kw_only=True)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def type(self) -> str:
        """The ``type`` tag on the wire: "resource"."""
        return self.TYPE

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, str]:
        return self.resource._repr_mimebundle_(include, exclude)


@attrs.frozen(eq=False)
class ResourceLink(ResourceDescription):
    """A resource that can be read by its URI (since 2025-06-18); it need not be in any list.

    Args:
        uri: where it is.
        name: its name for programs.
        title: its name for people; None where it has none.
        description: what it is; None where nobody said.
        mime_type: its type; None where nobody said.
        size: its bytes, before any encoding; None where nobody said.
        icons: pictures for it.
        annotations: for whom it is meant; None where nobody said.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    TYPE: ClassVar[str] = "resource_link"

    @property
    def type(self) -> str:
        """The ``type`` tag on the wire: "resource_link"."""
        return self.TYPE


@attrs.frozen(eq=False)
class ToolUseContent(MCPValue):
    """A model's wish to call a tool (sampling only, since 2025-11-25).

    Args:
        id: the name of this use, which the result repeats.
        name: the tool.
        input: its arguments.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    TYPE: ClassVar[str] = "tool_use"

    id: str = attrs.field(metadata=TEXT)
    name: str = attrs.field(metadata=TEXT)
    input: Mapping[str, Any] = attrs.field(metadata=OBJECT)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def type(self) -> str:
        """The ``type`` tag on the wire: "tool_use"."""
        return self.TYPE


@attrs.frozen(eq=False)
class UnknownContent(MCPValue):
    """A block of a type that is not known here, from a newer revision or out of place.

    Args:
        type: its type.
        raw: the object exactly as it came.
    """

    type: str = attrs.field(metadata=TEXT)


def as_blocks(content: Any) -> tuple[Any, ...]:
    """Give content as users write it as blocks.

    Args:
        content: a text, a block, or an iterable of blocks and texts.

    Returns:
        The blocks; each text is a ``TextContent``.
    """
    if isinstance(content, str):
        return (TextContent(content),)
    if isinstance(content, MCPValue):
        return (content,)
    return tuple(TextContent(item) if isinstance(item, str) else item for item in content)


def _read_answer_blocks(value: object, where: str) -> tuple[Any, ...]:
    # MCP allows no tool use within a tool's result, and so a hostile nest of them ends here.
    return _read_blocks(value, where, _ANSWER_KINDS)


@attrs.frozen(eq=False)
class ToolResultContent(MCPValue):
    """What a tool answered to a model's wish (sampling only, since 2025-11-25).

    Args:
        tool_use_id: the ``id`` of the wish.
        content: the blocks of the answer; a text or a block alone may be given, too.
        is_error: whether the tool failed.
        structured_content: the answer as JSON; None where there is none (``raw`` tells null).
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    TYPE: ClassVar[str] = "tool_result"

    tool_use_id: str = attrs.field(metadata=TEXT)
    content: tuple[Content, ...] = attrs.field(
        default=(), converter=as_blocks, metadata={"read": _read_answer_blocks, REQUIRED: True}
    )
    is_error: bool = attrs.field(default=False, metadata=FLAG)
    structured_content: Any = attrs.field(default=None, metadata=ANYTHING, kw_only=True)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def type(self) -> str:
        """The ``type`` tag on the wire: "tool_result"."""
        return self.TYPE


Content: TypeAlias = (
    TextContent
    | ImageContent
    | AudioContent
    | EmbeddedResource
    | ResourceLink
    | ToolUseContent
    | ToolResultContent
    | UnknownContent
)
"""A block of any type."""

_Kinds = Mapping[str, Callable[[object, str], Content]]

_ANSWER_KINDS: Final[_Kinds] = {
    "text": TextContent.from_wire,
    "image": ImageContent.from_wire,
    "audio": AudioContent.from_wire,
    "resource": EmbeddedResource.from_wire,
    "resource_link": ResourceLink.from_wire,
}

_KINDS: Final[_Kinds] = {
    **_ANSWER_KINDS,
    "tool_use": ToolUseContent.from_wire,
    "tool_result": ToolResultContent.from_wire,
}


def read_block(value: object, where: str = "content") -> Content:
    """Read one block.

    Args:
        value: what came.
        where: the path to it, for the error's sentence.

    Returns:
        The block; ``UnknownContent`` where its type is not known here.

    Raises:
        MCPProtocolError: it is no object, has no type, or lacks what its type requires.
    """
    return _read_block(value, where, _KINDS)


def read_content(value: object, where: str = "content") -> tuple[Content, ...]:
    """Read a list of blocks.

    Args:
        value: what came.
        where: the path to it, for the error's sentence.

    Returns:
        The blocks in their order; ``UnknownContent`` for each whose type is not known here.

    Raises:
        MCPProtocolError: it is no array, or a block is no object, has no type, or lacks what its
            type requires.
    """
    return _read_blocks(value, where, _KINDS)


def read_one_text(value: object) -> tuple[TextContent] | None:
    """Read the list of blocks that most results have: one block with a text and nothing else.

    Args:
        value: what came.

    Returns:
        The block; None where it is any other list, for ``read_content`` to read.
    """
    if type(value) is not list or len(value) != 1:
        return None
    block = value[0]
    if type(block) is not dict or len(block) != 2 or block.get("type") != "text":
        return None
    text = block.get("text")
    if type(text) is not str:
        return None
    # Every call comes here: past the constructor, which takes half as long again.
    content = _new(TextContent)
    _set(content, "text", text)
    _set(content, "annotations", None)
    _set(content, "meta", {})
    _set(content, "raw", block)
    return (content,)


def _read_blocks(value: object, where: str, kinds: _Kinds) -> tuple[Content, ...]:
    if not isinstance(value, list):
        raise MCPProtocolError(f"{where} must be an array of blocks", repr(value))
    return tuple(
        [_read_block(block, f"{where}[{index}]", kinds) for index, block in enumerate(value)]
    )


def _read_block(value: object, where: str, kinds: _Kinds) -> Content:
    kind = read_object(value, where).get("type")
    if not isinstance(kind, str):
        raise missing(f"{where}.type", value)
    return kinds.get(kind, UnknownContent.from_wire)(value, where)


def join_text(blocks: Iterable[Content]) -> str:
    """Join the texts of all text blocks with line feeds; "" where there is none."""
    return "\n".join([block.text for block in blocks if isinstance(block, TextContent)])


def summary(blocks: Sequence[Content]) -> str:
    """Say on one short line what blocks there are: for reprs.

    Args:
        blocks: any blocks.

    Returns:
        The beginning of the first text, or the types, and how many blocks there are.
    """
    first = next((block.text for block in blocks if isinstance(block, TextContent)), None)
    kinds = ", ".join(dict.fromkeys(excerpt(block.type, 20) for block in blocks[:8]))
    told = kinds if first is None else excerpt(first)
    return told if len(blocks) == 1 else f"{len(blocks)} blocks {told}".rstrip()
