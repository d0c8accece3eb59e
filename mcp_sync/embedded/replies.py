"""What the two dialects share: JSON text out, and work that begins once an answer is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import attrs

from mcp_sync.embedded.jobs import Job
from mcp_sync.embedded.ledger import Ledger

__all__ = ["JsonObject", "Outcome", "Reply", "error_text", "ledger_result", "result_text"]

JsonObject = dict[str, Any]
"""A JSON object, as it comes and goes."""


@attrs.frozen
class Outcome:
    """What a method came to: its result, and work to do beside the connection, or None."""

    result: JsonObject
    job: Job | None = None


@attrs.frozen
class Reply:
    """What a message came to: a text to send, or None, and then a job to run, or None."""

    text: str | None = None
    job: Job | None = None


def result_text(request_id: Any, result: Mapping[str, Any]) -> str:
    """An answer as pure ASCII, NaN and Infinity let through, as the recorded server writes it."""
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "result": result})


def error_text(request_id: Any, error: Mapping[str, Any]) -> str:
    """An error answer, written like a result."""
    return json.dumps({"jsonrpc": "2.0", "id": request_id, "error": error})


def ledger_result(ledger: Ledger) -> JsonObject:
    """The result of `embedded/ledger`, which both dialects know: {"entries": [...]}."""
    return {"entries": [attrs.asdict(entry) for entry in ledger.entries()]}
