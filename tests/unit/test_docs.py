"""What the pages say of the code, held to the code."""

from __future__ import annotations

import inspect
import re
import runpy
import shlex
from pathlib import Path

import attrs
import pytest

import mcp_sync
from house import MODULES, PROJECT
from mcp_sync._version import __version__
from mcp_sync.config import ClientConfig
from mcp_sync.states import TRANSITIONS, ConnectionState, Trigger

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


def rooms_of(page: str) -> set[str]:
    """Every room that stands in a table of the page, in its first two columns."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    cells = [cell for line in lines for cell in line.split("|")[1:3]]
    return {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}


def test_every_room_stands_in_the_table_of_the_floors() -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    tops = {module.name.partition(".")[0] for module in MODULES} - {"", "_version"}
    assert tops - rooms_of(page) == set()


@pytest.mark.parametrize("floor", ["connection", "features", "protocol", "transports"])
def test_every_room_of_a_floor_has_its_row(floor: str) -> None:
    page = (PROJECT / "docs" / "architecture.md").read_text(encoding="utf-8")
    title = "transport" if floor == "transports" else floor
    [table] = re.findall(
        rf"^## The {title}\b.*?room by room$(.*?)^## ", page, re.MULTILINE | re.DOTALL
    )
    here = {module.name.partition(".")[2] for module in MODULES if module.path.parent.name == floor}
    assert rooms_of(table) == here - {""}


def test_every_error_has_a_cure_and_no_cure_is_left_over() -> None:
    cures = runpy.run_path(str(PROJECT / "docs" / "_ext" / "cures.py"))["CURES"]
    public = [getattr(mcp_sync, name) for name in mcp_sync.__all__]
    errors = {
        one.__name__ for one in public if isinstance(one, type) and issubclass(one, Exception)
    }
    assert set(cures) == errors
    assert [name for name, cure in cures.items() if not cure.endswith((".", "?"))] == []


def parts() -> dict[type, str]:
    path = PROJECT / "docs" / "_ext" / "parts_of_values.py"
    found: dict[type, str] = runpy.run_path(str(path))["parts_of_values"]()
    return found


def test_the_reference_has_what_public_values_are_made_of() -> None:
    names = {kind.__name__: attribute for kind, attribute in parts().items()}
    for name, attribute in {
        "DialStatistics": "ConnectionStatistics.dials",
        "LossRecord": "LossStatistics.recent",
        "DrainRecord": "QueueStatistics.last_drain",
        "Statistics": "ExtractionResults.statistics",
        "QualityMetrics": "Analytics.quality_metrics",
        "ResultsSummary": "SessionStatus.results_summary",
    }.items():
        assert names[name] == attribute
    assert not names.keys() & set(mcp_sync.__all__)


def test_what_values_are_made_of_says_of_each_field_what_it_is() -> None:
    untold = [
        f"{kind.__name__}.{field.name}"
        for kind in parts()
        for field in attrs.fields(kind)
        if not re.search(rf"^    {field.name}: ", inspect.getdoc(kind) or "", re.MULTILINE)
    ]
    assert untold == []


def test_every_state_has_its_place_in_the_drawing_and_every_transition_its_arrow() -> None:
    drawing = runpy.run_path(str(PROJECT / "docs" / "_ext" / "state_diagram.py"))["state_diagram"]()
    assert {state.name for state in ConnectionState} <= set(re.findall(r">(\w+)</text>", drawing))
    arrows = sum(trigger is not Trigger.CLOSE for row in TRANSITIONS.values() for trigger in row)
    assert drawing.count("marker-end") == arrows


def test_every_logger_stands_in_the_table_of_loggers() -> None:
    page = (PROJECT / "docs" / "how-to" / "logging.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `(mcp_sync\.\w+)` \|", page, re.MULTILINE)
    named = re.compile(r"getLogger\((.*?)\)")
    names = {name for module in MODULES for name in named.findall(module.text)}
    # That of the package itself is the one that programs and the command line set up.
    assert sorted(names - {'"mcp_sync"'}) == sorted(f'"{name}"' for name in listed)


def test_every_method_of_the_migration_is_one_of_the_client() -> None:
    page = (PROJECT / "docs" / "migration.md").read_text(encoding="utf-8")
    table = page[page.index("## Method by method") : page.index("## Errors")]
    rows = [line.split("|") for line in table.splitlines() if line.startswith("| ")]
    now = {name for row in rows for name in re.findall(r"`(\w+)\(", row[2])}
    assert "extract" in now
    assert [name for name in now if not hasattr(mcp_sync.CompareblocksClient, name)] == []


PAGES = [PROJECT / "README.md", PROJECT / "CHANGELOG.md", *sorted((PROJECT / "docs").rglob("*.md"))]


def test_every_page_is_listed_once_in_the_index() -> None:
    docs = PROJECT / "docs"
    listed = re.findall(
        r"^(?:[^\n<]+<)?([\w/-]+)>?$", (docs / "index.md").read_text(), re.MULTILINE
    )
    pages = [path.relative_to(docs).with_suffix("").as_posix() for path in docs.rglob("*.md")]
    assert sorted(name for name in listed if name in pages) == sorted({*pages} - {"index"})


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_every_setting_and_method_that_a_page_names_is_there(path: Path) -> None:
    names = re.findall(r"`(?:client|call)\.(\w+)\(", path.read_text(encoding="utf-8"))
    clients = (mcp_sync.MCPClient, mcp_sync.CompareblocksClient, mcp_sync.Call)
    assert [name for name in names if not any(hasattr(kind, name) for kind in clients)] == []
