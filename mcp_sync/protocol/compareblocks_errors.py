"""What goes wrong with a compareblocks server: its refusals, and ours before anything is sent.

::

    MCPResponseError
    └── CompareblocksError                     any error answer of the server
        ├── SessionNotFound
        ├── SessionNotCompleted
        ├── InvalidPdfPath
        ├── InvalidRequest                     the params broke the server's schema
        │   ├── InvalidExtractionSubmission
        │   │   └── PdfNotFound
        │   ├── InvalidStatusRequest
        │   ├── InvalidResultsRequest
        │   └── InvalidSubscriptionRequest
        └── MethodNotFound
    MCPError, ValueError
    ├── InvalidParams                          refused here, nothing was sent
    │   └── InvalidSubmission
    │       └── UnserialisableSubmission (TypeError)
    └── InvalidVariationLine

The server has one code, -32603, for nearly everything, so its message alone tells the kind; the
text behind a prefix is another library's and is never parsed. This room knows no schema and no
transport.
"""

from __future__ import annotations

import reprlib
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Final

from ..errors import MCPError, MCPResponseError, shorten

__all__ = [
    "ERRORS_BY_PREFIX",
    "CompareblocksError",
    "ExtractionFailed",
    "InvalidExtractionSubmission",
    "InvalidParams",
    "InvalidPdfPath",
    "InvalidRequest",
    "InvalidResultsRequest",
    "InvalidStatusRequest",
    "InvalidSubmission",
    "InvalidSubscriptionRequest",
    "InvalidVariationLine",
    "MethodNotFound",
    "PdfNotFound",
    "SessionNotCompleted",
    "SessionNotFound",
    "UnserialisableSubmission",
    "compareblocks_error",
    "describe",
]

_SCHEMA_BROKEN = "Schema validation error: "
_PATH_RULE = "the path is one on the server, relative to its working directory"


class CompareblocksError(MCPResponseError):
    """A compareblocks server answered with an error.

    Args:
        code: the JSON-RPC code; -32603 for nearly everything.
        error_message: the server's message, whole; only the sentence is cut short.
        data: always null with the recorded server.
        method: the method of the call.
    """

    prefix: ClassVar[str] = ""
    """How the server's message begins for this kind of error."""
    way_out: ClassVar[str] = ""

    def __init__(self, code: int, error_message: str, data: Any, method: str) -> None:
        super().__init__(code, error_message, data, method)
        self.detail = error_message.removeprefix(self.prefix)
        if self.way_out:
            self.args = (f"{self.args[0]}; {self.way_out}",)


class SessionNotFound(CompareblocksError):
    """The server has no such session; ``session_id`` says which."""

    prefix = "Session not found: "
    way_out = "sessions live in the server's memory, so a restart of the server forgets them"

    @property
    def session_id(self) -> str:
        """The id that was asked for."""
        return self.detail


class SessionNotCompleted(CompareblocksError):
    """The session has no results; ``status`` says where it stands, "error" for a failed one."""

    prefix = "Session not completed: "
    way_out = "get_status tells its progress, or its error when it failed"

    @property
    def status(self) -> str:
        """The session's status."""
        return self.detail


class InvalidPdfPath(CompareblocksError):
    """The path names something that the server does not take; ``reason`` says why."""

    prefix = "Invalid PDF path: "
    way_out = f"{_PATH_RULE}, to a .pdf file of at most 100 MiB inside of it"

    @property
    def reason(self) -> str:
        """The server's reason and the path, or the size where that was too large."""
        return self.detail


class InvalidRequest(CompareblocksError):
    """The params broke the server's schema; ``violation`` quotes what it said."""

    @property
    def violation(self) -> str:
        """The schema violation in the words of the server's library, which vary."""
        return self.detail.removeprefix(_SCHEMA_BROKEN)


class InvalidExtractionSubmission(InvalidRequest):
    """The server refused a submission."""

    prefix = "Invalid extraction submission: "


class PdfNotFound(InvalidExtractionSubmission):
    """The PDF does not exist on the server; ``pdf_path`` says which."""

    prefix = "Invalid extraction submission: PDF file not found: "
    way_out = _PATH_RULE

    @property
    def pdf_path(self) -> str:
        """The path as it was sent."""
        return self.detail


class InvalidStatusRequest(InvalidRequest):
    """The server refused the params of ``get_status``."""

    prefix = "Status request validation error: "


class InvalidResultsRequest(InvalidRequest):
    """The server refused the params of ``get_results``."""

    prefix = "Results request validation error: "


class InvalidSubscriptionRequest(InvalidRequest):
    """The server refused the params of ``subscribe_updates`` or ``unsubscribe_updates``."""

    prefix = "Subscription request validation error: "


class MethodNotFound(CompareblocksError):
    """The server does not offer the method; ``name`` says which.

    This server says so with -32600, and with -32601 only where the method is absent.
    """

    prefix = "Method '"

    @property
    def name(self) -> str:
        """The method that was asked for."""
        return self.detail.removesuffix("' not found")


ERRORS_BY_PREFIX: Final[Mapping[str, type[CompareblocksError]]] = MappingProxyType(
    {
        kind.prefix: kind
        for kind in (
            SessionNotFound,
            SessionNotCompleted,
            PdfNotFound,
            InvalidExtractionSubmission,
            InvalidPdfPath,
            InvalidStatusRequest,
            InvalidResultsRequest,
            InvalidSubscriptionRequest,
        )
    }
)
"""How a message begins, and what it means; the first that fits counts."""

_METHOD_CODES = (-32600, -32601)


def compareblocks_error(code: int, message: str, data: Any, method: str) -> CompareblocksError:
    """Choose the exception for an error answer by the beginning of its message.

    Args:
        code: the answer's code.
        message: the answer's message.
        data: the answer's data.
        method: the method of the call.

    Returns:
        The exception to raise, of a subclass where the message is known.
    """
    return _kind(code, message)(code, message, data, method)


def _kind(code: int, message: str) -> type[CompareblocksError]:
    if code in _METHOD_CODES and message.startswith(MethodNotFound.prefix):
        return MethodNotFound
    for prefix, kind in ERRORS_BY_PREFIX.items():
        if message.startswith(prefix):
            return kind
    return CompareblocksError


class InvalidParams(MCPError, ValueError):
    """An argument breaks a rule of the server, so nothing was sent.

    Args:
        where: the method, or which variation.
        key: the argument or key; "" where the whole of it is wrong.
        rule: what it must be and the way out, as the rest of a sentence ("must be …").
        given: what was given, cut short (see ``describe``); None where the key was missing.
    """

    def __init__(self, where: str, key: str, rule: str, given: str | None = None) -> None:
        self.key = key
        self.rule = rule
        self.given = given
        self.problem = _problem(key, rule, given)
        super().__init__(f"{where}: {self.problem}" if where else self.problem)


def _problem(key: str, rule: str, given: str | None) -> str:
    if given is None:
        return f"{key} {rule}"
    return f"{key}={given} {rule}" if key else f"{given} {rule}"


class InvalidSubmission(InvalidParams):
    """A submission breaks a rule of the server's schema, so nothing was sent.

    Args:
        key: which key; "" where the whole variation is wrong.
        rule: what it must be and the way out, as the rest of a sentence ("must be …").
        given: what was given, cut short (see ``describe``); None where the key was missing.
        index: which variation, counted from 0; None where it was no variation of a submission.
        label: engine and block of the variation, where they are known.
    """

    def __init__(
        self,
        key: str,
        rule: str,
        given: str | None = None,
        index: int | None = None,
        label: str = "",
    ) -> None:
        self.index = index
        self.label = label
        known = f" ({label})" if label else ""
        super().__init__("" if index is None else f"variations[{index}]{known}", key, rule, given)


class UnserialisableSubmission(InvalidSubmission, TypeError):
    """A value in a submission's metadata has no JSON form; ``key`` is the path to it."""


class InvalidVariationLine(MCPError, ValueError):
    """A line of a variations file is no variation that the server would take.

    Args:
        path: the file, as it was given.
        line_number: which line, counted from 1.
        rule: what is wrong with it, as a sentence of its own.
    """

    def __init__(self, path: str, line_number: int, rule: str) -> None:
        self.path = path
        self.line_number = line_number
        self.rule = rule
        super().__init__(f"{path}, line {line_number}: {rule}")


def describe(value: object) -> str:
    """Show what was given, cut short however large it is.

    Args:
        value: anything, whose ``repr`` may even be broken.

    Returns:
        A text of about 200 characters at most.
    """
    short = reprlib.Repr()
    short.maxlevel = 3
    short.maxstring = short.maxother = short.maxlong = 80
    try:
        return shorten(short.repr(value))
    except ValueError:  # an int with more digits than Python turns into text
        return f"a huge {type(value).__name__}"


class ExtractionFailed(MCPError):
    """A session was accepted and then failed on the server.

    Args:
        session_id: the session.
        reason: the server's words; only the sentence is cut short.
        progress: how far it had come, 0 to 1; None where the server did not say.
    """

    def __init__(self, session_id: str, reason: str, progress: float | None = None) -> None:
        self.session_id = session_id
        self.reason = reason
        self.progress = progress
        far = "" if progress is None else f" at {progress:.0%}"
        super().__init__(f"extraction {session_id} failed{far}: {shorten(reason)}")
