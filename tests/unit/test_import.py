"""``import mcp_sync`` stays cheap: what it must not load, seen in an interpreter of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest

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
    return modules_after("import mcp_sync")


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
