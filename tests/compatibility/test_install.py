"""Installing the servers: once, bounded, and never silently in part."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from compatibility import install as installer
from compatibility.install import NODE, NODE_PINS, PYTHON_PINS, node_is_required

SCRIPT = Path(installer.__file__)
PATIENCE_S = 30


def run(directory: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program as tox does: by its path, in safe-path mode."""
    return subprocess.run(
        [sys.executable, "-P", str(SCRIPT), str(directory)],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
        env=environment,
    )


def pretend_python_servers_are_there(directory: Path) -> None:
    for name, pins in PYTHON_PINS.items():
        home = directory / name
        home.mkdir(parents=True)
        stamp = {"pins": list(pins), "python": ".".join(map(str, sys.version_info[:3]))}
        (home / installer.STAMP).write_text(json.dumps(stamp), encoding="utf-8")


def test_what_is_installed_with_these_pins_is_left_alone(installed: Path) -> None:
    done = run(installed, PATH="/usr/bin:/bin")
    assert "installed in" not in done.stdout, done.stderr
    assert done.returncode == 0


def test_every_pin_is_installed_in_exactly_its_version(installed: Path) -> None:
    for name, pins in PYTHON_PINS.items():
        site = next((installed / name / "lib").glob("python*")) / "site-packages"
        for pin in pins:
            package, _, version = pin.partition("==")
            assert (site / f"{package}-{version}.dist-info").is_dir()
    if (installed / NODE).exists():
        for pin in NODE_PINS:
            package, _, version = pin.rpartition("@")
            manifest = installed / NODE / "node_modules" / package / "package.json"
            assert json.loads(manifest.read_text(encoding="utf-8"))["version"] == version


def test_a_missing_node_leaves_its_servers_out_and_says_so(tmp_path: Path) -> None:
    pretend_python_servers_are_there(tmp_path)
    done = run(tmp_path, PATH="")
    assert done.returncode == 0
    assert "npm is not on the PATH" in done.stdout
    assert "will be skipped" in done.stdout


@pytest.mark.parametrize("name", ["CI", "MCP_SYNC_REQUIRE_NODE"])
def test_a_missing_node_is_an_error_where_everything_must_run(tmp_path: Path, name: str) -> None:
    pretend_python_servers_are_there(tmp_path)
    done = run(tmp_path, PATH="", **{name: "1"})
    assert done.returncode == 1
    assert "install Node" in done.stderr


@pytest.mark.parametrize(
    ("environment", "is_required"),
    [
        ({}, False),
        ({"CI": ""}, False),
        ({"MCP_SYNC_REQUIRE_NODE": "0"}, False),
        ({"CI": "true"}, True),
        ({"MCP_SYNC_REQUIRE_NODE": "1"}, True),
    ],
)
def test_node_is_required_in_ci_and_where_it_is_asked_for(
    environment: dict[str, str], is_required: bool
) -> None:
    assert node_is_required(environment) is is_required


def test_an_installation_that_fails_says_what_was_run_and_what_it_said(tmp_path: Path) -> None:
    pretend_python_servers_are_there(tmp_path)
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("npm", "node"):
        (programs / name).write_text("#!/bin/sh\necho the registry is shut >&2\nexit 7\n")
        (programs / name).chmod(0o755)
    done = run(tmp_path, PATH=f"{programs}:/bin")
    assert done.returncode == 1
    for words in ("node could not be installed", "npm install", "status 7", "registry is shut"):
        assert words in done.stderr
    assert not (tmp_path / NODE / installer.STAMP).exists()
