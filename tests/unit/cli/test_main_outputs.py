"""What becomes of a command whose output cannot be written, or not as it is."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from mcp_sync.embedded import EmbeddedServer

COMMAND = [sys.executable, "-m", "mcp_sync"]


def run_into(
    output: IO[bytes], *arguments: str, complaints: IO[bytes] | int = subprocess.PIPE
) -> subprocess.CompletedProcess[bytes]:
    # Unbuffered, the parser itself would swallow the error.
    environment = {**os.environ, "PYTHONUNBUFFERED": ""}
    return subprocess.run(
        [*COMMAND, *arguments],
        stdout=output,
        stderr=complaints,
        env=environment,
        timeout=30,
        check=False,
    )


@pytest.fixture
def closed_pipe() -> Iterator[IO[bytes]]:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "wb") as pipe:
        yield pipe


@pytest.mark.parametrize("arguments", [["--help"], ["compareblocks", "results", "--help"]])
def test_a_closed_pipe_ends_the_help_quietly(closed_pipe: IO[bytes], arguments: list[str]) -> None:
    done = run_into(closed_pipe, *arguments)
    assert (done.returncode, done.stderr) == (141, b"")


def test_a_closed_pipe_ends_a_command_quietly(
    closed_pipe: IO[bytes], server: EmbeddedServer
) -> None:
    done = run_into(closed_pipe, "compareblocks", "status", "--url", server.url)
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.fixture
def full_disk() -> Iterator[IO[bytes]]:
    with Path("/dev/full").open("wb") as file:
        yield file


@pytest.mark.parametrize(
    "arguments",
    [["tools"], ["health"], ["ping", "-c", "2", "-i", "0.01"], ["watch", "-c", "1", "-i", "0.01"]],
    ids=lambda arguments: str(arguments[0]),
)
def test_a_full_disk_is_a_failure_in_one_sentence(
    full_disk: IO[bytes], server: EmbeddedServer, arguments: list[str]
) -> None:
    done = run_into(full_disk, *arguments, "--url", server.url)
    assert done.returncode == 1
    assert done.stderr == b"mcp-sync: cannot write the output: No space left on device\n"


def test_a_full_disk_is_a_failure_of_the_help_too(full_disk: IO[bytes]) -> None:
    done = run_into(full_disk, "--help")
    assert done.returncode == 1
    assert done.stderr == b"mcp-sync: cannot write the output: No space left on device\n"


def test_complaints_that_cannot_be_written_change_no_exit_code(
    full_disk: IO[bytes], dead_url: str
) -> None:
    done = run_into(full_disk, "tools", "--url", dead_url, complaints=full_disk)
    assert done.returncode == 3


def test_output_that_the_terminal_cannot_show_is_escaped(server: EmbeddedServer) -> None:
    done = subprocess.run(
        [*COMMAND, "compareblocks", "status", "für wen", "--url", server.url],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
        timeout=30,
        check=False,
    )
    assert done.returncode == 1
    assert rb"Session not found: f\xfcr wen" in done.stderr
