"""The rules for header fields that a user may add to the upgrade request. Pure checks."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from .errors import MCPConfigurationError

__all__ = ["check_headers", "check_subprotocols"]

# RFC 9110, 5.6.2 (token) and 5.5 (field values: no control characters but the tab).
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# A text, which is compiled with the first value: few users add any.
# Half a pair of surrogates, as Python reads bytes that are no UTF-8, cannot be sent.
_FORBIDDEN_IN_VALUE = r"[\x00-\x08\x0a-\x1f\x7f\ud800-\udfff]"

_OWNED_BY_THE_UPGRADE = frozenset({"host", "upgrade", "connection", "content-length"})
_OWNED_PREFIX = "sec-websocket-"


def check_headers(headers: Mapping[str, str], setting: str = "headers") -> None:
    """Check the header fields to be sent with the upgrade request.

    Args:
        headers: names and values, as they are to be sent.
        setting: how the setting is called in the error.

    Raises:
        MCPConfigurationError: a name is not an HTTP token, a name belongs to the upgrade itself
            (Host, Upgrade, Connection, Content-Length, Sec-WebSocket-*), or a value holds CR, LF,
            NUL, another control character or half a surrogate pair. It names the header, never
            its value.
    """
    for name, value in headers.items():
        if not _is_token(name):
            raise MCPConfigurationError(setting, name, "is no header name: use an HTTP token")
        lower = name.lower()
        if lower in _OWNED_BY_THE_UPGRADE or lower.startswith(_OWNED_PREFIX):
            raise MCPConfigurationError(
                setting, name, "belongs to the WebSocket upgrade itself: leave it out"
            )
        if not _is_field_value(value):
            raise MCPConfigurationError(
                setting,
                name,
                "must have a str without CR, LF, NUL, control characters and lone surrogates "
                "as its value",
            )


def check_subprotocols(subprotocols: Sequence[str], setting: str = "subprotocols") -> None:
    """Check the subprotocols to be offered (RFC 6455, 4.1: unique HTTP tokens).

    Raises:
        MCPConfigurationError: one of them is no token, or is given twice.
    """
    for name in subprotocols:
        if not _is_token(name):
            raise MCPConfigurationError(setting, name, "is no subprotocol: use an HTTP token")
    if len(set(subprotocols)) != len(subprotocols):
        raise MCPConfigurationError(setting, tuple(subprotocols), "must not repeat a name")


def _is_token(name: object) -> bool:
    return isinstance(name, str) and _TOKEN.fullmatch(name) is not None


def _is_field_value(value: object) -> bool:
    return isinstance(value, str) and re.search(_FORBIDDEN_IN_VALUE, value) is None
