"""A text cut to fit one line, for the reprs of values that may hold megabytes."""

from __future__ import annotations

__all__ = ["excerpt"]


def excerpt(text: str, limit: int = 60) -> str:
    """Quote the beginning of a text, on one line.

    Args:
        text: any text, perhaps long and hostile; only its beginning is looked at.
        limit: the most characters of it to quote.

    Returns:
        Its ``repr``, with line feeds and control characters escaped; of a longer text that of its
        beginning, with a note of how long it is.
    """
    if len(text) <= limit:
        return repr(text)
    return f"{text[:limit]!r}… ({len(text)} characters)"
