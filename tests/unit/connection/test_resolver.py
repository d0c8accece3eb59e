"""Name resolution that a deadline can end."""

from __future__ import annotations

import socket
import threading

import pytest

from mcp_sync.connection.resolver import LookUp, resolve
from mcp_sync.deadline import Deadline
from scenes import no_new_threads
from timing import MS

BOUND = 5000 * MS


def test_a_literal_address_resolves_to_itself() -> None:
    rows = resolve("127.0.0.1", 8765, Deadline(BOUND))
    assert [(row[0], row[1], row[4]) for row in rows] == [
        (socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", 8765))
    ]


def test_a_name_may_be_resolved_without_a_limit() -> None:
    assert resolve("127.0.0.1", 1, Deadline(None))


def test_the_worker_is_gone_when_the_answer_is_there() -> None:
    resolve("127.0.0.1", 8765, Deadline(BOUND))
    assert not [one for one in threading.enumerate() if one.name == "mcp-resolver"]


@pytest.mark.parametrize(
    "name", ["x" * 64 + ".localhost", "a..localhost", "a." + "x" * 64, "ä" * 64]
)
def test_an_impossible_name_is_an_error_and_not_a_wait(name: str) -> None:
    with pytest.raises(UnicodeError):
        name.encode("idna")
    with pytest.raises(OSError, match="not a host name"):
        resolve(name, 8765, Deadline(BOUND))


def test_a_name_that_does_not_resolve_is_the_systems_error() -> None:
    with pytest.raises(socket.gaierror):
        resolve("127.0.0.1%nowhere", 8765, Deadline(BOUND))


def test_without_time_left_nothing_is_looked_up() -> None:
    with pytest.raises(TimeoutError, match="no time was left to resolve 127"):
        resolve("127.0.0.1", 8765, Deadline(-1))


def test_the_deadline_ends_the_wait_and_leaves_the_worker_behind() -> None:
    """Many times over, since a look-up may be quicker than any deadline."""
    for _ in range(2000):
        try:
            resolve("127.0.0.1", 8765, Deadline(0.05 * MS))
        except TimeoutError as error:
            if "took longer than the deadline" in str(error):
                return
    pytest.fail("no deadline was ever over in the middle of a look-up")


def test_without_a_thread_it_is_an_error_that_may_pass() -> None:
    with no_new_threads(), pytest.raises(OSError, match="no thread to resolve 127.0.0.1"):
        resolve("127.0.0.1", 8765, Deadline(BOUND))
    assert resolve("127.0.0.1", 8765, Deadline(BOUND))


def test_an_abort_ends_the_wait_also_one_that_has_not_begun() -> None:
    look_up = LookUp()
    look_up.abort()
    with pytest.raises(OSError, match="resolving 127.0.0.1 was aborted"):
        look_up.resolve("127.0.0.1", 8765, Deadline(BOUND))
