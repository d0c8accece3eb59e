"""Variations from an NDJSON file: one JSON object a line, in UTF-8.

The file is read a line at a time, so it may be larger than memory, and a bad line is named by its
number. This room opens files and knows neither clients nor links.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any, Final, NoReturn

from .errors import shorten
from .protocol.compareblocks_errors import InvalidSubmission, InvalidVariationLine
from .protocol.compareblocks_submission import validate_variation
from .types.compareblocks import Variation

__all__ = ["MAX_LINE_SIZE", "read_variations"]

MAX_LINE_SIZE: Final = 1024 * 1024
"""Bytes of a line without its end (characters, in a text file); the server takes no more in all."""

_Source = str | os.PathLike[str] | IO[bytes] | IO[str]


def read_variations(source: _Source) -> Generator[Variation, None, None]:
    """Read variations, line by line, as they are asked for.

    Blank lines are skipped and a byte order mark is tolerated. A file given by its path is opened
    when the first variation is asked for, and closed at the end, at an error, or with the
    generator's ``close()``; an open file stays open. One generator serves one thread at a time.

    Args:
        source: a path, or a file open for reading, binary or text (``sys.stdin.buffer``, say).

    Yields:
        The variations in the order of the file, each as the server would take it.

    Raises:
        InvalidVariationLine: a line is no variation; the generator ends there.
        OSError: the file cannot be opened or read (``FileNotFoundError`` where there is none).
    """
    with _opened(source) as file:
        name = _name(source)
        number = 1
        while line := _read_line(file, name, number):
            if line.strip():
                yield _variation(line, name, number)
            number += 1


def _opened(source: _Source) -> AbstractContextManager[IO[Any]]:
    if isinstance(source, str | os.PathLike):
        return Path(source).open("rb")
    return nullcontext(source)


def _name(source: _Source) -> str:
    if isinstance(source, str | os.PathLike):
        return os.fspath(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "variations"


def _read_line(file: IO[Any], name: str, number: int) -> str:
    """Return the next line with its end; "" after the last."""
    try:
        # Two more than the limit, for the two characters that may end a line.
        line: bytes | str = file.readline(MAX_LINE_SIZE + 2)
        if _length(line) > MAX_LINE_SIZE:
            rule = f"the line is longer than {MAX_LINE_SIZE} bytes, the most that a server takes"
            raise InvalidVariationLine(name, number, rule)
        text = line if isinstance(line, str) else line.decode()
    except UnicodeDecodeError as error:
        rule = f"the line is not {error.encoding} text: {error.reason} at byte {error.start}"
        raise InvalidVariationLine(name, number, rule) from error
    return text.removeprefix("\ufeff") if number == 1 else text


def _length(line: bytes | str) -> int:
    return len(line.rstrip("\r\n") if isinstance(line, str) else line.rstrip(b"\r\n"))


def _variation(line: str, name: str, number: int) -> Variation:
    try:
        given = json.loads(line, parse_constant=_refuse_constant, object_pairs_hook=_unique)
        return Variation(**validate_variation(given))
    except json.JSONDecodeError as error:
        rule = f"the line is not JSON: {error.msg} at column {error.colno}"
        raise InvalidVariationLine(name, number, rule) from error
    except InvalidSubmission as error:
        raise InvalidVariationLine(name, number, error.problem) from error
    except ValueError as error:
        raise InvalidVariationLine(name, number, f"the line is not JSON: {error}") from error
    except RecursionError as error:
        raise InvalidVariationLine(name, number, "the line is nested too deeply") from error


def _refuse_constant(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number in JSON (RFC 8259, section 6)")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {shorten(key)!r} is given twice")
        found[key] = value
    return found
