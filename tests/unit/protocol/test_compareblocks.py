"""The compareblocks dialect: its traits; the handshake is in ``test_mcp_protocol``."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.errors import MCPMessageTooLarge
from mcp_sync.protocol.compareblocks import MAX_REQUEST_SIZE, CompareblocksDialect
from mcp_sync.protocol.compareblocks_errors import CompareblocksError, SessionNotFound
from mcp_sync.protocol.messages import (
    Broken,
    ErrorResponse,
    Notification,
    Request,
    Response,
)


def test_its_traits() -> None:
    dialect = CompareblocksDialect()
    assert dialect.name == "compareblocks"
    assert not dialect.handshake_required
    assert dialect.drain_window == 1
    assert dialect.max_request_size == MAX_REQUEST_SIZE == 1_048_576
    assert dialect.health_probe == ("get_status", {})


@pytest.mark.parametrize("number", [1, 2, 10**20])
def test_an_id_is_a_string_that_is_never_empty(number: int) -> None:
    request_id = CompareblocksDialect().request_id(number)
    assert request_id == f"{number}"
    assert type(request_id) is str


@pytest.mark.parametrize(
    ("method", "repeatable"),
    [
        ("initialize", True),
        ("get_status", True),
        ("get_results", True),
        ("subscribe_updates", True),
        ("unsubscribe_updates", True),
        ("submit_extraction", False),
        ("Get_Status", False),
        ("ping", False),
    ],
)
def test_reads_may_be_repeated_and_a_submission_never(method: str, repeatable: bool) -> None:
    assert CompareblocksDialect().is_repeatable(method) is repeatable


def test_exactly_one_mebibyte_passes() -> None:
    CompareblocksDialect().check_size(MAX_REQUEST_SIZE)
    with pytest.raises(MCPMessageTooLarge) as caught:
        CompareblocksDialect().check_size(MAX_REQUEST_SIZE + 1)
    assert (caught.value.size, caught.value.limit) == (1_048_577, 1_048_576)
    assert caught.value.direction == "outbound"


@pytest.mark.parametrize("request_id", ["a-uuid", "", 5, None, 1.5, True, {}, []], ids=repr)
def test_whatever_has_a_method_is_a_notification_whatever_its_id(request_id: Any) -> None:
    raw = {"jsonrpc": "2.0", "id": request_id, "method": "status_update", "params": {"data": 1}}
    assert CompareblocksDialect().classify(raw) == Notification("status_update", {"data": 1})
    assert raw["id"] is request_id


def test_a_broken_notification_is_broken_and_answers_nobody() -> None:
    for broken in ({"method": 5}, {"method": "status_update", "params": [1]}):
        message = CompareblocksDialect().classify({"id": "1", **broken})
        assert type(message) is Broken
        assert message.id is None


def test_answers_are_those_of_json_rpc() -> None:
    dialect = CompareblocksDialect()
    assert dialect.classify({"id": "1", "result": {"a": 1}}) == Response("1", {"a": 1})
    error = {"code": -32603, "message": "no", "data": None}
    assert dialect.classify({"id": "1", "error": error}) == ErrorResponse("1", -32603, "no", None)
    assert dialect.classify({"id": 1.5, "result": {}}) == Broken(
        None, "the id is neither a string nor an integer"
    )


def test_an_error_is_of_the_kind_that_its_message_tells() -> None:
    dialect = CompareblocksDialect()
    gone = dialect.error(ErrorResponse("1", -32603, "Session not found: s1", None), "get_status")
    assert type(gone) is SessionNotFound
    assert gone.session_id == "s1"
    assert (gone.code, gone.method, gone.data) == (-32603, "get_status", None)
    other = dialect.error(ErrorResponse("1", -32603, "anything", None), "get_status")
    assert type(other) is CompareblocksError


def test_the_server_is_told_of_no_withdrawal_and_asks_nothing() -> None:
    dialect = CompareblocksDialect()
    assert dialect.cancellation("1", "why") is None
    assert dialect.answer(Request("1", "ping", {})) is None
