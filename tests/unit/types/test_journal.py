"""What a journal may be set to."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest

from mcp_sync.config import ClientConfig
from mcp_sync.errors import MCPConfigurationError
from mcp_sync.types.journal import JournalSettings, read_journal


def test_a_path_is_enough_as_text_or_as_a_path() -> None:
    settings = JournalSettings("queue.db")
    assert read_journal("queue.db") == read_journal(Path("queue.db")) == settings
    assert not settings.at_least_once
    assert settings.key_name == "mcp-sync/idempotency-key"


def test_a_table_of_a_profile_gives_the_fields(tmp_path: Path) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text('[profiles.a.journal]\npath = "queue.db"\nat_least_once = true\n')
    config = ClientConfig.from_profile(file, "a")
    assert config.journal == JournalSettings("queue.db", at_least_once=True)


def test_a_variable_gives_the_path_and_an_empty_one_none() -> None:
    assert ClientConfig.from_env({"MCP_SYNC_JOURNAL": "/a/b"}).journal == JournalSettings("/a/b")
    assert ClientConfig.from_env({"MCP_SYNC_JOURNAL": ""}).journal is None


@pytest.mark.parametrize("value", ["", "a\0b", 5, b"queue.db", {}, {"path": "a", "mode": "b"}])
def test_what_names_no_file_is_refused(value: Any) -> None:
    with pytest.raises(MCPConfigurationError, match="journal=.* must "):
        ClientConfig(journal=value)


def test_a_journal_without_a_queue_is_refused() -> None:
    with pytest.raises(MCPConfigurationError, match="offline_mode=True"):
        ClientConfig(journal="queue.db", offline_mode=False)


@pytest.mark.parametrize("name", ["key", "com.example/a.b_c-d", "com.example.mcp/key"])
def test_a_key_name_follows_the_grammar_of_meta(name: str) -> None:
    assert JournalSettings("queue.db", key_name=name).key_name == name


@pytest.mark.parametrize("name", ["", "a_b/key", "/key", "a./key", "key-", "1a/key", "a/b/c", 5])
def test_a_key_name_outside_the_grammar_is_refused(name: Any) -> None:
    with pytest.raises(MCPConfigurationError, match="must be a key of _meta"):
        JournalSettings("queue.db", key_name=name)


@pytest.mark.parametrize("name", ["com.mcp/key", "io.modelcontextprotocol/key", "progressToken"])
def test_a_key_name_that_mcp_reserves_is_refused(name: str) -> None:
    with pytest.raises(MCPConfigurationError, match="reserved by MCP"):
        JournalSettings("queue.db", key_name=name)


def test_at_least_once_is_a_flag() -> None:
    with pytest.raises(MCPConfigurationError, match="at_least_once"):
        JournalSettings("queue.db", at_least_once="yes")  # type: ignore[arg-type]


def test_settings_travel_to_another_process() -> None:
    settings = JournalSettings("queue.db", at_least_once=True)
    assert pickle.loads(pickle.dumps(settings)) == settings
