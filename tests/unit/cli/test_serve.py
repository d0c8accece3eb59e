from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_sync import MCPClient
from mcp_sync.embedded import EmbeddedServer

from .conftest import Run

SERVE = [sys.executable, "-m", "mcp_sync", "serve"]


@contextlib.contextmanager
def serving(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process and its address; killed at the end if it is still there."""
    child = subprocess.Popen([*SERVE, *arguments], stdout=subprocess.PIPE, text=True)
    with child:
        assert child.stdout is not None
        announced = child.stdout.readline()
        assert announced.startswith("listening on ws://127.0.0.1:")
        assert announced.endswith(" (Ctrl-C ends it)\n")
        try:
            yield child, announced.split()[2]
        finally:
            child.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_a_signal_and_ends_well(tmp_path: Path, number: signal.Signals) -> None:
    ledger = tmp_path / "ledger.ndjson"
    arguments = ("--port", "0", "--working-directory", str(tmp_path), "--ledger", str(ledger))
    with serving(*arguments) as (child, url):
        with MCPClient(url) as client:
            client.request("tools/call", {"name": "echo", "arguments": {"text": "hello"}})
        child.send_signal(number)
        assert child.wait(15) == 0
    assert ledger.read_text(encoding="utf-8").count("\n") == 1


def test_a_port_that_is_in_use_is_a_failure_with_a_hint(run: Run, server: EmbeddedServer) -> None:
    done = run("serve", "--port", str(server.port))
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines() == [
        f"mcp-sync: cannot serve on 127.0.0.1:{server.port}: the port is in use",
        "hint: --port 0 takes a free port",
    ]


def test_a_host_that_is_not_this_machine_is_a_failure(run: Run) -> None:
    # 192.0.2.0/24 is for documentation (RFC 5737): no machine has it.
    done = run("serve", "--host", "192.0.2.1", "--port", "0")
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith("mcp-sync: cannot serve on 192.0.2.1:0: ")


def test_a_working_directory_that_does_not_exist_is_bad_input(run: Run, tmp_path: Path) -> None:
    done = run("serve", "--working-directory", tmp_path / "absent")
    assert done.code == 2
    assert done.err == f"mcp-sync: --working-directory {tmp_path / 'absent'} is no directory\n"


def test_a_ledger_that_cannot_be_written_is_bad_input(run: Run, tmp_path: Path) -> None:
    ledger = tmp_path / "absent" / "ledger"
    done = run("serve", "--port", "0", "--ledger", ledger)
    assert (done.code, done.out) == (2, "")
    assert done.err == f"mcp-sync: cannot keep --ledger {ledger}: No such file or directory\n"


def test_a_file_that_is_no_ledger_is_bad_input(run: Run, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger"
    ledger.write_text("dear diary\n", encoding="utf-8")
    done = run("serve", "--ledger", ledger)
    assert done.code == 2
    assert f"{ledger}, line 1: not a ledger entry" in done.err
