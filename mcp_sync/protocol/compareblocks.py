"""The compareblocks dialect: JSON-RPC of the BECR server, as recorded on the wire.

It shares with MCP its look and the method name ``initialize``. Its notifications carry an id and
must not be answered; ids must be non-empty strings; a message with an unknown top-level key is
dropped without an answer.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from ..errors import MCPConnectionRejected, MCPResponseError
from ..types.session import InitializeResult
from ..types.versions import COMPAREBLOCKS_VERSION
from .compareblocks_errors import compareblocks_error
from .dialect import Dialect, Handshake, HandshakeStep, Session
from .messages import ErrorResponse, Message, RequestId, classify
from .offer import Offer

__all__ = ["MAX_REQUEST_SIZE", "CompareblocksDialect"]

MAX_REQUEST_SIZE: Final = 1024 * 1024
"""Bytes of UTF-8; one more closes the link with 1009."""

_MCP_VERSION: Final = re.compile(r"\d{4}-\d{2}-\d{2}")

_REPEATABLE: Final = frozenset(
    {"initialize", "get_status", "get_results", "subscribe_updates", "unsubscribe_updates"}
)


class CompareblocksDialect(Dialect):
    """How the compareblocks server talks. Stateless, so safe to share between threads."""

    name = "compareblocks"
    handshake_required = False
    drain_window = 1
    max_request_size = MAX_REQUEST_SIZE
    size_advice = "split the variations over several submissions"
    health_probe: tuple[str, Mapping[str, Any]] | None = ("get_status", {})

    def handshake(self, offer: Offer) -> Handshake:
        """Initialize, which this server offers and does not require.

        A date for a version is that of a standard MCP server, which knows no extractions.
        """
        answer = yield HandshakeStep("initialize", {"clientInfo": dict(offer.client_info)})
        result = InitializeResult.from_wire(answer)
        if _MCP_VERSION.fullmatch(result.protocol_version):
            raise MCPConnectionRejected(
                f"the server speaks MCP {result.protocol_version} and not compareblocks "
                f"{COMPAREBLOCKS_VERSION}: use MCPClient"
            )
        return Session(result, self)

    def is_repeatable(self, method: str) -> bool:
        """Reads and subscriptions; a second submission would make a second session."""
        return method in _REPEATABLE

    def request_id(self, number: int) -> RequestId:
        """A string that is never empty: 0, "" and false come back as "unknown"."""
        return str(number)

    def classify(self, raw: dict[str, Any]) -> Message:
        """A notification of this server carries an id and is told by its method alone."""
        return classify(raw if raw.get("method") is None else {**raw, "id": None})

    def error(self, response: ErrorResponse, method: str) -> MCPResponseError:
        """The kind of error that the message's prefix tells, since the code does not."""
        return compareblocks_error(response.code, response.message, response.data, method)
