"""A client made before the workers are forked works in each of them: gunicorn and Celery."""

from __future__ import annotations

import http.client
import json
import socket
import sys
from pathlib import Path

from processes import PATIENCE_S, run_script, running

from mcp_sync.embedded import ServerProcess
from reliability.figures import record

REQUESTS = 40

WEB_APPLICATION = """
import json, os
from mcp_sync import MCPClient

client = MCPClient({url!r})
client.connect()
client.initialize()
parent = os.getpid()

def application(environ, start_response):
    text = environ["QUERY_STRING"]
    result = client.request("tools/call", {{"name": "echo", "arguments": {{"text": text}}}})
    body = {{"text": result["content"][0]["text"], "pid": os.getpid(), "parent": parent}}
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps(body).encode()]
"""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_gunicorn_workers_forked_after_the_client_connected_all_answer(tmp_path: Path) -> None:
    port = free_port()
    with ServerProcess() as server:
        (tmp_path / "web.py").write_text(WEB_APPLICATION.format(url=server.url))
        gunicorn = (
            *(sys.executable, "-m", "gunicorn", "web:application", "--preload"),
            *("--workers", "3", "--threads", "4", "--worker-class", "gthread"),
            *("--bind", f"127.0.0.1:{port}", "--no-control-socket"),
        )
        with running(*gunicorn, cwd=tmp_path) as process:
            wait_for_line(process, "Booting worker", 3)
            answers = [ask(port, f"request-{number}") for number in range(REQUESTS)]
    assert [answer["text"] for answer in answers] == [f"request-{n}" for n in range(REQUESTS)]
    workers = {answer["pid"] for answer in answers}
    assert answers[0]["parent"] not in workers
    record(
        "11 fork gunicorn",
        promise="A client that connected before the workers were forked works in each of them",
        fault="gunicorn `--preload`, 3 workers of 4 threads, the client connected in the parent",
        rounds=REQUESTS,
        measured=f"{REQUESTS} of {REQUESTS} requests answered by {len(workers)} workers",
    )


def wait_for_line(process: object, text: str, count: int) -> None:
    """Read the output of a process until a text was printed so often."""
    for line in process.stdout:  # type: ignore[attr-defined]
        count -= text in line
        if count <= 0:
            return
    raise AssertionError(f"{text!r} was not printed")


def ask(port: int, text: str) -> dict[str, object]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE_S)
    try:
        connection.request("GET", f"/?{text}")
        answer: dict[str, object] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()


TASKS = """
import os
from celery import Celery
from mcp_sync import MCPClient

client = MCPClient({url!r})
client.connect()
client.initialize()
parent = os.getpid()

folder = {folder!r}
app = Celery("tasks", broker="filesystem://", backend="file://" + folder + "/results")
app.conf.broker_transport_options = {{
    "data_folder_in": folder + "/queue",
    "data_folder_out": folder + "/queue",
    "control_folder": folder + "/control",
}}

@app.task
def echo(text):
    result = client.request("tools/call", {{"name": "echo", "arguments": {{"text": text}}}})
    return [result["content"][0]["text"], os.getpid(), parent]
"""

SENDER = """
import os, sys
os.chdir(sys.argv[1])
sys.path.insert(0, sys.argv[1])
import warnings
warnings.simplefilter("ignore")
from tasks import client, echo
pending = [echo.delay(f"task-{number}") for number in range(20)]
answers = [result.get(timeout=25) for result in pending]
assert [answer[0] for answer in answers] == [f"task-{number}" for number in range(20)]
assert all(answer[1] != answer[2] for answer in answers), "a task ran in the parent"
client.close()
print("twenty tasks")
"""


def test_celery_prefork_workers_forked_after_the_client_connected_run_every_task(
    tmp_path: Path,
) -> None:
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    with ServerProcess() as server:
        (tmp_path / "tasks.py").write_text(TASKS.format(url=server.url, folder=str(tmp_path)))
        worker = (
            *(sys.executable, "-m", "celery", "--app", "tasks", "worker"),
            *("--pool", "prefork", "--concurrency", "2", "--loglevel", "info"),
            *("--without-gossip", "--without-mingle"),
        )
        with running(*worker, cwd=tmp_path) as process:
            wait_for_line(process, "ready", 1)
            assert run_script(SENDER, tmp_path) == "twenty tasks\n"
    record(
        "11 fork Celery",
        promise="The same under Celery",
        fault="a Celery worker, `--pool prefork --concurrency 2`, the client connected in the "
        "parent",
        rounds=20,
        measured="20 of 20 tasks answered, none in the parent",
    )
