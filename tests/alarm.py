"""Real signals to the main thread, which runs the tests: once when wanted, or at any moment."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator

from timing import MS
from untraced import untraced

__all__ = ["MAIN_THREAD", "Alarm", "ctrl_c"]

RING_AGAIN = 50 * MS
MAIN_THREAD = threading.main_thread().ident or 0


class Alarm:
    """Sends the main thread a signal, after some time or again and again.

    Args:
        act: what the signal does in the main thread; pytest-timeout owns SIGALRM.
    """

    def __init__(self, act: Callable[[], None]) -> None:
        self.armed = False
        self._act = act
        self._before = signal.signal(signal.SIGUSR1, self._handle)
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def after(
        self,
        seconds: float,
        interval: float | None = None,
        is_true: Callable[[], bool] = lambda: True,
    ) -> None:
        """Ring so much later, and then at an interval; None rings once."""
        self.stop()
        self._stop.clear()
        self._thread = threading.Thread(target=self._ring, args=(seconds, interval, is_true))
        # A single alarm acts at once; repeated ones only where the test can take them.
        self.armed = interval is None
        self._thread.start()

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Let repeated signals act, once, inside this block."""
        with untraced():
            try:
                self.armed = True
                yield
            finally:
                self.armed = False

    def when(self, is_true: Callable[[], bool]) -> None:
        """Ring once something holds."""
        self.after(0, is_true=is_true)

    def stop(self) -> None:
        """Ring no more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def close(self) -> None:
        """Ring no more, and put things back as they were."""
        self.stop()
        signal.signal(signal.SIGUSR1, self._before)

    def _ring(self, seconds: float, interval: float | None, is_true: Callable[[], bool]) -> None:
        if self._stop.wait(seconds):
            return
        while not is_true():
            if self._stop.wait(1 * MS):
                return
        signal.pthread_kill(MAIN_THREAD, signal.SIGUSR1)
        # A signal that comes right before a system call is noticed after it: so ring again.
        again = RING_AGAIN if interval is None else interval
        while not self._stop.wait(again) and (self.armed or interval is not None):
            signal.pthread_kill(MAIN_THREAD, signal.SIGUSR1)

    def _handle(self, *_: object) -> None:
        if self.armed:
            self.armed = False
            self._act()


def ctrl_c() -> None:
    raise KeyboardInterrupt
