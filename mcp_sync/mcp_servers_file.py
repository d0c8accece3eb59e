"""The ``mcpServers`` file of desktop tools and editors: one server of it as settings of a client.

It reads JSON, and variables of the environment where the file refers to them; what a setting may
be is decided in ``config``. No value of the file is ever shown: any of them may be a secret.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from .errors import MCPConfigurationError

__all__ = ["read_server"]

_TABLES: Final = ("mcpServers", "servers")
"""Where the servers stand: with desktop tools, and with editors."""

_PLACEHOLDER: Final = re.compile(r"\$\{([^}]*)\}")

_VARIABLE: Final = re.compile(
    r"(?:env:)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>.*))?", re.DOTALL
)

_OTHER_TRANSPORTS: Final = ("http", "https", "sse", "streamable-http", "streamablehttp")


def read_server(
    path: str | os.PathLike[str], name: str, environ: Mapping[str, str] | None = None
) -> dict[str, Any]:
    """Read one server of a file.

    Args:
        path: the file: ``{"mcpServers": {NAME: {"command", "args", "env", "cwd"}}}``, or with
            ``{"url", "headers"}``; editors call the table ``servers``.
        name: which server.
        environ: what ``${VAR}``, ``${env:VAR}`` and ``${VAR:-default}`` stand for; None reads the
            variables of this process.

    Returns:
        ``stdio``, ``env`` and ``cwd``, or ``server_url`` and ``headers``, as far as they are given.

    Raises:
        MCPConfigurationError: the file cannot be read, is not JSON, has no such server or a
            disabled one, the server has a wrong shape or a transport that this client does not
            speak, or a variable is not set. It names the file, the key and the rule.
    """
    file = Path(path)
    table, entry = _find(_load(file), file, name)
    reader = _Entry(file, f"{table}.{name}", entry, os.environ if environ is None else environ)
    return reader.settings()


def _load(file: Path) -> Any:
    try:
        # Some editors begin a file with a byte order mark.
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise _refused(file, f"cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        rule = f"is not JSON: {error.msg} at {place}; it has no comments and no trailing commas"
        raise _refused(file, rule) from error
    except (ValueError, RecursionError) as error:
        reason = "it is not UTF-8" if isinstance(error, UnicodeDecodeError) else "no sound value"
        raise _refused(file, f"is not JSON: {reason}") from error


def _refused(file: Path, rule: str) -> MCPConfigurationError:
    return MCPConfigurationError("mcpServers file", str(file), rule)


def _find(document: Any, file: Path, name: str) -> tuple[str, Mapping[str, Any]]:
    """The table and the entry of a server."""
    tables = document if isinstance(document, dict) else {}
    found = {key: tables[key] for key in _TABLES if key in tables}
    for key, servers in found.items():
        if not isinstance(servers, dict):
            raise MCPConfigurationError(key, _kind(servers), f"must be an object, in {file}")
    if not found:
        raise _refused(file, "must hold an object 'mcpServers' (or 'servers')")
    for key, servers in found.items():
        if name in servers:
            entry = servers[name]
            if not isinstance(entry, dict):
                where = f"{key}.{name}"
                raise MCPConfigurationError(where, _kind(entry), f"must be an object, in {file}")
            return key, entry
    known = ", ".join(server for servers in found.values() for server in servers)
    raise MCPConfigurationError("server", name, f"is not in {file}; it has: {known or 'none'}")


def _kind(value: Any) -> str:
    """What JSON calls a value of this type."""
    kinds = {dict: "object", list: "array", str: "string", bool: "boolean", type(None): "null"}
    return kinds.get(type(value), "number")


@attrs.frozen
class _Entry:
    """One server of a file, being read."""

    file: Path
    where: str
    entry: Mapping[str, Any] = attrs.field(repr=False)
    environ: Mapping[str, str] = attrs.field(repr=False)

    def settings(self) -> dict[str, Any]:
        entry = self.entry
        if entry.get("disabled") is True:
            raise self._wrong("disabled", "true", "is set; remove it to use this server")
        if entry.get("envFile") is not None:
            raise self._wrong("envFile", "...", "is not supported; put its variables into env")
        has_command, has_url = (entry.get(key) is not None for key in ("command", "url"))
        if has_command == has_url:
            found = "both 'command' and 'url'" if has_url else "neither 'command' nor 'url'"
            rule = f"must have one of them, in {self.file}"
            raise MCPConfigurationError(self.where, found, rule)
        self._check_type(has_command)
        return self._of_a_command() if has_command else self._of_a_url()

    def _check_type(self, has_command: bool) -> None:
        kind = self.entry.get("type")
        if kind is None:
            return
        if not isinstance(kind, str):
            raise self._wrong("type", _kind(kind), "must be a text")
        if kind.lower() in _OTHER_TRANSPORTS:
            raise self._wrong("type", kind, _SPOKEN)
        if kind.lower() not in (("stdio",) if has_command else ("ws", "wss", "websocket")):
            fitting = "'stdio' beside a command" if has_command else "'ws' beside a url"
            raise self._wrong("type", kind, f"must be {fitting}, or left out")

    def _of_a_command(self) -> dict[str, Any]:
        command = self._home(self._text("command", self.entry["command"]))
        if not command:
            raise self._wrong("command", "", "must name a command")
        given = self.entry.get("args")
        args = [] if given is None else given
        if not isinstance(args, list):
            raise self._wrong("args", _kind(args), "must be a list of texts")
        words = [self._text(f"args[{number}]", word) for number, word in enumerate(args)]
        settings: dict[str, Any] = {"stdio": (command, *words)}
        if self.entry.get("env") is not None:
            settings["env"] = self._texts("env")
        if self.entry.get("cwd") is not None:
            settings["cwd"] = self._home(self._text("cwd", self.entry["cwd"]))
        return settings

    def _of_a_url(self) -> dict[str, Any]:
        url = self._text("url", self.entry["url"])
        if url.partition(":")[0].lower() in ("http", "https"):
            raise self._wrong("url", f"{url.partition(':')[0]}:...", _SPOKEN)
        settings: dict[str, Any] = {"server_url": url}
        if self.entry.get("headers") is not None:
            settings["headers"] = self._texts("headers")
        return settings

    def _texts(self, key: str) -> dict[str, str]:
        """An object of texts."""
        given = self.entry[key]
        if not isinstance(given, dict):
            raise self._wrong(key, _kind(given), "must be an object of texts")
        return {name: self._text(f"{key}.{name}", value) for name, value in given.items()}

    def _text(self, key: str, value: Any) -> str:
        """A text with its variables put in."""
        if not isinstance(value, str):
            raise self._wrong(key, _kind(value), "must be a text")
        return _PLACEHOLDER.sub(lambda found: self._variable(key, found), value)

    def _variable(self, key: str, found: re.Match[str]) -> str:
        parts = _VARIABLE.fullmatch(found[1])
        if parts is None:
            rule = "is no variable: only ${VAR}, ${env:VAR} and ${VAR:-default} are"
            raise self._wrong(key, found[0], rule)
        value = self.environ.get(parts["name"])
        if parts["default"] is not None:
            return value or parts["default"]
        if value is None:
            rule = f"is not set in the environment; set it, or write ${{{parts['name']}:-default}}"
            raise self._wrong(key, found[0], rule)
        return value

    def _home(self, text: str) -> str:
        return str(Path(text).expanduser()) if text.startswith("~") else text

    def _wrong(self, key: str, value: str, rule: str) -> MCPConfigurationError:
        return MCPConfigurationError(f"{self.where}.{key}", value, f"{rule}, in {self.file}")


_SPOKEN: Final = "is a transport that this client does not speak: it speaks ws, wss and stdio"
