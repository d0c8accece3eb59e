"""Commands in a terminal: what they show there, and what becomes of them when it goes away."""

from __future__ import annotations

import os
import pty
import subprocess
import termios

import pytest

from peers_cli import cli_line
from terminals import COMMAND, PATIENCE, Terminal, without_settings

WATCH = ("watch", "-i", "0.2", "--stdio", cli_line())

PING = ("ping", "-i", "0.1", "--stdio", cli_line())


def test_the_live_screen_shows_the_server_and_ends_with_q() -> None:
    with Terminal(*WATCH) as terminal:
        terminal.wait_for(b"weather 1.0")
        terminal.wait_for(b"p99")
        assert termios.tcgetattr(terminal.slave)[3] & termios.ICANON == 0
        terminal.type(b"q")
        assert terminal.end() == (0, b"")
        assert b"\x1b[?1049h" in terminal.seen
        assert terminal.seen.rindex(b"\x1b[?1049l") > terminal.seen.rindex(b"weather 1.0")
        assert termios.tcgetattr(terminal.slave) == terminal.before


@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_be_drawn_on_is_shown_lines(term: str) -> None:
    with Terminal(*WATCH, term=term) as terminal:
        terminal.wait_for(b"[initialized] weather 1.0 answers")
        terminal.wait_for(b"of 1 pings lost")
        terminal.type(b"q")
        assert terminal.end() == (0, b"")
        assert b"\x1b" not in terminal.seen


def test_a_terminal_that_is_gone_to_begin_with_ends_a_command_quietly() -> None:
    master, slave = pty.openpty()
    os.close(master)
    try:
        done = subprocess.run(
            [*COMMAND, "tools", "--stdio", cli_line()],
            stdin=subprocess.DEVNULL,
            stdout=slave,
            stderr=subprocess.PIPE,
            env=without_settings(),
            timeout=PATIENCE,
            check=False,
        )
    finally:
        os.close(slave)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.mark.parametrize("has_keyboard", [True, False])
@pytest.mark.parametrize(("command", "shown"), [(WATCH, b"p99"), (PING, b"2: ")])
def test_a_terminal_that_goes_away_ends_what_goes_on_for_ever_quietly(
    command: tuple[str, ...], shown: bytes, has_keyboard: bool
) -> None:
    with Terminal(*command, has_keyboard=has_keyboard) as terminal:
        terminal.wait_for(shown)
        terminal.go_away()
        assert terminal.end() == (141, b"")


def test_a_dumb_terminal_that_goes_away_ends_the_lines_quietly() -> None:
    with Terminal(*WATCH, term="dumb") as terminal:
        terminal.wait_for(b"of 1 pings lost")
        terminal.go_away()
        assert terminal.end() == (141, b"")


@pytest.mark.parametrize(("command", "shown"), [(WATCH, b"p99"), (PING, b"2: ")])
def test_a_terminal_that_is_closed_ends_its_commands(
    command: tuple[str, ...], shown: bytes
) -> None:
    with Terminal(*command, is_controlling=True) as terminal:
        terminal.wait_for(shown)
        terminal.go_away()
        code, complaints = terminal.end()
    assert code in (129, 141)  # the signal, or what it interrupted had nowhere to be written
    assert complaints == b""
