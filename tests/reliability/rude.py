"""What rude servers do in the middle of a call, and what must come of it.

Every act meets a client with a ready link and one call that may not be repeated. The next
connection of the same server is well-made: that it serves the next call shows that the client is
as good as new.
"""

from __future__ import annotations

import contextlib
import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any, Final

import attrs

from mcp_sync import (
    MCPClient,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPError,
    MCPMessageTooLarge,
)
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from mcp_sync.testing.wire import encode_frame
from reliability.clients import PATIENCE, QUICK
from scenes import Inbox, answer, echo_all, read_request, shake_hands

__all__ = [
    "ABRUPT_ENDS",
    "BROKEN_FRAMES",
    "CLOSE_CODES",
    "LIMIT",
    "STRANGE_MESSAGES",
    "Ended",
    "Expected",
    "Twice",
    "calling",
    "play",
    "serve",
    "survive",
    "twice",
]

MIB: Final = 1024 * 1024
LIMIT: Final = MIB
"""The ``max_message_size`` of the clients here."""

CONTINUATION, TEXT, BINARY, CLOSE, PING = 0x0, 0x1, 0x2, 0x8, 0x9

Act = Callable[[WebSocketConnection], None]


@attrs.frozen
class Expected:
    """What must come of an act."""

    error: type[MCPError]
    code: int | None
    """The close code in a MCPConnectionLost."""
    told: int | None
    """The close code that the server is told; None where the link ends without one."""


@attrs.frozen
class Ended:
    """What came of an act."""

    outcome: Any
    told: int | None
    links: int
    peak: int
    """Bytes of Python objects at the peak, above what there was before."""

    def complaints(self, expected: Expected) -> list[str]:
        """Where it is not what was expected."""
        outcome = self.outcome
        wrong = []
        if type(outcome) is not expected.error:
            wrong.append(f"the call came to {outcome!r}, not to {expected.error.__name__}")
        if isinstance(outcome, MCPConnectionLost):
            if not outcome.maybe_executed:
                wrong.append("a call that was written is said not to have been")
            if outcome.close_code != expected.code:
                wrong.append(f"close code {outcome.close_code}, not {expected.code}")
            if outcome.close_reason not in str(outcome):
                wrong.append(f"the reason {outcome.close_reason!r} is not said in {outcome}")
        if self.told != expected.told:
            wrong.append(f"the server was told {self.told}, not {expected.told}")
        if self.links != 2:
            wrong.append(f"the next call was served on link {self.links}")
        return wrong


def _lost(code: int | None, told: int | None) -> Expected:
    return Expected(MCPConnectionLost, code, told)


def _sends_close(code: int) -> Act:
    return lambda peer: peer.send_close(code, "so be it")


CLOSE_CODES: Final[dict[int, tuple[Act, Expected]]] = {
    code: (_sends_close(code), _lost(code, code))
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1011, 1012, 1013, 3000, 4000, 4999)
} | {1009: (_sends_close(1009), Expected(MCPMessageTooLarge, None, 1009))}
"""Every close code of the design's section 6, sent by the server, once."""


def _sends(*frames: bytes) -> Act:
    return lambda peer: peer.send(b"".join(frames))


def _floods_with_fragments(peer: WebSocketConnection) -> None:
    peer.send(encode_frame(TEXT, b"x", fin=False))
    some = encode_frame(CONTINUATION, b"x", fin=False) * 4096
    with contextlib.suppress(OSError):
        for _ in range(200):  # 819,200 fragments, of a message that never ends
            peer.send(some)


ABRUPT_ENDS: Final[dict[str, tuple[Act, Expected]]] = {
    "a FIN without a close frame": (lambda peer: peer.finish(), _lost(1006, None)),
    "a reset": (lambda peer: peer.reset(), _lost(1006, None)),
    "a close frame without a code": (lambda peer: peer.send_close(), _lost(1005, 1000)),
}
"""Ends of a link that have no code of their own."""

BROKEN_FRAMES: Final[dict[str, tuple[Act, Expected]]] = {
    "a binary frame": (_sends(encode_frame(BINARY, b"{}")), _lost(1003, 1003)),
    "text that is not UTF-8": (_sends(encode_frame(TEXT, b"\xff\xfe{}")), _lost(1007, 1007)),
    "text cut inside a character": (_sends(encode_frame(TEXT, b'"\xe2\x82')), _lost(1007, 1007)),
    "a reserved bit": (_sends(encode_frame(TEXT, b"{}", rsv=4)), _lost(1002, 1002)),
    "a reserved opcode": (_sends(encode_frame(0x3, b"{}")), _lost(1002, 1002)),
    "a reserved control opcode": (_sends(encode_frame(0xB)), _lost(1002, 1002)),
    "a masked frame": (_sends(encode_frame(TEXT, b"{}", mask=b"abcd")), _lost(1002, 1002)),
    "a fragmented ping": (_sends(encode_frame(PING, b"", fin=False)), _lost(1002, 1002)),
    "a ping over 125 bytes": (_sends(encode_frame(PING, b"x" * 126)), _lost(1002, 1002)),
    "a continuation of nothing": (_sends(encode_frame(CONTINUATION, b"{}")), _lost(1002, 1002)),
    "a new message inside another": (
        _sends(encode_frame(TEXT, b"{", fin=False), encode_frame(TEXT, b"}")),
        _lost(1002, 1002),
    ),
    "half a close code": (_sends(encode_frame(CLOSE, b"\x03")), _lost(1002, 1002)),
    "a close code that must not be sent": (
        _sends(encode_frame(CLOSE, (1006).to_bytes(2, "big"))),
        _lost(1002, 1002),
    ),
    "100 MB announced": (
        _sends(encode_frame(TEXT, b"{", declared=100_000_000)),
        Expected(MCPMessageTooLarge, None, 1009),
    ),
    "the longest length announced": (
        _sends(encode_frame(TEXT, b"{", declared=2**63 - 1)),
        Expected(MCPMessageTooLarge, None, 1009),
    ),
    "fragments over the limit together": (
        _sends(
            encode_frame(TEXT, b"x" * (LIMIT // 2), fin=False),
            encode_frame(CONTINUATION, b"x" * (LIMIT // 2), fin=False),
            encode_frame(CONTINUATION, b"x"),
        ),
        Expected(MCPMessageTooLarge, None, 1009),
    ),
    "a flood of fragments": (
        _floods_with_fragments,
        Expected(MCPMessageTooLarge, None, 1009),
    ),
}
"""Frames that RFC 6455 or a limit of ours forbids, and the close code that answers each."""

STRANGE_MESSAGES: Final[dict[str, str]] = {
    "no JSON": "so be it",
    "half a JSON object": '{"jsonrpc": "2.0", "id"',
    "an empty text": "",
    "an empty batch": "[]",
    "a batch": '[{"jsonrpc": "2.0", "id": 1, "result": {}}]',
    "a number": "17",
    "null": "null",
    "an object without a kind": '{"jsonrpc": "2.0"}',
    "another version": '{"jsonrpc": "1.0", "id": 99, "result": {}}',
    "an answer to nobody": '{"jsonrpc": "2.0", "id": 4711, "result": {}}',
    "an answer without an id": '{"jsonrpc": "2.0", "id": null, "result": {}}',
    "an error without an id": '{"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": ""}}',
    "a list as an id": '{"jsonrpc": "2.0", "id": [1], "result": {}}',
    "an object as an id": '{"jsonrpc": "2.0", "id": {"a": 1}, "result": {}}',
    "a huge number as an id": '{"jsonrpc": "2.0", "id": 1' + "0" * 5000 + ', "result": {}}',
    "infinity as an id": '{"jsonrpc": "2.0", "id": 1e999, "result": {}}',
    "not a number": '{"jsonrpc": "2.0", "id": 4711, "result": NaN}',
    "a lone surrogate": '{"jsonrpc": "2.0", "id": "\\ud800", "result": {}}',
    "100,000 brackets": "[" * 100_000,
    "100,000 nested results": '{"jsonrpc": "2.0", "id": 4711, "result": ' + '{"a":' * 100_000,
    "an error that is no object": '{"jsonrpc": "2.0", "id": 4711, "error": "no"}',
    "an error with a text as its code": (
        '{"jsonrpc": "2.0", "id": 4711, "error": {"code": "x", "message": 1}}'
    ),
    "a notification with a list": '{"jsonrpc": "2.0", "method": "a", "params": [1]}',
    "a notification without a name": '{"jsonrpc": "2.0", "method": 7}',
    "a request for what nobody offers": '{"jsonrpc": "2.0", "id": "s1", "method": "no/such"}',
    "a key that is there twice": '{"jsonrpc": "2.0", "id": 4711, "id": 4712, "result": {}}',
}
"""Texts that are no sensible message, and harm neither the link nor the call that waits."""


def serve(connection: WebSocketConnection) -> None:
    """The script of a well-made server."""
    shake_hands(connection)
    echo_all(connection)


@contextlib.contextmanager
def calling(
    client_type: type[MCPClient], url: str, **settings: Any
) -> Iterator[tuple[MCPClient, Callable[[str], Any]]]:
    """A client, and a function that makes a call that may not be repeated."""
    client = client_type(url, max_message_size=LIMIT, **QUICK, **settings)

    def call(method: str) -> Any:
        try:
            return client.request(method, timeout=PATIENCE)
        except MCPError as error:
            return error

    try:
        yield client, call
    finally:
        client.close()


def play(client_type: type[MCPClient], act: Act) -> Ended:
    """Have a server do something rude in the middle of a call, and make another call."""
    told = Inbox()

    def be_rude(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        read_request(connection)
        tracemalloc.reset_peak()
        act(connection)
        told(_close_code(connection))

    with (
        WebSocketPeer(be_rude, serve, patience=PATIENCE) as peer,
        calling(client_type, peer.url) as (client, call),
    ):
        tracemalloc.start()
        try:
            assert client.wait_until_ready(PATIENCE)
            before, _ = tracemalloc.get_traced_memory()
            outcome = call("rude")
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert call("next") == {"method": "next", "params": None}
        assert told.wait_for(bool, PATIENCE)
        links = client.get_connection_stats().link.generation
    return Ended(outcome, told.items()[0], links, max(0, peak - before))


def _close_code(connection: WebSocketConnection) -> int | None:
    """The code of the close frame that comes, if one comes before the end."""
    with contextlib.suppress(OSError, EOFError):
        while (frame := connection.read_frame()).opcode != CLOSE:
            pass
        connection.receive_to_end()
        return frame.close_code
    return None


def survive(client_type: type[MCPClient], texts: list[str]) -> int:
    """Have strange texts sent before the answer to a call; how many links that took."""

    def be_strange(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        for text in texts:
            request = read_request(connection)
            connection.send_text(text)
            while request.get("method") != "call":  # what the client says to a strange request
                request = read_request(connection)
            answer(connection, request, {"after": len(text)})
        connection.receive_to_end()

    with (
        WebSocketPeer(be_strange, serve, patience=PATIENCE) as peer,
        calling(client_type, peer.url) as (client, call),
    ):
        for text in texts:
            assert call("call") == {"after": len(text)}, text[:80]
        return client.get_connection_stats().link.generation


@attrs.frozen
class Twice:
    """What came of two links in a row that ended with the same close code."""

    losses: list[Any]
    state: str
    after: Any
    """The outcome of a call after both."""
    dials: int
    """How many connections the server had by then."""

    def complaints(self, code: int) -> list[str]:
        """Where it is not what two links in a row with this code are to come to."""
        wrong = []
        is_for_good = code in (1002, 1003, 1007)
        if is_for_good != isinstance(self.after, MCPConnectionRejected):
            wrong.append(f"the call after both came to {self.after!r}")
        if self.state != ("failed" if is_for_good else "initialized"):
            wrong.append(f"the state after both is {self.state}")
        if self.dials != (2 if is_for_good else 3):
            wrong.append(f"{self.dials} dials")
        kind = MCPMessageTooLarge if code == 1009 else MCPConnectionLost
        if {type(loss) for loss in self.losses} != {kind}:
            wrong.append(f"the calls came to {self.losses}")
        return wrong


def twice(client_type: type[MCPClient], code: int) -> Twice:
    """Have two links in a row closed with a code in the middle of a call."""

    def close(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        read_request(connection)
        connection.send_close(code, "so be it")
        connection.receive_to_end()

    with (
        WebSocketPeer(close, close, serve, patience=PATIENCE) as peer,
        calling(client_type, peer.url) as (client, call),
    ):
        losses = [call("first"), call("second")]
        after = call("third")
        state = str(client.get_connection_state())
        dials = peer.connections
        client.reconnect()  # what a user can always do
        assert call("fourth") == {"method": "fourth", "params": None}
    return Twice(losses, state, after, dials)
