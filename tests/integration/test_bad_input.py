"""Whatever comes in wrong, from the user or the wire: a clear error or a counted drop, no harm."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_sync import (
    BaseClient,
    CompareblocksClient,
    InvalidPdfPath,
    InvalidSubmission,
    InvalidVariationLine,
    MCPClient,
    MCPClosedError,
    MCPConfigurationError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPMessageTooLarge,
    MCPProtocolError,
    MCPQueueFullError,
    MCPTimeoutError,
    PdfNotFound,
    read_variations,
)
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.sample import SamplePaths
from mcp_sync.testing import WebSocketConnection, WebSocketPeer, encode_frame
from scenes import (
    FAST,
    PATIENCE,
    PINNED,
    Diary,
    Inbox,
    answer,
    echo_all,
    nobody_listening,
    read_request,
    shake_hands,
    until_closed,
)
from timing import MS

Script = Callable[[WebSocketConnection], None]

BINARY = 0x2


@contextlib.contextmanager
def client_of(*scripts: Script, **settings: Any) -> Iterator[CompareblocksClient]:
    """A connected client of a peer that does what the scripts say; it needs no handshake."""
    with WebSocketPeer(*scripts) as peer:
        client = CompareblocksClient(peer.url, **{**FAST, "request_timeout": PATIENCE, **settings})
        with contextlib.closing(client):
            assert client.connect(PATIENCE)
            yield client


def assert_usable(client: BaseClient) -> None:
    """The client still gets answers, in time."""
    assert client.request("get_status", {"n": 1}, timeout=PATIENCE)["params"] == {"n": 1}


# What a user gives


@pytest.mark.parametrize(
    ("url", "rule"),
    [
        ("http://127.0.0.1:1/mcp", "Streamable HTTP is not in this version"),
        ("https://127.0.0.1:1/mcp", "Streamable HTTP is not in this version"),
        ("ftp://127.0.0.1", "ws"),
        ("127.0.0.1:8765", "ws"),
        ("ws://", "host"),
        ("ws://127.0.0.1:0", "port"),
        ("ws://127.0.0.1:65536", "port"),
        ("ws://127.0.0.1:http", "port"),
        ("ws://a b/", ""),
        ("ws://host/#part", "fragment"),
        (None, "str"),
    ],
)
def test_a_wrong_url_is_refused_where_the_client_is_made(url: Any, rule: str) -> None:
    with pytest.raises(MCPConfigurationError) as refused:
        MCPClient(url)
    assert refused.value.setting == "server_url"
    assert rule in refused.value.rule


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("reconnect_attempts", -1),
        ("reconnect_attempts", 2.5),
        ("reconnect_attempts", True),
        ("reconnect_delay", -0.1),
        ("request_timeout", 0),
        ("request_timeout", float("nan")),
        ("request_timeout", "30"),
        ("heartbeat_interval", float("inf")),
        ("connect_timeout", None),
        ("offline_queue_limit", 0),
        ("overflow", "explode"),
        ("max_message_size", 0),
        ("headers", ["a"]),
        ("headers", {"A": "b\r\nX: y"}),
        ("ssl_context", "yes"),
        ("subprotocols", ("",)),
        ("client_info", {"version": "1"}),
        ("no_such_setting", 1),
    ],
)
def test_an_impossible_setting_is_named_with_its_value(setting: str, value: Any) -> None:
    with pytest.raises(MCPConfigurationError, match=setting):
        MCPClient("ws://127.0.0.1:1", **{setting: value})


def test_a_host_that_does_not_exist_fails_the_dial_and_is_named() -> None:
    impossible = "x" * 64 + ".invalid"
    client = MCPClient(f"ws://{impossible}:1", reconnect_attempts=1, **FAST)
    with contextlib.closing(client):
        diary = Diary(client)
        assert client.connect(PATIENCE) is False
        assert impossible in diary.wait_for("failed").context["error"]


@pytest.mark.parametrize(
    ("params", "kind", "path"),
    [
        ({"a": {"b": [0, object()]}}, TypeError, r"params\.a\.b\[1\]"),
        ({"a": b"bytes"}, TypeError, r"params\.a"),
        ({"a": {1, 2}}, TypeError, r"params\.a"),
        ({("k",): 1}, TypeError, r"params has the key"),
        ([1, 2], TypeError, "params must be a mapping"),
        ({"a": float("nan")}, ValueError, r"params\.a is nan"),
        ({"a": [float("inf")]}, ValueError, r"params\.a\[0\] is inf"),
    ],
)
def test_params_that_are_no_json_are_refused_with_their_path(
    params: Any, kind: type[Exception], path: str
) -> None:
    with nobody_listening() as url, contextlib.closing(MCPClient(url, **FAST)) as client:
        for call in (client.request, client.submit, client.notify):
            with pytest.raises(kind, match=path):
                call("tools/call", params)
        assert client.pending_requests() == []
        assert client.get_connection_state() == "disconnected", "nothing was even dialed for"
    with client_of(echo_all) as online:
        with pytest.raises(kind, match=path):
            online.request("get_status", params)
        assert_usable(online)


@pytest.mark.parametrize("method", ["", None, 5])
def test_a_method_is_a_name(method: Any) -> None:
    client = MCPClient("ws://127.0.0.1:1")
    with pytest.raises(TypeError, match="method must be a non-empty string"):
        client.submit(method)


def test_a_path_that_the_server_refuses_is_an_error_of_its_own_kind(
    server: EmbeddedServer, sample: SamplePaths
) -> None:
    (sample.pdf.parent / "notes.txt").write_text("no PDF")
    with CompareblocksClient(server.url) as client:
        with pytest.raises(PdfNotFound):
            client.submit_extraction("missing.pdf", [])
        with pytest.raises(InvalidPdfPath, match="not a PDF"):
            client.submit_extraction("notes.txt", [])
        with pytest.raises(InvalidSubmission, match="pdf_path"):
            client.submit_extraction(5, [])  # type: ignore[arg-type]
        assert client.get_status().total_sessions == 0
        assert server.ledger == []


def test_a_broken_line_of_variations_is_named_and_nothing_is_submitted(
    server: EmbeddedServer, sample: SamplePaths, tmp_path: Path
) -> None:
    lines = sample.variations.read_text().splitlines()
    broken = tmp_path / "broken.ndjson"
    broken.write_text("\n".join([*lines[:4], '{"doc_id": ', *lines[4:]]))
    with CompareblocksClient(server.url) as client:
        with pytest.raises(InvalidVariationLine, match=r"broken\.ndjson.*5"):
            client.submit_extraction(sample.pdf.name, read_variations(broken))
        with pytest.raises(FileNotFoundError):
            client.submit_extraction(sample.pdf.name, read_variations(tmp_path / "none.ndjson"))
        with pytest.raises(InvalidSubmission, match=r"confidence.*1\.5"):
            client.submit_extraction(
                sample.pdf.name,
                [{"doc_id": "d", "engine": "e", "raw_text": "", "page": 1, "confidence": 1.5}],
            )
        assert client.get_status().total_sessions == 0


def test_nothing_that_is_queued_is_lost_without_a_word(caplog: pytest.LogCaptureFixture) -> None:
    with nobody_listening() as url:
        client = CompareblocksClient(url, offline_queue_limit=2, overflow="drop_oldest", **FAST)
        first, second, third = (client.submit("get_status") for _ in range(3))
        with pytest.raises(MCPQueueFullError):
            first.result(0)
        assert client.pending_requests() == [second, third]
        expired = client.submit("get_status", timeout=10 * MS)
        assert isinstance(second.exception(0), MCPQueueFullError)
        late = expired.exception(PATIENCE)
        assert isinstance(late, MCPTimeoutError)
        assert not late.sent
        with caplog.at_level(logging.WARNING, "mcp_sync"):
            client.close()
        assert isinstance(third.exception(0), MCPClosedError)
        assert "closed with 1 calls unsent" in caplog.text


# What a server sends


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("{", "malformed"),
        ("", "malformed"),
        ("\ufeff{}", "malformed"),
        ("[1, 2]", "malformed"),
        ("[]", "malformed"),
        ('"text"', "malformed"),
        ("3", "malformed"),
        ("null", "malformed"),
        ("[" * 100_000, "malformed"),
        ("{}", "broken message"),
        ('{"jsonrpc": "2.0", "id": "none", "result": {}}', "unknown id"),
        ('{"jsonrpc": "2.0", "id": 99999, "result": {}}', "unknown id"),
        ('{"jsonrpc": "2.0", "id": null, "result": {}}', "broken message"),
        ('{"jsonrpc": "2.0", "id": true, "result": {}}', "broken message"),
        ('{"jsonrpc": "2.0", "id": 1.5, "result": {}}', "broken message"),
        ('{"jsonrpc": "2.0", "id": {"a": 1}, "result": {}}', "broken message"),
        ('{"jsonrpc": "2.0", "id": null, "error": {"code": 1, "message": "m"}}', "null id"),
        ('{"jsonrpc": "2.0", "error": {"code": 1, "message": "m"}}', "null id"),
        ('{"jsonrpc": "2.0", "method": 5}', "broken message"),
        ('{"jsonrpc": "2.0", "method": "m", "params": [1]}', "broken message"),
        ('{"jsonrpc": "2.0", "id": "8", "method": "status_update"}', "unasked notification"),
    ],
)
def test_a_message_that_belongs_to_nothing_is_counted_and_dropped(text: str, kind: str) -> None:
    def say_it_first(connection: WebSocketConnection) -> None:
        request = read_request(connection)
        connection.send_text(text)
        answer(connection, request, {"right": True})
        echo_all(connection)

    with client_of(say_it_first) as client:
        assert client.request("get_status") == {"right": True}
        assert client.get_connection_stats().strays == {kind: 1}
        assert_usable(client)
        assert client.get_connection_stats().losses.count == 0


@pytest.mark.parametrize(
    "member",
    [
        '"result": null',
        '"result": [1]',
        '"result": "text"',
        '"result": 3',
        '"unknown": {}',
        '"error": "text"',
        '"error": {"message": "no code"}',
        '"error": {"code": "1", "message": "m"}',
    ],
)
def test_an_answer_of_the_wrong_shape_fails_its_call_alone(member: str) -> None:
    def answer_badly(connection: WebSocketConnection) -> None:
        bad, good = read_request(connection), read_request(connection)
        connection.send_text(f'{{"jsonrpc": "2.0", "id": "{bad["id"]}", {member}}}')
        answer(connection, good, {"right": True})
        echo_all(connection)

    with client_of(answer_badly) as client:
        bad, good = client.submit("get_status"), client.submit("get_status")
        with pytest.raises(MCPProtocolError, match=r"get_status: the (result|error)"):
            bad.result(PATIENCE)
        assert good.result(PATIENCE) == {"right": True}
        assert_usable(client)


def test_a_second_answer_to_the_same_call_is_dropped() -> None:
    def answer_twice(connection: WebSocketConnection) -> None:
        request = read_request(connection)
        answer(connection, request, {"number": 1})
        answer(connection, request, {"number": 2})
        echo_all(connection)

    with client_of(answer_twice) as client:
        assert client.request("get_status") == {"number": 1}
        assert_usable(client)
        assert client.get_connection_stats().strays == {"unknown id": 1}


def test_an_id_that_comes_back_as_a_text_is_that_id() -> None:
    def answer_with_text(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        request = read_request(connection)
        assert isinstance(request["id"], int)
        answer(connection, {"id": str(request["id"])}, {"right": True})
        answer(connection, request, {"second": True})
        echo_all(connection)

    with WebSocketPeer(answer_with_text) as peer, MCPClient(peer.url) as client:
        assert client.request("ping", timeout=PATIENCE) == {"right": True}
        client.request("ping", timeout=PATIENCE)
        assert client.get_connection_stats().strays == {"unknown id": 1}


def test_an_answer_after_the_timeout_is_counted_as_late() -> None:
    def answer_late(connection: WebSocketConnection) -> None:
        late, next_one = read_request(connection), read_request(connection)
        answer(connection, late, {"late": True})
        answer(connection, next_one, {"late": False})
        echo_all(connection)

    with client_of(answer_late) as client:
        with pytest.raises(MCPTimeoutError) as timeout:
            client.request("get_status", timeout=1000 * MS)
        assert timeout.value.sent
        assert client.request("get_status") == {"late": False}
        assert client.get_connection_stats().strays == {"late answer": 1}
        assert_usable(client)


def test_no_call_waits_past_its_deadline_for_a_server_that_says_nothing() -> None:
    def hold(connection: WebSocketConnection) -> None:
        connection.hold()

    with client_of(hold) as client:
        began = Deadline(PATIENCE)
        for call in (
            lambda: client.get_status(timeout=30 * MS),
            lambda: client.submit_extraction("a.pdf", [], timeout=30 * MS, offline="wait"),
            lambda: client.submit("get_status", timeout=30 * MS).result(PATIENCE),
            lambda: client.wait_for_results("session", timeout=30 * MS),
        ):
            with pytest.raises(MCPTimeoutError):
                call()
        assert client.health_check(30 * MS).status == "unhealthy"
        assert not began.is_over()


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        (encode_frame(BINARY, b'{"jsonrpc": "2.0"}'), 1003),
        (encode_frame(0x1, b"\xff\xfe"), 1007),
        (encode_frame(0x1, b"{}", rsv=4), 1002),
        (encode_frame(0x1, b"{}", mask=b"mask"), 1002),
        (encode_frame(0x3, b"{}"), 1002),
        (encode_frame(0x0, b"{}"), 1002),
        (encode_frame(0x9, b"p" * 126), 1002),
        (encode_frame(0x8, b"\x03"), 1002),
    ],
    ids=["binary", "utf-8", "rsv", "masked", "opcode", "continuation", "long ping", "half code"],
)
def test_a_frame_that_breaks_the_protocol_ends_the_link_with_its_code(
    frame: bytes, code: int
) -> None:
    seen = Inbox()

    def send_frame(connection: WebSocketConnection) -> None:
        read_request(connection)
        read_request(connection)
        connection.send(frame)
        while (reply := connection.read_frame()).opcode != 0x8:
            pass
        seen(reply.close_code)

    with client_of(send_frame, echo_all) as client:
        diary = Diary(client)
        submission = client.submit("submit_extraction", {"pdf_path": "a.pdf"})
        read = client.submit("get_status", {"again": True})
        with pytest.raises(MCPConnectionLost) as lost:
            submission.result(PATIENCE)
        assert lost.value.maybe_executed
        assert read.result(PATIENCE)["params"] == {"again": True}
        assert diary.wait_for("disconnected").context["close_code"] == code
        assert seen.wait_for(lambda codes: codes == [code])
        assert_usable(client)


def test_a_protocol_that_is_broken_twice_in_a_row_is_given_up() -> None:
    def send_binary(connection: WebSocketConnection) -> None:
        read_request(connection)
        connection.send_frame(BINARY, b"\x00")
        until_closed(connection)

    with client_of(send_binary) as client:
        with pytest.raises(MCPConnectionRejected, match="1003"):
            client.request("get_status")
        assert client.get_connection_state() == "failed"
        with pytest.raises(MCPConnectionRejected):
            client.request("get_status")


def test_an_answer_over_the_limit_fails_the_call_that_asked_for_it() -> None:
    def answer_largely(connection: WebSocketConnection) -> None:
        answer(connection, read_request(connection), {"text": "x" * 20_000})
        until_closed(connection)

    with client_of(answer_largely, echo_all, max_message_size=10_000) as client:
        with pytest.raises(MCPMessageTooLarge) as refused:
            client.request("get_status")
        assert refused.value.direction == "inbound"
        assert refused.value.limit == 10_000
        assert refused.value.size > 20_000
        assert_usable(client)


def test_a_request_over_the_servers_limit_is_refused_before_it_is_sent(
    server: EmbeddedServer,
) -> None:
    with CompareblocksClient(server.url) as client:
        with pytest.raises(MCPMessageTooLarge) as refused:
            client.request("get_status", {"pad": "é" * 600_000})
        assert refused.value.direction == "outbound"
        assert refused.value.limit == 1024 * 1024
        assert client.get_status().system_status == "operational"
        assert client.get_connection_stats().losses.count == 0


def test_a_request_that_the_server_finds_too_large_fails_alone() -> None:
    def refuse_size(connection: WebSocketConnection) -> None:
        read_request(connection)
        read_request(connection)
        connection.send_close(1009, "message too big")
        until_closed(connection)

    with WebSocketPeer(shake_and(refuse_size), shake_and(echo_all)) as peer:
        client = MCPClient(peer.url, **FAST)
        with contextlib.closing(client):
            client.initialize()
            small = client.submit("tools/list")
            large = client.submit("tools/call", {"pad": "x" * 50_000})
            with pytest.raises(MCPMessageTooLarge) as refused:
                large.result(PATIENCE)
            assert refused.value.direction == "outbound"
            assert refused.value.limit is None
            assert small.result(PATIENCE)["method"] == "tools/list"


def shake_and(script: Script) -> Script:
    """A script that begins with the handshake of MCP."""

    def run(connection: WebSocketConnection) -> None:
        shake_hands(connection)
        script(connection)

    return run


@pytest.mark.parametrize(
    ("result", "rule"),
    [
        ({"protocolVersion": "1999-01-01"}, "1999-01-01"),
        ({}, "protocol version"),
    ],
)
def test_a_handshake_without_a_common_version_is_refused_for_good(
    result: dict[str, Any], rule: str
) -> None:
    def answer_handshake(connection: WebSocketConnection) -> None:
        answer(connection, read_request(connection), result)
        until_closed(connection)

    with WebSocketPeer(answer_handshake) as peer:
        client = MCPClient(peer.url, **PINNED)
        with contextlib.closing(client):
            queued = client.submit("tools/list")
            with pytest.raises(MCPConnectionRejected, match=rule):
                client.initialize()
            assert isinstance(queued.exception(PATIENCE), MCPConnectionRejected)
            assert client.get_connection_state() == "failed"
        assert peer.connections == 1


def test_a_server_that_is_no_websocket_server_is_an_error_in_words() -> None:
    def speak_http(connection: WebSocketConnection) -> None:
        connection.read_request()
        connection.respond(404, body="not here")

    with WebSocketPeer(speak_http, upgrade=False) as peer:
        client = CompareblocksClient(peer.url, **FAST)
        with contextlib.closing(client), pytest.raises(MCPConnectionRejected) as refused:
            client.connect(PATIENCE)
        assert refused.value.status == 404
        assert peer.connections == 1
