from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcp_sync.deadline import Deadline
from timing import MS

DEMO = [sys.executable, "-m", "mcp_sync", "demo"]
UNHURRIED = """
import sys
from mcp_sync.cli import demo, main
demo._PROCESSING_DELAY = 2.0
sys.exit(main(["demo"]))
"""
"""The same, with two seconds from the first submission to the end of the first server."""
ENTRY = '{"at":"","digest":"","key":"queued-3","method":"submit_extraction","pid":1,"sequence":2}\n'


class Demo:
    """A demo under way, in a process group of its own as under a terminal."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.out = ""

    def read_to(self, text: str) -> str:
        """Read lines up to one with a text, and return that."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.out += line
            if text in line:
                return line
        raise AssertionError(f"{text!r} is not in {self.out}")

    def finish(self) -> tuple[int, str]:
        """Wait for the end; the exit code and what was said on standard error."""
        rest, err = self.process.communicate(timeout=50)
        self.out += rest
        return self.process.returncode, err

    def servers(self) -> list[int]:
        """The processes that were its servers."""
        return [int(pid) for pid in re.findall(r"Process (\d+) listens", self.out)]


@contextlib.contextmanager
def playing(directory: Path, command: list[str] = DEMO) -> Iterator[Demo]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "TMPDIR": str(directory), "COLUMNS": "100"},
        start_new_session=True,
    )
    with process:
        demo = Demo(process)
        try:
            yield demo
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)


def assert_nothing_is_left(demo: Demo, directory: Path) -> None:
    assert list(directory.iterdir()) == []
    for pid in demo.servers():
        assert not Path(f"/proc/{pid}").exists()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """A demo that was played to its end."""
    directory = tmp_path_factory.mktemp("demo")
    deadline = Deadline(20_000 * MS)
    with playing(directory) as demo:
        code, err = demo.finish()
    assert (code, err) == (0, "")
    assert not deadline.is_over()
    assert_nothing_is_left(demo, directory)
    return demo


def test_the_demo_does_the_main_job_and_leaves_nothing(played: Demo) -> None:
    assert played.out.splitlines()[-1].startswith("All of it holds, after ")


def test_the_demo_is_numbered_plain_text_that_fits_the_terminal(played: Demo) -> None:
    assert re.findall(r"^(\d)\. ", played.out, re.MULTILINE) == list("123456789")
    assert played.out.replace("\n", "").isprintable()
    assert [line for line in played.out.splitlines() if len(line) > 100 and "/" not in line] == []


def test_the_demo_shows_each_thing_it_promises(played: Demo) -> None:
    first, second = played.servers()
    assert first != second
    steps = re.split(r"^\d\. .*$", played.out, flags=re.MULTILINE)
    _, _, connect, submit, consensus, kill, queue, restart, replay, proof = steps
    assert "[initialized] mcp-sync-embedded" in connect
    assert "24 variations by the engines easyocr, pymupdf, tesseract." in submit
    assert "100%  completed" in submit
    title = r"^   title  Tide Gauge 14: Report for the Year +pymupdf +0\.99  "
    assert re.search(title, consensus, re.MULTILINE)
    assert "8 blocks: " in consensus
    assert "[disconnected]" in kill
    for number in range(1, 6):
        assert f"queued-{number}: queued at position {number} of {number}\n" in queue
        assert f"queued-{number}: accepted as session " in replay
        assert re.search(rf"^   queued-{number} +1  {second}$", proof, re.MULTILINE)
    assert "[failed] attempt 1" in queue
    assert "[initialized]" in restart
    assert "All 5 sessions are completed and the queue is empty." in replay
    assert re.search(rf"^   first +1  {first}$", proof, re.MULTILINE)
    assert "Every one of the 5 queued submissions was executed exactly once" in proof


def test_the_demo_fails_when_the_ledger_tells_of_a_second_execution(tmp_path: Path) -> None:
    with playing(tmp_path, [sys.executable, "-c", UNHURRIED]) as demo:
        demo.read_to("Accepted as session")
        # The server reads its ledger only when it starts: the second one will have this entry.
        (ledger,) = tmp_path.glob("*/ledger.ndjson")
        with ledger.open("a", encoding="utf-8") as file:
            file.write(ENTRY)
        code, err = demo.finish()
    assert code == 1
    assert err == (
        "mcp-sync: the demo does not hold, at step \"9. Ask the server's own ledger, over a second"
        ' connection": queued-3 was executed 2 times\n'
    )
    assert "All of it holds" not in demo.out
    assert_nothing_is_left(demo, tmp_path)


def test_the_demo_fails_when_its_server_cannot_start_again(tmp_path: Path) -> None:
    with playing(tmp_path, [sys.executable, "-c", UNHURRIED]) as demo:
        demo.read_to("Accepted as session")
        (ledger,) = tmp_path.glob("*/ledger.ndjson")
        with ledger.open("a", encoding="utf-8") as file:
            file.write("dear diary\n")
        code, err = demo.finish()
    assert code == 1
    said = err.splitlines()[-1]
    assert "the demo does not hold, at step '7. Start the server again, on the same port'" in said
    assert "the server process ended with exit code 2" in said
    assert_nothing_is_left(demo, tmp_path)


@pytest.mark.parametrize(
    ("line", "number", "code"),
    [
        ("1. Start", signal.SIGINT, 130),
        ("10%", signal.SIGINT, 130),
        ("7. Start", signal.SIGINT, 130),
        ("queued-1: accepted", signal.SIGINT, 130),
        ("1. Start", signal.SIGTERM, 143),
        ("6. Submit", signal.SIGTERM, 143),
        ("10%", signal.SIGHUP, 129),
    ],
)
def test_a_signal_ends_the_demo_and_leaves_nothing(
    tmp_path: Path, line: str, number: signal.Signals, code: int
) -> None:
    deadline = Deadline(15000 * MS)
    with playing(tmp_path) as demo:
        demo.read_to(line)
        os.killpg(demo.process.pid, number)
        ended, err = demo.finish()
    assert ended == code
    assert err == ("mcp-sync: interrupted\n" if number == signal.SIGINT else "")
    assert not deadline.is_over()
    assert_nothing_is_left(demo, tmp_path)


def test_an_impatient_second_ctrl_c_leaves_nothing_either(tmp_path: Path) -> None:
    with playing(tmp_path) as demo:
        demo.read_to("10%")
        for _ in range(5):
            os.killpg(demo.process.pid, signal.SIGINT)
        code, err = demo.finish()
    assert (code, err) == (130, "mcp-sync: interrupted\n")
    assert_nothing_is_left(demo, tmp_path)


def test_a_reader_that_goes_away_ends_the_demo_quietly(tmp_path: Path) -> None:
    with playing(tmp_path) as demo:
        demo.read_to("3. Submit")
        assert demo.process.stdout is not None
        demo.process.stdout.close()
        demo.process.wait(15)
        assert demo.process.stderr is not None
        assert demo.process.stderr.read() == ""
    assert demo.process.returncode == 141
    assert_nothing_is_left(demo, tmp_path)
