"""The modern era's dialect: what each request declares, and who may say what in ``_meta``."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcp_sync.protocol.mcp_modern import (
    LOG_LEVEL_KEY,
    STAMPED_KEYS,
    SUBSCRIPTION_KEY,
    ModernDialect,
    stamp,
)
from mcp_sync.protocol.messages import Notification, Request, Response, decode, encode_apart
from mcp_sync.protocol.offer import Offer

VERSION = "2026-07-28"
PREFIX = "io.modelcontextprotocol/"
OFFER = Offer(
    client_info={"name": "me", "version": "1", "title": "Ö"},
    capabilities={"elicitation": {"form": {}, "url": {}}, "roots": {}},
)
STAMP = {
    f"{PREFIX}protocolVersion": VERSION,
    f"{PREFIX}clientInfo": {"name": "me", "version": "1", "title": "Ö"},
    f"{PREFIX}clientCapabilities": {"elicitation": {"form": {}, "url": {}}, "roots": {}},
}


def dialect(**changes: Any) -> ModernDialect:
    offer = {"client_info": OFFER.client_info, "capabilities": OFFER.capabilities, **changes}
    return ModernDialect(VERSION, offer=Offer(**offer))


def sent(
    spoken: ModernDialect, params: dict[str, Any] | None, request_id: int | str = 7
) -> dict[str, Any]:
    """A request with these params as it goes onto the wire."""
    text, meta = encode_apart(params, STAMPED_KEYS)
    message: dict[str, Any] = json.loads(
        spoken.encode_request(request_id, "tools/call", text, meta)
    )
    return message


def meta_of(spoken: ModernDialect, params: dict[str, Any] | None) -> dict[str, Any]:
    meta: dict[str, Any] = sent(spoken, params)["params"]["_meta"]
    return meta


def test_its_traits() -> None:
    modern = dialect()
    assert modern.is_modern
    assert modern.name == "mcp"
    assert modern.version == VERSION
    assert modern.health_probe == ("server/discover", {})
    assert modern.is_repeatable("tools/list")
    assert not modern.is_repeatable("tools/call")
    assert modern.tool_of("tools/call", {"name": "echo"}) == "echo"


@pytest.mark.parametrize("request_id", [7, "seven"])
@pytest.mark.parametrize("params", [None, {}, {"name": "echo", "arguments": {"a": [1]}}])
def test_every_request_declares_version_client_and_capabilities(
    params: dict[str, Any] | None, request_id: int | str
) -> None:
    assert sent(dialect(), params, request_id) == {
        "jsonrpc": "2.0",
        "id": request_id,
        "method": "tools/call",
        "params": {**(params or {}), "_meta": STAMP},
    }


def test_the_stamp_of_the_probe_is_the_same() -> None:
    assert stamp(VERSION, OFFER) == STAMP


def test_a_client_without_capabilities_declares_that_it_has_none() -> None:
    assert meta_of(dialect(capabilities={}), None)[f"{PREFIX}clientCapabilities"] == {}


def test_what_the_caller_says_in_meta_is_said_too() -> None:
    trace = {"traceparent": "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01"}
    own = {**trace, "org.example/deep": {"é": None}}
    assert meta_of(dialect(), {"name": "echo", "_meta": own}) == {**STAMP, **own}


@pytest.mark.parametrize("key", sorted(STAMPED_KEYS))
def test_no_caller_may_say_what_the_client_alone_says(key: str) -> None:
    message = sent(dialect(), {"_meta": {key: "forged", "mine": 1}})
    assert message["params"]["_meta"] == {**STAMP, "mine": 1}
    assert "forged" not in json.dumps(message)


def test_the_keys_that_are_stamped_are_these() -> None:
    assert set(STAMP) == STAMPED_KEYS
    assert LOG_LEVEL_KEY == "io.modelcontextprotocol/logLevel"
    assert SUBSCRIPTION_KEY == "io.modelcontextprotocol/subscriptionId"


def test_no_log_level_is_asked_for_unless_the_client_wants_one() -> None:
    assert LOG_LEVEL_KEY not in meta_of(dialect(), None)
    assert meta_of(dialect(log_level="warning"), None) == {**STAMP, LOG_LEVEL_KEY: "warning"}


def test_a_caller_may_want_another_log_level_for_one_request() -> None:
    params = {"_meta": {LOG_LEVEL_KEY: "debug"}}
    text = dialect(log_level="warning").encode_request(1, "m", *encode_apart(params, STAMPED_KEYS))
    assert text.count(LOG_LEVEL_KEY) == 1
    assert meta_of(dialect(log_level="warning"), params)[LOG_LEVEL_KEY] == "debug"
    assert meta_of(dialect(), params)[LOG_LEVEL_KEY] == "debug"


def test_a_value_that_looks_like_the_key_of_the_log_level_does_not_take_its_place() -> None:
    params = {"_meta": {"note": LOG_LEVEL_KEY}}
    assert meta_of(dialect(log_level="warning"), params)[LOG_LEVEL_KEY] == "warning"


def test_the_token_of_progress_is_one_more_member() -> None:
    text, meta = encode_apart({"name": "t", "_meta": {"mine": 1}}, STAMPED_KEYS)
    message = json.loads(
        dialect(log_level="info").encode_request(9, "tools/call", text, f'{meta},"progressToken":9')
    )
    assert message["params"] == {
        "name": "t",
        "_meta": {**STAMP, LOG_LEVEL_KEY: "info", "mine": 1, "progressToken": 9},
    }


def test_a_client_that_declares_something_else_says_so_with_the_next_request() -> None:
    before = dialect()
    after = before.with_offer(Offer(client_info={"name": "you", "version": "2"}, log_level="info"))
    assert isinstance(after, ModernDialect)
    assert meta_of(after, None) == {
        f"{PREFIX}protocolVersion": VERSION,
        f"{PREFIX}clientInfo": {"name": "you", "version": "2"},
        f"{PREFIX}clientCapabilities": {},
        LOG_LEVEL_KEY: "info",
    }
    assert meta_of(before, None) == STAMP


def test_nothing_a_modern_server_asks_is_answered_not_even_a_ping() -> None:
    for method in ("ping", "sampling/createMessage", "roots/list", "elicitation/create", ""):
        assert dialect().answer(Request(1, method, {})) is None


def test_a_request_is_withdrawn_by_a_notification_with_its_id() -> None:
    assert dialect().cancellation(7, "why") == Notification(
        "notifications/cancelled", {"requestId": 7, "reason": "why"}
    )


def test_answers_are_read_as_in_any_era() -> None:
    text = '{"jsonrpc":"2.0","id":1,"result":{"resultType":"complete"}}'
    assert dialect().classify(decode(text)) == Response(1, {"resultType": "complete"})


def test_roots_can_change_in_the_handshake_era_alone() -> None:
    offer = Offer(client_info={}, capabilities={"roots": {"x": 1}, "sampling": {}})
    assert offer.handshake_capabilities() == {
        "roots": {"x": 1, "listChanged": True},
        "sampling": {},
    }
    assert stamp(VERSION, offer)[f"{PREFIX}clientCapabilities"] == offer.capabilities
    assert offer.capabilities == {"roots": {"x": 1}, "sampling": {}}
    assert Offer(client_info={}).handshake_capabilities() == {}
