from __future__ import annotations

import json
import os
import queue
import select
import signal
import threading
from pathlib import Path

import pytest
import websocket

from data.stage import WAIT, connect, first, request, session_of, submission
from mcp_sync.embedded import EmbeddedServer, ServerProcess, serve
from timing import MS


def keys(server: ServerProcess) -> list[tuple[str, int]]:
    """Key and process of every entry of the ledger, read over a connection."""
    with connect(server) as client:
        client.send(request("embedded/ledger"))
        entries = json.loads(first(client))["result"]["entries"]
    return [(entry["key"], entry["pid"]) for entry in entries]


def test_the_process_serves_from_its_start_until_it_is_terminated(workspace: Path) -> None:
    server = ServerProcess(working_directory=workspace)
    assert (server.port, server.pid) == (0, None)
    server.start()
    pid = server.pid
    assert pid is not None
    assert pid != os.getpid()
    with connect(server) as client:
        assert server.url == f"ws://127.0.0.1:{server.port}"
        client.send(submission())
        assert session_of(first(client))
    assert server.terminate() == 0
    assert server.pid is None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert server.terminate() is None
    server.kill()


@pytest.mark.parametrize("survive", [True, False])
def test_an_interrupt_ends_it_unless_it_is_to_survive(survive: bool) -> None:
    server = ServerProcess(survive_interrupt=survive)
    with server:
        assert server.pid is not None
        os.kill(server.pid, signal.SIGINT)
        with os.fdopen(os.pidfd_open(server.pid)) as ending:
            ended = bool(select.select([ending], [], [], (500 if survive else 15000) * MS)[0])
        assert ended is not survive
    assert server.pid is None


def test_the_ledger_outlives_a_kill_and_no_entry_is_lost(workspace: Path) -> None:
    path = workspace / "ledger.ndjson"
    with ServerProcess(working_directory=workspace, ledger_path=path) as server:
        port = server.port
        first_pid = server.pid
        with connect(server) as client:
            for number in range(50):
                client.send(submission(submission_key=f"k{number}"))
                first(client)
            server.kill()
        assert server.pid is None
        server.restart()
        assert server.port == port
        assert keys(server) == [(f"k{number}", first_pid) for number in range(50)]
        with connect(server) as client:
            client.send(submission(submission_key="after"))
            first(client)
        assert keys(server)[-1] == ("after", server.pid)


def test_restart_ends_the_process_that_runs() -> None:
    with ServerProcess() as server:
        before = (server.port, server.pid)
        server.restart()
        assert server.port == before[0]
        assert server.pid != before[1]


def test_a_second_start_is_refused() -> None:
    with ServerProcess() as server, pytest.raises(RuntimeError, match=f"pid {server.pid}"):
        server.start()


def test_a_process_that_ends_at_once_is_an_error_with_its_exit_code(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with EmbeddedServer() as taken:
        server = ServerProcess(port=taken.port)
        with pytest.raises(RuntimeError, match="exit code 2"):
            server.start()
    assert server.pid is None
    assert "in use" in capfd.readouterr().err


def test_a_process_that_does_not_announce_itself_in_time_is_killed() -> None:
    server = ServerProcess()
    with pytest.raises(TimeoutError, match=r"within 0\.001 s"):
        server.start(timeout=0.001)
    assert server.pid is None


def test_a_process_that_ignores_the_request_to_end_is_killed() -> None:
    server = ServerProcess()
    server.start()
    assert server.pid is not None
    os.kill(server.pid, signal.SIGSTOP)
    assert server.terminate(timeout=100 * MS) == -signal.SIGKILL
    assert server.pid is None


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_runs_until_a_signal_and_leaves_the_handlers_as_they_were(
    number: signal.Signals,
) -> None:
    """The signal comes from a thread, as soon as the server is announced."""
    announced: list[str] = []
    handlers = [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]
    killers = []

    def announce(line: str) -> None:
        announced.append(line)
        killers.append(threading.Thread(target=lambda: os.kill(os.getpid(), number)))
        killers[0].start()

    serve("127.0.0.1", 0, announce=announce)
    killers[0].join()
    assert announced[0].startswith("listening on ws://127.0.0.1:")
    assert handlers == [signal.getsignal(signum) for signum in (signal.SIGINT, signal.SIGTERM)]


def test_a_signal_of_another_kind_does_not_end_serve() -> None:
    announced: queue.SimpleQueue[str] = queue.SimpleQueue()
    handled, served = threading.Event(), threading.Event()

    def send_signals() -> None:
        url = announced.get(timeout=WAIT).removeprefix("listening on ")
        os.kill(os.getpid(), signal.SIGUSR1)
        assert handled.wait(WAIT)
        client = websocket.create_connection(url, timeout=WAIT)
        client.send(request("get_status"))
        first(client)
        client.shutdown()
        served.set()
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.signal(signal.SIGUSR1, lambda *_: handled.set())
    sender = threading.Thread(target=send_signals)
    sender.start()
    try:
        serve("127.0.0.1", 0, announce=announced.put)
    finally:
        signal.signal(signal.SIGUSR1, before)
        sender.join(WAIT)
    assert served.is_set()


def test_serve_needs_the_main_thread() -> None:
    errors: list[Exception] = []

    def run() -> None:
        try:
            serve("127.0.0.1", 0, announce=print)
        except ValueError as error:
            errors.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join(WAIT)
    assert "main thread" in str(errors[0])
