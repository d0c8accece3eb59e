from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mcp_sync import __version__
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.sample import SamplePaths
from mcp_sync.testing import RawPeer, WebSocketConnection, WebSocketPeer
from timing import MS

from .conftest import Run

COMMAND = [sys.executable, "-m", "mcp_sync"]

ABOVE_0 = "must be a number of seconds above 0, at most 1000000000"

FROM_0 = "must be a number of seconds from 0, at most 1000000000"

COMMANDS = [
    (),
    ("demo",),
    ("serve",),
    ("health",),
    ("compareblocks",),
    ("compareblocks", "submit"),
    ("compareblocks", "status"),
    ("compareblocks", "results"),
    ("queue",),
    ("queue", "list"),
    ("queue", "export"),
    ("queue", "clear"),
    ("tools",),
    ("call",),
    ("resources",),
    ("read",),
    ("prompts",),
    ("ping",),
    ("watch",),
]


def run_program(program: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )


def test_the_version_is_told(run: Run) -> None:
    done = run("--version")
    assert (done.code, done.out) == (0, f"mcp-sync {__version__}\n")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_has_help(run: Run, command: tuple[str, ...]) -> None:
    done = run(*command, "--help")
    assert (done.code, done.err) == (0, "")
    assert done.out.startswith(f"usage: {' '.join(('mcp-sync', *command))}")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_that_prints_anything_can_print_json(
    run: Run, command: tuple[str, ...]
) -> None:
    out = run(*command, "--help").out
    is_group = "\ncommands:\n" in out
    assert ("--json" in out) != is_group


def test_the_help_lists_the_exit_codes(run: Run) -> None:
    out = run("--help").out
    listed = [line.split()[0] for line in out.partition("exit codes:")[2].splitlines() if line]
    assert listed == ["0", "1", "2", "3", "4", "5", "129", "130", "141", "143"]


def test_the_help_says_that_the_pdf_is_on_the_server(run: Run) -> None:
    assert "path on the server" in " ".join(run("compareblocks", "submit", "--help").out.split())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["compareblocks"], "the following arguments are required: COMMAND"),
        (["compareblocks", "results"], "the following arguments are required: SESSION"),
        (["nonsense"], "invalid choice: 'nonsense'"),
        (["demo", "--fast"], "unrecognized arguments: --fast"),
        (["health", "--timeout", "0"], f"{ABOVE_0}, not '0'"),
        (["health", "--timeout", "inf"], f"{ABOVE_0}, not 'inf'"),
        (["health", "--timeout", "soon"], f"{ABOVE_0}, not 'soon'"),
        (["ping", "--interval", "1e300"], f"{ABOVE_0}, not '1e300'"),
        (["serve", "--port", "65536"], "must be a port from 0 to 65535, not '65536'"),
        (["serve", "--port", "http"], "must be a port from 0 to 65535, not 'http'"),
        (["serve", "--processing-delay", "-1"], f"{FROM_0}, not '-1'"),
        (["ping", "-c", "0"], "must be a whole number from 1, not '0'"),
        (["watch", "-c", "some"], "must be a whole number from 1, not 'some'"),
        (["call"], "the following arguments are required: NAME"),
        (["tools", "--url", "ws://h", "--stdio", "cmd"], "not allowed with argument --url"),
        (["health", "--stdio", "cmd", "--config", "f"], "not allowed with argument --stdio"),
        (["compareblocks", "results", "s", "--format", "xml"], "invalid choice: 'xml'"),
    ],
)
def test_a_command_line_that_cannot_work_is_refused_with_a_hint(
    run: Run, arguments: list[str], sentence: str
) -> None:
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    said, hint = done.err.splitlines()
    assert said.startswith("mcp-sync: ")
    assert sentence in said
    assert hint.startswith("hint: mcp-sync")
    assert hint.endswith(" --help")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["call", "echo", "text=@-"], "cannot read '-' for text: standard input is closed"),
        (["call", "echo", "--args", "@-"], "cannot read '-' for --args: standard input is closed"),
        (["compareblocks", "submit", "a.pdf", "-"], "cannot read -: standard input is closed"),
    ],
)
def test_a_standard_input_that_is_closed_is_bad_input(
    run: Run, monkeypatch: pytest.MonkeyPatch, arguments: list[str], sentence: str
) -> None:
    monkeypatch.setattr(sys, "stdin", None)  # as the interpreter has it after `<&-`
    done = run(*arguments)
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0] == f"mcp-sync: {sentence}"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://127.0.0.1:8765", "Streamable HTTP is not in this version"),
        ("127.0.0.1:8765", "must be a ws:// or wss:// URL"),
        ("ws://", "server_url='ws://'"),
        ("ws://127.0.0.1:99999", "server_url="),
        ("", "server_url=''"),
    ],
)
def test_a_url_that_cannot_work_is_bad_input(run: Run, url: str, sentence: str) -> None:
    done = run("health", "--url", url)
    assert (done.code, done.out) == (2, "")
    said, hint = done.err.splitlines()
    assert sentence in said
    assert hint == "hint: --url takes ws://HOST:PORT or wss://HOST:PORT"


@pytest.mark.parametrize("arguments", [["health"], ["compareblocks", "status"]])
def test_an_absent_server_is_reported_within_seconds(
    run: Run, dead_url: str, arguments: list[str]
) -> None:
    deadline = Deadline(5000 * MS)
    done = run(*arguments, "--url", dead_url)
    assert not deadline.is_over()
    assert done.code == 3
    said, hint = done.err.splitlines()
    assert said.startswith(f"mcp-sync: no connection to {dead_url}: ")
    assert "refused" in said
    assert "mcp-sync serve" in hint


def test_an_error_is_all_that_stands_on_standard_error(dead_url: str) -> None:
    done = subprocess.run(
        [*COMMAND, "compareblocks", "status", "--url", dead_url],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert (done.returncode, done.stdout) == (3, "")
    assert [line.split(" ")[0] for line in done.stderr.splitlines()] == ["mcp-sync:", "hint:"]


def hold(connection: WebSocketConnection) -> None:
    connection.hold()


def test_a_server_that_never_answers_the_dial_is_reported_in_time(run: Run) -> None:
    deadline = Deadline(5000 * MS)
    with RawPeer(hold) as peer:
        url = f"ws://127.0.0.1:{peer.port}"
        done = run("compareblocks", "status", "--url", url, "--timeout", "0.3")
    assert not deadline.is_over()
    assert done.code == 3
    assert "hint: --timeout gives it more time" in done.err


def test_a_server_that_never_answers_the_request_is_a_failure_in_time(run: Run) -> None:
    deadline = Deadline(5000 * MS)
    with WebSocketPeer(hold) as peer:
        done = run("compareblocks", "status", "--url", peer.url, "--timeout", "1")
    assert not deadline.is_over()
    assert done.code == 1
    assert "hint: --timeout gives it more time" in done.err


def test_a_server_that_refuses_for_good_is_unreachable(run: Run) -> None:
    def refuse(connection: WebSocketConnection) -> None:
        connection.read_request()
        connection.respond(404)

    with WebSocketPeer(refuse, upgrade=False) as peer:
        done = run("compareblocks", "status", "--url", peer.url)
    assert done.code == 3
    assert "404" in done.err


def test_a_link_lost_under_a_submission_is_a_failure_that_tells_the_risk(
    run: Run, sample: SamplePaths
) -> None:
    def take_and_go(connection: WebSocketConnection) -> None:
        connection.read_text()
        connection.reset()

    with WebSocketPeer(take_and_go, hold) as peer:
        done = run("compareblocks", "submit", "a.pdf", sample.variations, "--url", peer.url)
    assert (done.code, done.out) == (1, "")
    assert "the server may have executed it" in done.err


def test_control_characters_of_a_server_do_not_reach_the_terminal(run: Run) -> None:
    def answer(connection: WebSocketConnection) -> None:
        request = json.loads(connection.read_text())
        result = {"system_status": "\x1b[31moper\rational\n\0"}
        reply = {"jsonrpc": "2.0", "id": request["id"], "result": result}
        connection.send_text(json.dumps(reply))
        connection.hold()

    with WebSocketPeer(answer) as peer:
        done = run("compareblocks", "status", "--url", peer.url, "--timeout", "3")
    assert done.out == "system_status  \\x1b[31moper ational \\x00\n"


def test_the_url_comes_from_the_environment_and_the_option_wins(
    run: Run, server: EmbeddedServer, dead_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_SYNC_SERVER_URL", server.url)
    assert run("health").code == 0
    monkeypatch.setenv("MCP_SYNC_SERVER_URL", dead_url)
    assert run("health", "--url", server.url).code == 0
    assert run("health").code == 3


def test_a_variable_that_cannot_be_read_is_bad_input(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_SYNC_RECONNECT_ATTEMPTS", "many")
    done = run("health")
    assert done.code == 2
    assert done.err == "mcp-sync: MCP_SYNC_RECONNECT_ATTEMPTS='many' must be a whole number\n"


def test_a_variable_that_is_no_setting_is_told_beside_the_answer(
    run: Run, server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MCP_SYNC_REQUEST_TIMEUOT", "5")
    done = run("health", "--url", server.url)
    assert done.code == 0
    assert done.err == (
        "mcp-sync: ignored the variable MCP_SYNC_REQUEST_TIMEUOT, which is no setting of mcp_sync\n"
    )


@pytest.mark.parametrize("before", [True, False])
def test_debug_shows_the_traceback_and_the_log(run: Run, dead_url: str, before: bool) -> None:
    arguments = ["compareblocks", "status", "--url", dead_url]
    done = run(*(["--debug", *arguments] if before else [*arguments, "--debug"]))
    assert done.code == 3
    assert "Traceback (most recent call last):" in done.err
    assert "mcp_sync.connection: " in done.err
    assert done.err.splitlines()[-2].startswith("mcp-sync: no connection to")


def test_what_nobody_expected_is_a_failure_in_one_sentence(run: Run, tmp_path: Path) -> None:
    # The only way in for a foreign error: a path that no system call takes.
    done = run("compareblocks", "submit", "a.pdf", "a\0b")
    assert done.code == 1
    assert done.err.startswith("mcp-sync: unexpected ValueError: ")
    assert "hint: --debug shows where it comes from" in done.err


def test_importing_the_command_line_stays_cheap() -> None:
    done = run_program(
        "import sys; from mcp_sync.cli import main; main(['health', '--url', 'ws://']);"
        "print(*sys.modules)"
    )
    loaded = set(done.stdout.split())
    assert "mcp_sync.cli.health" in loaded
    unwanted = {"asyncio", "websockets", "rich", "mcp_sync.embedded", "mcp_sync.cli.demo"}
    assert loaded & unwanted == set()


@pytest.mark.parametrize("command", ["serve", "demo"])
def test_without_the_embedded_extra_the_way_to_install_it_is_told(command: str) -> None:
    done = run_program(
        "import sys; sys.modules['websockets'] = None; from mcp_sync.cli import main;"
        f"sys.exit(main(['{command}']))"
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "mcp-sync: mcp_sync.embedded needs the websockets package: "
        "run pip install 'mcp_sync[embedded]'"
    ]


def test_ctrl_c_ends_a_command_with_130(tmp_path: Path, sample: SamplePaths) -> None:
    with EmbeddedServer(working_directory=tmp_path, processing_delay=30) as server:
        arguments = ["submit", sample.pdf.name, str(sample.variations), "--wait"]
        child = subprocess.Popen(
            [*COMMAND, "compareblocks", *arguments, "--url", server.url],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        with child:
            assert child.stdout is not None
            assert child.stderr is not None
            first = child.stderr.readline()
            child.send_signal(signal.SIGINT)
            out, err = child.communicate(timeout=10)
    assert first.startswith("session ")
    assert (child.returncode, out) == (130, "")
    assert err.splitlines()[-1] == "mcp-sync: interrupted"
    assert "Traceback" not in err
