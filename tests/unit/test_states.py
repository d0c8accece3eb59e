"""The table of states, against an independent copy of the design's."""

from __future__ import annotations

import itertools
import re

import pytest

from house import PROJECT
from mcp_sync.states import TRANSITIONS, ConnectionState, IllegalTransition, Trigger, next_state

DESIGN = """
| state | OPEN | DIALED | READY | FAIL | RETRY | LOST | GIVE_UP | CLOSE |
| DISCONNECTED | CONNECTING | | | | | | | DISCONNECTED |
| CONNECTING | | CONNECTED | | FAILED | | | | DISCONNECTED |
| CONNECTED | | | INITIALIZED | FAILED | | RECONNECTING | | DISCONNECTED |
| INITIALIZED | | | | | | RECONNECTING | | DISCONNECTED |
| RECONNECTING | | CONNECTED | | FAILED | | | | DISCONNECTED |
| FAILED | CONNECTING | | | | RECONNECTING | | OFFLINE | DISCONNECTED |
| OFFLINE | CONNECTING | CONNECTED | | FAILED | | | | DISCONNECTED |
"""


def designed() -> dict[tuple[str, str], str]:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in DESIGN.split("\n")[1:-1]]
    triggers = lines[0][1:]
    return {
        (row[0], trigger): target
        for row in lines[1:]
        for trigger, target in zip(triggers, row[1:], strict=True)
    }


PAIRS = list(itertools.product(ConnectionState, Trigger))


def name_of(value: ConnectionState | Trigger) -> str:
    return value.name


def test_the_designed_table_names_every_state_and_every_trigger() -> None:
    assert set(designed()) == {(state.name, trigger.name) for state, trigger in PAIRS}


@pytest.mark.parametrize(("state", "trigger"), PAIRS, ids=name_of)
def test_a_trigger_leads_where_the_design_says_or_nowhere(
    state: ConnectionState, trigger: Trigger
) -> None:
    target = designed()[state.name, trigger.name]
    if target:
        assert next_state(state, trigger) is ConnectionState[target]
    else:
        with pytest.raises(IllegalTransition) as caught:
            next_state(state, trigger)
        assert str(caught.value) == f"{trigger.name} is not legal in {state.name}"


def test_an_illegal_transition_is_a_fault_of_the_package_and_no_error_of_a_user() -> None:
    assert IllegalTransition.__bases__ == (RuntimeError,)


def test_nobody_can_change_the_table() -> None:
    with pytest.raises(TypeError, match="does not support item assignment"):
        TRANSITIONS[ConnectionState.FAILED] = {}  # type: ignore[index]
    with pytest.raises(TypeError, match="does not support item assignment"):
        TRANSITIONS[ConnectionState.FAILED][Trigger.READY] = ConnectionState.OFFLINE  # type: ignore[index]


def test_a_state_compares_equal_to_its_lower_case_name_and_prints_as_it() -> None:
    for state in ConnectionState:
        assert state == state.name.lower()
        assert f"{state}" == state.name.lower()


def test_every_state_can_be_reached_and_left_and_closed() -> None:
    reached = {ConnectionState.DISCONNECTED}
    while True:
        more = {target for state in reached for target in TRANSITIONS[state].values()} - reached
        if not more:
            break
        reached |= more
    assert reached == set(ConnectionState)
    for state in ConnectionState:
        assert set(TRANSITIONS[state].values()) - {state}
        assert next_state(state, Trigger.CLOSE) is ConnectionState.DISCONNECTED


def test_the_page_on_states_explains_every_trigger_in_the_order_of_the_table() -> None:
    page = (PROJECT / "docs" / "states.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| ([A-Z_]+) \| \S", page, re.MULTILINE) == [one.name for one in Trigger]
    assert "```{state-table}\n```" in page
