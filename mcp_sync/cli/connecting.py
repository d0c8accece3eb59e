"""A client for one command: its settings, and a connection or an error within seconds."""

from __future__ import annotations

import contextlib
import os
import shlex
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from mcp_sync import BaseClient, ClientConfig, CompareblocksClient
from mcp_sync.cli.exits import BadInput, Unreachable
from mcp_sync.deadline import Deadline
from mcp_sync.mcp_servers_file import read_server

__all__ = ["connect", "connected", "make_client"]

ClientT = TypeVar("ClientT", bound=BaseClient)

_IMPATIENT: Final[Mapping[str, Any]] = {
    "reconnect_attempts": 1,
    "reconnect_delay": 0.25,
    "max_reconnect_delay": 2.0,
    "connect_timeout": 4.0,
}
"""Somebody sits in front of it: an absent server is reported within seconds."""

_PATIENCE: Final = 10.0
"""Seconds for all attempts together, unless ``--timeout`` says otherwise."""


def make_client(
    kind: type[ClientT], options: Namespace, manner: Mapping[str, Any] = _IMPATIENT
) -> ClientT:
    """Make a client from the options and the environment.

    Args:
        kind: its class, whose own defaults hold where nothing else is said.
        options: ``url``, ``stdio``, ``config`` and ``server``, ``protocol_version`` and
            ``timeout``, each None where it was not given, and ``env``, names of variables. A
            timeout bounds each dial as well: a server that is at work may answer nobody for a
            minute.
        manner: settings in place of the class's own; variables and options win over them.

    Returns:
        A client that is not yet connected.

    Raises:
        MCPConfigurationError: the URL, a variable or the file of servers cannot work.
        BadInput: the command cannot be taken apart, the server's name or a variable is missing,
            or a compareblocks server is to be started.
    """
    settings = {**manner, **ClientConfig.read_env(), **_server(options)}
    if issubclass(kind, CompareblocksClient) and settings.get("stdio") is not None:
        sentence = "a compareblocks server listens at an address; it is no command to start"
        raise BadInput(sentence, "name it with --url, or by an entry of a file that has a url")
    if options.env:
        settings["env"] = {**(settings.get("env") or {}), **_variables(options.env, settings)}
    if options.protocol_version is not None:
        settings["protocol_version"] = options.protocol_version
    if options.timeout is not None:
        settings |= {"request_timeout": options.timeout, "connect_timeout": options.timeout}
    # A journal is a program's own: to look at a server must not send what it left in there.
    return kind(**settings | {"journal": None})


def _server(options: Namespace) -> dict[str, Any]:
    """The settings that say which server; nothing where the environment is to say it."""
    if options.server is not None and options.config is None:
        raise BadInput("--server needs --config FILE, the file that tells of the server")
    if options.url is not None:
        return {"server_url": options.url, "stdio": None}
    if options.stdio is not None:
        return {"stdio": _words(options.stdio)}
    if options.config is None:
        return {}
    if options.server is None:
        raise BadInput(f"--config needs --server NAME, one of the servers in {options.config}")
    # The file tells all of a server: headers that are meant for another one must not reach it.
    silent: dict[str, Any] = {"stdio": None, "env": None, "cwd": None, "headers": {}}
    return {**silent, **read_server(options.config, options.server)}


def _words(command: str) -> tuple[str, ...]:
    try:
        return tuple(shlex.split(command))
    except ValueError as error:  # the command is not shown: it may hold secrets
        raise BadInput(f"--stdio cannot be taken apart: {str(error).lower()}") from error


def _variables(names: list[str], settings: Mapping[str, Any]) -> dict[str, str]:
    """The variables of these names; no complaint shows a value, though one may have been given."""
    if settings.get("stdio") is None:
        sentence = "--env is for a server that is started; this one is at an address"
        raise BadInput(sentence, "MCP_SYNC_HEADERS holds what a server at an address is to know")
    for given in names:
        name, equals, _ = given.partition("=")
        if equals:
            sentence = f"--env takes the name of a variable alone, as in --env {name}"
            raise BadInput(sentence, "its value is taken from the environment, unseen by others")
        if name not in os.environ:
            raise BadInput(f"--env {name}: there is no such variable in the environment")
    return {name: os.environ[name] for name in names}


def connect(client: BaseClient, timeout: float | None) -> None:
    """Connect, and do the handshake where calls need one.

    Args:
        client: a client that is not yet connected.
        timeout: seconds for both; None takes ten.

    Raises:
        Unreachable: the attempts are used up, or the handshake was not done in time.
        MCPTimeoutError: not connected in time.
        MCPConnectionRejected: the server refused for good.
    """
    deadline = Deadline(_PATIENCE if timeout is None else timeout)
    if client.connect(deadline.remaining()) and _wait_until_ready(client, deadline):
        return
    last_error = client.get_connection_stats().dials.last_error
    raise Unreachable(client.get_client_info().server_url, last_error)


def _wait_until_ready(client: BaseClient, deadline: Deadline) -> bool:
    # What is public waits on while the attempts are used up: here that is the end.
    return client.wait_until_ready(deadline.remaining(), while_offline=False)


@contextlib.contextmanager
def connected(kind: type[ClientT], options: Namespace) -> Iterator[tuple[ClientT, Deadline]]:
    """Give a client that is connected, and close it at the end.

    Args:
        kind: its class.
        options: as for ``make_client``.

    Yields:
        The client, and the deadline of everything.

    Raises:
        Unreachable: the attempts are used up.
        MCPError: the settings cannot work, or the connection failed otherwise.
    """
    with contextlib.closing(make_client(kind, options)) as client:
        deadline = Deadline(client.config.request_timeout)
        connect(client, options.timeout)
        yield client, deadline
