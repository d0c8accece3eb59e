from __future__ import annotations

import threading

from data.stage import WAIT, connect, first, request
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.clients import ClientTable
from timing import MS


def test_waiting_for_a_number_of_clients_ends_with_the_deadline() -> None:
    table = ClientTable()
    assert table.wait_for(0, Deadline(0))
    assert not table.wait_for(1, Deadline(10 * MS))
    assert len(table) == 0


def test_a_wait_is_woken_by_the_client_that_comes(server: EmbeddedServer) -> None:
    found: list[bool] = []
    waiter = threading.Thread(target=lambda: found.append(server.wait_for_connections(1, WAIT)))
    waiter.start()
    with connect(server):
        waiter.join(WAIT)
    assert found == [True]


def test_a_message_for_a_client_that_is_gone_is_dropped(server: EmbeddedServer) -> None:
    with connect(server) as client:
        client.send(request("subscribe_updates", {"event_types": ["error"]}))
        first(client)
        server.stop()
        assert server.broadcast("error", {}) == 0
