from __future__ import annotations

import sys
from typing import Any

import pytest

from mcp_sync import ConnectionEvent, ConnectionState, ServerInfo
from mcp_sync.cli.narrator import Narrator
from mcp_sync.deadline import Deadline
from timing import MS


def event(name: str, **context: Any) -> ConnectionEvent:
    return ConnectionEvent(
        name=name, state=ConnectionState.CONNECTED, timestamp=0.0, context=context
    )


def test_steps_are_numbered_and_sentences_indented(capsys: pytest.CaptureFixture[str]) -> None:
    narrator = Narrator()
    narrator.step("Begin")
    narrator.say("It begins.")
    narrator.step("End")
    narrator.show(["a", "b"])
    assert capsys.readouterr().out == "\n1. Begin\n   It begins.\n\n2. End\na\nb\n"
    assert narrator.title == "2. End"


def test_the_story_may_go_to_another_stream(capsys: pytest.CaptureFixture[str]) -> None:
    narrator = Narrator(sys.stderr)
    narrator.step("Begin")
    narrator.hear(event("reconnecting", attempt=2))
    narrator.say("It begins.")
    narrator.show(["a"])
    captured = capsys.readouterr()
    assert captured.err == "\n1. Begin\n   [reconnecting] attempt 2\n   It begins.\na\n"
    assert captured.out == ""


def test_what_was_heard_is_told_before_the_next_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    narrator = Narrator()
    narrator.hear(event("disconnected", cause="reset by the peer"))
    narrator.hear(event("reconnecting", attempt=2))
    narrator.say("It goes on.")
    assert capsys.readouterr().out.splitlines() == [
        "   [disconnected] reset by the peer",
        "   [reconnecting] attempt 2",
        "   It goes on.",
    ]


@pytest.mark.parametrize(
    ("heard", "told"),
    [
        (event("connected", peer_address="[::1]:5", generation=3), "to [::1]:5, link 3 of"),
        (event("initialized", server=ServerInfo("srv", "1.0")), "srv 1.0 answers"),
        (event("failed", attempt=1, error="no", next_delay=0.25), "attempt 1: no; next attempt in"),
        (event("failed", attempt=9, error="no", next_delay=None), "no further attempt"),
        (event("offline", attempts=6, error="refused"), "after 6 attempts: refused"),
        (event("degraded", reasons=("slow", "lossy")), "slow; lossy"),
        (event("recovered", reasons=()), "all is well"),
    ],
)
def test_every_event_has_its_words(
    capsys: pytest.CaptureFixture[str], heard: ConnectionEvent, told: str
) -> None:
    narrator = Narrator()
    narrator.hear(heard)
    narrator.tell_heard()
    assert f"   [{heard.name}] " in (out := capsys.readouterr().out)
    assert told in out


def test_waiting_tells_all_up_to_the_event(capsys: pytest.CaptureFixture[str]) -> None:
    narrator = Narrator()
    for name in ("reconnecting", "reconnecting", "offline"):
        narrator.hear(event(name, attempt=1, attempts=1, error="refused"))
    narrator.wait_for("reconnecting", Deadline(1000 * MS))
    assert len(capsys.readouterr().out.splitlines()) == 1
    narrator.wait_for("offline", Deadline(1000 * MS))
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_an_event_that_was_told_before_somebody_waits_for_it_counts_in_its_own_step() -> None:
    narrator = Narrator()
    narrator.step("Kill the server")
    narrator.hear(event("disconnected", cause="reset by the peer"))
    narrator.say("It is gone.")
    narrator.wait_for("disconnected", Deadline(0))
    narrator.step("Go on")
    with pytest.raises(TimeoutError, match="announced no 'disconnected' in time"):
        narrator.wait_for("disconnected", Deadline(10 * MS))


def test_waiting_in_vain_ends_in_time() -> None:
    with pytest.raises(TimeoutError, match="announced no 'connected' in time"):
        Narrator().wait_for("connected", Deadline(10 * MS))
