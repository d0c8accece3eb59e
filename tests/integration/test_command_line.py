"""The command line as processes: signals, closed outputs, and the page's transcripts."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
from pathlib import Path

import pytest

from house import PROJECT
from mcp_sync.cli import main
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from peers_cli import cli_command, cli_line
from scenes import nobody_listening
from terminals import COMMAND, PATIENCE, without_settings

PAGE = PROJECT / "docs" / "command-line.md"

RECORDING = "MCP_SYNC_RECORD" in os.environ
"""Whether the page is to be written anew instead of being held to what the commands print."""


def start(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *arguments, "--stdio", cli_line()],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=without_settings(),
        text=True,
    )


def test_ctrl_c_cancels_the_call_at_the_server(tmp_path: Path) -> None:
    diary = tmp_path / "diary"
    child = subprocess.Popen(
        [*COMMAND, "call", "climate", "for_ever=true", "--stdio", cli_line(diary=str(diary))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=without_settings(),
        text=True,
    )
    with child:
        assert child.stderr is not None
        assert child.stderr.readline() == " 50% year 1\n"
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "mcp-sync: interrupted"
    assert "Traceback" not in err
    assert diary.read_text().splitlines()[-1] == "notifications/cancelled"


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_the_server_that_was_started_too(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    pid = tmp_path / "pid"
    child = subprocess.Popen(
        [*COMMAND, "call", "climate", "deaf=true", "steps=1", "--stdio", cli_line(pid=str(pid))],
        stdin=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=without_settings(),
        text=True,
    )
    with child:
        assert child.stderr is not None
        assert child.stderr.readline() == "100% year 1\n"
        child.send_signal(number)
        _, err = child.communicate(timeout=PATIENCE)
    assert child.returncode == code
    assert err.splitlines() == (["mcp-sync: interrupted"] if code == 130 else [])
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid.read_text()), signal.SIGKILL)


@pytest.mark.parametrize(
    ("command", "first", "last"),
    [("ping", "1: ", "\nmin "), ("watch", "", "")],
)
def test_ctrl_c_is_the_ordinary_end_of_what_has_none(command: str, first: str, last: str) -> None:
    with start(command, "-i", "0.1") as child:
        assert child.stdout is not None
        assert child.stdout.readline().startswith(first)
        child.send_signal(signal.SIGINT)
        out, err = child.communicate(timeout=PATIENCE)
    assert (child.returncode, err) == (0, "")
    assert last in out


def test_a_closed_pipe_ends_what_goes_on_for_ever_quietly() -> None:
    with start("ping", "-i", "0.01") as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.readline()
        child.stdout.close()
        assert child.wait(PATIENCE) == 141
        assert child.stderr.read() == ""


def test_headers_of_the_environment_reach_the_server_and_no_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    requests = []

    def refuse(connection: WebSocketConnection) -> None:
        requests.append(connection.read_request())
        connection.respond(403)

    monkeypatch.setenv("MCP_SYNC_HEADERS", '{"Authorization": "Bearer secret"}')
    with WebSocketPeer(refuse, upgrade=False) as peer:
        assert main(["tools", "--url", peer.url]) == 3
    assert "secret" in repr(requests[0])
    captured = capsys.readouterr()
    assert "403" in captured.err
    assert "secret" not in captured.out + captured.err


def test_the_log_is_shown_once_where_two_ways_ask_for_it() -> None:
    with nobody_listening() as url:
        done = subprocess.run(
            [*COMMAND, "tools", "--debug", "--url", url],
            capture_output=True,
            env={**without_settings(), "MCP_SYNC_LOG": "warning"},
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 3
    layout = r"^\d\d:\d\d:\d\d\.\d{3} WARNING mcp-reader mcp_sync\.connection: attempt 1 "
    assert re.search(layout, done.stderr, re.MULTILINE)
    assert done.stderr.count("attempt 1 to connect failed") == 1


def test_the_demo_as_json_is_its_proof_and_the_story_is_told_beside_it() -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--json"],
        capture_output=True,
        env=without_settings(),
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0
    proof = json.loads(done.stdout)["proof"]
    assert [one["count"] for one in proof["executions"]] == [1] * 6
    assert proof["faults"] == []
    assert "All of it holds" in done.stderr


def test_a_server_tells_its_address_as_json() -> None:
    command = [*COMMAND, "serve", "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=without_settings()) as child:
        assert child.stdout is not None
        try:
            assert json.loads(child.stdout.readline())["url"].startswith("ws://127.0.0.1:")
        finally:
            child.send_signal(signal.SIGTERM)
        assert child.wait(PATIENCE) == 0


# The transcripts of the page


def transcripts() -> list[tuple[str, str]]:
    """Each command of the page and what it prints there, the two streams in one."""
    page = PAGE.read_text(encoding="utf-8")
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", page, re.MULTILINE | re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return found


def play(command: str, capfd: pytest.CaptureFixture[str]) -> str:
    """What a command of the page prints, in this process, and its exit code where it has one."""
    line, asks_for_code, _ = command.partition("; echo $?")
    program, *arguments = shlex.split(line)
    assert program == "mcp-sync"
    code = main(arguments)
    captured = capfd.readouterr()
    return captured.out + captured.err + (f"{code}\n" if asks_for_code else "")


def settle(printed: str) -> str:
    """A transcript without what differs from run to run: times and the name of the interpreter."""
    printed = re.sub(r"\b\d\d:\d\d:\d\d\b", "12:00:00", printed)
    printed = re.sub(r"stdio:python[\d.]*", "stdio:python", printed)
    printed = re.sub(r"to python[\d.]*\[\d+\]", "to python[4711]", printed)
    return re.sub(r"\b\d+\.\d+\b(?= ms|  (avg|p50|p99|max))", "0.25", printed)


@pytest.fixture
def in_the_place_of_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with the ``mcp.json`` that the page speaks of."""
    command, *args = cli_command()
    servers = {"weather": {"command": command, "args": args}}
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": servers}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    for name in [name for name in os.environ if name.startswith("MCP_SYNC_")]:
        monkeypatch.delenv(name)


@pytest.mark.usefixtures("in_the_place_of_the_page")
@pytest.mark.parametrize("number", range(len(transcripts())))
def test_a_transcript_of_the_page_is_true(number: int, capfd: pytest.CaptureFixture[str]) -> None:
    command, printed = transcripts()[number]
    found = play(command, capfd)
    # What differs in the times alone stays as it is, so that a page that is true is not touched.
    if RECORDING and settle(found) != settle(printed):
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(page.replace(f"$ {command}\n{printed}", f"$ {command}\n{found}"))
    else:
        assert settle(found) == settle(printed)


def test_the_page_has_a_transcript_of_each_command_for_standard_servers() -> None:
    shown = {shlex.split(command)[1] for command, _ in transcripts()}
    assert shown >= {"tools", "call", "resources", "read", "prompts", "ping", "watch", "health"}
