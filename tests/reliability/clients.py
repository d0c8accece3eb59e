"""What the proofs call with: the two ways of reading a link, calls with a key, and their fates.

A key names a call in the ledger of the embedded server, so that it can be told how often a call
was executed whatever its caller was told.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from mcp_sync import MCPClient, MCPConnectionLost
from timing import MS

__all__ = [
    "ANSWERED",
    "LOST",
    "MODES",
    "PATIENCE",
    "QUICK",
    "ReaderOnlyClient",
    "echo",
    "executions",
    "fate_of",
]

PATIENCE: Final = 20_000 * MS
"""The bound of every call and wait that is to succeed, also on a busy machine."""

QUICK: Final[Mapping[str, Any]] = {
    "reconnect_attempts": 100_000,
    "reconnect_delay": 2 * MS,
    "max_reconnect_delay": 20 * MS,
    "protocol_version": "2025-11-25",
}
"""Settings of a client that dials again at once, for as long as it takes.

It initializes unasked, so that byte n of a link is the same byte on each.
"""

ANSWERED: Final = "answered"
LOST: Final = "lost, maybe executed"


class ReaderOnlyClient(MCPClient):
    """A client whose reader thread does all the reading; its callers never lead."""

    _lead = False


MODES: Final[Mapping[str, type[MCPClient]]] = {
    "callers lead": MCPClient,
    "reader only": ReaderOnlyClient,
}
"""The two ways of reading a link, by name."""


def echo(key: str) -> dict[str, Any]:
    """The params of a ``tools/call`` that is recorded under a key and answered with it."""
    return {"name": "echo", "arguments": {"text": key, "key": key}}


def fate_of(key: str, call: Callable[[], dict[str, Any]]) -> str:
    """Make a call and say what became of it.

    Args:
        key: of the call, which its answer must hold.
        call: makes it and returns its result.

    Returns:
        ANSWERED, or LOST for a loss that says that the server may have executed it; for anything
        else a sentence that names it, which no promise allows.
    """
    try:
        result = call()
    except MCPConnectionLost as lost:
        return LOST if lost.maybe_executed else f"lost, not executed: {lost}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what became of the call
        return f"{type(error).__name__}: {error}"
    if result != {"content": [{"type": "text", "text": key}], "isError": False}:
        return f"another answer: {result}"
    return ANSWERED


def executions(ledger: Path) -> Counter[str]:
    """How often each key was executed, by the file of a server's ledger."""
    if not ledger.exists():
        return Counter()
    with ledger.open() as lines:
        return Counter(json.loads(line)["key"] for line in lines)
