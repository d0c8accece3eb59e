"""The standard MCP dialect: its traits; the handshake is in ``test_mcp_protocol``."""

from __future__ import annotations

import pytest

from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.messages import Notification, Request
from mcp_sync.types.versions import PROTOCOL_VERSIONS

READS = {
    "completion/complete",
    "initialize",
    "logging/setLevel",
    "ping",
    "prompts/get",
    "prompts/list",
    "resources/list",
    "resources/read",
    "resources/subscribe",
    "resources/templates/list",
    "resources/unsubscribe",
    "server/discover",
    "tasks/get",
    "tasks/list",
    "tasks/result",
    "tools/list",
}
"""Client requests of MCP that may be repeated: they read, or set what is set already."""

OTHERS = {"tools/call", "tasks/cancel", "tools", "TOOLS/LIST", "resources", "", "x/unknown"}


@pytest.mark.parametrize("method", sorted(READS))
def test_what_reads_may_be_repeated(method: str) -> None:
    assert McpDialect().is_repeatable(method)


@pytest.mark.parametrize("method", sorted(OTHERS))
def test_a_tool_and_the_unknown_may_not(method: str) -> None:
    assert not McpDialect().is_repeatable(method)


def test_its_traits() -> None:
    dialect = McpDialect()
    assert dialect.name == "mcp"
    assert dialect.handshake_required
    assert not dialect.is_modern
    assert dialect.version == "2025-11-25"
    assert not dialect.is_pinned
    assert dialect.drain_window == 32
    assert dialect.max_request_size is None
    assert dialect.health_probe == ("ping", {})
    assert [dialect.request_id(number) for number in (1, 2)] == [1, 2]


@pytest.mark.parametrize("request_id", [7, "seven"])
def test_a_request_is_withdrawn_by_a_notification_with_its_id(request_id: int | str) -> None:
    assert McpDialect().cancellation(request_id, "too late") == Notification(
        "notifications/cancelled", {"requestId": request_id, "reason": "too late"}
    )


def test_a_ping_of_the_server_is_answered_with_nothing_and_the_rest_is_unknown() -> None:
    dialect = McpDialect()
    assert dialect.answer(Request("a", "ping", {"_meta": {}})) == {}
    for method in ("roots/list", "sampling/createMessage", "elicitation/create", "pings", ""):
        assert dialect.answer(Request("a", method, {})) is None


@pytest.mark.parametrize("version", PROTOCOL_VERSIONS)
def test_messages_may_come_as_an_array_in_one_version_alone(version: str) -> None:
    parts = McpDialect(version).split('[{"id":1},{"id":2}]')
    assert len(parts) == (2 if version == "2025-03-26" else 0)
