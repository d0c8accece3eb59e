from __future__ import annotations

import io
import subprocess
import sys

import pytest

from mcp_sync.cli.screen import find_pretty, progress_reporter, show_table


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    monkeypatch.setattr(sys, "stdout", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    return stream


def test_a_table_on_a_terminal_has_colours_and_shows_no_markup_of_a_server(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = on_a_terminal(monkeypatch)
    show_table(("name", "n"), [("[red]a[/red]\x1b[2J", 5)])
    shown = out.getvalue()
    assert "\x1b[1m" in shown
    assert "[red]a[/red]\\x1b[2J" in shown


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    out = on_a_terminal(monkeypatch)
    monkeypatch.setenv("NO_COLOR", "1")
    show_table(("name", "n"), [("a", 5)])
    assert "a" in out.getvalue()
    assert "\x1b[36m" not in out.getvalue()


def test_a_pipe_and_a_dumb_terminal_have_plain_text(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    show_table(("name", "n"), [("a", 5)])
    assert capsys.readouterr().out == "name  n\n----  -\na     5\n"
    monkeypatch.setenv("TERM", "dumb")
    assert find_pretty(Terminal()) is None
    assert find_pretty(None) is None


def test_a_bar_moves_with_the_progress_and_is_taken_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", "xterm-256color")
    bar = progress_reporter("work")
    bar.report(1, 4, "first\x07 [b]step[/b]")
    bar.report(2, None, None)
    bar.close()
    shown = stream.getvalue()
    assert "25%" in shown
    assert "first\\x07 [b]step[/b]" in shown
    assert shown.rstrip("\n").endswith("\x1b[2K")


def test_without_a_terminal_progress_is_lines(capsys: pytest.CaptureFixture[str]) -> None:
    reporter = progress_reporter("work")
    reporter.report(1, 4, "first\nstep")
    reporter.report(2, None, None)
    reporter.close()
    assert capsys.readouterr().err == " 25% first step\n2\n"


def test_without_rich_all_but_the_screen_is_plain_text_and_that_tells_the_way() -> None:
    program = """
import io, sys
sys.modules["rich"] = None
class Terminal(io.StringIO):
    def isatty(self): return True
real, sys.stdout = sys.stdout, Terminal()
from mcp_sync.cli import main
from mcp_sync.cli.screen import show_table
show_table(("name", "n"), [("a", 5)])
real.write(sys.stdout.getvalue())
real.flush()
sys.exit(main(["watch", "--url", "ws://127.0.0.1:1"]))
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.stdout == "name  n\n----  -\na     5\n"
    assert done.returncode == 2
    said, hint = done.stderr.splitlines()
    assert said == (
        "mcp-sync: watch needs the rich package on a terminal: run pip install 'mcp_sync[cli]'"
    )
    assert hint == "hint: `mcp-sync watch | cat` shows plain lines without it"
