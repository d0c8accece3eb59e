"""Every feature against every real server that offers it."""

from __future__ import annotations

import pytest

from compatibility.case import Case
from compatibility.checks import CHECKS
from compatibility.features import FEATURES, NOT_OFFERED, not_offered
from compatibility.peers import PEERS, Peer

OFFERED = [
    pytest.param(peer, feature, id=f"{peer.id}-{feature}")
    for peer in PEERS
    for feature in FEATURES
    if not_offered(peer.id, feature) is None
]


@pytest.mark.parametrize(("peer", "feature"), OFFERED, scope="module")
def test_a_real_server(peer: Peer, feature: str, case: Case) -> None:
    case.reset()
    CHECKS[peer.checks][feature](case)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.id)
def test_a_feature_is_checked_or_has_a_reason_why_not(peer: Peer) -> None:
    checked, excused = {*CHECKS[peer.checks]}, {*NOT_OFFERED[peer.id]}
    assert checked | excused == {*FEATURES}
    if peer.checks != "sdk":
        assert not checked & excused
