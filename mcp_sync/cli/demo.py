"""`mcp-sync demo`: a whole extraction, and a server that is killed in the middle of the work.

Each step is a function. They use what any program can use: `mcp_sync` and its embedded server.
"""

from __future__ import annotations

import contextlib
import signal
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import Any, Final, NoReturn

import attrs

from mcp_sync import (
    EVENT_NAMES,
    CompareblocksClient,
    MCPError,
    OfflineResponse,
    SessionStatus,
    Submission,
    Variation,
    read_variations,
)
from mcp_sync.cli.decisions import decision_lines, statistics_sentence
from mcp_sync.cli.exits import FAILED, OK
from mcp_sync.cli.narrator import INDENT, Narrator
from mcp_sync.cli.output import complain, line_width, table
from mcp_sync.cli.proof import prove
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import LedgerEntry, ServerProcess
from mcp_sync.embedded.sample import SamplePaths, copy_sample

__all__ = ["run"]

_TIME_LIMIT: Final = 18.0
_PROCESSING_DELAY: Final = 0.4
_FIRST: Final = "first"
_QUEUED: Final = tuple(f"queued-{number}" for number in range(1, 6))
_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class _DoesNotHold(Exception):
    """The demo shows something else than it promises."""


@attrs.frozen
class _Stage:
    """What the steps share."""

    narrator: Narrator
    server: ServerProcess
    client: CompareblocksClient
    sample: SamplePaths
    variations: list[Variation]
    deadline: Deadline

    def left(self) -> float:
        """Seconds that are left for the whole demo."""
        return self.deadline.remaining() or 0.0

    def submit(self, key: str) -> Submission | OfflineResponse[Submission]:
        """Submit the sample under a key, which the server's ledger records."""
        return self.client.submit_extraction(
            self.sample.pdf.name, self.variations, {"submission_key": key}
        )


def run(options: Namespace) -> int:
    """Play the demo.

    Args:
        options: nothing of its own.

    Returns:
        0 when everything that it promises held, else 1.
    """
    narrator = Narrator()
    deadline = Deadline(_TIME_LIMIT)
    print("A compareblocks extraction, a killed server, and what becomes of the work meanwhile.")
    try:
        with _orderly_end():
            _play(narrator, deadline)
    except BrokenPipeError:
        raise
    except (_DoesNotHold, MCPError, OSError, RuntimeError) as error:
        narrator.tell_heard()
        complain(f"the demo does not hold, at step {narrator.title!r}: {error}")
        return FAILED
    print(f"\nAll of it holds, after {_TIME_LIMIT - (deadline.remaining() or 0.0):.1f} s.")
    return OK


@contextlib.contextmanager
def _orderly_end() -> Iterator[None]:
    """Let signals unwind, so that no process and no file is left behind; a second one waits."""

    def end(number: int, _frame: FrameType | None) -> NoReturn:
        for other in _SIGNALS:
            signal.signal(other, signal.SIG_IGN)
        raise KeyboardInterrupt if number == signal.SIGINT else SystemExit(128 + number)

    before = [signal.signal(number, end) for number in _SIGNALS]
    try:
        yield
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


def _play(narrator: Narrator, deadline: Deadline) -> None:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mcp-sync-demo-")))
        server = _start_server(narrator, directory, deadline, stack)
        sample = copy_sample(directory)
        client = stack.enter_context(contextlib.closing(_make_client(server)))
        variations = list(read_variations(sample.variations))
        stage = _Stage(narrator, server, client, sample, variations, deadline)
        _connect(stage)
        session = _submit_first(stage)
        _show_consensus(stage, session)
        _kill_server(stage)
        responses = _submit_into_queue(stage)
        _restart_server(stage)
        _show_replay(stage, responses)
        _prove_by_ledger(stage)


def _start_server(
    narrator: Narrator, directory: Path, deadline: Deadline, stack: contextlib.ExitStack
) -> ServerProcess:
    narrator.step("Start a server as a process of its own")
    server = ServerProcess(
        working_directory=directory,
        ledger_path=directory / "ledger.ndjson",
        processing_delay=_PROCESSING_DELAY,
    )
    stack.callback(server.kill)
    server.start(deadline.remaining() or 0.0)
    narrator.say(f"Process {server.pid} listens on {server.url} and serves the PDF files of")
    narrator.say(f"{directory}; every execution goes into a ledger file there.")
    return server


def _make_client(server: ServerProcess) -> CompareblocksClient:
    return CompareblocksClient(
        server.url,
        reconnect_attempts=50,
        reconnect_delay=0.2,
        request_timeout=_TIME_LIMIT,
        max_reconnect_delay=0.5,
    )


def _connect(stage: _Stage) -> None:
    stage.narrator.step("Connect")
    for name in EVENT_NAMES:
        stage.client.on(name, stage.narrator.hear)
    stage.client.connect(stage.left())
    stage.client.initialize()
    stage.narrator.wait_for("initialized", stage.deadline)


def _submit_first(stage: _Stage) -> str:
    engines = sorted({variation.engine for variation in stage.variations})
    stage.narrator.step(f"Submit {stage.sample.pdf.name}")
    stage.narrator.say(f"{len(stage.variations)} variations by the engines {', '.join(engines)}.")
    submission = stage.submit(_FIRST)
    if not isinstance(submission, Submission):
        raise _DoesNotHold("a submission was queued although the server is there")
    stage.narrator.say(f"{submission.status.capitalize()} as session {submission.session_id}.")
    return submission.session_id


def _show_consensus(stage: _Stage, session: str) -> None:
    def show_progress(status: SessionStatus) -> None:
        narrator.say(f"{status.progress or 0.0:4.0%}  {status.status}")

    narrator = stage.narrator
    stage.client.subscribe_updates(["status_update"], timeout=stage.left())
    results = stage.client.wait_for_results(session, stage.left(), show_progress)
    if not results.consensus_decisions:
        raise _DoesNotHold("the server decided nothing")
    narrator.step("The consensus")
    narrator.show(decision_lines(results.consensus_decisions, line_width(), INDENT))
    narrator.say(statistics_sentence(results))


def _kill_server(stage: _Stage) -> None:
    stage.narrator.step("Kill the server (SIGKILL)")
    pid = stage.server.pid
    stage.server.kill()
    stage.narrator.say(f"Process {pid} is gone and has said no goodbye.")
    stage.narrator.wait_for("disconnected", stage.deadline)


def _submit_into_queue(stage: _Stage) -> Mapping[str, OfflineResponse[Submission]]:
    stage.narrator.step(f"Submit {len(_QUEUED)} times while there is no server")
    responses = {}
    for key in _QUEUED:
        response = stage.submit(key)
        if not isinstance(response, OfflineResponse):
            raise _DoesNotHold(f"{key} got an answer although there is no server")
        size = stage.client.offline_queue_size
        stage.narrator.say(f"{key}: {response.status} at position {response.position} of {size}")
        responses[key] = response
    stage.narrator.wait_for("failed", stage.deadline)
    return responses


def _restart_server(stage: _Stage) -> None:
    stage.narrator.step("Start the server again, on the same port")
    stage.server.start(stage.left())
    stage.narrator.say(f"Process {stage.server.pid} listens on {stage.server.url}.")
    stage.narrator.wait_for("initialized", stage.deadline)


def _show_replay(stage: _Stage, responses: Mapping[str, OfflineResponse[Submission]]) -> None:
    stage.narrator.step("The queue is sent by itself; each submission gets its real answer")
    for key, response in responses.items():
        submission = response.result(stage.left())
        stage.narrator.say(f"{key}: {submission.status} as session {submission.session_id}")
    for response in responses.values():
        session = response.result(0).session_id
        if not stage.client.wait_for_results(session, stage.left()).consensus_decisions:
            raise _DoesNotHold(f"session {session} decided nothing")
    if not stage.client.drain(0):
        raise _DoesNotHold(f"the client still holds {stage.client.pending_requests()}")
    stage.narrator.say(f"All {len(responses)} sessions are completed and the queue is empty.")


def _prove_by_ledger(stage: _Stage) -> None:
    stage.narrator.step("Ask the server's own ledger, over a second connection")
    with _make_client(stage.server) as second:
        answer = second.request("embedded/ledger", timeout=stage.left())
    proof = prove(_entries(answer), [_FIRST, *_QUEUED])
    rows = [
        (one.key, one.count, ", ".join(map(str, one.pids)) or "none") for one in proof.executions
    ]
    stage.narrator.show(
        table(["submission", "executions", "by process"], rows, line_width(), INDENT)
    )
    if proof.faults:
        raise _DoesNotHold("; ".join(proof.faults))
    stage.narrator.say(
        f"Every one of the {len(_QUEUED)} queued submissions was executed exactly once,"
    )
    stage.narrator.say("and the one before them was not executed again.")


def _entries(answer: Mapping[str, Any]) -> list[LedgerEntry]:
    return [LedgerEntry(**entry) for entry in answer["entries"]]
