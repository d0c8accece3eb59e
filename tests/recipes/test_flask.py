"""docs/recipes/flask_app.py under gunicorn: one worker of threads, and several that are forked."""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from processes import PATIENCE_S, running

from house import PROJECT
from mcp_sync.embedded import ServerProcess

RECIPES = PROJECT / "docs/recipes"
REQUESTS = 60
THREADS = ("--worker-class", "gthread", "--workers", "1", "--threads", "8")
LISTENING = re.compile(r"Listening at: http://127\.0\.0\.1:(\d+)")


def ask(port: int, path: str) -> tuple[int, dict[str, Any]]:
    with contextlib.closing(
        http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    ) as connection:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, json.loads(response.read())


@contextlib.contextmanager
def application(url: str, *options: str, request_timeout: float = PATIENCE_S) -> Iterator[int]:
    """The recipe under gunicorn; its port, once it listens."""
    command = (
        *("env", f"MCP_SYNC_SERVER_URL={url}", f"MCP_SYNC_REQUEST_TIMEOUT={request_timeout}"),
        *(sys.executable, "-m", "gunicorn", "flask_app:app", "--bind", "127.0.0.1:0"),
        *("--no-control-socket", "--worker-tmp-dir", "/dev/shm", *options),
    )
    with running(*command, cwd=RECIPES) as process:
        assert process.stdout is not None
        yield next(int(found[1]) for found in map(LISTENING.search, process.stdout) if found)


@pytest.mark.parametrize("preload", [("--preload",), ()], ids=["preloaded", "not preloaded"])
@pytest.mark.parametrize(
    "workers",
    [
        THREADS,
        ("--worker-class", "gthread", "--workers", "3", "--threads", "2"),
        ("--worker-class", "sync", "--workers", "3"),
        ("--worker-class", "gevent", "--workers", "2"),
    ],
    ids=["gthread", "prefork of gthread", "prefork", "gevent"],
)
def test_every_request_is_answered(workers: tuple[str, ...], preload: tuple[str, ...]) -> None:
    with (
        ServerProcess() as server,
        application(server.url, *workers, *preload) as port,
        ThreadPoolExecutor(8) as browsers,
    ):
        paths = [f"/echo/request-{number}" for number in range(REQUESTS)]
        answers = list(browsers.map(lambda path: ask(port, path), paths))
        status, health = ask(port, "/health")
    assert {status for status, _ in answers} == {200}
    assert ["/echo/" + answer["text"] for _, answer in answers] == paths
    assert (status, health["status"]) == (200, "healthy")


def test_a_worker_that_has_not_called_yet_is_well() -> None:
    with ServerProcess() as server, application(server.url, *THREADS) as port:
        status, health = ask(port, "/health")
    assert (status, health["status"]) == (200, "healthy")


def test_a_request_rides_out_a_restart_of_the_server() -> None:
    with (
        ServerProcess() as server,
        application(server.url, *THREADS) as port,
        ThreadPoolExecutor(1) as browser,
    ):
        assert ask(port, "/echo/before")[0] == 200
        server.kill()
        meanwhile = browser.submit(ask, port, "/echo/meanwhile")
        server.restart()
        status, answer = meanwhile.result(PATIENCE_S)
    assert (status, answer["text"]) == (200, "meanwhile")


def test_while_the_server_stays_away_requests_are_told_so() -> None:
    with (
        ServerProcess() as server,
        application(server.url, *THREADS, request_timeout=0.5) as port,
    ):
        assert ask(port, "/echo/before")[0] == 200
        server.kill()
        status, answer = ask(port, "/echo/meanwhile")
        assert (status, "error" in answer) == (503, True)
        assert ask(port, "/health")[0] == 503
