"""What a dialect is: how one kind of server talks JSON-RPC.

A dialect is a value without state: it answers questions about methods and messages, and writes
its handshake down as a generator. It knows neither links nor calls.
"""

from __future__ import annotations

import abc
from collections.abc import Generator, Mapping
from typing import Any, Final

import attrs

from ..errors import MCPMessageTooLarge, MCPResponseError
from ..types.session import InitializeResult
from .messages import (
    ErrorResponse,
    Message,
    Notification,
    Request,
    RequestId,
    classify,
)

__all__ = ["METHOD_NOT_FOUND", "Dialect", "Handshake", "HandshakeStep", "Session"]

METHOD_NOT_FOUND: Final = -32601
"""The error code for a method that is not offered (JSON-RPC 2.0, section 5.1)."""


@attrs.frozen
class HandshakeStep:
    """One message of a handshake: a request whose answer is wanted, or a notification."""

    method: str
    params: Mapping[str, Any]
    wants_answer: bool = True


@attrs.frozen
class Session:
    """What a handshake agreed on, and the dialect to speak from then on."""

    result: InitializeResult
    dialect: Dialect


Handshake = Generator[HandshakeStep, Mapping[str, Any], Session]
"""Yields the steps, is sent each one's result (empty for a notification) or has the server's
MCPResponseError thrown in, and returns the session."""


class Dialect(abc.ABC):
    """How one kind of server talks. Stateless, so safe to share between threads."""

    name: str
    handshake_required: bool = True
    """Whether the server must be initialized before it answers anything else."""
    drain_window: int = 32
    """How many calls of a drained queue may be unanswered at a time."""
    max_request_size: int | None = None
    """Bytes of the largest message that the server accepts; None where it has no known limit."""
    size_advice: str = "send less in one call"
    """What to do about a message over that size, as the rest of a sentence."""
    health_probe: tuple[str, Mapping[str, Any]] | None = None
    """A cheap request that shows that the server still answers; None where there is none."""

    @abc.abstractmethod
    def handshake(self, client_info: Mapping[str, Any]) -> Handshake:
        """Begin a handshake.

        Args:
            client_info: who the client says it is.

        Returns:
            A generator that raises MCPConnectionRejected when there is nothing to agree on, and
            an MCPError of another kind when a later attempt may do better.
        """

    @abc.abstractmethod
    def is_repeatable(self, method: str) -> bool:
        """Whether a second execution of this method does no harm."""

    def tool_of(self, method: str, params: Mapping[str, Any] | None) -> str | None:
        """The tool that a call runs, where its own hints may say that it is safe to repeat."""
        return None

    def request_id(self, number: int) -> RequestId:
        """Give the id of the request with this running number, which starts at 1."""
        return number

    def classify(self, raw: dict[str, Any]) -> Message:
        """Tell what kind of message an object is."""
        return classify(raw)

    def cancellation(self, request_id: RequestId, reason: str) -> Notification | None:
        """Give the notification that withdraws a request; None where the server knows none."""
        return None

    def answer(self, request: Request) -> Mapping[str, Any] | None:
        """Answer a server's request that needs nobody's help; None where the method is unknown."""
        return None

    def error(self, response: ErrorResponse, method: str) -> MCPResponseError:
        """Turn an error answer into the exception that its caller gets."""
        return MCPResponseError(response.code, response.message, response.data, method)

    def check_size(self, size: int) -> None:
        """Refuse a message that the server would not accept.

        Raises:
            MCPMessageTooLarge: it is over ``max_request_size``.
        """
        if self.max_request_size is not None and size > self.max_request_size:
            raise MCPMessageTooLarge(size, self.max_request_size, "outbound", self.size_advice)
