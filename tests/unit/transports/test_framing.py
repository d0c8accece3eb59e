"""Frames to messages: limits before payloads, headers checked, fragments joined, keys used once."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator

import pytest

from mcp_sync.testing import encode_frame as server_frame
from mcp_sync.testing.wire import Frame
from mcp_sync.transports.framing import (
    MAX_FRAGMENTS,
    FrameBuffer,
    MaskKeys,
    ProtocolFault,
    encode_frame,
    parse_close,
)

TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
LIMIT = 1000


class Pause(Exception):
    """What a deadline does in mid-frame."""


def feed(*chunks: bytes | None) -> Callable[[], bytes]:
    """Gives these chunks one by one; None raises Pause, the end is the end of the stream."""
    remaining = iter(chunks)

    def receive() -> bytes:
        chunk = next(remaining, b"")
        if chunk is None:
            raise Pause
        return chunk

    return receive


def messages(frames: FrameBuffer) -> Iterator[bytes]:
    """The messages until the end of the stream, through any number of pauses."""
    while True:
        try:
            text = frames.take_text()
            if text is not None:
                yield text
                continue
            _, is_last, payload = frames.take_frame()
        except Pause:
            continue
        except EOFError:
            return
        whole = frames.fragments.add(payload, is_last)
        if whole is not None:
            yield whole


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 300_000])
def test_a_message_of_any_length_is_read(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    frames = FrameBuffer(feed(server_frame(TEXT, payload)), 1_000_000)
    assert list(messages(frames)) == [payload]


@pytest.mark.parametrize("seed", range(20))
def test_a_stream_cut_and_paused_anywhere_gives_the_same_messages(seed: int) -> None:
    dice = random.Random(seed)
    sent, stream = [], b""
    for _ in range(20):
        parts = [
            dice.randbytes(dice.choice([0, 1, 100, 130, 70_000])) for _ in range(dice.randint(1, 4))
        ]
        sent.append(b"".join(parts))
        for at, part in enumerate(parts):
            stream += server_frame(CONTINUATION if at else TEXT, part, fin=at == len(parts) - 1)
    chunks: list[bytes | None] = []
    while stream:
        cut = dice.choice([1, 2, 3, 7, 1000, 65_536])
        chunks.append(stream[:cut])
        stream = stream[cut:]
        if dice.random() < 0.3:
            chunks.append(None)
    head = chunks.pop(0)
    assert head is not None
    assert list(messages(FrameBuffer(feed(*chunks), 1_000_000, head))) == sent  # fmt: skip


@pytest.mark.parametrize("size", [LIMIT + 1, 70_000, 1 << 40, (1 << 64) - 1])
def test_a_frame_over_the_limit_is_refused_before_its_payload_is_read(size: int) -> None:
    frames = FrameBuffer(feed(server_frame(TEXT, declared=size)), LIMIT)
    with pytest.raises(ProtocolFault) as caught:
        frames.take_frame()
    assert (caught.value.code, caught.value.size) == (1009, size)
    assert str(LIMIT) in caught.value.cause


def test_a_message_of_exactly_the_limit_is_read() -> None:
    frames = FrameBuffer(feed(server_frame(TEXT, b"x" * LIMIT)), LIMIT)
    assert list(messages(frames)) == [b"x" * LIMIT]


def test_the_limit_acts_on_the_sum_of_fragments_and_begins_anew_with_each_message() -> None:
    half = b"x" * 600
    good = server_frame(TEXT, half, fin=False) + server_frame(CONTINUATION, b"x" * 400)
    frames = FrameBuffer(feed(good + good), LIMIT)
    assert [len(whole) for whole in messages(frames)] == [LIMIT, LIMIT]
    frames = FrameBuffer(feed(server_frame(TEXT, half, fin=False), server_frame(0, half)), LIMIT)
    with pytest.raises(ProtocolFault) as caught:
        list(messages(frames))
    assert (caught.value.code, caught.value.size) == (1009, 1200)


def test_a_flood_of_empty_fragments_is_refused() -> None:
    begin, more = server_frame(TEXT, fin=False), server_frame(CONTINUATION, fin=False)
    frames = FrameBuffer(feed(begin + more * (MAX_FRAGMENTS + 1)), LIMIT)
    with pytest.raises(ProtocolFault, match="fragments") as caught:
        list(messages(frames))
    assert caught.value.code == 1009


@pytest.mark.parametrize(
    ("stream", "code", "words"),
    [
        (server_frame(TEXT, b"hi", mask=b"abcd"), 1002, "masked"),
        (server_frame(TEXT, b"hi", rsv=4), 1002, "reserved bit"),
        (server_frame(TEXT, b"hi", rsv=1), 1002, "reserved bit"),
        (server_frame(0x3, b"hi"), 1002, "opcode 3"),
        (server_frame(0xB, b"hi"), 1002, "opcode 11"),
        (server_frame(PING, b"hi", fin=False), 1002, "fragmented control"),
        (server_frame(PONG, b"hi", fin=False), 1002, "fragmented control"),
        (server_frame(CLOSE, b"", fin=False), 1002, "fragmented control"),
        (server_frame(PING, b"x" * 126), 1002, "over 125"),
        (server_frame(PONG, declared=1 << 40), 1002, "over 125"),
        (server_frame(CONTINUATION, b"hi"), 1002, "out of order"),
        (server_frame(TEXT, b"a", fin=False) + server_frame(TEXT, b"b"), 1002, "out of order"),
        (server_frame(BINARY, b"hi"), 1003, "binary"),
        (server_frame(TEXT, b"a", fin=False) + server_frame(BINARY, b"b"), 1003, "binary"),
    ],
)
def test_a_broken_frame_is_a_fault_with_its_close_code(
    stream: bytes, code: int, words: str
) -> None:
    frames = FrameBuffer(feed(stream), LIMIT)
    with pytest.raises(ProtocolFault, match=words) as caught:
        list(messages(frames))
    assert (caught.value.code, caught.value.size) == (code, None)


@pytest.mark.parametrize("size", [0, 1, 125, 126, LIMIT])
def test_a_small_whole_text_needs_no_parser_unless_it_is_cut(size: int) -> None:
    payload = b"x" * size
    stream = server_frame(TEXT, payload)
    assert FrameBuffer(feed(stream), LIMIT).take_text() == payload
    for cut in range(1, min(len(stream), 8)):
        assert FrameBuffer(feed(stream[:cut], stream[cut:]), LIMIT).take_text() is None


@pytest.mark.parametrize(
    "stream",
    [
        server_frame(TEXT, b"x" * 70_000),
        server_frame(TEXT, b"x" * (LIMIT + 1)),
        server_frame(TEXT, b"x", fin=False),
        server_frame(TEXT, b"x", rsv=1),
        server_frame(TEXT, b"x", mask=b"abcd"),
        server_frame(BINARY, b"x"),
        server_frame(PING),
    ],
)
def test_anything_else_is_left_to_the_parser(stream: bytes) -> None:
    assert FrameBuffer(feed(stream), LIMIT).take_text() is None


@pytest.mark.parametrize(
    ("head", "opcode", "is_last"),
    [
        (b"\x81\x05", TEXT, True),
        (b"\x01\x05", TEXT, False),
        (b"\x88\x05", CLOSE, True),
        (b"\x89\x05", PING, True),
        (b"\x8a\x05", PONG, True),
        # A length in more bytes than it needs.
        (b"\x81\x7e\x00\x05", TEXT, True),
        (b"\x81\x7f\x00\x00\x00\x00\x00\x00\x00\x05", TEXT, True),
    ],
)
def test_a_frame_left_at_any_byte_is_taken_up_again(
    head: bytes, opcode: int, is_last: bool
) -> None:
    stream = head + b"hello"
    for cut in range(len(stream)):
        chunks = stream[:cut], None, None, stream[cut:] + b"\x8a\x01!"
        frames = FrameBuffer(feed(*filter(lambda chunk: chunk != b"", chunks)), LIMIT)
        for _ in range(2):
            with pytest.raises(Pause):
                frames.take_frame()
            assert frames.has_bytes == (cut > 0)
            if cut:
                assert frames.take_text() is None
        assert frames.take_frame() == (opcode, is_last, b"hello")
        assert frames.take_frame() == (PONG, True, b"!")
        assert not frames.has_bytes


def test_a_broken_header_is_refused_before_anything_else_of_the_frame_has_come() -> None:
    frames = FrameBuffer(feed(server_frame(0x3, b"x" * 200)[:2], None), LIMIT)
    with pytest.raises(ProtocolFault):
        frames.take_frame()


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 5])
def test_the_end_of_the_stream_is_told_wherever_it_comes(cut: int) -> None:
    with pytest.raises(EOFError):
        FrameBuffer(feed(server_frame(TEXT, b"hello")[:cut]), LIMIT).take_frame()


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [
        (b"", 1005, ""),
        (b"\x03\xe8", 1000, ""),
        (b"\x03\xe9bye", 1001, "bye"),
        (b"\x0f\xa0" + "ä".encode(), 4000, "ä"),
        (b"\x03\xe8ok\xff", 1000, "ok\ufffd"),
        (b"\x03\xe8" + b"x" * 123, 1000, "x" * 123),
    ],
)
def test_a_close_frame_gives_its_code_and_its_reason(
    payload: bytes, code: int, reason: str
) -> None:
    close = parse_close(payload)
    assert (close.code, close.reason) == (code, reason)


@pytest.mark.parametrize("payload", [b"\x00", b"\x03", b"\xff"])
def test_half_a_close_code_is_a_fault(payload: bytes) -> None:
    with pytest.raises(ProtocolFault) as caught:
        parse_close(payload)
    assert caught.value.code == 1002


def test_a_close_code_that_nobody_may_send_is_a_fault() -> None:
    allowed = []
    for code in range(65_536):
        try:
            allowed.append(parse_close(code.to_bytes(2, "big") + b"why").code)
        except ProtocolFault as fault:
            assert (fault.code, fault.cause) == (1002, "the peer sent an invalid close frame")
    assert allowed == [*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)]


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536])
def test_an_encoded_frame_is_masked_and_can_be_read_back(size: int) -> None:
    payload = random.Random(size).randbytes(size)
    data = encode_frame(payload, TEXT, MaskKeys())
    start = {0: 2, 1: 4, 2: 10}[(size >= 126) + (size >= 65_536)]
    assert data[1] & 0x80
    frame = Frame.unmasked(data[0], data[start : start + 4], data[start + 4 :])
    assert (frame.opcode, frame.is_final, frame.payload) == (TEXT, True, payload)


def test_mask_keys_do_not_repeat_and_are_drawn_anew() -> None:
    keys = MaskKeys()
    drawn = [keys() for _ in range(3000)]
    assert {len(key) for key in drawn} == {4}
    # 3000 of 2**32 collide once in a thousand runs; twice, never.
    assert len(set(drawn)) >= 2998
    assert MaskKeys()() not in drawn[:10]
