"""`python -m tests.mutants [NUMBER ...]`: put each known fault back, and see its test fail.

Each fault goes into a copy of the package of its own, which stands first on the path of the tests;
the checkout is never touched. Exits 0 only if every test passes on a copy without a fault and
fails on the copy with its own.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import mcp_sync

from .faults import FAULTS, Fault

PROJECT = Path(__file__).resolve().parents[2]
TESTS = PROJECT / "tests" / "integration" / "test_predecessor_faults.py"
TEST_SECONDS = 15
"""For one test; with its fault it may hang, and fails then."""
RUN_SECONDS = 120.0
"""For one run of pytest, which has the tests of one fault, or all."""

PASSED, FAILED = 0, 1
"""What pytest exits with when tests ran; anything else says that they did not."""


class BrokenRun(Exception):
    """The runner has nothing to say about a fault: a change does not apply, or no test ran."""


class Outcome(NamedTuple):
    """What came of one run of pytest."""

    failed: list[str]
    """The failed tests with their reasons; empty when all passed."""
    seconds: float


def main(arguments: Sequence[str] | None = None) -> int:
    """Run, and print what was caught; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    numbers = [fault.number for fault in FAULTS]
    parser.add_argument("number", type=int, nargs="*", help="these faults alone", default=numbers)
    wanted = parser.parse_args(arguments).number
    faults = [fault for fault in FAULTS if fault.number in wanted]
    try:
        with package_copy() as home:
            check_import(home)
            baseline = run_tests(home, "test_fault_")
        if baseline.failed:
            raise BrokenRun("without any fault: " + "; ".join(baseline.failed))
        print(f"without any fault all tests pass ({baseline.seconds:.1f} s)\n")
        survivors = [fault for fault in faults if not is_caught(fault)]
    except BrokenRun as broken:
        print(f"\nerror: {broken}", file=sys.stderr)
        return 2
    print(f"\n{len(faults) - len(survivors)} of {len(faults)} faults are caught")
    return 1 if survivors or not faults else 0


def is_caught(fault: Fault) -> bool:
    """Run the test of a fault with the fault in place, and print a row about it."""
    with package_copy() as home:
        apply(fault, home)
        outcome = run_tests(home, fault.prefix)
    verdict = "caught" if outcome.failed else "SURVIVED"
    print(f"{fault.number:2}  {verdict:8} {outcome.seconds:5.1f} s  {fault.sentence}")
    for line in outcome.failed[:1]:
        print(f"                       {line[:160]}", flush=True)
    return bool(outcome.failed)


@contextlib.contextmanager
def package_copy() -> Iterator[Path]:
    """A directory that holds a copy of the package and nothing else."""
    with tempfile.TemporaryDirectory(prefix="mcp-sync-mutant-") as name:
        package = Path(mcp_sync.__file__).parent
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(package, Path(name, "mcp_sync"), ignore=ignored)
        yield Path(name)


def apply(fault: Fault, home: Path) -> None:
    """Change the copy in a directory."""
    for change in fault.changes:
        path = home / "mcp_sync" / change.file
        text = path.read_text(encoding="utf-8")
        if text.count(change.old) != 1:
            found = f"{text.count(change.old)} times in {change.file}"
            raise BrokenRun(f"the change of fault {fault.number} is {found}: {change.old!r}")
        changed = text.replace(change.old, change.new)
        compile(changed, change.file, "exec")
        path.write_text(changed, encoding="utf-8")


def check_import(home: Path) -> None:
    """See that the tests would import the copy and no other package."""
    command = [sys.executable, "-c", "import mcp_sync; print(mcp_sync.__file__)"]
    run = subprocess.run(
        command, env=environment(home), cwd=PROJECT, capture_output=True, text=True, check=True
    )
    if home.resolve() not in Path(run.stdout.strip()).resolve().parents:
        raise BrokenRun(f"the tests would import {run.stdout.strip()} instead of the copy")


def environment(home: Path) -> dict[str, str]:
    """What makes the tests, and the processes they start, import the copy."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return {**kept, "PYTHONPATH": str(home), "PYTHONSAFEPATH": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def run_tests(home: Path, prefix: str) -> Outcome:
    """Run the tests whose names begin so on the copy in a directory."""
    options = ["-q", "-rf", "--tb=no", "-p", "no:cacheprovider", f"--timeout={TEST_SECONDS}"]
    command = [sys.executable, "-m", "pytest", *options, "-k", prefix, str(TESTS)]
    began = time.monotonic()
    child = subprocess.Popen(
        command,
        env=environment(home) | {"COLUMNS": "300"},
        cwd=PROJECT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        output, _ = child.communicate(timeout=RUN_SECONDS)
    except subprocess.TimeoutExpired:
        output = ""
    finally:
        with contextlib.suppress(ProcessLookupError):  # no server of a test may be left over
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    failed = [line for line in output.splitlines() if line.startswith("FAILED ")]
    reasons = [line.removeprefix("FAILED ").rpartition("::")[2] for line in failed]
    if child.returncode != (FAILED if failed else PASSED):
        raise BrokenRun(f"pytest -k {prefix} exited with {child.returncode}:\n{output}")
    return Outcome(reasons, time.monotonic() - began)


if __name__ == "__main__":
    sys.exit(main())
