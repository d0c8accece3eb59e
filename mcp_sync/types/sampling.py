"""Sampling: a server asks the client's model, and what the model says (MCP 2025-11-25)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from .content import Content, as_blocks, join_text, read_block, read_content
from .mcp_wire import ABSENT, META, REQUIRED, MCPValue
from .tools import Tool
from .wire import INTEGER, NUMBER, OBJECT, OBJECTS, TEXT, TEXTS, list_of

__all__ = ["ModelPreferences", "SamplingMessage", "SamplingRequest", "SamplingResult"]


def _read_one_or_many(value: object, where: str) -> tuple[Content, ...]:
    return read_content(value, where) if isinstance(value, list) else (read_block(value, where),)


def _write_one_or_many(blocks: tuple[Content, ...]) -> Any:
    # Before 2025-11-25 the content is one block, never an array.
    written = [block.to_wire() for block in blocks]
    return written[0] if len(written) == 1 else written


_ONE_OR_MANY = {"read": _read_one_or_many, "write": _write_one_or_many}


@attrs.frozen(eq=False)
class ModelPreferences(MCPValue):
    """Which model a server would like to be asked; the client decides.

    Args:
        hints: objects with a ``name``, in the order of the server's liking, as they came.
        cost_priority: how much a low price matters, 0 to 1; None where not said.
        speed_priority: how much a fast answer matters, 0 to 1; None where not said.
        intelligence_priority: how much ability matters, 0 to 1; None where not said.
        raw: the object exactly as it came.
    """

    hints: tuple[Mapping[str, Any], ...] = attrs.field(default=(), metadata=OBJECTS)
    cost_priority: float | None = attrs.field(default=None, metadata=NUMBER)
    speed_priority: float | None = attrs.field(default=None, metadata=NUMBER)
    intelligence_priority: float | None = attrs.field(default=None, metadata=NUMBER)

    @property
    def hint_names(self) -> tuple[str, ...]:
        """The names in the hints, in their order: each may be a part of a model's name."""
        names = (hint.get("name") for hint in self.hints)
        return tuple(name for name in names if isinstance(name, str))


@attrs.frozen(eq=False)
class SamplingMessage(MCPValue):
    """One message of the talk that a model is to go on with.

    Args:
        role: "user" or "assistant"; others are kept as they come.
        content: its blocks; one block or many on the wire. A text or a block alone may be given.
        meta: the object ``_meta``; empty where there is none.
        raw: the object exactly as it came.
    """

    role: str = attrs.field(metadata=TEXT)
    content: tuple[Content, ...] = attrs.field(converter=as_blocks, metadata=_ONE_OR_MANY)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def text(self) -> str:
        """The texts of all text blocks, joined with line feeds; "" where there is none."""
        return join_text(self.content)


@attrs.frozen(eq=False, kw_only=True)
class SamplingRequest(MCPValue):
    """What a server asks of the client's model (``sampling/createMessage``).

    Untrusted: a person should see and may change what is asked and what is answered.

    Args:
        messages: the talk so far.
        max_tokens: the most tokens the answer may have; must be kept.
        system_prompt: the system prompt it would like; None where it asks for none.
        model_preferences: which model it would like; None where it did not say.
        include_context: "none", "thisServer" or "allServers"; None where it did not say.
        temperature: the temperature it would like; None where it did not say.
        stop_sequences: texts that end the answer; empty where there are none.
        metadata: facts for the maker of the model, as they came; None where there are none.
        tools: tools that the model may use; None where the server gave none.
        tool_choice: an object whose ``mode`` is "auto", "required" or "none"; None where the
            server did not say.
        meta: the object ``_meta``; empty where there is none.
        raw: the params exactly as they came.
    """

    messages: tuple[SamplingMessage, ...] = attrs.field(
        metadata={"read": list_of(SamplingMessage.from_wire)}
    )
    max_tokens: int = attrs.field(metadata=INTEGER)
    system_prompt: str | None = attrs.field(default=None, metadata=TEXT)
    model_preferences: ModelPreferences | None = attrs.field(
        default=None, metadata={"read": ModelPreferences.from_wire}
    )
    include_context: str | None = attrs.field(default=None, metadata=TEXT)
    temperature: float | None = attrs.field(default=None, metadata=NUMBER)
    stop_sequences: tuple[str, ...] = attrs.field(default=(), metadata=TEXTS)
    metadata: Mapping[str, Any] | None = attrs.field(default=None, metadata=OBJECT)
    tools: tuple[Tool, ...] | None = attrs.field(
        default=None, metadata={"read": list_of(Tool.from_wire)}
    )
    tool_choice: Mapping[str, Any] | None = attrs.field(default=None, metadata=OBJECT)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META)

    @property
    def wants_tools(self) -> bool:
        """Whether it has tools or a choice of them, well-formed or not.

        Who did not declare ``sampling.tools`` must refuse such a request.
        """
        return any(self.raw.get(key) is not None for key in ("tools", "toolChoice")) or (
            self.tools is not None or self.tool_choice is not None
        )


@attrs.frozen(eq=False)
class SamplingResult(MCPValue):
    """What the model said.

    Args:
        content: what it said: a text, a block, or a list of blocks.
        model: the name of the model that said it.
        stop_reason: "endTurn", "stopSequence", "maxTokens", "toolUse" or another word for why it
            stopped; None to leave it out.
        role: who said it.
        meta: the object ``_meta``; empty to leave it out.
        raw: the object exactly as it came; ``{}`` for a value that was made here.
    """

    content: tuple[Content, ...] = attrs.field(converter=as_blocks, metadata=_ONE_OR_MANY)
    model: str = attrs.field(default="unknown", metadata={**TEXT, REQUIRED: True})
    stop_reason: str | None = attrs.field(default="endTurn", metadata={**TEXT, ABSENT: None})
    role: str = attrs.field(default="assistant", metadata={**TEXT, REQUIRED: True})
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @property
    def text(self) -> str:
        """The texts of all text blocks, joined with line feeds; "" where there is none."""
        return join_text(self.content)
