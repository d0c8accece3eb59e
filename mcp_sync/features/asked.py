"""What a server may ask of the client: a completion by a model, an answer by a person, its roots.

A capability is declared exactly when there is a handler (MCP 2025-11-25, client). Handlers run on
the threads ``mcp-request-N`` and may call the client.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from ..connection.requests import Handler
from ..errors import MCPProtocolError, MCPResponseError
from ..protocol.dialect import INTERNAL_ERROR, INVALID_PARAMS
from ..protocol.elicitation_forms import check_content, fill_defaults
from ..types.elicitation import ElicitationRequest, ElicitationResult
from ..types.roots import Root
from ..types.sampling import SamplingRequest, SamplingResult
from .feature import McpFeature

__all__ = ["Asked", "ElicitationHandler", "Roots", "RootsHandler", "SamplingHandler"]

_log: Final = logging.getLogger("mcp_sync.client")

SamplingHandler = Callable[[SamplingRequest], SamplingResult | str | None]
"""Returns what the model said, or None when the person refused the request."""

ElicitationHandler = Callable[[ElicitationRequest], ElicitationResult | Mapping[str, Any] | None]
"""Returns what the person did; a mapping accepts with this content, None declines."""

Roots = Iterable[Root | str | os.PathLike[str]]
"""Directories and files: roots, or paths."""

RootsHandler = Callable[[], Roots]
"""Returns the roots of the moment."""

_SAMPLING: Final = "sampling/createMessage"
_ELICITATION: Final = "elicitation/create"
_ROOTS: Final = "roots/list"

_REFUSED_BY_PERSON: Final = -1

_MODES: Final = ("form", "url")


class Asked(McpFeature):
    """The client's answers to what a server asks. May be shared between threads."""

    def on_sampling(
        self, handler: SamplingHandler, *, tools: bool = False, context: bool = False
    ) -> SamplingHandler:
        """Let the server ask for a completion by a model; also as a decorator.

        A server of the handshake era is told with the next link; give the handler to the
        constructor, or call ``reconnect()``.

        Args:
            handler: takes a ``SamplingRequest`` and returns a ``SamplingResult``, a text, or None
                to refuse.
            tools: whether the handler can deal with ``tools`` in a request.
            context: whether it can include context of this or other servers.

        Returns:
            The handler.
        """
        details = {"tools": tools, "context": context}
        capability: dict[str, Any] = {name: {} for name, is_there in details.items() if is_there}
        self._offer(_SAMPLING, _sampling(handler, tools), "sampling", capability)
        return handler

    def on_elicitation(
        self, handler: ElicitationHandler, *, modes: Iterable[str] = _MODES
    ) -> ElicitationHandler:
        """Let the server ask a person; also as a decorator.

        When it takes effect is said at ``on_sampling``. Content that a handler leaves out takes
        the defaults of the form, and what does not fit the form is not sent.

        Args:
            handler: takes an ``ElicitationRequest``; returns an ``ElicitationResult``, a mapping
                (accepted, with this content), or None (declined).
            modes: what it can deal with: "form", "url".

        Returns:
            The handler.
        """
        modes = tuple(modes)
        if not modes or not set(modes) <= set(_MODES):
            raise ValueError(f"modes={modes!r} must be some of {', '.join(_MODES)}")
        capability: dict[str, Any] = {mode: {} for mode in modes}
        self._offer(_ELICITATION, _elicitation(handler, modes), "elicitation", capability)
        return handler

    def on_roots(self, roots: Roots | RootsHandler) -> Roots | RootsHandler:
        """Let the server ask where it may look; also as a decorator.

        When it takes effect is said at ``on_sampling``.

        Args:
            roots: directories and files as roots or paths, or a function that gives them.

        Returns:
            The same.
        """
        give = roots if callable(roots) else _constant(roots)
        self._offer(_ROOTS, lambda _: _listed(give()), "roots", {})
        return roots

    def roots_changed(self) -> None:
        """Tell a server of the handshake era that the roots are others now.

        Raises:
            MCPError: as for ``notify``.
        """
        if self._is_handshake_era():
            self.notify("notifications/roots/list_changed")

    def _offer(
        self, method: str, handler: Handler, name: str, capability: Mapping[str, Any]
    ) -> None:
        requests = self._connection.requests
        requests.handlers = {**requests.handlers, method: handler}
        self._connection.redeclare({name: capability})


def _refused(code: int, sentence: str, method: str) -> MCPResponseError:
    return MCPResponseError(code, sentence, None, method)


def _sampling(handler: SamplingHandler, tools: bool) -> Handler:
    def answer(params: Mapping[str, Any]) -> Mapping[str, Any]:
        request = _read(SamplingRequest.from_wire, params, _SAMPLING)
        if request.wants_tools and not tools:
            raise _refused(INVALID_PARAMS, "this client declares no sampling.tools", _SAMPLING)
        result = handler(request)
        if result is None:
            sentence = "User rejected sampling request"
            raise _refused(_REFUSED_BY_PERSON, sentence, _SAMPLING)
        if isinstance(result, str):
            result = SamplingResult(result, model="unknown")
        return result.to_wire()

    return answer


def _elicitation(handler: ElicitationHandler, modes: tuple[str, ...]) -> Handler:
    def answer(params: Mapping[str, Any]) -> Mapping[str, Any]:
        request = _read(ElicitationRequest.from_wire, params, _ELICITATION)
        if request.mode not in modes:
            sentence = f"this client declares no elicitation of mode {request.mode}"
            raise _refused(INVALID_PARAMS, sentence, _ELICITATION)
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
    content = fill_defaults(request.requested_schema, result.content or {})
    try:
        check_content(request.requested_schema, content)
    except ValueError as error:
        # The error quotes what a person wrote, which the server was not given.
        _log.warning("the content of a form does not fit it: %s", error)
        sentence = "what the person filled in does not fit the form"
        raise _refused(INTERNAL_ERROR, sentence, _ELICITATION) from error
    return ElicitationResult.accept(content)


def _read(read: Callable[[object], Any], params: Mapping[str, Any], method: str) -> Any:
    try:
        return read(params)
    except MCPProtocolError as error:
        raise _refused(INVALID_PARAMS, str(error), method) from error


def _constant(roots: Roots) -> RootsHandler:
    kept = tuple(roots)
    return lambda: kept


def _listed(roots: Roots) -> dict[str, Any]:
    listed = [root if isinstance(root, Root) else Root.from_path(root) for root in roots]
    return {"roots": [root.to_wire() for root in listed]}
