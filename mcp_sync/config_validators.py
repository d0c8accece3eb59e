"""What each setting of a client may be: the validators and converters of ``config``.

Each has the name of what it takes; where it is used says for which setting.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .command import check_command, check_directory, check_environment
from .deadline import LONGEST_WAIT
from .errors import MCPConfigurationError
from .headers import check_headers, check_subprotocols
from .types.versions import AUTO, PROTOCOL_VERSIONS
from .url import parse_proxy_url, parse_websocket_url

if TYPE_CHECKING:
    import attrs

__all__ = [
    "Validator",
    "check_client_info",
    "client_info",
    "command",
    "count",
    "directory",
    "environment",
    "flag",
    "headers",
    "names",
    "one_of",
    "own",
    "own_headers",
    "path",
    "proxy",
    "seconds",
    "ssl_context",
    "subprotocols",
    "url",
    "version",
    "words",
]

Validator = Callable[[Any, "attrs.Attribute[Any]", Any], None]
"""Takes the settings, the field and its value, and raises MCPConfigurationError."""


def seconds(*, optional: bool = False) -> Validator:
    """A number of seconds above 0; None, too, where it is ``optional``."""
    rule = f"must be a number of seconds above 0, at most {LONGEST_WAIT}"
    rule += ", or None" if optional else ""

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if optional and value is None:
            return
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not 0 < value <= LONGEST_WAIT:
            raise MCPConfigurationError(attribute.name, value, rule)

    return validate


def count(minimum: int) -> Validator:
    """A whole number from ``minimum``."""

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            rule = f"must be a whole number from {minimum}"
            raise MCPConfigurationError(attribute.name, value, rule)

    return validate


def flag(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """True or False."""
    if not isinstance(value, bool):
        raise MCPConfigurationError(attribute.name, value, "must be True or False")


def one_of(choices: Sequence[str]) -> Validator:
    """One of these texts."""
    rule = f"must be one of {', '.join(choices)}"

    def validate(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
        if value not in choices:
            raise MCPConfigurationError(attribute.name, value, rule)

    return validate


def url(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A WebSocket URL."""
    parse_websocket_url(value, attribute.name)


def headers(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Header fields, or a function: what it returns is checked when it is asked."""
    if callable(value):
        return
    if not isinstance(value, Mapping):
        # The value is not shown: it may hold a token.
        rule = "must be a mapping of header names to values, or a function that returns one"
        raise MCPConfigurationError(attribute.name, type(value).__name__, rule)
    check_headers(value, attribute.name)


def ssl_context(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A TLS context or None."""
    if value is None:
        return
    import ssl  # noqa: PLC0415 - costs a third of what the client does, and most have no context

    if not isinstance(value, ssl.SSLContext):
        raise MCPConfigurationError(attribute.name, value, "must be an ssl.SSLContext or None")


def proxy(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """The URL of a proxy, "direct" or None."""
    if value is not None and value != "direct":
        parse_proxy_url(value, attribute.name)


def version(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """A revision of MCP that this client knows, or the word for finding out."""
    if value != AUTO and value not in PROTOCOL_VERSIONS:
        rule = f"must be {AUTO!r} or one of {', '.join(PROTOCOL_VERSIONS)}"
        raise MCPConfigurationError(attribute.name, value, rule)


def subprotocols(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Names that an upgrade can offer."""
    if not isinstance(value, tuple):
        raise MCPConfigurationError(attribute.name, value, "must be a name or a list of names")
    check_subprotocols(value, attribute.name)


def client_info(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Who the client says it is."""
    check_client_info(value, attribute.name)


def names(value: str | Sequence[str]) -> tuple[str, ...]:
    """A converter: a name or a list of names as a tuple; anything else is left as it is."""
    # A lone string would fall apart into letters.
    if isinstance(value, str):
        return (value,)
    return tuple(value) if isinstance(value, list | tuple) else value  # type: ignore[return-value]


def words(value: Any) -> Any:
    """A converter: a list of texts and paths as a tuple of texts; anything else is left."""
    if not isinstance(value, list | tuple):
        return value
    return tuple(path(word) for word in value)


def path(value: Any) -> Any:
    """A converter: a path as text; anything else is left as it is."""
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def command(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """The words of a command or None."""
    if value is not None:
        check_command(value, attribute.name)


def environment(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """Variables of a child process or None."""
    if value is not None:
        check_environment(value, attribute.name)


def directory(_: Any, attribute: attrs.Attribute[Any], value: Any) -> None:
    """The path of a directory or None."""
    if value is not None:
        check_directory(value, attribute.name)


def own_headers(value: Any) -> Any:
    """A converter: a copy of a mapping; a function stays as it is."""
    return value if callable(value) else own(value)


def own(value: Any) -> Any:
    """A converter: a copy of a mapping; anything else is left as it is."""
    # The caller's mapping may change after it was checked.
    return dict(value) if isinstance(value, Mapping) else value


def check_client_info(info: object, setting: str = "client_info") -> None:
    """Check who a client says it is in the handshake (MCP 2025-11-25, ``Implementation``).

    Args:
        info: what is to be sent.
        setting: how the setting is called in the error.

    Raises:
        MCPConfigurationError: it is no mapping with the texts "name" and "version", or no JSON.
    """
    texts = [info.get("name"), info.get("version")] if isinstance(info, Mapping) else [None]
    if not all(isinstance(text, str) for text in texts):
        rule = "must be a mapping with at least 'name' and 'version', both texts"
        raise MCPConfigurationError(setting, info, rule)
    try:
        json.dumps(info, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise MCPConfigurationError(setting, info, f"must be JSON: {error}") from error
