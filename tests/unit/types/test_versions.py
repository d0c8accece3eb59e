"""The revisions of MCP: their order, their eras, and which one two sides have in common."""

from __future__ import annotations

import pytest

from mcp_sync.types.versions import (
    AUTO,
    HANDSHAKE_VERSIONS,
    LATEST_HANDSHAKE_VERSION,
    LATEST_MODERN_VERSION,
    MODERN_VERSIONS,
    PROTOCOL_VERSIONS,
    newest_common,
)


def test_every_revision_belongs_to_one_era_newest_first() -> None:
    assert HANDSHAKE_VERSIONS == ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")
    assert MODERN_VERSIONS == ("2026-07-28",)
    assert PROTOCOL_VERSIONS == MODERN_VERSIONS + HANDSHAKE_VERSIONS
    assert len(set(PROTOCOL_VERSIONS)) == len(PROTOCOL_VERSIONS)
    assert AUTO not in PROTOCOL_VERSIONS


def test_the_latest_of_each_era_is_its_first() -> None:
    assert LATEST_HANDSHAKE_VERSION == HANDSHAKE_VERSIONS[0] == "2025-11-25"
    assert LATEST_MODERN_VERSION == MODERN_VERSIONS[0] == "2026-07-28"


@pytest.mark.parametrize(
    ("offered", "common"),
    [
        (["2024-11-05", "2025-11-25"], "2025-11-25"),
        (["2025-11-25", "2024-11-05"], "2025-11-25"),
        (["2025-03-26", "9999-01-01"], "2025-03-26"),
        (["2026-07-28"], None),
        (["9999-01-01", "DRAFT-2026-v1"], None),
        ([], None),
        ([None, 20251125, ["2025-11-25"], {}, "2025-06-18"], "2025-06-18"),
    ],
)
def test_the_common_version_is_the_newest_in_our_order_whatever_theirs(
    offered: list[object], common: str | None
) -> None:
    assert newest_common(offered, HANDSHAKE_VERSIONS) == common


def test_versions_are_compared_by_their_place_and_not_as_texts() -> None:
    assert newest_common(["b", "a"], ("a", "b")) == "a"
