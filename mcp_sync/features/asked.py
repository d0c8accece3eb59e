"""What a server may ask of the client: a completion by a model, an answer by a person, its roots.

A capability is declared exactly when there is a handler (MCP 2025-11-25, client). Handlers run on
the threads ``mcp-request-N`` and may call the client.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

from ..connection.requests import Handler
from .feature import McpFeature

if TYPE_CHECKING:
    from .answering import ElicitationHandler, Roots, RootsHandler, SamplingHandler

__all__ = ["Asked"]

# As decorators they leave a function what it was.
SamplingT = TypeVar("SamplingT", bound="SamplingHandler")
ElicitationT = TypeVar("ElicitationT", bound="ElicitationHandler")
RootsT = TypeVar("RootsT", bound="Roots | RootsHandler")

_MODES: Final = ("form", "url")


class Asked(McpFeature):
    """The client's answers to what a server asks. May be shared between threads."""

    def on_sampling(
        self, handler: SamplingT, *, tools: bool = False, context: bool = False
    ) -> SamplingT:
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
        from .answering import SAMPLING, answer_sampling

        details = {"tools": tools, "context": context}
        capability: dict[str, Any] = {name: {} for name, is_there in details.items() if is_there}
        self._offer(SAMPLING, answer_sampling(handler, tools=tools), "sampling", capability)
        return handler

    def on_elicitation(
        self, handler: ElicitationT, *, modes: Iterable[str] = _MODES
    ) -> ElicitationT:
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
        from .answering import ELICITATION, answer_elicitation

        modes = tuple(modes)
        if not modes or not set(modes) <= set(_MODES):
            raise ValueError(f"modes={modes!r} must be some of {', '.join(_MODES)}")
        capability: dict[str, Any] = {mode: {} for mode in modes}
        self._offer(ELICITATION, answer_elicitation(handler, modes), "elicitation", capability)
        return handler

    def on_roots(self, roots: RootsT) -> RootsT:
        """Let the server ask where it may look; also as a decorator.

        When it takes effect is said at ``on_sampling``.

        Args:
            roots: directories and files as roots or paths, or a function that gives them.

        Returns:
            The same.
        """
        from .answering import ROOTS, answer_roots

        self._offer(ROOTS, answer_roots(roots), "roots", {})
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
