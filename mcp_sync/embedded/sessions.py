"""The extraction sessions of a server: frozen values in one table. Knows no wire and no work."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import attrs

__all__ = ["Session", "SessionTable"]


@attrs.frozen
class Session:
    """One accepted submission and how far it came.

    Times are local and without a zone, as on the recorded server.
    """

    pdf_path: str
    metadata: Mapping[str, Any]
    variations: Sequence[Mapping[str, Any]]
    session_id: str = attrs.field(factory=lambda: str(uuid.uuid4()))
    status: str = "initialized"
    progress: float = 0.0
    error: str | None = None
    decisions: Sequence[dict[str, Any]] = ()
    created_at: datetime = attrs.field(factory=datetime.now)
    updated_at: datetime = attrs.field(factory=datetime.now)


class SessionTable:
    """All sessions by id, kept until the server is forgotten. Safe to use from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}

    def add(self, session: Session) -> None:
        """Add a new session."""
        with self._lock:
            self._sessions[session.session_id] = session

    def get(self, session_id: str) -> Session | None:
        """The session as it is now, or None when there is none of that id."""
        with self._lock:
            return self._sessions.get(session_id)

    def update(self, session_id: str, **changes: Any) -> Session:
        """Change attributes of a session, note the time, and return the session as it is then."""
        with self._lock:
            session = attrs.evolve(self._sessions[session_id], updated_at=datetime.now(), **changes)
            self._sessions[session_id] = session
        return session

    def count_by_status(self) -> Counter[str]:
        """How many sessions there are in each status."""
        with self._lock:
            return Counter(session.status for session in self._sessions.values())
