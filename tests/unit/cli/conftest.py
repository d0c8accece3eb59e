from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from mcp_sync.cli import main
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.sample import SamplePaths, copy_sample
from scenes import nobody_listening


@attrs.frozen
class Outcome:
    """What a command came to: its exit code and what it printed."""

    code: int
    out: str
    err: str


Run = Callable[..., Outcome]


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MCP_SYNC_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("COLUMNS", "100")


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command in this process."""

    def run_command(*arguments: str | Path) -> Outcome:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(code, captured.out, captured.err)

    return run_command


@pytest.fixture
def sample(tmp_path: Path) -> SamplePaths:
    return copy_sample(tmp_path)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    """Serves the PDF files of ``tmp_path``."""
    with EmbeddedServer(working_directory=tmp_path) as running:
        yield running


@pytest.fixture
def dead_url() -> Iterator[str]:
    """Where nobody listens, and nobody will."""
    with nobody_listening() as url:
        yield url
