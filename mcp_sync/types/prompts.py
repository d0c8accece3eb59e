"""Prompts as a server lists them, and what getting one gives."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .content import Content, join_text, read_block, summary
from .display import Displayed
from .mcp_wire import META, MCPValue
from .resource_contents import ICONS, Icon
from .wire import FLAG, TEXT, list_of

__all__ = ["GetPromptResult", "Prompt", "PromptArgument", "PromptMessage"]


@attrs.frozen(eq=False, repr=False)
class PromptArgument(Displayed, MCPValue):
    """What a prompt wants to be told (MCP 2025-11-25, "PromptArgument").

    Args:
        name: its name for programs.
        title: its name for people; None where it has none.
        description: what it is; None where the server did not say.
        required: whether the prompt cannot do without it.
        raw: the object exactly as it came.
    """

    name: str = attrs.field(metadata=TEXT)
    title: str | None = attrs.field(default=None, metadata=TEXT)
    description: str | None = attrs.field(default=None, metadata=TEXT)
    required: bool = attrs.field(default=False, metadata=FLAG)


@attrs.frozen(eq=False, repr=False)
class Prompt(Displayed, MCPValue):
    """A prompt, as ``prompts/list`` tells of it (MCP 2025-11-25, "Prompt").

    Args:
        name: its name for programs.
        title: its name for people; None where it has none (see ``display_name``).
        description: what it is for; None where the server did not say.
        arguments: what it wants to be told; empty where it wants nothing.
        icons: pictures for it.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    name: str = attrs.field(metadata=TEXT)
    title: str | None = attrs.field(default=None, metadata=TEXT)
    description: str | None = attrs.field(default=None, metadata=TEXT)
    arguments: tuple[PromptArgument, ...] = attrs.field(
        default=(), metadata={"read": list_of(PromptArgument.from_wire)}
    )
    icons: tuple[Icon, ...] = attrs.field(default=(), metadata=ICONS)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META)

    @property
    def display_name(self) -> str:
        """What to show to people: the title, else the name."""
        return self.title or self.name


@attrs.frozen(eq=False)
class PromptMessage(MCPValue):
    """One message of a prompt (MCP 2025-11-25, "PromptMessage").

    Args:
        role: "user" or "assistant"; others are kept as they come.
        content: its block.
        raw: the object exactly as it came.
    """

    role: str = attrs.field(metadata=TEXT)
    content: Content = attrs.field(metadata={"read": read_block})


@attrs.frozen(eq=False, repr=False)
class GetPromptResult(MCPValue):
    """What ``prompts/get`` gives (MCP 2025-11-25, "GetPromptResult").

    Args:
        messages: the messages in their order.
        description: what the prompt is for; None where the server did not say.
        meta: the object ``_meta`` of the result; empty where there is none.
        raw: the result exactly as it came.
    """

    messages: tuple[PromptMessage, ...] = attrs.field(
        metadata={"read": list_of(PromptMessage.from_wire)}
    )
    description: str | None = attrs.field(default=None, metadata=TEXT)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def text(self) -> str:
        """The texts of all messages, whoever says them, joined with line feeds."""
        return join_text(message.content for message in self.messages)

    def __repr__(self) -> str:
        said = summary([message.content for message in self.messages])
        return f"<GetPromptResult of {len(self.messages)}: {said}>"

    def _repr_html_(self) -> str:
        from ..notebook.values import prompt_result_html  # noqa: PLC0415 - only a notebook asks for it

        return prompt_result_html(self)
