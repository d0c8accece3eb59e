from __future__ import annotations

from typing import Any

import pytest

from mcp_sync.embedded.schema import (
    RESULTS,
    STATUS,
    SUBMISSION,
    SUBSCRIPTION,
    first_violation,
)

VARIATION = {"doc_id": "d", "page": 1, "engine": "e", "raw_text": "t"}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"page": 1.0},
        {"block_id": "b", "bbox": [0, 0.5, 1, 1], "confidence": 1, "orientation": -90.0},
        {"metadata": {"any": [None]}},
    ],
)
def test_a_variation_that_fits_is_accepted(change: dict[str, Any]) -> None:
    params = {"pdf_path": "x.pdf", "variations": [VARIATION | change], "other": 1}
    assert first_violation(params, SUBMISSION) is None


@pytest.mark.parametrize(
    ("change", "violation"),
    [
        ({"page": 0}, "0 is less than the minimum of 1"),
        ({"page": True}, "True is not of type 'integer'"),
        ({"page": 1.5}, "1.5 is not of type 'integer'"),
        ({"page": float("inf")}, "inf is not of type 'integer'"),
        ({"raw_text": None}, "None is not of type 'string'"),
        ({"bbox": [1, 2, 3]}, "[1, 2, 3] is too short"),
        ({"bbox": [1, 2, 3, 4, 5]}, "[1, 2, 3, 4, 5] is too long"),
        ({"bbox": [1, 2, 3, False]}, "False is not of type 'number'"),
        ({"confidence": 1.1}, "1.1 is greater than the maximum of 1.0"),
        ({"metadata": []}, "[] is not of type 'object'"),
        ({"a": 1}, "Additional properties are not allowed ('a' was unexpected)"),
        ({"a": 1, "b": 2}, "Additional properties are not allowed ('a', 'b' were unexpected)"),
    ],
)
def test_a_variation_that_does_not_fit_is_refused_in_the_recorded_words(
    change: dict[str, Any], violation: str
) -> None:
    params = {"pdf_path": "x.pdf", "variations": [VARIATION, VARIATION | change]}
    assert first_violation(params, SUBMISSION) == violation


@pytest.mark.parametrize(
    ("params", "schema", "violation"),
    [
        ([], SUBMISSION, "[] is not of type 'object'"),
        ({}, SUBMISSION, "'pdf_path' is a required property"),
        ({"session_id": 5}, STATUS, "5 is not of type 'string'"),
        ({"include_details": 1}, STATUS, "1 is not of type 'boolean'"),
        (
            {"session_id": "s", "format": "xml"},
            RESULTS,
            "'xml' is not one of ['ndjson', 'json', 'summary']",
        ),
        (
            {"event_types": ["error", "bogus"]},
            SUBSCRIPTION,
            "'bogus' is not one of ['status_update', 'processing_complete', 'error']",
        ),
    ],
)
def test_other_params_are_refused_in_the_recorded_words(
    params: Any, schema: dict[str, Any], violation: str
) -> None:
    assert first_violation(params, schema) == violation
