"""What round trips come to: the figures of `ping` and of `watch`. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from mcp_sync.connection.windows import percentile

__all__ = ["figures"]


def figures(round_trips: Iterable[float | None]) -> dict[str, float | None]:
    """Figures of round trips; percentiles by nearest rank, so that each was measured.

    Args:
        round_trips: one for each ping that is over, in seconds; None where no answer came.

    Returns:
        Seconds by the names of what they are; None where no answer came at all.
    """
    answered = sorted(one for one in round_trips if one is not None)
    return {
        "min": percentile(answered, 0.0),
        "avg": sum(answered) / len(answered) if answered else None,
        "p50": percentile(answered, 0.5),
        "p99": percentile(answered, 0.99),
        "max": percentile(answered, 1.0),
    }
