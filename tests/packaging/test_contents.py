"""What is in the sdist and in the wheel, and what they say of themselves."""

from __future__ import annotations

import email
import tarfile
import zipfile
from email.message import Message
from pathlib import Path

import pytest

import mcp_sync
from house import PROJECT

SAMPLE = sorted(path.name for path in (PROJECT / "mcp_sync/embedded/sample").iterdir())


@pytest.fixture(scope="module")
def names(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return email.message_from_bytes(archive.read(name))


def test_the_wheel_has_every_module_and_the_types_and_the_sample(names: list[str]) -> None:
    expected = {
        str(path.relative_to(PROJECT))
        for path in (PROJECT / "mcp_sync").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert "mcp_sync/py.typed" in expected
    assert {name for name in names if name.startswith("mcp_sync/")} == expected


def test_the_wheel_has_nothing_but_the_package_and_its_licence(names: list[str]) -> None:
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"mcp_sync"}
    assert [name for name in names if name.endswith("/LICENSE")] != []


def test_the_sdist_has_what_a_packager_needs(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"setup.cfg", "pyproject.toml", "README.md", "LICENSE", "PKG-INFO"} <= names
    assert "mcp_sync/py.typed" in names
    assert {f"mcp_sync/embedded/sample/{name}" for name in SAMPLE} <= names
    assert [name for name in names if name.startswith(("tests", "docs/_build", "."))] == []


def test_the_metadata_is_complete(metadata: Message) -> None:
    assert metadata["Name"].replace("-", "_") == "mcp_sync"
    assert metadata["Version"] == mcp_sync.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert {"all", "cli", "embedded", "notebook", "schema"} <= set(
        metadata.get_all("Provides-Extra", [])
    )


def test_without_an_extra_two_libraries_are_needed(metadata: Message) -> None:
    needed = metadata.get_all("Requires-Dist", [])
    plain = sorted(line.partition(">")[0] for line in needed if "extra ==" not in line)
    assert plain == ["attrs", "tenacity"]
