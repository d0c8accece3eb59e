"""docs/recipes/celery_tasks.py in prefork workers: a task waits for a server that is away.

That a client may be connected before the fork is proved in tests/reliability/test_prefork.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from processes import PATIENCE_S, running

from house import PROJECT
from mcp_sync.embedded import ServerProcess

WORKER = """
from celery_tasks import app, echo

app.conf.broker_transport_options = {{
    "data_folder_in": "{folder}/queue",
    "data_folder_out": "{folder}/queue",
    "control_folder": "{folder}/control",
}}
"""

SENDER = """
import sys
import worker
pending = [worker.echo.delay(f"task-{number}") for number in range(int(sys.argv[1]))]
print("sent", flush=True)
print([result.get(timeout=25) for result in pending])
"""


def test_tasks_are_done_by_workers_once_the_server_is_back(tmp_path: Path) -> None:
    for name in ("queue", "control", "results"):
        (tmp_path / name).mkdir()
    (tmp_path / "worker.py").write_text(WORKER.format(folder=tmp_path))
    with ServerProcess(ledger_path=tmp_path / "ledger") as server:
        environment = {
            "MCP_SYNC_SERVER_URL": server.url,
            "BROKER": "filesystem://",
            "RESULTS": f"file://{tmp_path}/results",
            "PYTHONPATH": f"{tmp_path}:{PROJECT / 'docs/recipes'}",
        }
        worker = (
            *("env", *(f"{name}={value}" for name, value in environment.items())),
            *(sys.executable, "-m", "celery", "--app", "worker", "worker", "--loglevel", "info"),
            *("--pool", "prefork", "--concurrency", "2", "--without-gossip", "--without-mingle"),
        )
        server.kill()
        with running(*worker, cwd=tmp_path) as process:
            assert process.stdout is not None
            sender = subprocess.Popen(
                [sys.executable, "-c", SENDER, "6"],
                env={**os.environ, **environment},
                stdout=subprocess.PIPE,
                text=True,
            )
            # Six tasks are told that the server is away, and put off.
            put_off = (line for line in process.stdout if "Retry in" in line)
            for _ in range(6):
                next(put_off)
            server.restart()
            printed, _ = sender.communicate(timeout=PATIENCE_S)
    done = [json.loads(line) for line in (tmp_path / "ledger").read_text().splitlines()]
    assert printed == f"sent\n{[f'task-{number}' for number in range(6)]}\n"
    assert sorted(entry["key"] for entry in done) == [f"task-{number}" for number in range(6)]
