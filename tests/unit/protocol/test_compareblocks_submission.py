"""How a submission is made from what a caller gives; its rules are in ``test_mcp_validation``."""

from __future__ import annotations

import enum
import json
import math
from collections.abc import Iterator
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Real
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

import pytest

from mcp_sync.errors import MCPError, MCPMessageTooLarge
from mcp_sync.protocol.compareblocks import MAX_REQUEST_SIZE
from mcp_sync.protocol.compareblocks_errors import InvalidSubmission, UnserialisableSubmission
from mcp_sync.protocol.compareblocks_submission import (
    MAX_METADATA_DEPTH,
    validate_submission,
    validate_variation,
)
from mcp_sync.types.compareblocks import Variation

GOOD: dict[str, Any] = {"doc_id": "d", "engine": "e", "raw_text": "Hello", "page": 1}


def test_values_and_mappings_of_any_iterable_go_on_the_wire_in_order() -> None:
    given = (
        Variation(**GOOD, block_id="b", bbox=[0, 0.5, 1, 1], confidence=1),
        MappingProxyType({**GOOD, "page": 2}),
    )
    assert validate_submission("a.pdf", iter(given)) == {
        "pdf_path": "a.pdf",
        "variations": [
            {**GOOD, "block_id": "b", "bbox": [0, 0.5, 1, 1], "confidence": 1},
            {**GOOD, "page": 2},
        ],
    }


def test_no_variations_at_all_are_a_submission() -> None:
    assert validate_submission("a.pdf", []) == {"pdf_path": "a.pdf", "variations": []}


def test_a_path_object_is_sent_as_its_text_and_never_looked_for() -> None:
    sent = validate_submission(PurePosixPath("no/such/folder/a.pdf"), [])
    assert sent["pdf_path"] == "no/such/folder/a.pdf"


def test_a_path_object_whose_text_is_bytes_is_refused() -> None:
    class Odd:
        def __fspath__(self) -> bytes:
            return b"a.pdf"

    with pytest.raises(InvalidSubmission, match="path on the server"):
        validate_submission(Odd(), [])


def test_later_changes_of_the_arguments_do_not_reach_the_params() -> None:
    metadata = {"configuration": {"list": [1]}}
    variation = {**GOOD, "bbox": [0, 0, 1, 1], "metadata": {"deep": {"list": [1]}}}
    variations = [variation]
    sent = validate_submission("a.pdf", variations, metadata)
    before = json.dumps(sent)
    metadata["configuration"]["list"].append(2)
    variation["bbox"].append(5)
    variation["metadata"]["deep"]["list"].append(2)
    variation["page"] = 9
    variations.clear()
    assert json.dumps(sent) == before


def test_subclasses_of_plain_types_become_plain() -> None:
    class Text(str):
        __slots__ = ()

    class Level(enum.IntEnum):
        HIGH = 2

    sent = validate_variation(
        {**GOOD, "engine": Text("e"), "page": Level.HIGH, "metadata": {Text("k"): (Text("v"),)}}
    )
    assert sent == {**GOOD, "page": 2, "metadata": {"k": ["v"]}}
    assert type(sent["engine"]) is str
    assert type(sent["page"]) is int
    assert {type(key) for key in sent["metadata"]} == {str}
    assert type(sent["metadata"]["k"][0]) is str


class Foreign:
    """A number of a numerical library: registered with the abstract class, no subclass of float."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __float__(self) -> float:
        return float(self.value)

    def __int__(self) -> int:
        return int(self.value)


class ForeignInteger(Foreign):
    pass


Real.register(Foreign)
Integral.register(ForeignInteger)


def test_real_numbers_of_other_libraries_are_sent_as_numbers() -> None:
    sent = validate_variation(
        {**GOOD, "page": ForeignInteger(3), "confidence": Foreign(0.5), "orientation": Fraction(1)}
    )
    assert [sent["page"], sent["confidence"], sent["orientation"]] == [3, 0.5, 1.0]
    assert [type(sent[key]) for key in ("page", "confidence", "orientation")] == [int, float, float]


def kind(value: object) -> str:
    return type(value).__name__


@pytest.mark.parametrize("value", [Decimal("0.5"), 0.5j, Foreign(math.nan)], ids=kind)
def test_numbers_without_a_json_form_are_refused(value: Any) -> None:
    with pytest.raises(InvalidSubmission, match=r"confidence=.* must be a .*number"):
        validate_variation({**GOOD, "confidence": value})


@pytest.mark.parametrize("value", [object(), b"x", {1}, Decimal(1), 0.5j], ids=kind)
def test_what_has_no_json_form_is_a_type_error_that_names_the_path(value: Any) -> None:
    with pytest.raises(TypeError, match="which is not JSON") as caught:
        validate_submission("a.pdf", [GOOD, {**GOOD, "metadata": {"a": [0, {"b": value}]}}])
    assert isinstance(caught.value, UnserialisableSubmission)
    assert isinstance(caught.value, MCPError)
    assert caught.value.index == 1
    assert caught.value.key == "metadata.a[1].b"


@pytest.mark.parametrize("name", [1, None, True, ("a",)], ids=repr)
def test_keys_of_metadata_are_strings(name: Any) -> None:
    with pytest.raises(TypeError, match=r"a key of metadata\.a=.* convert it to a string"):
        validate_submission("a.pdf", [], {"a": {name: 1}})


def nested(levels: int) -> dict[str, Any]:
    value: Any = 1
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


def test_metadata_nest_to_the_limit_and_no_deeper() -> None:
    deepest = nested(MAX_METADATA_DEPTH)
    assert validate_submission("a.pdf", [], deepest)["metadata"] == deepest
    with pytest.raises(InvalidSubmission, match="nested deeper than 100 levels"):
        validate_submission("a.pdf", [], nested(MAX_METADATA_DEPTH + 1))


def test_metadata_that_contain_themselves_are_refused() -> None:
    metadata: dict[str, Any] = {}
    metadata.update(a=metadata, b=metadata)
    with pytest.raises(InvalidSubmission, match="contains itself") as caught:
        validate_submission("a.pdf", [{**GOOD, "metadata": metadata}])
    assert len(caught.value.given) < 300


def endless(read: list[int]) -> Iterator[dict[str, Any]]:
    while True:
        read.append(1)
        yield {**GOOD, "raw_text": "x" * 1000}


def test_an_endless_iterable_is_given_up_once_it_can_fit_in_no_message() -> None:
    read: list[int] = []
    with pytest.raises(MCPMessageTooLarge, match="the rest was not read") as caught:
        validate_submission("a.pdf", endless(read))
    assert MAX_REQUEST_SIZE < caught.value.size < MAX_REQUEST_SIZE + 2000
    assert len(read) < MAX_REQUEST_SIZE / 1000
    assert caught.value.direction == "outbound"


def test_the_size_that_is_counted_while_reading_is_never_above_the_real_one() -> None:
    smallest = {"doc_id": "", "engine": "", "raw_text": "", "page": 1}
    one = len(json.dumps(smallest, separators=(",", ":"))) + 1
    fitting = MAX_REQUEST_SIZE // one
    assert len(validate_submission("a.pdf", [smallest] * fitting)["variations"]) == fitting
    with pytest.raises(MCPMessageTooLarge):
        validate_submission("a.pdf", [smallest] * (fitting + 1))


def test_an_error_of_the_iterable_reaches_the_caller_unchanged() -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield GOOD
        raise FileNotFoundError("variations.ndjson")

    with pytest.raises(FileNotFoundError, match=r"variations\.ndjson"):
        validate_submission("a.pdf", broken())


def test_a_sentence_stays_short_whatever_was_given() -> None:
    class Hostile:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    vast = {**GOOD, "engine": "e" * 10**6, "block_id": "b" * 10**6, "page": [["x" * 10**6] * 9] * 9}
    for bad in (vast, {**GOOD, "page": Hostile()}):
        with pytest.raises(InvalidSubmission) as caught:
            validate_variation(bad, 3)
        assert str(caught.value).startswith("variations[3] (engine 'e")
        assert len(str(caught.value)) < 600


def test_a_variation_by_itself_is_told_without_an_index() -> None:
    with pytest.raises(InvalidSubmission) as caught:
        validate_variation({**GOOD, "page": 0})
    assert str(caught.value) == "page=0 must be a whole number of at least 1"
    assert caught.value.index is None
