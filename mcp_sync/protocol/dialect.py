"""What a dialect is: how one kind of server talks JSON-RPC.

A dialect is a value without state: it answers questions about methods and messages, and writes
its handshake down as a generator. It knows neither links nor calls.
"""

from __future__ import annotations

import abc
from collections.abc import Generator, Mapping
from typing import Any, Final, NamedTuple

from ..errors import MCPMessageTooLarge, MCPResponseError
from ..types.session import InitializeResult
from .messages import (
    INVALID_PARAMS,
    ErrorResponse,
    Message,
    Notification,
    Request,
    RequestId,
    classify,
    encode_request,
    join_params,
)
from .offer import Offer

__all__ = [
    "INTERNAL_ERROR",
    "INVALID_PARAMS",
    "METHOD_NOT_FOUND",
    "Dialect",
    "Handshake",
    "HandshakeStep",
    "LinkSpent",
    "Session",
    "with_meta",
]

METHOD_NOT_FOUND: Final = -32601
"""The error code for a method that is not offered (JSON-RPC 2.0, section 5.1)."""

INTERNAL_ERROR: Final = -32603
"""The error code for a fault of whoever was asked (JSON-RPC 2.0, section 5.1)."""


class HandshakeStep(NamedTuple):
    """One message of a handshake: a request whose answer is wanted, or a notification.

    Args:
        method: its method.
        params: its params.
        wants_answer: False for a notification.
        share: how much of the time that is left it may take, up to 1; when that is over,
            MCPTimeoutError is thrown in.
        fallback: what to begin the next link with if this one ends before the answer; None where
            that tells nothing.
    """

    method: str
    params: Mapping[str, Any]
    wants_answer: bool = True
    share: float = 1.0
    fallback: Dialect | None = None


class Session(NamedTuple):
    """What a handshake agreed on, and the dialect to speak from then on.

    Args:
        result: what the server told.
        dialect: what to speak on this link.
        is_verdict: whether it shows which era the server speaks, so that the next link may begin
            with it; False where another era was not asked for, or its refusal was guessed.
    """

    result: InitializeResult
    dialect: Dialect
    is_verdict: bool = False


class LinkSpent(Exception):
    """A handshake found out what to speak, and that it needs a fresh link for it.

    Args:
        dialect: what to begin that link with.
        cause: why, as a short phrase.
    """

    def __init__(self, dialect: Dialect, cause: str) -> None:
        super().__init__(cause)
        self.dialect = dialect


Handshake = Generator[HandshakeStep, Mapping[str, Any], Session]
"""Yields the steps, is sent each one's result (empty for a notification) or has the server's
MCPResponseError thrown in, and returns the session; or raises LinkSpent."""


class Dialect(abc.ABC):
    """How one kind of server talks. Never changed once made, so safe to share between threads.

    Two of one kind that were made of the same are equal.
    """

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

    is_modern: bool = False
    """Whether it has no sessions: every request declares what it needs (MCP 2026-07-28)."""

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(type(self))

    def __repr__(self) -> str:
        made_of = ", ".join(
            f"{name}={value!r}" for name, value in vars(self).items() if name[0] != "_"
        )
        return f"{type(self).__name__}({made_of})"

    @abc.abstractmethod
    def handshake(self, offer: Offer) -> Handshake:
        """Begin a handshake.

        Args:
            offer: what the client declares.

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

    def encode_request(self, request_id: RequestId, method: str, params: str, meta: str) -> str:
        """Put a request together.

        Args:
            request_id: its id.
            method: its method.
            params: its encoded params without ``_meta``; "" for none.
            meta: the encoded members of ``_meta`` that the caller gave; "" for none.

        Returns:
            The JSON text of the message.
        """
        return encode_request(request_id, method, with_meta(params, meta) if meta else params)

    def with_offer(self, offer: Offer) -> Dialect:
        """The same dialect for a client that declares something else from now on."""
        return self

    def classify(self, raw: dict[str, Any]) -> Message:
        """Tell what kind of message an object is."""
        return classify(raw)

    def split(self, text: str) -> list[str]:
        """Split what is no message into the messages that a server may send as one.

        Args:
            text: what ``decode`` refused.

        Returns:
            Their texts, for ``decode``; none where it is nothing of use.
        """
        return []

    def cancellation(self, request_id: RequestId, reason: str) -> Notification | None:
        """Give the notification that withdraws a request; None where the server knows none."""
        return None

    def answer(self, request: Request) -> Mapping[str, Any] | None:
        """Answer a server's request that needs nobody's help; None where the method is unknown."""
        return None

    def error(self, response: ErrorResponse, method: str) -> MCPResponseError:
        """Turn an error answer into the exception that its caller gets."""
        return MCPResponseError(response.code, response.message, response.data, method)

    def is_worth_another_try(self, response: ErrorResponse) -> bool:
        """Whether a request was refused, and not begun, for what the server says it takes."""
        return False

    def check_size(self, size: int) -> None:
        """Refuse a message that the server would not accept.

        Raises:
            MCPMessageTooLarge: it is over ``max_request_size``.
        """
        if self.max_request_size is not None and size > self.max_request_size:
            raise MCPMessageTooLarge(size, self.max_request_size, "outbound", self.size_advice)


def with_meta(params: str, meta: str) -> str:
    """Put the encoded members of ``_meta`` into encoded params; "" for none of either."""
    return join_params(params, f'"_meta":{{{meta}}}') if meta else params
