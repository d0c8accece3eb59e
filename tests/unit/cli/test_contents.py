from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_sync import BlobResourceContents, CallToolResult, TextResourceContents
from mcp_sync.cli.contents import Piece, Store, show_pieces, show_result, text_of
from mcp_sync.cli.exits import BadInput, Failed
from mcp_sync.types.content import read_block

PNG = {"type": "image", "mimeType": "image/png", "data": "AAEC"}


@pytest.mark.parametrize(
    ("block", "shown"),
    [
        ({"type": "text", "text": "two\nlines"}, "two\nlines"),
        (PNG, "[image/png, 3 bytes]"),
        ({"type": "audio", "mimeType": "audio/wav", "data": "AA=="}, "[audio/wav, 1 bytes]"),
        ({**PNG, "data": "???"}, "[image/png, which cannot be decoded]"),
        ({"type": "resource", "resource": {"uri": "a:b", "text": "inside"}}, "inside"),
        ({"type": "resource", "resource": {"uri": "a:b", "blob": "AAA="}}, "[bytes, 2 bytes]"),
        ({"type": "resource_link", "uri": "a:b", "name": "B"}, "[resource a:b, B]"),
        ({"type": "hologram"}, "[hologram]"),
    ],
)
def test_a_block_is_its_text_or_says_what_it_is(block: dict[str, Any], shown: str) -> None:
    assert text_of(read_block(block)) == shown


def result(*blocks: dict[str, Any], **members: Any) -> CallToolResult:
    return CallToolResult.from_wire({"content": list(blocks), **members})


def test_a_text_that_repeats_the_structured_content_is_not_shown_twice(
    capsys: pytest.CaptureFixture[str],
) -> None:
    texts = [{"type": "text", "text": text} for text in ('{"a":1}', "a is one", '{"a":2}')]
    show_result(result(*texts, structuredContent={"a": 1}), Store(None))
    assert capsys.readouterr().out == 'a is one\n{"a":2}\n{\n  "a": 1\n}\n'


def test_null_is_structured_content_too(capsys: pytest.CaptureFixture[str]) -> None:
    show_result(result(structuredContent=None), Store(None))
    assert capsys.readouterr().out == "null\n"


def test_what_is_not_text_is_saved_the_second_beside_the_first(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = Store(str(tmp_path / "a.png"))
    show_result(result({"type": "text", "text": "two"}, PNG, {**PNG, "data": "Aw=="}), store)
    assert (tmp_path / "a.png").read_bytes() == b"\0\1\2"
    assert (tmp_path / "a-2.png").read_bytes() == b"\3"
    assert capsys.readouterr().out == (
        f"two\n[image/png, 3 bytes] saved as {tmp_path / 'a.png'}\n"
        f"[image/png, 1 bytes] saved as {tmp_path / 'a-2.png'}\n"
    )


def test_where_all_is_text_the_text_is_saved_as_it_came(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "a"
    show_pieces([TextResourceContents("a:b", "ä\r\n")], Store(str(file)))
    assert file.read_bytes() == "ä\r\n".encode()
    assert capsys.readouterr().out == f"[text, 3 characters] saved as {file}\n"


def test_nothing_to_show_makes_no_file(tmp_path: Path) -> None:
    show_pieces([], Store(str(tmp_path / "a")))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "missing/a"])
def test_where_nothing_can_be_saved_is_bad_input(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadInput, match="is no file that could be written"):
        Store(str(tmp_path / name))


@pytest.mark.parametrize(
    ("piece", "printed"),
    [
        (BlobResourceContents.from_bytes("a:b", b"\0\1\2"), "[bytes, 3 bytes]:\nAAEC\n"),
        (TextResourceContents("a:b", "two\nlines"), "two\nlines\n"),
    ],
)
def test_what_cannot_be_saved_is_printed_and_then_a_failure(
    capsys: pytest.CaptureFixture[str], piece: Piece, printed: str
) -> None:
    store = Store("/dev/full")
    show_pieces([piece], store)
    assert capsys.readouterr().out == printed
    with pytest.raises(Failed, match="cannot write /dev/full: "):
        store.check()
