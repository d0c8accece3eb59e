"""The HTTP upgrade: what is asked, what is accepted, and what each refusal becomes."""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import email.utils
import re
import ssl
import time
import traceback
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import pytest

from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConfigurationError, MCPConnectionError, MCPConnectionRejected
from mcp_sync.testing import (
    PeerConnection,
    RawPeer,
    WebSocketConnection,
    WebSocketPeer,
    encode_frame,
)
from mcp_sync.testing.wire import accept_key, accept_response, parse_request
from mcp_sync.transports.base import LinkDown
from mcp_sync.transports.websocket import WebSocketSettings, WebSocketTransport
from timing import MS

BOUND = 10_000 * MS
SOON = 4000 * MS

Make = Callable[..., WebSocketTransport]
Script = Callable[[WebSocketConnection], None]


def hold(connection: PeerConnection) -> None:
    connection.hold()


def answering(
    status: int, headers: dict[str, str] | None = None, body: str = ""
) -> Callable[[WebSocketConnection], None]:
    """A script that answers the upgrade with an ordinary response, and reads to the end."""

    def script(connection: WebSocketConnection) -> None:
        connection.read_request()
        connection.respond(status, headers, body)
        connection.receive_to_end()

    return script


def saying(data: bytes) -> Callable[[PeerConnection], None]:
    """A script that reads the request, says something else, and reads to the end."""

    def script(connection: PeerConnection) -> None:
        connection.receive_until(b"\r\n\r\n")
        connection.send(data)
        connection.receive_to_end()

    return script


def refusal(make: Make, script: Script, url: str = "", **settings: Any) -> MCPConnectionError:
    """The error that opening a link to such a peer ends with."""
    with WebSocketPeer(script, upgrade=False) as peer:
        transport = make(url.format(peer=peer) or peer.url, **settings)
        with pytest.raises(MCPConnectionError) as caught:
            transport.open(Deadline(BOUND))
    return caught.value


def raw_refusal(make: Make, script: Callable[[PeerConnection], None]) -> MCPConnectionError:
    with RawPeer(script) as peer:
        transport = make(f"ws://{peer.host}:{peer.port}/")
        with pytest.raises(MCPConnectionError) as caught:
            transport.open(Deadline(BOUND))
    return caught.value


def ask(open_link: Make, url: str = "ws://{0}:{1}/", **settings: Any) -> dict[str, str]:
    """The headers of the request that such a link makes; the target under ""."""
    seen: list[WebSocketConnection] = []
    with WebSocketPeer(seen.append) as peer:
        open_link(url.format(peer.host, peer.port), **settings)
        peer.wait_for_scripts(1)
    (connection,) = seen
    return {"": connection.request.target, **connection.request.headers}


def test_the_request_asks_for_what_the_url_says(open_link: Make) -> None:
    request = ask(open_link, "ws://{0}:{1}/mcp/v1?token=a%20b&x=ü")
    host = request.pop("host")
    assert re.fullmatch(r"127\.0\.0\.1:\d+", host)
    assert len(request.pop("sec-websocket-key")) == 24
    assert request == {
        "": "/mcp/v1?token=a%20b&x=%C3%BC",
        "upgrade": "websocket",
        "connection": "Upgrade",
        "sec-websocket-version": "13",
    }


def test_the_request_keeps_its_order_and_its_spelling(open_link: Make) -> None:
    heads: list[bytes] = []

    def script(connection: WebSocketConnection) -> None:
        head = connection.receive_until(b"\r\n\r\n")
        heads.append(head)
        connection.send(accept_response(parse_request(head), {}))

    with WebSocketPeer(script, upgrade=False) as peer:
        open_link(
            f"ws://me:pw@127.0.0.1:{peer.port}/mcp?a=1",
            headers={"X-Text": "ü", "x-other": ""},
            subprotocols=("mcp", "other"),
        )
    (head,) = heads
    assert re.sub(r"(?<=Key: )\S{24}\r", "(key)\r", head.decode()).split("\r\n") == [
        "GET /mcp?a=1 HTTP/1.1",
        "Upgrade: websocket",
        f"Host: 127.0.0.1:{peer.port}",
        "Sec-WebSocket-Key: (key)",
        "Sec-WebSocket-Version: 13",
        "Connection: Upgrade",
        "X-Text: ü",
        "x-other: ",
        "Authorization: Basic bWU6cHc=",
        "Sec-WebSocket-Protocol: mcp, other",
        "",
        "",
    ]


def test_each_key_is_made_of_sixteen_new_bytes(open_link: Make) -> None:
    keys = [ask(open_link)["sec-websocket-key"] for _ in range(3)]
    assert {len(base64.b64decode(key, validate=True)) for key in keys} == {16}
    assert len(set(keys)) == 3


def test_headers_and_subprotocols_are_sent_as_given(open_link: Make) -> None:
    request = ask(
        open_link,
        headers={"Authorization": "Bearer t", "Origin": "https://example.org", "X-Text": "ü"},
        subprotocols=("mcp", "other"),
    )
    assert request["authorization"] == "Bearer t"
    assert request["origin"] == "https://example.org"
    assert request["sec-websocket-protocol"] == "mcp, other"


def test_user_and_password_of_the_url_are_sent_as_basic_authorization(open_link: Make) -> None:
    assert ask(open_link, "ws://me:pw@{0}:{1}/")["authorization"] == "Basic bWU6cHc="


def test_a_given_authorization_goes_before_that_of_the_url(open_link: Make) -> None:
    request = ask(open_link, "ws://me:pw@{0}:{1}/", headers={"authorization": "Bearer t"})
    assert request["authorization"] == "Bearer t"


@pytest.mark.parametrize(
    ("offered", "selected"),
    [((), None), (("a", "b"), None), (("a", "b"), "b"), ((), "mcp"), (("a",), "mcp")],
)
def test_a_subprotocol_may_be_selected_or_none(
    make_transport: Make, offered: tuple[str, ...], selected: str | None
) -> None:
    answer = {} if selected is None else {"Sec-WebSocket-Protocol": selected}
    with WebSocketPeer(hold, headers=answer) as peer:
        info = make_transport(peer.url, subprotocols=offered).open(Deadline(BOUND))
        assert info.subprotocol == selected
        assert info.peer_address == f"127.0.0.1:{peer.port}"
        assert info.tls_version is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"Sec-WebSocket-Protocol": "graphql-ws"}, r"subprotocol 'graphql-ws'.*offered were: a, b"),
        ({"Sec-WebSocket-Protocol": "A"}, "subprotocol 'A'"),
        ({"Sec-WebSocket-Extensions": "permessage-deflate"}, "extension 'permessage-deflate'"),
    ],
)
def test_what_was_not_offered_may_not_be_selected(
    make_transport: Make, answer: dict[str, str], words: str
) -> None:
    with WebSocketPeer(hold, headers=answer) as peer:
        transport = make_transport(peer.url, subprotocols=("a", "b"))
        with pytest.raises(MCPConnectionRejected, match=words):
            transport.open(Deadline(BOUND))


def answering_with(*lines: str) -> Script:
    """A script that gives such an answer, ``(accept)`` replaced by what grants the upgrade."""

    def script(connection: WebSocketConnection) -> None:
        key = connection.read_request().headers["sec-websocket-key"]
        head = "\r\n".join([*lines, "", ""]).replace("(accept)", accept_key(key))
        connection.send(head.encode("latin-1") + encode_frame(1, b"hello"))
        connection.receive_to_end()

    return script


UPGRADE, CONNECTION = "Upgrade: websocket", "Connection: Upgrade"
GRANTED = ("HTTP/1.1 101 Switching Protocols", UPGRADE, CONNECTION)
ACCEPTED = "Sec-WebSocket-Accept: (accept)"


@pytest.mark.parametrize(
    "lines",
    [
        (*GRANTED, ACCEPTED),
        ("HTTP/1.1 101", UPGRADE, CONNECTION, ACCEPTED),
        (
            "HTTP/1.0 101 ",
            "UPGRADE:WEBSOCKET",
            "connection:upgrade",
            "sec-websocket-accept:(accept)",
        ),
        (GRANTED[0], UPGRADE, "Connection: keep-alive,\tUpGrAdE ,x", ACCEPTED),
        (GRANTED[0], UPGRADE, CONNECTION, "Connection: keep-alive", ACCEPTED),
        (GRANTED[0], UPGRADE, UPGRADE, CONNECTION, ACCEPTED),
        (*GRANTED, "Sec-WebSocket-Accept: \t (accept)\t "),
        (*GRANTED, ACCEPTED, "X-Empty:", "X-Colons: a: b:", "X-Latin: \xfc"),
        (*GRANTED, ACCEPTED, "Sec-WebSocket-Extensions:"),
        (*GRANTED, ACCEPTED, "Sec-WebSocket-Protocol: "),
        (*GRANTED, ACCEPTED, "Set-Cookie: a=\xfc", "Set-Cookie: b=1"),
    ],
)
def test_an_answer_that_grants_the_upgrade_is_accepted(
    make_transport: Make, lines: tuple[str, ...]
) -> None:
    with WebSocketPeer(answering_with(*lines), upgrade=False) as peer:
        transport = make_transport(peer.url)
        assert transport.open(Deadline(BOUND)).subprotocol is None
        assert transport.receive(Deadline(BOUND)) == "hello"


@pytest.mark.parametrize(
    "lines",
    [
        (*GRANTED, "Sec-WebSocket-Accept: (accept)="),
        (*GRANTED, ACCEPTED, ACCEPTED),
        (*GRANTED, "Sec-WebSocket-Accept:"),
        (GRANTED[0], CONNECTION, ACCEPTED),
        (GRANTED[0], UPGRADE, ACCEPTED),
        (GRANTED[0], "Upgrade: h2c", CONNECTION, ACCEPTED),
        (GRANTED[0], "Upgrade: websocket, h2c", CONNECTION, ACCEPTED),
        (GRANTED[0], UPGRADE, "Upgrade: h2c", CONNECTION, ACCEPTED),
        (GRANTED[0], "Upgrade:", UPGRADE, CONNECTION, ACCEPTED),
        (GRANTED[0], UPGRADE, "Connection: upgraded, keep-alive", ACCEPTED),
        (*GRANTED, ACCEPTED, "X-Folded: a", " b"),
        (*GRANTED, ACCEPTED, "X-Folded: a", "\tb: c"),
        (GRANTED[0], " " + UPGRADE, CONNECTION, ACCEPTED),
        (*GRANTED, ACCEPTED, "no-colon"),
        (*GRANTED, ACCEPTED, ": no name"),
        (*GRANTED, ACCEPTED, "X-Space : before the colon"),
        (*GRANTED, ACCEPTED, "X-\xfc: not ASCII"),
        (*GRANTED, ACCEPTED, "X-Tab\t: y"),
        (*GRANTED, ACCEPTED, "X: a\nY: b"),
        (*GRANTED, ACCEPTED, "X: a\rY: b"),
        (*GRANTED, ACCEPTED, "X: a\0"),
        ("HTTP/1.1 101 S\nX: y", UPGRADE, CONNECTION, ACCEPTED),
        ("HTTP/1.1 0101 S", UPGRADE, CONNECTION, ACCEPTED),
        ("HTTP/1.1 +101 S", UPGRADE, CONNECTION, ACCEPTED),
        ("HTTP/1.1  101 S", UPGRADE, CONNECTION, ACCEPTED),
        ("HTTP/1.1 1\xc2\xb21 S", UPGRADE, CONNECTION, ACCEPTED),
    ],
)
def test_an_answer_with_a_wrong_line_grants_nothing(
    make_transport: Make, lines: tuple[str, ...]
) -> None:
    error = refusal(make_transport, answering_with(*lines))
    assert "the peer's answer is no WebSocket upgrade" in str(error)
    assert not isinstance(error, MCPConnectionRejected)


def test_an_accept_in_another_case_grants_nothing(make_transport: Make) -> None:
    def script(connection: WebSocketConnection) -> None:
        key = connection.read_request().headers["sec-websocket-key"]
        connection.accept_upgrade({"Sec-WebSocket-Accept": accept_key(key).swapcase()})
        connection.receive_to_end()

    assert "no WebSocket upgrade" in str(refusal(make_transport, script))


def test_of_two_selected_subprotocols_none_counts(make_transport: Make) -> None:
    selected = ("Sec-WebSocket-Protocol: a", "sec-websocket-protocol: b")
    script = answering_with(*GRANTED, ACCEPTED, *selected)
    error = refusal(make_transport, script, subprotocols=("a", "b"))
    assert isinstance(error, MCPConnectionRejected)
    assert "subprotocol 'a, b'" in str(error)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 426, 451, 499])
def test_a_4xx_is_a_rejection_with_its_status(make_transport: Make, status: int) -> None:
    error = refusal(make_transport, answering(status))
    assert isinstance(error, MCPConnectionRejected)
    assert error.status == status
    assert f"HTTP {status}" in str(error)


def test_the_challenge_of_a_401_is_kept(make_transport: Make) -> None:
    challenge = 'Bearer resource_metadata="https://example.org/.well-known/x"'
    error = refusal(make_transport, answering(401, {"WWW-Authenticate": challenge}))
    assert isinstance(error, MCPConnectionRejected)
    assert error.challenge == challenge


def test_the_challenges_of_a_401_are_joined(make_transport: Make) -> None:
    two = ("WWW-Authenticate: Bearer", 'www-authenticate: Basic realm="\xc3\xbc\xfc"')
    error = refusal(make_transport, answering_with("HTTP/1.1 401 No", *two))
    assert isinstance(error, MCPConnectionRejected)
    assert error.challenge == 'Bearer, Basic realm="ü\ufffd"'


@pytest.mark.parametrize(
    "lines",
    [
        ("WWW-Authenticate: Bearer", ' realm="x"'),
        ("WWW-Authenticate: Bearer", '\t realm="x"', "no-colon"),
        ("X : y", 'WWW-Authenticate: Bearer realm="x"', "X: a\0"),
        (" folded", 'WWW-Authenticate: Bearer realm="x"'),
    ],
)
def test_a_refusal_is_understood_whatever_odd_lines_it_has(
    make_transport: Make, lines: tuple[str, ...]
) -> None:
    error = refusal(make_transport, answering_with("HTTP/1.1 401 No", *lines))
    assert isinstance(error, MCPConnectionRejected)
    assert error.status == 401
    assert error.challenge == 'Bearer realm="x"'


@pytest.mark.parametrize("in_pieces", [False, True])
def test_responses_that_say_another_one_will_come_are_passed_over(
    make_transport: Make, in_pieces: bool
) -> None:
    def script(connection: WebSocketConnection) -> None:
        key = connection.read_request().headers["sec-websocket-key"]
        final = "\r\n".join([*GRANTED, ACCEPTED, "", ""]).replace("(accept)", accept_key(key))
        heads = ["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 103 Early\r\nLink: x\r\n\r\n", final]
        pieces = heads if in_pieces else ["".join(heads)]
        for piece in pieces:
            connection.send(piece.encode("latin-1"))
        connection.send(encode_frame(1, b"hello"))
        connection.receive_to_end()

    with WebSocketPeer(script, upgrade=False) as peer:
        transport = make_transport(peer.url)
        transport.open(Deadline(BOUND))
        assert transport.receive(Deadline(BOUND)) == "hello"


def test_responses_before_the_last_one_are_bounded(make_transport: Make) -> None:
    def script(connection: WebSocketConnection) -> None:
        connection.read_request()
        with contextlib.suppress(OSError):
            while True:
                connection.send(b"HTTP/1.1 102 Processing\r\n\r\n" * 100)

    assert "headers are over 65536 bytes" in str(refusal(make_transport, script))


@pytest.mark.parametrize("status", [200, 204, 408, 425, 429, 500, 502, 503, 504, 599, 0])
def test_any_other_status_may_pass(make_transport: Make, status: int) -> None:
    error = refusal(make_transport, answering(status))
    assert not isinstance(error, MCPConnectionRejected)
    assert f"HTTP {status}" in str(error)
    assert error.retry_after is None


@pytest.mark.parametrize(
    ("field", "seconds"),
    [("7", 7.0), ("0", 0.0), ("99999999999999", 300.0), ("-1", None), ("soon", None), ("٣", None)],
)
def test_retry_after_in_seconds_is_kept_and_capped(
    make_transport: Make, field: str, seconds: float | None
) -> None:
    script = saying(f"HTTP/1.1 503 No\r\nRetry-After: {field}\r\n\r\n".encode())
    assert raw_refusal(make_transport, script).retry_after == seconds


def test_retry_after_as_a_date_without_a_zone_is_taken_as_utc(make_transport: Make) -> None:
    script = answering(503, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 -0000"})
    assert refusal(make_transport, script).retry_after == 0


@pytest.mark.parametrize(("ahead", "low", "high"), [(60, 50, 60), (-60, 0, 0), (9000, 300, 300)])
def test_retry_after_as_a_date_is_kept_and_capped(
    make_transport: Make, ahead: int, low: int, high: int
) -> None:
    moment = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=ahead)
    field = email.utils.format_datetime(moment, usegmt=True)
    error = refusal(make_transport, answering(429, {"Retry-After": field}))
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 305, 307, 308])
def test_a_redirect_is_not_followed_and_its_query_not_told(
    make_transport: Make, status: int
) -> None:
    reached: list[WebSocketConnection] = []
    with WebSocketPeer(reached.append) as target:
        location = f"ws://user:hunter2@127.0.0.1:{target.port}/there?token=hunter2"
        error = refusal(make_transport, answering(status, {"Location": location}))
    assert isinstance(error, MCPConnectionRejected)
    assert error.status == status
    assert "redirects are not followed" in str(error)
    assert f"127.0.0.1:{target.port}/there" in str(error)
    assert "hunter2" not in "".join(traceback.format_exception(error))
    assert reached == []


def test_of_two_places_to_go_to_one_is_named_and_no_secret_of_either(make_transport: Make) -> None:
    places = ("Location: ws://u:hunter2@h/one?t=hunter2", "Location: ws://u:hunter2@h/two")
    error = refusal(make_transport, answering_with("HTTP/1.1 302 Found", *places))
    assert "/two" in str(error)
    assert "hunter2" not in str(error)


@pytest.mark.parametrize("headers", [{}, {"Location": ""}])
def test_a_redirect_to_nowhere_is_a_rejection_too(
    make_transport: Make, headers: dict[str, str]
) -> None:
    error = refusal(make_transport, answering(302, headers))
    assert isinstance(error, MCPConnectionRejected)
    assert "a redirect to nowhere" in str(error)


def test_the_body_of_a_refusal_is_not_waited_for(make_transport: Make) -> None:
    script = saying(b"HTTP/1.1 503 No\r\nContent-Length: 10000000000\r\n\r\nsome")
    began = time.monotonic()
    assert "HTTP 503" in str(raw_refusal(make_transport, script))
    assert time.monotonic() - began < SOON


ACCEPT = "HTTP/1.1 101 S\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", "does not speak HTTP"),
        (b"\x15\x03\x01\x00\x02\x02\x16", "does not speak HTTP"),
        (b"HTTX", "does not speak HTTP"),
        (b"HTTP/2 200\r\n\r\n", "does not speak HTTP"),
        (b"HTTP/1.1\r\n\r\n", "no WebSocket upgrade"),
        (b"HTTP/1.1 abc\r\n\r\n", "no WebSocket upgrade"),
        (b"HTTP/1.1 101 S\r\n\r\n", "no WebSocket upgrade"),
        (b"HTTP/1.1 101 S\r\nno colon\r\n\r\n", "no WebSocket upgrade"),
        (b"HTTP/1.1 101 S\r\nX: \xff\r\n\r\n", "no WebSocket upgrade"),
        (f"{ACCEPT}\r\n".encode(), "no WebSocket upgrade"),
        (f"{ACCEPT}Sec-WebSocket-Accept: wrong\r\n\r\n".encode(), "no WebSocket upgrade"),
        (b"HTTP/1.1 101 S\r\nX: " + b"y" * 70_000, "over 65536 bytes"),
    ],
)
def test_a_peer_that_does_not_speak_websocket_is_a_connection_error(
    make_transport: Make, said: bytes, words: str
) -> None:
    error = raw_refusal(make_transport, saying(said))
    assert words in str(error)
    assert not isinstance(error, MCPConnectionRejected)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (lambda connection: connection.finish() or connection.hold(), "closed the connection"),
        (lambda connection: connection.receive(1) and connection.reset(), "reset by peer"),
    ],
)
def test_a_peer_that_ends_the_connection_instead_is_a_connection_error(
    make_transport: Make, script: Callable[[PeerConnection], None], words: str
) -> None:
    assert words in str(raw_refusal(make_transport, script))


HUGE = {"X-Huge": "h" * 12_000_000}
"""More than the kernel's buffers on both sides may grow to."""


def test_a_request_larger_than_the_kernels_buffers_is_sent_whole(open_link: Make) -> None:
    assert ask(open_link, headers=HUGE)["x-huge"] == HUGE["X-Huge"]


def test_a_request_that_is_not_read_ends_the_dial_at_its_deadline(make_transport: Make) -> None:
    with RawPeer(hold) as peer:
        transport = make_transport(f"ws://{peer.host}:{peer.port}/", headers=HUGE)
        with pytest.raises(MCPConnectionError, match="timed out while waiting for the WebSocket"):
            transport.open(Deadline(200 * MS))


def test_a_reset_in_the_middle_of_the_request_says_so(make_transport: Make) -> None:
    def script(connection: PeerConnection) -> None:
        connection.receive_exactly(10)
        connection.reset()

    with RawPeer(script) as peer:
        transport = make_transport(f"ws://{peer.host}:{peer.port}/", headers=HUGE)
        with pytest.raises(MCPConnectionError, match=r"reset by peer|broken pipe"):
            transport.open(Deadline(BOUND))


def test_a_refusal_in_the_middle_of_the_request_is_read(make_transport: Make) -> None:
    def script(connection: WebSocketConnection) -> None:
        connection.receive_exactly(10)
        connection.respond(431)

    error = refusal(make_transport, script, headers=HUGE)
    assert isinstance(error, MCPConnectionRejected)
    assert error.status == 431


def test_a_mute_peer_ends_the_dial_at_its_deadline(make_transport: Make) -> None:
    with RawPeer(hold) as peer:
        transport = make_transport(f"ws://{peer.host}:{peer.port}/")
        words = "timed out while waiting for the WebSocket upgrade"
        with pytest.raises(MCPConnectionError, match=words):
            transport.open(Deadline(50 * MS))


def test_a_peer_that_drips_its_answer_does_not_stretch_the_deadline(make_transport: Make) -> None:
    with RawPeer(drip_until_gone) as peer:
        transport = make_transport(f"ws://{peer.host}:{peer.port}/")
        began = time.monotonic()
        with pytest.raises(MCPConnectionError, match="timed out while waiting"):
            transport.open(Deadline(200 * MS))
        assert time.monotonic() - began < SOON  # the whole answer would take 25 s
        assert peer.connections == 1


def drip_until_gone(connection: PeerConnection) -> None:
    """Send the head of a response byte by byte, one each few milliseconds."""
    connection.receive_until(b"\r\n\r\n")
    connection.socket.settimeout(5 * MS)
    for byte in b"HTTP/1.1 101 Switching Protocols\r\nX: " + b"y" * 5000:
        connection.send(bytes([byte]))
        try:
            if not connection.receive():
                return
        except TimeoutError:
            continue
        except ConnectionError:
            return


@pytest.mark.parametrize("said", [b"", b"HTTP/1.1 101 Switching Protocols\r\nX: y"])
def test_an_abort_ends_the_wait_for_the_answer(
    make_transport: Make, in_thread: Callable[..., Future[Any]], said: bytes
) -> None:
    with RawPeer(saying(said)) as peer:
        transport = make_transport(f"ws://{peer.host}:{peer.port}/")
        opening = in_thread(transport.open, Deadline(BOUND))
        peer.wait_for_connections(1)
        with pytest.raises(TimeoutError):
            opening.result(50 * MS)
        transport.abort()
        with pytest.raises(LinkDown, match="aborted"):
            opening.result(SOON)


def test_cookies_are_not_carried_from_one_client_to_another(open_link: Make) -> None:
    answer = {"Set-Cookie": "session=1; Domain=localhost"}
    seen: list[WebSocketConnection] = []
    with WebSocketPeer(seen.append, headers=answer) as peer:
        for _ in range(2):
            open_link(f"ws://localhost:{peer.port}/")
        peer.wait_for_scripts(2)
    assert ["cookie" in one.request.headers for one in seen] == [False, False]


def test_a_cookie_header_of_the_users_is_sent(open_link: Make) -> None:
    assert ask(open_link, headers={"Cookie": "mine=1"})["cookie"] == "mine=1"


def test_frames_that_come_with_the_answer_are_not_lost(make_transport: Make) -> None:
    def script(connection: WebSocketConnection) -> None:
        connection.read_request()
        answer = accept_response(connection.request, {})
        connection.send(answer + encode_frame(1, b"early") + encode_frame(1, b"bird")[:3])
        connection.receive_exactly(1)
        connection.send(encode_frame(1, b"bird")[3:])
        connection.hold()

    with WebSocketPeer(script, upgrade=False) as peer:
        transport = make_transport(peer.url)
        transport.open(Deadline(BOUND))
        assert transport.receive(Deadline(BOUND)) == "early"
        assert transport.receive(Deadline(0)) is None
        transport.ping(b"")
        assert transport.receive(Deadline(BOUND)) == "bird"


@pytest.mark.parametrize(
    "script",
    [
        answering(401, {"WWW-Authenticate": "Bearer"}),
        answering(500, {"X-Echo": "y"}, "no"),
        answering(302, {"Location": "ws://h/?token=hunter2"}),
        saying(b"garbage"),
        saying(b"HTTP/1.1 101 S\r\nSec-WebSocket-Accept: no\r\n\r\n"),
        lambda connection: connection.reset(),
    ],
)
def test_no_refusal_tells_a_secret_not_even_in_its_causes(
    make_transport: Make, script: Script
) -> None:
    error = refusal(
        make_transport,
        script,
        "ws://user:hunter2@127.0.0.1:{peer.port}/path?token=hunter2",
        headers={"X-Api-Key": "hunter2"},
    )
    assert "hunter2" not in "".join(traceback.format_exception(error))
    assert "dXNlcjpodW50ZXIy" not in "".join(traceback.format_exception(error))


def test_the_upgrade_works_over_tls_and_tells_its_version(
    make_transport: Make, certificates: Any
) -> None:
    with WebSocketPeer(hold, tls=certificates.server) as peer:
        transport = make_transport(peer.url, ssl_context=certificates.client)
        assert transport.open(Deadline(BOUND)).tls_version == "TLSv1.3"


def test_a_missing_client_certificate_is_a_rejection_also_in_tls_1_3(
    make_transport: Make, certificates: Any
) -> None:
    picky = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificates.authority.issue_cert("127.0.0.1").configure_cert(picky)
    certificates.authority.configure_trust(picky)
    picky.verify_mode = ssl.CERT_REQUIRED
    with WebSocketPeer(hold, tls=picky) as peer:
        transport = make_transport(peer.url, ssl_context=certificates.client)
        with pytest.raises(MCPConnectionRejected, match="refused our TLS certificate") as caught:
            transport.open(Deadline(BOUND))
    assert caught.value.tls_reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"


@pytest.mark.parametrize(
    "settings",
    [
        {"url": "http://localhost/"},
        {"url": "ws://h/", "headers": {"Host": "x"}},
        {"url": "ws://h/", "subprotocols": ("a b",)},
        {"url": "ws://h/", "max_message_size": 0},
    ],
)
def test_settings_that_cannot_work_are_refused_when_they_are_made(settings: dict[str, Any]) -> None:
    with pytest.raises(MCPConfigurationError):
        WebSocketSettings(**settings)


def test_settings_show_no_secret() -> None:
    settings = WebSocketSettings(
        url="ws://user:hunter2@h/?token=hunter2", headers={"X-Api-Key": "hunter2"}
    )
    assert "hunter2" not in repr(settings)
