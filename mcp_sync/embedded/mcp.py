"""The handshake era of MCP, as far as a client can be tried with: `echo` and little more.

Spoken on a connection once it did an MCP `initialize` (revision 2025-11-25).
"""

from __future__ import annotations

import json
import logging
import re
from functools import partial
from typing import Any

from mcp_sync._version import __version__
from mcp_sync.embedded.clients import Client
from mcp_sync.embedded.jobs import JobRunner
from mcp_sync.embedded.ledger import Ledger
from mcp_sync.embedded.replies import JsonObject, Reply, error_text, ledger_result, result_text

__all__ = ["McpDialect", "is_mcp_version"]

PROTOCOL_VERSION = "2025-11-25"

_PARSE_ERROR = -32700
_INVALID_REQUEST = -32600
_METHOD_NOT_FOUND = -32601
_INVALID_PARAMS = -32602
_INTERNAL_ERROR = -32603

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")

_ECHO: JsonObject = {
    "name": "echo",
    "title": "Echo",
    "description": "Returns the text that it was given.",
    "inputSchema": {
        "type": "object",
        "properties": {
            "text": {"type": "string"},
            "key": {"description": "a name for this call in the server's ledger"},
        },
        "required": ["text"],
    },
    "annotations": {"readOnlyHint": True},
}

_logger = logging.getLogger("mcp_sync.embedded")


class _Refused(Exception):
    """A request is answered with a JSON-RPC error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


def is_mcp_version(value: Any) -> bool:
    """Whether a `protocolVersion` is one of MCP, which are dates."""
    return isinstance(value, str) and _DATE.fullmatch(value) is not None


class McpDialect:
    """Answers the messages of MCP connections. Safe to use from any thread.

    Args:
        ledger: where each call of a tool is recorded.
        jobs: where the tools run.
    """

    def __init__(self, ledger: Ledger, jobs: JobRunner) -> None:
        self._ledger = ledger
        self._jobs = jobs

    def initialize(self) -> JsonObject:
        """The result of `initialize`, whichever revision was asked for: there is one."""
        return {
            "protocolVersion": PROTOCOL_VERSION,
            "capabilities": {"tools": {}},
            "serverInfo": {"name": "mcp-sync-embedded", "version": __version__},
        }

    def receive(self, data: str | bytes, client: Client) -> Reply:
        """Treat one message.

        Args:
            data: the message as it came.
            client: who sent it.

        Returns:
            The answer, and work to do after it; both None for a notification or a response.
        """
        try:
            message = _parse(data)
        except _Refused as refused:
            return Reply(_error(None, refused.code, refused.message))
        if "method" not in message:
            return Reply()  # this server asks nothing, so there is no call to give the answer to
        method, params = message["method"], message.get("params", {})
        if "id" not in message:
            _notified(method, params, client)
            return Reply()
        try:
            return self._request(method, params, client, message["id"])
        except _Refused as refused:
            return Reply(_error(message["id"], refused.code, refused.message))

    def _request(self, method: str, params: Any, client: Client, request_id: str | int) -> Reply:
        if not isinstance(params, dict):
            raise _Refused(_INVALID_PARAMS, "params must be an object")
        match method:
            case "initialize":
                if not is_mcp_version(params.get("protocolVersion")):
                    raise _Refused(_INVALID_PARAMS, "protocolVersion must be a date")
                result = self.initialize()
            case "ping":
                result = {}
            case "tools/list":
                result = {"tools": [_ECHO]}
            case "tools/call":
                return self._call(params, client, request_id)
            case "embedded/ledger":
                result = ledger_result(self._ledger)
            case _:
                raise _Refused(_METHOD_NOT_FOUND, f"Method not found: {method}")
        return Reply(result_text(request_id, result))

    def _call(self, params: JsonObject, client: Client, request_id: str | int) -> Reply:
        if params.get("name") != "echo":
            raise _Refused(_INVALID_PARAMS, f"Unknown tool: {params.get('name')}")
        client.pending_calls.add(request_id)
        return Reply(job=partial(self._run_call, params, client, request_id))

    def _run_call(self, params: JsonObject, client: Client, request_id: str | int) -> None:
        """The job of one `tools/call`: executed, recorded and answered, unless it was cancelled."""
        self._jobs.pause(1.0)
        try:
            client.pending_calls.remove(request_id)
        except KeyError:
            return
        try:
            text = result_text(request_id, self._echo(params))
        except Exception:  # the caller waits for an answer, whatever went wrong
            _logger.exception("tools/call failed")
            text = _error(request_id, _INTERNAL_ERROR, "Internal error")
        client.send(text)

    def _echo(self, params: JsonObject) -> JsonObject:
        arguments = params.get("arguments", {})
        key = arguments.get("key") if isinstance(arguments, dict) else None
        self._ledger.append("tools/call", key, params)
        text = arguments.get("text") if isinstance(arguments, dict) else None
        if not isinstance(text, str):
            return _tool_result("echo needs the argument text, a string", is_error=True)
        return _tool_result(text, is_error=False)


def _parse(data: str | bytes) -> JsonObject:
    """The message, when it is a request, a notification or a response (JSON-RPC 2.0)."""
    try:
        message = json.loads(data)
    except (ValueError, RecursionError):
        raise _Refused(_PARSE_ERROR, "Parse error") from None
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise _Refused(_INVALID_REQUEST, "Invalid Request")
    if "method" in message:
        well_formed = isinstance(message["method"], str) and _is_id(message.get("id", ""))
    else:
        well_formed = "result" in message or "error" in message
    if not well_formed:
        raise _Refused(_INVALID_REQUEST, "Invalid Request")
    return message


def _is_id(value: Any) -> bool:
    return isinstance(value, (str, int)) and not isinstance(value, bool)


def _notified(method: str, params: Any, client: Client) -> None:
    """A cancelled call that has not begun is never executed; other news needs no act."""
    if method == "notifications/cancelled" and isinstance(params, dict):
        request_id = params.get("requestId")
        if _is_id(request_id):
            client.pending_calls.discard(request_id)


def _tool_result(text: str, *, is_error: bool) -> JsonObject:
    return {"content": [{"type": "text", "text": text}], "isError": is_error}


def _error(request_id: str | int | None, code: int, message: str) -> str:
    return error_text(request_id, {"code": code, "message": message})
