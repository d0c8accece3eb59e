"""The installed wheel, without extras and with each alone: what needs one says which."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
import venv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from mcp_sync.embedded import ServerProcess

SECONDS = 30.0
INSTALL_SECONDS = 300.0

MakeEnvironment = Callable[..., Path]


class Feature(NamedTuple):
    """Something that needs an extra.

    Args:
        extra: which.
        more: requirements beside it.
        needs: what it says without the extra.
        script: what uses it; ``URL`` is a server. Prints "done" at the end.
    """

    extra: str
    more: tuple[str, ...]
    needs: str
    script: str


FEATURES = {
    "validate_arguments": Feature(
        "schema",
        (),
        "pip install 'mcp_sync[schema]'",
        """
from mcp_sync import InvalidArguments, MCPClient
with MCPClient(URL) as client:
    client.call_tool("echo", {"text": "hello"}, validate_arguments=True)
    try:
        client.call_tool("echo", {"text": 7}, validate_arguments=True)
    except InvalidArguments:
        print("done")
""",
    ),
    "progress": Feature(
        "notebook",
        (),
        "pip install 'mcp_sync[notebook]'",
        """
from mcp_sync import MCPClient
with MCPClient(URL) as client:
    client.call_tool("echo", {"text": "hello"}, progress=True)
print("done")
""",
    ),
    "watch": Feature(
        "cli",
        (),
        "pip install 'mcp_sync[cli]'",
        """
from mcp_sync.cli import main
if main(["watch", "--url", URL, "--count", "2", "--interval", "0.05"]) == 0:
    print("done")
""",
    ),
    "EmbeddedServer": Feature(
        "embedded",
        (),
        "pip install 'mcp_sync[embedded]'",
        """
from mcp_sync import MCPClient
from mcp_sync.embedded import EmbeddedServer
with EmbeddedServer() as server, MCPClient(server.url) as client:
    client.call_tool("echo", {"text": "hello"})
print("done")
""",
    ),
    "serve": Feature(
        "embedded",
        (),
        "pip install 'mcp_sync[embedded]'",
        """
import subprocess, sys
command = [sys.executable, "-m", "mcp_sync", "serve", "--port", "0"]
with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
    if "ws://" in process.stdout.readline():
        print("done")
    process.terminate()
""",
    ),
    "fixtures": Feature(
        "embedded",
        ("pytest",),
        "pip install pytest 'mcp_sync[embedded]'",
        """
import mcp_sync.testing.fixtures
print("done")
""",
    ),
}


@pytest.fixture(scope="session")
def make_environment(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> MakeEnvironment:
    """Makes a virtual environment with the wheel, of one extra or none; gives its ``bin``."""
    made: dict[tuple[str, ...], Path] = {}

    def make(extra: str = "", *more: str) -> Path:
        key = (extra, *more)
        if key not in made:
            home = tmp_path_factory.mktemp("environment")
            venv.create(home, symlinks=True)
            what = f"mcp_sync[{extra}] @ {wheel.as_uri()}" if extra else str(wheel)
            pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python")]
            quiet = ["--quiet", "--disable-pip-version-check", "--no-compile"]
            for command in ([*pip, "install", *quiet, what, *more], [*pip, "check"]):
                subprocess.run(command, check=True, timeout=INSTALL_SECONDS, env=clean())
            made[key] = home / "bin"
        return made[key]

    return make


def clean() -> dict[str, str]:
    """This process's variables without what tells Python where to look."""
    return {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}


@pytest.fixture(scope="module")
def server() -> Iterator[ServerProcess]:
    """A server in this interpreter, which has all extras."""
    with ServerProcess() as server:
        yield server


def attempt(programs: Path, feature: Feature, url: str) -> str:
    """Use a feature in an environment, on a terminal; everything that was shown."""
    keyboard, terminal = pty.openpty()
    script = f"URL = {url!r}\n{feature.script}"
    try:
        process = subprocess.Popen(
            [str(programs / "python"), "-I", "-c", script],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env={**clean(), "TERM": "xterm", "COLUMNS": "200"},
        )
        os.close(terminal)
        shown = b"".join(iter(lambda: _read(keyboard), b""))
        process.wait(SECONDS)
    finally:
        os.close(keyboard)
    return shown.decode()


def _read(keyboard: int) -> bytes:
    try:
        return os.read(keyboard, 65536)
    except OSError:  # how Linux says that nobody has the terminal any more
        return b""


def test_without_extras_the_client_works(
    make_environment: MakeEnvironment, server: ServerProcess
) -> None:
    script = """
import sys
from mcp_sync import MCPClient
with MCPClient(URL) as client:
    print(client.call_tool("echo", {"text": "done"}).text)
foreign = {"rich", "tqdm", "jsonschema", "websockets", "pytest"} & set(sys.modules)
assert not foreign, foreign
"""
    programs = make_environment()
    assert attempt(programs, Feature("", (), "", script), server.url) == "done\r\n"
    done = subprocess.run(
        [programs / "mcp-sync", "tools", "--url", server.url],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
        env=clean(),
    )
    assert "echo" in done.stdout


@pytest.mark.parametrize("name", FEATURES)
def test_without_its_extra_a_feature_says_how_to_get_it(
    name: str, make_environment: MakeEnvironment, server: ServerProcess
) -> None:
    shown = attempt(make_environment(), FEATURES[name], server.url)
    assert FEATURES[name].needs in shown
    assert "done" not in shown


@pytest.mark.parametrize("name", FEATURES)
def test_with_its_extra_alone_a_feature_works(
    name: str, make_environment: MakeEnvironment, server: ServerProcess
) -> None:
    feature = FEATURES[name]
    shown = attempt(make_environment(feature.extra, *feature.more), feature, server.url)
    assert shown.endswith("done\r\n"), shown


def test_all_has_every_one(make_environment: MakeEnvironment, server: ServerProcess) -> None:
    programs = make_environment("all", "pytest")
    for feature in FEATURES.values():
        shown = attempt(programs, feature, server.url)
        assert shown.endswith("done\r\n"), shown
