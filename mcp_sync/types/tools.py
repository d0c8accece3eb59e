"""Tools as a server lists them, and what calling one gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import attrs

from ..errors import MCPToolError
from .content import Content, as_blocks, join_text, read_content, read_one_text, summary
from .display import Displayed
from .excerpt import excerpt
from .mcp_wire import META, REQUIRED, MCPValue
from .resource_contents import ICONS, Icon
from .wire import FLAG, OBJECT, TEXT, missing, read_object

__all__ = ["CallToolResult", "Tool", "ToolAnnotations"]

_new = object.__new__
_set = object.__setattr__


@attrs.frozen(eq=False)
class ToolAnnotations(MCPValue):
    """What a server says of a tool's behaviour (MCP 2025-11-25, "ToolAnnotations").

    Hints, and untrusted: a server may say anything. What it did not say has the default of MCP.

    Args:
        title: a name for people; None where there is none.
        read_only_hint: the tool changes nothing.
        destructive_hint: it may destroy something; of meaning only where it is not read-only.
        idempotent_hint: calling it again with the same arguments changes nothing more.
        open_world_hint: it deals with an open world, as a web search does.
        raw: the object exactly as it came; ``{}`` where the tool has no annotations.
    """

    title: str | None = attrs.field(default=None, metadata=TEXT)
    read_only_hint: bool = attrs.field(default=False, metadata=FLAG)
    destructive_hint: bool = attrs.field(default=True, metadata=FLAG)
    idempotent_hint: bool = attrs.field(default=False, metadata=FLAG)
    open_world_hint: bool = attrs.field(default=True, metadata=FLAG)


@attrs.frozen(eq=False, repr=False)
class Tool(Displayed, MCPValue):
    """A tool, as ``tools/list`` tells of it (MCP 2025-11-25, "Tool").

    All of it is untrusted text and data: the schemas are kept exactly as they came and never
    fetched or run, and the annotations are hints.

    Args:
        name: its name for calls, unique within the server alone.
        input_schema: the JSON Schema of its arguments.
        title: its name for people; None where it has none (see ``display_name``).
        description: what it does; None where the server did not say.
        output_schema: the JSON Schema of its structured content; None where it has none.
        annotations: hints on its behaviour; the defaults of MCP where the server gave none.
        icons: pictures for it.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    name: str = attrs.field(metadata=TEXT)
    input_schema: Mapping[str, Any] = attrs.field(metadata=OBJECT)
    title: str | None = attrs.field(default=None, metadata=TEXT)
    description: str | None = attrs.field(default=None, metadata=TEXT)
    output_schema: Mapping[str, Any] | None = attrs.field(default=None, metadata=OBJECT)
    annotations: ToolAnnotations = attrs.field(
        factory=ToolAnnotations, metadata={"read": ToolAnnotations.from_wire}
    )
    icons: tuple[Icon, ...] = attrs.field(default=(), metadata=ICONS)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META)

    @property
    def display_name(self) -> str:
        """What to show to people: the title, else that of the annotations, else the name."""
        return self.title or self.annotations.title or self.name


@attrs.frozen(eq=False, repr=False)
class CallToolResult(MCPValue):
    """What a tool answered (MCP 2025-11-25, "CallToolResult").

    Args:
        content: the blocks of the answer; a text or a block alone may be given, too.
        is_error: whether the tool failed; the blocks then say why.
        tool: the name of the tool that was called; "" where that is not known. Not on the wire.
        raw: the result exactly as it came.
    """

    content: tuple[Content, ...] = attrs.field(
        default=(), converter=as_blocks, metadata={"read": read_content, REQUIRED: True}
    )
    is_error: bool = attrs.field(default=False, metadata=FLAG)
    tool: str = attrs.field(default="", kw_only=True)

    @classmethod
    def from_wire(cls, value: object, where: str = "tools/call: result", tool: str = "") -> Self:
        """Read a result.

        Args:
            value: the ``result`` of the answer.
            where: the path to it, for the error's sentence.
            tool: the name of the tool that was called; "" where that is not known.

        Returns:
            The result, which keeps ``value`` as ``raw``.

        Raises:
            MCPProtocolError: it is no object, or its content is missing although it has no
                structured content, is no array, or has a block that cannot be read.
        """
        wire = value if type(value) is dict else read_object(value, where)
        blocks = read_one_text(wire.get("content"))
        # Every call comes here: past the constructor, which takes half as long again.
        result = _new(cls)
        _set(result, "content", _read_content(wire, where) if blocks is None else blocks)
        _set(result, "is_error", wire.get("isError") is True)
        _set(result, "tool", tool)
        _set(result, "raw", wire)
        return result

    @property
    def text(self) -> str:
        """The texts of all text blocks, joined with line feeds; "" where there is none."""
        return join_text(self.content)

    @property
    def structured_content(self) -> Any:
        """The answer as JSON, of any kind; None where there is none, and where it is null."""
        return self.raw.get("structuredContent")

    @property
    def has_structured_content(self) -> bool:
        """Whether there is structured content, null included."""
        return "structuredContent" in self.raw

    @property
    def data(self) -> Any:
        """The same as ``structured_content``."""
        return self.structured_content

    @property
    def meta(self) -> Mapping[str, Any]:
        """The object ``_meta`` of the result; empty where there is none."""
        meta = self.raw.get("_meta")
        return meta if isinstance(meta, Mapping) else {}

    def raise_for_error(self) -> Self:
        """Raise where the tool failed.

        Returns:
            The result itself, where it did not.

        Raises:
            MCPToolError: the tool failed; it has the text and the whole result.
        """
        if self.is_error:
            raise MCPToolError(self.tool or "(not named)", self.text, self)
        return self

    def __repr__(self) -> str:
        tool = f" {excerpt(self.tool)}" if self.tool else ""
        fate = "failed" if self.is_error else "ok"
        return f"<CallToolResult{tool} {fate}: {summary(self.content)}>"

    def _repr_html_(self) -> str:
        from ..notebook.values import tool_result_html  # noqa: PLC0415 - only a notebook asks for it

        return tool_result_html(self)


def _read_content(wire: Mapping[str, Any], where: str) -> tuple[Content, ...]:
    if "content" in wire:
        return read_content(wire["content"], f"{where}.content")
    # MCP requires it; servers that give structured content alone are known, and do no harm.
    if "structuredContent" in wire:
        return ()
    raise missing(f"{where}.content", wire)
