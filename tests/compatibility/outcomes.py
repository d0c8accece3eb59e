"""What came of the checks: kept in a JSON file, shown as a table in ``docs/compatibility.md``.

A run in which ``MCP_SYNC_RECORD`` is set puts down what it saw; a row belongs to a server, and
stands as a whole or not at all, so that no row is made of two runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from compatibility.features import FEATURES, NOT_OFFERED
from compatibility.peers import PEERS
from pages import PROJECT, between_markers, circumstances, load, save, table

__all__ = ["FILE", "PAGE", "PASSED", "record", "render"]

FILE: Final = Path(__file__).with_name("outcomes.json")
PAGE: Final = PROJECT / "docs" / "compatibility.md"

COMMAND: Final = "tox -e compatibility"

PASSED: Final = "passed"
FAILED: Final = "failed"

_SHOWN: Final = {PASSED: "✓", FAILED: "**failed**"}


def record(outcomes: Mapping[str, Mapping[str, str]]) -> None:
    """Put down what came of the checks of whole servers, and show it on the page.

    Args:
        outcomes: PASSED or FAILED by feature, by the id of the server.
    """
    measured = {
        peer_id: {"features": dict(features), **circumstances(COMMAND)}
        for peer_id, features in outcomes.items()
        if {*features} | {*NOT_OFFERED[peer_id]} == {*FEATURES}
    }
    rows = save(FILE, load(FILE), measured)
    page = PAGE.read_text(encoding="utf-8")
    PAGE.write_text(render(page, rows), encoding="utf-8")


def render(page: str, rows: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with the outcomes between its markers.

    Args:
        page: the text with the two markers.
        rows: what was put down, by the ids of the servers.
    """
    peers = [peer for peer in PEERS if peer.id in rows]
    columns = ("", "server", "package", "transport", "era", "version spoken", "when, by")
    servers = [
        (
            f"**{letter}**",
            peer.server,
            f"`{peer.release}`",
            peer.transport,
            peer.era,
            f"{peer.speaks}, {'probed' if peer.asked == 'auto' else 'pinned'}",
            f"{rows[peer.id]['date']}, `{rows[peer.id]['command']}`",
        )
        for letter, peer in zip("ABCDEFGHIJKLMNOP", peers, strict=False)
    ]
    reasons: list[str] = []
    features = [
        (title, *(_cell(rows[peer.id], peer.id, feature, reasons) for peer in peers))
        for feature, title in FEATURES.items()
    ]
    notes = "".join(f"{number}. {reason}\n" for number, reason in enumerate(reasons, 1))
    shown = "\n".join(
        [
            table(columns, servers),
            table(("feature", *(server[0] for server in servers)), features),
            f"What the numbers mean:\n\n{notes}",
        ]
    )
    return between_markers(page, rows, shown)


def _cell(row: Mapping[str, Any], peer_id: str, feature: str, reasons: list[str]) -> str:
    reason = NOT_OFFERED[peer_id].get(feature)
    if reason is None:
        return _SHOWN[row["features"][feature]]
    if reason not in reasons:
        reasons.append(reason)
    return f"({reasons.index(reason) + 1})"
