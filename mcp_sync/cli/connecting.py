"""A client for one command: its settings, and a connection or an error within seconds."""

from __future__ import annotations

import contextlib
import os
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

from mcp_sync import BaseClient, ClientConfig
from mcp_sync.cli.exits import Unreachable
from mcp_sync.deadline import Deadline

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


def make_client(kind: type[ClientT], options: Namespace) -> ClientT:
    """Make a client from the options and the environment.

    Args:
        kind: its class, whose own defaults hold where nothing else is said.
        options: ``url`` and ``timeout``, each None where it was not given. A timeout bounds each
            dial as well: a server that is at work may answer nobody for a minute.

    Returns:
        A client that is not yet connected.

    Raises:
        MCPConfigurationError: the URL or a variable cannot work.
    """
    settings = {**_IMPATIENT, **_from_environment()}
    if options.url is not None:
        settings["server_url"] = options.url
    if options.timeout is not None:
        settings |= {"request_timeout": options.timeout, "connect_timeout": options.timeout}
    # A journal is a program's own: to look at a server must not send what it left in there.
    return kind(**settings | {"journal": None})


def _from_environment() -> dict[str, Any]:
    """What the variables and their profile say, without the defaults of everything else."""
    defaults = ClientConfig().as_settings()
    return {
        name: value
        for name, value in ClientConfig.from_env().as_settings().items()
        if value != defaults[name] or f"MCP_SYNC_{name.upper()}" in os.environ
    }


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
    if client.connect(deadline.remaining()) and client.wait_until_ready(deadline.remaining()):
        return
    last_error = client.get_connection_stats().dials.last_error
    raise Unreachable(client.get_client_info().server_url, last_error)


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
