"""`python tests/compatibility/install.py DIR`: the real servers that the compatibility tests run.

Two virtual environments with the official Python SDK, one with its 1.x and one with its 2.x, and
a Node project with the reference servers; each pinned, each with a stamp of its pins, so that a
second run finds nothing to do. It is run by its path, and imports nothing but the standard
library: under tox, neither the checkout nor its directory is on the path.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

__all__ = [
    "NODE",
    "NODE_PINS",
    "PYTHON_PINS",
    "InstallError",
    "install",
    "main",
    "node_is_required",
]

_WIRE: Final = ("starlette==1.10.0", "uvicorn==0.54.0", "websockets==17.4")

PYTHON_PINS: Final[Mapping[str, tuple[str, ...]]] = {
    "mcp-1": ("mcp==1.30.0", *_WIRE),
    "mcp-2": ("mcp==2.3.0", *_WIRE),
}
"""What goes into each virtual environment, by its directory."""

NODE: Final = "node"
"""The directory of the Node project."""

NODE_PINS: Final = (
    "@modelcontextprotocol/server-everything@2026.8.31",
    "@modelcontextprotocol/server-filesystem@2026.8.31",
)

SECONDS: Final = 300.0
"""For each of the three; they run at the same time."""

STAMP: Final = "installed.json"

NO_NODE: Final = (
    "npm is not on the PATH, so server-everything and server-filesystem cannot be installed: "
    "install Node 20 or newer"
)


class InstallError(Exception):
    """A server could not be installed: which, by which command, and what that printed last."""


def node_is_required(environment: Mapping[str, str]) -> bool:
    """Whether a missing Node is an error: in CI, and where ``MCP_SYNC_REQUIRE_NODE`` is set."""
    return any(
        environment.get(name, "") not in ("", "0") for name in ("CI", "MCP_SYNC_REQUIRE_NODE")
    )


def install(directory: Path, *, strict: bool) -> list[str]:
    """Install what is not there yet.

    Args:
        directory: made if need be; each server gets a directory of its own in it.
        strict: whether a missing Node is an error.

    Returns:
        One line for each thing that was done or left out; empty when all was there.

    Raises:
        InstallError: something could not be installed.
    """
    jobs: list[Callable[[], str | None]] = [
        lambda name=name, pins=pins: _python(directory / name, pins)
        for name, pins in PYTHON_PINS.items()
    ]
    if shutil.which("npm") and shutil.which("node"):
        jobs.append(lambda: _node(directory / NODE))
    elif strict:
        raise InstallError(NO_NODE)
    with ThreadPoolExecutor(len(jobs)) as pool:
        lines = list(pool.map(lambda job: job(), jobs))
    if len(jobs) == len(PYTHON_PINS):
        lines.append(f"{NO_NODE}; their tests will be skipped")
    return [line for line in lines if line is not None]


def _python(home: Path, pins: Sequence[str]) -> str | None:
    stamp = {"pins": list(pins), "python": platform.python_version()}
    if _is_stamped(home, stamp):
        return None
    # A pip of our own need not be installed there first, which costs more than the servers.
    has_pip = importlib.util.find_spec("pip") is not None
    venv.create(home, clear=True, symlinks=True, with_pip=not has_pip)
    python = home / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python] if has_pip else [python, "-m", "pip"]
    options = ["--quiet", "--no-compile", "--no-input", "--disable-pip-version-check"]
    _run(home.name, [*pip, "install", *options, *pins])
    return _stamped(home, stamp)


def _node(home: Path) -> str | None:
    stamp = {"pins": list(NODE_PINS)}
    if _is_stamped(home, stamp):
        return None
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    options = ["--no-audit", "--no-fund", "--no-progress", "--no-update-notifier"]
    _run(home.name, ["npm", "install", "--prefix", home, *options, "--ignore-scripts", *NODE_PINS])
    return _stamped(home, stamp)


def _run(what: str, command: Sequence[str | Path]) -> None:
    words = [str(word) for word in command]
    # The tests' interpreter may be told to measure itself or to look nowhere; the servers' is not.
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))
    }
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
    except subprocess.TimeoutExpired as error:
        raise InstallError(
            f"{what} was not installed within {SECONDS:g} s by: {' '.join(words)}"
        ) from error
    if done.returncode:
        last = "\n  ".join((done.stdout + done.stderr).strip().splitlines()[-12:])
        raise InstallError(
            f"{what} could not be installed; {' '.join(words)} ended with status "
            f"{done.returncode} and printed last:\n  {last}"
        )


def _is_stamped(home: Path, stamp: Mapping[str, object]) -> bool:
    try:
        return bool(json.loads((home / STAMP).read_text(encoding="utf-8")) == stamp)
    except (FileNotFoundError, json.JSONDecodeError):
        return False


def _stamped(home: Path, stamp: Mapping[str, object]) -> str:
    (home / STAMP).write_text(json.dumps(stamp) + "\n", encoding="utf-8")
    return f"installed in {home}: {', '.join(map(str, stamp['pins']))}"  # type: ignore[call-overload]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run as a program; 0 when everything that is wanted is there."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("directory", type=Path, help="where to; made if need be")
    parser.add_argument(
        "--strict",
        action="store_true",
        default=node_is_required(os.environ),
        help="a missing Node is an error; the default where CI or MCP_SYNC_REQUIRE_NODE is set",
    )
    given = parser.parse_args(arguments)
    try:
        lines = install(given.directory.resolve(), strict=given.strict)
    except InstallError as error:
        print(error, file=sys.stderr)
        return 1
    print("\n".join(lines) or "every server is installed already")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
