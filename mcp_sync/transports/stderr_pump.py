"""What a child writes to stderr: read line by line, logged, its last lines kept for an error.

It is read in any case: a child whose stderr nobody reads stops when the pipe is full.
"""

from __future__ import annotations

import collections
import io
import logging
import os
import re
import threading
from typing import Final

from ..errors import shorten
from .readiness import POLLIN, SelfPipe, make_poll

__all__ = ["StderrPump"]

_log: Final = logging.getLogger("mcp_sync.stdio")

READ_SIZE = 65_536
LONGEST_LINE = 8192
KEPT_LINES = 20
KEPT_CHARACTERS = 300
LAST_WORDS_CHARACTERS = 2000

_CONTROL_SEQUENCES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|[\x00-\x08\x0a-\x1f\x7f-\x9f]")
"""Colours (ECMA-48, 5.4) and whatever else could rewrite a terminal or forge a log line."""


class StderrPump:
    """Reads a pipe to its end. ``run`` is for a thread of its own, the rest for any thread.

    Args:
        file: what to read; the pump owns it.
        name: the name of the child, for the log.
    """

    def __init__(self, file: io.FileIO, name: str) -> None:
        self._file = file
        self._name = name
        self._halt = SelfPipe()
        self._halt.open()
        self._last: collections.deque[str] = collections.deque(maxlen=KEPT_LINES)
        self.ended = threading.Event()
        """Set when everything was read, or ``stop`` was called, and the file is closed."""

    def run(self) -> None:
        """Read, log and keep until the end of the file or ``stop``."""
        try:
            self._pump()
        finally:
            self.close()
            self.ended.set()

    def stop(self) -> None:
        """Let ``run`` end, whoever still has the pipe open."""
        self._halt.abort()

    def close(self) -> None:
        """Close the descriptors; for ``run``, and for whoever could not have it run."""
        self._file.close()
        self._halt.close()

    def forget(self) -> None:
        """Close the descriptors in a forked child, where nobody may be left to free a lock."""
        self._file.close()
        self._halt.forget()

    def last_words(self) -> str:
        """The last lines, joined by bars and cut to what an error can show; "" for none."""
        text = " | ".join(self._last.copy())
        cut = len(text) - LAST_WORDS_CHARACTERS
        return text if cut <= 0 else f"… {text[cut:]}"

    def _pump(self) -> None:
        descriptor = self._file.fileno()
        poll = make_poll()
        poll.register(descriptor, POLLIN)
        poll.register(self._halt.fileno(), POLLIN)
        rest = b""
        while not self._halt.aborted:
            if not any(ready == descriptor for ready, _ in poll.poll(None)):
                continue
            data = os.read(descriptor, READ_SIZE)
            if not data:
                break
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                self._take(line)
            if len(rest) > LONGEST_LINE:
                self._take(rest)
                rest = b""
        self._take(rest)

    def _take(self, line: bytes) -> None:
        text = line[:LONGEST_LINE].decode("utf-8", errors="replace")
        text = _CONTROL_SEQUENCES.sub("", text).rstrip()
        if not text:
            return
        self._last.append(shorten(text, KEPT_CHARACTERS))
        try:
            _log.info("%s: %s", self._name, text)
        except Exception:  # noqa: BLE001 - a log handler may raise anything; the pipe is read on
            return
