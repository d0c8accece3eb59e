"""Imports only go down: every import of every module of the package, held to its floor."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from house import MODULES, NAMES, PROJECT, Module, inside

FLOOR_OF = {
    # Everything on the ground is listed by name: a new room there is a decision.
    "_version": "ground",
    "command": "ground",
    "config": "ground",
    "config_sources": "ground",
    "config_validators": "ground",
    "deadline": "ground",
    "errors": "ground",
    "events": "ground",
    "headers": "ground",
    "late_import": "ground",
    "log_setup": "ground",
    "mcp_servers_file": "ground",
    "notebook": "ground",
    "states": "ground",
    "types": "ground",
    "url": "ground",
    "values": "ground",
    "transports": "transports",
    "protocol": "protocol",
    "connection": "connection",
    "embedded": "embedded",
    "base_client": "base_client",
    "client_calls": "base_client",
    "client_events": "base_client",
    "offline": "base_client",
    "process_hooks": "base_client",
    "features": "features",
    "client": "clients",
    "compareblocks": "clients",
    "variations_file": "clients",
    "": "facade",
    "testing": "testing",
    "cli": "roof",
    "__main__": "roof",
}

BELOW_CLIENTS = {"connection", "protocol", "transports", "ground"}

MAY_IMPORT = {
    "ground": set(),
    "transports": {"ground"},
    "protocol": {"ground"},
    "connection": {"protocol", "transports", "ground"},
    "embedded": {"ground"},
    "base_client": BELOW_CLIENTS,
    "features": {"base_client", *BELOW_CLIENTS},
    "clients": {"features", "base_client", *BELOW_CLIENTS},
    "facade": {"clients", "features", "base_client", *BELOW_CLIENTS},
    "testing": {"facade", "clients", "features", "base_client", "embedded", *BELOW_CLIENTS},
    "roof": {
        "testing",
        "facade",
        "clients",
        "features",
        "base_client",
        "embedded",
        *BELOW_CLIENTS,
    },
}
"""What a floor may import besides itself. Transports know no protocol, nor the other way round."""

EXCEPTIONS = {
    ("embedded", "connection.worker"): "threads are made in one place",
    ("testing", "connection.worker"): "threads are made in one place",
}

THREADS = {"_thread", "threading", "multiprocessing"}
OUTSIDE_WORLD = {
    *THREADS,
    "asyncio",
    "concurrent",
    "os",
    "queue",
    "random",
    "select",
    "selectors",
    "signal",
    "socket",
    "ssl",
    "subprocess",
    "tempfile",
    "time",
}

FOREIGN = {
    "attrs": None,
    "jsonschema": {"features"},
    "opentelemetry": {"features"},
    "referencing": {"features"},
    "regex": {"features"},
    "rich": {"roof"},
    "tenacity": {"connection"},
    "websockets": {"embedded", "testing"},
    "pytest": {"testing"},
}
"""The floors that may import a library; None for all. Not listed: not a dependency."""


def floor_of(name: str) -> str:
    room = top(name)
    assert room in FLOOR_OF, (
        f"mcp_sync.{name} stands on no floor; name its room in FLOOR_OF, or move it into one"
    )
    return FLOOR_OF[room]


def by_name(module: Module) -> str:
    return module.name or "mcp_sync"


def top(absolute: str) -> str:
    return absolute.partition(".")[0]


@pytest.mark.parametrize("module", MODULES, ids=by_name)
def test_a_module_imports_only_from_its_own_floor_or_from_below(module: Module) -> None:
    own = floor_of(module.name)
    wrong = []
    for line, absolute in module.imports():
        target = inside(absolute)
        if target is None or (target == "" and own == "facade"):
            continue
        floor = floor_of(target)
        if floor != own and floor not in MAY_IMPORT[own] and (own, target) not in EXCEPTIONS:
            wrong.append(f"{module.place(line)}: {own} may not import {absolute} ({floor})")
    assert wrong == []


@pytest.mark.parametrize("module", MODULES, ids=by_name)
def test_a_module_imports_no_library_that_its_floor_does_not_know(module: Module) -> None:
    own = floor_of(module.name)
    wrong = []
    for line, absolute in module.imports():
        library = top(absolute)
        if library == "mcp_sync" or library in sys.stdlib_module_names:
            continue
        floors = FOREIGN.get(library, set())
        if floors is not None and own not in floors:
            wrong.append(f"{module.place(line)}: {own} may not import {library}")
    assert wrong == []


@pytest.mark.parametrize("module", MODULES, ids=by_name)
def test_protocol_knows_no_threads_no_clock_and_no_outside_world(module: Module) -> None:
    if floor_of(module.name) != "protocol":
        return
    wrong = [
        f"{module.place(line)}: protocol is pure and may not import {absolute}"
        for line, absolute in module.imports()
        if top(absolute) in OUTSIDE_WORLD
    ]
    assert wrong == []


def test_the_table_of_floors_names_only_rooms_that_exist() -> None:
    assert set(FLOOR_OF) - {top(name) for name in NAMES} == set()


def test_only_floors_that_own_threads_import_threading() -> None:
    owners = {"connection", "transports", "embedded", "testing"}
    # One lock and no thread: callers' threads share the cache of results, and all share imports.
    owners_of_a_lock = {"features.result_cache", "late_import"}
    wrong = [
        f"{module.place(line)}: {absolute}"
        for module in MODULES
        if floor_of(module.name) not in owners and module.name not in owners_of_a_lock
        for line, absolute in module.imports()
        if top(absolute) in THREADS
    ]
    assert wrong == []


def test_threads_are_made_in_one_place() -> None:
    makers = {"Thread", "Timer", "ThreadPoolExecutor", "start_new_thread"}
    made = [
        module.place(node.lineno)
        for module in MODULES
        for node in ast.walk(module.tree)
        if (isinstance(node, ast.Call) and _last_name(node.func) in makers)
        or (isinstance(node, ast.ClassDef) and {_last_name(base) for base in node.bases} & makers)
    ]
    assert [place.split(":")[0] for place in made] == ["mcp_sync/connection/worker.py"], made


def test_tenacity_is_imported_in_one_module() -> None:
    users = {
        module.name
        for module in MODULES
        for _, absolute in module.imports()
        if top(absolute) == "tenacity"
    }
    assert len(users) == 1, users


def test_nothing_sleeps_neither_in_the_package_nor_in_its_tests() -> None:
    trees = {module.path: module.tree for module in MODULES}
    for path in (PROJECT / "tests").rglob("*.py"):
        trees[path] = ast.parse(path.read_text(encoding="utf-8"))
    asleep = [
        f"{path}:{node.lineno}"
        for path, tree in trees.items()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Attribute) and ast.unparse(node) == "time.sleep")
        or (isinstance(node, ast.ImportFrom) and node.module == "time" and _imports_sleep(node))
    ]
    assert asleep == []


def test_an_import_is_resolved_to_the_module_it_reaches() -> None:
    text = "from ..deadline import Deadline\nfrom . import worker\nimport mcp_sync.errors as e\n"
    module = Module("connection.reader", Path("reader.py"), text, ast.parse(text))
    found = [inside(absolute) for _, absolute in module.imports()]
    assert found == ["deadline", "connection.worker", "errors"]
    assert set(found) <= NAMES


def _last_name(node: ast.expr) -> str:
    return ast.unparse(node).split(".")[-1]


def _imports_sleep(node: ast.ImportFrom) -> bool:
    return any(alias.name == "sleep" for alias in node.names)
