"""Settings from outside: the environment and named profiles in a TOML file."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from mcp_sync.config import ClientConfig
from mcp_sync.errors import MCPConfigurationError
from mcp_sync.types.journal import JournalSettings

DEFAULTS = ClientConfig().as_settings()

ANY_SECONDS = "must be a number of seconds above 0, at most 1000000000"

# The environment

TEXTS = {
    "server_url": ("wss://example.org/mcp", "wss://example.org/mcp"),
    "reconnect_attempts": ("0", 0),
    "reconnect_delay": ("0.5", 0.5),
    "request_timeout": ("60", 60.0),
    "heartbeat_interval": ("1e2", 100.0),
    "connect_timeout": (" 5 ", 5.0),
    "heartbeat_timeout": ("5.5", 5.5),
    "max_reconnect_delay": ("90", 90.0),
    "offline_mode": ("false", False),
    "start_offline": ("TRUE", True),
    "offline_queue_limit": ("10", 10),
    "offline_queue_max_bytes": ("1048576", 1_048_576),
    "overflow": ("drop_oldest", "drop_oldest"),
    "queue_ttl": ("3600", 3600.0),
    "journal": ("calls.journal", JournalSettings("calls.journal")),
    "max_replays": ("0", 0),
    "trust_tool_hints": ("yes", True),
    "max_message_size": ("1", 1),
    "max_pending": ("8", 8),
    "headers": ('{"X-A": "1"}', {"X-A": "1"}),
    "allow_insecure_auth": ("1", True),
    "proxy": ("http://proxy.example.org:3128", "http://proxy.example.org:3128"),
    "protocol_version": ("2025-11-25", "2025-11-25"),
    "subprotocols": ("mcp, other ,", ("mcp", "other")),
    "stdio": ("uvx 'my server' --root=/srv", ("uvx", "my server", "--root=/srv")),
    "cwd": ("/srv", "/srv"),
}


def variable(name: str) -> str:
    return f"MCP_SYNC_{name.upper()}"


def test_every_setting_that_has_a_text_can_be_a_variable() -> None:
    assert set(DEFAULTS) - set(TEXTS) == {"ssl_context", "client_info", "env"}


@pytest.mark.parametrize("name", TEXTS)
def test_a_variable_sets_its_setting_and_no_other(name: str) -> None:
    text, value = TEXTS[name]
    settings = ClientConfig.from_env({variable(name): text, "OTHER": "1"}).as_settings()
    assert settings == {**DEFAULTS, name: value}
    assert type(settings[name]) is type(value)


def test_all_variables_together_and_none() -> None:
    # A journal needs the offline mode.
    texts = {**TEXTS, "offline_mode": ("yes", True)}
    environ = {variable(name): text for name, (text, _) in texts.items()}
    settings = ClientConfig.from_env(environ).as_settings()
    assert settings == {**DEFAULTS, **{name: value for name, (_, value) in texts.items()}}
    assert ClientConfig.from_env({}) == ClientConfig()


def test_the_environment_of_this_process_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_SYNC_REQUEST_TIMEOUT", "77")
    assert ClientConfig.from_env().request_timeout == 77.0


def test_an_override_wins_over_a_variable() -> None:
    environ = {"MCP_SYNC_REQUEST_TIMEOUT": "60", "MCP_SYNC_MAX_REPLAYS": "1"}
    config = ClientConfig.from_env(environ, request_timeout=5, headers={"X-A": "1"})
    assert (config.request_timeout, config.max_replays) == (5, 1)
    assert config.headers == {"X-A": "1"}


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("queue_ttl", "", None),
        ("queue_ttl", " None ", None),
        ("journal", "", None),
        ("subprotocols", "", ()),
        ("offline_mode", " No ", False),
        ("offline_mode", "0", False),
    ],
)
def test_a_text_may_stand_for_nothing(name: str, text: str, value: object) -> None:
    assert getattr(ClientConfig.from_env({variable(name): text}), name) == value


BAD_TEXTS = [
    ("reconnect_attempts", "5.0", "must be a whole number"),
    ("reconnect_attempts", "", "must be a whole number"),
    ("max_pending", "many", "must be a whole number"),
    ("request_timeout", "30s", "must be a number"),
    ("request_timeout", "", "must be a number"),
    ("queue_ttl", "never", "must be a number"),
    ("offline_mode", "on", "must be true or false"),
    ("offline_mode", "", "must be true or false"),
]


def test_a_command_that_cannot_be_taken_apart_is_refused_unseen() -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_env({"MCP_SYNC_STDIO": "cat 'secret"})
    rule = "must be the words of a command, quoted as for a shell"
    assert str(caught.value) == f"MCP_SYNC_STDIO='...' {rule}"


@pytest.mark.parametrize(("name", "text", "rule"), BAD_TEXTS)
def test_a_text_that_cannot_be_read_is_refused_by_its_variable(
    name: str, text: str, rule: str
) -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_env({variable(name): text})
    assert str(caught.value) == f"{variable(name)}={text!r} {rule}"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("request_timeout", "nan"),
        ("request_timeout", "inf"),
        ("request_timeout", "0"),
        ("reconnect_attempts", "-1"),
        ("overflow", "drop"),
        ("server_url", "http://example.org"),
        ("subprotocols", "a b"),
    ],
)
def test_a_text_that_can_be_read_is_held_to_the_rules_of_its_setting(name: str, text: str) -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_env({variable(name): text})
    assert caught.value.setting == name


@pytest.mark.parametrize("name", ["env", "ssl_context", "client_info"])
def test_what_cannot_be_a_text_is_refused_unseen(name: str) -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_env({variable(name): "secret"})
    assert str(caught.value) == (
        f"{variable(name)}='...' cannot be given as a variable; use an argument or a profile"
    )


@pytest.mark.parametrize("text", ["secret", '"secret"', '["secret"]', '{"X-A": 5}', "[" * 9000])
def test_headers_that_are_no_object_of_texts_are_refused_unseen(text: str) -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_env({variable("headers"): text})
    assert str(caught.value) == "MCP_SYNC_HEADERS='...' must be a JSON object of texts"


def test_the_variable_of_the_log_is_no_setting_and_no_mistake(
    caplog: pytest.LogCaptureFixture,
) -> None:
    assert ClientConfig.from_env({"MCP_SYNC_LOG": "debug"}) == ClientConfig()
    assert caplog.records == []


@pytest.mark.parametrize("name", ["MCP_SYNC_REQUEST_TIMOUT", "MCP_SYNC_", "MCP_SYNC_max_pending"])
def test_a_variable_that_is_no_setting_is_told_of(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="mcp_sync"):
        assert ClientConfig.from_env({name: "60", "MCP_SYN": "1"}) == ClientConfig()
    assert caplog.messages == [f"ignored the variable {name}, which is no setting of mcp_sync"]


def test_an_unknown_override_is_refused() -> None:
    with pytest.raises(MCPConfigurationError, match=r"^setting='timeout' is no setting"):
        ClientConfig.from_env({}, timeout=5)


# Profiles


@pytest.fixture
def profiles(tmp_path: Path) -> Path:
    path = tmp_path / "profiles.toml"
    path.write_text(
        """
        title = "for tests"

        [profiles.default]
        request_timeout = 11

        [profiles.production]
        server_url = "wss://example.org/mcp"
        request_timeout = 120.0
        reconnect_attempts = 9
        offline_mode = false
        subprotocols = ["mcp", "other"]
        headers = { Authorization = "Bearer secret" }
        client_info = { name = "me", version = "1" }

        [profiles.unknown]
        request_timout = 5

        [profiles.text_for_number]
        request_timeout = "60"

        [profiles.number_for_flag]
        offline_mode = 1

        [profiles.number_for_names]
        subprotocols = 5

        [profiles.fraction_for_count]
        reconnect_attempts = 5.0

        [profiles.endless]
        request_timeout = inf
        """,
        encoding="utf-8",
    )
    return path


PRODUCTION = {
    **DEFAULTS,
    "server_url": "wss://example.org/mcp",
    "request_timeout": 120.0,
    "reconnect_attempts": 9,
    "offline_mode": False,
    "subprotocols": ("mcp", "other"),
    "headers": {"Authorization": "Bearer secret"},
    "client_info": {"name": "me", "version": "1"},
}


@pytest.mark.parametrize("as_given", [Path, str])
def test_a_profile_is_read(profiles: Path, as_given: Any) -> None:
    config = ClientConfig.from_profile(as_given(profiles), "production")
    assert config.as_settings() == PRODUCTION


def test_an_override_wins_over_a_profile(profiles: Path) -> None:
    config = ClientConfig.from_profile(profiles, "production", request_timeout=5)
    assert config.as_settings() == {**PRODUCTION, "request_timeout": 5}
    with pytest.raises(MCPConfigurationError, match=r"^setting='timeout' is no setting"):
        ClientConfig.from_profile(profiles, "production", timeout=5)


def test_a_profile_is_named_by_variables_and_other_variables_win(profiles: Path) -> None:
    environ = {
        "MCP_SYNC_PROFILES": str(profiles),
        "MCP_SYNC_PROFILE": "production",
        "MCP_SYNC_REQUEST_TIMEOUT": "60",
    }
    settings = ClientConfig.from_env(environ, max_replays=0).as_settings()
    assert settings == {**PRODUCTION, "request_timeout": 60.0, "max_replays": 0}


def test_the_profile_default_is_meant_where_none_is_named(profiles: Path) -> None:
    config = ClientConfig.from_env({"MCP_SYNC_PROFILES": str(profiles)})
    assert config == ClientConfig(request_timeout=11)


def test_a_profile_without_a_file_is_refused() -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_env({"MCP_SYNC_PROFILE": "production"})
    assert str(caught.value) == (
        "MCP_SYNC_PROFILE='production' needs MCP_SYNC_PROFILES to name the file that holds it"
    )


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "unknown",
            "profile unknown='request_timout' is no setting of a client; the settings are",
        ),
        ("text_for_number", f"request_timeout='60' {ANY_SECONDS}"),
        ("number_for_flag", "offline_mode=1 must be True or False"),
        ("number_for_names", "subprotocols=5 must be a name or a list of names"),
        ("fraction_for_count", "reconnect_attempts=5.0 must be a whole number from 0"),
        ("endless", f"request_timeout=inf {ANY_SECONDS}"),
    ],
)
def test_a_profile_is_typed_strictly(profiles: Path, name: str, sentence: str) -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_profile(profiles, name)
    assert str(caught.value).startswith(sentence)
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_env({"MCP_SYNC_PROFILES": str(profiles), "MCP_SYNC_PROFILE": name})
    assert str(caught.value).startswith(sentence)


def test_an_unknown_profile_is_refused_with_a_list_of_all(profiles: Path) -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_profile(profiles, "staging")
    assert caught.value.rule.startswith("is no table [profiles.staging] in ")
    assert caught.value.rule.endswith(
        "it has: default, production, unknown, text_for_number, number_for_flag, "
        "number_for_names, fraction_for_count, endless"
    )


@pytest.mark.parametrize(
    "text", ["", "profiles = 5", "[profiles]\nproduction = 5", "[production]\nmax_replays = 1"]
)
def test_a_file_without_profiles_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "other.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_profile(path, "production")
    assert str(caught.value) == (
        f"profile='production' is no table [profiles.production] in {path}; it has: none"
    )


def test_a_file_that_is_not_there_or_a_directory_is_refused(tmp_path: Path) -> None:
    missing = tmp_path / "none.toml"
    for path, reason in ((missing, "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(MCPConfigurationError) as caught:
            ClientConfig.from_profile(path, "production")
        assert str(caught.value) == f"profiles file={str(path)!r} cannot be read: {reason}"
        assert isinstance(caught.value.__cause__, OSError)


@pytest.mark.parametrize("content", [b"[profiles", b"a = \n", b"a = '\xff'", b"\x00"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig.from_profile(path, "production")
    assert str(caught.value).startswith(f"profiles file={str(path)!r} is not TOML: ")
    assert isinstance(caught.value.__cause__, ValueError)
