from __future__ import annotations

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


def test_a_client_that_does_not_answer_the_close_costs_about_a_second() -> None:
    server = EmbeddedServer()
    server.start()
    with connect(server), connect(server), connect(server):
        assert server.wait_for_connections(3, WAIT)
        deadline = Deadline(2500 * MS)
        server.stop()
        assert not deadline.is_over()
