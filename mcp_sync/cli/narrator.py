"""Tells a story on a stream: numbered steps, sentences, and connection events in between.

Events come from the client's own thread and are printed by the thread that tells the story, so
that lines never mix. Knows no client and no server.
"""

from __future__ import annotations

import queue
import textwrap
from collections.abc import Iterable
from typing import TextIO

from mcp_sync import ConnectionEvent
from mcp_sync.cli.output import line_width, printable
from mcp_sync.deadline import Deadline

__all__ = ["INDENT", "Narrator", "describe"]

INDENT = "   "
"""What every line below the heading of a step begins with."""


class Narrator:
    """Prints steps and events. One thread tells; any thread may call ``hear``.

    Args:
        stream: where to; None for standard output.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._heard: queue.SimpleQueue[ConnectionEvent] = queue.SimpleQueue()
        self._told: set[str] = set()
        """The names of the events that were told since the step began."""
        self._steps = 0
        self.title = ""
        """The heading of the step under way; "" before the first."""

    def step(self, title: str) -> None:
        """Print the heading of the next step."""
        self.tell_heard()
        self._told.clear()
        self._steps += 1
        self.title = f"{self._steps}. {title}"
        print(f"\n{self.title}", file=self._stream, flush=True)

    def say(self, sentence: str) -> None:
        """Print a sentence, in as many lines as the terminal needs."""
        self.tell_heard()
        self._print(sentence)

    def show(self, lines: Iterable[str]) -> None:
        """Print lines that are laid out already."""
        self.tell_heard()
        print(*lines, sep="\n", file=self._stream, flush=True)

    def hear(self, event: ConnectionEvent) -> None:
        """Take an event, to be printed before whatever is told next."""
        self._heard.put(event)

    def tell_heard(self) -> None:
        """Print the events that were heard and not yet told."""
        while not self._heard.empty():
            self._tell(self._heard.get())

    def wait_for(self, name: str, deadline: Deadline) -> None:
        """Print events as they come, until one with a name was told in this step.

        Args:
            name: the event's name.
            deadline: of the waiting.

        Raises:
            TimeoutError: it did not come in time.
        """
        while name not in self._told:
            try:
                event = self._heard.get(timeout=deadline.remaining())
            except queue.Empty:
                raise TimeoutError(f"the client announced no {name!r} in time") from None
            self._tell(event)

    def _tell(self, event: ConnectionEvent) -> None:
        self._told.add(event.name)
        self._print(f"[{event.name}] {printable(describe(event))}")

    def _print(self, text: str) -> None:
        wrapped = textwrap.fill(
            text,
            line_width(),
            initial_indent=INDENT,
            subsequent_indent=INDENT,
            break_long_words=False,
            break_on_hyphens=False,
        )
        print(wrapped, file=self._stream, flush=True)


def describe(event: ConnectionEvent) -> str:
    """Say what happened to the connection, without the event's name."""
    facts = event.context
    match event.name:
        case "connected":
            return f"to {facts['peer_address']}, link {facts['generation']} of this client"
        case "initialized":
            return f"{facts['server'].name} {facts['server'].version} answers"
        case "disconnected":
            return str(facts["cause"])
        case "failed":
            delay = facts["next_delay"]
            then = "no further attempt" if delay is None else f"next attempt in {delay:.2f} s"
            return f"attempt {facts['attempt']}: {facts['error']}; {then}"
        case "reconnecting":
            return f"attempt {facts['attempt']}"
        case "offline":
            return f"after {facts['attempts']} attempts: {facts['error']}"
        case _:  # degraded, recovered
            return "; ".join(facts["reasons"]) or "all is well"
