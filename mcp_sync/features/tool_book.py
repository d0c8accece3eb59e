"""The tools that were listed, and what is held against their schemas; this room knows no client."""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ..connection.gate import Gate
    from ..connection.link import Link
    from ..types.tools import CallToolResult, Tool
    from .schemas import SchemaChecks

__all__ = ["ToolBook"]


@functools.cache
def _result_type() -> type[CallToolResult]:
    from ..types.tools import CallToolResult

    return CallToolResult


class _Listed(NamedTuple):
    """A tool, and what it was listed under: the link, and how often the tools had changed."""

    tool: Tool
    generation: int
    changes: int


class ToolBook:
    """The tools that were listed, by name, with their schemas. Safe for any thread.

    It does not know the client, so that a call that is under way keeps none alive.

    Args:
        gate: of the connection.
    """

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._schema_checks: SchemaChecks | None = None
        self._listed: Mapping[str, _Listed] = {}
        """Replaced as a whole."""
        self.changes = 0
        """How often the server said that its tools are others; looked at before they are listed."""

    def changed(self, _link: Link, _params: Mapping[str, Any]) -> None:
        """The server has other tools: their names are still known, but no schema holds."""
        self.changes += 1

    def enter(self, tools: list[Tool], changes: int, *, whole: bool) -> None:
        """Take note of tools.

        Args:
            tools: as they were listed.
            changes: what ``changes`` was before they were asked for.
            whole: whether there are no others.
        """
        link = self._gate.link
        generation = 0 if link is None else link.generation
        known = {} if whole else self._listed
        self._listed = {
            **known,
            **{tool.name: _Listed(tool, generation, changes) for tool in tools},
        }

    def find(self, name: str) -> Tool | None:
        """The tool with this name, as it was listed last; None when it was not listed."""
        listed = self._listed.get(name)
        return None if listed is None else listed.tool

    def find_current(self, name: str) -> Tool | None:
        """The same, but None where the server has or may have other schemas by now."""
        listed = self._listed.get(name)
        return listed.tool if listed is not None and self._holds(listed) else None

    def _holds(self, listed: _Listed) -> bool:
        link = self._gate.link
        is_same = link is None or link.generation == listed.generation
        return is_same and listed.changes == self.changes

    def names(self) -> list[str]:
        """The names of all that were listed."""
        return sorted(self._listed)

    @property
    def _checks(self) -> SchemaChecks:
        checks = self._schema_checks
        if checks is None:
            from .schemas import SchemaChecks

            checks = self._schema_checks = SchemaChecks()
        return checks

    def check_arguments(self, tool: Tool, arguments: Mapping[str, Any]) -> None:
        """Hold arguments against the input schema; raises as ``SchemaChecks`` does."""
        self._checks.check_arguments(tool.name, tool.input_schema, arguments)

    def finish(self, name: str, raise_on_error: bool, result: Any) -> CallToolResult:
        """Make the typed result of a call.

        Raises:
            MCPProtocolError: it cannot be read, or breaks the tool's output schema.
            MCPToolError: the tool failed, and that was to raise.
        """
        value = _result_type().from_wire(result, tool=name)
        if value.is_error:
            return value.raise_for_error() if raise_on_error else value
        listed = self._listed.get(name)
        if listed is not None:
            schema = listed.tool.output_schema
            if schema is not None and self._holds(listed):
                is_there = value.has_structured_content
                self._checks.check_output(name, schema, value.structured_content, is_there=is_there)
        return value
