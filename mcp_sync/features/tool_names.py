"""The tools of a server by name, for people who type: ``client.tools.echo(text="hello")``.

The names are those that were listed; looking them up, completing them with Tab included, never
asks the server.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ..types.tools import CallToolResult, Tool
    from .tool_book import ToolBook

__all__ = ["NamedTool", "ToolNames"]


class NamedTool:
    """One tool, to be called with its arguments by name. May be shared between threads.

    Args:
        tool: what the server says of it.
        call: takes its name and arguments, and calls it.
    """

    def __init__(
        self, tool: Tool, call: Callable[[str, Mapping[str, Any]], CallToolResult]
    ) -> None:
        self.__name__ = tool.name
        self.__doc__ = tool.description
        self.__signature__ = _signature(tool.input_schema)
        self._call = call

    def __call__(self, /, **arguments: Any) -> CallToolResult:
        """Call the tool and wait for its result; ``call_tool`` takes more than arguments.

        Args:
            **arguments: what the tool is given.

        Returns:
            The result, as ``call_tool`` gives it.

        Raises:
            MCPError: as for ``call_tool``.
        """
        return self._call(self.__name__, arguments)

    def __repr__(self) -> str:
        return f"<tool {self.__name__!r}>"


class ToolNames:
    """The tools that were listed, as attributes and by key. May be shared between threads.

    A tool whose name is no identifier, is a keyword or begins with "_" is found by key alone:
    ``client.tools["get-weather"]``. ``dir()``, ``in``, ``len()`` and iteration give the names.

    Args:
        book: the tools that were listed.
        call: takes a name and arguments, and calls the tool.
    """

    __slots__ = ("_book", "_call")

    def __init__(
        self, book: ToolBook, call: Callable[[str, Mapping[str, Any]], CallToolResult]
    ) -> None:
        self._book = book
        self._call = call

    def __getattr__(self, name: str) -> NamedTool:
        tool = None if name.startswith("_") else self._book.find(name)
        if tool is None:
            raise AttributeError(_unknown(name), name=name, obj=self)
        return NamedTool(tool, self._call)

    def __getitem__(self, name: str) -> NamedTool:
        tool = self._book.find(name)
        if tool is None:
            raise KeyError(_unknown(name))
        return NamedTool(tool, self._call)

    def __dir__(self) -> list[str]:
        return [name for name in self._book.names() if _is_attribute(name)]

    def __iter__(self) -> Iterator[str]:
        return iter(self._book.names())

    def __len__(self) -> int:
        return len(self._book.names())

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._book.find(name) is not None

    def _ipython_key_completions_(self) -> list[str]:
        return self._book.names()

    def __repr__(self) -> str:
        return f"<tools: {', '.join(map(repr, self)) or 'none listed; call list_tools()'}>"


def _unknown(name: str) -> str:
    return f"no tool {name!r} was listed; call list_tools() first, or call_tool({name!r}, …)"


def _is_attribute(name: str) -> bool:
    return name.isidentifier() and not keyword.iskeyword(name) and not name.startswith("_")


def _signature(schema: Mapping[str, Any]) -> inspect.Signature:
    """The arguments by name, those that are required first; of a schema that may be anything."""
    properties, required = schema.get("properties"), schema.get("required")
    needed = required if isinstance(required, list) else []
    known = properties if isinstance(properties, Mapping) else {}
    names = [name for name in known if _is_attribute(name)]
    parameters = [
        inspect.Parameter(
            name,
            inspect.Parameter.KEYWORD_ONLY,
            default=inspect.Parameter.empty if name in needed else None,
        )
        for name in sorted(names, key=lambda name: name not in needed)
    ]
    return inspect.Signature(parameters)
