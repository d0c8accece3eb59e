from __future__ import annotations

import io
import json
import math
import sys

import attrs
import pytest

from mcp_sync.cli.output import (
    complain,
    facts,
    line_width,
    plain,
    print_json,
    print_text,
    printable,
    speak_plainly,
    table,
)


def test_a_table_is_aligned_and_numbers_stand_to_the_right() -> None:
    assert table(["name", "n"], [("a", 5), ("longer", 10)], 40, "  ") == [
        "  name     n",
        "  ------  --",
        "  a        5",
        "  longer  10",
    ]


def test_the_widest_column_is_cut_until_the_lines_fit() -> None:
    lines = table(["key", "text"], [("k", "word " * 20)], 30)
    assert lines[2] == "k    word word word word word…"
    assert max(map(len, lines)) == 30


def test_a_table_that_cannot_fit_keeps_something_of_every_cell() -> None:
    lines = table(["one", "two"], [("a" * 50, "b" * 50)], 1)
    assert lines[2] == "aaaaaaa…  bbbbbbb…"


def test_wide_and_combining_characters_do_not_break_the_columns() -> None:
    lines = table(["text", "n"], [("潮位", 1), ("Ra\u0308nge", 2), ("plain", 3)], 40)
    assert lines[2:] == ["潮位   1", "Ra\u0308nge  2", "plain  3"]


def test_a_wide_text_is_cut_within_its_column() -> None:
    assert table(["text", "n"], [("潮位" * 10, 1)], 13)[2] == "潮位潮位…   1"


def test_a_table_without_rows_has_its_heads() -> None:
    assert table(["key", "n"], [], 40) == ["key  n", "---  -"]


def test_the_line_is_as_wide_as_the_terminal_and_never_too_narrow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "132")
    assert line_width() == 132
    monkeypatch.setenv("COLUMNS", "20")
    assert line_width() == 60


def test_facts_are_aligned_and_what_is_unknown_is_left_out() -> None:
    assert facts({"a": 1, "longer": "x\ny", "unknown": None}, ">") == [">a       1", ">longer  x y"]
    assert facts({}) == []


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("two\nlines\tand more", "two lines and more"),
        ("\x1b[2J gone", "\\x1b[2J gone"),
        ("nul \0", "nul \\x00"),
        ("für 潮位", "für 潮位"),
        ("right \u202e left", "right \\u202e left"),
        (None, "None"),
    ],
)
def test_a_text_is_shown_in_one_line_that_no_terminal_obeys(given: object, shown: str) -> None:
    assert printable(given) == shown


def test_an_error_is_one_line_and_its_hint_another(capsys: pytest.CaptureFixture[str]) -> None:
    complain("it\nfailed")
    complain("it failed", "try again")
    assert capsys.readouterr() == (
        "",
        "mcp-sync: it failed\nmcp-sync: it failed\nhint: try again\n",
    )


@attrs.frozen
class Leaf:
    number: float
    extra: dict[str, object]


@attrs.frozen
class Tree:
    leaves: tuple[Leaf, ...]


def test_frozen_values_become_plain_ones_with_their_extra_keys() -> None:
    tree = Tree((Leaf(1.5, {"colour": "red"}), Leaf(math.nan, {"list": [math.inf, True]})))
    assert plain(tree) == {
        "leaves": [
            {"number": 1.5, "colour": "red"},
            {"number": None, "list": [None, True]},
        ]
    }


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_json_can_be_read_again_whatever_the_encoding(
    monkeypatch: pytest.MonkeyPatch, encoding: str
) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding=encoding))
    speak_plainly()
    value = {"text": "für 潮位 \ud800"}
    print_json(value)
    sys.stdout.flush()
    assert json.loads(raw.getvalue().decode(encoding)) == value
    assert ("für" in raw.getvalue().decode(encoding)) == (encoding == "utf-8")


def test_without_streams_nothing_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    monkeypatch.setattr(sys, "stderr", None)
    speak_plainly()
    complain("nobody hears it")
    print_json({"nobody": "reads it"})


class Terminal(io.StringIO):
    """A stream that somebody looks at."""

    def isatty(self) -> bool:
        return True


HOSTILE = "two\n\tlines \x1b[2J\r\x9b31m \u202e \u3000für 潮位"


def test_a_terminal_gets_no_control_characters_but_ends_of_lines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    print_text(HOSTILE)
    shown = "two\n\tlines \\x1b[2J\\r\\x9b31m \\u202e \u3000für 潮位\n"
    assert sys.stdout.getvalue() == shown  # type: ignore[attr-defined]


def test_a_pipe_gets_a_text_as_it_came_and_a_line_that_ends(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_text(HOSTILE)
    print_text("ended\n")
    assert capsys.readouterr().out == f"{HOSTILE}\nended\n"
