from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcp_sync.embedded.extraction import Extraction
from mcp_sync.embedded.jobs import JobInterrupted, JobRunner
from mcp_sync.embedded.sessions import Session, SessionTable

VARIATION = {"doc_id": "d", "page": 1, "engine": "e", "raw_text": "t"}


class Work:
    """An extraction, with what it published."""

    def __init__(self, workspace: Path, pdf: str = "sample.pdf", **variation: Any) -> None:
        self.sessions = SessionTable()
        self.jobs = JobRunner()
        self.published: list[tuple[str, Any]] = []
        self.extraction = Extraction(self.sessions, self.jobs, workspace, self.publish)
        session = Session(pdf, {}, [VARIATION | variation])
        self.session_id = session.session_id
        self.sessions.add(session)

    def publish(self, event: str, data: Any) -> None:
        self.published.append((event, data))

    def run(self) -> Session:
        self.extraction.run(self.session_id)
        session = self.sessions.get(self.session_id)
        assert session is not None
        return session

    def progress(self) -> list[tuple[str, float]]:
        """What the status updates said."""
        return [(d["status"], d["progress"]) for e, d in self.published if e == "status_update"]


def test_a_session_passes_all_stages_and_tells_of_each(workspace: Path) -> None:
    work = Work(workspace)
    session = work.run()
    assert (session.status, session.progress, session.error) == ("completed", 1.0, None)
    assert [decision["selected_text"] for decision in session.decisions] == ["t"]
    assert work.progress() == [
        *(("processing", progress) for progress in (0.1, 0.3, 0.5, 0.7, 0.9)),
        ("completed", 1.0),
    ]
    assert work.published[-1] == (
        "processing_complete",
        {
            "session_id": work.session_id,
            "total_blocks": 1,
            "statistics": {"auto_selected": 0, "manual_review": 1, "merged": 0},
        },
    )


def test_a_file_that_is_gone_fails_at_the_first_stage(workspace: Path) -> None:
    work = Work(workspace, "gone.pdf")
    session = work.run()
    assert (session.status, session.progress) == ("error", 0.1)
    assert session.error == f"PDF not found: {workspace / 'gone.pdf'}"
    assert work.progress() == [("processing", 0.1), ("error", 0.1)]
    assert work.published[-1] == ("error", {"session_id": work.session_id, "error": session.error})


def test_a_file_that_is_no_pdf_fails_at_the_second_stage(workspace: Path) -> None:
    (workspace / "fake.pdf").write_text("text")
    session = Work(workspace, "fake.pdf").run()
    assert (session.progress, session.error) == (0.3, "Failed to open file 'fake.pdf' as type pdf.")


def test_whatever_goes_wrong_becomes_the_sessions_error(workspace: Path) -> None:
    huge = [0, 0, 10**400, 0.5]
    work = Work(workspace, bbox=huge)
    session = work.sessions.get(work.session_id)
    assert session is not None
    work.sessions.update(work.session_id, variations=[*session.variations, *session.variations])
    failed = work.run()
    assert (failed.status, failed.progress) == ("error", 0.5)
    assert "too large" in str(failed.error)


def test_a_stop_leaves_the_session_to_be_run_again(workspace: Path) -> None:
    work = Work(workspace)
    work.jobs.interrupt()
    with pytest.raises(JobInterrupted):
        work.run()
    session = work.sessions.get(work.session_id)
    assert session is not None
    assert session.status == "processing"
    assert all(event == "status_update" for event, _ in work.published)
