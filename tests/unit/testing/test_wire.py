"""The server's half of WebSocket, as bytes."""

from __future__ import annotations

import pytest

from mcp_sync.testing.wire import (
    Frame,
    UpgradeRequest,
    accept_key,
    accept_response,
    encode_frame,
    parse_request,
    response,
)


def test_the_accept_key_is_that_of_rfc_6455() -> None:
    # RFC 6455, 1.3.
    assert accept_key("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_a_request_is_read_with_repeated_fields_joined() -> None:
    head = b"GET /a?b=c HTTP/1.1\r\nHost: h\r\nX-A: 1\r\nx-a:2\r\n\r\n"
    assert parse_request(head) == UpgradeRequest("/a?b=c", {"host": "h", "x-a": "1, 2"})


def test_an_accepting_response_can_be_bent() -> None:
    request = UpgradeRequest("/", {"sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ=="})
    text = accept_response(request, {"Upgrade": "h2c", "X": "y"}).decode()
    assert text.startswith("HTTP/1.1 101 Switching Protocols\r\n")
    assert "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n" in text
    assert "Upgrade: h2c\r\n" in text
    assert text.endswith("X: y\r\n\r\n")


def test_a_response_may_have_any_status_and_a_body() -> None:
    assert response(799, {}) == b"HTTP/1.1 799 Unknown\r\n\r\n"
    assert response(503, {"A": "b"}, "ö") == (
        b"HTTP/1.1 503 Service Unavailable\r\nA: b\r\nContent-Length: 2\r\n\r\n\xc3\xb6"
    )


@pytest.mark.parametrize(
    ("frame", "data"),
    [
        (encode_frame(1, b"hi"), b"\x81\x02hi"),
        (encode_frame(1, b"hi", fin=False), b"\x01\x02hi"),
        (encode_frame(0xF, rsv=7), b"\xff\x00"),
        (encode_frame(2, b"x" * 126)[:5], b"\x82\x7e\x00\x7ex"),
        (encode_frame(2, declared=1 << 40), b"\x82\x7f\x00\x00\x01\x00\x00\x00\x00\x00"),
        (encode_frame(9, b"\x00\x01\x02\x03\x04", mask=b"abcd"), b"\x89\x85abcdacage"),
    ],
)
def test_frames_are_encoded_as_wrong_as_wanted(frame: bytes, data: bytes) -> None:
    assert frame == data


def test_a_masked_frame_is_unmasked() -> None:
    payload = bytes(range(256)) * 3
    data = encode_frame(1, payload, mask=b"\x01\x80\xff\x00")
    assert Frame.unmasked(data[0], data[4:8], data[8:]) == Frame(1, payload)
    assert Frame.unmasked(0x01, None, b"x") == Frame(1, b"x", is_final=False, is_masked=False)


def test_a_close_frame_tells_code_and_reason() -> None:
    assert Frame(8, b"").close_code is None
    frame = Frame(8, b"\x03\xe8" + "tschüß".encode())
    assert (frame.close_code, frame.close_reason) == (1000, "tschüß")
