"""The leak checker itself: each kind of leak fails the test that made it, and says what it was."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

TESTS = Path(__file__).resolve().parent.parent

Run = Callable[..., pytest.RunResult]

LEAKS = """
import os, select, socket, subprocess, sys, threading

kept = []

def test_thread():
    threading.Thread(target=threading.Event().wait, name="lost", daemon=True).start()

def test_listener():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_pair():
    left, right = socket.socketpair()
    left.close()
    kept.append(right)

def test_pipe():
    kept.append(os.pipe())

def test_eventfd():
    kept.append(os.eventfd(0))

def test_epoll():
    kept.append(select.epoll())

def test_child():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.DEVNULL)
    kept.append(child)
"""

CLEAN = """
import socket, subprocess, sys, threading

import pytest

@pytest.fixture(scope="session")
def server():
    with socket.create_server(("127.0.0.1", 0)) as server:
        closing = threading.Event()
        thread = threading.Thread(target=closing.wait)
        thread.start()
        yield server
        closing.set()
        thread.join()

def test_that_closes_what_it_opened():
    left, right = socket.socketpair()
    left.close(), right.close()
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_whose_thread_is_about_to_end():
    threading.Thread(target=threading.Event().wait, args=(0.2,), daemon=True).start()

def test_with_a_server_that_outlives_it(server):
    pass

def test_with_the_same_server_again(server):
    pass
"""

FORGETFUL = """
import socket

import pytest

kept = []

@pytest.fixture(scope="session")
def server():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_one(server):
    pass
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a test file in a pytest of its own, under this project's conftest."""
    for name in ("conftest.py", "leaks.py", "timing.py"):
        shutil.copy(TESTS / name, pytester.path)
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\npythonpath = ["."]')

    def run(source: str, scale: float = 1) -> pytest.RunResult:
        monkeypatch.setenv("MCP_SYNC_TEST_TIME_SCALE", str(scale))
        pytester.makepyfile(source)
        return pytester.runpytest_subprocess("-p", "no:cacheprovider", timeout=30)

    return run


def test_each_kind_of_leak_fails_the_test_that_made_it_and_no_other(run: Run) -> None:
    result = run(LEAKS, scale=0.1)  # so that it waits less for the thread that does not end
    result.assert_outcomes(passed=7, errors=7)
    result.stdout.fnmatch_lines(
        [
            "*teardown of test_thread*",
            "*thread*lost*is still running",
            "*teardown of test_listener*",
            "*file descriptor*AF_INET ('127.0.0.1', *) to nobody",
            "*teardown of test_pair*",
            "*file descriptor*AF_UNIX*",
            "*teardown of test_pipe*",
            "*file descriptor*pipe:*",
            "*file descriptor*pipe:*",
            "*teardown of test_eventfd*",
            "*file descriptor*eventfd*",
            "*teardown of test_epoll*",
            "*file descriptor*eventpoll*",
            "*teardown of test_child*",
            "*child process * was not reaped: *",
        ]
    )


def test_what_ends_in_time_or_was_there_before_the_test_is_permitted(run: Run) -> None:
    run(CLEAN).assert_outcomes(passed=4)


def test_what_a_session_fixture_forgets_fails_the_run(run: Run) -> None:
    result = run(FORGETFUL)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*fixture of module or session scope left behind*", "*AF_INET*"])
