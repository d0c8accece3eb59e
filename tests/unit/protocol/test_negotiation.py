"""Finding out the era, driven by hand: every arm of the probe (MCP 2026-07-28, versioning)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mcp_sync.errors import (
    MCPConnectionRejected,
    MCPError,
    MCPResponseError,
    MCPTimeoutError,
)
from mcp_sync.protocol.compareblocks import CompareblocksDialect
from mcp_sync.protocol.dialect import Dialect, HandshakeStep, LinkSpent, Session
from mcp_sync.protocol.mcp import McpDialect
from mcp_sync.protocol.mcp_modern import ModernDialect
from mcp_sync.protocol.negotiation import NegotiatingDialect, dialect_for
from mcp_sync.protocol.offer import Offer
from mcp_sync.types.versions import HANDSHAKE_VERSIONS

MODERN = "2026-07-28"
LEGACY = "2025-11-25"
KEY = "io.modelcontextprotocol/"

OFFER = Offer(
    client_info={"name": "probe", "version": "0"},
    capabilities={"elicitation": {"form": {}}, "roots": {}},
)

AUTO = NegotiatingDialect()
SEEN_AS_LEGACY = NegotiatingDialect(is_legacy_likely=True)
GUESSED_AS_LEGACY = NegotiatingDialect(is_legacy_likely=True, is_guess=True)

PROBE = HandshakeStep(
    "server/discover",
    {
        "_meta": {
            f"{KEY}protocolVersion": MODERN,
            f"{KEY}clientInfo": {"name": "probe", "version": "0"},
            f"{KEY}clientCapabilities": {"elicitation": {"form": {}}, "roots": {}},
        }
    },
    share=0.5,
    fallback=GUESSED_AS_LEGACY,
)
ASKED_FOR_GOOD = PROBE._replace(share=1.0, fallback=None)
INITIALIZE = HandshakeStep(
    "initialize",
    {
        "protocolVersion": LEGACY,
        "capabilities": {"elicitation": {"form": {}}, "roots": {"listChanged": True}},
        "clientInfo": {"name": "probe", "version": "0"},
    },
)
INITIALIZE_AFTER_PROBE = INITIALIZE._replace(fallback=GUESSED_AS_LEGACY)
INITIALIZED = HandshakeStep("notifications/initialized", {}, wants_answer=False)

DISCOVERED: dict[str, Any] = {
    "resultType": "complete",
    "supportedVersions": [MODERN],
    "capabilities": {"tools": {}},
    "instructions": "ask nicely",
    "ttlMs": 0,
    "_meta": {f"{KEY}serverInfo": {"name": "S", "version": "1", "title": "The S"}},
}
INITIALIZED_AS: dict[str, Any] = {
    "protocolVersion": LEGACY,
    "capabilities": {"tools": {}},
    "serverInfo": {"name": "L", "version": "2"},
}

Answer = Mapping[str, Any] | MCPError


def error(code: int, data: Any = None, message: str = "no") -> MCPResponseError:
    return MCPResponseError(code, message, data, "m")


def refusal(*supported: Any, code: int = -32022) -> MCPResponseError:
    return error(code, {"supported": list(supported), "requested": MODERN})


def silence() -> MCPTimeoutError:
    return MCPTimeoutError("server/discover", 5.0, True, "an answer")


def drive(dialect: Dialect, *answers: Answer) -> tuple[list[HandshakeStep], Session]:
    """Answer each step, or throw where the answer is an error; the steps and what was agreed on."""
    handshake = dialect.handshake(OFFER)
    steps = [next(handshake)]
    try:
        for answer in answers:
            if isinstance(answer, MCPError):
                steps.append(handshake.throw(answer))
            else:
                steps.append(handshake.send(answer))
    except StopIteration as done:
        assert isinstance(done.value, Session)
        return steps, done.value
    raise AssertionError(f"not done after {steps}")


def is_legacy(session: Session) -> bool:
    """Whether the handshake era was agreed on."""
    return session.dialect == McpDialect(LEGACY) and session.result.server_info.name == "L"


# What a client begins with


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
def test_a_pinned_version_of_the_handshake_era_is_initialized_without_a_probe(version: str) -> None:
    dialect = dialect_for(version)
    assert dialect == McpDialect(version, is_pinned=True)
    steps, session = drive(dialect, {**INITIALIZED_AS, "protocolVersion": version}, {})
    assert [step.method for step in steps] == ["initialize", "notifications/initialized"]
    assert steps[0].params["protocolVersion"] == version
    assert session.dialect == dialect
    assert not session.is_verdict


def test_unpinned_it_probes_and_pinned_to_the_modern_era_it_does_not_fall_back() -> None:
    assert dialect_for("auto") == AUTO
    assert dialect_for(MODERN) == NegotiatingDialect(is_pinned=True)


# The probe is answered


def test_a_discovered_server_is_spoken_to_in_the_modern_era() -> None:
    steps, session = drive(AUTO, DISCOVERED)
    assert steps == [PROBE]
    assert session.dialect == ModernDialect(MODERN, offer=OFFER)
    assert session.is_verdict
    result = session.result
    assert result.protocol_version == MODERN
    assert result.capabilities == {"tools": {}}
    assert result.instructions == "ask nicely"
    assert (result.server_info.name, result.server_info.version) == ("S", "1")
    assert result.server_info.extra == {"title": "The S"}
    assert result.raw is DISCOVERED


@pytest.mark.parametrize("meta", [None, [], {}, {f"{KEY}serverInfo": "S"}])
def test_a_server_that_does_not_say_who_it_is_is_taken_all_the_same(meta: Any) -> None:
    answer = {**DISCOVERED, "_meta": meta, "serverInfo": {"name": "at the top"}}
    _, session = drive(AUTO, answer)
    assert session.dialect.is_modern
    assert session.result.server_info.name == ""


@pytest.mark.parametrize(
    "answer",
    [
        {**DISCOVERED, "supportedVersions": ["2025-11-25", "2025-06-18"]},
        {**DISCOVERED, "supportedVersions": []},
        {**DISCOVERED, "supportedVersions": "2026-07-28"},
        {**DISCOVERED, "supportedVersions": [None, 5]},
        {},
        {"tools": []},
    ],
)
def test_an_answer_that_offers_no_modern_version_leads_to_initialize(
    answer: dict[str, Any],
) -> None:
    steps, session = drive(AUTO, answer, INITIALIZED_AS, {})
    assert steps == [PROBE, INITIALIZE_AFTER_PROBE, INITIALIZED]
    assert is_legacy(session)
    assert session.is_verdict


# The probe is refused


@pytest.mark.parametrize(
    "code", [-32601, -32602, -32600, -32603, -32700, 0, 1, 404, -32000, -32001, -32003, -32004]
)
def test_any_ordinary_error_leads_to_initialize_on_the_same_link(code: int) -> None:
    steps, session = drive(AUTO, error(code, ""), INITIALIZED_AS, {})
    assert steps == [PROBE, INITIALIZE_AFTER_PROBE, INITIALIZED]
    assert is_legacy(session)
    assert session.is_verdict


def test_an_old_code_does_not_count_as_modern_even_if_it_lists_versions() -> None:
    steps, _ = drive(AUTO, refusal(MODERN, code=-32004), INITIALIZED_AS, {})
    assert steps == [PROBE, INITIALIZE_AFTER_PROBE, INITIALIZED]


@pytest.mark.parametrize("code", [-32020, -32021])
def test_a_modern_server_that_faults_this_client_is_not_initialized(code: int) -> None:
    fault = error(code, {"requiredCapabilities": {"sampling": {}}}, "sampling is required")
    with pytest.raises(MCPConnectionRejected, match="sampling is required") as caught:
        drive(AUTO, fault)
    assert "modern era" in str(caught.value)
    assert caught.value.__cause__ is fault


def test_a_refused_version_is_tried_once_more_where_the_list_has_one() -> None:
    steps, session = drive(AUTO, refusal("1900-01-01", MODERN, LEGACY), DISCOVERED)
    assert steps == [PROBE, PROBE]
    assert session.dialect.is_modern


def test_it_is_tried_once_more_only_and_then_in_the_other_era_on_a_fresh_link() -> None:
    with pytest.raises(LinkSpent) as caught:
        drive(AUTO, refusal(MODERN, LEGACY), refusal(MODERN, LEGACY))
    assert caught.value.dialect == SEEN_AS_LEGACY


def test_a_server_that_goes_on_refusing_what_it_lists_is_rejected() -> None:
    with pytest.raises(MCPConnectionRejected, match=MODERN):
        drive(AUTO, refusal(MODERN), refusal(MODERN))


@pytest.mark.parametrize("version", HANDSHAKE_VERSIONS)
def test_a_list_of_the_handshake_era_alone_leads_to_a_fresh_link(version: str) -> None:
    with pytest.raises(LinkSpent, match="handshake era on a fresh link") as caught:
        drive(AUTO, refusal(version))
    assert caught.value.dialect == SEEN_AS_LEGACY


def test_a_list_without_a_common_version_ends_it_and_names_both_sides() -> None:
    with pytest.raises(MCPConnectionRejected) as caught:
        drive(AUTO, refusal("2099-01-01", "2098-01-01"))
    assert str(caught.value) == (
        "the server speaks 2099-01-01, 2098-01-01; this client speaks 2026-07-28, 2025-11-25, "
        "2025-06-18, 2025-03-26, 2024-11-05: use a server with one of these"
    )


@pytest.mark.parametrize(
    "data",
    [None, "", [], {}, {"supported": None}, {"supported": "2026-07-28"}, {"supported": [1, None]}],
)
def test_a_refusal_whose_list_cannot_be_read_leads_to_initialize(data: Any) -> None:
    steps, session = drive(AUTO, error(-32022, data), INITIALIZED_AS, {})
    assert steps == [PROBE, INITIALIZE_AFTER_PROBE, INITIALIZED]
    assert is_legacy(session)
    assert session.is_verdict


# The probe is not answered


def test_silence_leads_to_initialize_on_the_same_link() -> None:
    steps, session = drive(AUTO, silence(), INITIALIZED_AS, {})
    assert steps == [PROBE, INITIALIZE_AFTER_PROBE, INITIALIZED]
    assert is_legacy(session)
    assert session.is_verdict


def test_a_link_that_ends_on_the_probe_is_followed_by_one_that_initializes() -> None:
    """The step says so, because whoever notices the loss has no generator at hand."""
    assert PROBE.fallback is not None
    steps, session = drive(PROBE.fallback, INITIALIZED_AS, {})
    assert steps == [INITIALIZE, INITIALIZED]
    assert is_legacy(session)
    assert not session.is_verdict


def test_a_link_that_ends_after_a_failed_probe_is_followed_by_one_that_initializes() -> None:
    """The error may have been about something else: a server that is shut down answers anything."""
    assert INITIALIZE_AFTER_PROBE.fallback is not None
    steps, session = drive(INITIALIZE_AFTER_PROBE.fallback, INITIALIZED_AS, {})
    assert steps == [INITIALIZE, INITIALIZED]
    assert not session.is_verdict


# initialize, after a probe or in its place


def test_a_server_seen_to_speak_the_handshake_era_is_initialized_first() -> None:
    steps, session = drive(SEEN_AS_LEGACY, INITIALIZED_AS, {})
    assert steps == [INITIALIZE, INITIALIZED]
    assert is_legacy(session)
    assert session.is_verdict


@pytest.mark.parametrize("code", [-32601, -32602, -32022, -32600, -32603, 0])
@pytest.mark.parametrize("dialect", [SEEN_AS_LEGACY, GUESSED_AS_LEGACY])
def test_if_it_refuses_that_a_fresh_link_finds_out_anew(dialect: Dialect, code: int) -> None:
    with pytest.raises(LinkSpent, match="initialize was refused: .*not today") as caught:
        drive(dialect, error(code, message="not today"))
    assert caught.value.dialect == AUTO


def test_another_version_of_the_handshake_era_is_asked_for_on_the_same_link() -> None:
    older = refusal("2024-11-05", "2025-03-26", code=-32602)
    agreed = {**INITIALIZED_AS, "protocolVersion": "2025-03-26"}
    steps, session = drive(AUTO, error(-32601), older, agreed, {})
    assert [step.params.get("protocolVersion") for step in steps[1:]] == [
        LEGACY,
        "2025-03-26",
        None,
    ]
    assert session.dialect == McpDialect("2025-03-26")


def test_a_pinned_version_is_asked_for_once_more_and_no_other_is() -> None:
    pinned = dialect_for("2025-06-18")
    agreed = {**INITIALIZED_AS, "protocolVersion": "2025-06-18"}
    steps, _ = drive(pinned, refusal("2025-06-18", "2025-11-25"), agreed, {})
    assert [step.params.get("protocolVersion") for step in steps[:2]] == ["2025-06-18"] * 2
    with pytest.raises(MCPConnectionRejected, match="refused the handshake for good"):
        drive(pinned, refusal("2025-11-25", code=-32602))


def test_a_pinned_version_is_not_talked_out_of_by_the_server() -> None:
    with pytest.raises(MCPConnectionRejected) as caught:
        drive(dialect_for("2025-11-25"), {**INITIALIZED_AS, "protocolVersion": "2024-11-05"})
    assert str(caught.value) == (
        "the server speaks protocol version '2024-11-05' and not 2025-11-25, which "
        "protocol_version asks for; use 'auto' to take what it speaks"
    )


def test_a_slow_modern_server_shows_itself_when_it_is_initialized() -> None:
    """It answered the probe late: the era of the link is settled, and initialize tells."""
    steps, session = drive(AUTO, silence(), refusal(MODERN), DISCOVERED)
    assert steps == [PROBE, INITIALIZE_AFTER_PROBE, ASKED_FOR_GOOD]
    assert session.dialect.is_modern


def test_an_unreadable_refusal_of_initialize_leads_to_a_fresh_link() -> None:
    with pytest.raises(LinkSpent, match="era of this link is fixed") as caught:
        drive(AUTO, silence(), error(-32022))
    assert caught.value.dialect == SEEN_AS_LEGACY


@pytest.mark.parametrize("code", [-32601, -32602])
def test_a_server_that_refuses_both_is_rejected_with_the_versions_of_this_client(code: int) -> None:
    last = error(code, message="what is that")
    with pytest.raises(MCPConnectionRejected) as caught:
        drive(AUTO, error(-32601), last)
    assert "refused both server/discover and initialize" in str(caught.value)
    assert "what is that" in str(caught.value)
    assert MODERN in str(caught.value)
    assert caught.value.__cause__ is last


@pytest.mark.parametrize("code", [-32603, -32000, 0, 500])
def test_another_error_of_initialize_passes_through_for_a_later_attempt(code: int) -> None:
    busy = error(code, message="busy")
    with pytest.raises(MCPResponseError) as caught:
        drive(AUTO, error(-32601), busy)
    assert caught.value is busy


def test_a_compareblocks_server_is_found_behind_the_probe() -> None:
    steps, session = drive(AUTO, error(-32601), {"protocolVersion": "1.0.0"})
    assert steps == [PROBE, INITIALIZE_AFTER_PROBE]
    assert isinstance(session.dialect, CompareblocksDialect)
    assert session.is_verdict


@pytest.mark.parametrize("version", [MODERN, "1999-01-01", "", None])
def test_an_initialized_server_of_no_known_version_is_rejected(version: Any) -> None:
    with pytest.raises(MCPConnectionRejected, match="the server speaks protocol version"):
        drive(AUTO, error(-32601), {"protocolVersion": version})


# Pinned to the modern era

PINNED = dialect_for(MODERN)


def test_pinned_it_asks_without_a_fallback_and_with_all_the_time() -> None:
    steps, session = drive(PINNED, DISCOVERED)
    assert steps == [ASKED_FOR_GOOD]
    assert session.dialect == ModernDialect(MODERN, offer=OFFER)


@pytest.mark.parametrize("code", [-32601, -32602, 0, -32020, -32022])
def test_pinned_it_takes_no_for_an_answer(code: int) -> None:
    with pytest.raises(MCPConnectionRejected) as caught:
        drive(PINNED, error(code))
    assert f"does not speak {MODERN}" in str(caught.value)
    assert str(caught.value).endswith("use protocol_version='auto' to take what it speaks")


def test_pinned_it_retries_once_what_the_server_lists() -> None:
    steps, _ = drive(PINNED, refusal(MODERN), DISCOVERED)
    assert steps == [ASKED_FOR_GOOD] * 2
    with pytest.raises(MCPConnectionRejected):
        drive(PINNED, refusal(MODERN), refusal(MODERN))


def test_pinned_it_does_not_take_a_server_of_the_handshake_era() -> None:
    with pytest.raises(MCPConnectionRejected, match=f"does not speak {MODERN}"):
        drive(PINNED, {**DISCOVERED, "supportedVersions": [LEGACY]})


def test_pinned_it_lets_silence_pass_through_as_a_failed_attempt() -> None:
    quiet = silence()
    with pytest.raises(MCPTimeoutError) as caught:
        drive(PINNED, quiet)
    assert caught.value is quiet


def test_what_is_declared_is_what_was_offered_when_it_began() -> None:
    info = {"name": "before", "version": "1"}
    handshake = AUTO.handshake(Offer(client_info=info))
    step = next(handshake)
    info["name"] = "after"
    assert step.params["_meta"][f"{KEY}clientInfo"]["name"] == "before"
    handshake.close()
