"""How the user's handlers answer what a server asks: values in, values out, wire on both sides.

Entered when the first handler is registered.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..connection.requests import Handler
from ..errors import MCPProtocolError, MCPResponseError
from ..protocol.dialect import INTERNAL_ERROR, INVALID_PARAMS
from ..types.elicitation import ElicitationRequest, ElicitationResult
from ..types.roots import Root
from ..types.sampling import SamplingRequest, SamplingResult

__all__ = [
    "ELICITATION",
    "ROOTS",
    "SAMPLING",
    "ElicitationHandler",
    "Roots",
    "RootsHandler",
    "SamplingHandler",
    "answer_elicitation",
    "answer_roots",
    "answer_sampling",
]

_log: Final = logging.getLogger("mcp_sync.client")

SamplingHandler = Callable[[SamplingRequest], SamplingResult | str | None]
"""Returns what the model said, or None when the person refused the request."""

ElicitationHandler = Callable[[ElicitationRequest], ElicitationResult | Mapping[str, Any] | None]
"""Returns what the person did; a mapping accepts with this content, None declines."""

Roots = Iterable[Root | str | os.PathLike[str]]
"""Directories and files: roots, or paths."""

RootsHandler = Callable[[], Roots]
"""Returns the roots of the moment."""

SAMPLING: Final = "sampling/createMessage"
"""The method by which a server asks for a completion by a model."""

ELICITATION: Final = "elicitation/create"
"""The method by which it asks a person."""

ROOTS: Final = "roots/list"
"""The method by which it asks where it may look."""

_REFUSED_BY_PERSON: Final = -1


def _refused(code: int, sentence: str, method: str) -> MCPResponseError:
    return MCPResponseError(code, sentence, None, method)


def answer_sampling(handler: SamplingHandler, *, tools: bool) -> Handler:
    """Make the answer to ``sampling/createMessage``; ``tools`` says whether it may name tools."""

    def answer(params: Mapping[str, Any]) -> Mapping[str, Any]:
        request = _read(SamplingRequest.from_wire, params, SAMPLING)
        if request.wants_tools and not tools:
            raise _refused(INVALID_PARAMS, "this client declares no sampling.tools", SAMPLING)
        result = handler(request)
        if result is None:
            sentence = "User rejected sampling request"
            raise _refused(_REFUSED_BY_PERSON, sentence, SAMPLING)
        if isinstance(result, str):
            result = SamplingResult(result, model="unknown")
        return result.to_wire()

    return answer


def answer_elicitation(handler: ElicitationHandler, modes: tuple[str, ...]) -> Handler:
    """Make the answer to ``elicitation/create`` in some of its modes."""

    def answer(params: Mapping[str, Any]) -> Mapping[str, Any]:
        request = _read(ElicitationRequest.from_wire, params, ELICITATION)
        if request.mode not in modes:
            sentence = f"this client declares no elicitation of mode {request.mode}"
            raise _refused(INVALID_PARAMS, sentence, ELICITATION)
        result = handler(request)
        if result is None:
            result = ElicitationResult.decline()
        elif isinstance(result, Mapping):
            result = ElicitationResult.accept(result)
        if result.action != "accept" or request.mode != "form":
            return ElicitationResult(result.action).to_wire()
        return _filled_in(request, result).to_wire()

    return answer


def _filled_in(request: ElicitationRequest, result: ElicitationResult) -> ElicitationResult:
    from ..protocol.elicitation_forms import (
        check_content,
        fill_defaults,
    )

    content = fill_defaults(request.requested_schema, result.content or {})
    try:
        check_content(request.requested_schema, content)
    except ValueError as error:
        # The error quotes what a person wrote, which the server was not given.
        _log.warning("the content of a form does not fit it: %s", error)
        sentence = "what the person filled in does not fit the form"
        raise _refused(INTERNAL_ERROR, sentence, ELICITATION) from error
    return ElicitationResult.accept(content)


def _read(read: Callable[[object], Any], params: Mapping[str, Any], method: str) -> Any:
    try:
        return read(params)
    except MCPProtocolError as error:
        raise _refused(INVALID_PARAMS, str(error), method) from error


def answer_roots(roots: Roots | RootsHandler) -> Handler:
    """Make the answer to ``roots/list``."""
    if callable(roots):
        return lambda _: _listed(roots())
    kept = tuple(roots)
    return lambda _: _listed(kept)


def _listed(roots: Roots) -> dict[str, Any]:
    listed = [root if isinstance(root, Root) else Root.from_path(root) for root in roots]
    return {"roots": [root.to_wire() for root in listed]}
