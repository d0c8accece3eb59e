"""The params of the compareblocks methods but ``submit_extraction``, checked before sending.

Each function takes what a caller gives and returns what goes on the wire, or says which argument
breaks which rule; nothing is sent here. ``compareblocks_submission`` does the same for a
submission.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..errors import MCPMessageTooLarge
from ..types.compareblocks import RESULTS_FORMATS, UPDATE_EVENTS
from .compareblocks import MAX_REQUEST_SIZE
from .compareblocks_errors import InvalidParams, describe

__all__ = ["check_request_size", "results_params", "status_params", "subscription_params"]


def check_request_size(
    size: int, way_out: str = "split the variations over several submissions"
) -> None:
    """Refuse a message that the server would answer with close 1009, or not at all.

    Args:
        size: bytes of the whole message in UTF-8, or the least it can have.
        way_out: what to do about it, as the rest of the error's sentence.

    Raises:
        MCPMessageTooLarge: it has more than 1 MiB; exactly 1 MiB passes.
    """
    if size > MAX_REQUEST_SIZE:
        raise MCPMessageTooLarge(size, MAX_REQUEST_SIZE, "outbound", way_out)


def status_params(session_id: str | None = None, include_details: bool = False) -> dict[str, Any]:
    """Make the params of ``get_status``.

    Args:
        session_id: the session; None asks for the status of the whole server. "" is refused,
            which the server would take for None.
        include_details: whether a completed session tells its results in short.

    Returns:
        The params; what is left at its default is left out.

    Raises:
        InvalidParams: an argument is of another type, or the id is empty.
    """
    params: dict[str, Any] = {}
    if session_id is not None:
        params["session_id"] = _session_id("get_status", session_id)
    if _flag("get_status", "include_details", include_details):
        params["include_details"] = True
    return params


def results_params(
    session_id: str, format: str = "json", include_analytics: bool = False
) -> dict[str, Any]:
    """Make the params of ``get_results``.

    Args:
        session_id: the session.
        format: "json", "ndjson" or "summary".
        include_analytics: whether to add ``analytics``; without effect in the summary.

    Returns:
        The params.

    Raises:
        InvalidParams: an argument is of another type, the id is empty or the format unknown.
    """
    params: dict[str, Any] = {"session_id": _session_id("get_results", session_id)}
    if format not in RESULTS_FORMATS:
        rule = f"must be one of {', '.join(RESULTS_FORMATS)}"
        raise InvalidParams("get_results", "format", rule, describe(format))
    params["format"] = format
    if _flag("get_results", "include_analytics", include_analytics):
        params["include_analytics"] = True
    return params


def subscription_params(
    event_types: Iterable[str], method: str = "subscribe_updates"
) -> dict[str, Any]:
    """Make the params of ``subscribe_updates`` or ``unsubscribe_updates``.

    Args:
        event_types: names of events, at least one; repeated ones are sent once.
        method: which of the two, for the error's sentence.

    Returns:
        The params, the names in the order they were given.

    Raises:
        InvalidParams: there is no name, or one is unknown.
    """
    known = ", ".join(UPDATE_EVENTS)
    rule = f"must be a list of one or more of {known}"
    if isinstance(event_types, str | bytes) or not isinstance(event_types, Iterable):
        raise InvalidParams(method, "event_types", rule, describe(event_types))
    names = list(event_types)
    if not names:
        raise InvalidParams(method, "event_types", rule, "[]")
    for index, name in enumerate(names):
        if name not in UPDATE_EVENTS:
            key = f"event_types[{index}]"
            raise InvalidParams(method, key, f"must be one of {known}", describe(name))
    return {"event_types": list(dict.fromkeys(names))}


def _session_id(method: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise InvalidParams(method, "session_id", "must be a non-empty string", describe(value))
    return value


def _flag(method: str, key: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise InvalidParams(method, key, "must be True or False", describe(value))
    return value
