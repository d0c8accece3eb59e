"""Elicitation: a server asks a person, and what the person says (MCP 2025-11-25)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, Self, get_args

import attrs

from ..errors import MCPProtocolError
from .mcp_wire import META, MCPValue
from .wire import OBJECT, TEXT, missing

__all__ = ["ELICITATION_ACTIONS", "ElicitationAction", "ElicitationRequest", "ElicitationResult"]

ElicitationAction = Literal["accept", "decline", "cancel"]
"""What a person can do with a question."""

ELICITATION_ACTIONS: Final[tuple[ElicitationAction, ...]] = get_args(ElicitationAction)
"""Everything that a person can do with a question."""


@attrs.frozen(eq=False, kw_only=True)
class ElicitationRequest(MCPValue):
    """What a server asks of a person (``elicitation/create``).

    Untrusted: show which server asks, and the whole URL; never fetch or open it unasked.

    Args:
        message: what it wants to know, for the person.
        mode: "form" or "url"; "form" where the server did not say. Others are kept as they come.
        requested_schema: the flat JSON Schema of the form; ``{}`` in another mode.
        url: where the person is to go; None in a form.
        elicitation_id: the name by which ``notifications/elicitation/complete`` tells that it is
            done; None in a form and since 2026-07-28.
        meta: the object ``_meta``; empty where there is none.
        raw: the params exactly as they came.
    """

    message: str = attrs.field(metadata=TEXT)
    mode: str = attrs.field(default="form", metadata=TEXT)
    requested_schema: Mapping[str, Any] = attrs.field(factory=dict, metadata=OBJECT)
    url: str | None = attrs.field(default=None, metadata=TEXT)
    elicitation_id: str | None = attrs.field(default=None, metadata=TEXT)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META)

    @classmethod
    def from_wire(cls, value: object, where: str = "elicitation/create: params") -> Self:
        """Read the params of a request.

        Args:
            value: what came.
            where: the path to it, for the error's sentence.

        Returns:
            The request, which keeps the params as ``raw``.

        Raises:
            MCPProtocolError: it is no object, or has no message, or is a form without a schema,
                or sends somewhere without a URL.
        """
        request = cls(**cls._facts(value, where))
        if request.mode == "form" and not isinstance(request.raw.get("requestedSchema"), Mapping):
            raise missing(f"{where}.requestedSchema (an object)", value)
        if request.mode == "url" and request.url is None:
            raise missing(f"{where}.url (a string)", value)
        return request


def _read_action(value: object, where: str) -> str:
    if value in ELICITATION_ACTIONS:
        return str(value)
    raise MCPProtocolError(f"{where} must be accept, decline or cancel", repr(value))


@attrs.frozen(eq=False)
class ElicitationResult(MCPValue):
    """What a person did with a question; ``accept``, ``decline`` and ``cancel`` make one.

    Args:
        action: "accept", "decline" or "cancel".
        content: the form, filled in, with values that are strings, numbers, booleans or lists of
            strings; None where there is none, as with a URL or without consent.
        meta: the object ``_meta``; empty to leave it out.
        raw: the object exactly as it came; ``{}`` for a value that was made here.
    """

    action: ElicitationAction = attrs.field(
        validator=attrs.validators.in_(ELICITATION_ACTIONS), metadata={"read": _read_action}
    )
    content: Mapping[str, Any] | None = attrs.field(default=None, metadata=OBJECT)
    meta: Mapping[str, Any] = attrs.field(factory=dict, metadata=META, kw_only=True)

    @classmethod
    def accept(cls, content: Mapping[str, Any] | None = None) -> Self:
        """Say that the person agreed.

        Args:
            content: the form, filled in; what is left out takes the defaults of the form. None
                for consent to open a URL, which has no content.

        Returns:
            The result.
        """
        return cls("accept", content)

    @classmethod
    def decline(cls) -> Self:
        """Say that the person refused."""
        return cls("decline")

    @classmethod
    def cancel(cls) -> Self:
        """Say that the person went away without a choice."""
        return cls("cancel")
