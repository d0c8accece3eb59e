"""Waiting that whatever is to be read ends early: a key, a piece of news; or an interrupt."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from types import TracebackType
from typing import Self

__all__ = ["Bell", "wait"]


def wait(seconds: float, readers: Sequence[int] = ()) -> list[int]:
    """Wait until something can be read or the time is over.

    Args:
        seconds: at the most; less than 0 looks once.
        readers: file descriptors.

    Returns:
        Those that can be read.
    """
    return list(select.select(readers, [], [], max(0.0, seconds))[0])


class Bell:
    """A pipe that any thread rings and one waits at. A context manager."""

    def __init__(self) -> None:
        self._open = False

    def __enter__(self) -> Self:
        self.reader, self._writer = os.pipe()
        for end in (self.reader, self._writer):
            os.set_blocking(end, False)
        self._open = True
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._open = False
        os.close(self.reader)
        os.close(self._writer)

    def ring(self) -> None:
        """Wake who waits; nothing happens where nobody does, or it was rung already."""
        if self._open:
            try:
                os.write(self._writer, b".")
            except BlockingIOError:  # full of rings that were not heard yet
                return

    def hush(self) -> None:
        """Forget the rings so far."""
        try:
            while os.read(self.reader, 4096):
                pass
        except BlockingIOError:
            return
