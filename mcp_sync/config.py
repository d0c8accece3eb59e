"""Every setting of a client, as one frozen value that is validated when it is made.

Settings come from the constructor, from the environment (``MCP_SYNC_*``) or from a named profile
in a TOML file; this room does not know what any of them is used for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from . import config_validators as valid
from ._version import __version__
from .command import name_of
from .config_validators import check_client_info
from .errors import MCPConfigurationError
from .types.versions import AUTO
from .url import mask_url, parse_websocket_url
from .values import evolve, field, frozen

if TYPE_CHECKING:
    import ssl

    from .types.journal import JournalSettings

__all__ = [
    "ClientConfig",
    "Headers",
    "OfflineMode",
    "Overflow",
    "check_client_info",
    "check_plain_authorization",
]


MIB: Final = 1024 * 1024

Overflow = Literal["reject", "drop_oldest", "block"]
"""What a full offline queue does with one more call."""

OfflineMode = Literal["wait", "raise", "queue"]
"""What a call does when there is no ready link."""

Headers = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""HTTP headers of the upgrade, or a function that is asked for them at every dial."""


def _journal(value: Any) -> JournalSettings | None:
    if value is None:
        return None
    from .types.journal import read_journal  # noqa: PLC0415 - most clients have no journal

    return read_journal(value)


@frozen
class ClientConfig:
    """The settings of a client. Frozen, so safe to share between clients and threads.

    Args:
        server_url: where the server is: ``ws://`` or ``wss://``.
        reconnect_attempts: retries after the first dial of every outage; 0 for none.
        reconnect_delay: seconds; the back-off starts from it and doubles.
        request_timeout: seconds a call may take when it is given no timeout of its own.
        heartbeat_interval: seconds between pings.
        connect_timeout: seconds for one dial: name, TCP, TLS, upgrade and handshake together.
        heartbeat_timeout: seconds of silence after a ping before the link counts as lost.
        max_reconnect_delay: seconds; the back-off never plans a longer wait.
        offline_mode: True queues calls while the server is away and probes for its return; False
            queues nothing and raises when the attempts are used up.
        start_offline: True lets ``with`` enter at once and dial in the background.
        offline_queue_limit: calls the offline queue holds at the most.
        offline_queue_max_bytes: bytes of requests the offline queue holds at the most.
        overflow: a full queue refuses the new call ("reject"), fails the oldest ("drop_oldest")
            or waits for a place until the call's deadline ("block").
        queue_ttl: seconds a submitted call may wait in the queue; None waits until it is settled
            or the client is closed.
        journal: the file that keeps submitted calls while they are queued, so that they outlive the
            process, or ``JournalSettings``; None keeps them in memory alone.
        max_replays: how often a call that is safe to repeat is sent again after a lost link; 0
            for never.
        trust_tool_hints: True counts tools as safe to repeat that say so of themselves.
        max_message_size: bytes of the largest inbound message that is accepted.
        max_pending: calls written and not yet answered at the most; one more waits for a place.
        headers: a mapping, or a function asked for one at every dial; never shown in a repr.
        ssl_context: for ``wss://``; None verifies against the system's authorities.
        allow_insecure_auth: True permits an Authorization header over plain ``ws://`` to a host
            that is not this machine.
        proxy: the HTTP proxy to dial through, ``http://[user:password@]host:port``; "direct" for
            none; None for the one that the environment names for the server's address, if any.
        protocol_version: the revision of MCP to speak, such as "2025-11-25", and no other; "auto"
            finds out what the server speaks.
        subprotocols: what the upgrade offers, in order of preference; a name or a list of names.
        stdio: the words of the command that starts the server as a child process, to which the
            client then talks instead of ``server_url``: a list of texts and paths. No shell takes
            part. Never shown but for the command's name.
        env: variables for that process, beside HOME, LOGNAME, PATH, SHELL, TERM and USER, which it
            inherits; None for none. Never shown.
        cwd: the directory where that process runs; None for this process's own.
        client_info: who the client says it is in the handshake: a name, a version and whatever
            else, as JSON.

    Raises:
        MCPConfigurationError: a value is impossible; the error names it, the rule and the value.
    """

    server_url: str = field(
        default="ws://localhost:8765", validator=valid.url, repr=lambda url: repr(mask_url(url))
    )
    reconnect_attempts: int = field(default=5, validator=valid.count(0))
    reconnect_delay: float = field(default=2.0, validator=valid.seconds())
    request_timeout: float = field(default=30.0, validator=valid.seconds())
    heartbeat_interval: float = field(default=30.0, validator=valid.seconds())
    connect_timeout: float = field(default=10.0, validator=valid.seconds(), kw_only=True)
    heartbeat_timeout: float = field(default=20.0, validator=valid.seconds(), kw_only=True)
    max_reconnect_delay: float = field(default=60.0, validator=valid.seconds(), kw_only=True)
    offline_mode: bool = field(default=True, validator=valid.flag, kw_only=True)
    start_offline: bool = field(default=False, validator=valid.flag, kw_only=True)
    offline_queue_limit: int = field(default=1000, validator=valid.count(1), kw_only=True)
    offline_queue_max_bytes: int = field(default=8 * MIB, validator=valid.count(1), kw_only=True)
    overflow: Overflow = field(
        default="reject", validator=valid.one_of(get_args(Overflow)), kw_only=True
    )
    queue_ttl: float | None = field(
        default=None, validator=valid.seconds(optional=True), kw_only=True
    )
    journal: JournalSettings | None = field(default=None, converter=_journal, kw_only=True)
    max_replays: int = field(default=2, validator=valid.count(0), kw_only=True)
    trust_tool_hints: bool = field(default=False, validator=valid.flag, kw_only=True)
    max_message_size: int = field(default=16 * MIB, validator=valid.count(1), kw_only=True)
    max_pending: int = field(default=4096, validator=valid.count(1), kw_only=True)
    headers: Headers = field(
        factory=dict,
        converter=valid.own_headers,
        validator=valid.headers,
        kw_only=True,
        repr=False,
        hash=False,
    )
    ssl_context: ssl.SSLContext | None = field(
        default=None, validator=valid.ssl_context, kw_only=True
    )
    allow_insecure_auth: bool = field(default=False, validator=valid.flag, kw_only=True)
    proxy: str | None = field(
        default=None,
        validator=valid.proxy,
        kw_only=True,
        repr=lambda url: repr(url and mask_url(url)),
    )
    protocol_version: str = field(default=AUTO, validator=valid.version, kw_only=True)
    subprotocols: tuple[str, ...] = field(
        default=("mcp",), converter=valid.names, validator=valid.subprotocols, kw_only=True
    )
    stdio: tuple[str, ...] | None = field(
        default=None,
        converter=valid.words,
        validator=valid.command,
        kw_only=True,
        repr=lambda command: repr(command and name_of(command)),
    )
    env: Mapping[str, str] | None = field(
        default=None,
        converter=valid.own,
        validator=valid.environment,
        kw_only=True,
        repr=False,
        hash=False,
    )
    cwd: str | None = field(
        default=None, converter=valid.path, validator=valid.directory, kw_only=True
    )
    client_info: Mapping[str, Any] = field(
        factory=lambda: {"name": "mcp_sync", "version": __version__},
        converter=valid.own,
        validator=valid.client_info,
        kw_only=True,
        hash=False,
    )

    def __attrs_post_init__(self) -> None:
        if self.journal is not None and not self.offline_mode:
            rule = "needs offline_mode=True: without it nothing is queued"
            raise MCPConfigurationError("journal", self.journal.path, rule)
        if self.stdio is not None:
            return
        # What a function returns is checked when it is asked.
        headers = {} if callable(self.headers) else self.headers
        check_plain_authorization(self.server_url, headers, self.allow_insecure_auth, self.proxy)

    @property
    def address(self) -> str:
        """Where the server is, as texts show it: ``stdio:`` and a command, or a URL, masked."""
        return mask_url(self.server_url) if self.stdio is None else f"stdio:{name_of(self.stdio)}"

    def as_settings(self) -> dict[str, Any]:
        """Give the settings by their names, as a client's constructor takes them."""
        return dict(vars(self))

    def changed(self, **changes: Any) -> ClientConfig:
        """Give a copy with some settings changed.

        Args:
            **changes: settings by their names.

        Returns:
            The new value; this one stays as it is.

        Raises:
            MCPConfigurationError: a name is unknown or a value impossible.
        """
        _refuse_unknown(changes)
        return evolve(self, **changes)

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None, **overrides: Any) -> ClientConfig:
        """Read settings from ``MCP_SYNC_*`` variables, such as ``MCP_SYNC_REQUEST_TIMEOUT=60``.

        Args:
            environ: the variables; None reads those of this process.
            **overrides: settings that win over the variables.

        Returns:
            The settings; what no variable names has its default. ``MCP_SYNC_PROFILES`` names a
            TOML file and ``MCP_SYNC_PROFILE`` a profile in it ("default" if unset) that come
            first. A variable with the prefix that is no setting is logged as a WARNING.

        Raises:
            MCPConfigurationError: a variable's text cannot be read as its setting, or the profile
                cannot be had.
        """
        _refuse_unknown(overrides)
        return cls(**{**cls.read_env(environ), **overrides})

    @staticmethod
    def read_env(environ: Mapping[str, str] | None = None) -> dict[str, Any]:
        """Read what ``from_env`` reads, as settings by name; what nothing names is not in it."""
        from .config_sources import (  # noqa: PLC0415 - most clients have arguments alone
            find_profile,
            read_environment,
        )

        variables = os.environ if environ is None else environ
        profile = find_profile(variables)
        settings = {} if profile is None else ClientConfig.read_profile(*profile)
        return {**settings, **read_environment(variables, ClientConfig.__annotations__)}

    @classmethod
    def from_profile(
        cls, path: str | os.PathLike[str], name: str, **overrides: Any
    ) -> ClientConfig:
        """Read a named profile from a TOML file: the table ``[profiles.NAME]``.

        Args:
            path: the file.
            name: the profile.
            **overrides: settings that win over the file.

        Returns:
            The settings; what the profile does not name has its default.

        Raises:
            MCPConfigurationError: the file cannot be read, has no such profile, or holds a
                setting that is unknown or impossible.
        """
        _refuse_unknown(overrides)
        return cls(**{**cls.read_profile(path, name), **overrides})

    @staticmethod
    def read_profile(path: str | os.PathLike[str], name: str) -> dict[str, Any]:
        """Read what ``from_profile`` reads, as settings by name; no defaults are in it."""
        from .config_sources import read_profile  # noqa: PLC0415 - as above

        settings = read_profile(path, name)
        _refuse_unknown(settings, f"profile {name}")
        return settings


def check_plain_authorization(
    url: str, headers: Mapping[str, str], allowed: bool, proxy: str | None = None
) -> None:
    """Refuse to send credentials in the clear to another machine.

    Args:
        url: where they would be sent; a user or password in it are credentials, too.
        headers: what would be sent.
        allowed: whether the user asked for it (``allow_insecure_auth``).
        proxy: the setting; a server on loopback is another machine's if it is that of a proxy.

    Raises:
        MCPConfigurationError: a URL's user, an Authorization header or a cookie would cross a
            network unencrypted.
    """
    target = parse_websocket_url(url, "server_url")
    in_headers = any(name.lower() in ("authorization", "cookie") for name in headers)
    carries = in_headers or target.authorization is not None
    stays_here = target.is_loopback and proxy in (None, "direct")
    if carries and not (allowed or target.is_secure or stays_here):
        rule = (
            "would carry credentials unencrypted; use wss://, or allow_insecure_auth=True "
            "if the network is trusted"
        )
        raise MCPConfigurationError("server_url", mask_url(url), rule)


def _refuse_unknown(settings: Mapping[str, Any], where: str = "setting") -> None:
    known = ClientConfig.__annotations__
    for name in settings:
        if name not in known:
            rule = f"is no setting of a client; the settings are {', '.join(known)}"
            raise MCPConfigurationError(where, name, rule)
