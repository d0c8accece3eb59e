"""The client of a compareblocks server: submit, watch, fetch, subscribe."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mcp_sync import (
    CompareblocksClient,
    CompareblocksError,
    InvalidSubmission,
    MCPConnectionLost,
    MCPMessageTooLarge,
    MCPOfflineError,
    MCPTimeoutError,
    OfflineResponse,
    SessionNotFound,
    Submission,
    compareblocks,
)
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.sample import copy_sample
from mcp_sync.protocol.compareblocks_errors import (
    ExtractionFailed,
    InvalidParams,
    SessionNotCompleted,
)
from mcp_sync.testing import FaultProxy
from mcp_sync.variations_file import read_variations
from peers_mcp import PATIENCE, Line, Switchboard, nothing
from scenes import FAST, Inbox, nobody_listening
from timing import MS

VARIATION = {
    "doc_id": "tide-gauge",
    "engine": "pymupdf",
    "raw_text": "Tide Gauge 14",
    "page": 1,
    "block_id": "title",
    "bbox": [72.0, 72.0, 306.0, 21.6],
    "confidence": 0.98,
}


@pytest.fixture
def sample(tmp_path: Path) -> dict[str, Any]:
    paths = copy_sample(tmp_path)
    return {"pdf_path": paths.pdf.name, "variations": list(read_variations(paths.variations))}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[EmbeddedServer]:
    with EmbeddedServer(working_directory=tmp_path) as server:
        yield server


@pytest.fixture
def real(server: EmbeddedServer) -> Iterator[CompareblocksClient]:
    with CompareblocksClient(server.url, **FAST) as client:
        yield client


@pytest.fixture
def board() -> Iterator[Switchboard]:
    with Switchboard(nothing) as board:
        yield board


@pytest.fixture
def client(board: Switchboard) -> Iterator[CompareblocksClient]:
    client = CompareblocksClient(board.url, **FAST)
    client.connect()
    yield client
    client.close()


@pytest.fixture
def line(board: Switchboard, client: CompareblocksClient) -> Line:
    return board.line()


class Doing:
    """A call in a thread of its own, and what came of it."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._outcome: list[Any] = []
        self._thread = threading.Thread(target=self._run, args=(act,))
        self._thread.start()

    def _run(self, act: Callable[[], object]) -> None:
        try:
            self._outcome.append(act())
        except Exception as error:  # noqa: BLE001  the test looks at it
            self._outcome.append(error)

    def outcome(self) -> Any:
        self._thread.join(PATIENCE)
        return self._outcome[0]


def status(name: str, **facts: Any) -> dict[str, Any]:
    return {
        "session_id": "s1",
        "pdf_path": "document.pdf",
        "metadata": {},
        "status": name,
        "created_at": "2026-01-01T00:00:00",
        "updated_at": "2026-01-01T00:00:01",
        "progress": 0.0,
        "error": None,
        "variation_count": 1,
        **facts,
    }


RESULTS = {
    "consensus_decisions": [],
    "metadata": {},
    "session_id": "s1",
    "processing_timestamp": "2026-01-01T00:00:02",
    "total_blocks": 0,
    "statistics": {"auto_selected": 0, "manual_review": 0, "merged": 0},
}

ACCEPTED = {"session_id": "s1", "status": "accepted", "message": "ok"}


def subscribed(*names: str) -> dict[str, Any]:
    return {"subscribed": True, "event_types": list(names), "client_id": "client_1"}


def unsubscribed(*names: str) -> dict[str, Any]:
    return {"unsubscribed": True, "event_types": list(names), "client_id": "client_1"}


# The defaults


def test_its_defaults_are_those_of_a_server_that_works_without_answering() -> None:
    config = CompareblocksClient().config
    assert (config.request_timeout, config.heartbeat_timeout) == (180.0, 120.0)
    assert CompareblocksClient("ws://127.0.0.1:1").get_client_info().dialect == "compareblocks"
    assert CompareblocksClient(heartbeat_timeout=7.0, request_timeout=8.0).config.heartbeat_timeout


# The whole job


def test_an_extraction_is_submitted_watched_and_fetched(
    real: CompareblocksClient, sample: dict[str, Any]
) -> None:
    seen: list[str] = []
    results = real.extract(
        **sample, timeout=4 * PATIENCE, on_progress=lambda one: seen.append(one.status)
    )
    assert results.total_blocks > 0
    assert seen[-1] == "completed"


def test_each_step_by_itself(real: CompareblocksClient, sample: dict[str, Any]) -> None:
    submission = real.submit_extraction(**sample, metadata={"who": "test"}, offline="wait")
    assert submission.session_id
    results = real.wait_for_results(submission.session_id, timeout=4 * PATIENCE)
    now = real.get_status(submission.session_id, include_details=True)
    assert now.is_completed
    fetched = real.get_results(submission.session_id, "ndjson", include_analytics=True)
    assert fetched.total_blocks == results.total_blocks
    assert real.get_status().completed_sessions == 1


def test_what_the_server_does_not_know_it_refuses_by_kind(real: CompareblocksClient) -> None:
    for ask in (real.get_status, real.get_results, real.wait_for_results):
        with pytest.raises(SessionNotFound):
            ask("no-such-session")


def test_what_breaks_the_schema_is_refused_before_it_is_sent(
    real: CompareblocksClient, server: EmbeddedServer
) -> None:
    with pytest.raises(InvalidSubmission, match="confidence"):
        real.submit_extraction("document.pdf", [{**VARIATION, "confidence": 7}])
    assert server.ledger == []


def test_what_the_server_refuses_is_its_error(real: CompareblocksClient) -> None:
    with pytest.raises(CompareblocksError):
        real.submit_extraction("no-such.pdf", [VARIATION])


def test_a_submission_over_the_servers_limit_is_not_sent(
    real: CompareblocksClient, server: EmbeddedServer
) -> None:
    huge = [{**VARIATION, "raw_text": "x" * (1 << 20)}]
    with pytest.raises(MCPMessageTooLarge):
        real.submit_extraction("document.pdf", huge)
    assert server.ledger == []
    assert real.get_status().system_status == "operational"


# Offline


def test_offline_a_submission_gives_a_receipt_whose_answer_is_the_servers(
    server: EmbeddedServer, sample: dict[str, Any]
) -> None:
    with FaultProxy("127.0.0.1", server.port) as proxy:
        client = CompareblocksClient(proxy.url(), **FAST)
        proxy.refuse()
        receipts = [client.submit_extraction(**sample) for _ in range(2)]
        assert all(isinstance(one, OfflineResponse) for one in receipts)
        assert [one.position for one in receipts] == [1, 2]  # type: ignore[union-attr]
        proxy.accept()
        answers = [one.result(PATIENCE) for one in receipts]  # type: ignore[union-attr]
        assert all(isinstance(one, Submission) for one in answers)
        assert len(server.ledger) == 2
        client.close()


def test_offline_a_submission_may_raise_or_wait_instead(sample: dict[str, Any]) -> None:
    with nobody_listening() as url:
        client = CompareblocksClient(url, 0, **FAST)
        client.connect()
        with pytest.raises(MCPOfflineError):
            client.submit_extraction(**sample, offline="raise")
        with pytest.raises(MCPTimeoutError):
            client.submit_extraction(**sample, offline="wait", timeout=20 * MS)
        assert client.offline_queue_size == 0
        client.close()


def test_a_submission_under_a_loss_is_never_sent_again(
    client: CompareblocksClient, board: Switchboard, line: Line
) -> None:
    doing = Doing(lambda: client.submit_extraction("document.pdf", [VARIATION]))
    line.request("submit_extraction")
    line.reset()
    outcome = doing.outcome()
    assert isinstance(outcome, MCPConnectionLost)
    assert outcome.maybe_executed
    again = board.line()
    assert client.wait_until_ready(PATIENCE)
    assert again.is_quiet()


def test_reads_survive_a_loss(client: CompareblocksClient, board: Switchboard, line: Line) -> None:
    doing = Doing(lambda: client.get_status("s1"))
    line.request("get_status")
    line.reset()
    again = board.line()
    again.answer(again.request("get_status"), status("processing"))
    assert doing.outcome().status == "processing"


# Waiting for results


def test_waiting_polls_tells_each_new_status_once_and_fetches(
    client: CompareblocksClient, line: Line
) -> None:
    seen: list[str] = []
    doing = Doing(
        lambda: client.wait_for_results(
            "s1", timeout=PATIENCE, on_progress=lambda one: seen.append(one.status)
        )
    )
    for name in ("queued", "processing", "processing", "completed"):
        line.answer(line.request("get_status"), status(name))
    request = line.request("get_results")
    assert request["params"]["session_id"] == "s1"
    line.answer(request, RESULTS)
    assert doing.outcome().total_blocks == 0
    assert seen == ["queued", "processing", "completed"]


def test_an_update_that_is_subscribed_to_ends_the_pause(
    client: CompareblocksClient, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribing = Doing(lambda: client.subscribe_updates(["processing_complete"]))
    line.answer(line.request("subscribe_updates"), subscribed("processing_complete"))
    subscribing.outcome()
    monkeypatch.setattr(compareblocks, "_FIRST_POLL_SECONDS", 4 * PATIENCE)
    doing = Doing(lambda: client.wait_for_results("s1", timeout=8 * PATIENCE))
    line.answer(line.request("get_status"), status("processing"))
    line.ask("u1", "processing_complete")
    request = line.request("get_status")
    line.answer(request, status("completed"))
    line.answer(line.request("get_results"), RESULTS)
    assert doing.outcome().total_blocks == 0
    assert "notification:processing_complete" not in client.get_connection_stats().handlers.names


def test_a_session_that_failed_ends_the_waiting_with_its_reason(
    client: CompareblocksClient, line: Line
) -> None:
    doing = Doing(lambda: client.wait_for_results("s1", timeout=PATIENCE))
    line.answer(line.request("get_status"), status("error", error="no text layer", progress=0.4))
    outcome = doing.outcome()
    assert isinstance(outcome, ExtractionFailed)
    assert "no text layer" in str(outcome)
    assert client.get_connection_stats().handlers.names == {}


def test_waiting_goes_on_over_a_lost_link_and_a_poll_without_an_answer(
    client: CompareblocksClient, board: Switchboard, line: Line
) -> None:
    client.configure(max_replays=0)
    doing = Doing(lambda: client.wait_for_results("s1", timeout=2 * PATIENCE))
    line.request("get_status")
    line.reset()
    again = board.line()
    again.answer(again.request("get_status"), status("completed"))
    again.answer(again.request("get_results"), RESULTS)
    assert doing.outcome().total_blocks == 0


def test_waiting_ends_by_its_timeout_and_says_how_the_session_stands(
    client: CompareblocksClient, line: Line
) -> None:
    doing = Doing(lambda: client.wait_for_results("s1", timeout=1500 * MS))
    line.answer(line.request("get_status"), status("processing"))
    outcome = doing.outcome()
    assert isinstance(outcome, MCPTimeoutError)
    assert "its status is processing; it goes on at the server" in str(outcome)
    assert outcome.timeout == 1500 * MS


def test_waiting_without_any_answer_says_so(client: CompareblocksClient, line: Line) -> None:
    with pytest.raises(MCPTimeoutError, match="no status came"):
        client.wait_for_results("s1", timeout=30 * MS)


def test_waiting_without_a_limit_waits_for_the_end(client: CompareblocksClient, line: Line) -> None:
    doing = Doing(lambda: client.wait_for_results("s1", timeout=None))
    for name in ("processing", "completed"):
        line.answer(line.request("get_status"), status(name))
    line.answer(line.request("get_results"), RESULTS)
    assert doing.outcome().total_blocks == 0


def test_an_extraction_shares_one_deadline_over_its_steps(
    client: CompareblocksClient, line: Line
) -> None:
    client.configure(request_timeout=100 * MS)
    doing = Doing(lambda: client.extract("document.pdf", [VARIATION]))
    line.answer(line.request("submit_extraction"), ACCEPTED)
    assert isinstance(doing.outcome(), MCPTimeoutError)


def test_results_that_are_not_there_yet_are_an_error_of_their_own(
    client: CompareblocksClient, line: Line
) -> None:
    doing = Doing(lambda: client.get_results("s1"))
    line.refuse(line.request("get_results"), -32603, "Session not completed: processing")
    assert isinstance(doing.outcome(), SessionNotCompleted)


# Subscriptions


def test_updates_come_from_the_first_moment_on(client: CompareblocksClient, line: Line) -> None:
    """The server may push right behind its answer, before the caller has seen that."""
    inbox = Inbox()
    client.on_notification("status_update", inbox)
    doing = Doing(lambda: client.subscribe_updates(["status_update"]))
    request = line.request("subscribe_updates")
    line.ask("before", "status_update")
    line.answer(request, subscribed("status_update"))
    line.ask("behind", "status_update")
    assert doing.outcome().event_types == ("status_update",)
    assert inbox.wait_for(lambda items: len(items) == 2)
    assert line.is_quiet()


def test_updates_that_nobody_asked_for_are_dropped_and_counted(
    client: CompareblocksClient, line: Line
) -> None:
    inbox = Inbox()
    client.on_notification("*", inbox)
    line.ask("inherited", "status_update")
    line.ask("unknown", "something_else")
    assert inbox.wait_for(lambda items: len(items) == 1)
    assert inbox.items()[0].method == "something_else"
    assert client.get_connection_stats().strays == {"unasked notification": 1}


def test_a_subscription_that_is_refused_is_none(
    client: CompareblocksClient, board: Switchboard, line: Line
) -> None:
    doing = Doing(lambda: client.subscribe_updates(["error"]))
    line.refuse(line.request("subscribe_updates"), -32603, "Subscription failed")
    assert isinstance(doing.outcome(), CompareblocksError)
    line.ask("u", "error")
    line.reset()
    again = board.line()
    assert client.wait_until_ready(PATIENCE)
    assert again.is_quiet()
    assert client.get_connection_stats().strays == {"unasked notification": 1}


def test_a_refused_extension_leaves_the_earlier_subscription(
    client: CompareblocksClient, board: Switchboard, line: Line
) -> None:
    first = Doing(lambda: client.subscribe_updates(["error"]))
    line.answer(line.request("subscribe_updates"), subscribed("error"))
    first.outcome()
    second = Doing(lambda: client.subscribe_updates(["error", "status_update"]))
    line.refuse(line.request("subscribe_updates"), -32603, "no")
    assert isinstance(second.outcome(), CompareblocksError)
    line.reset()
    again = board.line()
    assert again.request("subscribe_updates")["params"] == {"event_types": ["error"]}


def test_subscriptions_add_up_and_are_restored_together(
    client: CompareblocksClient, board: Switchboard, line: Line
) -> None:
    for name in ("error", "status_update"):
        doing = Doing(lambda name=name: client.subscribe_updates([name]))  # type: ignore[misc]
        line.answer(line.request("subscribe_updates"), subscribed(name))
        doing.outcome()
    line.reset()
    again = board.line()
    request = again.request("subscribe_updates")
    assert request["params"] == {"event_types": ["error", "status_update"]}
    again.answer(request, subscribed("error", "status_update"))
    assert client.wait_until_ready(PATIENCE)


def test_what_is_unsubscribed_is_neither_delivered_nor_restored(
    client: CompareblocksClient, board: Switchboard, line: Line
) -> None:
    for name in ("error", "status_update"):
        doing = Doing(lambda name=name: client.subscribe_updates([name]))  # type: ignore[misc]
        line.answer(line.request("subscribe_updates"), subscribed(name))
        doing.outcome()
    ending = Doing(lambda: client.unsubscribe_updates(["status_update"]))
    line.answer(line.request("unsubscribe_updates"), unsubscribed("status_update"))
    assert ending.outcome().event_types == ("status_update",)
    line.ask("u", "status_update")
    line.reset()
    again = board.line()
    request = again.request("subscribe_updates")
    assert request["params"] == {"event_types": ["error"]}
    again.answer(request, subscribed("error"))
    assert client.wait_until_ready(PATIENCE)
    last = Doing(lambda: client.unsubscribe_updates(["error"]))
    again.answer(again.request("unsubscribe_updates"), unsubscribed("error"))
    last.outcome()
    again.reset()
    third = board.line()
    assert client.wait_until_ready(PATIENCE)
    assert third.is_quiet()
    assert client.get_connection_stats().strays == {"unasked notification": 1}


def test_an_event_that_does_not_exist_is_refused_before_it_is_sent(
    client: CompareblocksClient, line: Line
) -> None:
    for act in (client.subscribe_updates, client.unsubscribe_updates):
        with pytest.raises(InvalidParams, match="status_update"):
            act(["status_updates"])  # type: ignore[list-item]
    assert line.is_quiet()


def test_the_real_server_pushes_to_those_who_subscribed(
    real: CompareblocksClient, server: EmbeddedServer
) -> None:
    inbox = Inbox()
    real.on_notification("status_update", inbox)
    real.subscribe_updates(["status_update"])
    assert server.broadcast("status_update", {"n": 1}) == 1
    assert inbox.wait_for(lambda items: len(items) == 1)
    assert inbox.items()[0].params["data"] == {"n": 1}
