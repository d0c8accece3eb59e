"""Clients and other processes: forked children, spawned workers, pickles."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_sync import CompareblocksClient, MCPClient, MCPClosedError
from mcp_sync.connection.lookout import LOOKOUT
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer, ServerProcess
from mcp_sync.process_hooks import track
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from peers_mcp import Switchboard
from scenes import FAST, PATIENCE, PINNED, Inbox, shake_hands


@pytest.fixture
def server() -> Iterator[ServerProcess]:
    with ServerProcess() as process:
        yield process


def in_a_child(act: object) -> None:
    """Run something in a forked child and see it succeed."""
    child = os.fork()
    if child == 0:
        try:
            act()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 - the parent is told by the exit status
            os.write(2, f"in the child: {error!r}\n".encode())
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_child_has_a_fresh_client_and_its_parent_keeps_its_link(server: ServerProcess) -> None:
    with MCPClient(server.url, **FAST) as client:
        call = client.submit("ping")

        def act() -> None:
            assert client.get_connection_state() == "disconnected"
            assert client.request("ping", timeout=PATIENCE) == {}
            client.close()

        call.result(PATIENCE)
        in_a_child(act)
        assert client.request("ping") == {}
        statistics = client.get_connection_stats()
        assert (statistics.losses.count, statistics.link.generation) == (0, 1)


def test_a_parents_call_fails_in_the_child_and_goes_on_in_the_parent() -> None:
    with EmbeddedServer() as server, MCPClient(server.url, **FAST) as client:

        def act() -> None:
            with pytest.raises(MCPClosedError, match="parent process") as caught:
                call.result(PATIENCE)
            assert caught.value.maybe_executed

        with server.hold():
            call = client.submit("tools/call", {"name": "echo", "arguments": {"text": "parent's"}})
            in_a_child(act)
        assert call.result(PATIENCE)["content"][0]["text"] == "parent's"
        assert len(server.ledger) == 1


def test_a_child_does_not_wait_for_reader_threads_that_it_has_not(server: ServerProcess) -> None:
    with MCPClient(server.url, **FAST) as client:
        while not LOOKOUT._aside:
            assert client.request("ping", timeout=PATIENCE) == {}

        def act() -> None:
            assert not LOOKOUT._aside
            assert LOOKOUT._on_duty is None

        in_a_child(act)


def test_a_call_withdrawn_in_the_middle_of_its_write_keeps_no_client_from_being_fresh(
    server: ServerProcess,
) -> None:
    done = threading.Event()

    def stop_reading(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        assert done.wait(PATIENCE)

    with contextlib.ExitStack() as stack:
        peer = stack.enter_context(WebSocketPeer(stop_reading))
        clients = [stack.enter_context(MCPClient(server.url, **FAST)) for _ in range(4)]
        stuck = MCPClient(peer.url, offline_queue_max_bytes=64 << 20, **PINNED)
        clients.insert(2, stack.enter_context(stuck))
        stack.callback(done.set)
        call = stuck.submit("tools/call", {"text": "x" * (32 << 20)})
        link = stuck._connection.gate.link
        assert link is not None
        deadline = Deadline(PATIENCE)
        while not (link.transport.is_writing() and link.transport.bytes_sent > 1 << 14):
            assert not deadline.is_over()
        assert call.cancel()

        def act() -> None:
            assert {client.get_connection_state() for client in clients} == {"disconnected"}
            assert clients[0].request("ping", timeout=PATIENCE) == {}
            assert call.cancelled()
            for client in clients:
                client.close()

        in_a_child(act)
        assert clients[0].request("ping") == {}


class Faulty:
    """A client that cannot be seen to."""

    def _close_at_exit(self, deadline: Deadline) -> None:
        raise ZeroDivisionError

    def _renew_in_child(self) -> None:
        raise ZeroDivisionError


def test_a_fault_in_one_client_leaves_no_other_with_its_parents_link(
    server: ServerProcess,
) -> None:
    faulty = [Faulty() for _ in range(3)]
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(MCPClient(server.url, **FAST)) for _ in range(3)]
        for one in faulty:
            track(one)

        def act() -> None:
            assert {client.get_connection_state() for client in clients} == {"disconnected"}

        in_a_child(act)


def test_handlers_work_in_the_child_too(server: ServerProcess) -> None:
    with MCPClient(server.url, **FAST) as client:
        inbox = Inbox()
        client.on("connected", inbox)

        def act() -> None:
            before = len(inbox)
            client.connect(PATIENCE)
            client.close()
            assert len(inbox) == before + 1

        in_a_child(act)


FORGETTING = """
import sys
from mcp_sync import MCPClient

clients = [MCPClient(sys.argv[1]) for _ in range(3)]
for client in clients:
    client.connect()
    client.initialize()
"""


def test_where_a_forgotten_client_is_an_error_all_are_closed_at_exit_nevertheless() -> None:
    with Switchboard() as board:
        command = [sys.executable, "-W", "error::ResourceWarning", "-c", FORGETTING, board.url]
        done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
        lines = [board.line() for _ in range(3)]
        for line in lines:
            line.wait_until_ended()
        assert [line.close_code for line in lines] == [1000] * 3
    assert done.stderr.count("ResourceWarning: unclosed MCP client") == 3


SPAWNING = """
import multiprocessing, sys
from mcp_sync import MCPClient

def ping(client):
    with client:
        return client.request("ping")

if __name__ == "__main__":
    client = MCPClient(sys.argv[1], request_timeout=20)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(ping, (client,)))
"""


def test_a_client_given_to_a_spawned_worker_connects_there(
    server: ServerProcess, tmp_path: Path
) -> None:
    script = tmp_path / "spawning.py"
    script.write_text(SPAWNING)
    command = [sys.executable, script, server.url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=40, check=False)
    assert (done.stdout, done.returncode) == ("{}\n", 0), done.stderr


def test_a_pickled_client_keeps_its_kind_and_its_settings() -> None:
    client = CompareblocksClient("ws://127.0.0.1:1", max_replays=0)
    copy = pickle.loads(pickle.dumps(client))
    assert type(copy) is CompareblocksClient
    assert copy.config == client.config
