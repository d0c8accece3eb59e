"""The features that a client of MCP needs, and which real server does not offer which.

A feature is checked at every server that offers it; what one does not offer stands here, with its
reason, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from compatibility.peers import MODERN, PEERS

__all__ = ["FEATURES", "NOT_OFFERED"]

FEATURES: Final[Mapping[str, str]] = {
    "connect": "connect in the expected era and version; server info, instructions",
    "list_tools": "tools: the whole list, over its pages",
    "call_text": "call a tool: text",
    "call_structured": "structured content, checked against its output schema",
    "bad_structured": "structured content that breaks its schema is refused",
    "call_error": "a tool's error as a result, and raised",
    "unknown_tool": "a tool that does not exist",
    "wrong_arguments": "wrong arguments refused before they are sent",
    "content_blocks": "image, audio, resource and link blocks",
    "progress": "progress",
    "logging": "log messages, from a level on",
    "cancel": "cancel a running call",
    "timeout": "a call that times out leaves the link usable",
    "extended": "progress that extends a call's time, up to a maximum",
    "concurrent": "50 calls at once from 8 threads",
    "sampling": "sampling",
    "elicitation": "elicitation: a form, with defaults",
    "decline": "elicitation: declined",
    "rounds": "elicitation: one question after another",
    "elicitation_url": "elicitation: a URL",
    "roots": "roots",
    "handler_calls": "a handler that calls the server itself",
    "asked_at_once": "the server asks in 12 calls at once, each gets its own answer",
    "handler_fails": "a handler that raises: the server is told, the client goes on",
    "undeclared": "what no handler is there for is not offered, and refused",
    "list_resources": "resources: the whole list, over its pages",
    "read_resource": "read a resource: text and bytes",
    "missing_resource": "a resource that does not exist",
    "templates": "resource templates",
    "result_cache": "results kept as long as the server says",
    "subscribe": "subscribe to a resource",
    "list_changed": "lists that change: tools, prompts, resources",
    "prompts": "prompts: list and get, with arguments, pictures, resources",
    "prompt_asks": "a prompt that asks the user first",
    "complete": "completion of arguments",
    "ping": "ping the server",
    "server_pings": "the server pings the client",
    "reconnect": "server killed: the call under way fails as perhaps executed, the next is "
    "answered; subscriptions and log level restored",
}
"""What each check proves, for a reader; in the order in which they run."""

_SAYS_NO_LIFETIME: Final = "results say how long they may be kept since 2026-07-28 only"
_NO_PING: Final = "2026-07-28 has no ping, and no requests from the server"
_KEEPS_TO_IT: Final = "this server keeps to its schemas"
_ONE_PROCESS_MORE: Final = "tried over WebSocket alone, as each try costs a process here"
_NOT_A_FEATURE: Final = "this server has no such feature"

_FILES_ONLY: Final = (
    "content_blocks",
    "progress",
    "logging",
    "cancel",
    "timeout",
    "extended",
    "sampling",
    "elicitation",
    "decline",
    "rounds",
    "elicitation_url",
    "handler_calls",
    "asked_at_once",
    "handler_fails",
    "undeclared",
    "list_resources",
    "read_resource",
    "missing_resource",
    "templates",
    "subscribe",
    "list_changed",
    "prompts",
    "prompt_asks",
    "complete",
    "server_pings",
)


def _table() -> dict[str, dict[str, str]]:
    table: dict[str, dict[str, str]] = {peer.id: {} for peer in PEERS}
    for peer in PEERS:
        if peer.era == MODERN:
            table[peer.id]["server_pings"] = _NO_PING
        else:
            table[peer.id]["result_cache"] = _SAYS_NO_LIFETIME
        if (peer.checks, peer.transport) == ("sdk", "stdio"):
            table[peer.id]["undeclared"] = _ONE_PROCESS_MORE
    for name in ("everything", "filesystem"):
        table[name]["bad_structured"] = _KEEPS_TO_IT
    table["filesystem"] |= dict.fromkeys(_FILES_ONLY, _NOT_A_FEATURE)
    table["everything"] |= dict.fromkeys(("rounds", "prompt_asks", "server_pings"), _NOT_A_FEATURE)
    return table


NOT_OFFERED: Final[Mapping[str, Mapping[str, str]]] = _table()
"""Per server, the features that it does not offer, each with the reason."""
