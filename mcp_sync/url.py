"""URLs of servers and of proxies: parse, validate, mask. Pure text; no resolving, no sockets."""

from __future__ import annotations

import base64
import ipaddress
import re
from typing import NamedTuple
from urllib.parse import SplitResult, quote, unquote, urlsplit

from .errors import MCPConfigurationError

__all__ = ["ProxyUrl", "WebSocketUrl", "mask_url", "parse_proxy_url", "parse_websocket_url"]

DEFAULT_PORTS = {"ws": 80, "wss": 443}
DEFAULT_PROXY_PORT = 80
# Half a pair of surrogates, as Python reads bytes that are no UTF-8, cannot be sent either.
_CONTROL_OR_SPACE = re.compile(r"[\x00-\x20\x7f\ud800-\udfff]")
_HOST = re.compile(r"[0-9A-Za-z._\-]+")
_SAFE_IN_RESOURCE = "/?:@!$&'()*+,;=~%-._"


class WebSocketUrl(NamedTuple):
    """A ws or wss URL, taken apart (RFC 6455, section 3). Shows neither path nor credentials."""

    is_secure: bool
    host: str
    """ASCII; an IPv6 address without brackets."""
    port: int
    resource: str
    """Path and query as they go into the request line."""
    authorization: str | None = None
    """The Authorization header that the URL's user and password stand for; None without them."""

    def __repr__(self) -> str:
        return f"<{'wss' if self.is_secure else 'ws'} URL of {self.address}>"

    @property
    def host_header(self) -> str:
        """The Host header: without the port where it is the scheme's default."""
        default = DEFAULT_PORTS["wss" if self.is_secure else "ws"]
        return self._bracketed if self.port == default else self.address

    @property
    def is_loopback(self) -> bool:
        """Whether the host can only be this machine: "localhost" or a loopback address."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def address(self) -> str:
        """``host:port``, as error texts show it."""
        return f"{self._bracketed}:{self.port}"

    @property
    def _bracketed(self) -> str:
        return _bracketed(self.host)


class ProxyUrl(NamedTuple):
    """The http URL of a proxy, taken apart. Shows no credentials."""

    host: str
    """ASCII; an IPv6 address without brackets."""
    port: int
    authorization: str | None = None
    """The Proxy-Authorization header that user and password stand for; None without them."""

    def __repr__(self) -> str:
        return f"<URL of the proxy {self.address}>"

    @property
    def address(self) -> str:
        """``host:port``, as error texts show it."""
        return f"{_bracketed(self.host)}:{self.port}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def parse_websocket_url(url: str, setting: str = "url") -> WebSocketUrl:
    """Take a ws or wss URL apart.

    Args:
        url: an absolute URL. A user and password in it become a Basic Authorization header.
        setting: how the setting is called in the error.

    Raises:
        MCPConfigurationError: it is not a ws or wss URL with a host, holds spaces or control
            characters, or has a fragment. The text never shows user, password or query.
    """
    if not isinstance(url, str):
        raise MCPConfigurationError(setting, type(url).__name__, "must be a str")
    parts, port = _split(url, setting)
    scheme = parts.scheme.lower()
    rule = _broken_rule(url, parts, scheme)
    if rule is not None:
        raise MCPConfigurationError(setting, mask_url(url), rule)
    return WebSocketUrl(
        is_secure=scheme == "wss",
        host=_ascii_host(parts.hostname or "", url, setting),
        port=DEFAULT_PORTS[scheme] if port is None else port,
        resource=_resource(parts),
        authorization=_basic_authorization(parts),
    )


def parse_proxy_url(url: str, setting: str = "proxy") -> ProxyUrl:
    """Take the URL of a proxy apart: ``http://[user:password@]host[:port]``.

    Args:
        url: an absolute URL. A user and password in it become Basic credentials.
        setting: how the setting is called in the error.

    Raises:
        MCPConfigurationError: it is not an http URL of a host alone, or holds spaces or control
            characters. The text never shows user or password.
    """
    if not isinstance(url, str):
        raise MCPConfigurationError(setting, type(url).__name__, _PROXY_RULE)
    parts, port = _split(url, setting)
    rule = _broken_proxy_rule(url, parts)
    if rule is not None:
        raise MCPConfigurationError(setting, mask_url(url), rule)
    return ProxyUrl(
        host=_ascii_host(parts.hostname or "", url, setting),
        port=DEFAULT_PROXY_PORT if port is None else port,
        authorization=_basic_authorization(parts),
    )


_PROXY_RULE = (
    'must be http://[user:password@]host:port, "direct" for no proxy, or None for what the '
    "environment says"
)


def _broken_proxy_rule(url: str, parts: SplitResult) -> str | None:
    scheme = parts.scheme.lower()
    if scheme.startswith("socks"):
        return "must be an http:// proxy that takes CONNECT: SOCKS is not supported"
    if scheme == "https":
        return (
            "must be http://: TLS to the proxy itself is not supported, "
            "and that of a wss:// server goes through an http:// proxy unopened"
        )
    is_bare = parts.path in ("", "/") and "?" not in url and "#" not in url
    if scheme != "http" or not parts.hostname or not is_bare or parts.port == 0:
        return _PROXY_RULE
    if _CONTROL_OR_SPACE.search(url):
        return "must not hold spaces or control characters: percent-encode them"
    return None


def _split(url: str, setting: str) -> tuple[SplitResult, int | None]:
    try:
        parts = urlsplit(url)
        return parts, parts.port
    except ValueError:
        # Not chained: the cause's text may quote the user and password.
        raise MCPConfigurationError(
            setting, mask_url(url), "is no URL: check its host and port (1 to 65535)"
        ) from None


def _broken_rule(url: str, parts: SplitResult, scheme: str) -> str | None:
    if scheme in {"http", "https"}:
        return (
            "must be ws:// or wss://: Streamable HTTP is not in this version, "
            "so give the server's WebSocket URL"
        )
    if scheme not in DEFAULT_PORTS:
        return "must be a ws:// or wss:// URL"
    if _CONTROL_OR_SPACE.search(url):
        return "must not hold spaces or control characters: percent-encode them"
    if not parts.hostname:
        return "must name a host, as in ws://host:port/path"
    if "#" in url:
        return "must not have a fragment (RFC 6455, 3): percent-encode '#' as %23"
    if parts.port == 0:
        return "must have a port from 1 to 65535"
    return None


def _ascii_host(host: str, url: str, setting: str) -> str:
    if ":" in host and host.isascii():
        return host
    try:
        ascii_host = host if host.isascii() else host.encode("idna").decode("ascii")
    except UnicodeError:
        ascii_host = ""
    if not _HOST.fullmatch(ascii_host):
        raise MCPConfigurationError(setting, mask_url(url), "must have a valid host name")
    return ascii_host


def _resource(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe=_SAFE_IN_RESOURCE)
    return f"{path}?{quote(parts.query, safe=_SAFE_IN_RESOURCE)}" if parts.query else path


def _basic_authorization(parts: SplitResult) -> str | None:
    if parts.username is None and parts.password is None:
        return None
    pair = f"{unquote(parts.username or '')}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")


def mask_url(url: str) -> str:
    """A URL fit for logs and errors: user, password, query and fragment hidden.

    Args:
        url: anything a user gave as a URL, also a broken one.

    Returns:
        Scheme, host, port and path, with ``***`` for what is hidden.
    """
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    end = min((at for mark in "?#" if (at := rest.find(mark)) >= 0), default=len(rest))
    rest = rest[:end] + (f"{rest[end]}***" if end < len(rest) else "")
    # Up to the last "@": a password may hold "/" or "@" where the URL is broken.
    user, _, visible = rest.rpartition("@")
    return f"{scheme}{separator}{'***@' if user else ''}{visible}"
