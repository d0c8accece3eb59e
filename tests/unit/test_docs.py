"""What the pages say of the code, held to the code."""

from __future__ import annotations

import re
import shlex

import attrs
import pytest

import mcp_sync
from house import PROJECT
from mcp_sync._version import __version__
from mcp_sync.config import ClientConfig

ROW = re.compile(r"^\| `(\w+)` \| `([^`]+)` \| (.+) \|$", re.MULTILINE)


def rows() -> dict[str, tuple[str, str]]:
    page = (PROJECT / "docs" / "configuration.md").read_text(encoding="utf-8")
    return {name: (default, reason) for name, default, reason in ROW.findall(page)}


def test_every_setting_has_a_row_in_the_order_of_the_class() -> None:
    assert list(rows()) == [field.name for field in attrs.fields(ClientConfig)]


@pytest.mark.parametrize("name", [field.name for field in attrs.fields(ClientConfig)])
def test_a_documented_default_is_the_default(name: str) -> None:
    text, reason = rows()[name]
    documented = eval(text, {"MiB": 1024 * 1024, "__version__": __version__})
    assert documented == getattr(ClientConfig(), name)
    assert len(reason.split()) > 3


def test_the_readme_holds_its_two_commands_each_in_one_line_on_the_first_screen() -> None:
    screen = (PROJECT / "README.md").read_text(encoding="utf-8").splitlines()[:24]
    commands = [line for line in screen if line.startswith("python3 -m venv .venv && ")]
    assert [shlex.split(line)[-2:] for line in commands] == [
        [".venv/bin/mcp-sync", "demo"],
        ["-e", "py"],
    ]


def test_the_changelog_tells_of_this_version() -> None:
    log = (PROJECT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## {re.escape(mcp_sync.__version__)}\b", log, re.MULTILINE)
