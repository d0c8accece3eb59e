"""Every error: its place in the tree, its one sentence, its facts, and that it travels."""

from __future__ import annotations

import concurrent.futures
import copy
import pickle
from collections.abc import Callable
from typing import Any

import attrs
import pytest

import mcp_sync.errors
from mcp_sync.errors import (
    MCPCancelledError,
    MCPClosedError,
    MCPConfigurationError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPError,
    MCPMessageTooLarge,
    MCPOfflineError,
    MCPProtocolError,
    MCPQueueFullError,
    MCPResponseError,
    MCPTimeoutError,
    MCPToolError,
    shorten,
)

LONG = "x" * 201
CUT = "x" * 200 + "… (201 characters)"


@attrs.frozen
class Case:
    """An error, the sentence it makes and every fact it keeps."""

    error: MCPError
    sentence: str
    facts: dict[str, Any]


NO_DIAL = {"attempts": 0, "last_error": None, "retry_after": None}

CASES = [
    Case(MCPError("it broke"), "it broke", {}),
    Case(
        MCPConfigurationError("request_timeout", -1, "must be above 0"),
        "request_timeout=-1 must be above 0",
        {"setting": "request_timeout", "value": "-1", "rule": "must be above 0"},
    ),
    Case(
        MCPConfigurationError("overflow", LONG, "must be one of reject"),
        f"overflow='{'x' * 199}… (203 characters) must be one of reject",
        {
            "setting": "overflow",
            "value": f"'{'x' * 199}… (203 characters)",
            "rule": "must be one of reject",
        },
    ),
    Case(MCPConnectionError("nobody there"), "nobody there", NO_DIAL),
    Case(
        MCPConnectionError("nobody there", 6, "refused", 2.5),
        "nobody there",
        {"attempts": 6, "last_error": "refused", "retry_after": 2.5},
    ),
    Case(
        MCPConnectionRejected("refused for good"),
        "refused for good",
        {**NO_DIAL, "status": None, "challenge": None, "tls_reason": None},
    ),
    Case(
        MCPConnectionRejected("refused for good", 401, "Bearer", "expired"),
        "refused for good",
        {**NO_DIAL, "status": 401, "challenge": "Bearer", "tls_reason": "expired"},
    ),
    Case(
        MCPConnectionLost("reset", True, "echo", 1011, "keepalive"),
        "echo: the connection was lost (reset): the request had been sent, so the server may have "
        "executed it; check its state before you repeat it",
        {
            **NO_DIAL,
            "cause": "reset",
            "maybe_executed": True,
            "method": "echo",
            "close_code": 1011,
            "close_reason": "keepalive",
        },
    ),
    Case(
        MCPConnectionLost("reset", False, "echo"),
        "echo: the connection was lost (reset): the request had not been sent, so it is safe to "
        "repeat it",
        {
            **NO_DIAL,
            "cause": "reset",
            "maybe_executed": False,
            "method": "echo",
            "close_code": None,
            "close_reason": "",
        },
    ),
    Case(
        MCPConnectionLost("reset", False),
        "the connection was lost (reset)",
        {
            **NO_DIAL,
            "cause": "reset",
            "maybe_executed": False,
            "method": None,
            "close_code": None,
            "close_reason": "",
        },
    ),
    Case(
        MCPConnectionLost("reset", True),
        "the connection was lost (reset): the request had been sent, so the server may have "
        "executed it; check its state before you repeat it",
        {
            **NO_DIAL,
            "cause": "reset",
            "maybe_executed": True,
            "method": None,
            "close_code": None,
            "close_reason": "",
        },
    ),
    Case(
        MCPOfflineError(3.14159, 2),
        "offline for 3.1 s with 2 queued calls; use offline='wait' or submit() to queue the call",
        {"attempts": 0, "last_error": None, "retry_after": None, "since": 3.14159, "queue_size": 2},
    ),
    Case(
        MCPOfflineError(60.0, 0, "refused", 6),
        "offline for 60.0 s with 0 queued calls, last error: refused; use offline='wait' or "
        "submit() to queue the call",
        {
            "attempts": 6,
            "last_error": "refused",
            "retry_after": None,
            "since": 60.0,
            "queue_size": 0,
        },
    ),
    Case(MCPClosedError(), "the client is closed; call connect() to open it again", NO_DIAL),
    Case(
        MCPClosedError("the client was closed under the call"),
        "the client was closed under the call; call connect() to open it again",
        NO_DIAL,
    ),
    Case(
        MCPClosedError().for_call("echo", True),
        "echo: the client is closed; call connect() to open it again; the request had been sent, "
        "so the server may have executed it; check its state before you repeat it",
        {**NO_DIAL, "method": "echo", "maybe_executed": True},
    ),
    Case(
        MCPConnectionError("nobody there", 6, "refused", 2.5).for_call("echo", False),
        "echo: nobody there; the request had not been sent",
        {
            "attempts": 6,
            "last_error": "refused",
            "retry_after": 2.5,
            "method": "echo",
            "maybe_executed": False,
        },
    ),
    Case(
        MCPConnectionRejected("refused for good", 401).for_call("echo", False, "it is kept"),
        "echo: refused for good; it is kept",
        {
            **NO_DIAL,
            "status": 401,
            "challenge": None,
            "tls_reason": None,
            "method": "echo",
            "maybe_executed": False,
        },
    ),
    Case(
        MCPTimeoutError("echo", 30.0, True, "the answer"),
        "echo: not done within 30 s (sent), waiting for the answer",
        {"method": "echo", "timeout": 30.0, "sent": True, "waiting_for": "the answer"},
    ),
    Case(
        MCPTimeoutError("echo", 0.25, False, "a connection"),
        "echo: not done within 0.25 s (not sent), waiting for a connection",
        {"method": "echo", "timeout": 0.25, "sent": False, "waiting_for": "a connection"},
    ),
    Case(
        MCPTimeoutError("echo", None, False, "a connection"),
        "echo: not done in time (not sent), waiting for a connection",
        {"method": "echo", "timeout": None, "sent": False, "waiting_for": "a connection"},
    ),
    Case(
        MCPCancelledError("echo"),
        "echo: cancelled, withdrawn by the caller",
        {"method": "echo", "reason": "withdrawn by the caller"},
    ),
    Case(
        MCPCancelledError("echo", "the queue was cleared"),
        "echo: cancelled, the queue was cleared",
        {"method": "echo", "reason": "the queue was cleared"},
    ),
    Case(
        MCPQueueFullError("pending calls", 4096, 4096),
        "pending calls full: 4096 of 4096 calls; retry later or raise it",
        {
            "what": "pending calls",
            "size": 4096,
            "limit": 4096,
            "size_bytes": None,
            "limit_bytes": None,
        },
    ),
    Case(
        MCPQueueFullError("offline queue", 3, 1000, 80, 100),
        "offline queue full: 3 of 1000 calls, 80 of 100 bytes; retry later or raise it",
        {
            "what": "offline queue",
            "size": 3,
            "limit": 1000,
            "size_bytes": 80,
            "limit_bytes": 100,
        },
    ),
    Case(
        MCPProtocolError("the message is not JSON"),
        "the message is not JSON",
        {"rule": "the message is not JSON", "received": None},
    ),
    Case(
        MCPProtocolError("the message is not JSON", LONG),
        f"the message is not JSON: received {CUT}",
        {"rule": "the message is not JSON", "received": CUT},
    ),
    Case(
        MCPProtocolError("an object is needed", []),
        "an object is needed: received []",
        {"rule": "an object is needed", "received": "[]"},
    ),
    Case(
        MCPMessageTooLarge(12, 10, "outbound", "send less"),
        "outbound message of 12 bytes is over the limit of 10; send less",
        {
            "rule": "outbound message of 12 bytes is over the limit of 10; send less",
            "received": None,
            "size": 12,
            "limit": 10,
            "direction": "outbound",
        },
    ),
    Case(
        MCPMessageTooLarge(12, None, "outbound"),
        "outbound message of 12 bytes is over the peer's limit",
        {
            "rule": "outbound message of 12 bytes is over the peer's limit",
            "received": None,
            "size": 12,
            "limit": None,
            "direction": "outbound",
        },
    ),
    Case(
        MCPResponseError(-32601, "no such method", {"at": 1}, "echo"),
        "echo: server error -32601: no such method",
        {
            "code": -32601,
            "error_message": "no such method",
            "data": {"at": 1},
            "method": "echo",
        },
    ),
    Case(
        MCPResponseError(-32603, LONG, None, "echo"),
        f"echo: server error -32603: {CUT}",
        {"code": -32603, "error_message": LONG, "data": None, "method": "echo"},
    ),
    Case(
        MCPToolError("add", LONG, {"isError": True}),
        f"tool add failed: {CUT}",
        {"tool": "add", "text": LONG, "result": {"isError": True}},
    ),
]

each_case = pytest.mark.parametrize("case", CASES, ids=lambda case: str(case.error)[:40])

TREE = {
    MCPError: (Exception,),
    MCPConfigurationError: (MCPError, ValueError),
    MCPConnectionError: (MCPError, ConnectionError),
    MCPConnectionRejected: (MCPConnectionError,),
    MCPConnectionLost: (MCPConnectionError,),
    MCPOfflineError: (MCPConnectionError,),
    MCPClosedError: (MCPConnectionError,),
    MCPTimeoutError: (MCPError, TimeoutError),
    MCPCancelledError: (MCPError, concurrent.futures.CancelledError),
    MCPQueueFullError: (MCPError,),
    MCPProtocolError: (MCPError,),
    MCPMessageTooLarge: (MCPProtocolError,),
    MCPResponseError: (MCPError,),
    MCPToolError: (MCPError,),
}


def public_errors() -> set[type]:
    named = (getattr(mcp_sync.errors, name) for name in mcp_sync.errors.__all__)
    return {value for value in named if isinstance(value, type)}


def test_the_tree_of_errors_is_the_one_of_the_design() -> None:
    assert {kind: kind.__bases__ for kind in public_errors()} == TREE


def test_every_error_has_a_case_here_and_a_name_in_the_package() -> None:
    assert {type(case.error) for case in CASES} == public_errors()
    assert {kind.__name__ for kind in public_errors()} <= set(mcp_sync.__all__)


@each_case
def test_an_error_makes_one_sentence(case: Case) -> None:
    assert str(case.error) == case.sentence


@each_case
def test_an_error_keeps_its_facts_as_attributes_and_no_others(case: Case) -> None:
    assert vars(case.error) == case.facts


def through_pickle(protocol: int) -> Callable[[Any], Any]:
    return lambda error: pickle.loads(pickle.dumps(error, protocol))


TRAVELS = {
    **{f"pickle-{number}": through_pickle(number) for number in range(pickle.HIGHEST_PROTOCOL + 1)},
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


@each_case
@pytest.mark.parametrize("travel", TRAVELS.values(), ids=TRAVELS)
def test_an_error_arrives_as_it_left(case: Case, travel: Callable[[Any], Any]) -> None:
    arrived = travel(case.error)
    assert type(arrived) is type(case.error)
    assert str(arrived) == case.sentence
    assert arrived.args == case.error.args
    assert vars(arrived) == case.facts


@pytest.mark.parametrize("travel", TRAVELS.values(), ids=TRAVELS)
@pytest.mark.parametrize("kind", [MCPConnectionLost, MCPTimeoutError, MCPCancelledError])
def test_an_error_keeps_the_notes_that_were_added_to_it(
    kind: type[MCPError], travel: Callable[[Any], Any]
) -> None:
    error = kind("echo", 1.0, True, "x") if kind is MCPTimeoutError else kind("echo", True)
    error.add_note("the third of five")
    assert travel(error).__notes__ == ["the third of five"]


def test_an_error_of_a_user_who_derives_from_ours_travels_too() -> None:
    error = pickle.loads(pickle.dumps(Derived("lost")))
    assert isinstance(error, Derived)
    assert (str(error), error.extra) == ("the connection was lost (lost)", 7)


class Derived(MCPConnectionLost):
    """A constructor unlike that of its base."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause, False)
        self.extra = 7


def test_an_error_that_ended_many_calls_is_itself_about_none_of_them() -> None:
    error = MCPConnectionRejected("refused for good", 401)
    error.__cause__ = OSError("reset")
    one = error.for_call("echo", True)
    assert one.__cause__ is error.__cause__
    assert (error.method, error.maybe_executed, str(error)) == (None, False, "refused for good")


def test_the_half_that_is_an_oserror_has_no_errno() -> None:
    for error in (MCPConnectionError("gone"), MCPTimeoutError("echo", 1.0, False, "x")):
        assert (error.errno, error.strerror) == (None, None)


def test_code_that_knows_nothing_of_this_package_catches_what_it_knows() -> None:
    with pytest.raises(ConnectionError):
        raise MCPClosedError
    with pytest.raises(TimeoutError):
        raise MCPTimeoutError("echo", 1.0, False, "x")
    with pytest.raises(concurrent.futures.CancelledError):
        raise MCPCancelledError("echo")
    with pytest.raises(ValueError, match=r"^port=0 must be above 0$"):
        raise MCPConfigurationError("port", 0, "must be above 0")


class Unshowable:
    """Something that cannot even say what it is."""

    def __repr__(self) -> str:
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(Unshowable(), "<Unshowable>"), (10**5000, "<int>"), (None, "None")],
    ids=["its repr raises", "an int of 5000 digits", "None"],
)
def test_a_setting_is_refused_even_if_its_value_cannot_be_shown(value: object, shown: str) -> None:
    assert str(MCPConfigurationError("a", value, "is bad")) == f"a={shown} is bad"


@pytest.mark.parametrize(
    ("text", "limit", "short"),
    [
        ("", 200, ""),
        ("x" * 200, 200, "x" * 200),
        (LONG, 200, CUT),
        ("abcd", 3, "abc… (4 characters)"),
        (12345, 3, "123… (5 characters)"),
        (ValueError("bad"), 200, "bad"),
    ],
)
def test_shorten_cuts_and_tells_how_much_there_was(text: object, limit: int, short: str) -> None:
    assert shorten(text, limit) == short
