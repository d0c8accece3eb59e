"""Bad input to a compareblocks server is refused before it is sent, by the server's own rules.

The judge is the recording: what the real server refused by its schema is refused here, what it
took is taken here, and each deliberate difference is listed with its reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from mcp_sync.protocol.compareblocks_errors import (
    InvalidParams,
    InvalidRequest,
    InvalidSubmission,
    PdfNotFound,
    compareblocks_error,
)
from mcp_sync.protocol.compareblocks_requests import (
    results_params,
    status_params,
    subscription_params,
)
from mcp_sync.protocol.compareblocks_submission import validate_submission, validate_variation
from mcp_sync.types.compareblocks import Variation
from recorded import Exchange, by_case, exchanges

GOOD: dict[str, Any] = {"doc_id": "d", "engine": "e", "raw_text": "Hello", "page": 1}

DELIBERATE = {
    "submit-valid/nan-in-metadata": "NaN is no JSON, and makes the answer to get_status none",
    "submit-invalid/metadata-null": "None means absent in Python; the key is not sent",
    "submit-invalid/path-empty": "'' is the server's working directory, which is no PDF",
    "get_status/empty-session-id": "'' would silently ask for the whole server",
    "get_status/null-session-id": "None means absent in Python; the key is not sent",
    "get_results/empty-session-id": "'' can be no session",
    "subscribe/empty-list": "a subscription to nothing is a mistake of the caller",
}
"""Where we decide otherwise than the server, and why."""

DEFAULTS = {"format": "json", "include_details": False, "include_analytics": False}
"""What the server takes a missing key for."""

IGNORED = {"foo", "unknown_param", "__proto__"}
"""Recorded params that the server ignored and that our methods have no argument for."""


def was_refused_by_schema(exchange: Exchange) -> bool:
    if "error" not in exchange.answer:
        return False
    error = compareblocks_error(-32603, exchange.error_message, None, "any")
    return isinstance(error, InvalidRequest) and not isinstance(error, PdfNotFound)


def submit(params: Mapping[str, Any]) -> dict[str, Any]:
    return validate_submission(
        params.get("pdf_path"), params.get("variations"), params.get("metadata")
    )


OURS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "submit_extraction": submit,
    "get_status": lambda params: status_params(
        params.get("session_id"), params.get("include_details", False)
    ),
    "get_results": lambda params: results_params(
        params.get("session_id"),
        params.get("format", "json"),
        params.get("include_analytics", False),
    ),
    "subscribe_updates": lambda params: subscription_params(params.get("event_types")),
    "unsubscribe_updates": lambda params: subscription_params(
        params.get("event_types"), "unsubscribe_updates"
    ),
}

JUDGED = [
    exchange
    for method in OURS
    for exchange in exchanges(method)
    # Params that are no object cannot be given to a method of the client.
    if not exchange.params or isinstance(exchange.params, dict)
]
REFUSED = [exchange for exchange in JUDGED if was_refused_by_schema(exchange)]
TAKEN = [exchange for exchange in JUDGED if not was_refused_by_schema(exchange)]


@pytest.mark.parametrize("exchange", [e for e in REFUSED if e.case not in DELIBERATE], ids=by_case)
def test_what_the_server_refused_by_its_schema_is_refused_before_sending(
    exchange: Exchange,
) -> None:
    with pytest.raises(InvalidParams):
        OURS[exchange.request["method"]](exchange.params or {})


@pytest.mark.parametrize("exchange", [e for e in TAKEN if e.case not in DELIBERATE], ids=by_case)
def test_what_the_server_took_is_taken_and_sent_as_it_was_given(exchange: Exchange) -> None:
    given = {key: value for key, value in (exchange.params or {}).items() if key not in IGNORED}
    sent = OURS[exchange.request["method"]](given)
    if "event_types" in given:
        given["event_types"] = list(dict.fromkeys(given["event_types"]))
    assert {**DEFAULTS, **sent} == {**DEFAULTS, **given}


@pytest.mark.parametrize("case", DELIBERATE)
def test_each_deliberate_difference_is_still_one(case: str) -> None:
    (exchange,) = [one for one in JUDGED if one.case == case]
    ours = OURS[exchange.request["method"]]
    if was_refused_by_schema(exchange):
        assert None not in ours(exchange.params).values()
    else:
        with pytest.raises(InvalidParams):
            ours(exchange.params)


def test_the_recording_holds_enough_of_both_kinds_to_judge_by() -> None:
    submissions = [e for e in JUDGED if e.request["method"] == "submit_extraction"]
    assert len([e for e in submissions if e in REFUSED]) >= 40
    assert len([e for e in submissions if e in TAKEN]) >= 35
    assert len(REFUSED) >= 58
    assert len(TAKEN) >= 100


NOT_FINITE = [math.nan, math.inf, -math.inf, 10**400]

RULES: list[tuple[str, list[Any], list[Any]]] = [
    ("doc_id", ["d", "", "ü\ud800"], [None, 1, b"d", ["d"], True]),
    ("engine", ["e", ""], [None, 1, {}]),
    ("raw_text", ["", "x" * 100_000], [None, 0, ["x"]]),
    ("page", [1, 1.0, 10**6], [0, -1, 1.5, True, "1", None, [1], *NOT_FINITE]),
    ("block_id", ["b", ""], [None, 1]),
    (
        "bbox",
        [[0, 0, 1, 1], (0.5, -1, 1e300, 0), [0.0] * 4],
        [None, [], [0, 0, 1], [0] * 5, {"x": 0}, "0011", b"0011", 4, {1, 2, 3, 4}],
    ),
    ("bbox", [[0, 0, 1, 1]], [[True, 0, 0, 1], ["0"] * 4, [None] * 4, [[0]] * 4]),
    ("bbox", [[0, 0, 1, 1]], [[bad, 0, 0, 1] for bad in NOT_FINITE]),
    ("confidence", [0, 1, 0.0, 1.0, 0.5], [-0.1, 1.1, 2, "0.5", True, None, *NOT_FINITE]),
    ("orientation", [0, -90, 359.5], ["90", None, False, *NOT_FINITE]),
    ("metadata", [{}, {"a": [1, {"b": None}]}], [None, [], "x", 1, {"a": math.nan}]),
]
"""A key of a variation, what it may be, and what it may not."""

ACCEPTED = [(key, value) for key, good, _ in RULES for value in good]
UNACCEPTABLE = [(key, value) for key, _, bad in RULES for value in bad]


def short_id(value: object) -> str:
    return repr(value)[:24]


@pytest.mark.parametrize(("key", "value"), ACCEPTED, ids=short_id)
def test_a_variation_within_the_rules_goes_on_the_wire_as_it_is(key: str, value: Any) -> None:
    sent = validate_variation({**GOOD, key: value})
    assert sent == {**GOOD, key: list(value) if isinstance(value, tuple) else value}


@pytest.mark.parametrize(("key", "value"), UNACCEPTABLE, ids=short_id)
def test_a_variation_that_breaks_a_rule_is_named_with_its_key(key: str, value: Any) -> None:
    with pytest.raises(InvalidSubmission) as caught:
        validate_submission("a.pdf", [GOOD, GOOD, {**GOOD, key: value}])
    assert caught.value.index == 2
    assert caught.value.key.startswith(key)
    assert caught.value.given is not None
    assert caught.value.rule in str(caught.value)
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("key", GOOD)
def test_a_variation_without_a_required_key_is_refused(key: str) -> None:
    with pytest.raises(InvalidSubmission, match=f"{key} is missing") as caught:
        validate_variation({name: value for name, value in GOOD.items() if name != key})
    assert caught.value.key == key
    assert caught.value.given is None


@pytest.mark.parametrize("key", ["text", "Page", "", 1, None])
def test_a_variation_with_any_other_key_is_refused(key: Any) -> None:
    with pytest.raises(InvalidSubmission, match="is not allowed: the keys are doc_id, engine"):
        validate_variation({**GOOD, key: "x"})


@pytest.mark.parametrize("value", [None, "x", 5, [], [GOOD]], ids=short_id)
def test_what_is_no_mapping_is_no_variation(value: Any) -> None:
    with pytest.raises(InvalidSubmission, match=r"variations\[0\]: .* must be a Variation"):
        validate_submission("a.pdf", [value])


@pytest.mark.parametrize(
    "variations", [None, 5, "x", b"x", {}, GOOD, Variation(**GOOD)], ids=short_id
)
def test_variations_that_are_no_collection_of_variations_are_refused(variations: Any) -> None:
    with pytest.raises(InvalidSubmission, match="must be a list or another iterable") as caught:
        validate_submission("a.pdf", variations)
    assert caught.value.key == "variations"
    assert caught.value.index is None


@pytest.mark.parametrize("pdf_path", [None, "", b"a.pdf", 5, ["a.pdf"]], ids=short_id)
def test_a_pdf_path_that_is_no_text_is_refused(pdf_path: Any) -> None:
    with pytest.raises(InvalidSubmission, match="path on the server") as caught:
        validate_submission(pdf_path, [GOOD])
    assert caught.value.key == "pdf_path"


@pytest.mark.parametrize("key", ["engine_name", "engine_version", "processing_timestamp"])
@pytest.mark.parametrize("value", [1, None, ["x"]], ids=short_id)
def test_submission_metadata_that_the_server_wants_as_strings_are(key: str, value: Any) -> None:
    with pytest.raises(InvalidSubmission, match="must be a string") as caught:
        validate_submission("a.pdf", [], {key: value})
    assert caught.value.key == f"metadata.{key}"
    assert validate_submission("a.pdf", [], {key: "x"})["metadata"] == {key: "x"}


@pytest.mark.parametrize("value", ["x", None, []], ids=short_id)
def test_the_configuration_in_submission_metadata_is_an_object(value: Any) -> None:
    with pytest.raises(InvalidSubmission, match=r"metadata\.configuration=.* must be an object"):
        validate_submission("a.pdf", [], {"configuration": value})
    sent = validate_submission("a.pdf", [], {"configuration": {"a": 1}, "more": [None]})
    assert sent["metadata"] == {"configuration": {"a": 1}, "more": [None]}


@pytest.mark.parametrize("value", [[], "x", 5], ids=short_id)
def test_submission_metadata_is_an_object(value: Any) -> None:
    with pytest.raises(InvalidSubmission, match=r"metadata=.* must be an object"):
        validate_submission("a.pdf", [], value)


def test_the_first_broken_rule_is_told_in_one_sentence() -> None:
    bad = {**GOOD, "engine": "tesseract", "block_id": "b7", "page": 0}
    with pytest.raises(ValueError, match="page") as caught:
        validate_submission("a.pdf", [Variation(**GOOD), bad])
    assert str(caught.value) == (
        "variations[1] (engine 'tesseract', block_id 'b7'): "
        "page=0 must be a whole number of at least 1"
    )
