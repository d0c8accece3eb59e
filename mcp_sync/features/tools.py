"""Tools: list them, call them, hold what they take and give against their schemas."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, overload

from ..client_calls import UNSET, Timeout
from ..config import OfflineMode
from ..connection.call import Call, Renewal
from ..connection.connection import Connection
from ..deadline import Deadline
from ..events import ProgressHandler
from .feature import McpFeature
from .tool_book import ToolBook

if TYPE_CHECKING:
    from ..offline import OfflineResponse
    from ..types.tools import CallToolResult, Tool
    from .progress_bar import ProgressBar
    from .tool_names import ToolNames

__all__ = ["Tools"]

_LONGEST: Final = 10
"""How many timeouts progress may stretch a call to, unless the caller says."""

_REPORT_SECONDS: Final = 1.0


def _show_bar(name: str, on_progress: ProgressHandler | None) -> ProgressBar:
    from .progress_bar import ProgressBar

    return ProgressBar(name, on_progress)


class _NamesOfTools:
    """The attribute ``tools`` of a client, made anew at each look.

    Not a property, because IPython completes none: what a property does it cannot know. Nor kept
    by the client, which it refers to: a client that is forgotten must go at once.
    """

    @overload
    def __get__(self, client: None, owner: type) -> _NamesOfTools: ...

    @overload
    def __get__(self, client: Tools, owner: type) -> ToolNames: ...

    def __get__(self, client: Tools | None, owner: type) -> _NamesOfTools | ToolNames:
        if client is None:
            return self
        from .tool_names import ToolNames

        return ToolNames(client._book, client.call_tool)


class Tools(McpFeature):
    """The tools of a server. May be shared between threads."""

    _book: ToolBook

    def _adopt(self, connection: Connection) -> None:
        super()._adopt(connection)
        self._book = ToolBook(connection.gate)
        connection.receiver.tap("notifications/tools/list_changed", self._book.changed)

    tools = _NamesOfTools()
    """The tools that were listed, by name: ``client.tools.echo(text="hello")``.

    A notebook completes the names with Tab. Looking them up never asks the server: a name is
    known once ``list_tools()`` gave it.
    """

    def list_tools(self, *, timeout: Timeout = UNSET, refresh: bool = False) -> list[Tool]:
        """List all tools of the server, page by page.

        Args:
            timeout: seconds for all pages together; None sets no limit; not given,
                ``request_timeout`` holds.
            refresh: True asks the server even if it said that an earlier answer still holds.

        Returns:
            The tools, in the server's order.

        Raises:
            MCPProtocolError: the list does not end, or cannot be read.
            MCPError: as for ``request``.
        """
        return self._list(Deadline(self._seconds(timeout)), refresh=refresh)

    def _list(self, deadline: Deadline, *, refresh: bool = False) -> list[Tool]:
        from ..types.listing import Listing
        from ..types.tools import Tool

        changes = self._book.changes
        entries = self._whole("tools/list", "tools", deadline, refresh=refresh)
        tools = Listing(map(Tool.from_wire, entries))
        self._book.enter(tools, changes, whole=True)
        return tools

    def iter_tools(self, *, timeout: Timeout = UNSET) -> Iterator[Tool]:
        """List the tools lazily: each page is asked for when its first tool is wanted.

        Args:
            timeout: seconds for each page; None sets no limit; not given, ``request_timeout``.

        Yields:
            The tools, in the server's order.
        """
        from ..types.tools import Tool

        changes = self._book.changes
        for page in self._pages("tools/list", "tools", timeout):
            tools = [Tool.from_wire(entry) for entry in page]
            self._book.enter(tools, changes, whole=False)
            yield from tools

    @overload
    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        on_progress: ProgressHandler | None = None,
        progress: bool = False,
        raise_on_error: bool = False,
        idempotent: bool | None = None,
        offline: Literal["wait", "raise"] = "wait",
        meta: Mapping[str, Any] | None = None,
        validate_arguments: bool = False,
        reset_timeout_on_progress: bool = False,
        max_total_timeout: float | None = None,
    ) -> CallToolResult: ...

    @overload
    def call_tool(
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        on_progress: ProgressHandler | None = None,
        progress: bool = False,
        raise_on_error: bool = False,
        idempotent: bool | None = None,
        offline: Literal["queue"],
        meta: Mapping[str, Any] | None = None,
        validate_arguments: bool = False,
        reset_timeout_on_progress: bool = False,
        max_total_timeout: float | None = None,
    ) -> CallToolResult | OfflineResponse[CallToolResult]: ...

    def call_tool(  # noqa: PLR0913 - what one call may want, all by keyword
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        on_progress: ProgressHandler | None = None,
        progress: bool = False,
        raise_on_error: bool = False,
        idempotent: bool | None = None,
        offline: OfflineMode = "wait",
        meta: Mapping[str, Any] | None = None,
        validate_arguments: bool = False,
        reset_timeout_on_progress: bool = False,
        max_total_timeout: float | None = None,
    ) -> CallToolResult | OfflineResponse[CallToolResult]:
        """Call a tool and wait for its result.

        Args:
            name: the tool's name.
            arguments: what it is given; None gives nothing.
            timeout: seconds for everything, also for a person whom a handler asks; None sets no
                limit; not given, ``request_timeout`` holds.
            on_progress: called with progress, total and message on the thread ``mcp-events``; of
                reports that wait the last counts, and a call that is sent again begins anew. None
                asks for none.
            progress: True asks for reports and draws a bar of them (extra ``notebook``).
            raise_on_error: True raises MCPToolError when the tool says that it failed.
            idempotent: True lets it be sent again after a lost link; None lets a trusted hint.
            offline: what to do without a ready link: "wait" within the timeout, "raise" at once,
                or "queue" the call and return at once.
            meta: more for ``_meta``; None for nothing.
            validate_arguments: True holds the arguments against the tool's input schema first,
                and lists the tools if this one is not known (any more) (extra ``schema``).
            reset_timeout_on_progress: True starts the timeout anew with each report.
            max_total_timeout: seconds that all of that may take; None for ten times the timeout.

        Returns:
            The result; with ``offline="queue"`` and no ready link an ``OfflineResponse``. Its
            structured content was held against the schema of the tool, if that was listed on this
            link and did not change since (extra ``schema``).

        Raises:
            MCPToolError: the tool failed, with ``raise_on_error``.
            InvalidArguments: they do not fit the input schema; nothing was sent.
            MCPProtocolError: the result cannot be read, or breaks the output schema.
            MCPConfigurationError: with ``progress``, the extra ``notebook`` is not installed.
            MCPError: as for ``request``.
        """
        params = self._tool_params(name, arguments, meta)
        spec = self._tool_spec(name, raise_on_error)
        if reset_timeout_on_progress:
            spec |= self._renewal(timeout, max_total_timeout)
        if validate_arguments:
            self._validate(name, arguments, spec, timeout, offline)
        perform = partial(self._perform, "tools/call", params, spec, timeout, offline, idempotent)
        if progress or on_progress is not None:
            perform = partial(self._report, perform, spec, on_progress, name if progress else None)
        answer: CallToolResult | OfflineResponse[CallToolResult] = perform()
        return answer

    def _report(
        self,
        perform: Callable[[], Any],
        spec: dict[str, Any],
        on_progress: ProgressHandler | None,
        bar_name: str | None,
    ) -> Any:
        """Call a tool and wait, at the end for the last report of its progress, too."""
        bar = None if bar_name is None else _show_bar(bar_name, on_progress)
        spec["on_progress"] = on_progress if bar is None else bar
        try:
            answer = perform()
            self._dispatcher().catch_up(Deadline(_REPORT_SECONDS))
        finally:
            if bar is not None:
                bar.close()
        return answer

    def submit_tool(  # noqa: PLR0913 - as for ``call_tool``
        self,
        name: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        timeout: Timeout = UNSET,
        on_progress: ProgressHandler | None = None,
        raise_on_error: bool = False,
        idempotent: bool | None = None,
        meta: Mapping[str, Any] | None = None,
        validate_arguments: bool = False,
        reset_timeout_on_progress: bool = False,
        max_total_timeout: float | None = None,
    ) -> Call:
        """Start calling a tool without waiting for the server.

        The arguments are those of ``call_tool``; without a ``timeout`` the call may wait in the
        queue up to ``queue_ttl``, and ``request_timeout`` runs from the moment it is written.
        With ``validate_arguments`` it does wait for the server's list of tools, within the timeout
        or ``request_timeout``, where this tool is not known (any more); without a ready link what
        was listed last counts.

        Returns:
            The call: a ``concurrent.futures.Future`` of the CallToolResult, for
            ``concurrent.futures.wait`` and ``as_completed``.

        Raises:
            InvalidArguments: they do not fit the input schema; nothing was sent.
            MCPError: as for ``submit``.
        """
        params = self._tool_params(name, arguments, meta)
        spec = self._tool_spec(name, raise_on_error)
        spec["on_progress"] = on_progress
        if reset_timeout_on_progress:
            spec |= self._renewal(timeout, max_total_timeout)
        if validate_arguments:
            self._validate(name, arguments, spec, timeout, None)
        return self._submit("tools/call", params, spec, timeout, idempotent)

    def _tool_spec(self, name: str, raise_on_error: bool) -> dict[str, Any]:
        """What every call of a tool is, as arguments of ``Call``."""
        finish = partial(self._book.finish, name, raise_on_error)
        return {"interactive": True, "finish": finish}

    def _tool_params(
        self,
        name: str,
        arguments: Mapping[str, Any] | None,
        meta: Mapping[str, Any] | None,
    ) -> Mapping[str, Any] | None:
        if type(name) is not str or not name:
            raise TypeError(f"the name of a tool must be a non-empty string, not {name!r}")
        params: dict[str, Any] = {"name": name}
        if arguments is not None:
            params["arguments"] = arguments
        return self._traced(params, meta)

    def _validate(
        self,
        name: str,
        arguments: Mapping[str, Any] | None,
        spec: dict[str, Any],
        timeout: Timeout,
        offline: OfflineMode | None,
    ) -> None:
        """Hold arguments against the tool's input schema, before it is called.

        Args:
            name: the tool's name.
            arguments: the arguments.
            spec: what the call will be made of. It is given the deadline that begins here, unless
                it has one or may wait in the queue as others do.
            timeout: of the call.
            offline: of the call; None where it is submitted.
        """
        deadline = spec.get("limit") or Deadline(self._seconds(timeout))
        is_queued = offline == "queue" and not self._connection.gate.is_ready()
        if timeout is not UNSET or not (offline is None or is_queued):
            spec["limit"] = deadline
        tool = self._find_tool(name, offline, deadline)
        self._book.check_arguments(tool, arguments or {})

    def _find_tool(self, name: str, offline: OfflineMode | None, deadline: Deadline) -> Tool:
        """A tool as the server has it; as it was listed last, where nobody waits for a link."""
        if offline == "raise":
            self._require_link(deadline)
        is_ready = self._connection.gate.is_ready()
        may_ask = is_ready or offline == "wait"
        tool = self._book.find_current(name) if is_ready else None
        if tool is None and may_ask:
            self._list(deadline)
        tool = tool or self._book.find(name)
        if tool is None:
            from .schemas import InvalidArguments

            known = ", ".join(self._book.names()) or "none"
            reason = "it was not listed, and without a ready link nobody can be asked for it"
            if may_ask:
                reason = f"the server lists no such tool; it has: {known}"
            raise InvalidArguments(name, "$", reason)
        return tool

    def _renewal(self, timeout: Timeout, max_total_timeout: float | None) -> dict[str, Any]:
        """How progress extends the call, as arguments of ``Call``."""
        seconds = self._seconds(timeout)
        if seconds is None:
            return {}
        total = _LONGEST * seconds if max_total_timeout is None else max_total_timeout
        limit = Deadline(min(seconds, total))
        return {"limit": limit, "renewal": Renewal(seconds, Deadline(total))}
