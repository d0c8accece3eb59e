"""A real kernel, as Jupyter starts one, and what these tests may leave behind: no process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from kernels import Kernel

from leaks import Watch


@pytest.fixture(scope="session", autouse=True)
def reported_leaks() -> set[str]:
    """Jupyter's client library keeps sockets and a loop for the life of the process."""
    return set()


@pytest.fixture(autouse=True)
def no_leaks() -> Iterator[None]:
    """No kernel and no server may be left; what is left within a kernel, its tests look at."""
    watch = Watch()
    yield
    children = [leak for leak in watch.leaks() if leak.startswith("child process")]
    assert children == []


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel with nobody's profile and history."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))


@pytest.fixture
def kernel() -> Iterator[Kernel]:
    """A kernel that was just started."""
    with Kernel() as kernel:
        yield kernel
