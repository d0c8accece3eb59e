"""A gevent process: patched first, then the client's threads are greenlets."""

# ruff: noqa: E402
from __future__ import annotations

from gevent import monkey

monkey.patch_all()  # before anything that makes locks, threads or sockets is imported

import sys

import gevent.pool

from mcp_sync import MCPClient


def work(item: str) -> str:
    """Wait for one answer; the other greenlets go on meanwhile."""
    return client.call_tool("echo", {"text": item}, idempotent=True).text


with MCPClient(sys.argv[1]) as client:
    items = [f"item {number}" for number in range(50)]
    answers = gevent.pool.Pool(50).map(work, items)
    assert answers == items
    print(len(answers), "answers")
