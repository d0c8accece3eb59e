"""The bar of ``progress=True``: drawn of real reports, beside the caller's own handler."""

from __future__ import annotations

import contextvars
import io
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from mcp_sync import MCPClient, MCPTimeoutError
from mcp_sync.features.progress_bar import ProgressBar
from peers_tools import tools_command
from timing import MS


@pytest.fixture
def client() -> Iterator[MCPClient]:
    with MCPClient(stdio=tools_command(), protocol_version="2025-11-25") as client:
        yield client


def test_a_bar_shows_the_reports_and_the_callers_handler_has_them_too(
    client: MCPClient, capsys: pytest.CaptureFixture[str]
) -> None:
    reports: list[tuple[float, float | None, str | None]] = []
    result = client.call_tool(
        "count",
        {"steps": 3},
        progress=True,
        on_progress=lambda *report: reports.append(report),
    )
    assert result.text == "count"
    assert reports[-1] == (3, 3, "step\n3")
    drawn = capsys.readouterr().err
    assert "count: 100%" in drawn
    assert "3/3" in drawn
    assert "step\\n3" in drawn


def test_a_bar_alone_asks_for_reports_too(
    client: MCPClient, capsys: pytest.CaptureFixture[str]
) -> None:
    client.call_tool("count", {"steps": 2}, progress=True)
    assert "2/2" in capsys.readouterr().err


def test_a_bar_ends_with_its_call_however_that_ends(
    client: MCPClient, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(MCPTimeoutError):
        client.call_tool("wait", progress=True, timeout=50 * MS)
    assert capsys.readouterr().err.endswith("\n")


def test_a_bar_starts_no_thread_of_its_own(client: MCPClient) -> None:
    client.call_tool("count", {"steps": 1}, progress=True)
    assert [thread.name for thread in threading.enumerate() if "mcp-" not in thread.name] == [
        "MainThread"
    ]


def test_a_report_after_the_end_is_told_and_not_drawn(capsys: pytest.CaptureFixture[str]) -> None:
    told: list[float] = []
    bar = ProgressBar("late", lambda progress, total, message: told.append(progress))
    bar(1, None, None)
    bar.close()
    capsys.readouterr()
    bar(2, None, None)
    assert told == [1, 2]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("total", [None, 0.5, -1.0])
def test_a_total_that_cannot_be_is_none(
    total: float | None, capsys: pytest.CaptureFixture[str]
) -> None:
    bar = ProgressBar("odd\x1b[2J" + "x" * 1000)
    bar(1, total, None)
    bar.close()
    drawn = capsys.readouterr().err
    assert "1it" in drawn
    assert "\x1b[2J" not in drawn
    assert "(1007 characters)" in drawn


def test_it_is_drawn_in_the_context_of_the_call() -> None:
    place: contextvars.ContextVar[str] = contextvars.ContextVar("place", default="elsewhere")

    places: set[str] = set()

    class Screen(io.StringIO):
        def write(self, text: str) -> int:
            places.add(place.get())
            return super().write(text)

    old, sys.stderr = sys.stderr, Screen()
    try:
        place.set("cell")
        bar = ProgressBar("here")
        thread = threading.Thread(target=bar, args=(1, 2, "half"))
        thread.start()
        thread.join()
        bar.close()
    finally:
        sys.stderr = old
    assert places == {"cell"}


def test_without_tqdm_an_error_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['tqdm'] = None\n"
        "from mcp_sync import MCPClient, MCPConfigurationError\n"
        "try: MCPClient().call_tool('echo', progress=True)\n"
        "except MCPConfigurationError as error: print(error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert "pip install 'mcp_sync[notebook]'" in run.stdout
