"""The work of one submission: look at the PDF, compare the variations, tell the subscribers.

Runs as a job of the runner, never on a connection's thread.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from mcp_sync.embedded import consensus
from mcp_sync.embedded.documents import locate, open_document
from mcp_sync.embedded.jobs import JobInterrupted, JobRunner
from mcp_sync.embedded.sessions import Session, SessionTable

__all__ = ["Extraction"]

_STAGES = 5  # the delay is spread evenly over 0.1, 0.3, 0.5, 0.7 and 0.9


class Extraction:
    """Takes sessions from "initialized" to "completed" or "error". Used by the job thread alone.

    Args:
        sessions: where the sessions are kept.
        jobs: whose pauses stretch the work to its delay and end it at a stop.
        working_directory: what relative PDF paths are relative to.
        publish: called with an event's name and its data.
    """

    def __init__(
        self,
        sessions: SessionTable,
        jobs: JobRunner,
        working_directory: Path,
        publish: Callable[[str, Any], object],
    ) -> None:
        self._sessions = sessions
        self._jobs = jobs
        self._working_directory = working_directory
        self._publish = publish

    def run(self, session_id: str) -> None:
        """Do the whole work of one session; a failure of any kind becomes the session's error.

        Args:
            session_id: an accepted session.

        Raises:
            JobInterrupted: the server is stopping; the session can be run again from the start.
        """
        try:
            decisions = self._work(session_id)
        except JobInterrupted:
            raise
        except Exception as error:  # noqa: BLE001  as recorded: whatever failed, the session says so
            failed = self._sessions.update(session_id, status="error", error=str(error))
            self._publish_status(failed)
            self._publish("error", {"session_id": session_id, "error": failed.error})
        else:
            self._complete(session_id, decisions)

    def _work(self, session_id: str) -> list[consensus.Decision]:
        """The five stages; the numbers are the recorded server's."""
        session = self._enter(session_id, 0.1)
        path = locate(session.pdf_path, self._working_directory)
        if path is None:
            raise FileNotFoundError(f"PDF not found: {self._working_directory / session.pdf_path}")
        self._enter(session_id, 0.3)
        open_document(path, session.pdf_path)
        self._enter(session_id, 0.5)
        blocks = consensus.group_blocks(session.variations, self._jobs.pause)
        self._enter(session_id, 0.7)
        decisions = [consensus.decide(block, self._jobs.pause) for block in blocks]
        self._enter(session_id, 0.9)
        return decisions

    def _enter(self, session_id: str, progress: float) -> Session:
        session = self._sessions.update(session_id, status="processing", progress=progress)
        self._publish_status(session)
        self._jobs.pause(1 / _STAGES)
        return session

    def _complete(self, session_id: str, decisions: list[consensus.Decision]) -> None:
        session = self._sessions.update(
            session_id, status="completed", progress=1.0, decisions=decisions
        )
        self._publish_status(session)
        self._publish(
            "processing_complete",
            {
                "session_id": session_id,
                "total_blocks": len(decisions),
                "statistics": consensus.statistics(decisions),
            },
        )

    def _publish_status(self, session: Session) -> None:
        self._publish(
            "status_update",
            {
                "session_id": session.session_id,
                "status": session.status,
                "progress": session.progress,
            },
        )
