"""Proves from a server's ledger that each submission was executed exactly once. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import attrs

from mcp_sync.embedded import LedgerEntry

__all__ = ["Execution", "Proof", "prove"]


@attrs.frozen
class Execution:
    """How often the server executed one submission.

    Args:
        key: what the submission was named by.
        count: how often it was executed.
        pids: the processes that did it.
    """

    key: str
    count: int
    pids: tuple[int, ...]


@attrs.frozen
class Proof:
    """What a ledger says.

    Args:
        executions: one for each submission: those that were expected, then any others.
        faults: what does not hold, in words; empty when each was executed exactly once and
            nothing else was.
    """

    executions: tuple[Execution, ...]
    faults: tuple[str, ...]


def prove(ledger: Iterable[LedgerEntry], keys: Sequence[str]) -> Proof:
    """Count the executions of submissions.

    Args:
        ledger: the server's ledger; other methods in it are of no interest.
        keys: the keys of the submissions that were made, each once.

    Returns:
        The counts, and whatever is wrong with them.
    """
    pids: dict[str, list[int]] = {key: [] for key in keys}
    for entry in ledger:
        if entry.method == "submit_extraction":
            key = entry.key if isinstance(entry.key, str) else repr(entry.key)
            pids.setdefault(key, []).append(entry.pid)
    executions = tuple(Execution(key, len(by), tuple(by)) for key, by in pids.items())
    faults = [_fault(one, one.key in keys) for one in executions]
    return Proof(executions, tuple(fault for fault in faults if fault))


def _fault(execution: Execution, expected: bool) -> str:
    if not expected:
        return f"{execution.key} was executed and never submitted"
    if execution.count == 0:
        return f"{execution.key} was never executed"
    if execution.count > 1:
        return f"{execution.key} was executed {execution.count} times"
    return ""
