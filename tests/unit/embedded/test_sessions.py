from __future__ import annotations

from datetime import datetime

import attrs
import pytest

from mcp_sync.embedded.sessions import Session, SessionTable


def test_a_session_starts_initialized_with_an_id_of_its_own() -> None:
    one, other = Session("a.pdf", {}, []), Session("a.pdf", {}, [])
    assert one.session_id != other.session_id
    assert (one.status, one.progress, one.error) == ("initialized", 0.0, None)


def test_an_update_makes_a_new_value_and_leaves_the_old_one_as_it_was() -> None:
    table = SessionTable()
    session = Session("a.pdf", {}, [], updated_at=datetime.min)
    table.add(session)
    updated = table.update(session.session_id, status="processing", progress=0.1)
    assert table.get(session.session_id) is updated
    assert (session.status, updated.status) == ("initialized", "processing")
    assert updated.created_at == session.created_at <= updated.updated_at
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        updated.status = "completed"  # type: ignore[misc]


def test_sessions_are_counted_by_status() -> None:
    table = SessionTable()
    for status in ("error", "error", "initialized"):
        table.add(Session("a.pdf", {}, [], status=status))
    assert table.count_by_status() == {"error": 2, "initialized": 1}
    assert table.get("unknown") is None
