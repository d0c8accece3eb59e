"""The table of states as a drawing: inline SVG in the colours of the page.

Only the places of the states are chosen here; what leads where comes from the table.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Final

from mcp_sync.states import TRANSITIONS, ConnectionState, Trigger

__all__ = ["state_diagram"]

_PLACES: Final[Mapping[str, tuple[int, int]]] = {
    "DISCONNECTED": (66, 50),
    "CONNECTING": (281, 50),
    "CONNECTED": (496, 50),
    "INITIALIZED": (711, 50),
    "FAILED": (281, 230),
    "RECONNECTING": (604, 230),
    "OFFLINE": (66, 230),
}
_WIDTH, _HEIGHT = 124, 34
_BEND, _BEND_OF_DESCENT = 22, 34
_LABEL_AT: Final = {("OFFLINE", "DIALED"): 0.72}
"""How far along an arrow its label stands, where halfway is taken."""

_LEFT_OUT: Final = Trigger.CLOSE

_HEAD = """<svg class="states" viewBox="0 0 778 270" role="img" xmlns="http://www.w3.org/2000/svg"
 aria-label="The states of a client and what leads from one to another" style="max-width:46rem">
<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7"
 orient="auto"><path d="M0 0L8 4L0 8z" fill="currentColor"/></marker></defs>
<g fill="none" stroke="currentColor" font-family="sans-serif" font-size="12">"""


def state_diagram() -> str:
    """Draw every transition but those of CLOSE, which lead from everywhere to one place."""
    return "\n".join([_HEAD, *_arrows(), *_boxes(), "</g></svg>"])


def _boxes() -> Iterator[str]:
    for state in TRANSITIONS:
        x, y = _PLACES[state.name]
        yield (
            f'<rect x="{x - _WIDTH / 2:g}" y="{y - _HEIGHT / 2:g}" width="{_WIDTH}"'
            f' height="{_HEIGHT}" rx="8" stroke-width="1.5"/>'
            f'<text x="{x}" y="{y + 4}" text-anchor="middle" fill="currentColor" stroke="none"'
            f' font-weight="600">{state.name}</text>'
        )


def _arrows() -> Iterator[str]:
    for state, row in TRANSITIONS.items():
        for trigger, target in row.items():
            if trigger is not _LEFT_OUT:
                yield _arrow(state, target, trigger.name)


def _arrow(state: ConnectionState, target: ConnectionState, label: str) -> str:
    (x1, y1), (x2, y2) = _PLACES[state.name], _PLACES[target.name]
    length = math.hypot(x2 - x1, y2 - y1)
    # To the right of the way, so that an arrow and its opposite part; labels need more room
    # beside an arrow that descends.
    bend = _BEND + _BEND_OF_DESCENT * abs(y2 - y1) / length
    middle = (x1 + x2) / 2 - (y2 - y1) / length * bend, (y1 + y2) / 2 + (x2 - x1) / length * bend
    begin, end = _border(x1, y1, *middle), _border(x2, y2, *middle)
    far = _LABEL_AT.get((state.name, label), 0.5)
    x, y = (
        (1 - far) ** 2 * begin[axis] + 2 * far * (1 - far) * middle[axis] + far**2 * end[axis]
        for axis in (0, 1)
    )
    return (
        f'<path d="M{begin[0]:.0f} {begin[1]:.0f}Q{middle[0]:.0f} {middle[1]:.0f}'
        f' {end[0]:.0f} {end[1]:.0f}" marker-end="url(#tip)" opacity="0.7"/>'
        f'<text x="{x:.0f}" y="{y + 4:.0f}" text-anchor="middle" fill="currentColor"'
        f' stroke="var(--color-background-primary, white)" stroke-width="5"'
        f' paint-order="stroke">{label}</text>'
    )


def _border(x: float, y: float, to_x: float, to_y: float) -> tuple[float, float]:
    """Where the way from the middle of a box leaves it."""
    across, down = to_x - x, to_y - y
    share = min(
        (_WIDTH / 2 + 2) / abs(across) if across else math.inf,
        (_HEIGHT / 2 + 2) / abs(down) if down else math.inf,
    )
    return x + across * share, y + down * share
