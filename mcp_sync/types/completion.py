"""Completions of an argument's value, and what they are asked for."""

from __future__ import annotations

from typing import ClassVar, Self, TypeAlias

import attrs

from .mcp_wire import MCPValue
from .wire import FLAG, INTEGER, TEXT, TEXTS, missing, read_object

__all__ = ["Completion", "CompletionReference", "PromptReference", "ResourceReference"]


@attrs.frozen(eq=False)
class PromptReference(MCPValue):
    """Names the prompt whose argument is to be completed (MCP 2025-11-25, completion).

    Args:
        name: the prompt's name.
        title: its name for people; None to leave it out.
        raw: the object exactly as it came; ``{}`` for a value that was made here.
    """

    TYPE: ClassVar[str] = "ref/prompt"

    name: str = attrs.field(metadata=TEXT)
    title: str | None = attrs.field(default=None, metadata=TEXT)


@attrs.frozen(eq=False)
class ResourceReference(MCPValue):
    """Names the resources whose URI is to be completed (MCP 2025-11-25, completion).

    Args:
        uri: a URI, or a template of URIs as ``resources/templates/list`` gives it.
        raw: the object exactly as it came; ``{}`` for a value that was made here.
    """

    TYPE: ClassVar[str] = "ref/resource"

    uri: str = attrs.field(metadata=TEXT)


CompletionReference: TypeAlias = PromptReference | ResourceReference
"""What a completion can be asked for."""


@attrs.frozen(eq=False)
class Completion(MCPValue):
    """What a server proposes for a value (MCP 2025-11-25, "CompleteResult").

    Args:
        values: its proposals, the best first; MCP allows 100 at most.
        total: how many there are in all; None where the server did not say.
        has_more: whether there are more than these; None where the server did not say.
        raw: the object ``completion`` exactly as it came.
    """

    values: tuple[str, ...] = attrs.field(metadata=TEXTS)
    total: int | None = attrs.field(default=None, metadata=INTEGER)
    has_more: bool | None = attrs.field(default=None, metadata=FLAG)

    @classmethod
    def from_result(cls, result: object, where: str = "completion/complete: result") -> Self:
        """Read the result of ``completion/complete``.

        Args:
            result: the ``result`` of the answer, which holds the object ``completion``.
            where: the path to it, for the error's sentence.

        Returns:
            The completion.

        Raises:
            MCPProtocolError: there is no completion in it, or it has no values.
        """
        wire = read_object(result, where)
        if "completion" not in wire:
            raise missing(f"{where}.completion", result)
        return cls.from_wire(wire["completion"], f"{where}.completion")
