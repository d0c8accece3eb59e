"""Plain text for people and JSON for programs, and what comes in. Knows no commands."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import shutil
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, Final, TextIO

import attrs

__all__ = [
    "complain",
    "facts",
    "is_terminal",
    "line_width",
    "plain",
    "print_json",
    "print_text",
    "printable",
    "speak_plainly",
    "standard_input",
    "table",
]

_NARROWEST_LINE: Final = 60
_NARROWEST_CELL: Final = 8
_GAP: Final = "  "
_ELLIPSIS: Final = "…"


def speak_plainly() -> None:
    """Have characters that the terminal cannot show escaped instead of raising."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def complain(sentence: str, hint: str = "") -> None:
    """Print an error on standard error, in one line, and a hint in another ("" for none)."""
    lines = [f"mcp-sync: {printable(sentence)}"]
    if hint:
        lines.append(f"hint: {hint}")
    with contextlib.suppress(OSError):  # standard error is gone: nobody is left to be told
        print(*lines, sep="\n", file=sys.stderr)


def standard_input() -> BinaryIO:
    """Standard input, as bytes.

    Raises:
        OSError: this process has none.
    """
    if sys.stdin is None:
        raise OSError(errno.EBADF, "standard input is closed", "-")
    return sys.stdin.buffer


def is_terminal(stream: TextIO | None) -> bool:
    """Whether somebody looks at a stream; None, where a process has none, is no terminal."""
    return stream is not None and stream.isatty()


def print_text(text: str) -> None:
    """Print a text of a server, in lines: to a terminal without what the terminal would obey.

    Anywhere else it goes as it came, so that a pipe or a file has it whole.
    """
    if is_terminal(sys.stdout):
        text = "".join(one if _is_harmless(one) else repr(one)[1:-1] for one in text)
    print(text, end="" if text.endswith("\n") else "\n")


def _is_harmless(character: str) -> bool:
    return (
        character.isprintable()
        or character in "\n\t"
        or unicodedata.category(character) == "Zs"  # spaces of other widths
    )


def printable(value: object) -> str:
    """Give a text in one line without the control characters that a terminal would obey."""
    text = " ".join(str(value).split())
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in text)


def line_width() -> int:
    """The columns of the terminal; 100 where there is none, and never less than 60."""
    return max(_NARROWEST_LINE, shutil.get_terminal_size((100, 24)).columns)


def facts(pairs: Mapping[str, object], indent: str = "") -> list[str]:
    """Lines of aligned names and values; a value of None is left out."""
    known = {name: value for name, value in pairs.items() if value is not None}
    width = max(map(len, known), default=0)
    return [f"{indent}{name:{width}}{_GAP}{printable(value)}" for name, value in known.items()]


def table(
    heads: Sequence[str], rows: Sequence[Sequence[object]], width: int, indent: str = ""
) -> list[str]:
    """Lay out a table.

    Args:
        heads: the names of the columns.
        rows: as many values for each row; numbers are aligned to the right.
        width: columns that a line may take; the widest cells are cut to fit.
        indent: what each line begins with.

    Returns:
        The lines: heads, a rule and the rows.
    """
    cells = [[printable(value) for value in row] for row in rows]
    natural = [max(map(_width, column)) for column in zip(heads, *cells, strict=True)]
    widths = _shrink(natural, width - len(indent) - len(_GAP) * (len(heads) - 1))
    right = [bool(rows) and all(_is_number(row[i]) for row in rows) for i in range(len(heads))]
    lines = [heads, ["-" * one for one in widths], *cells]
    return [(indent + _GAP.join(map(_fit, line, widths, right))).rstrip() for line in lines]


def _shrink(widths: list[int], available: int) -> list[int]:
    """Take from the widest column, one by one, until all fit or none has anything to give."""
    widths = list(widths)
    while sum(widths) > available and max(widths) > _NARROWEST_CELL:
        widths[widths.index(max(widths))] -= 1
    return widths


def _fit(cell: str, width: int, right: bool) -> str:
    if _width(cell) > width:
        kept = list(cell)
        while kept and _width("".join(kept)) > width - 1:
            kept.pop()
        cell = "".join(kept) + _ELLIPSIS
    padding = " " * (width - _width(cell))
    return padding + cell if right else cell + padding


def _width(text: str) -> int:
    """The columns of a text: two for wide characters, none for combining ones (UAX 11)."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(one) else 1 + (unicodedata.east_asian_width(one) in "WF")
        for one in text
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float)


def print_json(value: object) -> None:
    """Print a value as indented JSON, whatever is frozen in it as its facts."""
    encoding = getattr(sys.stdout, "encoding", None) or "ascii"
    ascii_only = not encoding.lower().replace("-", "").startswith("utf8")
    print_text(json.dumps(plain(value), indent=2, ensure_ascii=ascii_only))


def plain(value: Any) -> Any:
    """Turn a value into what JSON has.

    Args:
        value: a frozen value, a mapping, a sequence or what JSON has already.

    Returns:
        Dicts and lists all the way down; the keys of ``extra`` stand beside the known ones, and
        a number that JSON does not have (NaN, Infinity) is None.
    """
    if attrs.has(type(value)):
        names = [field.name for field in attrs.fields(type(value))]
        known = {name: plain(getattr(value, name)) for name in names if name != "extra"}
        return known | plain(getattr(value, "extra", {}))
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
