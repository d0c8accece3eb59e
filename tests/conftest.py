"""What holds for every test: it leaves no thread, socket, pipe or child process behind."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from leaks import Watch

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As a shell without job control starts what it runs in the background; many tests send it.
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def reported_leaks() -> Iterator[set[str]]:
    """Fail the run for what module and session fixtures forgot; set up first, so asked last."""
    watch = Watch()
    reported: set[str] = set()
    yield reported
    _fail_on(set(watch.leaks()) - reported, "a fixture of module or session scope")


@pytest.fixture(autouse=True)
def no_leaks(reported_leaks: set[str]) -> Iterator[None]:
    """Fail a test that leaks; what fixtures of wider scope hold existed before and is permitted."""
    watch = Watch()
    yield
    found = set(watch.leaks())
    reported_leaks |= found
    _fail_on(found, "the test")


def _fail_on(found: set[str], who: str) -> None:
    if found:
        pytest.fail("\n  ".join([f"{who} left behind:", *sorted(found)]), pytrace=False)
