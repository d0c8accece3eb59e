"""The source of the package under test, read with ``ast``: what the tests of the house look at."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import attrs

import mcp_sync

PACKAGE = Path(mcp_sync.__file__).resolve().parent
PROJECT = Path(__file__).resolve().parent.parent


@attrs.frozen
class Module:
    """One module of the package; ``name`` is relative to it ("" for the package itself)."""

    name: str
    path: Path
    text: str = attrs.field(repr=False)
    tree: ast.Module = attrs.field(repr=False)

    @property
    def package(self) -> list[str]:
        """The parts of the absolute name of the package that holds it, or that it is."""
        parts = ["mcp_sync", *self.name.split(".")] if self.name else ["mcp_sync"]
        return parts if self.path.name == "__init__.py" else parts[:-1]

    def imports(self) -> Iterator[tuple[int, str]]:
        """Line and absolute name of everything it imports, wherever in the file that stands."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield node.lineno, alias.name
            elif isinstance(node, ast.ImportFrom):
                for alias in node.names:
                    yield node.lineno, self._absolute(node, alias.name)

    def _absolute(self, node: ast.ImportFrom, name: str) -> str:
        start = self.package[: len(self.package) - node.level + 1] if node.level else []
        return ".".join([*start, *([node.module] if node.module else []), name])

    def public(self) -> list[str]:
        """The names in its ``__all__``."""
        for node in self.tree.body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                return list(ast.literal_eval(node.value))
        return []

    def place(self, line: int) -> str:
        """File and line, as an editor opens them."""
        return f"{self.path.relative_to(PACKAGE.parent)}:{line}"


def modules() -> list[Module]:
    """Every module of the package, sorted by name."""
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = list(path.relative_to(PACKAGE).with_suffix("").parts)
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text(encoding="utf-8")
        found.append(Module(name, path, text, ast.parse(text)))
    return found


MODULES = modules()
NAMES = frozenset(module.name for module in MODULES)


def inside(absolute: str) -> str | None:
    """The module of the package that an imported name lives in; None for anything foreign."""
    top, *parts = absolute.split(".")
    if top != "mcp_sync":
        return None
    while ".".join(parts) not in NAMES:
        parts.pop()
    return ".".join(parts)
