"""The command of a server that is a child process: what it, its variables and directory may be.

Pure text; nothing is looked up and nothing is run.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from .errors import MCPConfigurationError

__all__ = ["check_command", "check_directory", "check_environment", "name_of"]


def check_command(command: object, setting: str = "stdio") -> None:
    """Check the words of a command.

    Args:
        command: what is to be run; its arguments are never shown, since they may hold secrets.
        setting: how the setting is called in the error.

    Raises:
        MCPConfigurationError: it is no list of texts, is empty, or holds a NUL.
    """
    if isinstance(command, str):
        rule = (
            "must be a list of words such as ['python', 'server.py'], since no shell takes it "
            "apart; shlex.split() does"
        )
        raise MCPConfigurationError(setting, "one text", rule)
    if not isinstance(command, tuple) or not all(isinstance(word, str) for word in command):
        rule = "must be a list of texts: the command and its arguments"
        raise MCPConfigurationError(setting, type(command).__name__, rule)
    if not command or not command[0]:
        raise MCPConfigurationError(setting, [], "must name a command to run")
    if any("\0" in word for word in command):
        raise MCPConfigurationError(setting, name_of(command), "must not hold NUL characters")


def check_environment(variables: object, setting: str = "env") -> None:
    """Check the variables of a child process; their values are never shown.

    Raises:
        MCPConfigurationError: they are no mapping of texts to texts, a name is empty or holds "=",
            or there is a NUL.
    """
    if not isinstance(variables, Mapping):
        rule = "must be a mapping of names to texts, or None"
        raise MCPConfigurationError(setting, type(variables).__name__, rule)
    for name, value in variables.items():
        if not isinstance(name, str) or not name or "=" in name or "\0" in name:
            rule = "must have names that are texts without '=' and NUL"
            raise MCPConfigurationError(setting, name, rule)
        if not isinstance(value, str) or "\0" in value:
            rule = "must have values that are texts without NUL; convert numbers with str()"
            raise MCPConfigurationError(setting, name, rule)


def check_directory(directory: object, setting: str = "cwd") -> None:
    """Check the text of a working directory; whether it exists is seen when a child is started.

    Raises:
        MCPConfigurationError: it is no text, is empty, or holds a NUL.
    """
    if not isinstance(directory, str) or not directory or "\0" in directory:
        raise MCPConfigurationError(setting, directory, "must be the path of a directory, as text")


def name_of(command: tuple[str, ...]) -> str:
    """The command as texts show it: its file's name alone, since arguments may hold secrets."""
    # pathlib takes longer to load than its two lines here save, and no client that dials needs it.
    return os.path.basename(os.path.normpath(command[0])) or command[0]  # noqa: PTH119 - see above
