"""Where settings come from but for arguments: variables of the environment, profiles in TOML.

It reads texts and tables; what a setting may be is decided in ``config``.
"""

from __future__ import annotations

import json
import logging
import os
import shlex
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from .errors import MCPConfigurationError
from .log_setup import LOG_VARIABLE

__all__ = [
    "ENVIRONMENT_PREFIX",
    "PROFILE_VARIABLES",
    "find_profile",
    "read_environment",
    "read_profile",
]

_log: Final = logging.getLogger("mcp_sync.config")

ENVIRONMENT_PREFIX: Final = "MCP_SYNC_"
"""What the name of every variable begins with."""


def _read_flag(text: str) -> bool:
    flags = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
    return flags[text.strip().lower()]


def _read_optional_seconds(text: str) -> float | None:
    return None if text.strip().lower() in ("", "none") else float(text)


def _read_optional_text(text: str) -> str | None:
    return text or None


def _read_names(text: str) -> tuple[str, ...]:
    return tuple(name.strip() for name in text.split(",") if name.strip())


def _read_words(text: str) -> tuple[str, ...] | None:
    return tuple(shlex.split(text)) or None


def _read_headers(text: str) -> dict[str, str]:
    headers = json.loads(text)
    if not isinstance(headers, dict) or not all(isinstance(one, str) for one in headers.values()):
        raise ValueError("no object of texts")
    return headers


_READERS: Final[Mapping[str, Callable[[str], Any]]] = {
    "str": str,
    "str | None": _read_optional_text,
    "int": int,
    "float": float,
    "float | None": _read_optional_seconds,
    "JournalSettings | None": _read_optional_text,
    "bool": _read_flag,
    "Headers": _read_headers,
    "Overflow": str,
    "tuple[str, ...]": _read_names,
    "tuple[str, ...] | None": _read_words,
}
"""How the text of a variable is read, by the annotation of its setting."""

_WANTED: Final[Mapping[Callable[[str], Any], str]] = {
    _read_flag: "true or false",
    _read_headers: "a JSON object of texts",
    int: "a whole number",
    _read_words: "the words of a command, quoted as for a shell",
}

_SECRET: Final = (_read_headers, _read_words)
"""Whose text is never shown."""

PROFILE_VARIABLES: Final = (f"{ENVIRONMENT_PREFIX}PROFILES", f"{ENVIRONMENT_PREFIX}PROFILE")
"""What names a file of profiles, and a profile in it."""

_NO_SETTINGS: Final = (*PROFILE_VARIABLES, LOG_VARIABLE)


def read_environment(variables: Mapping[str, str], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Read the settings that variables hold.

    Args:
        variables: an environment.
        kinds: each setting's name and the text of its annotation.

    Returns:
        Settings by name; what no variable holds is not in it.

    Raises:
        MCPConfigurationError: a variable's text cannot be read as its setting.
    """
    settings: dict[str, Any] = {}
    for variable, text in variables.items():
        if variable.startswith(ENVIRONMENT_PREFIX) and variable not in _NO_SETTINGS:
            settings.update(_read_variable(variable, text, kinds))
    return settings


def _read_variable(variable: str, text: str, kinds: Mapping[str, str]) -> dict[str, Any]:
    """Give the setting that a variable holds; nothing where it is none."""
    name = variable.removeprefix(ENVIRONMENT_PREFIX)
    kind = kinds.get(name.lower()) if name.isupper() else None
    if kind is None:
        _log.warning("ignored the variable %s, which is no setting of mcp_sync", variable)
        return {}
    read = _READERS.get(kind)
    if read is None:
        # The text is not shown: it may hold a token.
        rule = "cannot be given as a variable; use an argument or a profile"
        raise MCPConfigurationError(variable, "...", rule)
    try:
        return {name.lower(): read(text)}
    except (ValueError, KeyError, RecursionError):
        wanted = _WANTED.get(read, "a number")
        shown = "..." if read in _SECRET else text
        raise MCPConfigurationError(variable, shown, f"must be {wanted}") from None


def find_profile(variables: Mapping[str, str]) -> tuple[Path, str] | None:
    """Which profile an environment names: its file and its name; None where it names none.

    Raises:
        MCPConfigurationError: it names a profile and no file.
    """
    file, name = (variables.get(variable) for variable in PROFILE_VARIABLES)
    if file is not None:
        return Path(file), "default" if name is None else name
    if name is not None:
        rule = f"needs {PROFILE_VARIABLES[0]} to name the file that holds it"
        raise MCPConfigurationError(PROFILE_VARIABLES[1], name, rule)
    return None


def read_profile(path: str | os.PathLike[str], name: str) -> dict[str, Any]:
    """Read the table ``[profiles.NAME]`` of a TOML file.

    Args:
        path: the file.
        name: the profile.

    Returns:
        What stands in the table, unchecked.

    Raises:
        MCPConfigurationError: the file cannot be read, is not TOML, or has no such profile.
    """
    import tomllib  # noqa: PLC0415 - most clients have no profiles

    try:
        with Path(path).open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        rule = f"cannot be read: {error.strerror}"
        raise MCPConfigurationError("profiles file", str(path), rule) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MCPConfigurationError("profiles file", str(path), f"is not TOML: {error}") from error
    tables = document.get("profiles")
    profiles = tables if isinstance(tables, dict) else {}
    settings = profiles.get(name)
    if not isinstance(settings, dict):
        known = ", ".join(known for known in profiles if isinstance(profiles[known], dict))
        rule = f"is no table [profiles.{name}] in {path}; it has: {known or 'none'}"
        raise MCPConfigurationError("profile", name, rule)
    return settings
