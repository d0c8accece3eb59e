"""Our handshake and our frames beside those of websocket-client and websockets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest
import websocket
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.exceptions import InvalidStatus, PayloadTooBig, ProtocolError
from websockets.frames import Frame
from websockets.http11 import Response
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConnectionError
from mcp_sync.testing import encode_frame
from mcp_sync.testing.wire import accept_key, parse_request
from mcp_sync.transports.dial import DialWait
from mcp_sync.transports.framing import FrameBuffer, ProtocolFault, parse_close
from mcp_sync.transports.readiness import SelfPipe
from mcp_sync.transports.upgrade import upgrade
from mcp_sync.url import parse_websocket_url

LIMIT = 300
TEXT, BINARY, CONTINUATION, CLOSE, PING, PONG = 0x1, 0x2, 0x0, 0x8, 0x9, 0xA
PROTOCOL_ERROR, INVALID_PAYLOAD, TOO_BIG = 1002, 1007, 1009

generated = settings(derandomize=True, database=None, deadline=None)
many = settings(generated, max_examples=700)


class Read(NamedTuple):
    """What came of a stream of frames."""

    frames: list[tuple[int, bool, bytes]]
    """The opcode of each, whether it is the last of its message, and its payload."""
    end: str | int
    """"closed" or "more", or the close code that answers a fault."""


class Pause(Exception):
    """What a deadline does in mid-frame."""


def cut(stream: bytes, places: Sequence[int]) -> Iterator[bytes]:
    """The pieces of a stream that is cut there."""
    edges = sorted({place % (len(stream) + 1) for place in places})
    for start, end in zip([0, *edges], [*edges, len(stream)], strict=True):
        if start < end:
            yield stream[start:end]


def read_ours(stream: bytes, places: Sequence[int]) -> Read:
    """By our parser, which is left and taken up again before each piece."""
    pieces = cut(stream, places)
    is_paused = False

    def receive() -> bytes:
        nonlocal is_paused
        is_paused = not is_paused
        if is_paused:
            raise Pause
        return next(pieces, b"")

    buffer = FrameBuffer(receive, LIMIT)
    frames: list[tuple[int, bool, bytes]] = []
    while True:
        try:
            text = buffer.take_text()
            frame = buffer.take_frame() if text is None else (TEXT, True, text)
            if frame[0] == CLOSE:
                parse_close(frame[2])
            elif frame[0] < CLOSE and text is None:
                buffer.fragments.add(frame[2], frame[1])
        except Pause:
            continue
        except EOFError:
            return Read(frames, "more")
        except ProtocolFault as fault:
            return Read(frames, fault.code)
        frames.append(frame)
        if frame[0] == CLOSE:
            return Read(frames, "closed")


def read_by_websocket_client(stream: bytes) -> Read:
    """By its parser, which checks less than ours."""
    left = bytearray(stream)

    def receive(size: int) -> bytes:
        if not left:
            raise EOFError
        piece = bytes(left[:size])
        del left[:size]
        return piece

    buffer = websocket.frame_buffer(receive, True)
    frames: list[tuple[int, bool, bytes]] = []
    while True:
        try:
            frame = buffer.recv_frame()
        except EOFError:
            return Read(frames, "more")
        except websocket.WebSocketProtocolException:
            return Read(frames, PROTOCOL_ERROR)
        assert isinstance(frame.data, bytes)
        frames.append((frame.opcode, bool(frame.fin), frame.data))
        if frame.opcode == CLOSE:
            return Read(frames, "closed")


def read_by_websockets(stream: bytes) -> Read:
    """By its protocol, which checks all that ours does, in another order."""
    protocol = ClientProtocol(parse_uri("ws://h/"), state=OPEN, max_size=LIMIT)
    protocol.receive_data(stream)
    frames = []
    for frame in protocol.events_received():
        assert isinstance(frame, Frame)
        frames.append((int(frame.opcode), frame.fin, bytes(frame.data)))
    if isinstance(protocol.parser_exc, PayloadTooBig):
        return Read(frames, TOO_BIG)
    if isinstance(protocol.parser_exc, UnicodeDecodeError):
        return Read(frames, INVALID_PAYLOAD)
    if isinstance(protocol.parser_exc, ProtocolError):
        return Read(frames, PROTOCOL_ERROR)
    assert protocol.parser_exc is None
    return Read(frames, "closed" if protocol.close_rcvd else "more")


PAYLOADS = st.binary(max_size=10) | st.sampled_from(
    [b"x" * size for size in (125, 126, 200, LIMIT, LIMIT + 1)]
)
CLOSES = st.builds(
    lambda code, reason: code.to_bytes(2, "big") + reason,
    st.integers(990, 1020) | st.integers(2990, 3010) | st.integers(4990, 5010),
    st.text(max_size=5).map(str.encode),
)
ORDINARY = st.builds(
    encode_frame,
    st.sampled_from([TEXT, TEXT, CONTINUATION, CONTINUATION, PING, PONG]),
    PAYLOADS,
    fin=st.booleans(),
)
ODD = {
    "fin": st.sampled_from([True, True, False]),
    "rsv": st.sampled_from([0, 0, 0, 1, 2, 4]),
    "mask": st.sampled_from([None, None, None, b"abcd"]),
}
LONG_LENGTHS = st.builds(
    lambda opcode, payload, form: (
        bytes([0x80 | opcode, 126 + form])
        + len(payload).to_bytes(8 if form else 2, "big")
        + payload
    ),
    st.sampled_from([TEXT, CONTINUATION]),
    PAYLOADS,
    st.booleans(),
)
CLOSING = st.builds(encode_frame, st.just(CLOSE), CLOSES | st.binary(max_size=1))
STRANGE = st.builds(
    # Not binary data, which only we refuse.
    encode_frame,
    st.sampled_from([0, 1, *range(3, 8), *range(9, 16)]),
    PAYLOADS,
    **ODD,
) | st.builds(encode_frame, st.just(CLOSE), CLOSES, **ODD)
MESSAGES = st.builds(
    lambda parts, between: b"".join(
        encode_frame(CONTINUATION if at else TEXT, part, fin=at == len(parts) - 1) + between
        for at, part in enumerate(parts)
    ),
    st.lists(PAYLOADS, min_size=1, max_size=4),
    st.sampled_from([b"", encode_frame(PING, b"between")]),
)
STREAMS = st.lists(
    MESSAGES | MESSAGES | ORDINARY | LONG_LENGTHS | CLOSING | STRANGE, max_size=6
).map(b"".join)
PLACES = st.lists(st.integers(0, 2000), max_size=12)


def test_we_take_the_frames_that_websockets_takes_and_refuse_the_rest_alike() -> None:
    ends: list[str | int] = []

    @many
    @given(STREAMS, PLACES)
    def compare(stream: bytes, places: list[int]) -> None:
        ours, theirs = read_ours(stream, places), read_by_websockets(stream)
        ends.append(ours.end)
        assert ours.frames[: len(theirs.frames)] == theirs.frames
        ahead = ours.frames[len(theirs.frames) :]
        if ahead:
            # Only it holds control frames against what a message may still have, and refuses a
            # close frame in the middle of one.
            assert is_open(theirs.frames)
            assert ahead[0][0] >= CLOSE
            assert theirs.end in ((TOO_BIG, PROTOCOL_ERROR) if ahead[0][0] == CLOSE else (TOO_BIG,))
        else:
            # It looks at the size first, we last.
            assert ours.end == theirs.end or (ours.end, theirs.end) == (PROTOCOL_ERROR, TOO_BIG)

    compare()
    for end in ("closed", "more", PROTOCOL_ERROR, TOO_BIG):
        assert ends.count(end) > 20, end


def is_open(frames: Sequence[tuple[int, bool, bytes]]) -> bool:
    """Whether a message was begun and not ended."""
    data = [is_last for opcode, is_last, _ in frames if opcode < CLOSE]
    return bool(data) and not data[-1]


def test_whatever_the_bytes_we_take_no_frame_that_websocket_client_does_not() -> None:
    anything = st.lists(
        MESSAGES
        | CLOSING
        | STRANGE
        | st.binary(max_size=20)
        | st.builds(encode_frame, st.integers(0, 15), declared=st.integers(0, 70_000)),
        max_size=6,
    ).map(b"".join)
    alike: list[bool] = []

    @many
    @given(anything, PLACES)
    def compare(stream: bytes, places: list[int]) -> None:
        ours, theirs = read_ours(stream, places), read_by_websocket_client(stream)
        assert ours.frames == theirs.frames[: len(ours.frames)]
        if isinstance(ours.end, str):
            assert ours == theirs
        alike.append(ours == theirs)

    compare()
    assert sum(alike) > 150


@pytest.mark.parametrize("reason", [b"", b"fine", b"not \xff UTF-8"])
def test_a_close_frame_is_judged_as_websocket_client_judged_it(reason: bytes) -> None:
    for code in [*range(256), *range(900, 6000), 65_535]:
        stream = encode_frame(CLOSE, code.to_bytes(2, "big") + reason)
        assert read_ours(stream, ()) == read_by_websocket_client(stream), code


class PeerSocket:
    """A connected socket whose peer answers a whole request with what a function makes of it."""

    def __init__(self, answer: Callable[[bytes], bytes], places: Sequence[int] = ()) -> None:
        self.answer = answer
        self.places = places
        self.request = b""
        self.pieces: Iterator[bytes] | None = None
        self.piece = b""

    def send(self, data: bytes | memoryview, _flags: int = 0) -> int:
        # No more at once than a kernel that is nearly full.
        self.request += bytes(data[:100])
        return len(data[:100])

    def recv(self, size: int) -> bytes:
        if self.pieces is None:
            self.pieces = cut(self.answer(self.request), self.places)
        if not self.piece:
            self.piece = next(self.pieces, b"")
        data, self.piece = self.piece[:size], self.piece[size:]
        return data

    def fileno(self) -> int:
        raise AssertionError("nobody has to wait")


class LibrarySocket(PeerSocket):
    """One for websocket-client, which wants to do more with it."""

    _closed = False

    def send(self, data: bytes | memoryview) -> int:
        # It does not look at the count.
        self.request += bytes(data)
        return len(data)

    def gettimeout(self) -> float:
        return 0

    def settimeout(self, timeout: float | None) -> None:
        """It never waits."""

    def shutdown(self, how: int) -> None:
        """Nothing is open."""

    def close(self) -> None:
        """Nothing is open."""


@pytest.fixture
def wait() -> Iterator[DialWait]:
    pipe = SelfPipe()
    pipe.open()
    yield DialWait("h:80", Deadline(None), pipe)
    pipe.close()


def ask_ours(wait: DialWait, sock: PeerSocket, **wanted: Any) -> str | int:
    """What our upgrade makes of it: "granted" or "refused", or the status of a refusal."""
    url = parse_websocket_url(wanted.get("url", "ws://h/"))
    try:
        upgrade(sock, url, wanted.get("headers", {}), wanted.get("subprotocols", ()), wait)
    except MCPConnectionError as error:
        found = re.search(r"HTTP (\d+)", str(error))
        return int(found[1]) if found else "refused"
    return "granted"


def ask_by_websocket_client(sock: PeerSocket, **options: Any) -> str | int:
    client: Any = websocket.WebSocket(enable_multithread=False)
    try:
        options.setdefault("url", "ws://h/")
        client.connect(socket=sock, suppress_origin=True, redirect_limit=0, **options)
    except websocket.WebSocketException as error:
        status: int | None = getattr(error, "status_code", client.getstatus())
        return "refused" if status is None else status
    return "granted"


def ask_by_websockets(answer: Callable[[bytes], bytes]) -> str | int:
    protocol = ClientProtocol(parse_uri("ws://h/"))
    protocol.send_request(protocol.connect())
    (request,) = protocol.data_to_send()
    protocol.receive_data(answer(request))
    protocol.receive_eof()
    if isinstance(protocol.handshake_exc, InvalidStatus):
        return protocol.handshake_exc.response.status_code
    if protocol.handshake_exc is not None:
        return "refused"
    assert isinstance(protocol.events_received()[0], Response)
    return "granted"


NAMES = st.from_regex(r"X-[A-Za-z0-9!#$%&'*+.^_`|~-]{1,8}", fullmatch=True)
VALUES = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=12)


@generated
@given(
    resource=st.from_regex(r"/[a-z0-9/?=&%]{0,10}", fullmatch=True),
    headers=st.dictionaries(NAMES, VALUES, max_size=4),
    subprotocols=st.sampled_from([(), ("mcp",), ("mcp", "other")]),
)
def ask_both(
    wait: DialWait, resource: str, headers: dict[str, str], subprotocols: tuple[str, ...]
) -> None:
    ours, theirs = PeerSocket(grant), LibrarySocket(grant)
    url = f"ws://h:81{resource}"
    assert ask_ours(wait, ours, url=url, headers=headers, subprotocols=subprotocols) == "granted"
    lines = [f"{name}: {value}" for name, value in headers.items()]
    if subprotocols:
        lines.append(f"Sec-WebSocket-Protocol: {', '.join(subprotocols)}")
    assert ask_by_websocket_client(theirs, url=url, header=lines) == "granted"
    assert without_key(ours.request) == without_key(theirs.request)


def grant(request: bytes) -> bytes:
    return answer_of([b"HTTP/1.1 101 Switching Protocols", *GRANTING])(request)


def without_key(request: bytes) -> bytes:
    return re.sub(rb"(Sec-WebSocket-Key: )\S{24}\r\n", rb"\1\r\n", request)


GRANTING = [b"Upgrade: websocket", b"Connection: Upgrade", b"Sec-WebSocket-Accept: (accept)"]


def answer_of(lines: Sequence[bytes]) -> Callable[[bytes], bytes]:
    """Makes an answer of its lines, in which ``(accept)`` stands for what grants the upgrade."""

    def answer(request: bytes) -> bytes:
        accept = accept_key(parse_request(request).headers["sec-websocket-key"])
        return b"\r\n".join([*lines, b"", b""]).replace(b"(accept)", accept.encode())

    return answer


def test_our_request_is_the_one_that_websocket_client_sent(wait: DialWait) -> None:
    ask_both(wait)


STATUS_LINES = st.sampled_from(
    [
        *[b"HTTP/1.1 101 Switching Protocols"] * 12,
        b"HTTP/1.1 101 ",
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 302 Found",
        b"HTTP/1.1 401 Unauthorized",
        b"HTTP/1.1 503 Service Unavailable",
        b"HTTP/1.1 10l Switching Protocols",
        b"HTTP/1.1",
    ]
)
FIELDS = st.sampled_from(
    [
        b"upgrade:WebSocket",
        b"Upgrade: h2c",
        b"Upgrade:",
        b"CONNECTION: keep-alive, UPGRADE",
        b"Connection: close",
        b"Sec-WebSocket-Accept: bm8=",
        b"sec-websocket-accept:\t(accept) ",
        b"Retry-After: 1",
        b"WWW-Authenticate: Bearer",
        b"X-Colons: a: b",
        b"X-Empty:",
        b"Location: ws://elsewhere/",
        b"no colon",
        b": no name",
        b"X Y: z",
        b" folded",
    ]
)
EDITS = st.lists(
    st.tuples(st.sampled_from(["add", "add", "drop", "replace"]), st.integers(0, 9), FIELDS),
    max_size=3,
)


def edited(lines: Sequence[bytes], edits: Sequence[tuple[str, int, bytes]]) -> list[bytes]:
    """The lines after each edit: what it does, where, and with what.

    Of each field the last one is kept: what is made of two differs.
    """
    result = list(lines)
    for what, place, line in edits:
        at = place % (len(result) + 1)
        result[at : at + (what != "add")] = [] if what == "drop" else [line]
    return list({line.partition(b":")[0].lower(): line for line in result}.values())


def test_where_both_others_judge_an_answer_alike_so_do_we(wait: DialWait) -> None:
    agreed: list[str | int] = []

    @many
    @given(STATUS_LINES, st.permutations(GRANTING), EDITS, PLACES)
    def compare(
        first: bytes, granting: list[bytes], edits: list[tuple[str, int, bytes]], places: list[int]
    ) -> None:
        answer = answer_of([first, *edited(granting, edits)])
        theirs = ask_by_websocket_client(LibrarySocket(answer))
        ours = ask_ours(wait, PeerSocket(answer, places))
        if theirs == ask_by_websockets(answer):
            # A refusal is understood here in spite of an odd line, by its status.
            is_understood = theirs == "refused" and not first.startswith(b"HTTP/1.1 101")
            assert ours == theirs or (is_understood and isinstance(ours, int))
            agreed.append(ours)

    compare()
    for outcome in ("granted", "refused", 200, 302, 401, 503):
        assert agreed.count(outcome) > 5, outcome
