"""WebSocket URLs: what is accepted, what is refused and why, and what is never shown."""

from __future__ import annotations

import base64

import pytest

from mcp_sync.errors import MCPConfigurationError
from mcp_sync.url import mask_url, parse_websocket_url


@pytest.mark.parametrize(
    ("url", "host", "port", "host_header", "resource", "is_secure"),
    [
        ("ws://localhost", "localhost", 80, "localhost", "/", False),
        ("wss://localhost", "localhost", 443, "localhost", "/", True),
        ("ws://h:443/", "h", 443, "h:443", "/", False),
        ("wss://h:80/", "h", 80, "h:80", "/", True),
        ("WS://Example.ORG:8765/a?c=d", "example.org", 8765, "example.org:8765", "/a?c=d", False),
        ("ws://[::1]:9/x", "::1", 9, "[::1]:9", "/x", False),
        ("ws://h?q=1", "h", 80, "h", "/?q=1", False),
        ("ws://h/a%20b/ü?ö=%2F", "h", 80, "h", "/a%20b/%C3%BC?%C3%B6=%2F", False),
        ("ws://bücher.example/", "xn--bcher-kva.example", 80, "xn--bcher-kva.example", "/", False),
    ],
)  # fmt: skip
def test_a_websocket_url_is_taken_apart(
    url: str, host: str, port: int, host_header: str, resource: str, is_secure: bool
) -> None:
    parsed = parse_websocket_url(url)
    assert (parsed.host, parsed.port, parsed.host_header) == (host, port, host_header)
    assert (parsed.resource, parsed.is_secure) == (resource, is_secure)
    assert parsed.authorization is None


@pytest.mark.parametrize("scheme", ["http", "https", "HTTPS"])
def test_an_http_url_is_refused_because_streamable_http_is_not_in_this_version(scheme: str) -> None:
    with pytest.raises(MCPConfigurationError, match="Streamable HTTP is not in this version"):
        parse_websocket_url(f"{scheme}://localhost/mcp")


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("", "must be a ws:// or wss:// URL"),
        ("localhost:8765", "must be a ws:// or wss:// URL"),
        ("ftp://localhost", "must be a ws:// or wss:// URL"),
        ("ws://", "must name a host"),
        ("ws:///path", "must name a host"),
        ("ws://:80/", "must name a host"),
        ("ws://h/#top", "fragment"),
        ("ws://h/#", "fragment"),
        ("ws://h/a b", "spaces or control"),
        ("ws://h/a\r\nX: y", "spaces or control"),
        ("ws://h\n/", "spaces or control"),
        ("ws://h/\udce9", "spaces or control"),
        ("ws://h/?a=\udce9", "spaces or control"),
        ("ws://u\udce9:hunter2@h/", "spaces or control"),
        ("ws://[fe80::1%\xe9]/", "valid host name"),
        ("ws://h:0/", "from 1 to 65535"),
        ("ws://h:70000/", "host and port"),
        ("ws://h:port/", "host and port"),
        ("ws://[::1/", "host and port"),
        ("ws://a_b!c/", "valid host name"),
        ("ws://" + "ü" * 70 + "/", "valid host name"),
    ],
)
def test_a_url_that_cannot_work_is_refused_with_the_rule(url: str, rule: str) -> None:
    with pytest.raises(MCPConfigurationError, match=rule) as caught:
        parse_websocket_url(url, "server_url")
    assert caught.value.setting == "server_url"


def test_something_that_is_no_text_is_refused() -> None:
    with pytest.raises(MCPConfigurationError, match="must be a str"):
        parse_websocket_url(None)  # type: ignore[arg-type]  # what a user may do


def test_user_and_password_become_basic_authorization() -> None:
    parsed = parse_websocket_url("wss://us%3Aer:p%40ss@h/")
    assert parsed.host == "h"
    assert parsed.authorization == "Basic " + base64.b64encode(b"us:er:p@ss").decode()


def test_no_repr_shows_a_secret() -> None:
    parsed = parse_websocket_url("wss://user:hunter2@h/path?token=hunter2")
    assert "hunter2" not in repr(parsed)
    assert base64.b64encode(b"user:hunter2").decode() not in repr(parsed)


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("ws://h:1/path", "ws://h:1/path"),
        ("ws://u:p@h/path?token=t", "ws://***@h/path?***"),
        ("ws://u:p@ss/w@h/", "ws://***@h/"),
        ("ws://h/p#fragment?x", "ws://h/p#***"),
        ("u:p@h?q", "***@h?***"),
        ("/relative?q=1", "/relative?***"),
        ("", ""),
    ],
)
def test_a_masked_url_shows_neither_user_nor_password_nor_query(url: str, masked: str) -> None:
    assert mask_url(url) == masked


@pytest.mark.parametrize(
    "url",
    [
        "http://user:hunter2@h/?token=hunter2",
        "ws://user:hunter2@h:port/?token=hunter2",
        "ws://user:hunter2@/?token=hunter2",
        "ws://user:hunter2@h/a b?token=hunter2",
        "ws://user:hunter2@h/?token=hunter2#x",
        "ws://user:hunter2@[::1/?token=hunter2",
        "ws://user\udce9:hunter2@h/?token=hunter2",
    ],
)
def test_no_refusal_shows_a_secret(url: str) -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        parse_websocket_url(url)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None
