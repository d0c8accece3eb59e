"""Many items over one client: ``concurrent.futures`` with threads, and without."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor, as_completed

from mcp_sync import MCPClient


def with_threads(client: MCPClient, items: list[str]) -> list[str]:
    """Each thread of a pool waits for its own answers."""

    def work(item: str) -> str:
        return client.call_tool("echo", {"text": item}, idempotent=True).text

    with ThreadPoolExecutor(max_workers=8) as pool:
        return list(pool.map(work, items))


def without_threads(client: MCPClient, items: list[str]) -> dict[str, str]:
    """One thread waits for all answers, in the order in which they come."""
    calls = {client.submit_tool("echo", {"text": item}, idempotent=True): item for item in items}
    return {calls[call]: call.result().text for call in as_completed(calls, timeout=30)}


if __name__ == "__main__":
    with MCPClient(sys.argv[1]) as client:
        items = [f"item {number}" for number in range(100)]
        assert with_threads(client, items) == items
        assert without_threads(client, items) == {item: item for item in items}
        print(len(items), "items, twice")
