"""Arguments of tools and prompts, as a command line gives them: ``key=value``, files, JSON.

One rule: a value that is JSON is taken as such, any other is a text; ``@FILE`` is a file's text.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NoReturn

from mcp_sync.cli.exits import BadInput
from mcp_sync.cli.output import standard_input

__all__ = ["read_object", "read_pairs", "read_texts"]


def read_pairs(pairs: Iterable[str]) -> dict[str, Any]:
    """Read the arguments of a tool.

    Args:
        pairs: ``key=value`` each.

    Returns:
        The values by their keys: the text of the file for ``@FILE``, what the JSON says where it
        is JSON, else the text as it stands.

    Raises:
        BadInput: one has no "=", no key or the key of another, or its file cannot be read.
    """
    return {
        key: _read_file(key, value) if value.startswith("@") else _read_value(value)
        for key, value in _split(pairs).items()
    }


def read_texts(pairs: Iterable[str]) -> dict[str, str]:
    """Read the arguments of a prompt, which are texts: as ``read_pairs``, but for the JSON."""
    return {
        key: _read_file(key, value) if value.startswith("@") else value
        for key, value in _split(pairs).items()
    }


def read_object(text: str) -> dict[str, Any]:
    """Read all arguments of a tool at once.

    Args:
        text: a JSON object, or ``@FILE`` for a file that holds one.

    Returns:
        The object.

    Raises:
        BadInput: it is no JSON object, or the file cannot be read.
    """
    given = _read_file("--args", text) if text.startswith("@") else text
    try:
        value = _parse(given)
    except (ValueError, RecursionError) as error:
        raise BadInput(f"--args is not JSON: {error}", "it is an object: '{\"n\": 5}'") from error
    if not isinstance(value, dict):
        raise BadInput("--args must be a JSON object", "it looks like '{\"n\": 5}'")
    return value


def _split(pairs: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise BadInput(f"{pair!r} is no argument", "arguments are KEY=VALUE each")
        if key in found:
            raise BadInput(f"the argument {key} is given twice")
        found[key] = value
    return found


def _read_value(text: str) -> Any:
    try:
        return _parse(text)
    except (ValueError, RecursionError):
        return text


def _parse(text: str) -> Any:
    return json.loads(text, parse_constant=_refuse_constant, parse_float=_read_float)


def _read_float(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large for a number")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")


def _read_file(key: str, value: str) -> str:
    name = value[1:]
    try:
        if name == "-":
            return standard_input().read().decode()
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError:  # a NUL in the path is one, too
        reason = "it is no UTF-8 text"
    hint = f"""a text that begins with @ is written {key}='"{value}"'"""
    raise BadInput(f"cannot read {name!r} for {key}: {reason}", "" if key == "--args" else hint)
