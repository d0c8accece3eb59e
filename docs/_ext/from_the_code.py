"""Directives for what must not be written twice: the states, the errors and the public names.

Each makes Markdown of what the imported package holds, so that the pages cannot go stale.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Iterator
from itertools import groupby

from cures import CURES
from docutils import nodes
from docutils.statemachine import StringList
from parts_of_values import parts_of_values
from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer
from sphinx.util.docutils import SphinxDirective
from sphinx.util.typing import ExtensionMetadata
from state_diagram import state_diagram

import mcp_sync
from mcp_sync.errors import MCPError
from mcp_sync.states import TRANSITIONS

GROUP_OF = {
    "base_client": "Clients",
    "client": "Clients",
    "compareblocks": "Clients",
    "client_calls": "Clients",
    "features": "Handlers, subscriptions and checks",
    "connection": "Calls, statistics and health",
    "offline": "Calls, statistics and health",
    "config": "Configuration",
    "log_setup": "Configuration",
    "states": "States and events",
    "events": "States and events",
    "types": "Values",
    "variations_file": "Values",
}
"""The heading under which the API reference lists what a room makes public, apart from errors."""

ORDER = [*dict.fromkeys(GROUP_OF.values()), "Errors"]

PACKAGES = ["mcp_sync.testing", "mcp_sync.embedded"]
"""Those with public names of their own."""

_ABOUT_PARTS = (
    "What the values above are made of. These classes are read by the attribute that stands above "
    "each, and need not be imported."
)


class Generated(SphinxDirective):
    """Parses the Markdown that a subclass makes."""

    def run(self) -> list[nodes.Node]:
        """Make the nodes."""
        section = nodes.Element()
        lines = StringList(list(self.lines()), source=__file__)
        self.state.nested_parse(lines, self.content_offset, section, match_titles=True)
        return list(section.children)

    def lines(self) -> Iterator[str]:
        """Make the Markdown, line by line."""
        raise AssertionError("a subclass makes the lines")


class StateTable(Generated):
    """The table of states: where each trigger leads; what is not there is illegal."""

    def lines(self) -> Iterator[str]:
        """One row per state."""
        yield from ["| in the state | what happens, and where it leads |", "|---|---|"]
        for state, row in TRANSITIONS.items():
            targets = [f"{trigger.name} → **{row[trigger].name}**" for trigger in row]
            yield f"| **{state.name}** | {', '.join(targets)} |"


class StateDiagram(SphinxDirective):
    """The same table as a drawing."""

    def run(self) -> list[nodes.Node]:
        """Make the node."""
        return [nodes.raw("", state_diagram(), format="html")]


class ErrorTree(Generated):
    """Every error as a nested list, by name alone."""

    def lines(self) -> Iterator[str]:
        """One item per error, children below."""
        for depth, error in public_errors():
            foreign = [base.__name__ for base in error.__bases__ if not issubclass(base, MCPError)]
            also = f", also a `{foreign[0]}`" if foreign and error is not MCPError else ""
            yield f"{'  ' * depth}- {{py:exc}}`~mcp_sync.{error.__name__}`{also}"


class ErrorCures(Generated):
    """Every error with its cause, from its docstring, and its cure."""

    def lines(self) -> Iterator[str]:
        """One row per error."""
        yield from ["| error | what happened | what to do |", "|---|---|---|"]
        for _, error in public_errors():
            cause = " ".join((inspect.getdoc(error) or "").split("\n\n")[0].split())
            cells = [f"`{error.__name__}`", cause.replace("``", "`"), CURES[error.__name__]]
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def public_errors() -> Iterator[tuple[int, type[MCPError]]]:
    """Every public error with its depth in the tree, children below their parents."""
    for name in mcp_sync.__all__:
        getattr(mcp_sync, name)  # entered, its room adds its errors to the tree
    yield from _branch(MCPError, 0)


def _branch(error: type[MCPError], depth: int) -> Iterator[tuple[int, type[MCPError]]]:
    yield depth, error
    children = (one for one in error.__subclasses__() if one.__name__ in mcp_sync.__all__)
    for child in sorted(children, key=_in_source):
        yield from _branch(child, depth + 1)


class PublicApi(Generated):
    """Everything public: ``mcp_sync.__all__`` by rooms, what it leads to, and two packages."""

    def lines(self) -> Iterator[str]:
        """A heading per group, then each name with its members."""
        yield from self._facade()
        yield from ["## Parts of values", "", _ABOUT_PARTS, "", "```{eval-rst}"]
        for part, attribute in parts_of_values().items():
            yield from [f"``{attribute}``:", ""]
            yield from _entry_of(part, f"{part.__module__}.{part.__name__}")
        yield from ["```", ""]
        for package in PACKAGES:
            yield from self._package(package)

    def _facade(self) -> Iterator[str]:
        placed = sorted(
            (ORDER.index(_group(name)), name) for name in mcp_sync.__all__ if name[0] != "_"
        )
        for group, names in groupby(placed, key=lambda pair: pair[0]):
            yield from [f"## {ORDER[group]}", "", "```{eval-rst}"]
            for _, name in names:
                yield from self._entry(name)
            yield from ["```", ""]

    def _entry(self, name: str) -> Iterator[str]:
        value = getattr(mcp_sync, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            yield from _entry_of(value, f"mcp_sync.{name}")
        else:
            yield from [f".. py:data:: mcp_sync.{name}", ""]
            yield from (f"   {line}" for line in _doc_of_constant(name))
            yield ""

    def _package(self, name: str) -> Iterator[str]:
        package = importlib.import_module(name)
        yield from [f"## {name}", "", *(inspect.getdoc(package) or "").splitlines(), ""]
        yield "```{eval-rst}"
        for public in package.__all__:
            yield from _entry_of(getattr(package, public), f"{name}.{public}")
        yield from ["```", ""]


def _entry_of(value: object, name: str) -> Iterator[str]:
    """The entry of a class or a function."""
    if inspect.isclass(value):
        kind = "exception" if issubclass(value, BaseException) else "class"
        yield from [f".. auto{kind}:: {name}", "   :members:", "   :show-inheritance:"]
        if kind == "class":
            yield "   :inherited-members: Future, str, tuple"
    else:
        yield f".. autofunction:: {name}"
    yield ""


def _in_source(error: type[Exception]) -> tuple[str, int]:
    return error.__module__, inspect.getsourcelines(error)[1]


def _group(name: str) -> str:
    value = getattr(mcp_sync, name)
    if inspect.isclass(value) and issubclass(value, BaseException):
        return "Errors"
    return GROUP_OF[_owner(name).split(".")[1]]


def _owner(name: str) -> str:
    for absolute, module in sorted(sys.modules.items()):
        package, _, room = absolute.partition(".")
        is_listed = package == "mcp_sync" and room.partition(".")[0] in GROUP_OF
        if is_listed and name in getattr(module, "__all__", ()):
            return absolute
    raise LookupError(f"mcp_sync.{name} comes from no room in GROUP_OF; give its room a heading")


def _doc_of_constant(name: str) -> list[str]:
    # Autodoc looks for the docstring of a constant where it is imported, not where it is.
    owner = _owner(name)
    found = ModuleAnalyzer.for_module(owner).find_attr_docs()
    if ("", name) not in found:
        raise LookupError(f"{owner}.{name} is public and has no docstring below it")
    return found["", name]


def setup(app: Sphinx) -> ExtensionMetadata:
    """Register the directives."""
    app.add_directive("state-table", StateTable)
    app.add_directive("state-diagram", StateDiagram)
    app.add_directive("error-tree", ErrorTree)
    app.add_directive("error-cures", ErrorCures)
    app.add_directive("public-api", PublicApi)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
