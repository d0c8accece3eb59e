"""Signals that end a program, as exceptions that unwind it: nothing is left behind."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType, TracebackType
from typing import Any, Final, Self

__all__ = ["Interrupts"]

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupts:
    """Has Ctrl-C, SIGTERM and SIGHUP raise, the first of them once and the others not at all.

    A context manager, for the main thread. SIGINT raises ``KeyboardInterrupt``, the others
    ``SystemExit`` with 128 and the signal's number, as shells count them. What is ignored to
    begin with stays so: ``nohup`` asks for that.
    """

    def __init__(self) -> None:
        self._before: dict[signal.Signals, Any] = {}
        self._holding = False
        self._pending: int | None = None

    def __enter__(self) -> Self:
        heard = [one for one in _SIGNALS if signal.getsignal(one) is not signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._end) for number in heard}
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Put off the exception to the end of a block, and keep Ctrl-C from children begun in it.

        For what must not be left half done. The children inherit the signal mask, so that the
        terminal does not end them; whoever began them does.
        """
        mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        self._holding = True
        try:
            yield
        finally:
            self._holding = False
            signal.pthread_sigmask(signal.SIG_SETMASK, mask)
            if self._pending is not None:
                raise _exception(self._pending)

    def _end(self, number: int, _frame: FrameType | None) -> None:
        # A second one must not interrupt the unwinding.
        for other in _SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        if not self._holding:
            raise _exception(number)
        self._pending = number


def _exception(number: int) -> BaseException:
    return KeyboardInterrupt() if number == signal.SIGINT else SystemExit(128 + number)
