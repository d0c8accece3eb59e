"""What holds in a process that gevent has patched, one thing after another; run as a program."""

# ruff: noqa: E402
from __future__ import annotations

from gevent import monkey

monkey.patch_all()

from concurrent.futures import as_completed, wait

import gevent
import gevent.event

from mcp_sync import MCPClient, MCPTimeoutError
from mcp_sync.embedded import ServerProcess

ECHO = {"text": "hello"}
SLOW_S = 0.4
PATIENCE_S = 15.0


def other_greenlets_run_while_a_call_waits(slow: MCPClient) -> None:
    ran = gevent.event.Event()
    call = gevent.spawn(slow.call_tool, "echo", ECHO)
    gevent.spawn(ran.set)
    assert ran.wait(SLOW_S / 2)
    assert not call.ready()
    assert call.get(timeout=PATIENCE_S).text == "hello"


def a_killed_greenlet_withdraws_its_call(slow: MCPClient) -> None:
    greenlet = gevent.spawn(slow.call_tool, "echo", ECHO)
    greenlet.join(SLOW_S / 4)
    assert len(slow.pending_requests()) == 1
    greenlet.kill()
    assert slow.pending_requests() == []


def a_timeout_of_gevent_withdraws_the_call_too(slow: MCPClient) -> None:
    late = gevent.Timeout(SLOW_S / 4)
    try:
        with late:
            slow.call_tool("echo", ECHO)
    except gevent.Timeout as error:
        assert error is late
    else:
        raise AssertionError("no timeout")
    assert slow.pending_requests() == []


def a_call_has_its_own_timeout(slow: MCPClient) -> None:
    try:
        slow.call_tool("echo", ECHO, timeout=SLOW_S / 4)
    except MCPTimeoutError as error:
        assert error.sent
    else:
        raise AssertionError("no timeout")


def futures_work(client: MCPClient) -> None:
    calls = [client.submit_tool("echo", ECHO) for _ in range(50)]
    assert len(list(as_completed(calls, PATIENCE_S))) == 50
    assert len(wait(calls, PATIENCE_S).done) == 50


def a_call_outlives_the_server(client: MCPClient, server: ServerProcess) -> None:
    server.kill()
    call = client.submit_tool("echo", ECHO, idempotent=True)
    server.restart()
    assert call.result(PATIENCE_S).text == "hello"


def main() -> None:
    with (
        ServerProcess() as server,
        ServerProcess(processing_delay=SLOW_S) as slow_server,
        MCPClient(server.url, reconnect_delay=0.05) as client,
        MCPClient(slow_server.url) as slow,
    ):
        other_greenlets_run_while_a_call_waits(slow)
        a_killed_greenlet_withdraws_its_call(slow)
        a_timeout_of_gevent_withdraws_the_call_too(slow)
        a_call_has_its_own_timeout(slow)
        futures_work(client)
        a_call_outlives_the_server(client, server)
    print("six things hold")


main()
