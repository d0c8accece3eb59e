"""Celery tasks that share one client in each worker process, and are repeated by one side alone."""

from __future__ import annotations

import os
from typing import Any

from celery import Celery

from mcp_sync import MCPClient, MCPConnectionLost, MCPOfflineError

app = Celery("tasks", broker=os.environ["BROKER"], backend=os.environ["RESULTS"])

# Made once, from MCP_SYNC_SERVER_URL; every process of the pool has a connection of its own, made
# with its first task.
client = MCPClient.from_env(reconnect_attempts=1, reconnect_delay=0.2)


@app.task(bind=True, max_retries=20, default_retry_delay=1)
def echo(self: Any, text: str) -> str:
    """Call a tool; try again later where that can do no harm."""
    try:
        return client.call_tool("echo", {"text": text, "key": text}, offline="raise").text
    except MCPOfflineError as error:  # nothing was sent
        raise self.retry(exc=error) from error
    except MCPConnectionLost as error:
        if error.maybe_executed:
            raise  # look at the server first: it may have been done
        raise self.retry(exc=error) from error
