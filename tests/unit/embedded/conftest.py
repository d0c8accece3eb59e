"""An embedded server whose working directory holds the sample."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.sample import copy_sample


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A directory with a PDF named sample.pdf."""
    copy_sample(tmp_path).pdf.rename(tmp_path / "sample.pdf")
    return tmp_path


@pytest.fixture
def server(workspace: Path) -> Iterator[EmbeddedServer]:
    """A running server without delays."""
    with EmbeddedServer(working_directory=workspace) as server:
        yield server
