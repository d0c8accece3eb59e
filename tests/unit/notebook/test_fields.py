"""Values of fields, as a notebook and as one line show them."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_sync import (
    ClientDescription,
    ExtractionResults,
    InitializeResult,
    Prompt,
    PromptArgument,
    Resource,
    ResourceTemplate,
    SessionStatus,
    Submission,
    SystemStatus,
    Tool,
)
from shown import Shown

EVIL = "</td></tr></table><script>alert(1)</script><a href='javascript:x'>"


def shown(value: Any) -> Shown:
    assert "\n" not in repr(value)
    assert len(repr(value)) < 800
    return Shown(value._repr_html_())


def results(decisions: list[dict[str, Any]], **members: Any) -> ExtractionResults:
    wire = {
        "total_blocks": len(decisions),
        "statistics": {"auto_selected": 6, "manual_review": 1, "merged": 1},
        "consensus_decisions": decisions,
    }
    return ExtractionResults.from_wire({**wire, **members})


def test_results_show_their_statistics_and_a_row_for_each_decision() -> None:
    decisions = [{"block_id": f"b{n}", "final_text": "1 < 2", "score": n} for n in range(3)]
    value = results(decisions, metadata={"source": EVIL})
    page = shown(value)
    for piece in ("ExtractionResults", "auto selected", "6", "b2", "1 < 2", "final_text", EVIL):
        assert piece in page.text
    assert "3 objects" in page.text
    assert repr(value) == (
        "ExtractionResults(format='json', total_blocks=3, statistics=Statistics(auto_selected=6, "
        "manual_review=1, merged=1), consensus_decisions=<3 items>, metadata=<1 key>)"
    )


@pytest.mark.parametrize(
    "decisions",
    [
        [{EVIL: EVIL * 100}],
        [{"a": {EVIL: [EVIL]}}, {}, {"b": 1}],
        [{}],
        [{f"k{n}": n for n in range(500)}] * 1000,
    ],
)
def test_decisions_may_be_anything_and_as_many(decisions: list[dict[str, Any]]) -> None:
    value = results(decisions)
    page = shown(value)
    assert len(value._repr_html_()) < 200_000
    assert page.tags.count("th") < 50
    assert ("and 900 more" in page.text) is (len(decisions) == 1000)


def test_a_status_is_a_word_with_a_mark() -> None:
    done = SessionStatus.from_wire({"session_id": EVIL, "status": "completed"}, "get_status")
    failed = SessionStatus.from_wire(
        {"session_id": "s", "status": "error", "error": EVIL * 1000}, "get_status"
    )
    assert 'class="ms-good"' in done._repr_html_()
    assert 'class="ms-bad"' in failed._repr_html_()
    assert EVIL in shown(failed).text
    assert EVIL in shown(done).text
    assert repr(done).endswith(", status='completed')")
    running = SystemStatus.from_wire({"system_status": "operational"}, "get_status")
    assert "operational" in shown(running).text


def test_what_was_not_said_is_not_shown() -> None:
    wire = {"session_id": "s", "status": "accepted"}
    value = Submission.from_wire(wire, "submit_extraction")
    assert repr(value) == "Submission(session_id='s', status='accepted')"
    assert "message" not in shown(value).text


def test_a_session_and_a_client_tell_of_the_server() -> None:
    wire = {
        "protocolVersion": "2025-11-25",
        "capabilities": {"tools": {}, EVIL: {}},
        "serverInfo": {"name": EVIL * 50, "version": "1"},
    }
    session = InitializeResult.from_wire(wire)
    page = shown(session)
    for piece in ("protocol version", "2025-11-25", "tools", "server info"):
        assert piece in page.text
    client = ClientDescription(
        name="me", version="1", dialect="mcp", server_url="ws://x/", server=session.server_info
    )
    assert "ws://x/" in shown(client).text
    assert "instructions" not in page.text
    assert "none" in shown(InitializeResult.from_wire({})).text


def test_one_tool_resource_or_prompt_alone_is_shown_too() -> None:
    schema = {"properties": {f"p{n}": {"title": EVIL} for n in range(500)}}
    tool = Tool("echo", schema, description=EVIL * 100, meta={"a": EVIL})
    assert "input schema" in shown(tool).text
    assert repr(Tool("echo", {})) == "Tool(name='echo', input_schema=<0 keys>)"
    assert "file:///a" in shown(Resource("file:///a", EVIL)).text
    assert "file:///{a}" in shown(ResourceTemplate("file:///{a}", EVIL)).text
    page = shown(Prompt("review", arguments=(PromptArgument(EVIL),)))
    assert "PromptArgument(name=" in page.text
    assert "<script>" in page.text
