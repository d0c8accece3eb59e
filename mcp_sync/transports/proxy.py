"""The way to a server through an HTTP proxy: which proxy, and the tunnel it is asked for (CONNECT).

TLS and the upgrade then go through the tunnel as they would go without it: the proxy gets to see
the server's name and port, and no header that is meant for the server.
"""

from __future__ import annotations

import os
import re
import socket

from ..errors import MCPConfigurationError, MCPConnectionError, MCPConnectionRejected
from ..late_import import importing
from ..url import ProxyUrl, WebSocketUrl, parse_proxy_url
from .base import Resolver
from .dial import DialWait, connect_tcp, describe_os_error, resolve_host
from .http_head import read_head, read_retry_after, send_request

__all__ = ["find_proxy", "open_tunnel"]

# A text, which is compiled with the first answer: few dial through a proxy.
_STATUS_LINE = rb"HTTP/1\.\d (\d{3})[ \r]"

PROXY_AUTHENTICATION_REQUIRED = 407
FORBIDDEN = 403


def find_proxy(setting: str | None, target: WebSocketUrl) -> ProxyUrl | None:
    """Which proxy is on the way to a server.

    Args:
        setting: the URL of a proxy, ``"direct"`` for none, or None for what the environment says:
            ``https_proxy`` or ``HTTPS_PROXY`` for wss, ``http_proxy`` for ws, ``no_proxy`` or
            ``NO_PROXY`` for exceptions. The environment sends nobody through a proxy to loopback.
        target: the server.

    Returns:
        The proxy; None for a direct way.

    Raises:
        MCPConfigurationError: the setting is no URL of a proxy.
        MCPConnectionRejected: what stands in the environment is none.
    """
    if setting == "direct":
        return None
    if setting is not None:
        return parse_proxy_url(setting)
    if target.is_loopback or not any(name.lower().endswith("_proxy") for name in os.environ):
        return None
    return _environment_proxy(target)


def _environment_proxy(target: WebSocketUrl) -> ProxyUrl | None:
    with importing:
        from urllib import request  # noqa: PLC0415 - it takes 12 ms, and few need it
    proxies = request.getproxies_environment()
    # HTTP_PROXY in capitals is what a request header "Proxy:" becomes in CGI (CVE-2016-5385).
    name = "https_proxy" if target.is_secure else "http_proxy"
    url = proxies.get("https") if target.is_secure else os.environ.get(name)
    names = (target.host, target.address)
    if not url or any(request.proxy_bypass(one) for one in names):
        return None
    try:
        return parse_proxy_url(url if "://" in url else f"http://{url}", name)
    except MCPConfigurationError as error:
        raise MCPConnectionRejected(
            f"{error}; it stands in the environment: correct it there, name "
            f'{target.host} in no_proxy, or give proxy="direct"'
        ) from error


def open_tunnel(
    proxy: ProxyUrl, target: WebSocketUrl, resolve: Resolver, wait: DialWait
) -> socket.socket:
    """Connect to a proxy and have it connect to the server (RFC 9110, 9.3.6).

    The name of the server is resolved by the proxy, that of the proxy here.

    Args:
        proxy: the proxy.
        target: the server.
        resolve: resolves the host of the proxy.
        wait: the dial's deadline and self-pipe; its errors name the proxy from here on.

    Returns:
        A connected, non-blocking socket whose other end is the server.

    Raises:
        MCPConnectionRejected: the proxy wants other credentials (407) or forbids it (403).
        MCPConnectionError: the proxy cannot be reached, or not the server from there.
        LinkDown: the transport was aborted meanwhile.
    """
    wait.address = f"{target.address} through the proxy {proxy.address}"
    wait.step = "resolving the host name of the proxy"
    sock = connect_tcp(resolve_host(proxy, resolve, wait), wait)
    try:
        wait.step = "waiting for the proxy's answer to CONNECT"
        head, rest = _ask(sock, _request(proxy, target), wait)
        _check(head, rest, proxy, wait)
    except BaseException:  # whatever it was, no descriptor may be left open
        sock.close()
        raise
    return sock


def _request(proxy: ProxyUrl, target: WebSocketUrl) -> bytes:
    lines = [f"CONNECT {target.address} HTTP/1.1", f"Host: {target.address}"]
    if proxy.authorization:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    return "\r\n".join([*lines, "", ""]).encode("ascii")


def _ask(sock: socket.socket, request: bytes, wait: DialWait) -> tuple[bytes, bytes]:
    try:
        send_request(sock, request, wait)
        return read_head(sock, wait)
    except MCPConnectionError:
        raise
    except OSError as error:
        raise wait.failed(describe_os_error(error)) from error


def _check(head: bytes, rest: bytes, proxy: ProxyUrl, wait: DialWait) -> None:
    """Raise unless the tunnel stands and nobody has spoken in it."""
    found = re.match(_STATUS_LINE, head)
    if found is None:
        raise wait.failed("the proxy does not speak HTTP")
    status = int(found[1])
    if status not in range(200, 300):
        raise _refusal(status, _fields(head), proxy, wait)
    if rest:
        # Bytes from before TLS must not be taken for the server's.
        raise wait.failed("the proxy sent something the server was not asked for")


def _refusal(
    status: int, fields: dict[str, str], proxy: ProxyUrl, wait: DialWait
) -> MCPConnectionError:
    answer = f"could not connect to {wait.address}: "
    if status == PROXY_AUTHENTICATION_REQUIRED:
        what = "refused the user and password" if proxy.authorization else "wants credentials"
        return MCPConnectionRejected(
            f"{answer}it {what} (HTTP 407); give those it takes in the proxy's URL, as in "
            "http://user:password@host:port",
            status=status,
            challenge=fields.get("proxy-authenticate"),
        )
    if status == FORBIDDEN:
        return MCPConnectionRejected(
            f"{answer}it does not allow this tunnel (HTTP 403); have it allowed there, or dial "
            'without the proxy (proxy="direct")',
            status=status,
        )
    return MCPConnectionError(
        f"{answer}it answered CONNECT with HTTP {status}",
        retry_after=read_retry_after(fields.get("retry-after")),
    )


def _fields(head: bytes) -> dict[str, str]:
    pairs = (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
    return {name.strip().lower(): value.strip() for name, _, value in pairs if value}
