"""How a client's life ends: closed, drained, forgotten, or interrupted in the middle of a call."""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from mcp_sync import CompareblocksClient, MCPClient, MCPClosedError, OfflineResponse
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.sample import SamplePaths
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from scenes import (
    ABSENCE,
    FAST,
    PATIENCE,
    Diary,
    Inbox,
    answer,
    nobody_listening,
    read_request,
    shake_hands,
    until_closed,
)
from timing import MS


@contextlib.contextmanager
def script(text: str, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A process that runs a program; it is gone when the block is left."""
    command = [sys.executable, "-c", text, *arguments]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as child:
        try:
            yield child
        finally:
            child.kill()


def test_close_with_drain_sends_what_is_queued_first(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    server.stop()
    client = CompareblocksClient(server.url, **FAST)
    keys = [f"queued {number}" for number in range(20)]
    receipts = [
        client.submit_extraction(sample.pdf.name, [], {"submission_key": key}) for key in keys
    ]
    server.start()
    client.close(drain=PATIENCE)
    for receipt in receipts:
        assert isinstance(receipt, OfflineResponse)
        assert receipt.result(0).status == "accepted"
    assert [entry.key for entry in server.ledger] == keys
    assert client.get_connection_state() == "disconnected"


def test_close_without_drain_fails_what_is_queued_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with nobody_listening() as url:
        client = CompareblocksClient(url, **FAST)
        calls = [client.submit("get_status") for _ in range(3)]
        with caplog.at_level(logging.WARNING, "mcp_sync"):
            client.close()
        for call in calls:
            with pytest.raises(MCPClosedError):
                call.result(0)
        assert "closed with 3 calls unsent" in caplog.text
        with pytest.raises(MCPClosedError):
            client.get_status()
        client.close()


def test_close_fails_a_call_that_waits_and_the_client_opens_again() -> None:
    asked = threading.Event()

    def keep_waiting(connection: WebSocketConnection) -> None:
        read_request(connection)
        asked.set()
        until_closed(connection)

    def answer_one(connection: WebSocketConnection) -> None:
        answer(connection, read_request(connection), {"system_status": "operational"})
        until_closed(connection)

    with WebSocketPeer(keep_waiting, answer_one) as peer:
        client = CompareblocksClient(peer.url, **FAST)
        with contextlib.closing(client):
            failures = Inbox()

            def call() -> None:
                try:
                    client.get_status()
                except MCPClosedError as error:
                    failures(error)

            caller = threading.Thread(target=call)
            caller.start()
            assert asked.wait(PATIENCE)
            began = Deadline(PATIENCE)
            client.close()
            caller.join()
            assert not began.is_over()
            assert len(failures) == 1
            assert client.connect(PATIENCE)
            assert client.get_status().system_status == "operational"


def test_close_is_bounded_when_the_server_does_not_answer_it() -> None:
    def ignore(connection: WebSocketConnection) -> None:
        connection.hold()

    with WebSocketPeer(ignore) as peer:
        client = CompareblocksClient(peer.url)
        client.connect()
        began = Deadline(PATIENCE)
        client.close()
        assert not began.is_over()


def test_a_forgotten_client_closes_itself(server: EmbeddedServer) -> None:
    client = CompareblocksClient(server.url, heartbeat_interval=20 * MS)
    assert client.get_status().system_status == "operational"
    assert server.connections == 1
    clients = [client]
    del client
    with pytest.warns(ResourceWarning, match="unclosed MCP client of ws://127"):
        clients.clear()
    assert server.wait_for_connections(0, PATIENCE)


FORGETFUL = """
import sys
from mcp_sync import CompareblocksClient
client = CompareblocksClient(sys.argv[1], reconnect_delay=0.01, max_reconnect_delay=0.02)
print(client.get_status().system_status, flush=True)
"""

UNSENT = """
import sys
from mcp_sync import CompareblocksClient
client = CompareblocksClient(sys.argv[1], reconnect_delay=0.01, max_reconnect_delay=0.02)
call = client.submit_extraction("a.pdf", [])
print(call.status, flush=True)
"""


def test_a_script_that_forgets_to_close_ends_by_itself(server: EmbeddedServer) -> None:
    with script(FORGETFUL, server.url) as child:
        output, errors = child.communicate(timeout=2 * PATIENCE)
    assert (output, errors, child.returncode) == ("operational\n", "", 0)
    assert server.wait_for_connections(0, PATIENCE)


def test_a_script_that_ends_with_unsent_calls_is_told() -> None:
    with nobody_listening() as url, script(UNSENT, url) as child:
        output, errors = child.communicate(timeout=2 * PATIENCE)
    assert (output, child.returncode) == ("queued\n", 0)
    assert "closed with 1 calls unsent" in errors


INTERRUPTED = """
import sys, threading
from mcp_sync import MCPClient
def tell_when_it_waits():
    # An interrupt that comes before the call has settled to wait may cost the link.
    main, where = threading.main_thread().ident, ""
    stream = client._connection.gate.link.transport._stream
    while not (where == "wait_settled" or where == "_wait_readable" and stream.waiting):
        threading.Event().wait(0.001)
        where = sys._current_frames()[main].f_code.co_name
    print("waiting", flush=True)
with MCPClient(sys.argv[1]) as client:
    other = client.submit("other")
    threading.Thread(target=tell_when_it_waits).start()
    try:
        client.request("slow", timeout=30)
    except KeyboardInterrupt:
        print("interrupted", len(client.pending_requests()), flush=True)
    print(client.request("quick")["method"], flush=True)
    print(other.result(10)["method"], flush=True)
    stats = client.get_connection_stats()
    print(stats.losses.count, stats.calls.cancelled, flush=True)
"""


def test_ctrl_c_withdraws_the_waiting_call_alone() -> None:
    heard = Inbox()

    def serve(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        requests = {}
        with contextlib.suppress(EOFError):
            while True:
                request = read_request(connection)
                heard(request)
                requests[request["method"]] = request
                if request["method"] == "quick":
                    for name in ("quick", "other"):
                        answer(connection, requests[name], {"method": name})

    with WebSocketPeer(serve) as peer, script(INTERRUPTED, peer.url) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "waiting\n"
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=2 * PATIENCE)
    assert (output, errors) == ("interrupted 1\nquick\nother\n0 1\n", "")
    assert child.returncode == 0
    methods = [request["method"] for request in heard.items()]
    assert methods == ["other", "slow", "notifications/cancelled", "quick"]
    slow, cancelled = heard.items()[1:3]
    assert cancelled["params"]["requestId"] == slow["id"]


def test_an_interrupt_in_connect_leaves_a_client_that_can_be_closed() -> None:
    program = """
import sys
from mcp_sync import CompareblocksClient
client = CompareblocksClient(sys.argv[1], reconnect_attempts=1000)
try:
    client.connect()
except KeyboardInterrupt:
    print(client.get_connection_state(), flush=True)
client.close()
print(client.get_connection_state(), flush=True)
"""
    asked = threading.Event()

    def never_upgrade(connection: WebSocketConnection) -> None:
        connection.read_request()
        asked.set()
        connection.receive_to_end()

    with WebSocketPeer(never_upgrade, upgrade=False) as peer, script(program, peer.url) as child:
        assert asked.wait(2 * PATIENCE)
        with pytest.raises(TimeoutError):
            peer.wait_for_connections(2, ABSENCE)
        child.send_signal(signal.SIGINT)
        output, errors = child.communicate(timeout=2 * PATIENCE)
    assert (output, errors, child.returncode) == ("connecting\ndisconnected\n", "", 0)


def test_with_closes_the_client_when_the_block_raises(server: EmbeddedServer) -> None:
    client = MCPClient(server.url)
    diary = Diary(client)

    def use() -> None:
        with client:
            assert server.connections == 1
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        use()
    assert diary.wait_for("disconnected").context["cause"] == "closed"
    assert server.wait_for_connections(0, PATIENCE)
