"""What is said again on every new link."""

from __future__ import annotations

import time

from mcp_sync.config import ClientConfig
from mcp_sync.connection.dispatcher import Dispatcher
from mcp_sync.connection.gate import Gate
from mcp_sync.connection.restoring import Restorations
from mcp_sync.connection.stats import Stats


def test_requests_are_repeated_in_the_order_in_which_they_were_first_remembered() -> None:
    restorations = Restorations()
    restorations.remember("updates", "subscribe_updates", {"event_types": ["error"]})
    restorations.remember("level", "logging/setLevel", {"level": "info"})
    restorations.remember("updates", "subscribe_updates", {"event_types": ["status_update"]})
    assert restorations.requests() == [
        ("subscribe_updates", {"event_types": ["status_update"]}),
        ("logging/setLevel", {"level": "info"}),
    ]


def test_what_is_forgotten_is_not_repeated() -> None:
    restorations = Restorations()
    restorations.remember("a", "first", {})
    restorations.remember("b", "second", {})
    restorations.forget("a")
    restorations.forget("never there")
    assert restorations.requests() == [("second", {})]


def test_a_closed_client_repeats_nothing() -> None:
    restorations = Restorations()
    restorations.handshake = True
    restorations.remember("a", "first", {})
    restorations.clear()
    assert restorations.requests() == []
    assert restorations.handshake is False


def test_who_the_client_says_it_is_was_given_or_is_the_setting() -> None:
    info = {"name": "setting", "version": "1"}
    gate = Gate(ClientConfig(client_info=info), Stats(time.monotonic()), Dispatcher())
    restorations = Restorations()
    assert restorations.client_info(gate) == info
    restorations.given_client_info = {"name": "given", "version": "2"}
    assert restorations.client_info(gate) == {"name": "given", "version": "2"}
