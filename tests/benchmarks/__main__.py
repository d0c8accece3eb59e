"""`python -m tests.benchmarks [ROW ...]`: measure mcp_sync beside its peers, by turns.

Prints each figure with its goal. With --record they go into figures.json and
docs/performance.md; the exit code tells only whether the run itself came to its end, because a
goal that is missed is a fact to be read, not a broken run.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from . import rows, rows_cost
from .figures import measured, record, row
from .fleet import Fleet
from .parts import Part

SOAK: Final = 1_000_000

ROWS: Final[dict[str, Callable[[Fleet], list[Part]]]] = {
    "sequential": rows.sequential,
    "system-calls": rows_cost.system_calls,
    "threads": rows.threads,
    "big": rows.big,
    "beside-cpu": rows.beside_cpu,
    "draining": rows_cost.draining,
    "memory": rows_cost.memory,
    "imports": rows_cost.imports,
    "start": rows_cost.start,
    "notifications": rows_cost.notifications,
    "growth": rows_cost.growth,
}
"""Every row by its name, in the order of measuring."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and put down what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("row", nargs="*", help=f"these alone, of {', '.join(ROWS)}", default=[])
    parser.add_argument("--rounds", type=int, default=11, help="of the most precise rows")
    parser.add_argument("--soak", type=int, default=SOAK, help="calls of the growth of memory")
    parser.add_argument("--json", type=Path, help="write the figures of this run here, too")
    parser.add_argument("--record", action="store_true", help="put the figures on the page")
    asked = parser.parse_args(arguments)
    unknown = sorted({*asked.row} - {*ROWS})
    if unknown:
        parser.error(f"no such row: {', '.join(unknown)}; there are {', '.join(ROWS)}")
    found = measure(asked.row or list(ROWS), asked.rounds, asked.soak)
    if asked.json:
        text = json.dumps(found, indent=2, ensure_ascii=False)
        asked.json.write_text(text + "\n", encoding="utf-8")
    if asked.record:
        record(found)
    return 0


def measure(names: Sequence[str], rounds: int, soak: int) -> dict[str, dict[str, Any]]:
    """The rows of these names; each is printed when it is there."""
    found = {}
    with Fleet(rounds) as fleet:
        for name in names:
            begin = time.monotonic()
            load = os.getloadavg()[0]
            run = partial(ROWS[name], soak=soak) if name == "memory" else ROWS[name]
            options = f" --rounds {rounds}" + (f" --soak {soak}" if name == "memory" else "")
            command = f"python -m tests.benchmarks {name}{options}"
            found[name] = row(run(fleet), command, load)
            print(f"\n{name} ({time.monotonic() - begin:.0f} s)")
            for part in found[name]["parts"]:
                verdict = "met" if part["met"] else "NOT met"
                print(f"  {part['measure']}: {measured(part)}; goal {part['goal']}: {verdict}")
            sys.stdout.flush()
        for peer, why in fleet.missing.items():
            print(f"missing: {peer}: {why}")
    return found


if __name__ == "__main__":
    sys.exit(main())
