from __future__ import annotations

import io
import logging
import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from mcp_sync.log_setup import EnvironmentHandler, set_up_logging
from scenes import nobody_listening

LINE = re.compile(r"\d\d:\d\d:\d\d\.\d{3} DEBUG   MainThread mcp_sync\.some_room: news\n")


@pytest.fixture(autouse=True)
def logger() -> Iterator[logging.Logger]:
    logger = logging.getLogger("mcp_sync")
    before = logger.level, logger.handlers[:]
    yield logger
    logger.setLevel(before[0])
    logger.handlers[:] = before[1]


@pytest.mark.parametrize("text", ["debug", " DEBUG "])
def test_the_log_goes_to_standard_error_with_time_level_thread_and_logger(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    set_up_logging({"MCP_SYNC_LOG": text})
    logging.getLogger("mcp_sync.some_room").debug("news")
    assert LINE.fullmatch(capsys.readouterr().err)


def test_what_is_below_the_level_is_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging({"MCP_SYNC_LOG": "warning"})
    logging.getLogger("mcp_sync.some_room").info("news")
    assert capsys.readouterr().err == ""


def test_a_second_time_changes_the_level_alone(logger: logging.Logger) -> None:
    set_up_logging({"MCP_SYNC_LOG": "debug"})
    set_up_logging({"MCP_SYNC_LOG": "error"})
    assert logger.level == logging.ERROR
    assert sum(isinstance(one, EnvironmentHandler) for one in logger.handlers) == 1


@pytest.mark.parametrize("environ", [{}, {"MCP_SYNC_LOG": ""}, {"MCP_SYNC_LOG": " "}])
def test_without_the_variable_nothing_is_configured(
    environ: dict[str, str], logger: logging.Logger
) -> None:
    before = logger.level, logger.handlers[:]
    set_up_logging(environ)
    assert (logger.level, logger.handlers) == before


def test_a_bad_level_gives_one_warning_and_configures_nothing(
    caplog: pytest.LogCaptureFixture, logger: logging.Logger
) -> None:
    before = logger.handlers[:]
    set_up_logging({"MCP_SYNC_LOG": "loud" * 50})
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.message.startswith("MCP_SYNC_LOG='loudloud")
    assert record.message.endswith(
        "is no level; the levels are debug, info, warning, error, critical"
    )
    assert len(record.message) < 150
    assert logger.handlers == before


def test_the_stream_is_what_standard_error_is_now(monkeypatch: pytest.MonkeyPatch) -> None:
    set_up_logging({"MCP_SYNC_LOG": "info"})
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    logging.getLogger("mcp_sync").info("seen")
    monkeypatch.setattr(sys, "stderr", None)
    logging.getLogger("mcp_sync").info("nobody sees it")
    assert stream.getvalue().endswith("mcp_sync: seen\n")


@pytest.mark.parametrize(
    ("level", "said"),
    [
        ("debug", r"^[\d:.]{12} WARNING mcp-reader mcp_sync\.connection: offline "),
        ("loud", r"^MCP_SYNC_LOG='loud' is no level; "),
    ],
)
def test_any_program_that_imports_the_library_shows_its_log(level: str, said: str) -> None:
    program = (
        "import sys, mcp_sync\n"
        "client = mcp_sync.MCPClient(sys.argv[1], reconnect_attempts=0)\n"
        "print(client.connect())\n"
        "client.close()\n"
    )
    with nobody_listening() as url:
        run = subprocess.run(
            [sys.executable, "-c", program, url],
            capture_output=True,
            text=True,
            env={**os.environ, "MCP_SYNC_LOG": level},
            timeout=30,
            check=True,
        )
    assert run.stdout == "False\n"
    assert re.search(said, run.stderr, re.MULTILINE)
    assert "Traceback" not in run.stderr
