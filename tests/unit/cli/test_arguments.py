from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from mcp_sync.cli.arguments import read_object, read_pairs, read_texts
from mcp_sync.cli.exits import BadInput


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-1.5e3", -1500.0),
        ("true", True),
        ("null", None),
        ('[1, {"a": "b"}]', [1, {"a": "b"}]),
        ('"5"', "5"),
        ('"@home"', "@home"),
        ("", ""),
        ("Oslo", "Oslo"),
        ("a=b", "a=b"),
        ("True", "True"),
        ("NaN", "NaN"),
        ("-Infinity", "-Infinity"),
        ("1e999", "1e999"),
        ("[-1e999]", "[-1e999]"),
        ("{not json", "{not json"),
        ("2026-07-28", "2026-07-28"),
        ("[" * 9000, "[" * 9000),
    ],
)
def test_a_value_that_is_json_is_taken_as_such_and_any_other_is_a_text(
    text: str, value: Any
) -> None:
    found = read_pairs([f"key={text}"])
    assert found == {"key": value}
    assert type(found["key"]) is type(value)


def test_arguments_of_a_prompt_are_texts_whatever_they_look_like(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("7\n")
    pairs = ["a=5", 'b="x"', f"c=@{tmp_path / 'f'}"]
    assert read_texts(pairs) == {"a": "5", "b": '"x"', "c": "7\n"}


def test_a_file_gives_its_text_even_where_that_is_json(tmp_path: Path) -> None:
    (tmp_path / "f").write_text('{"ä": 1}', encoding="utf-8")
    assert read_pairs([f"key=@{tmp_path / 'f'}"]) == {"key": '{"ä": 1}'}


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"typed")))
    assert read_pairs(["key=@-"]) == {"key": "typed"}


@pytest.mark.parametrize(
    ("pairs", "sentence"),
    [
        (["city"], "'city' is no argument"),
        (["=5"], "'=5' is no argument"),
        (["a=1", "a=2"], "the argument a is given twice"),
        (["a=@/no/such"], "cannot read '/no/such' for a: No such file or directory"),
        (["a=@nul\0"], "cannot read 'nul\\x00' for a: "),
    ],
)
def test_what_cannot_be_read_is_bad_input(pairs: list[str], sentence: str) -> None:
    with pytest.raises(BadInput) as caught:
        read_pairs(pairs)
    assert str(caught.value).startswith(sentence)


def test_a_file_that_is_no_text_is_bad_input(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xff\xfe")
    with pytest.raises(BadInput, match="no UTF-8 text") as caught:
        read_pairs([f"a=@{tmp_path / 'f'}"])
    assert "a='\"@" in caught.value.hint


def test_all_arguments_at_once_are_a_json_object(tmp_path: Path) -> None:
    assert read_object('{"a": [1]}') == {"a": [1]}
    (tmp_path / "f").write_text('{"b": null}')
    assert read_object(f"@{tmp_path / 'f'}") == {"b": None}


@pytest.mark.parametrize(
    "text", ["", "[1]", "{", '{"a": NaN}', '{"a": 1e999}', "@/no/such", "[" * 9000]
)
def test_what_is_no_json_object_is_bad_input(text: str) -> None:
    with pytest.raises(BadInput, match="--args"):
        read_object(text)
