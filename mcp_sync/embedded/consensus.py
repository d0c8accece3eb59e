"""Chooses, for each block of a page, the text on which the engines agree best. Pure.

A fixture that works, not a product: the similarity is difflib's.
"""

from __future__ import annotations

import difflib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import attrs

__all__ = ["Block", "analytics", "as_ndjson", "decide", "group_blocks", "overlap", "statistics"]

SAME_BLOCK_OVERLAP = 0.5
AUTO_SELECT_SCORE = 0.8
LOW_SCORE = 0.5

# difflib is quadratic: beyond these sizes words are compared instead of characters, then only the
# first words, so that one comparison stays well under a second.
_MAX_CHARACTERS = 500
_MAX_WORDS = 1000

Variation = Mapping[str, Any]
Decision = dict[str, Any]


@attrs.frozen
class Block:
    """The variations of one piece of text, as several engines read it."""

    block_id: str
    page: int
    variations: list[Variation] = attrs.field(factory=list)


def group_blocks(variations: Iterable[Variation], checkpoint: Callable[[], None]) -> list[Block]:
    """Sort variations into the blocks that they are readings of.

    Those with the same `block_id` belong together. One without an id joins the first block of its
    page that it overlaps by more than half (intersection over union), or makes a block of its own.

    Args:
        variations: the variations, each of them valid.
        checkpoint: called between the steps; what it raises ends the work.

    Returns:
        The blocks in the order of their first variation.
    """
    named: dict[str, Block] = {}
    blocks: list[Block] = []
    for variation in variations:
        checkpoint()
        block_id = variation.get("block_id")
        block = named.get(block_id) if block_id is not None else _overlapping(variation, blocks)
        if block is None:
            block = _new_block(variation, len(blocks) + 1)
            blocks.append(block)
            if block_id is not None:
                named[block_id] = block
        block.variations.append(variation)
    return blocks


def _new_block(variation: Variation, number: int) -> Block:
    page = int(variation["page"])
    return Block(variation.get("block_id", f"page-{page}-block-{number}"), page)


def _overlapping(variation: Variation, blocks: Sequence[Block]) -> Block | None:
    box = variation.get("bbox")
    if box is None:
        return None
    for block in blocks:
        if block.page == variation["page"] and any(
            overlap(box, other["bbox"]) > SAME_BLOCK_OVERLAP
            for other in block.variations
            if "bbox" in other
        ):
            return block
    return None


def overlap(one: Sequence[float], other: Sequence[float]) -> float:
    """Intersection over union of two boxes [x, y, width, height], from 0 to 1."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (one[2] * one[3] + other[2] * other[3] - width * height)


def decide(block: Block, checkpoint: Callable[[], None]) -> Decision:
    """Choose the text of one block: the one that agrees best with the others.

    Args:
        block: a block of at least one variation.
        checkpoint: called between the comparisons; what it raises ends the work.

    Returns:
        `block_id`, `page`, `decision` ("merged", "auto_selected" or "manual_review"),
        `selected_text`, `selected_engine`, `score` (mean similarity to the other readings, 0 to 1),
        `scores` (one {`engine`, `score`} per variation) and `reason`, a sentence.
    """
    texts = [" ".join(variation["raw_text"].split()) for variation in block.variations]
    scores = _scores(texts, checkpoint)
    best = max(
        range(len(scores)),
        key=lambda index: (scores[index], block.variations[index].get("confidence", 0.0)),
    )
    chosen = block.variations[best]
    decision, reason = _verdict(texts, scores[best])
    return {
        "block_id": block.block_id,
        "page": block.page,
        "decision": decision,
        "selected_text": chosen["raw_text"],
        "selected_engine": chosen["engine"],
        "score": scores[best],
        "scores": [
            {"engine": variation["engine"], "score": score}
            for variation, score in zip(block.variations, scores, strict=True)
        ],
        "reason": reason,
    }


def _scores(texts: Sequence[str], checkpoint: Callable[[], None]) -> list[float]:
    """The mean similarity of each text to all the others; equal texts are compared once."""
    others = len(texts) - 1
    if others == 0:
        return [0.0]
    counts = Counter(texts)
    totals = {text: float(count - 1) for text, count in counts.items()}
    distinct = list(counts)
    for index, one in enumerate(distinct):
        for other in distinct[index + 1 :]:
            checkpoint()
            ratio = _similarity(one, other)
            totals[one] += ratio * counts[other]
            totals[other] += ratio * counts[one]
    return [round(totals[text] / others, 4) for text in texts]


def _similarity(one: str, other: str) -> float:
    if max(len(one), len(other)) <= _MAX_CHARACTERS:
        return difflib.SequenceMatcher(None, one, other, autojunk=False).ratio()
    words, other_words = (text.split()[:_MAX_WORDS] for text in (one, other))
    return difflib.SequenceMatcher(None, words, other_words, autojunk=False).ratio()


def _verdict(texts: Sequence[str], score: float) -> tuple[str, str]:
    readings = len(texts)
    if readings == 1:
        return "manual_review", "only one reading, so there is nothing to compare it with"
    if len(set(texts)) == 1:
        return "merged", f"all {readings} readings are the same"
    if score >= AUTO_SELECT_SCORE:
        return "auto_selected", f"agrees best of {readings} readings with the others ({score:.2f})"
    return (
        "manual_review",
        f"the best of {readings} readings agrees too little ({score:.2f} < {AUTO_SELECT_SCORE})",
    )


def statistics(decisions: Iterable[Decision]) -> dict[str, int]:
    """How many blocks were `auto_selected`, need a `manual_review`, or were `merged`."""
    counts = Counter(decision["decision"] for decision in decisions)
    return {name: counts[name] for name in ("auto_selected", "manual_review", "merged")}


def analytics(decisions: Sequence[Decision]) -> dict[str, Any]:
    """The `quality_metrics` and `engine_performance` of a finished session."""
    scores = [decision["score"] for decision in decisions]
    engines: dict[str, list[float]] = {}
    for decision in decisions:
        for entry in decision["scores"]:
            engines.setdefault(entry["engine"], []).append(entry["score"])
    selected = Counter(decision["selected_engine"] for decision in decisions)
    return {
        "quality_metrics": {
            "average_confidence": _mean(scores),
            "high_confidence_blocks": sum(score >= AUTO_SELECT_SCORE for score in scores),
            "low_confidence_blocks": sum(score < LOW_SCORE for score in scores),
        },
        "engine_performance": {
            engine: {"average_score": _mean(values), "selected": selected[engine]}
            for engine, values in engines.items()
        },
    }


def _mean(values: Sequence[float]) -> float:
    return round(sum(values) / len(values), 4) if values else 0


def as_ndjson(decisions: Iterable[Decision]) -> str:
    """The decisions as JSON lines, "" when there are none."""
    return "\n".join(json.dumps(decision) for decision in decisions)
