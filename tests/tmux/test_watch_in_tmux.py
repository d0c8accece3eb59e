"""`mcp-sync watch` in tmux: what somebody sees in front of a real terminal."""

from __future__ import annotations

import os
import re
import select
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mcp_sync.deadline import Deadline
from mcp_sync.embedded import ServerProcess
from peers_cli import cli_line
from terminals import COMMAND, PATIENCE, without_settings

PROMPT = "at your service:"

FIGURES = re.compile(r"(\d+) lost; last ([\d.]+), p50 ([\d.]+), p99 ([\d.]+), max ([\d.]+) ms")


class Tmux:
    """A session of a tmux server of its own, with a shell in it.

    Args:
        directory: where its socket, and the pipe that tells of news on the screen, are made.
    """

    def __init__(self, directory: Path) -> None:
        self._socket = directory / "socket"
        pipe = directory / "pipe"
        os.mkfifo(pipe)
        self._news = os.open(pipe, os.O_RDWR | os.O_NONBLOCK)
        shell = ["env", f"PS1={PROMPT}", "ENV=", "sh"]
        self("new-session", "-d", "-x", "100", "-y", "30", *shell)
        self("pipe-pane", f"cat > {shlex.quote(str(pipe))}")
        self.run("true")

    def __call__(self, *command: str) -> str:
        """Give tmux a command; what it prints."""
        environment = {
            name: value
            for name, value in without_settings().items()
            if name not in ("COLUMNS", "LINES", "TMUX")
        }
        done = subprocess.run(
            ["tmux", "-u", "-f", os.devnull, "-S", str(self._socket), *command],
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
        return done.stdout

    def run(self, line: str) -> None:
        """Have the shell run a line, and a clean screen for it."""
        self("send-keys", "-l", f"clear; {line}")
        self("send-keys", "Enter")

    def wait_for(self, condition: Callable[[str], object]) -> str:
        """Wait until a condition holds of what is on the screen, and give that."""
        deadline = Deadline(PATIENCE)
        while not condition(screen := self("capture-pane", "-p")):
            news, _, _ = select.select([self._news], [], [], deadline.remaining())
            assert news, screen
            assert not deadline.is_over(), screen
            os.read(self._news, 65536)
        return screen

    def close(self) -> None:
        """End it and all that runs in it."""
        subprocess.run(["tmux", "-S", str(self._socket), "kill-server"], check=False)
        os.close(self._news)


@pytest.fixture
def tmux(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tmux]:
    assert shutil.which("tmux"), "these tests need tmux: install it, as with apt-get install tmux"
    session = Tmux(tmp_path_factory.mktemp("t"))
    yield session
    session.close()


def watch(*server: str) -> str:
    return shlex.join([*COMMAND, "watch", "-i", "0.2", *server])


def figures(screen: str) -> list[float]:
    """Lost pings, and the last latency, the median, the 99th percentile and the highest."""
    found = FIGURES.search(screen)
    return [] if found is None else [float(one) for one in found.groups()]


def test_the_screen_shows_the_connection_and_is_gone_after_q(tmux: Tmux) -> None:
    tmux.run(f"echo before; {watch('--stdio', cli_line())}; echo code=$?")
    screen = tmux.wait_for(figures)
    assert "weather 1.0, protocol 2025-11-25" in screen
    lost, last, half, most, highest = figures(screen)
    assert lost == 0
    assert half <= most <= highest
    assert last <= highest
    tmux("send-keys", "q")
    screen = tmux.wait_for(lambda shown: "code=0" in shown)
    assert "before" in screen
    assert "weather 1.0" not in screen


def test_a_server_that_goes_and_comes_back_is_seen(tmux: Tmux, tmp_path: Path) -> None:
    with ServerProcess(working_directory=tmp_path) as server:
        tmux.run(watch("--url", server.url))
        tmux.wait_for(figures)
        server.kill()
        tmux.wait_for(
            lambda shown: re.search(r"^state +(reconnecting|failed)", shown, re.MULTILINE)
        )
        tmux.wait_for(lambda shown: "disconnected" in shown and "last losses (1)" in shown)
        server.start()
        tmux.wait_for(lambda shown: re.search(r"^state +initialized", shown, re.MULTILINE))


def test_the_screen_follows_the_size_of_the_terminal(tmux: Tmux) -> None:
    tmux.run(watch("--stdio", cli_line()))
    tmux.wait_for(lambda shown: "q ends it" in shown)
    tmux("resize-window", "-x", "120", "-y", "30")
    tmux.wait_for(lambda shown: re.search(r"^history \(\d+\) ─{100,108}$", shown, re.MULTILINE))


def test_a_terminal_that_is_closed_ends_watch_and_its_server(tmux: Tmux, tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    tmux.run(watch("--stdio", cli_line(pid=str(pid))))
    tmux.wait_for(figures)
    process = os.pidfd_open(int(pid.read_text()))
    try:
        tmux("kill-session")
        assert select.select([process], [], [], PATIENCE)[0]
    finally:
        os.close(process)
