"""Calls that nobody waits for at once: ``submit`` and ``concurrent.futures``."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from typing import Any, assert_type

from mcp_sync import Call, CallToolResult, MCPClient


def submit(client: MCPClient, done: Callable[[Future[Any]], object]) -> list[Any]:
    calls = [client.submit_tool("echo", {"text": str(number)}) for number in range(3)]
    assert_type(calls, list[Call])
    future: Future[Any] = calls[0]
    future.add_done_callback(done)
    finished, waiting = wait(calls, timeout=5)
    assert_type(finished, set[Future[Any]])
    assert_type(waiting, set[Future[Any]])
    assert_type(calls[0].call_id, str)
    assert_type(calls[0].method, str)
    assert_type(client.submit("tools/list", timeout=3), Call)
    assert_type(client.pending_requests(), list[Call])
    assert_type(client.recovered(), list[Call])
    assert_type(client.cancel(calls[1].call_id), bool)
    return [call.result(timeout=1) for call in as_completed(calls)]


def pool(client: MCPClient) -> None:
    def work(number: int) -> CallToolResult:
        return client.call_tool("echo", {"number": number})

    with ThreadPoolExecutor(4) as workers:
        assert_type(list(workers.map(work, range(9))), list[CallToolResult])
        assert_type(workers.submit(work, 1), Future[CallToolResult])
