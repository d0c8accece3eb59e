"""Whatever a peer sends ends in an answer or in an error of ours, and leaks nothing."""

from __future__ import annotations

import contextlib
import json
import os

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from mcp_sync.connection.resolver import resolve
from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConnectionError, MCPProtocolError
from mcp_sync.protocol.compareblocks import CompareblocksDialect
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.messages import BadRequest, Broken, classify, decode
from mcp_sync.testing import PeerConnection, RawPeer, WebSocketPeer, encode_frame
from mcp_sync.transports.base import LinkDown
from mcp_sync.transports.websocket import WebSocketSettings, WebSocketTransport
from reliability.figures import record

EXAMPLES = int(os.environ.get("MCP_SYNC_FUZZ_EXAMPLES", "10000"))
PATIENCE_S = 5.0

fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner),
    max_leaves=12,
)


def note(name: str, fault: str, outcome: str) -> None:
    record(
        f"12 fuzz {name}",
        promise="Whatever a peer sends ends in a message or in an error of ours, and leaks nothing",
        fault=f"Hypothesis: {fault}",
        rounds=EXAMPLES,
        measured=outcome,
    )


MEMBERS = st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error"])


@fuzzed
@given(st.dictionaries(MEMBERS, JSON) | JSON)
@example({"id": True, "result": {}})
def take_json_value(value: object) -> None:
    text = json.dumps(value)
    try:
        raw = decode(text)
    except MCPProtocolError as error:
        assert not isinstance(value, dict)
        assert error.rule
        return
    for dialect in (McpDialect(), CompareblocksDialect()):
        message = dialect.classify(raw)
        assert not isinstance(message, Broken | BadRequest) or message.rule


@pytest.mark.timeout(600)
def test_every_json_value_is_a_message_or_refused_with_a_rule() -> None:
    take_json_value()
    note("values", "JSON values as messages", "each was a message or refused with a rule")


@fuzzed
@given(st.text(max_size=60))
@example("[" * 100_000)
@example("1" * 10_000)
def take_text(text: str) -> None:
    with contextlib.suppress(MCPProtocolError):
        classify(decode(text))


@pytest.mark.timeout(600)
def test_every_text_is_json_or_refused_with_a_rule() -> None:
    take_text()
    note("texts", "texts as messages", "each was JSON or refused with a rule")


FRAMES = st.lists(
    st.builds(
        encode_frame,
        st.integers(0, 15),
        st.binary(max_size=200),
        fin=st.booleans(),
        rsv=st.sampled_from([0, 0, 0, 4]),
        mask=st.sampled_from([None, None, None, b"abcd"]),
        declared=st.none() | st.integers(0, 70_000),
    )
    | st.builds(encode_frame, st.just(1), st.text(max_size=20).map(str.encode))
    | st.binary(max_size=40),
    max_size=6,
).map(b"".join)

HEADS = st.lists(
    st.sampled_from(
        [
            b"HTTP/1.1 101 Switching Protocols\r\n",
            b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 5\r\n",
            b"HTTP/1.1 301 Moved\r\nLocation: ws://elsewhere/\r\n",
            b"Upgrade: websocket\r\n",
            b"Connection: Upgrade\r\n",
            b"Sec-WebSocket-Accept: bm8=\r\n",
            b"Content-Length: -1\r\n",
            b": nameless\r\n",
            b"\r\n",
        ]
    )
    | st.binary(max_size=30),
    max_size=8,
).map(b"".join)


class Script:
    """What the peer sends next; one example at a time."""

    def __init__(self) -> None:
        self.data = b""

    def serve(self, connection: PeerConnection) -> None:
        with contextlib.suppress(OSError):
            connection.send(self.data)
            connection.finish()
            connection.receive_to_end()


def dial(url: str) -> WebSocketTransport:
    wanted = WebSocketSettings(url=url, max_message_size=1024)
    return WebSocketTransport(wanted, resolve)


@pytest.mark.timeout(900)
def test_every_stream_of_frames_ends_in_messages_and_a_lost_link() -> None:
    script = Script()
    with WebSocketPeer(script.serve) as peer:

        @fuzzed
        @given(FRAMES)
        def feed(data: bytes) -> None:
            script.data = data
            transport = dial(peer.url)
            try:
                transport.open(Deadline(PATIENCE_S))
                with pytest.raises(LinkDown) as down:
                    while True:
                        text = transport.receive(Deadline(PATIENCE_S))
                        assert text is not None, "a stream that has ended was waited for"
                assert down.value.cause
            finally:
                transport.abort()
                transport.release()

        feed()
    note("frames", "frames, well-made and broken, over real sockets", "each stream ended in a loss")


@pytest.mark.timeout(900)
def test_every_answer_to_the_upgrade_but_the_right_one_is_a_connection_error() -> None:
    script = Script()

    def serve(connection: PeerConnection) -> None:
        with contextlib.suppress(OSError):
            connection.receive_until(b"\r\n\r\n")
        script.serve(connection)

    with RawPeer(serve) as peer:

        @fuzzed
        @given(HEADS)
        def answer(data: bytes) -> None:
            script.data = data
            transport = dial(f"ws://127.0.0.1:{peer.port}/")
            try:
                with pytest.raises(MCPConnectionError) as refused:
                    transport.open(Deadline(PATIENCE_S))
                # Of this address, for no redirect is followed.
                assert f"127.0.0.1:{peer.port}" in str(refused.value)
            finally:
                transport.abort()
                transport.release()

        answer()
    note("handshake", "answers to the upgrade, over real sockets", "each ended in a refused dial")
