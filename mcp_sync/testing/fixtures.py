"""pytest fixtures for tests of code that uses mcp_sync: a real server, a client of it, a bad link.

In a ``conftest.py``::

    pytest_plugins = ["mcp_sync.testing.fixtures"]

Every fixture lasts for one test and leaves no thread, socket or process behind. Needs pytest and
the extra ``embedded``; ``mcp_sync.testing`` itself needs neither.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

try:
    import pytest
except ImportError as error:
    raise ImportError(
        "mcp_sync.testing.fixtures needs pytest: run pip install pytest 'mcp_sync[embedded]'",
        name=error.name,
    ) from error

from ..client import MCPClient
from ..embedded import EmbeddedServer
from .fault_proxy import FaultProxy

__all__ = [
    "fault_proxy",
    "mcp_client",
    "mcp_client_settings",
    "mcp_server",
    "mcp_server_settings",
    "mcp_server_url",
]


@pytest.fixture
def mcp_server_settings(tmp_path: Path) -> Mapping[str, Any]:
    """What ``mcp_server`` is made with; override it to change that.

    Returns:
        Keyword arguments of ``EmbeddedServer``: the test's own ``tmp_path`` as the working
        directory, and its defaults.
    """
    return {"working_directory": tmp_path}


@pytest.fixture
def mcp_server(mcp_server_settings: Mapping[str, Any]) -> Iterator[EmbeddedServer]:
    """A real server on a free port of 127.0.0.1, running in this process.

    Its ``ledger`` tells what it executed; ``stop()`` and ``start()`` make an outage.

    Yields:
        The server.
    """
    with EmbeddedServer(**mcp_server_settings) as server:
        yield server


@pytest.fixture
def mcp_server_url(mcp_server: EmbeddedServer) -> str:
    """The address of ``mcp_server``, for the code under test to dial.

    Returns:
        A ``ws://`` URL.
    """
    return mcp_server.url


@pytest.fixture
def mcp_client_settings() -> Mapping[str, Any]:
    """What ``mcp_client`` is made with; override it to change that.

    Returns:
        Settings of ``MCPClient`` by name: short delays between reconnects, so that a test of an
        outage takes milliseconds.
    """
    return {"reconnect_delay": 0.05, "max_reconnect_delay": 0.5}


@pytest.fixture
def mcp_client(mcp_server_url: str, mcp_client_settings: Mapping[str, Any]) -> Iterator[MCPClient]:
    """A client of ``mcp_server``, connected and initialized.

    Yields:
        The client; it is closed after the test.
    """
    with MCPClient(mcp_server_url, **mcp_client_settings) as client:
        yield client


@pytest.fixture
def fault_proxy(mcp_server: EmbeddedServer) -> Iterator[FaultProxy]:
    """A TCP proxy before ``mcp_server`` that cuts, stalls and refuses when it is told.

    A client that is to suffer dials ``fault_proxy.url()``; ``mcp_client`` goes past it.

    Yields:
        The proxy, passing everything on.
    """
    with FaultProxy("127.0.0.1", mcp_server.port) as proxy:
        yield proxy
