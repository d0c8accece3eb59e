"""The parts of cards: text that nobody can break out of."""

from __future__ import annotations

import pytest

from mcp_sync.notebook.parts import (
    card,
    count,
    facts,
    joined,
    json_block,
    mark,
    safe,
    share,
    table,
    visible,
)
from shown import Shown

HOSTILE = [
    "<script>alert(1)</script>",
    "</pre></div><img src=x onerror=alert(1)>",
    '"><svg/onload=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><style>*{display:none}",
    "<!-- ",
    "<![CDATA[x]]>",
    "&lt;b&gt; &amp; &#60;script&#62;",
    "javascript:alert(1)",
    "a\x00b\x1b[31mred\x07",
    "\u202egnp.exe\u2066",
    "half \ud800 a pair",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_a_text_says_it_stays_a_text(text: str) -> None:
    html = card(
        text,
        mark(text),
        body=facts([(text, safe(text))]) + table([text], [[safe(text)]]) + json_block({text: text}),
    )
    assert Shown(html).text.count(visible(text)) >= 5


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("tab\tand\nline\r\nfeeds", "tab\tand\nline\nfeeds"),
        ("\x1b[2Jgone", "\\x1b[2Jgone"),
        ("a\rb\x7f\x9b", "a\\x0db\\x7f\\x9b"),
        ("\u202eabc\u2069", "\\u202eabc\\u2069"),
        ("\ud83d", "\\ud83d"),
        ("grüße 你好 🎉", "grüße 你好 🎉"),
    ],
)
def test_what_a_terminal_would_obey_is_made_visible(text: str, seen: str) -> None:
    assert visible(text) == seen


def test_a_long_text_is_cut_with_a_note_of_its_length() -> None:
    assert visible("x" * 11, 10) == "x" * 10 + "… (11 characters)"
    assert visible("x" * 10, 10) == "x" * 10
    assert len(safe("<" * 10_000_000)) < 2_000


def test_empty_facts_are_left_out() -> None:
    assert facts([("a", "")]) == ""
    assert Shown(facts([("a", ""), ("b", "1")])).text == "b\n1"
    assert joined(a="", b_c=0) == "b c 0"
    assert (share(None), share(0.5)) == ("", "50.0%")
    assert (count(1, "tool"), count(2000, "tool")) == ("1 tool", "2,000 tools")


def test_a_mark_says_its_state_in_words_too() -> None:
    assert Shown(mark("failed")).text == "●\n failed"
    assert 'class="ms-bad"' in mark("failed")
    assert 'class="ms-faint"' in mark("never heard of")


def test_json_that_is_nested_too_deeply_is_a_note() -> None:
    value: list[object] = []
    for _ in range(100_000):
        value = [value]
    assert "nested too deeply" in Shown(json_block(value)).text


def test_colours_follow_the_notebook_first_and_the_browser_else() -> None:
    style = card("a")
    assert "prefers-color-scheme:dark" in style
    assert "var(--jp-content-font-color1,var(--vscode-editor-foreground" in style
