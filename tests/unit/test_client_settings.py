"""Clients made from the environment and from profiles keep their own kind's defaults."""

from __future__ import annotations

from pathlib import Path

from mcp_sync import CompareblocksClient, MCPClient


def test_a_compareblocks_client_from_the_environment_keeps_its_patience() -> None:
    client = CompareblocksClient.from_env({"MCP_SYNC_SERVER_URL": "ws://127.0.0.1:1"})
    assert client.config.server_url == "ws://127.0.0.1:1"
    assert (client.config.request_timeout, client.config.heartbeat_timeout) == (180.0, 120.0)


def test_a_variable_wins_over_the_kinds_default_and_an_argument_over_the_variable() -> None:
    environ = {"MCP_SYNC_REQUEST_TIMEOUT": "7", "MCP_SYNC_MAX_REPLAYS": "1"}
    client = CompareblocksClient.from_env(environ, max_replays=0)
    assert (client.config.request_timeout, client.config.max_replays) == (7.0, 0)


def test_a_client_from_a_profile_keeps_what_the_profile_does_not_name(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text('[profiles.lab]\nserver_url = "ws://127.0.0.1:2"\nqueue_ttl = 60\n')
    client = MCPClient.from_profile(file, "lab")
    assert (client.config.queue_ttl, client.config.request_timeout) == (60, 30.0)
    assert CompareblocksClient.from_profile(file, "lab").config.request_timeout == 180.0
