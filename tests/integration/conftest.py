"""What scenarios begin with: servers with the sample, or a client and its line to a test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_sync import MCPClient
from mcp_sync.embedded import EmbeddedServer, ServerProcess
from mcp_sync.embedded.sample import SamplePaths, copy_sample
from peers_mcp import Line, Switchboard, modern
from scenes import FAST, lasting_port


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


@pytest.fixture
def board() -> Iterator[Switchboard]:
    """A server of the modern era, whose connections the test holds itself."""
    with Switchboard(modern) as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Iterator[MCPClient]:
    """A client of ``board`` that has learned nothing of its server before."""
    with MCPClient(board.fresh_url(), **FAST) as client:
        yield client


@pytest.fixture
def line(board: Switchboard, client: MCPClient) -> Line:
    """The connection of ``client``, as the test holds it."""
    return board.line()
