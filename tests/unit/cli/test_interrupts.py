from __future__ import annotations

import signal
import subprocess
import sys

import pytest

from mcp_sync.cli.interrupts import Interrupts

MASK = "import signal; print(*map(int, signal.pthread_sigmask(signal.SIG_BLOCK, [])))"


def test_ctrl_c_raises_keyboard_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), Interrupts():
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_other_signals_raise_system_exit(number: signal.Signals, code: int) -> None:
    with pytest.raises(SystemExit) as ended, Interrupts():
        signal.raise_signal(number)
    assert ended.value.code == code


def signal_twice(unwound: list[bool]) -> None:
    with Interrupts():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGTERM)
            unwound.append(True)


def test_a_second_signal_does_not_interrupt_the_unwinding() -> None:
    unwound: list[bool] = []
    with pytest.raises(SystemExit):
        signal_twice(unwound)
    assert unwound


def test_what_held_before_holds_again() -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Interrupts():
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_what_is_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Interrupts():
            signal.raise_signal(signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def signal_while_held(number: signal.Signals, steps: list[str]) -> None:
    with Interrupts() as interrupts:
        with interrupts.held():
            signal.raise_signal(number)
            steps.append("held")
        steps.append("after")


@pytest.mark.parametrize(
    ("number", "kind"), [(signal.SIGINT, KeyboardInterrupt), (signal.SIGTERM, SystemExit)]
)
def test_a_signal_is_put_off_while_it_is_held(
    number: signal.Signals, kind: type[BaseException]
) -> None:
    steps: list[str] = []
    with pytest.raises(kind):
        signal_while_held(number, steps)
    assert steps == ["held"]


def fail_after_a_signal() -> None:
    with Interrupts() as interrupts, interrupts.held():
        signal.raise_signal(signal.SIGTERM)
        raise RuntimeError("it was interrupted")


def test_an_error_while_it_is_held_gives_way_to_the_signal() -> None:
    with pytest.raises(SystemExit):
        fail_after_a_signal()


def test_a_child_begun_while_it_is_held_does_not_hear_ctrl_c() -> None:
    with Interrupts() as interrupts, interrupts.held():
        child = subprocess.run(
            [sys.executable, "-c", MASK], capture_output=True, text=True, timeout=30, check=True
        )
    assert child.stdout.split() == [str(int(signal.SIGINT))]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, [])
