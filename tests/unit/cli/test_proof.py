from __future__ import annotations

from mcp_sync.cli.proof import Execution, prove
from mcp_sync.embedded import LedgerEntry


def ledger(*executions: tuple[object, int], method: str = "submit_extraction") -> list[LedgerEntry]:
    """A ledger of (key, pid) pairs."""
    return [
        LedgerEntry(sequence, method, key, "digest", "2026-01-01T00:00:00+00:00", pid)
        for sequence, (key, pid) in enumerate(executions, start=1)
    ]


def test_each_key_executed_once_is_proven() -> None:
    proof = prove(ledger(("a", 1), ("b", 2)), ["a", "b"])
    assert proof.faults == ()
    assert proof.executions == (Execution("a", 1, (1,)), Execution("b", 1, (2,)))


def test_a_second_execution_is_a_fault() -> None:
    proof = prove(ledger(("a", 1), ("b", 1), ("a", 2)), ["a", "b"])
    assert proof.faults == ("a was executed 2 times",)
    assert proof.executions[0] == Execution("a", 2, (1, 2))


def test_a_missing_execution_is_a_fault() -> None:
    proof = prove(ledger(("a", 1)), ["a", "b"])
    assert proof.faults == ("b was never executed",)
    assert proof.executions[1] == Execution("b", 0, ())


def test_an_execution_that_nobody_asked_for_is_a_fault() -> None:
    proof = prove(ledger(("a", 1), (None, 1), ("z", 1)), ["a"])
    assert proof.faults == (
        "None was executed and never submitted",
        "z was executed and never submitted",
    )


def test_several_faults_are_all_told() -> None:
    assert len(prove(ledger(("b", 1), ("b", 1)), ["a", "b"]).faults) == 2


def test_an_empty_ledger_proves_nothing() -> None:
    assert prove([], ["a"]).faults == ("a was never executed",)


def test_other_methods_do_not_count() -> None:
    entries = [*ledger(("a", 1)), *ledger(("a", 1), method="tools/call")]
    assert prove(entries, ["a"]).faults == ()
