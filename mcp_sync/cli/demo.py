"""`mcp-sync demo`: a whole extraction, and a server that is killed in the middle of the work.

Each step is a function. They use what any program can use: `mcp_sync` and its embedded server.
"""

from __future__ import annotations

import contextlib
import sys
import tempfile
from argparse import Namespace
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

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
from mcp_sync.cli.interrupts import Interrupts
from mcp_sync.cli.narrator import INDENT, Narrator
from mcp_sync.cli.output import complain, line_width, print_json, table
from mcp_sync.cli.proof import Proof, prove
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import LedgerEntry, ServerProcess
from mcp_sync.embedded.sample import SamplePaths, copy_sample

__all__ = ["run"]

_TITLE: Final = (
    "A compareblocks extraction, a killed server, and what becomes of the work meanwhile."
)
_TIME_LIMIT: Final = 40.0  # it takes about five seconds
_PROCESSING_DELAY: Final = 0.3
_FIRST: Final = "first"
_QUEUED: Final = tuple(f"queued-{number}" for number in range(1, 6))


class _DoesNotHold(Exception):
    """The demo shows something else than it promises."""


@attrs.frozen
class _Stage:
    """What the steps share."""

    narrator: Narrator
    interrupts: Interrupts
    deadline: Deadline
    server: ServerProcess
    directory: Path
    sample: SamplePaths
    variations: list[Variation]

    def left(self) -> float:
        """Seconds that are left for the whole demo."""
        return self.deadline.remaining() or 0.0

    def submit(
        self, client: CompareblocksClient, key: str
    ) -> Submission | OfflineResponse[Submission]:
        """Submit the sample under a key, which the server's ledger records."""
        metadata = {"submission_key": key}
        return client.submit_extraction(self.sample.pdf.name, self.variations, metadata)


def run(options: Namespace) -> int:
    """Play the demo.

    Args:
        options: ``json``: the proof on standard output, and the story on standard error;
            ``interrupts``: what has signals unwind it.

    Returns:
        0 when everything that it promises held, else 1.
    """
    story = sys.stderr if options.json else sys.stdout
    narrator = Narrator(story)
    deadline = Deadline(_TIME_LIMIT)
    print(_TITLE, file=story)
    try:
        with _stage(narrator, options.interrupts, deadline) as stage:
            proof = _play(stage)
    except BrokenPipeError:
        raise
    except (_DoesNotHold, MCPError, OSError, RuntimeError) as error:
        narrator.tell_heard()
        hint = f"it allows itself {_TIME_LIMIT:g} s: is this machine very busy?"
        sentence = f"the demo does not hold, at step {narrator.title!r}: {error}"
        complain(sentence, hint if deadline.is_over() else "")
        return FAILED
    seconds = _TIME_LIMIT - (deadline.remaining() or 0.0)
    print(f"\nAll of it holds, after {seconds:.1f} s.", file=story)
    if options.json:
        print_json({"proof": proof, "seconds": round(seconds, 1)})
    return OK


@contextlib.contextmanager
def _stage(narrator: Narrator, interrupts: Interrupts, deadline: Deadline) -> Iterator[_Stage]:
    """A directory with the sample, and a server in it that is not started; both gone at the end."""
    with tempfile.TemporaryDirectory(prefix="mcp-sync-demo-") as name:
        directory = Path(name)
        sample = copy_sample(directory)
        variations = list(read_variations(sample.variations))
        server = ServerProcess(
            working_directory=directory,
            ledger_path=directory / "ledger.ndjson",
            processing_delay=_PROCESSING_DELAY,
        )
        try:
            yield _Stage(narrator, interrupts, deadline, server, directory, sample, variations)
        finally:
            server.kill()


def _play(stage: _Stage) -> Proof:
    _start_server(stage)
    with contextlib.closing(_make_client(stage.server)) as client:
        _connect(stage, client)
        session = _submit_first(stage, client)
        _show_consensus(stage, client, session)
        _kill_server(stage)
        responses = _submit_into_queue(stage, client)
        _restart_server(stage)
        _show_replay(stage, client, responses)
        return _prove_by_ledger(stage)


def _start_server(stage: _Stage) -> None:
    stage.narrator.step("Start a server as a process of its own")
    _start(stage)
    stage.narrator.say(
        f"It serves the PDF files of {stage.directory} and keeps a ledger of every execution."
    )


def _start(stage: _Stage) -> None:
    with stage.interrupts.held():
        stage.server.start(stage.left())
    stage.narrator.say(f"Process {stage.server.pid} listens on {stage.server.url}.")


def _make_client(server: ServerProcess) -> CompareblocksClient:
    return CompareblocksClient(
        server.url,
        reconnect_attempts=200,
        reconnect_delay=0.2,
        request_timeout=_TIME_LIMIT,
        max_reconnect_delay=0.5,
    )


def _connect(stage: _Stage, client: CompareblocksClient) -> None:
    stage.narrator.step("Connect")
    for name in EVENT_NAMES:
        client.on(name, stage.narrator.hear)
    client.connect(stage.left())
    client.initialize()
    stage.narrator.wait_for("initialized", stage.deadline)


def _submit_first(stage: _Stage, client: CompareblocksClient) -> str:
    engines = sorted({variation.engine for variation in stage.variations})
    stage.narrator.step(f"Submit {stage.sample.pdf.name}")
    stage.narrator.say(f"{len(stage.variations)} variations by the engines {', '.join(engines)}.")
    submission = stage.submit(client, _FIRST)
    if not isinstance(submission, Submission):
        raise _DoesNotHold("a submission was queued although the server is there")
    stage.narrator.say(f"{submission.status.capitalize()} as session {submission.session_id}.")
    return submission.session_id


def _show_consensus(stage: _Stage, client: CompareblocksClient, session: str) -> None:
    def show_progress(status: SessionStatus) -> None:
        narrator.say(f"{status.progress or 0.0:4.0%}  {status.status}")

    narrator = stage.narrator
    client.subscribe_updates(["status_update"], timeout=stage.left())
    results = client.wait_for_results(session, stage.left(), show_progress)
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


def _submit_into_queue(
    stage: _Stage, client: CompareblocksClient
) -> Mapping[str, OfflineResponse[Submission]]:
    stage.narrator.step(f"Submit {len(_QUEUED)} times while there is no server")
    responses = {}
    for key in _QUEUED:
        response = stage.submit(client, key)
        if not isinstance(response, OfflineResponse):
            raise _DoesNotHold(f"{key} got an answer although there is no server")
        size = client.offline_queue_size
        stage.narrator.say(f"{key}: {response.status} at position {response.position} of {size}")
        responses[key] = response
    stage.narrator.wait_for("failed", stage.deadline)
    return responses


def _restart_server(stage: _Stage) -> None:
    stage.narrator.step("Start the server again, on the same port")
    _start(stage)
    stage.narrator.wait_for("initialized", stage.deadline)


def _show_replay(
    stage: _Stage,
    client: CompareblocksClient,
    responses: Mapping[str, OfflineResponse[Submission]],
) -> None:
    stage.narrator.step("The queue is sent by itself; each submission gets its real answer")
    sessions = []
    for key, response in responses.items():
        submission = response.result(stage.left())
        stage.narrator.say(f"{key}: {submission.status} as session {submission.session_id}")
        sessions.append(submission.session_id)
    for session in sessions:
        if not client.wait_for_results(session, stage.left()).consensus_decisions:
            raise _DoesNotHold(f"session {session} decided nothing")
    if not client.drain(0):
        raise _DoesNotHold(f"the client still holds {client.pending_requests()}")
    stage.narrator.say(f"All {len(sessions)} sessions are completed and the queue is empty.")


def _prove_by_ledger(stage: _Stage) -> Proof:
    stage.narrator.step("Ask the server's own ledger, over a second connection")
    with _make_client(stage.server) as second:
        answer = second.request("embedded/ledger", timeout=stage.left())
    proof = prove(_entries(answer), [_FIRST, *_QUEUED])
    rows = [
        (one.key, one.count, ", ".join(map(str, one.pids)) or "none") for one in proof.executions
    ]
    heads = ["submission", "executions", "by process"]
    stage.narrator.show(table(heads, rows, line_width(), INDENT))
    if proof.faults:
        raise _DoesNotHold("; ".join(proof.faults))
    stage.narrator.say(
        f"Every one of the {len(_QUEUED)} queued submissions was executed exactly once, and the "
        "one before them was not executed again."
    )
    return proof


def _entries(answer: Mapping[str, Any]) -> list[LedgerEntry]:
    return [LedgerEntry(**entry) for entry in answer["entries"]]
