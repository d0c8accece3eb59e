"""The one place where threads are made."""

from __future__ import annotations

import threading
from collections.abc import Callable

__all__ = ["start_worker"]


def start_worker(name: str, target: Callable[[], object]) -> threading.Thread:
    """Start a named daemon thread.

    Daemon, because a script that forgets ``close()`` must still be able to exit.

    Args:
        name: the thread's name, as a debugger shows it.
        target: what it runs; its return value is ignored.

    Returns:
        The started thread.

    Raises:
        RuntimeError: the interpreter is shutting down, or the system has no thread to give.
    """
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread
