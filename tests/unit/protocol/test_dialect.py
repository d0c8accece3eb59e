"""What every dialect is unless it says otherwise."""

from __future__ import annotations

import pytest

from mcp_sync.errors import MCPMessageTooLarge, MCPResponseError
from mcp_sync.protocol.compareblocks import CompareblocksDialect
from mcp_sync.protocol.dialect import Dialect, Handshake, HandshakeStep, LinkSpent, Session
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.mcp_modern import ModernDialect
from mcp_sync.protocol.messages import ErrorResponse, Request, Response
from mcp_sync.protocol.negotiation import NegotiatingDialect
from mcp_sync.protocol.offer import Offer
from mcp_sync.types.session import InitializeResult

OFFER = Offer(client_info={"name": "c", "version": "1"})


class Plain(Dialect):
    """A dialect that says only what it must."""

    name = "plain"

    def handshake(self, offer: Offer) -> Handshake:
        answer = yield HandshakeStep("hello", offer.client_info)
        return Session(InitializeResult.from_wire(answer), self)

    def is_repeatable(self, method: str) -> bool:
        return False


class Narrow(Plain):
    max_request_size = 10


def test_a_dialect_must_say_how_it_shakes_hands_and_what_is_repeatable() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Dialect()  # type: ignore[abstract]
    assert Dialect.__abstractmethods__ == {"handshake", "is_repeatable"}


def test_the_traits_of_a_dialect_that_says_nothing_of_them() -> None:
    plain = Plain()
    assert plain.handshake_required is True
    assert plain.drain_window == 32
    assert plain.max_request_size is None
    assert plain.health_probe is None
    assert plain.request_id(1) == 1
    assert plain.cancellation(1, "why") is None
    assert plain.answer(Request(1, "ping", {})) is None
    assert plain.tool_of("tools/call", {"name": "echo"}) is None
    assert not plain.is_modern
    assert plain.with_offer(OFFER) is plain


def test_messages_and_errors_are_those_of_json_rpc() -> None:
    plain = Plain()
    assert plain.classify({"id": 1, "result": {}}) == Response(1, {})
    error = plain.error(ErrorResponse(1, -5, "no", {"x": 1}), "m")
    assert type(error) is MCPResponseError
    assert (error.code, error.error_message, error.data, error.method) == (-5, "no", {"x": 1}, "m")


def test_a_dialect_without_a_limit_takes_any_size() -> None:
    Plain().check_size(2**40)


def test_a_message_of_exactly_the_limit_passes_and_one_byte_more_does_not() -> None:
    Narrow().check_size(10)
    with pytest.raises(MCPMessageTooLarge) as caught:
        Narrow().check_size(11)
    assert str(caught.value) == (
        "outbound message of 11 bytes is over the limit of 10; send less in one call"
    )


def test_a_step_wants_an_answer_unless_it_says_otherwise() -> None:
    assert HandshakeStep("m", {}).wants_answer
    assert not HandshakeStep("m", {}, wants_answer=False).wants_answer


def test_steps_and_sessions_are_frozen() -> None:
    session = Session(InitializeResult.from_wire({}), Plain())
    for value in (HandshakeStep("m", {}), session):
        for field in value._fields:
            with pytest.raises(AttributeError):
                setattr(value, field, None)


DIALECTS: list[Dialect] = [
    Plain(),
    McpDialect(),
    ModernDialect("2026-07-28", offer=OFFER),
    NegotiatingDialect(),
    CompareblocksDialect(),
]


def test_dialects_are_equal_that_were_made_of_the_same() -> None:
    one, other = NegotiatingDialect(is_guess=True), NegotiatingDialect(is_guess=True)
    assert one == other
    assert hash(one) == hash(other)
    assert one != NegotiatingDialect()
    assert McpDialect() != NegotiatingDialect()
    assert McpDialect("2025-06-18") != McpDialect("2025-03-26")


def test_a_dialect_is_shown_by_what_it_was_made_of() -> None:
    assert repr(McpDialect("2025-06-18")) == "McpDialect(version='2025-06-18', is_pinned=False)"
    assert "_stamp" not in repr(ModernDialect("2026-07-28", offer=OFFER))


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: type(dialect).__name__)
def test_a_dialect_does_not_change_by_being_spoken(dialect: Dialect) -> None:
    before = {**vars(dialect)}
    handshake = dialect.handshake(OFFER)
    next(handshake)
    dialect.classify({"id": 1, "result": {}})
    dialect.is_repeatable("m")
    dialect.with_offer(Offer(client_info={}, log_level="debug"))
    dialect.encode_request(1, "m", "", "")
    assert vars(dialect) == before
    handshake.close()


@pytest.mark.parametrize(
    ("params", "meta", "text"),
    [
        ("", "", '{"jsonrpc":"2.0","id":1,"method":"m"}'),
        ('{"a":1}', "", '{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1}}'),
        ("", '"x":2', '{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"x":2}}}'),
        ("{}", '"x":2', '{"jsonrpc":"2.0","id":1,"method":"m","params":{"_meta":{"x":2}}}'),
        (
            '{"a":1}',
            '"x":2',
            '{"jsonrpc":"2.0","id":1,"method":"m","params":{"a":1,"_meta":{"x":2}}}',
        ),
    ],
)
def test_a_request_has_the_callers_meta_and_no_empty_one(params: str, meta: str, text: str) -> None:
    assert Plain().encode_request(1, "m", params, meta) == text


def test_a_spent_link_names_what_the_next_begins_with_and_why() -> None:
    plain = Plain()
    spent = LinkSpent(plain, "the era is fixed")
    assert spent.dialect is plain
    assert str(spent) == "the era is fixed"
