"""The servers of the scenarios, each with the sample in its working directory."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_sync.embedded import EmbeddedServer, ServerProcess
from mcp_sync.embedded.sample import SamplePaths, copy_sample
from scenes import lasting_port


@pytest.fixture
def sample(tmp_path: Path) -> SamplePaths:
    """A copy of the sample; its directory is the working directory of the servers."""
    return copy_sample(tmp_path)


@pytest.fixture
def server(sample: SamplePaths) -> Iterator[EmbeddedServer]:
    """A server in this process, running."""
    with EmbeddedServer(port=lasting_port(), working_directory=sample.pdf.parent) as running:
        yield running


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    """The ledger's file of ``process``, which outlives it."""
    return tmp_path / "ledger.jsonl"


@pytest.fixture
def process(sample: SamplePaths, ledger: Path) -> Iterator[ServerProcess]:
    """A server in a process of its own, running; it may be killed."""
    with ServerProcess(
        port=lasting_port(), working_directory=sample.pdf.parent, ledger_path=ledger
    ) as running:
        yield running
