"""`mcp-sync watch`: a client of its own that pings a server, and everything it sees meanwhile.

A screen on a terminal (extra ``cli``), lines in a pipe or on a terminal that cannot be drawn on,
JSON lines with ``--json``.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any, Final, Protocol

from mcp_sync import MCPClient
from mcp_sync.cli.connecting import make_client
from mcp_sync.cli.exits import OK, BadInput
from mcp_sync.cli.output import is_terminal
from mcp_sync.cli.pauses import Bell, wait
from mcp_sync.cli.screen import can_draw
from mcp_sync.cli.watch_pulse import Pulse
from mcp_sync.cli.watch_view import news_line
from mcp_sync.deadline import Deadline

__all__ = ["run"]

_MANNER: Final[Mapping[str, Any]] = {
    "start_offline": True,
    "reconnect_delay": 0.5,
    "max_reconnect_delay": 5.0,
}
"""Somebody watches for the server's return."""

_STILLNESS: Final = 0.05
"""Seconds without drawing after a ping, unless its answer comes before."""


class _Screen(Protocol):
    """Where it is shown."""

    def show(self, pulse: Pulse, *, beat: bool) -> None:
        """Show what there is; ``beat`` says that it is time for a line."""


def run(options: Namespace) -> int:
    """Watch a connection until q or Ctrl-C, both of which are its ordinary end.

    Args:
        options: ``count`` (None for no end), ``interval``, ``timeout`` (seconds for each answer)
            and those of a server. ``count`` is of intervals.

    Returns:
        The exit code.

    Raises:
        Unreachable: the server refused for good.
        OSError: the terminal is gone.
        BadInput: standard output is a terminal and ``rich`` is not installed.
    """
    client = make_client(MCPClient, options, _MANNER)
    with (
        contextlib.suppress(KeyboardInterrupt),
        _screen(options) as screen,
        Bell() as bell,
        _keys() as keys,
    ):
        pulse = Pulse(client, options.timeout, bell.ring)
        with client:
            _watch(pulse, options, screen, bell, keys)
    return OK


def _watch(
    pulse: Pulse, options: Namespace, screen: _Screen, bell: Bell, keys: tuple[int, ...]
) -> None:
    keyboard = _Keyboard(keys)
    for number in itertools.count(1):
        due = Deadline(options.interval)
        # Drawing would hold up the answer that comes meanwhile, and count as its latency.
        pulse.beat(min(_STILLNESS, options.interval / 2))
        while not due.is_over():
            pulse.check()
            screen.show(pulse, beat=False)
            ready = wait(due.remaining() or 0.0, (bell.reader, *keyboard.readers))
            bell.hush()
            if keyboard.says_quit(ready):
                return
        screen.show(pulse, beat=True)
        if number == options.count:
            return


class _Keyboard:
    """Where q is typed, as long as somebody is there to type."""

    def __init__(self, readers: tuple[int, ...]) -> None:
        self.readers = readers

    def says_quit(self, ready: list[int]) -> bool:
        """Whether q was typed; ``ready`` is what can be read."""
        for reader in set(self.readers).intersection(ready):
            typed = os.read(reader, 64)
            if not typed:
                self.readers = ()
            return b"q" in typed.lower()
        return False


@contextlib.contextmanager
def _screen(options: Namespace) -> Iterator[_Screen]:
    if options.json:
        yield _JsonLines()
    elif not can_draw(sys.stdout):
        yield _Lines()
    else:
        try:
            from mcp_sync.cli import watch_screen  # noqa: PLC0415 - it imports rich, an extra
        except ImportError as error:
            if (error.name or "").partition(".")[0] != "rich":
                raise
            sentence = "watch needs the rich package on a terminal: run pip install 'mcp_sync[cli]'"
            raise BadInput(
                sentence, "`mcp-sync watch | cat` shows plain lines without it"
            ) from None
        with watch_screen.Screen() as screen:
            yield screen


class _Lines:
    """A line for each piece of news, and one for each beat."""

    def show(self, pulse: Pulse, *, beat: bool) -> None:
        for news in pulse.fresh_news():
            print(news_line(news), flush=True)
        if beat:
            print(pulse.view().line(), flush=True)


class _JsonLines:
    """A JSON object in a line for each piece of news, and one for each beat."""

    def show(self, pulse: Pulse, *, beat: bool) -> None:
        for news in pulse.fresh_news():
            print(json.dumps({"event": news.name, "at": news.at, "text": news.text}), flush=True)
        if beat:
            print(json.dumps(pulse.view().as_dict()), flush=True)


@contextlib.contextmanager
def _keys() -> Iterator[tuple[int, ...]]:
    """The descriptor of a keyboard whose keys count without Enter; none where there is none."""
    if not (is_terminal(sys.stdin) and is_terminal(sys.stdout)):
        yield ()
        return
    import termios  # noqa: PLC0415 - not every system has it, nor every run needs it
    import tty  # noqa: PLC0415 - as above

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    tty.setcbreak(keyboard)
    try:
        yield (keyboard,)
    finally:
        with contextlib.suppress(termios.error):  # the terminal is gone
            termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
