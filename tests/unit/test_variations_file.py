"""Variations from an NDJSON file: streamed, and a bad line named by its number."""

from __future__ import annotations

import io
import json
import os
import threading
from pathlib import Path
from typing import Any

import pytest

from mcp_sync.errors import MCPError
from mcp_sync.protocol.compareblocks_errors import InvalidVariationLine
from mcp_sync.protocol.compareblocks_submission import validate_submission
from mcp_sync.types.compareblocks import Variation
from mcp_sync.variations_file import MAX_LINE_SIZE, read_variations

GOOD: dict[str, Any] = {"doc_id": "d", "engine": "e", "raw_text": "Grüße\u2028", "page": 1}
LINE = json.dumps(GOOD, ensure_ascii=False).encode()
WHOLE = {
    **GOOD,
    "block_id": "b",
    "bbox": [0, 0.5, 1, 1],
    "confidence": 0.9,
    "orientation": 90,
    "metadata": {"k": [None]},
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "variations.ndjson"


def test_each_line_becomes_a_variation_in_order(file: Path) -> None:
    file.write_bytes(LINE + b"\n" + json.dumps(WHOLE).encode() + b"\n")
    assert list(read_variations(file)) == [Variation(**GOOD), Variation(**WHOLE)]
    assert list(read_variations(str(file))) == list(read_variations(file))


@pytest.mark.parametrize(
    "content",
    [
        LINE,
        LINE + b"\n",
        LINE + b"\r\n",
        b"\xef\xbb\xbf" + LINE + b"\n",
        b"\n\n  \t\n" + LINE + b"\n\r\n\n",
        b"\xef\xbb\xbf\n" + LINE,
        b" \t" + LINE + b"  \n",
    ],
)
def test_blank_lines_a_byte_order_mark_and_any_line_end_are_tolerated(
    file: Path, content: bytes
) -> None:
    file.write_bytes(content)
    assert list(read_variations(file)) == [Variation(**GOOD)]


@pytest.mark.parametrize("content", [b"", b"\n", b"\xef\xbb\xbf"])
def test_a_file_without_variations_has_none(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    assert list(read_variations(file)) == []


BAD = [
    (b"{", "the line is not JSON: Expecting property name"),
    (b'{"a": 1} {"b": 2}', "the line is not JSON: Extra data at column 10"),
    (b"not json", "the line is not JSON: Expecting value at column 1"),
    (b"5", "5 must be a Variation or a mapping"),
    (b"null", "None must be a Variation or a mapping"),
    (b"[" + LINE + b"]", "must be a Variation or a mapping"),
    (b"{}", "doc_id is missing"),
    (json.dumps({**GOOD, "page": 0}).encode(), "page=0 must be a whole number of at least 1"),
    (json.dumps({**GOOD, "bbox": None}).encode(), "bbox=None must be left out"),
    (json.dumps({**GOOD, "text": "x"}).encode(), "text is not allowed: the keys are doc_id"),
    (b'{"page": 1, "page": 2}', "the key 'page' is given twice"),
    (json.dumps({**GOOD, "metadata": {"a": 1}}).encode()[:-2] + b', "a": 2}}', "the key 'a' is"),
    (json.dumps({**GOOD, "confidence": float("nan")}).encode(), "NaN is no number in JSON"),
    (b'{"page": -Infinity}', "-Infinity is no number in JSON"),
    (LINE[:-1] + b', "confidence": 1e999}', "confidence=inf must be a finite number"),
    (b'{"page": ' + b"1" * 5000 + b"}", "the line is not JSON: Exceeds the limit"),
    (b"[" * 100_000, "the line is nested too deeply"),
    (b'{"doc_id": "\xff"}', "the line is not utf-8 text: invalid start byte at byte 12"),
    (LINE.decode().encode("utf-16"), "the line is not utf-8 text"),
    (LINE + b"\xef\xbb\xbf", "the line is not JSON: Extra data"),
]


@pytest.mark.parametrize(("line", "rule"), BAD, ids=[rule for _, rule in BAD])
def test_a_bad_line_is_named_by_its_file_its_number_and_the_rule(
    file: Path, line: bytes, rule: str
) -> None:
    file.write_bytes(LINE + b"\n\n" + line)
    variations = read_variations(file)
    assert next(variations) == Variation(**GOOD)
    with pytest.raises(InvalidVariationLine) as caught:
        next(variations)
    assert rule in caught.value.rule
    assert caught.value.line_number == 3
    assert caught.value.path == str(file)
    assert str(caught.value).startswith(f"{file}, line 3: ")
    assert len(caught.value.rule) < 600
    assert isinstance(caught.value, ValueError)
    assert isinstance(caught.value, MCPError)
    assert list(variations) == []


def line_of(size: int) -> bytes:
    bare = json.dumps({**GOOD, "raw_text": ""}).encode()
    return bare.replace(b'"raw_text": ""', b'"raw_text": "' + b"x" * (size - len(bare)) + b'"')


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_a_line_of_the_largest_size_is_read_and_the_next_one_keeps_its_number(
    file: Path, end: bytes
) -> None:
    longest = line_of(MAX_LINE_SIZE)
    assert len(longest) == MAX_LINE_SIZE
    file.write_bytes(longest + end + (b"bad" if end else b""))
    variations = read_variations(file)
    assert len(next(variations).raw_text) > MAX_LINE_SIZE - 100
    if end:
        with pytest.raises(InvalidVariationLine, match="line 2: the line is not JSON"):
            next(variations)
    else:
        assert list(variations) == []


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"x" * 5_000_000])
def test_a_longer_line_is_refused_without_being_read_whole(end: bytes) -> None:
    stream = io.BytesIO(b"\n" + line_of(MAX_LINE_SIZE + 1) + end)
    with pytest.raises(InvalidVariationLine, match=r"line 2: the line is longer than 1048576"):
        list(read_variations(stream))
    assert stream.tell() <= MAX_LINE_SIZE + 3


def test_a_missing_file_is_said_when_the_first_variation_is_asked_for(tmp_path: Path) -> None:
    variations = read_variations(tmp_path / "none.ndjson")
    with pytest.raises(FileNotFoundError, match=r"none\.ndjson"):
        next(variations)
    with pytest.raises(IsADirectoryError):
        next(read_variations(tmp_path))


@pytest.mark.parametrize(
    "stream", [io.BytesIO(b"\xef\xbb\xbf" + LINE), io.StringIO("\ufeff" + LINE.decode())]
)
def test_an_open_file_is_read_and_stays_open(stream: Any) -> None:
    assert list(read_variations(stream)) == [Variation(**GOOD)]
    assert not stream.closed


def test_an_open_file_is_named_in_the_error_if_it_has_a_name(file: Path) -> None:
    file.write_text("{")
    with file.open() as named, pytest.raises(InvalidVariationLine) as caught:
        list(read_variations(named))
    assert caught.value.path == str(file)
    with pytest.raises(InvalidVariationLine) as caught:
        list(read_variations(io.StringIO("{")))
    assert caught.value.path == "variations"


def test_a_text_file_of_another_encoding_is_named_too(file: Path) -> None:
    file.write_bytes(b"\xff\xfe")
    with file.open(encoding="ascii") as opened, pytest.raises(InvalidVariationLine) as caught:
        list(read_variations(opened))
    assert "the line is not ascii text" in caught.value.rule


def test_a_file_is_closed_at_the_end_at_an_error_and_with_the_iterator(file: Path) -> None:
    file.write_bytes(LINE + b"\n" + LINE + b"\n{")
    with pytest.raises(InvalidVariationLine):
        list(read_variations(file))
    assert open_files(file) == []
    variations = read_variations(file)
    next(variations)
    assert len(open_files(file)) == 1
    variations.close()
    assert open_files(file) == []


def open_files(file: Path) -> list[str]:
    links = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    return [link.name for link in links if str(link.readlink()) == str(file)]


def test_lines_are_read_one_by_one_as_they_are_asked_for() -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as source, os.fdopen(writing, "wb", buffering=0) as sink:
        sink.write(LINE + b"\n")
        variations = read_variations(source)
        found: list[Variation] = []
        asker = threading.Thread(target=lambda: found.append(next(variations)))
        asker.start()
        asker.join(10)
        arrived = list(found)
        sink.close()
        asker.join(10)
        assert arrived == [Variation(**GOOD)]
        assert list(variations) == []


def test_a_submission_can_be_made_straight_from_a_file(file: Path) -> None:
    file.write_bytes(LINE + b"\n" + json.dumps(WHOLE).encode())
    sent = validate_submission("a.pdf", read_variations(file))
    assert sent["variations"] == [GOOD, WHOLE]
    file.write_bytes(LINE + b"\n{}")
    with pytest.raises(InvalidVariationLine, match="line 2: doc_id is missing"):
        validate_submission("a.pdf", read_variations(file))
    assert open_files(file) == []
