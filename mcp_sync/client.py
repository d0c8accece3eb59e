"""The client of standard MCP servers: all features over one connection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .config import ClientConfig
from .connection.eras import begin_with
from .features.asked import Asked
from .features.logs import Logs
from .features.prompts import Prompts
from .features.resources import Resources
from .features.subscriptions import Subscriptions
from .features.tools import Tools
from .protocol.dialect import Dialect

if TYPE_CHECKING:
    from .features.answering import ElicitationHandler, Roots, RootsHandler, SamplingHandler

__all__ = ["MCPClient"]


class MCPClient(Tools, Resources, Prompts, Logs, Subscriptions, Asked):
    """A blocking client of an MCP server, of either era. May be shared between threads.

    On a compareblocks server it initializes and ``request()`` works; ``CompareblocksClient``
    knows that server's methods.

    Args:
        server_url: where the server is, ``ws://`` or ``wss://``.
        reconnect_attempts: retries after the first dial of every outage.
        reconnect_delay: seconds; the back-off starts from it and doubles.
        request_timeout: seconds a call may take when it is given no timeout of its own.
        heartbeat_interval: seconds between pings.
        sampling: answers what the server asks of a model, see ``on_sampling``; None offers none.
        elicitation: answers what it asks of a person, see ``on_elicitation``; None offers none.
        roots: directories and files that the server may know of, or a function that gives them;
            None offers none.
        **settings: the other fields of ``ClientConfig``, by name; ``stdio=["command", "argument"]``
            starts a server as a child process instead of dialing.

    Raises:
        MCPConfigurationError: a setting is unknown or impossible, or the journal cannot be opened.
    """

    def __init__(  # noqa: PLR0913 - the settings that most users want, and the handlers
        self,
        server_url: str = "ws://localhost:8765",
        reconnect_attempts: int = 5,
        reconnect_delay: float = 2.0,
        request_timeout: float = 30.0,
        heartbeat_interval: float = 30.0,
        *,
        sampling: SamplingHandler | None = None,
        elicitation: ElicitationHandler | None = None,
        roots: Roots | RootsHandler | None = None,
        **settings: Any,
    ) -> None:
        super().__init__(
            server_url,
            reconnect_attempts,
            reconnect_delay,
            request_timeout,
            heartbeat_interval,
            **settings,
        )
        if sampling is not None:
            self.on_sampling(sampling)
        if elicitation is not None:
            self.on_elicitation(elicitation)
        if roots is not None:
            self.on_roots(roots)

    @staticmethod
    def _make_dialect(config: ClientConfig) -> Dialect:
        return begin_with(config)
