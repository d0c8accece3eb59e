"""Every feature against every real server that offers it."""

from __future__ import annotations

import pytest

from compatibility.case import Case
from compatibility.checks import CHECKS
from compatibility.features import FEATURES, NOT_OFFERED
from compatibility.peers import PEERS, Peer


# What a server does not offer is left out at collection (conftest.py), by the one table of it.
@pytest.mark.parametrize("feature", FEATURES)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.id, scope="module")
def test_a_real_server(peer: Peer, feature: str, case: Case) -> None:
    case.reset()
    CHECKS[peer.checks][feature](case)


@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.id)
def test_a_feature_is_checked_or_has_a_reason_why_not(peer: Peer) -> None:
    checked, excused = {*CHECKS[peer.checks]}, {*NOT_OFFERED[peer.id]}
    assert checked | excused == {*FEATURES}
    if peer.checks != "sdk":
        assert not checked & excused
