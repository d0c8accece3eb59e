"""The servers' processes and their clients, one of each for all the checks of a server.

What a check leaves behind is looked at when its server is done with: a client that is shared by
all of them may start its threads in any.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from compatibility.case import Case
from compatibility.features import NOT_OFFERED
from compatibility.install import NODE, node_is_required
from compatibility.outcomes import FAILED, PASSED, record
from compatibility.peers import Peer
from leaks import Watch

HOW = (
    "MCP_SYNC_SERVERS does not say where the servers are: run this with tox, or install them by "
    "`python tests/compatibility/install.py DIR` and set MCP_SYNC_SERVERS=DIR"
)

SEEN = pytest.StashKey[dict[str, dict[str, str]]]()


@pytest.fixture(scope="session")
def installed() -> Path:
    """Where the servers are; without one, the tests cannot be run, and CI must."""
    directory = os.environ.get("MCP_SYNC_SERVERS")
    if directory:
        return Path(directory)
    if node_is_required(os.environ):
        pytest.fail(HOW, pytrace=False)
    pytest.skip(HOW)


@pytest.fixture
def no_leaks() -> None:
    """In place of the look after each test: see ``server_leaks``."""


@pytest.fixture(scope="module")
def server_leaks(reported_leaks: set[str], peer: Peer) -> Iterator[None]:
    """Fail when the checks of one server, its client and its process leave something behind."""
    watch = Watch()
    yield
    found = set(watch.leaks())
    reported_leaks |= found
    if found:
        pytest.fail("\n  ".join([f"{peer.id} left behind:", *sorted(found)]), pytrace=False)


@pytest.fixture(scope="module")
def case(
    peer: Peer, installed: Path, server_leaks: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Case]:
    """A client of the server."""
    if peer.needs_node and not (installed / NODE).exists():
        reason = "server not installed: there was no npm when tests/compatibility/install.py ran"
        if node_is_required(os.environ):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    directory = tmp_path_factory.mktemp(peer.id)
    running = peer.run(installed, directory)
    try:
        made = Case(peer, running, directory)
    except BaseException:
        running.close()
        raise
    try:
        # A process takes its time to start, which is no part of a check that counts time.
        made.client.initialize()
        yield made
    finally:
        made.close()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the checks of what a server does not offer; keep those of one server together."""
    left_out = [item for item in items if _is_not_offered(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]
    if config.pluginmanager.hasplugin("xdist"):
        for item in items:
            # Or each worker would start each server.
            peer = _peer(item)
            if peer is not None:
                item.add_marker(pytest.mark.xdist_group(f"{item.path.stem} {peer.id}"))


def _peer(item: pytest.Item) -> Peer | None:
    callspec = getattr(item, "callspec", None)
    peer = None if callspec is None else callspec.params.get("peer")
    return peer if isinstance(peer, Peer) else None


def _is_not_offered(item: pytest.Item) -> bool:
    tried = _tried(item)
    return tried is not None and tried[1] in NOT_OFFERED[tried[0]]


def _tried(item: pytest.Item) -> tuple[str, str] | None:
    """The server and the feature that a test tries."""
    peer = _peer(item)
    if peer is None or "feature" not in item.callspec.params:  # type: ignore[attr-defined]
        return None
    return peer.id, item.callspec.params["feature"]  # type: ignore[attr-defined]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Note what came of each check."""
    report = yield
    tried = _tried(item)
    if tried is not None and report.when == "call":
        peer_id, feature = tried
        seen = item.config.stash.setdefault(SEEN, {}).setdefault(peer_id, {})
        seen[feature] = PASSED if report.passed else FAILED
    return report


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Put it down, if that was asked for."""
    if os.environ.get("MCP_SYNC_RECORD") == "1":
        record(session.config.stash.get(SEEN, {}))
