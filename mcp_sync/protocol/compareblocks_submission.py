"""The params of ``submit_extraction``, checked against the server's schema before sending.

The server names one violation and neither the variation nor the key, so this room does: it takes
what a caller gives and returns plain JSON of its own, or says which variation, which key, what
rule and what was given. It never looks at files: ``pdf_path`` is a path on the server.
"""

from __future__ import annotations

import math
import numbers
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Protocol

import attrs

from ..types.compareblocks import Variation
from .compareblocks_errors import InvalidSubmission, UnserialisableSubmission, describe
from .compareblocks_requests import check_request_size

__all__ = ["MAX_METADATA_DEPTH", "PathOnServer", "validate_submission", "validate_variation"]

MAX_METADATA_DEPTH: Final = 100
"""Levels of objects and arrays in metadata. The server drops deep messages without an answer."""

_LEAST_VARIATION_BYTES: Final = len('{"doc_id":"","engine":"","raw_text":"","page":1},')
_BOX_LENGTH: Final = 4


class PathOnServer(Protocol):
    """What ``os.PathLike[str]`` is, such as a ``pathlib.PurePosixPath``."""

    def __fspath__(self) -> str:
        """Give the path as text."""


@attrs.frozen
class _Place:
    """Where a value was given: in a variation, or in the submission itself."""

    index: int | None = None
    variation: Mapping[Any, Any] | None = None

    def broken(self, key: str, rule: str, given: object) -> InvalidSubmission:
        return InvalidSubmission(key, rule, describe(given), self.index, self._label())

    def lacks(self, key: str, rule: str) -> InvalidSubmission:
        return InvalidSubmission(key, rule, None, self.index, self._label())

    def unserialisable(self, key: str, rule: str, given: object) -> UnserialisableSubmission:
        return UnserialisableSubmission(key, rule, describe(given), self.index, self._label())

    def _label(self) -> str:
        known = self.variation or {}
        names = [(key, known.get(key)) for key in ("engine", "block_id")]
        return ", ".join(f"{key} {describe(name)}" for key, name in names if isinstance(name, str))


_SUBMISSION: Final = _Place()


def validate_submission(
    pdf_path: str | PathOnServer,
    variations: Iterable[Variation | Mapping[str, Any]],
    metadata: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Make the params of ``submit_extraction``.

    Args:
        pdf_path: a path on the server, relative to its working directory.
        variations: values or mappings, read once and in order; may be none at all.
        metadata: facts about the submission; None leaves them out.

    Returns:
        The params as new, plain JSON, which later changes of the arguments do not touch.

    Raises:
        InvalidSubmission: something breaks the server's schema, or is a NaN or an infinity.
        UnserialisableSubmission: something in metadata has no JSON form; a TypeError, too.
        MCPMessageTooLarge: the variations read so far are over the server's limit already; the
            rest is not read.
    """
    params: dict[str, Any] = {"pdf_path": _path(pdf_path), "variations": _variations(variations)}
    if metadata is not None:
        params["metadata"] = _submission_metadata(metadata)
    return params


def validate_variation(
    variation: Variation | Mapping[str, Any], index: int | None = None
) -> dict[str, Any]:
    """Make the wire form of one variation.

    Args:
        variation: a value or a mapping.
        index: which one of a submission, counted from 0; None for a variation by itself.

    Returns:
        The variation as new, plain JSON.

    Raises:
        InvalidSubmission: it breaks the server's schema, or holds a NaN or an infinity.
        UnserialisableSubmission: something in its metadata has no JSON form; a TypeError, too.
    """
    given: object = variation.to_wire() if isinstance(variation, Variation) else variation
    if not isinstance(given, Mapping):
        raise _Place(index).broken("", "must be a Variation or a mapping", given)
    place = _Place(index, given)
    for key in given:
        if key not in _VARIATION_RULES:
            name = key if isinstance(key, str) else describe(key)
            raise place.lacks(name, f"is not allowed: the keys are {', '.join(_VARIATION_RULES)}")
    for key in _REQUIRED:
        if key not in given:
            raise place.lacks(key, f"is missing: every variation has {', '.join(_REQUIRED)}")
    return {
        key: _checked(given[key], key, place, rule)
        for key, rule in _VARIATION_RULES.items()
        if key in given
    }


_Rule = Callable[[object, str, _Place], Any]


def _checked(value: object, key: str, place: _Place, rule: _Rule) -> Any:
    if value is None and key not in _REQUIRED:
        raise place.broken(key, "must be left out instead: the server refuses null", value)
    return rule(value, key, place)


def _text(value: object, key: str, place: _Place) -> str:
    if not isinstance(value, str):
        raise place.broken(key, "must be a string", value)
    return str.__str__(value)


def _number(value: object, key: str, place: _Place, rule: str = "must be a number") -> int | float:
    # The abstract class lets the numbers of numerical libraries in, and no Decimal.
    if isinstance(value, bool) or not isinstance(value, numbers.Real):
        raise place.broken(key, rule, value)
    try:
        finite = math.isfinite(value)
    except OverflowError:
        finite = False
    if not finite:
        raise place.broken(key, "must be a finite number in the range of a double", value)
    return int(value) if isinstance(value, numbers.Integral) else float(value)


def _page(value: object, key: str, place: _Place) -> int:
    rule = "must be a whole number of at least 1"
    page = _number(value, key, place, rule)
    if page < 1 or page != int(page):
        raise place.broken(key, rule, value)
    return int(page)


def _box(value: object, key: str, place: _Place) -> list[int | float]:
    rule = "must be a list of exactly 4 numbers: x, y, width, height"
    if isinstance(value, str | bytes | bytearray) or not isinstance(value, Sequence):
        raise place.broken(key, rule, value)
    if len(value) != _BOX_LENGTH:
        raise place.broken(key, rule, value)
    return [_number(part, f"{key}[{at}]", place) for at, part in enumerate(value)]


def _confidence(value: object, key: str, place: _Place) -> int | float:
    rule = "must be a number from 0 to 1"
    confidence = _number(value, key, place, rule)
    if not 0 <= confidence <= 1:
        raise place.broken(key, rule, value)
    return confidence


def _object(value: object, key: str, place: _Place) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise place.broken(key, "must be an object, as a mapping", value)
    plain: dict[str, Any] = _plain(value, key, place, 0)
    return plain


_VARIATION_RULES: Final[Mapping[str, _Rule]] = {
    "doc_id": _text,
    "engine": _text,
    "raw_text": _text,
    "page": _page,
    "block_id": _text,
    "bbox": _box,
    "confidence": _confidence,
    "orientation": _number,
    "metadata": _object,
}
_REQUIRED: Final = ("doc_id", "engine", "raw_text", "page")


def _plain(value: object, key: str, place: _Place, depth: int) -> Any:
    """Copy a JSON value; ``depth`` is the number of objects and arrays around it."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, numbers.Real):
        return _number(value, key, place)
    if not isinstance(value, Mapping | list | tuple):
        rule = f"is a {type(value).__name__}, which is not JSON: convert it before the call"
        raise place.unserialisable(key, rule, value)
    if depth >= MAX_METADATA_DEPTH:
        rule = f"is nested deeper than {MAX_METADATA_DEPTH} levels, or contains itself"
        raise place.broken(key, rule, value)
    if isinstance(value, Mapping):
        return {
            _name(name, key, place): _plain(item, f"{key}.{name}", place, depth + 1)
            for name, item in value.items()
        }
    return [_plain(item, f"{key}[{at}]", place, depth + 1) for at, item in enumerate(value)]


def _name(name: object, key: str, place: _Place) -> str:
    if not isinstance(name, str):
        rule = "is no key of an object in JSON: convert it to a string before the call"
        raise place.unserialisable(f"a key of {key}", rule, name)
    return str.__str__(name)


def _path(value: object) -> str:
    path = value.__fspath__() if hasattr(type(value), "__fspath__") else value  # type: ignore[attr-defined]
    if not isinstance(path, str) or not path:
        rule = "must be a non-empty path on the server, as a string or an os.PathLike of one"
        raise _SUBMISSION.broken("pdf_path", rule, value)
    return str.__str__(path)


def _variations(values: object) -> list[dict[str, Any]]:
    is_one = isinstance(values, str | bytes | bytearray | Mapping)
    if is_one or not isinstance(values, Iterable):
        rule = "must be a list or another iterable of variations"
        raise _SUBMISSION.broken("variations", rule, values)
    checked = []
    least_size = 0
    for index, value in enumerate(values):
        variation = validate_variation(value, index)
        checked.append(variation)
        # Every character is a byte or more, so that an endless iterable has an end here.
        texts = (variation["doc_id"], variation["engine"], variation["raw_text"])
        least_size += _LEAST_VARIATION_BYTES + sum(map(len, texts))
        check_request_size(
            least_size,
            f"counted up to variations[{index}], the rest was not read: "
            "split the variations over several submissions",
        )
    return checked


_METADATA_RULES: Final[Mapping[str, _Rule]] = {
    "engine_name": _text,
    "engine_version": _text,
    "processing_timestamp": _text,
    "configuration": _object,
}


def _submission_metadata(value: object) -> dict[str, Any]:
    metadata = _object(value, "metadata", _SUBMISSION)
    for key, rule in _METADATA_RULES.items():
        if key in metadata:
            rule(metadata[key], f"metadata.{key}", _SUBMISSION)
    return metadata
