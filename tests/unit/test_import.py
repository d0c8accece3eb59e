"""``import mcp_sync`` stays cheap: what it must not load, seen in an interpreter of its own."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import mcp_sync
from peers_mcp import Line, Switchboard, modern, shake

UNWANTED = [
    "asyncio",
    "tenacity",
    "websockets",
    "cattrs",
    "jsonschema",
    "sqlite3",
    "rich",
    "pytest",
]
"""What belongs to extras, to the first outage or to handlers that are coroutine functions."""


def modules_after(statement: str) -> set[str]:
    # What the interpreter had before is not ours: coverage may have come with it.
    program = f"import sys\nold = {{*sys.modules}}\n{statement}\nprint(*{{*sys.modules}} - old)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    return set(run.stdout.split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return modules_after("from mcp_sync import MCPClient")


def test_a_public_name_is_at_home_where_type_checkers_look_for_it() -> None:
    tree = ast.parse(Path(mcp_sync.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    for_checkers = {
        name.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert for_checkers == dict(mcp_sync._ROOM_OF)


@pytest.mark.parametrize("name", mcp_sync.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(mcp_sync, name) is not None
    assert name in dir(mcp_sync)


def test_a_name_that_is_not_public_is_refused_by_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        mcp_sync.Nothing  # noqa: B018


def test_the_bare_package_loads_no_client() -> None:
    assert "mcp_sync.base_client" not in modules_after("import mcp_sync")


def test_a_client_without_a_journal_does_not_load_sqlite() -> None:
    assert "sqlite3" not in modules_after("import mcp_sync; mcp_sync.MCPClient()")


@pytest.mark.parametrize("name", UNWANTED)
def test_importing_the_package_does_not_load(name: str, loaded: set[str]) -> None:
    assert "mcp_sync" in loaded
    assert name not in loaded


def test_an_unwanted_module_would_be_seen() -> None:
    assert "asyncio" in modules_after("import mcp_sync, asyncio")


@pytest.mark.parametrize("room", ["cli", "embedded", "testing"])
def test_importing_the_package_does_not_load_the_rooms_above_it(
    room: str, loaded: set[str]
) -> None:
    assert not {name for name in loaded if name.split(".")[:2] == ["mcp_sync", room]}


@pytest.mark.parametrize(
    "statement",
    [
        "import mcp_sync; mcp_sync.MCPClient().close()",
        "import mcp_sync; mcp_sync.ClientConfig.from_env({})",
    ],
)
def test_making_a_client_or_its_settings_loads_no_more(statement: str) -> None:
    assert modules_after(statement) & set(UNWANTED) == set()


FIRST_RESULT = """
import sys

old = {*sys.modules}
from mcp_sync import MCPClient

with MCPClient(sys.argv[1]) as client:
    client.initialize()
    client.request("tools/call", {"name": "echo", "arguments": {}})
    print(*{*sys.modules} - old)
"""


@pytest.mark.parametrize("handshake", [shake, modern])
def test_until_the_first_result_nothing_loads_attrs(handshake: Callable[[Line], None]) -> None:
    with Switchboard(handshake) as board:
        command = [sys.executable, "-c", FIRST_RESULT, board.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            line = board.line()
            line.answer(line.request("tools/call"), {"resultType": "complete", "content": []})
            loaded = set(program.communicate(timeout=30)[0].split())
    assert "mcp_sync.types.session" in loaded
    assert loaded & {"attr", "attrs"} == set()
