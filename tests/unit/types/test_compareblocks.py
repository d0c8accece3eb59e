"""The values of a compareblocks server, read from what the real one was recorded to answer."""

from __future__ import annotations

import inspect
import pickle
from typing import Any

import attrs
import pytest

from mcp_sync.errors import MCPProtocolError
from mcp_sync.types import compareblocks
from mcp_sync.types.compareblocks import (
    RESULTS_FORMATS,
    UPDATE_EVENTS,
    Analytics,
    ExtractionResults,
    QualityMetrics,
    ResultsSummary,
    SessionStatus,
    Statistics,
    Submission,
    Subscription,
    SystemStatus,
    UpdateEvent,
    Variation,
)
from mcp_sync.types.wire import WireValue
from recorded import Exchange, by_case, exchanges, notifications

NOTHING = {"auto_selected": 0, "manual_review": 0, "merged": 0}


def read(exchange: Exchange) -> WireValue:
    method, params = exchange.request["method"], exchange.params or {}
    if method == "submit_extraction":
        return Submission.from_wire(exchange.result, method)
    if method == "get_results":
        return ExtractionResults.from_wire(exchange.result, method, params.get("format", "json"))
    if method == "get_status":
        kind = SessionStatus if params.get("session_id") else SystemStatus
        return kind.from_wire(exchange.result, method)
    return Subscription.from_wire(exchange.result, method)


METHODS = (
    "submit_extraction",
    "get_status",
    "get_results",
    "subscribe_updates",
    "unsubscribe_updates",
)
ANSWERED = [e for method in METHODS for e in exchanges(method) if e.result is not None]


def back_to_wire(value: Any) -> Any:
    """What a value holds, as JSON; a None stands for a key that was not there, or null."""
    if isinstance(value, WireValue):
        facts = {f.name: getattr(value, f.name) for f in attrs.fields(type(value))}
        extra = facts.pop("extra")
        return {**{key: back_to_wire(v) for key, v in facts.items() if v is not None}, **extra}
    if isinstance(value, tuple):
        return [back_to_wire(item) for item in value]
    return value


@pytest.mark.parametrize("exchange", ANSWERED, ids=by_case)
def test_nothing_of_a_recorded_answer_is_lost_and_nothing_is_unknown(exchange: Exchange) -> None:
    value = read(exchange)
    assert value.extra == {}
    held = back_to_wire(value)
    if isinstance(value, ExtractionResults) and held.pop("format") == "summary":
        assert held.pop("consensus_decisions") == []
    if isinstance(value, Subscription):
        name = "subscribed" if held.pop("subscribed") else "unsubscribed"
        held[name] = True
    if isinstance(value, SessionStatus):
        held.setdefault("error", None)
    assert held == exchange.result


def test_the_recording_holds_every_kind_of_answer() -> None:
    kinds = {type(read(exchange)) for exchange in ANSWERED}
    assert kinds == {Submission, SessionStatus, SystemStatus, ExtractionResults, Subscription}
    asked = {read(e).format for e in ANSWERED if e.request["method"] == "get_results"}
    assert asked == set(RESULTS_FORMATS)
    assert len(ANSWERED) > 60


def answer(case: str) -> Any:
    (exchange,) = [exchange for exchange in exchanges() if exchange.case == case]
    return exchange.result


def test_a_completed_session_is_finished_and_has_its_summary() -> None:
    status = SessionStatus.from_wire(answer("get_status/session-details"), "get_status")
    assert (status.is_finished, status.is_completed, status.is_failed) == (True, True, False)
    assert status.progress == 1.0
    assert status.error is None
    assert status.metadata == {"engine_name": "e"}
    assert status.results_summary == ResultsSummary(
        total_blocks=0, statistics=Statistics(**NOTHING)
    )


def test_a_failed_session_is_finished_and_says_why() -> None:
    status = SessionStatus.from_wire(answer("get_status/session-error-details"), "get_status")
    assert (status.is_finished, status.is_completed, status.is_failed) == (True, False, True)
    assert status.error == "'VariationScore' object has no attribute 'get'"
    assert status.progress == 0.9
    assert status.results_summary is None


@pytest.mark.parametrize("name", ["initialized", "processing", "COMPLETED", "paused", ""])
def test_a_session_of_any_other_status_is_not_finished(name: str) -> None:
    status = SessionStatus.from_wire({"session_id": "s", "status": name}, "get_status")
    assert (status.is_finished, status.is_completed, status.is_failed) == (False, False, False)
    assert status.progress is None


def test_the_whole_server_tells_its_counts() -> None:
    status = SystemStatus.from_wire(answer("get_status/empty"), "get_status")
    assert (status.system_status, status.total_sessions) == ("operational", 27)
    assert (status.completed_sessions, status.error_sessions, status.active_sessions) == (18, 9, 0)


def test_analytics_are_read_where_they_were_asked_for() -> None:
    results = ExtractionResults.from_wire(answer("get_results/json-analytics"))
    assert results.analytics == Analytics(
        quality_metrics=QualityMetrics(
            average_confidence=0.0, high_confidence_blocks=0, low_confidence_blocks=0
        ),
        engine_performance={},
        processing_time=0.041885,
        variation_count=1,
    )
    assert ExtractionResults.from_wire(answer("get_results/json")).analytics is None


def test_decisions_stay_as_they_came() -> None:
    decision = {"block_id": "b", "selected": {"engine": "e"}, "scores": [0.5, None]}
    wire = {"total_blocks": 1, "statistics": NOTHING, "consensus_decisions": [decision]}
    results = ExtractionResults.from_wire(wire)
    assert results.consensus_decisions == (decision,)
    assert results.consensus_decisions[0] is decision


@pytest.mark.parametrize(
    ("format", "key"),
    [
        ("json", "consensus_decisions"),
        ("ndjson", "consensus_decisions"),
        ("ndjson", "ndjson_data"),
        ("summary", "session_id"),
        ("json", "total_blocks"),
        ("summary", "statistics"),
    ],
)
def test_results_without_what_their_format_promises_are_refused(format: Any, key: str) -> None:
    whole = answer(f"get_results/{format}")
    ExtractionResults.from_wire(whole, "get_results", format)
    for broken in (
        {**whole, key: None},
        {name: value for name, value in whole.items() if name != key},
    ):
        with pytest.raises(MCPProtocolError, match=rf"get_results: result\.{key} is missing"):
            ExtractionResults.from_wire(broken, "get_results", format)


REQUIRED = [
    (Submission, "submit_extraction", {"session_id": "s", "status": "accepted"}),
    (SessionStatus, "get_status", {"session_id": "s", "status": "completed"}),
    (SystemStatus, "get_status", {"system_status": "operational"}),
    (Subscription, "subscribe_updates", {"subscribed": True, "event_types": []}),
    (Subscription, "unsubscribe_updates", {"unsubscribed": True, "event_types": []}),
]


@pytest.mark.parametrize(("kind", "method", "least"), REQUIRED)
def test_the_required_keys_are_enough_and_each_is_needed(
    kind: type[WireValue], method: str, least: dict[str, Any]
) -> None:
    kind.from_wire(least, method)
    for key in least:
        with pytest.raises(MCPProtocolError, match=rf"^{method}: result\.{key} "):
            kind.from_wire({k: v for k, v in least.items() if k != key}, method)


def test_an_answer_may_hold_more_than_we_know() -> None:
    wire = {"session_id": "s", "status": "completed", "eta": 5}
    assert SessionStatus.from_wire(wire, "get_status").extra == {"eta": 5}


def test_subscribing_and_unsubscribing_say_what_holds_from_now_on() -> None:
    events = {"event_types": ["error"], "client_id": "client_1"}
    kept = Subscription.from_wire({"subscribed": True, **events}, "subscribe_updates")
    assert kept == Subscription(subscribed=True, event_types=("error",), client_id="client_1")
    withdrawn = Subscription.from_wire({"unsubscribed": True, **events}, "unsubscribe_updates")
    assert withdrawn.subscribed is False
    refused = Subscription.from_wire({"unsubscribed": False, **events}, "unsubscribe_updates")
    assert refused.subscribed is True
    with pytest.raises(MCPProtocolError, match=r"result\.unsubscribed must be true or false"):
        Subscription.from_wire({"subscribed": True, **events}, "unsubscribe_updates")


def test_recorded_notifications_become_events() -> None:
    events = [UpdateEvent.from_wire(sent["params"], sent["method"]) for sent in notifications()]
    assert {event.event for event in events} <= set(UPDATE_EVENTS)
    assert {event.extra == {} for event in events} == {True}
    assert all(event.timestamp and event.timestamp.startswith("2026-11-22T") for event in events)
    assert [event.data for event in events].count({"session_id": "abc", "error": "boom"}) == 1
    assert {event.session_id for event in events} == {"abc", None}
    assert None in [event.data for event in events]
    assert [1, 2] in [event.data for event in events]


@pytest.mark.parametrize("data", [None, [1], "x", {}, {"session_id": 5}])
def test_an_event_without_a_session_says_so(data: Any) -> None:
    assert UpdateEvent.from_wire({"data": data}, "error").session_id is None


def test_an_event_whose_params_are_broken_names_the_event() -> None:
    with pytest.raises(MCPProtocolError, match=r"^status_update: params\.timestamp must be a str"):
        UpdateEvent.from_wire({"timestamp": 5}, "status_update")


def test_a_variation_sends_what_it_has_and_never_null() -> None:
    least = Variation(doc_id="d", engine="e", raw_text="", page=1)
    assert least.to_wire() == {"doc_id": "d", "engine": "e", "raw_text": "", "page": 1}
    whole = attrs.evolve(
        least, block_id="b", bbox=(0, 0, 1, 1), confidence=0, orientation=0.0, metadata={}
    )
    assert whole.to_wire() == {
        **least.to_wire(),
        "block_id": "b",
        "bbox": (0, 0, 1, 1),
        "confidence": 0,
        "orientation": 0.0,
        "metadata": {},
    }


def test_a_box_given_as_a_list_is_frozen() -> None:
    box = [0.0, 0.0, 1.0, 1.0]
    variation = Variation(doc_id="d", engine="e", raw_text="", page=1, bbox=box)
    box[0] = 5.0
    assert variation.bbox == (0.0, 0.0, 1.0, 1.0)


def test_every_value_is_frozen_keyword_only_and_pickles() -> None:
    kinds = [
        kind
        for _, kind in inspect.getmembers(compareblocks, inspect.isclass)
        if kind.__module__ == compareblocks.__name__
    ]
    assert {kind.__name__ for kind in kinds} <= set(compareblocks.__all__)
    assert len(kinds) == 11
    for kind in kinds:
        assert all(field.kw_only for field in attrs.fields(kind))
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            kind.__setattr__(object.__new__(kind), "extra", {})
    for exchange in ANSWERED:
        value = read(exchange)
        assert repr(pickle.loads(pickle.dumps(value))) == repr(value)
