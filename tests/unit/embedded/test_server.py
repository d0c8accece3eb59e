from __future__ import annotations

import contextlib
import errno
import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from data.stage import WAIT, connect, events, first, request, session_of, submission, watching
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from scenes import until
from timing import MS


def test_it_listens_on_loopback_on_a_free_port_that_it_keeps() -> None:
    server = EmbeddedServer()
    assert server.port == 0
    with server:
        port = server.port
        assert server.url == f"ws://127.0.0.1:{port}"
    with server, connect(server) as client:
        assert server.port == port
        client.send(request("get_status"))
        assert '"operational"' in first(client)


def test_another_server_can_take_the_port_as_soon_as_the_first_is_stopped() -> None:
    with EmbeddedServer() as one, connect(one) as client:
        client.send(request("get_status"))
        first(client)
        port = one.port
    for _ in range(3):
        with EmbeddedServer(port=port) as other, connect(other):
            assert other.port == port


def test_a_taken_port_is_an_os_error_and_the_server_can_be_started_later() -> None:
    with EmbeddedServer() as one:
        other = EmbeddedServer(port=one.port)
        with pytest.raises(OSError, match="in use"):
            other.start()
    with other, connect(other):
        pass


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"port": 65536}, "port=65536"),
        ({"port": -1}, "port=-1"),
        ({"processing_delay": -0.1}, "processing_delay=-0.1"),
        ({"processing_delay": float("nan")}, "processing_delay=nan"),
        ({"keepalive": 0}, "keepalive=0"),
    ],
)
def test_an_impossible_setting_is_refused_by_name(settings: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        EmbeddedServer(**settings)


def test_start_while_running_is_refused_and_stop_may_be_repeated(server: EmbeddedServer) -> None:
    with pytest.raises(RuntimeError, match=server.url):
        server.start()
    server.stop()
    server.stop()
    EmbeddedServer().stop()


def test_stop_closes_every_client_with_1001_and_ends_every_thread() -> None:
    before = set(threading.enumerate())
    server = EmbeddedServer()
    server.start()
    with connect(server) as one, connect(server) as other:
        assert server.wait_for_connections(2, WAIT)
        server.stop()
        assert set(threading.enumerate()) == before
        assert (first(one), first(other)) == ("[close 1001 '']", "[close 1001 '']")
    assert server.connections == 0


def test_stop_is_bounded_when_clients_are_rude(workspace: Path) -> None:
    """One never began its handshake, one answers no close, one does not read what it is sent."""
    before = set(threading.enumerate())
    server = EmbeddedServer(working_directory=workspace)
    server.start()
    with (
        socket.create_connection(("127.0.0.1", server.port)),
        connect(server),
        connect(server) as deaf,
    ):
        deaf.send(request("subscribe_updates", {"event_types": ["status_update"]}))
        first(deaf)
        flood = threading.Thread(
            target=lambda: server.broadcast("status_update", "x" * 20_000_000), daemon=True
        )
        flood.start()
        deadline = Deadline(8000 * MS)
        server.stop()
        assert not deadline.is_over()
        flood.join(WAIT)
        assert set(threading.enumerate()) == before


def test_connections_are_counted_from_handshake_to_end(server: EmbeddedServer) -> None:
    assert server.connections == 0
    with socket.create_connection(("127.0.0.1", server.port)), connect(server), connect(server):
        assert server.wait_for_connections(2, WAIT)
        assert server.connections == 2
        assert not server.wait_for_connections(3, 10 * MS)
    assert server.wait_for_connections(0, WAIT)


def test_a_broadcast_reaches_its_subscribers_alone(server: EmbeddedServer) -> None:
    with connect(server) as one, connect(server) as other, connect(server):
        for client, events_ in ((one, ["error", "status_update"]), (other, ["status_update"])):
            client.send(request("subscribe_updates", {"event_types": events_}))
            first(client)
        assert server.broadcast("status_update", {"n": 1}) == 2
        assert server.broadcast("error", [None]) == 1
        assert server.broadcast("unheard-of", None) == 0
        received = [json.loads(first(client)) for client in (one, other, one)]
    assert [(m["method"], m["params"]["data"]) for m in received] == [
        ("status_update", {"n": 1}),
        ("status_update", {"n": 1}),
        ("error", [None]),
    ]
    assert received[0]["id"] == received[1]["id"] != received[2]["id"]


def test_work_that_a_stop_interrupted_is_done_after_the_next_start(workspace: Path) -> None:
    server = EmbeddedServer(working_directory=workspace)
    with contextlib.ExitStack() as held:
        held.enter_context(server.hold())
        with server, connect(server) as client:
            client.send(submission())
            session = session_of(first(client))
        with server, watching(server) as wait, connect(server) as client:
            held.close()
            wait(session)
            client.send(request("get_status", {"session_id": session}))
            assert json.loads(first(client))["result"]["status"] == "completed"
    assert len(server.ledger) == 1


def open_once_read(pipe: Path) -> int:
    """Open the writing end of a named pipe as soon as somebody has opened the other."""
    found: list[int] = []

    def can_be_opened() -> bool:
        try:
            found.append(os.open(pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as error:
            assert error.errno == errno.ENXIO  # nobody has
        return bool(found)

    until(can_be_opened)
    return found[0]


def test_a_job_that_does_not_end_is_reported_and_refuses_the_next_start(
    workspace: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The PDF becomes a pipe, and whoever reads from it waits for what is never written."""
    pdf = workspace / "sample.pdf"
    server = EmbeddedServer(working_directory=workspace)
    with server, connect(server) as client:
        with server.hold():
            client.send(submission())
            first(client)
            pdf.unlink()
            os.mkfifo(pdf)
        writer = open_once_read(pdf)
        server.stop(timeout=100 * MS)
        assert "did not end" in caplog.text
        with pytest.raises(RuntimeError, match="has not ended"):
            server.start()
        os.close(writer)


def test_the_ledger_file_is_read_again_by_the_next_server(workspace: Path) -> None:
    path = workspace / "ledger.ndjson"
    with (
        EmbeddedServer(working_directory=workspace, ledger_path=path) as server,
        connect(server) as client,
    ):
        client.send(submission(submission_key="k"))
        first(client)
    again = EmbeddedServer(ledger_path=path)
    assert again.ledger == server.ledger
    assert [entry.key for entry in again.ledger] == ["k"]


def test_relative_paths_are_those_of_the_directory_at_the_start_unless_one_is_given(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(workspace)
    with EmbeddedServer() as server, connect(server) as client:
        monkeypatch.chdir("/")
        client.send(submission())
        assert '"accepted"' in first(client)


def test_a_client_that_answers_no_ping_is_closed_with_1011() -> None:
    with EmbeddedServer(keepalive=100 * MS) as server, connect(server) as client:
        assert list(events(client)) == ["[ping]", "[close 1011 'keepalive ping timeout']", "[EOF]"]
