"""The rules of the house that a machine can see."""

from __future__ import annotations

import ast
import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

import mcp_sync
from house import MODULES, PROJECT, Module

Node = TypeVar("Node", bound=ast.AST)

LONGEST_FUNCTION = 60

OPEN_ENDS = re.compile(
    "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X", "NotImplemented" + "Error"])
)


def by_name(module: Module) -> str:
    return module.name or "mcp_sync"


def nodes(kind: type[Node]) -> Iterator[tuple[Module, Node]]:
    for module in MODULES:
        for node in ast.walk(module.tree):
            if isinstance(node, kind):
                yield module, node


def test_the_package_under_test_is_the_one_that_is_installed() -> None:
    distribution = importlib.metadata.distribution("mcp_sync")
    installed = json.loads(distribution.read_text("direct_url.json") or "{}")
    if installed.get("dir_info", {}).get("editable"):
        return
    home = Path(str(distribution.locate_file("mcp_sync"))).resolve()
    assert Path(mcp_sync.__file__).resolve().parent == home


def test_all_of_the_package_is_what_can_be_imported_from_it() -> None:
    # Most are imported when they are asked for first, so each is asked for.
    public = {
        name
        for name in dir(mcp_sync)
        if not name.startswith("_") and not isinstance(getattr(mcp_sync, name), types.ModuleType)
    }
    of_the_module_itself = {"Any", "Final", "TYPE_CHECKING", "annotations"}
    assert public - of_the_module_itself | {"__version__"} == set(mcp_sync.__all__)


@pytest.mark.parametrize("module", MODULES, ids=by_name)
def test_a_module_says_what_is_public_and_has_it(module: Module) -> None:
    defined = [
        node.name
        for node in module.tree.body
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    if defined:
        assert module.public(), f"{module.path} defines {defined} and has no __all__"
    absolute = f"mcp_sync.{module.name}" if module.name else "mcp_sync"
    missing = [
        name for name in module.public() if not hasattr(importlib.import_module(absolute), name)
    ]
    assert missing == []


@pytest.mark.parametrize("module", MODULES, ids=by_name)
def test_a_module_and_everything_public_in_it_is_documented(module: Module) -> None:
    assert ast.get_docstring(module.tree), f"{module.path} has no docstring"
    public = {name for name in module.public() if not name.startswith("__")}
    bare = [name for name, documented in _definitions(module.tree) if not documented]
    assert public & set(bare) == set()


def _definitions(tree: ast.Module) -> Iterator[tuple[str, bool]]:
    """Each name defined at the top, and whether a docstring follows it."""
    for node, after in zip(tree.body, [*tree.body[1:], None], strict=True):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            yield node.name, ast.get_docstring(node) is not None
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            text = after.value if isinstance(after, ast.Expr) else None
            documented = isinstance(text, ast.Constant) and isinstance(text.value, str)
            yield ast.unparse(target), documented


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{module.place(node.lineno)} {node.name}"
        for module, node in [*nodes(ast.FunctionDef), *nodes(ast.AsyncFunctionDef)]
        if (node.end_lineno or 0) - node.lineno >= LONGEST_FUNCTION
    ]
    assert long == []


def test_a_broad_except_says_why_on_its_line() -> None:
    bare = [
        module.place(node.lineno)
        for module, node in nodes(ast.ExceptHandler)
        if _is_broad(node.type) and not _says_why(module.text.splitlines()[node.lineno - 1])
    ]
    assert bare == []


@pytest.mark.parametrize(
    ("line", "says_why"),
    [
        ("except Exception:", False),
        ("except Exception:  # noqa: BLE001", False),
        ("except BaseException:  # noqa: BLE001, RUF100 # pragma: no cover", False),
        ("except Exception:  # noqa: BLE001 - a handler may raise anything", True),
        ("except Exception:  # a handler may raise anything", True),
    ],
)
def test_a_suppressed_rule_is_no_reason(line: str, says_why: bool) -> None:
    assert _says_why(line) == says_why


def _is_broad(caught: ast.expr | None) -> bool:
    names = {"Exception", "BaseException"}
    if isinstance(caught, ast.Tuple):
        return any(_is_broad(one) for one in caught.elts)
    return caught is None or ast.unparse(caught) in names


def _says_why(line: str) -> bool:
    _, _, comment = line.partition("#")
    words = re.sub(r"noqa: [A-Z]+\d+(, [A-Z]+\d+)*|pragma: no cover", "", comment)
    return len(re.findall(r"\w+", words)) > 1


def test_nothing_is_left_open() -> None:
    files = [*(module.path for module in MODULES), *(PROJECT / "tests").rglob("*.py")]
    files += [*(PROJECT / "docs").glob("*.md"), PROJECT / "README.md"]
    left = [
        f"{path}:{number}: {line.strip()}"
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if OPEN_ENDS.search(line)
    ]
    assert left == []


def test_the_state_is_assigned_in_one_line() -> None:
    lines = [
        module.place(number)
        for module in MODULES
        # A call sets what a future calls its state.
        if module.name.startswith("connection") and module.name != "connection.call"
        for number, line in enumerate(module.text.splitlines(), 1)
        if "self._state = " in line
    ]
    assert len(lines) == 1, lines


def test_no_more_than_ten_lines_are_kept_from_the_coverage_and_each_says_why() -> None:
    lines = [line for module in MODULES for line in module.text.splitlines()]
    kept = [line for line in lines if "pragma: no cover" in line]
    assert len(kept) <= 10
    assert [line for line in kept if not _says_why(line)] == []


def test_importing_the_package_stays_cheap() -> None:
    program = (
        "import sys; before = {*sys.modules}; import mcp_sync; print(*{*sys.modules} - before)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    loaded = set(run.stdout.split())
    assert "mcp_sync" in loaded
    assert loaded & {"asyncio", "rich", "sqlite3", "tenacity", "websockets"} == set()
