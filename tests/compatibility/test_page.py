"""The page of the outcomes, held to the outcomes."""

from __future__ import annotations

import pytest

from compatibility.features import FEATURES, NOT_OFFERED
from compatibility.outcomes import FAILED, FILE, PAGE, PASSED, render
from compatibility.peers import PEERS, Peer
from pages import circumstances, load


def test_the_page_shows_what_was_put_down() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert render(page, load(FILE)) == page


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.id)
def test_every_server_was_put_down_with_each_feature_that_it_offers(peer: Peer) -> None:
    outcomes = load(FILE)[peer.id]["features"]
    assert {*outcomes} == {*FEATURES} - {*NOT_OFFERED[peer.id]}
    assert {*outcomes.values()} == {PASSED}


def test_a_failure_and_what_is_not_offered_are_shown_as_such() -> None:
    features = dict.fromkeys(FEATURES, PASSED) | {"ping": FAILED}
    rows = {"filesystem": {"features": features, **circumstances("pytest")}}
    markers = "before\n<!-- figures: begin -->\nwhat stood here\n<!-- figures: end -->\nafter\n"
    page = render(markers, rows)
    lines = {line.split(" | ")[0]: line for line in page.splitlines()}
    assert lines[f"| {FEATURES['ping']}"].endswith("| **failed** |")
    assert lines[f"| {FEATURES['call_text']}"].endswith("| ✓ |")
    assert lines[f"| {FEATURES['sampling']}"].endswith("| (2) |")
    assert page.startswith("before\n")
    assert page.endswith("after\n")
    assert "what stood here" not in page
