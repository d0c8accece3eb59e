"""The process of a stdio server and its stderr: what it gets, what is kept, how it ends."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcp_sync.connection.worker import start_worker
from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConnectionError, MCPConnectionRejected
from mcp_sync.transports.child import Child, make_environment
from mcp_sync.transports.stderr_pump import KEPT_CHARACTERS, LAST_WORDS_CHARACTERS, StderrPump
from timing import MS

BOUND = 10_000 * MS
SOON = 4000 * MS
LOGGER = "mcp_sync.stdio"

Start = Callable[..., tuple[Child, io.FileIO, io.FileIO]]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts children; they are ended at the end."""
    with contextlib.ExitStack() as ending:

        def start_one(
            *command: str, env: dict[str, str] | None = None, cwd: str | None = None
        ) -> tuple[Child, io.FileIO, io.FileIO]:
            child = Child(command, env, cwd)
            stdin, stdout = child.start(start_worker)
            ending.callback(child.end, Deadline(0), None)
            ending.callback(child.kill)
            ending.callback(stdout.close)
            ending.callback(stdin.close)
            return child, stdin, stdout

        yield start_one


def python(text: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", text)


def _next_descriptor() -> int:
    descriptor = os.dup(0)
    os.close(descriptor)
    return descriptor


# What a child is given


def test_a_child_inherits_six_variables_and_gets_those_that_are_given(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv("USER", "() { :; }; echo vulnerable")
    monkeypatch.setenv("SECRET_OF_THE_PARENT", "hunter2")
    text = "import os; print(*sorted(f'{k}={v}' for k, v in os.environ.items()), sep='\\n')"
    _, _, stdout = start(*python(text), env={"TOKEN": "1", "TERM": "none"})
    lines = stdout.readall().decode().splitlines()
    assert {"HOME=/home/me", "TOKEN=1", "TERM=none", f"PATH={os.environ['PATH']}"} <= set(lines)
    names = {line.partition("=")[0] for line in lines}
    # LC_CTYPE is what Python sets for itself in the C locale (PEP 538).
    assert names <= {"HOME", "LOGNAME", "PATH", "SHELL", "TERM", "TOKEN", "LC_CTYPE"}


def test_what_is_given_wins_over_what_is_inherited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/bin")
    assert make_environment(None)["PATH"] == "/bin"
    assert make_environment({"PATH": "/mine"})["PATH"] == "/mine"


def test_a_command_is_looked_up_in_the_path_that_is_given(start: Start, tmp_path: Path) -> None:
    tool = tmp_path / "my-server"
    tool.write_text("#!/bin/sh\necho found\n")
    tool.chmod(0o755)
    _, _, stdout = start("my-server", env={"PATH": str(tmp_path)})
    assert stdout.readall() == b"found\n"


def test_no_shell_takes_part(start: Start) -> None:
    _, _, stdout = start("echo", "$HOME", "; id", "`id`", "*")
    assert stdout.readall() == b"$HOME ; id `id` *\n"


def test_a_child_has_its_directory_its_session_and_its_group(start: Start, tmp_path: Path) -> None:
    text = "import os; print(os.getcwd(), os.getsid(0), os.getpgid(0))"
    child, _, stdout = start(*python(text), cwd=str(tmp_path))
    assert stdout.readall().decode().split() == [str(tmp_path), str(child.pid), str(child.pid)]


def test_a_child_has_its_three_files_and_no_other(start: Start) -> None:
    with Path(os.devnull).open("rb") as other:
        os.set_inheritable(other.fileno(), True)
        _, _, stdout = start("ls", "/proc/self/fd")
        # The fourth is that of the listing.
        assert stdout.readall().split() == [b"0", b"1", b"2", b"3"]


def test_it_starts_where_stderr_and_stdin_are_no_files(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a notebook."""
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    monkeypatch.setattr(sys, "stdin", None)
    _, _, stdout = start("echo", "here")
    assert stdout.readall() == b"here\n"


# What cannot be started


def test_a_file_that_is_no_program_is_refused_for_good(tmp_path: Path) -> None:
    file = tmp_path / "server"
    file.write_bytes(b"\0\1\2")
    file.chmod(0o755)
    with pytest.raises(MCPConnectionRejected, match=r"exec format error; check the command$"):
        Child((str(file),), None, None).start(start_worker)


def test_a_script_without_its_interpreter_is_refused_for_good(tmp_path: Path) -> None:
    file = tmp_path / "server"
    file.write_text("#!/no/such/interpreter\n")
    file.chmod(0o755)
    with pytest.raises(MCPConnectionRejected, match="or no interpreter for it"):
        Child((str(file),), None, None).start(start_worker)


def test_too_few_descriptors_may_pass() -> None:
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_next_descriptor() + 2, limits[1]))
    try:
        with pytest.raises(MCPConnectionError, match="too many open files") as caught:
            Child(("cat",), None, None).start(start_worker)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not isinstance(caught.value, MCPConnectionRejected)


def test_a_child_that_nobody_could_watch_is_not_left_behind() -> None:
    def refuse(name: str, target: Callable[[], object]) -> threading.Thread:
        raise RuntimeError("can't start new thread")

    child = Child(("cat",), None, None)
    with pytest.raises(MCPConnectionError, match="could not watch cat: can't start new thread"):
        child.start(refuse)
    assert child.has_ended()
    assert not Path(f"/proc/{child.pid}").exists()


# How it ends


@pytest.mark.parametrize(
    ("text", "how"),
    [
        ("", "ended with exit status 0"),
        ("raise SystemExit(3)", "ended with exit status 3"),
        ("import os; os.kill(os.getpid(), 9)", "was killed by SIGKILL"),
        ("import os; os.kill(os.getpid(), 40)", "was killed by signal 40"),
    ],
)
def test_it_is_told_how_a_child_ended(start: Start, text: str, how: str) -> None:
    child, _, _ = start(*python(text))
    assert child.ends_within(Deadline(BOUND))
    name = Path(sys.executable).name
    expected = f"the server process {name} {how}; it wrote nothing to stderr"
    assert child.obituary("nothing") == expected
    child.end(Deadline(0), None)
    assert child.obituary("nothing") == expected


def test_a_child_that_lives_has_no_obituary(start: Start) -> None:
    child, _, _ = start("cat")
    assert not child.has_ended()
    assert not child.ends_within(Deadline(10 * MS))
    assert child.obituary("it fell silent") == "the server process cat lives, but it fell silent"


def test_the_end_is_seen_without_a_descriptor_that_tells_of_it(start: Start) -> None:
    child, stdin, _ = start("cat")
    assert child.exit_fd is not None
    os.close(child.exit_fd)
    child.exit_fd = None
    assert not child.ends_within(Deadline(10 * MS))
    stdin.close()
    assert child.ends_within(Deadline(BOUND))


def test_a_program_that_ignores_sigchld_loses_the_status_and_nothing_else(start: Start) -> None:
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        child, stdin, _ = start("cat")
        stdin.close()
        assert child.ends_within(Deadline(BOUND))
        assert child.obituary("nothing").startswith("the server process cat ended; ")
        child.kill()
        child.end(Deadline(0), None)
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_a_child_that_was_reaped_is_never_signalled_again(start: Start) -> None:
    child, stdin, _ = start("cat")
    stdin.close()
    child.end(Deadline(BOUND), None)
    with pytest.raises(ChildProcessError):
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG)
    child.kill()
    child.end(Deadline(BOUND), None)


# Its stderr


def obituary(child: Child) -> str:
    """How a child ended, and its last words; for that the child itself waits a moment only."""
    assert child.ends_within(Deadline(BOUND))
    assert child._pump is not None
    assert child._pump.ended.wait(BOUND)
    return child.obituary("")


def test_stderr_goes_to_the_log_a_line_at_a_time(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    text = "import os; os.write(2, b'one\\n\\x1b[31mtw'); os.write(2, b'o\\x1b[0m\\r\\n\\n\\xff!')"
    child, _, _ = start(*python(text))
    assert obituary(child).endswith("its last lines on stderr: one | two | \ufffd!")
    name = Path(sys.executable).name
    assert caplog.messages == [f"{name}: one", f"{name}: two", f"{name}: \ufffd!"]
    assert {record.levelname for record in caplog.records} == {"INFO"}


def test_the_last_lines_alone_are_kept_and_cut_short(start: Start) -> None:
    text = "import os\nfor n in range(30): os.write(2, b'%d %s\\n' % (n, b'x' * 1000))"
    child, _, _ = start(*python(text))
    words = obituary(child).partition("stderr: ")[2]
    assert len(words) <= LAST_WORDS_CHARACTERS + 2
    assert words.count(" | 2") >= 4
    assert "| 9 x" not in words
    assert max(map(len, words.split(" | "))) < KEPT_CHARACTERS + 30


def test_a_line_without_an_end_fills_no_memory(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, LOGGER)
    child, _, _ = start(*python("import os\nfor _ in range(50): os.write(2, b'x' * 60000)"))
    obituary(child)
    assert 20 < len(caplog.messages) < 3_000_000 // 8192 + 2
    assert max(map(len, caplog.messages)) < 8192 + 100


def test_a_flood_of_stderr_does_not_stop_the_child(start: Start) -> None:
    child, _, stdout = start(
        *python("import os\nfor _ in range(2000): os.write(2, b'x' * 999 + b'\\n')\nprint(1)")
    )
    assert stdout.readall() == b"1\n"
    assert child.ends_within(Deadline(BOUND))


def test_a_log_handler_that_raises_does_not_stop_the_reading(start: Start) -> None:
    class Broken(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise ValueError(record.getMessage())

    logger, handler = logging.getLogger(LOGGER), Broken()
    logger.addHandler(handler)
    level = logger.level
    logger.setLevel(logging.INFO)
    try:
        child, _, _ = start(*python("import os; os.write(2, b'one\\ntwo\\n')"))
        assert obituary(child).endswith("one | two")
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


def test_the_pump_ends_when_told_though_the_pipe_stays_open() -> None:
    reader, writer = os.pipe()
    pump = StderrPump(io.FileIO(reader, "rb"), "server")
    thread = start_worker("pump", pump.run)
    os.write(writer, b"one\n")
    begun = time.monotonic()
    pump.stop()
    thread.join(BOUND)
    os.close(writer)
    assert pump.ended.is_set()
    assert time.monotonic() - begun < SOON
