"""The params of the other methods; what the server refuses is in ``test_mcp_validation``."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.errors import MCPError, MCPMessageTooLarge
from mcp_sync.protocol.compareblocks_errors import InvalidParams
from mcp_sync.protocol.compareblocks_requests import (
    check_request_size,
    results_params,
    status_params,
    subscription_params,
)
from mcp_sync.types.compareblocks import RESULTS_FORMATS, UPDATE_EVENTS


def test_one_mebibyte_passes_and_one_byte_more_does_not() -> None:
    check_request_size(1_048_576)
    with pytest.raises(MCPMessageTooLarge) as caught:
        check_request_size(1_048_577)
    assert str(caught.value) == (
        "outbound message of 1048577 bytes is over the limit of 1048576; "
        "split the variations over several submissions"
    )
    assert caught.value.limit == 1_048_576
    assert caught.value.direction == "outbound"


def test_a_status_request_says_only_what_is_no_default() -> None:
    assert status_params() == {}
    assert status_params("s") == {"session_id": "s"}
    assert status_params("s", True) == {"session_id": "s", "include_details": True}


def test_a_results_request_names_its_format() -> None:
    assert results_params("s") == {"session_id": "s", "format": "json"}
    for name in RESULTS_FORMATS:
        sent = results_params("s", name, True)
        assert sent == {"session_id": "s", "format": name, "include_analytics": True}


@pytest.mark.parametrize("name", ["xml", "JSON", "", None, 5, ["json"]])
def test_an_unknown_format_is_answered_with_the_known_ones(name: Any) -> None:
    with pytest.raises(ValueError, match="must be one of json, ndjson, summary") as caught:
        results_params("s", name)
    assert isinstance(caught.value, MCPError)
    assert caught.value.key == "format"


@pytest.mark.parametrize("session_id", ["", None, 5, b"s"])
def test_results_are_asked_for_by_a_session_id(session_id: Any) -> None:
    with pytest.raises(InvalidParams, match=r"session_id=.* must be a non-empty string"):
        results_params(session_id)


@pytest.mark.parametrize("flag", ["yes", 1, None, 0])
def test_a_flag_is_true_or_false(flag: Any) -> None:
    with pytest.raises(InvalidParams, match=r"include_details=.* must be True or False"):
        status_params("s", flag)
    with pytest.raises(InvalidParams, match=r"include_analytics=.* must be True or False"):
        results_params("s", "json", flag)


@pytest.mark.parametrize("given", [UPDATE_EVENTS, iter(UPDATE_EVENTS), [*UPDATE_EVENTS] * 2])
def test_event_types_are_sent_once_each_and_in_order(given: Any) -> None:
    assert subscription_params(given) == {"event_types": list(UPDATE_EVENTS)}


@pytest.mark.parametrize("given", ["error", b"error", None, 5, [], ()])
def test_event_types_are_a_list_of_at_least_one(given: Any) -> None:
    with pytest.raises(InvalidParams, match="a list of one or more of status_update, processing"):
        subscription_params(given)


@pytest.mark.parametrize("name", ["processing_error", "Error", "", None, 1, ["error"]])
def test_a_typo_in_an_event_type_is_answered_with_the_known_ones(name: Any) -> None:
    with pytest.raises(InvalidParams) as caught:
        subscription_params(["error", name], "unsubscribe_updates")
    assert caught.value.key == "event_types[1]"
    assert str(caught.value) == (
        f"unsubscribe_updates: event_types[1]={name!r} "
        "must be one of status_update, processing_complete, error"
    )
