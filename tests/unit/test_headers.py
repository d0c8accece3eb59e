"""What may be added to the upgrade request."""

from __future__ import annotations

import pytest

from mcp_sync.errors import MCPConfigurationError
from mcp_sync.headers import check_headers, check_subprotocols


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer secret"},
        {"X-Token": "tab\tand ümlaut"},
        {"Origin": "https://example.org", "Cookie": "a=b"},
    ],
)
def test_ordinary_headers_pass(headers: dict[str, str]) -> None:
    check_headers(headers)


@pytest.mark.parametrize(
    "value", ["a\rb", "a\nb", "a\0b", "a\r\nHost: evil", "\x1b[31m", "a\x7f", "\udce9"]
)
def test_a_value_with_control_characters_is_refused_and_never_shown(value: str) -> None:
    with pytest.raises(MCPConfigurationError, match="X-Token") as caught:
        check_headers({"X-Token": f"hunter2{value}"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "a b", "a\r\nb", "a:b", "ümlaut", "a\0"])
def test_a_name_that_is_no_token_is_refused(name: str) -> None:
    with pytest.raises(MCPConfigurationError, match="no header name") as caught:
        check_headers({name: "hunter2"})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "name",
    ["Host", "upgrade", "CONNECTION", "Sec-WebSocket-Key", "sec-websocket-extensions"],
)
def test_a_name_that_the_upgrade_owns_is_refused(name: str) -> None:
    with pytest.raises(MCPConfigurationError, match="belongs to the WebSocket upgrade") as caught:
        check_headers({name: "hunter2"}, "headers")
    assert caught.value.setting == "headers"
    assert "hunter2" not in str(caught.value)


def test_a_value_that_is_no_text_is_refused() -> None:
    with pytest.raises(MCPConfigurationError, match="X-Token"):
        check_headers({"X-Token": 7})  # type: ignore[dict-item]  # what a user may do


def test_subprotocols_are_tokens_and_offered_once() -> None:
    check_subprotocols(("mcp", "v2.mcp"))
    with pytest.raises(MCPConfigurationError, match="no subprotocol"):
        check_subprotocols(("mcp, evil",))
    with pytest.raises(MCPConfigurationError, match="must not repeat"):
        check_subprotocols(("mcp", "mcp"))
