"""The one place where threads are made."""

from __future__ import annotations

import threading

from mcp_sync.connection.worker import start_worker
from timing import MS

BOUND = 5000 * MS


def test_a_worker_is_a_started_daemon_with_its_name() -> None:
    seen: list[threading.Thread] = []
    thread = start_worker("mcp-test", lambda: seen.append(threading.current_thread()))
    thread.join(BOUND)
    assert seen == [thread]
    assert thread.name == "mcp-test"
    assert thread.daemon


def test_what_a_worker_returns_is_ignored() -> None:
    thread = start_worker("mcp-test", lambda: "something")
    thread.join(BOUND)
    assert not thread.is_alive()
