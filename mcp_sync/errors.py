"""Every error a user of mcp_sync can meet, as one shallow tree.

::

    MCPError
    ├── MCPConfigurationError (ValueError)
    ├── MCPConnectionError (ConnectionError)
    │   ├── MCPConnectionRejected
    │   ├── MCPConnectionLost
    │   ├── MCPOfflineError
    │   └── MCPClosedError
    ├── MCPTimeoutError (TimeoutError)
    ├── MCPCancelledError (concurrent.futures.CancelledError)
    ├── MCPQueueFullError
    ├── MCPProtocolError
    │   └── MCPMessageTooLarge
    ├── MCPResponseError
    │   └── CompareblocksError and its kinds
    ├── MCPToolError
    ├── ExtractionFailed
    ├── InvalidParams (ValueError) and its kinds
    └── InvalidVariationLine (ValueError)

The last three and the kinds of ``CompareblocksError`` are those of one dialect, and stand in
``mcp_sync.protocol.compareblocks_errors``.

Constructors take facts, keep them as attributes and make one sentence of them. Every error
pickles. This room knows nothing of connections, threads or wire formats.
"""

from __future__ import annotations

from concurrent.futures import CancelledError
from typing import Any, Self, TypeVar

__all__ = [
    "MCPCancelledError",
    "MCPClosedError",
    "MCPConfigurationError",
    "MCPConnectionError",
    "MCPConnectionLost",
    "MCPConnectionRejected",
    "MCPError",
    "MCPMessageTooLarge",
    "MCPOfflineError",
    "MCPProtocolError",
    "MCPQueueFullError",
    "MCPResponseError",
    "MCPTimeoutError",
    "MCPToolError",
    "copy_of",
    "shorten",
]

QUOTED_CHARACTERS = 200

_SENT = (
    "the request had been sent, so the server may have executed it; check its state before you "
    "repeat it"
)
_NOT_SENT = "the request had not been sent"


def shorten(text: object, limit: int = QUOTED_CHARACTERS) -> str:
    """Cut a text for an error or a log line.

    Args:
        text: anything; its ``str`` is taken.
        limit: the most characters to keep.

    Returns:
        The text itself, or its beginning with a note of how many characters it had.
    """
    whole = str(text)
    if len(whole) <= limit:
        return whole
    return f"{whole[:limit]}… ({len(whole)} characters)"


def _show(value: object) -> str:
    try:
        return shorten(repr(value))
    except Exception:  # noqa: BLE001  a repr may raise anything; that of a huge int does
        return f"<{type(value).__name__}>"


class MCPError(Exception):
    """The root of every error that mcp_sync raises on purpose."""

    def __init__(self, message: str) -> None:
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        # The constructors take facts, not the message, and OSError would parse its arguments
        # again: so the instance is rebuilt from its parts.
        return _rebuild, (type(self), self.args, self.__dict__.copy())


_Kind = TypeVar("_Kind", bound=MCPError)


def _rebuild(kind: type[_Kind], args: tuple[Any, ...], facts: dict[str, Any]) -> _Kind:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


def copy_of(error: _Kind) -> _Kind:
    """Copy an error for one more raise: each adds to the traceback and keeps its frames alive."""
    fresh = _rebuild(type(error), error.args, error.__dict__.copy())
    fresh.__cause__ = error.__cause__
    return fresh


class MCPConfigurationError(MCPError, ValueError):
    """A URL or a setting that cannot work.

    Args:
        setting: the name of the setting.
        value: what was given; its ``repr``, cut short, is kept. Pass a masked text where it could
            hold a secret.
        rule: what the setting must be, as the rest of a sentence ("must be …").
    """

    def __init__(self, setting: str, value: object, rule: str) -> None:
        self.setting = setting
        self.value = _show(value)
        self.rule = rule
        super().__init__(f"{setting}={self.value} {rule}")


class MCPConnectionError(MCPError, ConnectionError):
    """There is no connection, or none could be made.

    Args:
        message: what happened, in one sentence.
        attempts: how many dials this outage had so far; 0 where none was counted.
        last_error: the text of the last dial's failure; None where there was none.
        retry_after: seconds the server asked to wait (RFC 9110, 10.2.3); None where it did not.
    """

    method: str | None = None
    """The method of the call that it ended; None where it ended none."""

    maybe_executed: bool = False
    """Whether the server may have executed that call, or may yet; if False, repeating is safe."""

    def __init__(
        self,
        message: str,
        attempts: int = 0,
        last_error: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        self.attempts = attempts
        self.last_error = last_error
        self.retry_after = retry_after
        super().__init__(message)

    def for_call(self, method: str, maybe_executed: bool, fate: str = "") -> Self:
        """Copy it for one of the calls that it ended.

        Args:
            method: the method of the call.
            maybe_executed: whether the server may have executed the call.
            fate: what became of the call, as the rest of the sentence; "" says whether it was
                sent.

        Returns:
            An error of the same kind that names the call and says what became of it.
        """
        fresh = copy_of(self)
        fresh.method = method
        fresh.maybe_executed = maybe_executed
        fresh.args = (f"{method}: {self}; {fate or (_SENT if maybe_executed else _NOT_SENT)}",)
        return fresh


class MCPConnectionRejected(MCPConnectionError):
    """The server refused for good: dialing again would meet the same answer.

    Args:
        message: what was refused and what to do about it.
        status: the HTTP status of the refused upgrade, or of a proxy's refusal; None where it was
            not HTTP that refused.
        challenge: the WWW-Authenticate or Proxy-Authenticate header; None where there was none.
        tls_reason: why the certificate was refused; None where TLS was not the cause.
    """

    def __init__(
        self,
        message: str,
        status: int | None = None,
        challenge: str | None = None,
        tls_reason: str | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.challenge = challenge
        self.tls_reason = tls_reason


class MCPConnectionLost(MCPConnectionError):
    """The link was lost, under a call or before it was of use.

    Args:
        cause: why the link ended, as a short phrase.
        maybe_executed: True when the request had been written, so that the server may have
            carried it out; False when it certainly had not.
        method: the method of the call; None when there was none.
        close_code: the WebSocket close code (RFC 6455, 7.4); None without a close frame.
        close_reason: the peer's reason text; "" without one.
    """

    def __init__(
        self,
        cause: str,
        maybe_executed: bool,
        method: str | None = None,
        close_code: int | None = None,
        close_reason: str = "",
    ) -> None:
        self.cause = cause
        self.maybe_executed = maybe_executed
        self.method = method
        self.close_code = close_code
        self.close_reason = close_reason
        sentence = f"the connection was lost ({cause})"
        if maybe_executed:
            sentence += f": {_SENT}"
        elif method is not None:
            sentence += f": {_NOT_SENT}, so it is safe to repeat it"
        super().__init__(sentence if method is None else f"{method}: {sentence}")


class MCPOfflineError(MCPConnectionError):
    """There is no ready link and the call was not to wait for one.

    Args:
        since: seconds the client has been without a ready link.
        queue_size: how many calls wait in the offline queue.
        last_error: the text of the last dial's failure; None where there was none.
        attempts: how many dials this outage had so far.
    """

    def __init__(
        self, since: float, queue_size: int, last_error: str | None = None, attempts: int = 0
    ) -> None:
        self.since = since
        self.queue_size = queue_size
        reason = f", last error: {last_error}" if last_error else ""
        super().__init__(
            f"offline for {since:.1f} s with {queue_size} queued calls{reason}; "
            "use offline='wait' or submit() to queue the call",
            attempts,
            last_error,
        )


class MCPClosedError(MCPConnectionError):
    """The client was closed; ``connect()`` opens it again.

    Args:
        what: what is closed, as a short sentence.
    """

    def __init__(self, what: str = "the client is closed") -> None:
        super().__init__(f"{what}; call connect() to open it again")


class MCPTimeoutError(MCPError, TimeoutError):
    """A deadline was over.

    Args:
        method: the method of the call, or the operation that timed out.
        timeout: the limit in seconds; None where a deadline without a length was met.
        sent: True when the request had been written to the server.
        waiting_for: what it was waiting for, as the rest of a sentence.
    """

    def __init__(self, method: str, timeout: float | None, sent: bool, waiting_for: str) -> None:
        self.method = method
        self.timeout = timeout
        self.sent = sent
        self.waiting_for = waiting_for
        limit = "in time" if timeout is None else f"within {timeout:g} s"
        fate = "sent" if sent else "not sent"
        super().__init__(f"{method}: not done {limit} ({fate}), waiting for {waiting_for}")


class MCPCancelledError(MCPError, CancelledError):
    """The call was withdrawn by its caller or by clearing the queue.

    Args:
        method: the method of the call.
        reason: who withdrew it, as a short phrase.
    """

    def __init__(self, method: str, reason: str = "withdrawn by the caller") -> None:
        self.method = method
        self.reason = reason
        super().__init__(f"{method}: cancelled, {reason}")


class MCPQueueFullError(MCPError):
    """A bound on waiting calls was met.

    Args:
        what: which bound ("offline queue", "pending calls").
        size: how many calls there are.
        limit: how many there may be.
        size_bytes: how many bytes they hold; None where bytes are not counted.
        limit_bytes: how many bytes they may hold; None where bytes are not counted.
    """

    def __init__(
        self,
        what: str,
        size: int,
        limit: int,
        size_bytes: int | None = None,
        limit_bytes: int | None = None,
    ) -> None:
        self.what = what
        self.size = size
        self.limit = limit
        self.size_bytes = size_bytes
        self.limit_bytes = limit_bytes
        in_bytes = "" if size_bytes is None else f", {size_bytes} of {limit_bytes} bytes"
        super().__init__(f"{what} full: {size} of {limit} calls{in_bytes}; retry later or raise it")


class MCPProtocolError(MCPError):
    """The peer broke the protocol.

    Args:
        rule: what it broke, in words.
        received: what was received; it is cut short. None where there is nothing to show.
    """

    def __init__(self, rule: str, received: object = None) -> None:
        self.rule = rule
        self.received = None if received is None else shorten(received)
        shown = "" if self.received is None else f": received {self.received}"
        super().__init__(f"{rule}{shown}")


class MCPMessageTooLarge(MCPProtocolError):
    """A message is over a size limit.

    Args:
        size: bytes of the message, or as many as were announced.
        limit: the most bytes allowed; None where the peer did not say.
        direction: "outbound" or "inbound".
        way_out: what to do, as the rest of a sentence.
    """

    def __init__(self, size: int, limit: int | None, direction: str, way_out: str = "") -> None:
        self.size = size
        self.limit = limit
        self.direction = direction
        hint = f"; {way_out}" if way_out else ""
        bound = "peer's limit" if limit is None else f"limit of {limit}"
        super().__init__(f"{direction} message of {size} bytes is over the {bound}{hint}")


class MCPResponseError(MCPError):
    """The server answered with a JSON-RPC error (JSON-RPC 2.0, section 5.1).

    Args:
        code: the JSON-RPC error code.
        error_message: the server's message, whole; only the sentence is cut short.
        data: the server's ``data`` member; None where there was none.
        method: the method of the call.
    """

    def __init__(self, code: int, error_message: str, data: Any, method: str) -> None:
        self.code = code
        self.error_message = error_message
        self.data = data
        self.method = method
        super().__init__(f"{method}: server error {code}: {shorten(error_message)}")


class MCPToolError(MCPError):
    """A tool ran and reported failure (``isError``), and ``raise_on_error`` was asked for.

    Args:
        tool: the tool's name.
        text: the text content of its result; only the sentence is cut short.
        result: the whole result.
    """

    def __init__(self, tool: str, text: str, result: Any) -> None:
        self.tool = tool
        self.text = text
        self.result = result
        super().__init__(f"tool {tool} failed: {shorten(text)}")
