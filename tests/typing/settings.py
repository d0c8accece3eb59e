"""Settings, wherever they come from."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, assert_type

from mcp_sync import BaseClient, ClientConfig, CompareblocksClient, JournalSettings, MCPClient


def bearer() -> Mapping[str, str]:
    return {"Authorization": "Bearer of the moment"}


config = ClientConfig(
    "wss://example.org/mcp",
    reconnect_attempts=3,
    headers=bearer,
    ssl_context=ssl.create_default_context(),
    overflow="drop_oldest",
    subprotocols=("mcp",),
    journal=JournalSettings("queue.db"),
)
ClientConfig(
    stdio=["python", Path("server.py")], cwd=Path("/srv"), journal="q.db", subprotocols="mcp"
)
assert_type(config.request_timeout, float)
assert_type(config.queue_ttl, float | None)
assert_type(config.journal, JournalSettings | None)
assert_type(config.changed(request_timeout=5), ClientConfig)
assert_type(config.as_settings(), dict[str, Any])
assert_type(ClientConfig.from_env({"MCP_SYNC_REQUEST_TIMEOUT": "5"}), ClientConfig)
assert_type(ClientConfig.from_profile(Path("mcp.toml"), "work"), ClientConfig)

assert_type(MCPClient.from_settings(config), MCPClient)
assert_type(MCPClient.from_env(), MCPClient)
assert_type(
    CompareblocksClient.from_profile("mcp.toml", "work", max_replays=0), CompareblocksClient
)
assert_type(MCPClient.from_config(Path("mcp.json"), "notes"), MCPClient)
assert_type(MCPClient(stdio=["python", "server.py"], env={"A": "b"}).config, ClientConfig)


def tune(client: BaseClient) -> ClientConfig:
    return client.configure(request_timeout=60, heartbeat_interval=10)


tune(MCPClient())
tune(CompareblocksClient())
