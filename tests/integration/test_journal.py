"""The journal between real processes: killed, exited, forked, and the next one that opens it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from journals import let_time_pass, make_journal, make_row, rows_on_disk, run_child
from mcp_sync import (
    CompareblocksClient,
    JournalSettings,
    MCPClient,
    MCPConfigurationError,
    MCPConnectionLost,
    MCPTimeoutError,
)
from mcp_sync.connection.journal_file import read_rows
from mcp_sync.embedded import ServerProcess
from mcp_sync.embedded.sample import SamplePaths
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from reliability.journal_killing import broken_promises, kill_while_queueing
from scenes import (
    FAST,
    PATIENCE,
    answer,
    ledger_file_keys,
    nobody_listening,
    read_request,
    shake_hands,
    until_closed,
)

ROUNDS = 10


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "queue.db"


@contextlib.contextmanager
def child(script: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process that runs Python source, killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


@contextlib.contextmanager
def opened(url: str, journal: Any, **settings: Any) -> Iterator[MCPClient]:
    client = MCPClient(url, journal=journal, **(FAST | settings))
    try:
        yield client
    finally:
        client.close()


QUEUE = """
import json, sys
from mcp_sync import JournalSettings, MCPClient

url, journal, settings, calls = sys.argv[1], *map(json.loads, sys.argv[2:])
client = MCPClient(url, journal=JournalSettings(**journal), reconnect_delay=0.01, **settings)
for arguments in calls:
    call = client.submit(**arguments)
print(call.journal_id, flush=True)
sys.stdin.read()
"""


def queue_and_die(
    url: str, journal: dict[str, Any], *calls: dict[str, Any], **settings: Any
) -> None:
    """Have a process submit calls and kill it once they are acknowledged."""
    arguments = map(json.dumps, (journal, settings, calls))
    with child(QUEUE, url, *arguments) as process:
        assert first_line(process)
        process.kill()


def echo(key: str) -> dict[str, Any]:
    params = {"name": "echo", "arguments": {"text": key, "key": key}}
    return {"method": "tools/call", "params": params}


# kill -9


@pytest.mark.timeout(30 + 10 * ROUNDS)
def test_a_client_killed_while_it_queues_loses_nothing_and_runs_nothing_twice(
    tmp_path: Path,
) -> None:
    ledger = tmp_path / "ledger.jsonl"
    with ServerProcess(ledger_path=ledger) as server:
        for number in range(ROUNDS):
            online = number % 2 == 1
            prefix = f"round{number}-"
            killed = kill_while_queueing(
                server, tmp_path, prefix, online=online, seed=1000 + number
            )
            assert killed.repeatable
            assert broken_promises(killed, ledger, online=online) == []


def test_what_a_killed_process_queued_is_sent_in_order_by_the_next(path: Path) -> None:
    calls = [{"method": "count", "params": {"n": number}} for number in range(100)]
    with nobody_listening() as url:
        queue_and_die(url, {"path": str(path)}, *calls)
    order: list[int] = []

    def serve(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        for _ in calls:
            request = read_request(connection)
            order.append(request["params"]["n"])
            answer(connection, request, {})
        until_closed(connection)

    with WebSocketPeer(serve) as peer, opened(peer.url, path) as client:
        client.connect(PATIENCE)
        assert client.drain(PATIENCE)
    assert order == list(range(100))
    assert read_rows(str(path)) == []


def sent_and_unanswered(path: Path, **journal: Any) -> dict[str, Any]:
    """Have a process killed after it has sent a call; the request as the server saw it."""
    seen: list[dict[str, Any]] = []
    arrived = threading.Event()

    def swallow(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        seen.append(read_request(connection))
        arrived.set()
        until_closed(connection)

    with nobody_listening() as url:
        queue_and_die(url, {"path": str(path), **journal}, echo("a"))
    open_and_wait = QUEUE.replace("for arguments in calls", "client.connect()\nfor arguments in ()")
    with WebSocketPeer(swallow) as peer:
        settings = map(json.dumps, ({"path": str(path), **journal}, {}, []))
        with child(open_and_wait.replace("call.journal_id", "1"), peer.url, *settings) as process:
            assert first_line(process)
            assert arrived.wait(PATIENCE)
            process.kill()
    return seen[0]


def test_what_a_killed_process_had_sent_is_reported_and_not_sent_again(
    path: Path, process: ServerProcess, ledger: Path
) -> None:
    sent_and_unanswered(path)
    with opened(process.url, path) as client:
        (call,) = client.recovered()
        error = call.exception(0)
        assert isinstance(error, MCPConnectionLost)
        assert error.maybe_executed
        client.connect(PATIENCE)
        client.request("tools/call", echo("b")["params"], timeout=PATIENCE)
    assert ledger_file_keys(ledger) == ["b"]
    assert read_rows(str(path)) == []


def test_at_least_once_sends_it_again_with_the_same_key(path: Path) -> None:
    first = sent_and_unanswered(path, at_least_once=True)
    key = first["params"]["_meta"]["mcp-sync/idempotency-key"]
    seen: list[dict[str, Any]] = []

    def serve(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        request = read_request(connection)
        seen.append(request)
        answer(connection, request, {})
        until_closed(connection)

    with (
        WebSocketPeer(serve) as peer,
        opened(peer.url, JournalSettings(path, at_least_once=True)) as client,
    ):
        (call,) = client.recovered()
        assert call.journal_id == key
        client.connect(PATIENCE)
        assert call.result(PATIENCE) == {}
    assert seen[0]["params"] == first["params"]
    assert read_rows(str(path)) == []


def test_a_report_that_nobody_read_before_the_next_kill_is_made_again(path: Path) -> None:
    sent_and_unanswered(path)
    script = (
        "import os, sys\nfrom mcp_sync import MCPClient\n"
        "client = MCPClient(journal=sys.argv[1])\n"
        "if sys.argv[2] == 'read': client.recovered()\n"
        "print('opened', flush=True)\nsys.stdin.read()\n"
    )
    for what in ("ignore", "read"):
        with child(script, path, what) as process:
            assert first_line(process) == "opened"
            process.kill()
    with nobody_listening() as url, opened(url, path) as client:
        assert len(client.recovered()) == 1
    assert read_rows(str(path)) == []


def test_time_goes_on_while_no_process_lives(path: Path) -> None:
    with nobody_listening() as url:
        queue_and_die(
            url,
            {"path": str(path)},
            {**echo("a"), "timeout": 60.0},
            echo("b"),
            {**echo("c"), "timeout": None},
            queue_ttl=60.0,
        )
        let_time_pass(path, 60.0)
        with opened(url, path) as client:
            explicit, of_ttl, unlimited = client.recovered()
            for call in (explicit, of_ttl):
                error = call.exception(0)
                assert isinstance(error, MCPTimeoutError)
                assert error.sent is False
            assert not unlimited.done()


# One process at a time


def test_a_second_process_is_told_who_has_the_journal(path: Path) -> None:
    with nobody_listening() as url, opened(url, path):
        script = (
            "import sys\nfrom mcp_sync import MCPClient, MCPConfigurationError\n"
            "try:\n    MCPClient(journal=sys.argv[1])\n"
            "except MCPConfigurationError as error:\n    print(error)\n"
        )
        said = run_child(script, path)
    assert f"journal='{path}' is in use by process {os.getpid()}" in said


def test_a_client_that_travels_to_another_process_finds_its_journal_in_use(path: Path) -> None:
    with nobody_listening() as url, opened(url, path) as client:
        rebuild, arguments = client.__reduce__()
        with pytest.raises(MCPConfigurationError, match="another client of this process"):
            rebuild(*arguments)


# Other ends of a process


@pytest.mark.parametrize("end", ["sys.exit()", "os.kill(os.getpid(), 15)", "os._exit(1)"])
def test_however_a_process_ends_its_queue_is_kept(path: Path, end: str) -> None:
    script = (
        "import os, sys\nfrom mcp_sync import MCPClient\n"
        "client = MCPClient(sys.argv[1], journal=sys.argv[2])\n"
        "client.submit('tools/call', {'k': 1})\n" + end
    )
    with nobody_listening() as url, child(script, url, path) as process:
        _, errors = process.communicate(timeout=30)
    if end == "sys.exit()":
        assert "closed with 1 calls unsent; 1 are kept in the journal" in errors
    assert [json.loads(row.params) for row in read_rows(str(path))] == [{"k": 1}]


def test_a_client_that_never_connected_puts_the_journal_in_order_at_exit(path: Path) -> None:
    make_journal(path, make_row(1, sent=1))
    script = "import sys, mcp_sync\nclient = mcp_sync.MCPClient(journal=sys.argv[1])\n"
    run_child(script + "print(client.recovered())", path)
    assert read_rows(str(path)) == []
    assert sorted(one.name for one in path.parent.iterdir()) == ["queue.db", "queue.db-lock"]


FULL = """
import json, resource, sys
from mcp_sync import MCPClient, MCPError

client = MCPClient(sys.argv[1], journal=sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
number = 0
try:
    while True:
        client.submit("tools/call", {"n": number, "text": "x" * 5000})
        number += 1
except MCPError as error:
    print(json.dumps([number, str(error), client.offline_queue_size]))
"""


def test_on_a_full_disk_submit_raises_and_queues_nothing_more(path: Path) -> None:
    with nobody_listening() as url:
        accepted, error, queued = json.loads(run_child(FULL, url, path))
    assert accepted == queued > 10
    assert "make room on its disk" in error
    found = [json.loads(row.params)["n"] for row in read_rows(str(path))]
    assert found == list(range(accepted))


FORK = """
import os, sys
from mcp_sync import MCPClient, MCPError

url, away, journal = sys.argv[1:]
fast = {"reconnect_attempts": 0, "reconnect_delay": 0.01, "max_reconnect_delay": 0.04}
client = MCPClient(away, journal=journal, **fast)
assert client.connect() is False
call = client.submit("tools/call", {"name": "echo", "arguments": {"text": "a", "key": "parent"}})
child = os.fork()
if child == 0:
    try:
        client.submit("tools/call")
    except MCPError as error:
        print(error, flush=True)
    client.configure(server_url=url)
    params = {"name": "echo", "arguments": {"text": "b", "key": "child"}}
    client.request("tools/call", params)
    assert client.recovered() == [] and call.exception(0) is not None
    client.close()
    sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
client.configure(server_url=url)
call.result(30)
client.close()
"""


def test_a_forked_child_leaves_the_journal_to_its_parent(
    path: Path, process: ServerProcess, ledger: Path
) -> None:
    with nobody_listening() as away:
        said = run_child(FORK, process.url, away, path)
    assert "belongs to the process that this one was forked from" in said
    assert ledger_file_keys(ledger) == ["child", "parent"]
    assert read_rows(str(path)) == []


# Compareblocks


def test_a_submission_queued_by_a_process_that_ended_is_made_once(
    path: Path, process: ServerProcess, ledger: Path, sample: SamplePaths
) -> None:
    script = (
        "import os, sys\nfrom mcp_sync import CompareblocksClient, read_variations\n"
        "client = CompareblocksClient(sys.argv[1], journal=sys.argv[2])\n"
        "variations = read_variations(sys.argv[3])\n"
        "client.submit_extraction(sys.argv[4], variations, {'submission_key': 'once'})\n"
        "print(client.offline_queue_size, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    with nobody_listening() as url:
        arguments = (url, path, sample.variations, sample.pdf.name)
        with child(script, *arguments) as dying:
            assert first_line(dying) == "1"
            assert dying.wait(PATIENCE) == -signal.SIGKILL
    assert len(rows_on_disk(path)) == 1
    with contextlib.closing(CompareblocksClient(process.url, journal=path, **FAST)) as client:
        (call,) = client.recovered()
        client.connect(PATIENCE)
        session = call.result(PATIENCE)["session_id"]
        client.wait_for_results(session, PATIENCE)
    assert ledger_file_keys(ledger) == ["once"]
