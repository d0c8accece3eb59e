"""Prompts: list them, get them, and have the values of their arguments completed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ..client_calls import UNSET, Timeout
from ..deadline import Deadline
from .feature import McpFeature

if TYPE_CHECKING:
    from ..types.completion import Completion, CompletionReference
    from ..types.prompts import GetPromptResult, Prompt

__all__ = ["Prompts"]


class Prompts(McpFeature):
    """The prompts of a server. May be shared between threads."""

    def list_prompts(self, *, timeout: Timeout = UNSET, refresh: bool = False) -> list[Prompt]:
        """List all prompts of the server, page by page.

        Args:
            timeout: seconds for all pages together; None sets no limit; not given,
                ``request_timeout`` holds.
            refresh: True asks the server even if it said that an earlier answer still holds.

        Returns:
            The prompts, in the server's order.

        Raises:
            MCPProtocolError: the list does not end, or cannot be read.
            MCPError: as for ``request``.
        """
        from ..types.listing import Listing
        from ..types.prompts import Prompt

        deadline = Deadline(self._seconds(timeout))
        entries = self._whole("prompts/list", "prompts", deadline, refresh=refresh)
        return Listing(map(Prompt.from_wire, entries))

    def iter_prompts(self, *, timeout: Timeout = UNSET) -> Iterator[Prompt]:
        """List the prompts lazily; ``timeout`` is for each page.

        Yields:
            The prompts, in the server's order.
        """
        from ..types.prompts import Prompt

        for page in self._pages("prompts/list", "prompts", timeout):
            yield from map(Prompt.from_wire, page)

    def get_prompt(
        self,
        name: str,
        arguments: Mapping[str, str] | None = None,
        *,
        timeout: Timeout = UNSET,
    ) -> GetPromptResult:
        """Have a prompt filled in.

        Args:
            name: which prompt.
            arguments: texts by name; None gives none.
            timeout: seconds for everything; None sets no limit; not given, ``request_timeout``.

        Returns:
            The messages of the prompt.

        Raises:
            TypeError: an argument is no text.
            MCPResponseError: there is no such prompt, or an argument is missing.
            MCPProtocolError: the answer cannot be read.
            MCPError: as for ``request``.
        """
        from ..types.prompts import GetPromptResult

        params: dict[str, Any] = {"name": name}
        if arguments is not None:
            params["arguments"] = _texts(name, arguments)
        finish = GetPromptResult.from_wire
        return self._ask("prompts/get", params, finish, timeout=timeout, interactive=True)

    def complete(
        self,
        ref: CompletionReference,
        argument: str,
        value: str,
        *,
        context: Mapping[str, str] | None = None,
        timeout: Timeout = UNSET,
    ) -> Completion:
        """Ask for completions of a value that somebody types.

        Args:
            ref: a ``PromptReference`` or a ``ResourceReference``.
            argument: the name of the prompt's argument or of the template's variable.
            value: what is typed so far.
            context: the values of other arguments that are chosen already; None for none.
            timeout: seconds for everything; None sets no limit; not given, ``request_timeout``.

        Returns:
            The proposals, 100 at most.

        Raises:
            MCPResponseError: the server completes nothing, or not this.
            MCPProtocolError: the answer cannot be read.
            MCPError: as for ``request``.
        """
        from ..types.completion import Completion

        params: dict[str, Any] = {
            "ref": ref.to_wire(),
            "argument": {"name": argument, "value": value},
        }
        if context:
            params["context"] = {"arguments": _texts(argument, context)}
        finish = Completion.from_result
        return self._ask("completion/complete", params, finish, timeout=timeout)


def _texts(what: str, values: Mapping[str, Any]) -> dict[str, str]:
    for key, value in values.items():
        if not isinstance(value, str):
            kind = type(value).__name__
            raise TypeError(f"{what}: argument {key!r} must be a text, not {kind}; use str()")
    return dict(values)
