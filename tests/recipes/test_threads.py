"""The recipes for threads: a pool, a timer, gevent; and a suite that uses the fixtures."""

from __future__ import annotations

import importlib.util
import queue
import subprocess
import sys
from pathlib import Path
from types import ModuleType

from processes import PATIENCE_S

from house import PROJECT
from mcp_sync import MCPClient
from mcp_sync.embedded import ServerProcess

RECIPES = PROJECT / "docs/recipes"
GREENLETS = Path(__file__).with_name("greenlets.py")


def run(*arguments: str | Path, quiet: bool = True) -> str:
    """Run Python on a recipe, in a process of its own; what it printed."""
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=RECIPES,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert not quiet or done.stderr == ""
    return done.stdout


def recipe(name: str) -> ModuleType:
    """A recipe as a module."""
    spec = importlib.util.spec_from_file_location(name, RECIPES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_pool_of_threads_and_no_pool_at_all() -> None:
    with ServerProcess() as server:
        printed = run("-W", "error", "-X", "dev", "thread_pool.py", server.url)
    assert printed == "100 items, twice\n"


def test_a_timer_misses_its_turns_while_the_server_is_away_and_goes_on() -> None:
    told: queue.Queue[str] = queue.Queue()
    missed: queue.Queue[Exception] = queue.Queue()
    with (
        ServerProcess() as server,
        MCPClient(server.url, reconnect_delay=0.05, max_reconnect_delay=0.1) as client,
    ):
        poller = recipe("timer_loop").Poller(client, 0.01, told.put, missed.put)
        poller.start()
        try:
            assert told.get(timeout=PATIENCE_S) == "tick"
            server.kill()
            missed.get(timeout=PATIENCE_S)
            server.restart()
            told.queue.clear()
            assert told.get(timeout=PATIENCE_S) == "tick"
        finally:
            poller.stop()
        told.queue.clear()
        missed.queue.clear()
        assert client.pending_requests() == []
    assert told.empty()
    assert missed.empty()


def test_greenlets_of_a_patched_process_share_a_client() -> None:
    with ServerProcess() as server:
        assert run("gevent_workers.py", server.url) == "50 answers\n"


def test_what_is_promised_of_threads_holds_for_greenlets() -> None:
    # It writes the first failed dial of its outage to standard error.
    assert run(GREENLETS, quiet=False) == "six things hold\n"


def test_a_suite_of_ones_own_uses_the_fixtures() -> None:
    printed = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", "pytest_suite")
    assert "2 passed" in printed
