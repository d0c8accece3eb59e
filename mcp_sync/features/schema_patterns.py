"""Regular expressions of a foreign schema, with a bound on the time of a match.

``re`` cannot be stopped and holds the interpreter meanwhile; ``regex`` takes a timeout and lets
other threads run. This room needs the extra ``schema``.
"""

from __future__ import annotations

import functools
from typing import Final

import regex

from ..errors import shorten
from .schema_limits import SchemaUnusable, budget

__all__ = ["check_pattern", "matches"]

_TOKEN: Final = regex.compile(
    r"""\\[pPN]\{[^}]*\} | \\.              # an escape
    | \[\^?\]?(?:\\.|[^\]\\])*\]          # a set
    | (?P<group>\(\?(?:[:=!>]|<[=!]|P?<\w+>|[aimsu]*(?:-[ims]+)?[:)])|\((?!\?))
    | (?P<back>\(\?P=\w+\))
    | (?P<close>\))
    | \{(?P<least>\d+)(?:,\d*)?\}
    | (?P<braces>\{[^{}]*\})
    | (?P<strange>\(\?)
    | (?P<repeat>[*+?])
    | .""",
    regex.VERBOSE | regex.DOTALL,
)
_MOST_UNROLLED: Final = 10_000


def check_pattern(pattern: str) -> None:
    """Refuse an expression that is not to be matched.

    Args:
        pattern: the expression.

    Raises:
        SchemaUnusable: it is too long, or is none.
    """
    longest = budget().limits.longest_pattern
    if len(pattern) > longest:
        raise SchemaUnusable(
            f"the pattern {shorten(repr(pattern))} is longer than {longest} characters"
        )
    _compile(pattern)


def matches(pattern: str, text: str) -> bool:
    """Whether an expression is found anywhere in a text.

    Args:
        pattern: the expression.
        text: the text.

    Returns:
        True where it is.

    Raises:
        SchemaUnusable: it took too long, is too long or is none, or the budget is spent.
    """
    left = budget()
    left.spend()
    check_pattern(pattern)
    seconds = left.pattern_seconds()
    try:
        return _compile(pattern).search(text, timeout=seconds, concurrent=True) is not None
    except TimeoutError:
        raise SchemaUnusable(
            f"the pattern {shorten(repr(pattern))} takes longer than {seconds:g} s "
            f"against a text of {len(text)} characters"
        ) from None


@functools.lru_cache(maxsize=512)
def _compile(pattern: str) -> regex.Pattern[str]:
    shown = shorten(repr(pattern))
    if _unrolled(pattern) > _MOST_UNROLLED:
        raise SchemaUnusable(f"the pattern {shown} repeats more than {_MOST_UNROLLED} parts")
    try:
        return regex.compile(pattern)
    except (regex.error, RecursionError, OverflowError, ValueError) as error:
        raise SchemaUnusable(f"the pattern {shown} is no regular expression: {error}") from error


def _unrolled(pattern: str) -> int:
    """How many parts an expression has once its least repeats are written out, as compiling does.

    Nested counts multiply: ``((a{99}){99}){99}`` has a million, and would take a gigabyte.
    """
    open_groups, last = [0], 0
    for token in _TOKEN.finditer(pattern):
        kind, text = token.lastgroup, token.group()
        if kind == "strange" or (kind == "braces" and _is_fuzzy(text)):
            raise _foreign(pattern, text)
        if kind == "group" and not text.endswith(")"):
            open_groups.append(0)
        elif kind == "close" and len(open_groups) > 1:
            last = max(1, open_groups.pop())
            open_groups[-1] += last
        elif kind == "least":
            # The digits may be thousands, of which int() takes no more than some.
            count = max(1, int(token["least"][:9]))
            open_groups[-1] += last * (count - 1)
            last *= count
        elif kind != "repeat":
            last = 1
            open_groups[-1] += 1
    return sum(open_groups)


def _is_fuzzy(braces: str) -> bool:
    """Whether ``regex`` would read ``{e<=1}`` as "with at most one error"."""
    return regex.search(r"[eids]", braces) is not None


def _foreign(pattern: str, text: str) -> SchemaUnusable:
    # Recursion (?R), approximate matching and the like cost without bound, and are not in
    # ECMA-262, to which JSON Schema refers (2020-12 core, 6.4).
    return SchemaUnusable(
        f"the pattern {shorten(repr(pattern))} uses {shorten(repr(text), 30)}, which JSON Schema "
        "does not have"
    )
