"""JSON Schema checks of what tools take and give (MCP 2026-07-28, server/tools).

A schema is a server's word: data, and perhaps hostile. Nothing is fetched and nothing is executed;
size, depth, steps and time are bounded, those of regular expressions too. 2020-12 is the dialect;
2019-09 and draft-07 are read where a schema names them.

The libraries are those of the extra ``schema``: ``jsonschema``, and ``regex``, because the
expressions of the standard library know no time limit. Both, or no check: they are imported with
the first one. This room knows no client.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import attrs

from ..errors import MCPConfigurationError, MCPError, MCPProtocolError, shorten
from .schema_limits import SchemaLimits, SchemaUnusable

if TYPE_CHECKING:
    from .schema_reading import CompiledSchema

__all__ = [
    "InvalidArguments",
    "Misfit",
    "SchemaChecks",
    "SchemaLimits",
    "SchemaValidator",
    "schemas_available",
]

_MOST_COMPILED: Final = 256
_NEEDS: Final = "needs the extra 'schema': pip install 'mcp_sync[schema]'"


class InvalidArguments(MCPError, ValueError):
    """Arguments that a tool's input schema does not allow; nothing was sent.

    Args:
        tool: the tool's name.
        path: where the fault is, as a JSON path from the arguments ("$.city").
        reason: what is wrong there; it is cut short.
    """

    def __init__(self, tool: str, path: str, reason: str) -> None:
        self.tool = tool
        self.path = path
        self.reason = shorten(reason)
        super().__init__(
            f"arguments of tool {tool} do not match its input schema at {path}: {self.reason}"
        )


@attrs.frozen
class Misfit:
    """Where a value does not match a schema.

    Args:
        path: a JSON path from the value ("$.items[2].name"), cut short.
        reason: what is wrong there, cut short.
    """

    path: str
    reason: str


def schemas_available() -> bool:
    """Say whether the libraries of the extra ``schema`` are installed; imports them."""
    try:
        from . import schema_reading  # noqa: F401  an extra, imported when used
    except ImportError:
        return False
    return True


class SchemaValidator:
    """One schema, read and ready. May be shared between threads.

    Args:
        schema: the schema as it came; it must not be changed afterwards.
        subject: what it is, for the errors: "the output schema of tool X".
        limits: how much of it is borne.

    Raises:
        MCPProtocolError: it is no valid schema, names a dialect that is not supported, refers to
            something outside itself, or is beyond a limit.
        MCPConfigurationError: the libraries of the extra ``schema`` are not installed.
    """

    def __init__(
        self,
        schema: Mapping[str, Any] | bool,
        subject: str = "the schema",
        limits: SchemaLimits | None = None,
    ) -> None:
        try:
            from .schema_reading import compile_schema
        except ImportError:
            raise MCPConfigurationError("schema", subject, _NEEDS) from None
        self._subject = subject
        try:
            self._compiled: CompiledSchema = compile_schema(schema, limits or SchemaLimits())
        except SchemaUnusable as error:
            raise self._unusable(error) from error.__cause__

    def find(self, instance: object) -> Misfit | None:
        """Look for the first fault of a value.

        Args:
            instance: any JSON value.

        Returns:
            The fault, or None where the value matches.

        Raises:
            MCPProtocolError: the schema cannot be applied: a reference leads nowhere, or a limit
                of steps or time was met.
        """
        try:
            fault = self._compiled.first_fault(instance)
        except SchemaUnusable as error:
            raise self._unusable(error) from error.__cause__
        return None if fault is None else Misfit(*fault)

    def check(self, instance: object) -> None:
        """Hold a value that came from the server against the schema.

        Args:
            instance: any JSON value.

        Raises:
            MCPProtocolError: it does not match, or as ``find`` raises it.
        """
        fault = self.find(instance)
        if fault is not None:
            raise MCPProtocolError(f"{self._subject} is not met at {fault.path}: {fault.reason}")

    def _unusable(self, error: Exception) -> MCPProtocolError:
        return MCPProtocolError(f"{self._subject} cannot be used: {error}")


class SchemaChecks:
    """The checks of one client, each schema read once. May be shared between threads.

    A schema is known again by its identity: hand in the object of the tool's description, not a
    copy of it.

    Args:
        limits: how much of a schema is borne.
    """

    def __init__(self, limits: SchemaLimits | None = None) -> None:
        self._limits = limits
        self._validators = functools.lru_cache(maxsize=_MOST_COMPILED)(self._validator)

    def check_output(
        self,
        tool: str,
        schema: Mapping[str, Any] | bool,
        content: object,
        *,
        is_there: bool = True,
    ) -> None:
        """Hold the structured content of a result against the tool's output schema.

        Without the libraries of the extra ``schema`` nothing is checked.

        Args:
            tool: the tool's name.
            schema: its output schema.
            content: the structured content, any JSON.
            is_there: False where the result has none, which null is not.

        Raises:
            MCPProtocolError: it is missing or does not match, or the schema cannot be used.
        """
        if not schemas_available():
            return
        if not is_there:
            raise MCPProtocolError(
                f"tool {tool} gave no structured content, which its output schema promises"
            )
        fault = self._find(_Source(f"the output schema of tool {tool}", schema), content)
        if fault is not None:
            raise MCPProtocolError(
                f"structured content of tool {tool} does not match its output schema "
                f"at {fault.path}: {fault.reason}"
            )

    def check_arguments(
        self, tool: str, schema: Mapping[str, Any] | bool, arguments: Mapping[str, Any]
    ) -> None:
        """Hold arguments against the tool's input schema, before they are sent.

        Args:
            tool: the tool's name.
            schema: its input schema.
            arguments: the arguments.

        Raises:
            InvalidArguments: they do not match, or are no JSON.
            MCPProtocolError: the schema cannot be used.
            MCPConfigurationError: the libraries of the extra ``schema`` are not installed.
        """
        if not schemas_available():
            raise MCPConfigurationError("validate_arguments", True, _NEEDS)
        try:
            # What is sent is what counts: a tuple is sent as an array.
            sent = json.loads(json.dumps(arguments))
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidArguments(tool, "$", f"they are no JSON: {error}") from error
        fault = self._find(_Source(f"the input schema of tool {tool}", schema), sent)
        if fault is not None:
            raise InvalidArguments(tool, fault.path, fault.reason)

    def _find(self, source: _Source, instance: object) -> Misfit | None:
        validator = self._validators(source)
        if isinstance(validator, MCPProtocolError):
            # A fresh error each time: one object would gather the tracebacks of all callers.
            raise MCPProtocolError(validator.rule, validator.received)
        return validator.find(instance)

    def _validator(self, source: _Source) -> SchemaValidator | MCPProtocolError:
        """Read a schema; its refusal is remembered too, since a hostile one may cost seconds."""
        try:
            return SchemaValidator(source.schema, source.subject, self._limits)
        except MCPProtocolError as error:
            return error.with_traceback(None)


@attrs.frozen(eq=False)
class _Source:
    """A schema in the caller's hands, the same only where it is the same object."""

    subject: str
    schema: Mapping[str, Any] | bool

    def __hash__(self) -> int:
        return hash((self.subject, id(self.schema)))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, _Source):
            return NotImplemented
        return self.subject == other.subject and self.schema is other.schema
