"""Every error that the recorded server answers gets its kind, its facts and one short sentence."""

from __future__ import annotations

import copy
import pickle
import re

import pytest

from mcp_sync.errors import MCPError, MCPResponseError
from mcp_sync.protocol import compareblocks_errors as kinds
from mcp_sync.protocol.compareblocks_errors import (
    ERRORS_BY_PREFIX,
    CompareblocksError,
    ExtractionFailed,
    InvalidExtractionSubmission,
    InvalidPdfPath,
    InvalidRequest,
    InvalidResultsRequest,
    InvalidStatusRequest,
    InvalidSubmission,
    InvalidSubscriptionRequest,
    InvalidVariationLine,
    MethodNotFound,
    PdfNotFound,
    SessionNotCompleted,
    SessionNotFound,
    UnserialisableSubmission,
    compareblocks_error,
    describe,
)
from recorded import Exchange, by_case, exchanges

SCHEMA = "Schema validation error: "

MESSAGES = [
    ("Session not found: nope", SessionNotFound, "session_id", "nope"),
    ("Session not found: ", SessionNotFound, "session_id", ""),
    ("Session not completed: error", SessionNotCompleted, "status", "error"),
    (
        f"Invalid extraction submission: {SCHEMA}1 x",
        InvalidExtractionSubmission,
        "violation",
        "1 x",
    ),
    ("Invalid extraction submission: PDF file not found: a.pdf", PdfNotFound, "pdf_path", "a.pdf"),
    ("Invalid extraction submission: new", InvalidExtractionSubmission, "violation", "new"),
    ("Invalid PDF path: Path is not a file: .", InvalidPdfPath, "reason", "Path is not a file: ."),
    ("Status request validation error: 5 x", InvalidStatusRequest, "violation", "5 x"),
    ("Results request validation error: 5 x", InvalidResultsRequest, "violation", "5 x"),
    ("Subscription request validation error: 5 x", InvalidSubscriptionRequest, "violation", "5 x"),
    ("'list' object has no attribute 'get'", CompareblocksError, "detail", None),
    ("session not found: nope", CompareblocksError, "detail", None),
    ("", CompareblocksError, "detail", ""),
]


@pytest.mark.parametrize(("message", "kind", "fact", "value"), MESSAGES)
def test_the_beginning_of_the_message_tells_the_kind(
    message: str, kind: type[CompareblocksError], fact: str, value: str | None
) -> None:
    error = compareblocks_error(-32603, message, None, "get_status")
    assert type(error) is kind
    assert getattr(error, fact) == (message if value is None else value)
    assert (error.code, error.error_message, error.data, error.method) == (
        -32603,
        message,
        None,
        "get_status",
    )
    assert str(error).startswith(f"get_status: server error -32603: {message}")


@pytest.mark.parametrize(
    ("code", "message", "kind"),
    [
        (-32600, "Method 'a'b' not found", MethodNotFound),
        (-32601, "Method 'None' not found", MethodNotFound),
        (-32603, "Method 'x' not found", CompareblocksError),
        (-32600, "Invalid JSON-RPC version", CompareblocksError),
        (-32700, "Invalid JSON: Expecting value", CompareblocksError),
    ],
)
def test_an_unknown_method_is_told_by_its_code_too(
    code: int, message: str, kind: type[CompareblocksError]
) -> None:
    error = compareblocks_error(code, message, None, "ping")
    assert type(error) is kind
    if isinstance(error, MethodNotFound):
        assert error.name == message[len("Method '") : -len("' not found")]


FAILED = [exchange for exchange in exchanges() if exchange.error_message]

GENERIC = re.compile(r"'\w+' object has no attribute|Invalid JSON")


@pytest.mark.parametrize("exchange", FAILED, ids=by_case)
def test_every_recorded_error_has_its_kind(exchange: Exchange) -> None:
    answer = exchange.answer["error"]
    error = compareblocks_error(answer["code"], answer["message"], answer["data"], "m")
    is_generic = type(error) is CompareblocksError
    assert is_generic == bool(GENERIC.match(answer["message"]))


def test_the_recording_holds_an_error_of_every_kind() -> None:
    answers = [exchange.answer["error"] for exchange in FAILED]
    seen = {type(compareblocks_error(a["code"], a["message"], None, "m")) for a in answers}
    assert seen == {*ERRORS_BY_PREFIX.values(), MethodNotFound, CompareblocksError}


def test_no_prefix_hides_a_longer_one_behind_it() -> None:
    prefixes = list(ERRORS_BY_PREFIX)
    assert all(prefixes)
    hidden = [
        (first, later)
        for at, first in enumerate(prefixes)
        for later in prefixes[at + 1 :]
        if later.startswith(first)
    ]
    assert hidden == []


def test_kinds_can_be_caught_together() -> None:
    missing = compareblocks_error(-32603, PdfNotFound.prefix + "a.pdf", None, "m")
    assert isinstance(missing, InvalidExtractionSubmission)
    for kind in (
        InvalidExtractionSubmission,
        InvalidStatusRequest,
        InvalidResultsRequest,
        InvalidSubscriptionRequest,
    ):
        assert issubclass(kind, InvalidRequest)
    for kind in ERRORS_BY_PREFIX.values():
        assert issubclass(kind, MCPResponseError)


def test_a_message_is_kept_whole_and_its_sentence_cut_short() -> None:
    message = SessionNotFound.prefix + "x" * 300_000
    error = compareblocks_error(-32603, message, None, "get_status")
    assert error.error_message == message
    assert isinstance(error, SessionNotFound)
    assert len(error.session_id) == 300_000
    assert len(str(error)) < 500
    assert str(error).endswith("a restart of the server forgets them")


def examples() -> list[MCPError]:
    table = [compareblocks_error(-32603, message, {"a": 1}, "m") for message, *_ in MESSAGES]
    return [
        ExtractionFailed("s-1", "document closed or encrypted", 0.3),
        *table,
        compareblocks_error(-32600, "Method 'x' not found", None, "x"),
        kinds.InvalidParams("get_results", "format", "must be one of a, b", "'c'"),
        InvalidSubmission("page", "must be a number", "'1'", 3, "engine 'e'"),
        UnserialisableSubmission("metadata.a", "is no JSON", "b''"),
        InvalidVariationLine("a.ndjson", 7, "page=0 must be at least 1"),
    ]


@pytest.mark.parametrize("error", examples(), ids=lambda error: type(error).__name__)
def test_an_error_survives_pickling_and_copying_with_its_facts(error: MCPError) -> None:
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error), copy.deepcopy(error)):
        assert type(twin) is type(error)
        assert str(twin) == str(error)
        assert vars(twin) == vars(error)


def test_every_public_kind_is_among_the_pickled() -> None:
    defined = {
        value
        for value in vars(kinds).values()
        if isinstance(value, type) and value.__module__ == kinds.__name__
    }
    assert {type(error) for error in examples()} == defined - {InvalidRequest}


def test_local_errors_name_the_place_the_value_and_the_rule() -> None:
    assert str(InvalidSubmission("page", "must be 1", "0", 3, "engine 'e'")) == (
        "variations[3] (engine 'e'): page=0 must be 1"
    )
    assert str(InvalidSubmission("page", "is missing", index=3)) == "variations[3]: page is missing"
    assert str(InvalidSubmission("pdf_path", "must be text", "5")) == "pdf_path=5 must be text"
    assert str(InvalidSubmission("", "must be a mapping", "5", 0)) == (
        "variations[0]: 5 must be a mapping"
    )
    assert str(InvalidVariationLine("a.ndjson", 7, "page=0 must be 1")) == (
        "a.ndjson, line 7: page=0 must be 1"
    )


def test_local_errors_are_value_errors() -> None:
    for error in examples()[-4:]:
        assert isinstance(error, ValueError)
    assert isinstance(examples()[-2], TypeError)


def test_a_description_is_short_however_large_the_value() -> None:
    deep: list[object] = []
    deep.extend([deep] * 9)
    for value in ("x" * 10**6, [["y" * 1000] * 1000] * 1000, {"k" * 99: deep}, 10**3000):
        assert len(describe(value)) < 300
    assert describe("abc") == "'abc'"
    assert describe(None) == "None"
