from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_sync.embedded import consensus
from mcp_sync.embedded.consensus import Block, decide, group_blocks, overlap
from mcp_sync.embedded.sample import sample_directory


def nothing() -> None:
    """A checkpoint that lets the work go on."""


def reading(text: str, engine: str = "e", **more: Any) -> dict[str, Any]:
    return {"doc_id": "d", "page": 1, "engine": engine, "raw_text": text, **more}


def block(*variations: dict[str, Any]) -> Block:
    return Block("b", 1, list(variations))


def test_variations_with_the_same_block_id_are_one_block_wherever_they_are() -> None:
    blocks = group_blocks(
        [
            reading("a", block_id="1", page=1),
            reading("b", block_id="2"),
            reading("c", block_id="1", page=2),
        ],
        nothing,
    )
    assert [(b.block_id, [v["raw_text"] for v in b.variations]) for b in blocks] == [
        ("1", ["a", "c"]),
        ("2", ["b"]),
    ]


def test_without_an_id_those_that_overlap_by_more_than_half_on_one_page_are_one_block() -> None:
    blocks = group_blocks(
        [
            reading("a", bbox=[0, 0, 100, 10]),
            reading("b", bbox=[10, 0, 100, 10]),
            reading("c", bbox=[60, 0, 100, 10]),
            reading("d", bbox=[0, 0, 100, 10], page=2),
            reading("e", bbox=[0, 0, 100, 10], page=1.0),
        ],
        nothing,
    )
    assert [[v["raw_text"] for v in b.variations] for b in blocks] == [
        ["a", "b", "e"],
        ["c"],
        ["d"],
    ]


def test_a_variation_without_an_id_joins_a_named_block_that_it_overlaps() -> None:
    box = [0, 0, 10, 10]
    blocks = group_blocks([reading("a", block_id="x", bbox=box), reading("b", bbox=box)], nothing)
    assert [(b.block_id, len(b.variations)) for b in blocks] == [("x", 2)]


def test_a_variation_with_neither_id_nor_box_is_a_block_of_its_own() -> None:
    blocks = group_blocks(
        [reading("a"), reading("a"), reading("a", block_id="page-1-block-2")], nothing
    )
    assert [b.block_id for b in blocks] == ["page-1-block-1", "page-1-block-2", "page-1-block-2"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        ([0, 0, 10, 10], [0, 0, 10, 10], 1.0),
        ([0, 0, 10, 10], [5, 0, 10, 10], 1 / 3),
        ([0, 0, 10, 10], [10, 0, 10, 10], 0.0),
        ([0, 0, 10, 10], [0, 20, 10, 10], 0.0),
        ([0, 0, -10, 10], [0, 0, 10, 10], 0.0),
        ([0, 0, 0, 0], [0, 0, 0, 0], 0.0),
    ],
)
def test_overlap_is_intersection_over_union(
    one: list[float], other: list[float], expected: float
) -> None:
    assert overlap(one, other) == pytest.approx(expected)
    assert overlap(other, one) == pytest.approx(expected)


def test_the_text_that_agrees_best_with_the_others_is_selected() -> None:
    decision = decide(
        block(
            reading("The gauge st4nds at tbe pier.", "one"),
            reading("The gauge stands at the pier.", "two"),
            reading("The gauge stands at the píer.", "three"),
        ),
        nothing,
    )
    assert decision["decision"] == "auto_selected"
    assert decision["selected_text"] == "The gauge stands at the pier."
    assert decision["selected_engine"] == "two"
    assert [entry["engine"] for entry in decision["scores"]] == ["one", "two", "three"]
    assert decision["score"] == max(entry["score"] for entry in decision["scores"]) < 1
    assert f"{decision['score']:.2f}" in decision["reason"]


def test_readings_that_differ_in_white_space_alone_are_merged() -> None:
    decision = decide(block(reading("a  b", "one"), reading("a\nb", "two")), nothing)
    assert (decision["decision"], decision["score"]) == ("merged", 1.0)
    assert decision["selected_text"] == "a  b"


def test_of_two_that_agree_equally_the_more_confident_is_selected() -> None:
    decision = decide(
        block(reading("colour", "one", confidence=0.5), reading("color", "two", confidence=0.6)),
        nothing,
    )
    assert decision["selected_engine"] == "two"


@pytest.mark.parametrize("texts", [["alone"], ["abcdef", "uvwxyz"], ["", "x"]])
def test_a_block_without_agreement_is_left_to_a_person(texts: list[str]) -> None:
    decision = decide(block(*map(reading, texts)), nothing)
    assert decision["decision"] == "manual_review"
    assert decision["score"] == 0.0


@pytest.mark.timeout(50)
def test_long_texts_are_compared_in_bounded_time() -> None:
    long = "a " * 200_000
    decision = decide(block(reading(long), reading(long + "b"), reading("a" * 400_000)), nothing)
    assert decision["selected_text"] == long


def test_the_checkpoint_can_end_the_work() -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        group_blocks([reading("a")], stop)
    with pytest.raises(InterruptedError):
        decide(block(reading("a"), reading("b")), stop)


def test_the_sample_has_decisions_of_every_kind() -> None:
    lines = sample_directory().joinpath("variations.ndjson").read_text("utf-8").splitlines()
    blocks = group_blocks(map(json.loads, lines), nothing)
    decisions = [decide(b, nothing) for b in blocks]
    assert consensus.statistics(decisions) == {"auto_selected": 4, "manual_review": 2, "merged": 2}
    assert {d["selected_engine"] for d in decisions} > {"pymupdf"}


def test_analytics_count_the_scores_and_who_was_selected() -> None:
    decisions = [
        decide(block(reading("same", "one"), reading("same", "two")), nothing),
        decide(block(reading("alone", "two")), nothing),
    ]
    assert consensus.analytics(decisions) == {
        "quality_metrics": {
            "average_confidence": 0.5,
            "high_confidence_blocks": 1,
            "low_confidence_blocks": 1,
        },
        "engine_performance": {
            "one": {"average_score": 1.0, "selected": 1},
            "two": {"average_score": 0.5, "selected": 1},
        },
    }
    assert consensus.analytics([])["quality_metrics"]["average_confidence"] == 0


def test_ndjson_is_one_line_per_decision() -> None:
    decisions = [decide(block(reading(text)), nothing) for text in ("a\nb", "c")]
    assert [json.loads(line) for line in consensus.as_ndjson(decisions).split("\n")] == decisions
    assert consensus.as_ndjson([]) == ""
