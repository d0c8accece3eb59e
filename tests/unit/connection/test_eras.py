"""What a link begins with: what is known of its server, or what the link before it told."""

from __future__ import annotations

import itertools

import pytest

from mcp_sync.config import ClientConfig
from mcp_sync.connection.eras import Beginning, begin_with, forget, learn
from mcp_sync.connection.link import Loss
from mcp_sync.errors import MCPConnectionRejected
from mcp_sync.protocol.dialect import Dialect, LinkSpent, Session
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.mcp_modern import ModernDialect
from mcp_sync.protocol.negotiation import NegotiatingDialect, dialect_for
from mcp_sync.protocol.offer import Offer
from mcp_sync.types.session import InitializeResult

PROBE = NegotiatingDialect()
SEEN_AS_LEGACY = NegotiatingDialect(is_legacy_likely=True)
FALLBACK = McpDialect("2024-11-05")

CUT = Loss(cause="cut")

_paths = itertools.count(1)


@pytest.fixture
def config() -> ClientConfig:
    """Settings of a client whose server nobody has talked to yet."""
    return ClientConfig(server_url=f"ws://127.0.0.1:1/eras/{next(_paths)}")


def session(dialect: Dialect, *, is_verdict: bool = True) -> Session:
    return Session(InitializeResult.from_wire({}), dialect, is_verdict)


LEGACY = session(McpDialect())
MODERN = session(ModernDialect("2026-07-28", offer=Offer(client_info={})))


# What is known of a server


def test_a_server_is_probed_until_it_was_seen_to_speak_the_handshake_era(
    config: ClientConfig,
) -> None:
    assert begin_with(config) == PROBE
    learn(config, LEGACY)
    assert begin_with(config) == SEEN_AS_LEGACY
    learn(config, MODERN)
    assert begin_with(config) == PROBE


def test_what_is_no_verdict_is_not_learned(config: ClientConfig) -> None:
    learn(config, session(McpDialect(), is_verdict=False))
    assert begin_with(config) == PROBE


def test_a_verdict_can_be_forgotten_and_one_that_is_not_there_as_well(config: ClientConfig) -> None:
    forget(config)
    learn(config, LEGACY)
    forget(config)
    assert begin_with(config) == PROBE


@pytest.mark.parametrize("version", ["2024-11-05", "2026-07-28"])
def test_a_pinned_client_begins_with_its_version_whatever_is_known(
    config: ClientConfig, version: str
) -> None:
    learn(config, LEGACY)
    assert begin_with(config.changed(protocol_version=version)) == dialect_for(version)


# What the links before it told


@pytest.fixture
def beginning() -> Beginning:
    return Beginning(begin_with)


def test_a_link_that_ends_upon_the_probe_is_followed_by_one_that_begins_otherwise(
    beginning: Beginning, config: ClientConfig
) -> None:
    assert beginning.dialect(config) == PROBE
    assert beginning.falls_back(FALLBACK, CUT)
    assert beginning.dialect(config) is FALLBACK


def test_that_is_assumed_once_until_a_link_was_ready_or_has_failed(
    beginning: Beginning, config: ClientConfig
) -> None:
    assert beginning.falls_back(FALLBACK, CUT)
    assert beginning.change(LinkSpent(PROBE, "it was none")) is None
    assert not beginning.falls_back(FALLBACK, CUT)
    beginning.anew()
    assert beginning.dialect(config) == PROBE
    assert beginning.falls_back(FALLBACK, CUT)


def test_where_the_end_of_a_link_tells_nothing_nothing_is_assumed(
    beginning: Beginning, config: ClientConfig
) -> None:
    assert not beginning.falls_back(None, CUT)
    assert beginning.dialect(config) == PROBE


@pytest.mark.parametrize(
    ("code", "tells"),
    [
        (None, True),
        (1000, True),
        (1001, False),
        (1002, True),
        (1006, True),
        (1008, True),
        (1011, True),
        (1012, False),
        (1013, False),
        (4000, True),
    ],
)
def test_a_server_that_says_that_it_leaves_has_not_answered_the_probe(
    beginning: Beginning, config: ClientConfig, code: int | None, tells: bool
) -> None:
    assert beginning.falls_back(FALLBACK, Loss(cause="closed", close_code=code)) is tells
    assert (beginning.dialect(config) is FALLBACK) is tells


def test_a_handshake_may_ask_for_three_fresh_links_in_a_row(
    beginning: Beginning, config: ClientConfig
) -> None:
    spent = LinkSpent(FALLBACK, "the era of this link is fixed")
    for _ in range(3):
        assert beginning.change(spent) is None
        assert beginning.dialect(config) is FALLBACK
    rejection = beginning.change(spent)
    assert isinstance(rejection, MCPConnectionRejected)
    assert str(rejection) == (
        "the server keeps changing what it speaks: the era of this link is fixed; "
        "pin protocol_version"
    )
    beginning.anew()
    assert beginning.change(spent) is None


def test_fresh_links_after_a_lost_one_are_not_among_those_three(beginning: Beginning) -> None:
    assert beginning.falls_back(FALLBACK, CUT)
    for _ in range(3):
        assert beginning.change(LinkSpent(PROBE, "not on this one")) is None
