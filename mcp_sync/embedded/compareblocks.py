"""The compareblocks dialect, answer for answer as recorded from the server it stands in for.

Spoken on every connection until that does an MCP `initialize`. Knows no sockets and no threads.
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from mcp_sync._version import __version__
from mcp_sync.embedded import consensus
from mcp_sync.embedded.clients import Client
from mcp_sync.embedded.documents import PathRefused, refuse_unless_allowed
from mcp_sync.embedded.ledger import Ledger
from mcp_sync.embedded.mcp import McpDialect, is_mcp_version
from mcp_sync.embedded.replies import (
    JsonObject,
    Outcome,
    Reply,
    error_text,
    ledger_result,
    result_text,
)
from mcp_sync.embedded.schema import RESULTS, STATUS, SUBMISSION, SUBSCRIPTION, first_violation
from mcp_sync.embedded.sessions import Session, SessionTable

__all__ = ["CompareblocksDialect"]

_PARSE_ERROR = -32700
_UNKNOWN_METHOD = -32600
_NO_METHOD = -32601
_FAILED = -32603

_KNOWN_KEYS = frozenset({"jsonrpc", "id", "method", "params", "result", "error"})

_logger = logging.getLogger("mcp_sync.embedded")


class _Refused(Exception):
    """A request is answered with -32603 and this message."""


class CompareblocksDialect:
    """Answers the messages of compareblocks connections. Safe to use from any thread.

    Args:
        sessions: where accepted submissions are kept.
        ledger: where they are recorded.
        working_directory: the directory whose PDF files may be named, absolute and resolved.
        extract: does the work of a session, given its id; run as a job.
        mcp: answers an MCP `initialize`; None to answer it as the recorded server does.
    """

    def __init__(
        self,
        sessions: SessionTable,
        ledger: Ledger,
        working_directory: Path,
        extract: Callable[[str], None],
        mcp: McpDialect | None,
    ) -> None:
        self._sessions = sessions
        self._ledger = ledger
        self._working_directory = working_directory
        self._extract = extract
        self._mcp = mcp
        self._methods: Mapping[str, Callable[[Any, Client], Outcome]] = {
            "initialize": self._initialize,
            "submit_extraction": self._submit_extraction,
            "get_status": self._get_status,
            "get_results": self._get_results,
            "subscribe_updates": self._subscribe_updates,
            "unsubscribe_updates": self._unsubscribe_updates,
            "embedded/ledger": self._read_ledger,
        }

    def receive(self, data: str | bytes, client: Client) -> Reply:
        """Treat one message.

        Args:
            data: the message as it came.
            client: who sent it.

        Returns:
            The answer and the work to do after it; both None when the message is dropped, as
            messages are that are no object, have an unknown top-level key, cannot be decoded, or
            nest too deep.
        """
        try:
            message = json.loads(data)
        except json.JSONDecodeError as error:
            return Reply(_error("unknown", _PARSE_ERROR, f"Invalid JSON: {error}"))
        except (ValueError, RecursionError):
            return Reply()
        if not isinstance(message, dict) or not message.keys() <= _KNOWN_KEYS:
            return Reply()
        return self._answer(message, client)

    def _answer(self, message: JsonObject, client: Client) -> Reply:
        request_id, method = message.get("id"), message.get("method")
        if request_id is None:
            request_id = str(uuid.uuid4())
        if message.get("jsonrpc", "2.0") != "2.0":
            return Reply(
                _error(request_id or "unknown", _UNKNOWN_METHOD, "Invalid JSON-RPC version")
            )
        not_found = f"Method '{method}' not found"
        if method is None:
            return Reply(_error(request_id, _NO_METHOD, not_found))
        handler = self._methods.get(method) if isinstance(method, str) else None
        if handler is None:
            return Reply(_error(request_id or "unknown", _UNKNOWN_METHOD, not_found))
        try:
            outcome = handler(message.get("params") or {}, client)
            return Reply(result_text(request_id, outcome.result), outcome.job)
        except _Refused as refused:
            return Reply(_error(request_id, _FAILED, str(refused)))
        except Exception as error:  # as recorded: everything else is -32603, too
            _logger.exception("%s failed", method)
            return Reply(_error(request_id, _FAILED, str(error)))

    def _initialize(self, params: Any, client: Client) -> Outcome:
        if not isinstance(params, dict):
            raise _Refused(f"'{type(params).__name__}' object has no attribute 'get'")
        if self._mcp is not None and is_mcp_version(params.get("protocolVersion")):
            client.is_mcp = True
            return Outcome(self._mcp.initialize())
        return Outcome(
            {
                "protocolVersion": "1.0.0",
                "capabilities": {
                    "extraction_submission": True,
                    "status_monitoring": True,
                    "real_time_updates": True,
                    "result_retrieval": True,
                },
                "serverInfo": {
                    "name": "mcp-sync-embedded",
                    "version": __version__,
                    "description": "Embedded compareblocks server of mcp_sync",
                },
            }
        )

    def _submit_extraction(self, params: Any, client: Client) -> Outcome:
        _check(params, SUBMISSION, "Invalid extraction submission: Schema validation error: ")
        try:
            refuse_unless_allowed(params["pdf_path"], self._working_directory)
        except PathRefused as refused:
            raise _Refused(str(refused)) from refused
        metadata = params.get("metadata", {})
        session = Session(params["pdf_path"], metadata, params["variations"])
        self._ledger.append("submit_extraction", metadata.get("submission_key"), params)
        self._sessions.add(session)
        return Outcome(
            {
                "session_id": session.session_id,
                "status": "accepted",
                "message": "Extraction submission accepted for processing",
            },
            partial(self._extract, session.session_id),
        )

    def _get_status(self, params: Any, client: Client) -> Outcome:
        _check(params, STATUS, "Status request validation error: ")
        if not params.get("session_id"):
            return Outcome(self._system_status())
        session = self._session(params["session_id"])
        return Outcome(_session_status(session, details=params.get("include_details", False)))

    def _get_results(self, params: Any, client: Client) -> Outcome:
        _check(params, RESULTS, "Results request validation error: ")
        session = self._session(params["session_id"])
        if session.status != "completed":
            raise _Refused(f"Session not completed: {session.status}")
        if params.get("format") == "summary":
            return Outcome({"session_id": session.session_id, **_summary(session)})
        result = {
            "consensus_decisions": session.decisions,
            "metadata": session.metadata,
            **_summary(session),
        }
        if params.get("include_analytics", False):
            result["analytics"] = _analytics(session)
        if params.get("format") == "ndjson":
            result["ndjson_data"] = consensus.as_ndjson(session.decisions)
        return Outcome(result)

    def _subscribe_updates(self, params: Any, client: Client) -> Outcome:
        events = _event_types(params)
        client.events |= frozenset(events)
        return Outcome({"subscribed": True, "event_types": events, "client_id": client.client_id})

    def _unsubscribe_updates(self, params: Any, client: Client) -> Outcome:
        events = _event_types(params)
        client.events -= frozenset(events)
        return Outcome({"unsubscribed": True, "event_types": events, "client_id": client.client_id})

    def _read_ledger(self, params: Any, client: Client) -> Outcome:
        return Outcome(ledger_result(self._ledger))

    def _session(self, session_id: str) -> Session:
        session = self._sessions.get(session_id)
        if session is None:
            raise _Refused(f"Session not found: {session_id}")
        return session

    def _system_status(self) -> JsonObject:
        counts = self._sessions.count_by_status()
        return {
            "system_status": "operational",
            "total_sessions": counts.total(),
            "active_sessions": counts["processing"],
            "completed_sessions": counts["completed"],
            "error_sessions": counts["error"],
            "timestamp": datetime.now().isoformat(),
        }


def _check(params: Any, schema: Mapping[str, Any], prefix: str) -> None:
    violation = first_violation(params, schema)
    if violation is not None:
        raise _Refused(prefix + violation)


def _event_types(params: Any) -> list[str]:
    _check(params, SUBSCRIPTION, "Subscription request validation error: ")
    events: list[str] = params["event_types"]
    return events


def _session_status(session: Session, *, details: bool) -> JsonObject:
    status = {
        "session_id": session.session_id,
        "pdf_path": session.pdf_path,
        "metadata": session.metadata,
        "status": session.status,
        "created_at": session.created_at.isoformat(),
        "updated_at": session.updated_at.isoformat(),
        "progress": session.progress,
        "error": session.error,
        "variation_count": len(session.variations),
    }
    if details and session.status == "completed":
        summary = _summary(session)
        status["results_summary"] = {key: summary[key] for key in ("total_blocks", "statistics")}
    return status


def _summary(session: Session) -> JsonObject:
    """What every format of the results has."""
    return {
        "processing_timestamp": session.updated_at.isoformat(),
        "total_blocks": len(session.decisions),
        "statistics": consensus.statistics(session.decisions),
    }


def _analytics(session: Session) -> JsonObject:
    return {
        **consensus.analytics(session.decisions),
        "processing_time": (session.updated_at - session.created_at).total_seconds(),
        "variation_count": len(session.variations),
    }


def _error(request_id: Any, code: int, message: str) -> str:
    return error_text(request_id, {"code": code, "message": message, "data": None})
