from __future__ import annotations

import contextlib
import socket

import pytest

from data.stage import WAIT, connect
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.links import Links
from timing import MS


def test_a_connection_that_comes_while_closing_is_refused() -> None:
    links = Links()
    assert links.close_all(Deadline(WAIT))
    one, other = socket.socketpair()
    with one, other, pytest.raises(ConnectionAbortedError):
        links.open(one)


def test_clients_that_do_not_answer_the_close_are_waited_for_together() -> None:
    server = EmbeddedServer()
    server.start()
    with contextlib.ExitStack() as clients:
        for _ in range(6):
            clients.enter_context(connect(server))
        assert server.wait_for_connections(6, WAIT)
        deadline = Deadline(4000 * MS)
        server.stop()
        assert not deadline.is_over()
