"""The protocol as a whole, without a wire: handshakes, ids, what an inbound text comes to.

The judge of the compareblocks half is the recording of the real server.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import attrs
import pytest

from mcp_sync.errors import (
    MCPConnectionRejected,
    MCPError,
    MCPProtocolError,
    MCPResponseError,
)
from mcp_sync.protocol.compareblocks import CompareblocksDialect
from mcp_sync.protocol.compareblocks_errors import CompareblocksError
from mcp_sync.protocol.dialect import Dialect, Handshake, HandshakeStep, Session
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.messages import (
    Broken,
    ErrorResponse,
    Message,
    Notification,
    Request,
    Response,
    decode,
    encode_notification,
    encode_params,
    encode_request,
)
from mcp_sync.protocol.offer import Offer
from mcp_sync.protocol.peer import Peer
from mcp_sync.types.versions import HANDSHAKE_VERSIONS
from recorded import RECORDING, Exchange, by_case, exchanges

CLIENT = {"name": "probe", "version": "0"}
OFFER = Offer(client_info=CLIENT)

INITIALIZE_MCP = HandshakeStep(
    "initialize",
    {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": CLIENT},
)
INITIALIZED = HandshakeStep("notifications/initialized", {}, wants_answer=False)
INITIALIZE_COMPAREBLOCKS = HandshakeStep("initialize", {"clientInfo": CLIENT})

WAY_OUT = (
    "this client speaks 2026-07-28, 2025-11-25, 2025-06-18, 2025-03-26, 2024-11-05: "
    "use a server with one of these"
)

BOTH = pytest.mark.parametrize("dialect", [McpDialect(), CompareblocksDialect()])


def answer(version: Any) -> dict[str, Any]:
    return {
        "protocolVersion": version,
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "S", "version": "1"},
        "instructions": "ask nicely",
    }


@attrs.define
class Talk:
    """A handshake that was driven to its end, and what it asked for on the way."""

    steps: list[HandshakeStep] = attrs.field(factory=list)
    session: Session | None = None

    def drive(self, handshake: Handshake, *answers: Mapping[str, Any] | MCPError) -> Talk:
        """Answer each step, or throw where the answer is an error; what it raises propagates."""
        step = next(handshake)
        try:
            for given in answers:
                self.steps.append(step)
                step = (
                    handshake.throw(given) if isinstance(given, MCPError) else handshake.send(given)
                )
        except StopIteration as done:
            self.session = done.value
        assert self.session is not None, f"not done after {self.steps}, wants {step}"
        return self

    @property
    def agreed(self) -> Session:
        assert self.session is not None
        return self.session


# The handshake with a standard MCP server


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
def test_an_mcp_handshake_initializes_and_confirms(version: str) -> None:
    dialect = McpDialect()
    talk = Talk().drive(dialect.handshake(OFFER), answer(version), {})
    assert talk.steps == [INITIALIZE_MCP, INITIALIZED]
    assert talk.agreed.dialect == McpDialect(version)
    assert not talk.agreed.is_verdict
    result = talk.agreed.result
    assert result.protocol_version == version
    assert result.capabilities == {"tools": {}}
    assert (result.server_info.name, result.instructions) == ("S", "ask nicely")


def test_the_steps_of_an_mcp_handshake_are_these_texts_on_the_wire() -> None:
    first, second = Talk().drive(McpDialect().handshake(OFFER), answer("2025-11-25"), {}).steps
    assert encode_request(1, first.method, encode_params(first.params)) == (
        '{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25",'
        '"capabilities":{},"clientInfo":{"name":"probe","version":"0"}}}'
    )
    assert encode_notification(second.method, encode_params(second.params)) == (
        '{"jsonrpc":"2.0","method":"notifications/initialized","params":{}}'
    )


def test_a_handshake_sends_what_the_client_said_when_it_began() -> None:
    info = dict(CLIENT)
    handshake = McpDialect().handshake(Offer(client_info=info))
    step = next(handshake)
    info["name"] = "changed"
    assert step.params["clientInfo"] == CLIENT
    handshake.close()


@pytest.mark.parametrize("version", ["2026-07-28", "1.0", "2.0.0", "2025-11-25 ", "", None, 1, []])
def test_an_mcp_handshake_without_a_common_version_is_refused_for_good(version: Any) -> None:
    talk = Talk()
    with pytest.raises(MCPConnectionRejected) as caught:
        talk.drive(McpDialect().handshake(OFFER), answer(version), {})
    assert talk.steps == [INITIALIZE_MCP]
    said = version if isinstance(version, str) else ""
    assert str(caught.value) == f"the server speaks protocol version {said!r}; {WAY_OUT}"
    assert caught.value.status is None


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (-32602, "Unsupported protocol version"),
        (-32601, "Method not found"),
        (-32022, "Unsupported protocol version"),
    ],
)
def test_a_server_that_refuses_to_initialize_is_refused_for_good(code: int, message: str) -> None:
    refusal = MCPResponseError(code, message, {"supported": ["2026-07-28"]}, "initialize")
    with pytest.raises(MCPConnectionRejected) as caught:
        Talk().drive(McpDialect().handshake(OFFER), refusal)
    assert str(caught.value) == (
        f"the server refused the handshake for good (initialize: server error {code}: {message}); "
        f"{WAY_OUT}"
    )
    assert caught.value.__cause__ is refusal


@pytest.mark.parametrize("code", [-32603, -32600, -32000, 0, 500])
@BOTH
def test_another_error_passes_through_so_that_a_later_attempt_may_do_better(
    dialect: Dialect, code: int
) -> None:
    failure = MCPResponseError(code, "busy", None, "initialize")
    with pytest.raises(MCPResponseError) as caught:
        Talk().drive(dialect.handshake(OFFER), failure)
    assert caught.value is failure


# The handshake with a compareblocks server


def recorded_initialize() -> dict[str, Any]:
    (exchange,) = (one for one in exchanges("initialize") if one.case.endswith("with-clientInfo"))
    result: dict[str, Any] = exchange.result
    return result


def test_a_compareblocks_handshake_is_one_request() -> None:
    dialect = CompareblocksDialect()
    talk = Talk().drive(dialect.handshake(OFFER), recorded_initialize())
    assert talk.steps == [INITIALIZE_COMPAREBLOCKS]
    assert talk.agreed.dialect is dialect
    assert talk.agreed.result.protocol_version == "1.0.0"
    assert talk.agreed.result.server_info.name == "BECR-MCP-Server"


def test_an_mcp_client_on_a_compareblocks_server_speaks_its_dialect_and_confirms_nothing() -> None:
    talk = Talk().drive(McpDialect().handshake(OFFER), recorded_initialize())
    assert talk.steps == [INITIALIZE_MCP]
    assert type(talk.agreed.dialect) is CompareblocksDialect
    assert talk.agreed.result.server_info.name == "BECR-MCP-Server"


@pytest.mark.parametrize("version", [*HANDSHAKE_VERSIONS, "2026-07-28"])
def test_a_compareblocks_handshake_with_an_mcp_server_is_refused_for_good(version: str) -> None:
    with pytest.raises(MCPConnectionRejected) as caught:
        Talk().drive(CompareblocksDialect().handshake(OFFER), answer(version))
    assert str(caught.value) == (
        f"the server speaks MCP {version} and not compareblocks 1.0.0: use MCPClient"
    )


@pytest.mark.parametrize("version", ["1.0.1", "2.0.0", "", None])
def test_a_compareblocks_server_of_another_version_is_taken(version: Any) -> None:
    talk = Talk().drive(CompareblocksDialect().handshake(OFFER), answer(version))
    assert talk.agreed.result.protocol_version == (version or "")


@BOTH
def test_a_handshake_that_is_given_up_ends_at_once(dialect: Dialect) -> None:
    handshake = dialect.handshake(OFFER)
    next(handshake)
    handshake.close()
    with pytest.raises(StopIteration):
        next(handshake)


# Ids


@BOTH
def test_ids_go_on_over_links_so_that_an_old_answer_meets_no_newer_request(
    dialect: Dialect,
) -> None:
    peer: Peer[str] = Peer()
    first = dialect.request_id(peer.next_number())
    peer.register(first, "on the lost link")
    assert peer.take_all() == [(first, "on the lost link")]
    again = dialect.request_id(peer.next_number())
    peer.register(again, "on the next link")
    late = dialect.classify(decode(json.dumps({"id": first, "result": {}})))
    assert isinstance(late, Response)
    assert peer.take(late.id) is None
    assert len(peer) == 1


@BOTH
def test_an_answer_meets_its_request_by_the_id_as_it_was_written(dialect: Dialect) -> None:
    peer: Peer[str] = Peer()
    for entry in ("a", "b"):
        peer.register(dialect.request_id(peer.next_number()), entry)
    for number, entry in ((2, "b"), (1, "a")):
        text = encode_request(dialect.request_id(number), "m", "")
        echoed = json.dumps({"jsonrpc": "2.0", "id": json.loads(text)["id"], "result": {}})
        message = dialect.classify(decode(echoed))
        assert isinstance(message, Response)
        assert peer.take(message.id) == entry


@pytest.mark.parametrize("other", ["01", 1.0, True, "unknown", None, [1], {"id": 1}])
def test_an_answer_with_another_id_meets_no_request(other: Any) -> None:
    peer: Peer[str] = Peer()
    peer.register(McpDialect().request_id(peer.next_number()), "mine")
    message = McpDialect().classify(decode(json.dumps({"id": other, "result": {}})))
    if isinstance(message, Response):
        assert peer.take(message.id) is None
    else:
        assert isinstance(message, Broken)
        assert message.id is None
    assert list(peer) == ["mine"]


# Inbound texts

NOT_EVEN_AN_OBJECT = [
    "",
    "hello",
    "[]",
    "5",
    "null",
    '"x"',
    '\ufeff{"id":1}',
    '{"id":1} {"id":2}',
    "[{}]",
]

BAD_TEXTS: dict[str, tuple[int | str | None, str]] = {
    "{}": (None, "the result is not an object"),
    '{"id":"1"}': ("1", "the result is not an object"),
    '{"id":"1","result":null}': ("1", "the result is not an object"),
    '{"id":"1","result":"done"}': ("1", "the result is not an object"),
    '{"id":"1","result":[{}]}': ("1", "the result is not an object"),
    '{"id":"1","result":0}': ("1", "the result is not an object"),
    '{"result":{}}': (None, "the answer has a null id"),
    '{"id":null,"result":{}}': (None, "the answer has a null id"),
    '{"id":true,"result":{}}': (None, "the id is neither a string nor an integer"),
    '{"id":1.0,"result":{}}': (None, "the id is neither a string nor an integer"),
    '{"id":{},"error":{"code":1}}': (None, "the id is neither a string nor an integer"),
    '{"id":"1","error":"no"}': ("1", "the error has no integer code: no"),
    '{"id":"1","error":{"message":"no"}}': (
        "1",
        "the error has no integer code: {'message': 'no'}",
    ),
    '{"method":5}': (None, "a request needs a method name and an object of params"),
    '{"method":"m","params":[]}': (
        None,
        "a request needs a method name and an object of params",
    ),
    '{"method":"m","params":"x"}': (
        None,
        "a request needs a method name and an object of params",
    ),
}


@pytest.mark.parametrize("text", NOT_EVEN_AN_OBJECT)
@BOTH
def test_a_text_that_is_no_message_is_refused_and_shown(dialect: Dialect, text: str) -> None:
    with pytest.raises(MCPProtocolError) as caught:
        dialect.classify(decode(text))
    assert caught.value.received == text


@pytest.mark.parametrize(("text", "broken"), BAD_TEXTS.items(), ids=list(BAD_TEXTS))
@BOTH
def test_a_broken_message_tells_whom_it_would_have_answered(
    dialect: Dialect, text: str, broken: tuple[int | str | None, str]
) -> None:
    assert dialect.classify(decode(text)) == Broken(*broken)


@BOTH
def test_a_null_id_beside_an_error_is_the_servers_own_helplessness(dialect: Dialect) -> None:
    text = '{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"Parse error"}}'
    assert dialect.classify(decode(text)) == ErrorResponse(None, -32700, "Parse error", None)


def test_a_message_with_method_and_id_is_a_request_only_where_the_server_may_ask() -> None:
    raw = decode('{"jsonrpc":"2.0","id":"u","method":"status_update","params":{"data":null}}')
    params = {"data": None}
    assert McpDialect().classify(raw) == Request("u", "status_update", params)
    assert CompareblocksDialect().classify(raw) == Notification("status_update", params)


# The recording


def recorded_messages() -> list[tuple[str, str]]:
    """Case and text of every JSON-RPC message that the real server sent."""
    return list(_recorded_messages())


def _recorded_messages() -> Iterator[tuple[str, str]]:
    for line in RECORDING.read_text(encoding="utf-8").splitlines():
        case = json.loads(line)
        for text in [case["recv"]] if isinstance(case["recv"], str) else case["recv"]:
            if text.startswith('{"jsonrpc"') and not text.endswith("..."):
                yield case["case"], text


ODD_IDS = {
    "jsonrpc/id-float",
    "jsonrpc/id-true",
    "jsonrpc/id-false",
    "jsonrpc/id-object",
    "jsonrpc/id-array",
}
"""The server echoes any id; these are no ids of ours, and no answer of ours can carry one."""


def kind_of(text: str) -> type[Message]:
    raw = json.loads(text)
    return Notification if "method" in raw else Response if "result" in raw else ErrorResponse


def test_the_recording_holds_all_three_kinds() -> None:
    kinds = [kind_of(text) for _, text in recorded_messages()]
    assert len(kinds) > 280
    assert kinds.count(Notification) == 8
    assert kinds.count(Response) > 100
    assert kinds.count(ErrorResponse) > 100


@pytest.mark.parametrize(("case", "text"), recorded_messages(), ids=lambda value: value[:60])
def test_a_recorded_message_is_read_as_what_it_is(case: str, text: str) -> None:
    message = CompareblocksDialect().classify(decode(text))
    raw = json.loads(text)
    if case in ODD_IDS:
        assert message == Broken(None, "the id is neither a string nor an integer")
        return
    assert type(message) is kind_of(text)
    if isinstance(message, Notification):
        assert message == Notification(raw["method"], raw["params"])
        assert set(message.params) == {"timestamp", "data"}
    elif isinstance(message, Response):
        assert message == Response(raw["id"], raw["result"])
    else:
        error = raw["error"]
        assert message == ErrorResponse(raw["id"], error["code"], error["message"], None)


def test_every_case_with_an_odd_id_is_in_the_recording() -> None:
    assert {case for case, _ in recorded_messages()} >= ODD_IDS


@pytest.mark.parametrize(
    "exchange",
    [one for one in exchanges() if isinstance(one.request.get("id"), str)],
    ids=by_case,
)
def test_a_recorded_answer_settles_the_request_that_it_was_recorded_for(exchange: Exchange) -> None:
    peer: Peer[str] = Peer()
    peer.register(exchange.request["id"], exchange.case)
    message = CompareblocksDialect().classify(exchange.answer)
    assert isinstance(message, Response | ErrorResponse)
    assert message.id is not None
    assert peer.take(message.id) == exchange.case
    if isinstance(message, ErrorResponse):
        method = str(exchange.request.get("method"))
        error = CompareblocksDialect().error(message, method)
        assert isinstance(error, CompareblocksError)
        assert (error.code, error.method) == (exchange.answer["error"]["code"], method)
        assert error.error_message == exchange.error_message
        assert len(str(error)) < 600
