"""Lines out of bytes: whole ones, in pieces, blank ones, too long ones, and the end."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mcp_sync.transports.lines import LineBuffer, LineTooLong
from mcp_sync.transports.streams import WaitOver


def giving(*pieces: bytes | Exception) -> Callable[[], bytes]:
    rest = list(pieces)

    def receive() -> bytes:
        piece = rest.pop(0) if rest else b""
        if isinstance(piece, Exception):
            raise piece
        return piece

    return receive


def taken(lines: LineBuffer) -> list[bytes]:
    found = []
    with pytest.raises(EOFError):
        while True:
            found.append(lines.take())
    return found


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_lines_are_the_same_however_the_bytes_come(size: int) -> None:
    data = b"one\n\n \r\ntwo\r\nthree and more\n"
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    assert taken(LineBuffer(giving(*pieces), 100)) == [b"one", b"two\r", b"three and more"]


def test_a_beginning_without_an_end_is_dropped_and_known() -> None:
    lines = LineBuffer(giving(b"one\ntw", b"o"), 100)
    assert lines.take() == b"one"
    assert lines.has_begun
    assert taken(lines) == []
    assert lines.has_begun


def test_reading_goes_on_where_it_was_left() -> None:
    lines = LineBuffer(giving(b"on", WaitOver(), b"e\ntwo", WaitOver(), b"\n"), 100)
    with pytest.raises(WaitOver):
        lines.take()
    assert lines.take() == b"one"
    with pytest.raises(WaitOver):
        lines.take()
    assert lines.take() == b"two"
    assert not lines.has_begun


@pytest.mark.parametrize("pieces", [[b"12345\n"], [b"12", b"345\n"], [b"1234", b"5"], [b"12345"]])
def test_a_line_over_the_limit_is_refused_as_soon_as_it_is(pieces: list[bytes]) -> None:
    with pytest.raises(
        LineTooLong, match="a line of 5 bytes or more, over the limit of 4"
    ) as found:
        LineBuffer(giving(*pieces, AssertionError("read on")), 4).take()
    assert found.value.size == 5


def test_a_line_of_the_limit_is_taken() -> None:
    assert LineBuffer(giving(b"12", b"34", b"\n"), 4).take() == b"1234"
