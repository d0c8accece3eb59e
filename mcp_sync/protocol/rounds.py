"""A result that asks for input first: multi round-trip requests (MCP 2026-07-28, basic/mrtr)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ..errors import MCPProtocolError
from .messages import encode_params, join_params

__all__ = ["INPUT_REQUIRED", "InputRequired", "is_complete"]

INPUT_REQUIRED: Final = "input_required"
"""The ``resultType`` of an answer that asks for input."""

_METHODS_THAT_ASK: Final = frozenset({"tools/call", "prompts/get", "resources/read"})


def is_complete(result: Mapping[str, Any]) -> bool:
    """Whether a result is the last word; one that does not say is."""
    return bool(result.get("resultType", "complete") == "complete")


class InputRequired(NamedTuple):
    """What a server asks for before it goes on with a request.

    Args:
        requests: method and params of each question, by its key.
        state: what the next round has to give back as it is; None where there is none.
    """

    requests: Mapping[str, tuple[str, Mapping[str, Any]]]
    state: str | None

    @classmethod
    def from_wire(cls, method: str, result: Mapping[str, Any]) -> InputRequired:
        """Read a result that is not complete.

        Args:
            method: what was called.
            result: the answer.

        Raises:
            MCPProtocolError: its kind is unknown, this method may not ask, or it asks for nothing.
        """
        kind = result.get("resultType")
        if kind != INPUT_REQUIRED or method not in _METHODS_THAT_ASK:
            raise MCPProtocolError(f"{method}: a result of the type {kind!r} is none", repr(result))
        asked = result.get("inputRequests")
        state = result.get("requestState")
        if asked is None and state is None:
            rule = "a request for input needs inputRequests or requestState"
            raise MCPProtocolError(f"{method}: {rule}", repr(result))
        if not isinstance(asked, Mapping | None) or not isinstance(state, str | None):
            rule = "inputRequests must be an object and requestState a string"
            raise MCPProtocolError(f"{method}: {rule}", repr(result))
        questions = {key: _question(method, key, value) for key, value in (asked or {}).items()}
        return cls(questions, state)

    def next_params(self, params: str, responses: Mapping[str, Any]) -> str:
        """Put the params of the next round together.

        Args:
            params: the encoded params of the first round, for what an earlier round was given
                counts no more.
            responses: the answers by the questions' keys.

        Returns:
            The encoded params.
        """
        added: dict[str, Any] = {}
        if self.requests:
            added["inputResponses"] = dict(responses)
        if self.state is not None:
            added["requestState"] = self.state
        return join_params(params, encode_params(added)[1:-1])


def _question(method: str, key: str, value: object) -> tuple[str, Mapping[str, Any]]:
    if isinstance(value, Mapping):
        asked, params = value.get("method"), value.get("params", {})
        if isinstance(asked, str) and isinstance(params, Mapping):
            return asked, params
    raise MCPProtocolError(f"{method}: inputRequests[{key!r}] is no request", repr(value))
