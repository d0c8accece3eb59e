"""The embedded server answers as the recorded server did, but for what is listed here."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from data import recording, replays, replays_of_transport
from data.recording import OLDER_LIBRARY, Exchange
from data.stage import SCENARIOS as SPECIAL
from data.stage import Scenario, Stage, alone, submission
from mcp_sync.embedded import EmbeddedServer
from mcp_sync.embedded.sample import copy_sample

RECORDING = {exchange.case: exchange for exchange in recording.load()}

_FINDS_A_CONSENSUS = "the recorded server fails where a variation matches a block; this one decides"
_NOTIFIES = "the recorded server never notifies by itself; this one does"

DIFFERENCES = {
    "initialize/standard-mcp-protocolVersion": "a client that asks for MCP is given MCP",
    "submit-valid/bbox-that-matches-a-block/status": _FINDS_A_CONSENSUS,
    "submit-valid/bbox-that-matches-a-block/results": _FINDS_A_CONSENSUS,
    "submit-valid/two-engines-that-match/status": _FINDS_A_CONSENSUS,
    "submit-valid/two-engines-that-match/results": _FINDS_A_CONSENSUS,
    "submit-valid/one-match-one-far/status": _FINDS_A_CONSENSUS,
    "submit-valid/one-match-one-far/results": _FINDS_A_CONSENSUS,
    "submit-valid/wrong-page-number-still-matches/status": _FINDS_A_CONSENSUS,
    "submit-valid/wrong-page-number-still-matches/results": _FINDS_A_CONSENSUS,
    "notifications/real-submission-completing": _NOTIFIES,
    "notifications/real-submission-failing": _NOTIFIES,
    "lifecycle/sigterm": "the recorded server handles no signals; this one says good-bye, 1001",
}

_BLOCKED = (
    "shows the recorded server blocked by its own work; here work runs beside the connections"
)
_INSIDE = "the recorder looked into the server's memory or disk: nothing of it is on the wire"
_DEAD_CLIENTS = "needs a client id that is given out twice, which cannot happen here"
_DRIVER = "what Ctrl-C does was decided by the program around the recorded server"
_OLD_TRANSPORT = "how websockets 12.0 answers what is no WebSocket, or too large"

NOT_REPLAYED = {
    "two-clients/blocked-while-the-other-submits": _BLOCKED,
    "longblock/submitter-that-had-an-unanswered-ping": _BLOCKED,
    "longblock/bystander-that-reads": _BLOCKED,
    "submit-valid/files-written-by-the-server": _INSIDE,
    "subscriptions/never-cleaned": _INSIDE,
    "subscriptions/inherited-from-dead-client": _DEAD_CLIENTS,
    "lifecycle/sigint": _DRIVER,
    "lifecycle/sigint @websockets-12.0": _DRIVER,
    "handshake/http-post @websockets-12.0": _OLD_TRANSPORT,
    "handshake/not-http @websockets-12.0": _OLD_TRANSPORT,
    "frames/size-8MiB @websockets-12.0": _OLD_TRANSPORT,
}

_SENT_AS_RECORDED = (
    "initialize/",
    "standard/",
    "engine/",
    "submit-invalid/",
    "get_status/",
    "get_results/",
    "subscribe/",
    "unsubscribe/",
    "jsonrpc/",
)


def _scenarios() -> list[Scenario]:
    """Those that need a function of their own, and the many that are sent as recorded."""
    found = list(SPECIAL)
    special = {case for scenario in found for case in scenario.cases}
    for case in RECORDING:
        if case in special or case in NOT_REPLAYED or case.endswith(OLDER_LIBRARY):
            continue
        if case.startswith("handshake/"):
            found.append(Scenario((case,), alone(replays_of_transport.handshake)))
        elif case.startswith(_SENT_AS_RECORDED):
            found.append(Scenario((case,), alone(replays.plain)))
        elif case.startswith("submit-valid/") and case.count("/") == 1:
            parts = (case, f"{case}/status", f"{case}/results")
            play = replays.submitted if parts[1] in RECORDING else alone(replays.plain)
            found.append(Scenario(tuple(part for part in parts if part in RECORDING), play))
    return found


SCENARIOS = _scenarios()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory, and what lies beside it, as the recording had them."""
    base = tmp_path_factory.mktemp("recorded")
    root = base / "full"
    primary = root / "Source_docs" / "English Language Arts Standards"
    for directory in (
        primary,
        root / "sub",
        root / "dir.pdf",
        base / "outside",
        base / "full-sibling",
    ):
        directory.mkdir(parents=True)
    pdf = copy_sample(base).pdf.read_bytes()
    for name in ("sample.pdf", "sub/inner.pdf", "UPPER.PDF", "blank.pdf", "big60.pdf"):
        (root / name).write_bytes(pdf)
    (primary / "-English Language Arts Standards.pdf").write_bytes(pdf)
    (base / "outside" / "out.pdf").write_bytes(pdf)
    (base / "full-sibling" / "other.pdf").write_bytes(pdf)
    (root / "enc.pdf").write_bytes(pdf.replace(b"/Root 1 0 R", b"/Root 1 0 R /Encrypt 3 0 R"))
    (root / "fake.pdf").write_text("not a PDF")
    (root / "zero.pdf").touch()
    (root / "notes.txt").touch()
    (base / "outside" / "notes.txt").touch()
    (root / "link.pdf").symlink_to(base / "outside" / "out.pdf")
    for name, size in (("exact100.pdf", 104_857_600), ("huge.pdf", 104_857_601)):
        with (root / name).open("wb") as sparse:
            sparse.truncate(size)
    return root


@pytest.fixture(scope="module")
def stage(root: Path) -> Iterator[Stage]:
    """The server, and the two sessions that questions of the recording are about."""
    with EmbeddedServer(working_directory=root) as server:
        names = {"<root>": str(root), "<outside>": str(root.parent / "outside")}
        stage = Stage(server, root, names)
        for case, pdf, metadata in (
            ("get_status/session", "sample.pdf", {"engine_name": "e"}),
            ("get_status/session-error-details", "fake.pdf", {}),
        ):
            submit = submission(pdf, **metadata)
            answered = Exchange(case, submit, RECORDING[case].recv)
            replays.submitted(stage, [answered])
        yield stage


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.cases[0])
def test_recorded_exchange(stage: Stage, scenario: Scenario) -> None:
    exchanges = [RECORDING[case] for case in scenario.cases]
    observed = scenario.play(stage, exchanges)
    for exchange, messages in zip(exchanges, observed, strict=True):
        difference = recording.mismatch(exchange.recv, messages)
        if exchange.case in DIFFERENCES:
            assert difference is not None, f"{exchange.case} is listed but differs no longer"
        else:
            assert difference is None, f"{exchange.case}: {difference}"


def test_every_recorded_case_is_accounted_for_once() -> None:
    replayed = [case for scenario in SCENARIOS for case in scenario.cases]
    older = [
        case for case in RECORDING if case.endswith(OLDER_LIBRARY) and case not in NOT_REPLAYED
    ]
    assert sorted([*replayed, *older, *NOT_REPLAYED]) == sorted(RECORDING)
    assert len(DIFFERENCES) <= 12
    assert DIFFERENCES.keys() <= set(replayed)


@pytest.mark.parametrize("case", [case for case in RECORDING if case.endswith(OLDER_LIBRARY)])
def test_a_line_recorded_with_the_older_library_repeats_its_case(case: str) -> None:
    """Its case is replayed; only where the lines differ is it listed as not replayed."""
    base = RECORDING[case.removesuffix(OLDER_LIBRARY)]
    differs = recording.mismatch(base.recv, RECORDING[case].recv) is not None
    assert differs == (case in NOT_REPLAYED)
