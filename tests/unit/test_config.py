"""Every setting: its default, what is refused and in which words, and where it may come from."""

from __future__ import annotations

import copy
import math
import pickle
import ssl
from collections import UserDict
from pathlib import Path
from types import MappingProxyType
from typing import Any

import attrs
import pytest

from mcp_sync import MCPClient
from mcp_sync._version import __version__
from mcp_sync.config import (
    ClientConfig,
    check_client_info,
    check_plain_authorization,
)
from mcp_sync.errors import MCPConfigurationError
from mcp_sync.types.journal import JournalSettings

MIB = 1024 * 1024

DEFAULTS = {
    "server_url": "ws://localhost:8765",
    "reconnect_attempts": 5,
    "reconnect_delay": 2.0,
    "request_timeout": 30.0,
    "heartbeat_interval": 30.0,
    "connect_timeout": 10.0,
    "heartbeat_timeout": 20.0,
    "max_reconnect_delay": 60.0,
    "offline_mode": True,
    "start_offline": False,
    "offline_queue_limit": 1000,
    "offline_queue_max_bytes": 8 * MIB,
    "overflow": "reject",
    "queue_ttl": None,
    "journal": None,
    "max_replays": 2,
    "trust_tool_hints": False,
    "max_message_size": 16 * MIB,
    "max_pending": 4096,
    "headers": {},
    "ssl_context": None,
    "allow_insecure_auth": False,
    "proxy": None,
    "protocol_version": "auto",
    "subprotocols": ("mcp",),
    "stdio": None,
    "env": None,
    "cwd": None,
    "client_info": {"name": "mcp_sync", "version": __version__},
}

OTHERS: dict[str, Any] = {
    "server_url": "wss://example.org:444/mcp",
    "reconnect_attempts": 0,
    "reconnect_delay": 0.5,
    "request_timeout": 60,
    "heartbeat_interval": 15.5,
    "connect_timeout": 1,
    "heartbeat_timeout": 1e9,
    "max_reconnect_delay": 1e-3,
    "offline_mode": False,
    "start_offline": True,
    "offline_queue_limit": 1,
    "offline_queue_max_bytes": 10**12,
    "overflow": "block",
    "queue_ttl": 3600.0,
    "max_replays": 0,
    "trust_tool_hints": True,
    "max_message_size": 1,
    "max_pending": 1,
    "headers": {"Authorization": "Bearer secret"},
    "ssl_context": ssl.create_default_context(),
    "allow_insecure_auth": True,
    "proxy": "http://user:secret@proxy.example.org:3128",
    "protocol_version": "2025-11-25",
    "subprotocols": ("mcp", "other"),
    "stdio": ("python", "server.py", "--token=secret"),
    "env": {"TOKEN": "secret"},
    "cwd": "/srv",
    "client_info": {"name": "me", "version": "1", "title": "Me"},
}
"""Another sound value for each setting, but for the journal: a client makes its file."""

SECONDS = [
    "reconnect_delay",
    "request_timeout",
    "heartbeat_interval",
    "connect_timeout",
    "heartbeat_timeout",
    "max_reconnect_delay",
    "queue_ttl",
]
COUNTS = {
    "reconnect_attempts": 0,
    "offline_queue_limit": 1,
    "offline_queue_max_bytes": 1,
    "max_replays": 0,
    "max_message_size": 1,
    "max_pending": 1,
}
FLAGS = ["offline_mode", "start_offline", "trust_tool_hints", "allow_insecure_auth"]


def refusal(**settings: Any) -> MCPConfigurationError:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig(**settings)
    return caught.value


# Defaults and shape


def test_every_default_is_the_documented_one() -> None:
    assert ClientConfig().as_settings() == DEFAULTS
    assert list(DEFAULTS) == [field.name for field in attrs.fields(ClientConfig)]


def test_the_first_five_have_positions_and_no_other() -> None:
    config = ClientConfig("ws://127.0.0.1:1", 1, 2.0, 3.0, 4.0)
    settings = list(config.as_settings().values())
    assert settings[:5] == ["ws://127.0.0.1:1", 1, 2.0, 3.0, 4.0]
    with pytest.raises(TypeError):
        ClientConfig("ws://127.0.0.1:1", 1, 2.0, 3.0, 4.0, 5.0)  # type: ignore[misc]


@pytest.mark.parametrize("name", OTHERS)
def test_every_setting_can_be_set_and_is_given_back_as_it_was(name: str) -> None:
    config = ClientConfig(**{name: OTHERS[name]})
    assert getattr(config, name) == OTHERS[name]
    assert config.as_settings() == {**DEFAULTS, name: OTHERS[name]}


def test_a_client_made_of_settings_has_them() -> None:
    config = ClientConfig(**OTHERS)
    assert MCPClient.from_settings(config).config == config


def test_a_setting_cannot_be_assigned() -> None:
    config = ClientConfig()
    for field in attrs.fields(ClientConfig):
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            setattr(config, field.name, None)


# What is refused

ANY_SECONDS = "must be a number of seconds above 0, at most 1000000000"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0, "0"),
        (-0.5, "-0.5"),
        (math.nan, "nan"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (1_000_000_001, "1000000001"),
        (10**5000, "<int>"),
        (True, "True"),
        ("30", "'30'"),
        ([1], "[1]"),
        (1j, "1j"),
    ],
    ids=["0", "-0.5", "nan", "inf", "-inf", "over", "huge", "flag", "text", "list", "complex"],
)
@pytest.mark.parametrize("name", SECONDS)
def test_impossible_seconds_are_refused(name: str, value: Any, shown: str) -> None:
    error = refusal(**{name: value})
    rule = ANY_SECONDS + (", or None" if name == "queue_ttl" else "")
    assert str(error) == f"{name}={shown} {rule}"
    assert (error.setting, error.value, error.rule) == (name, shown, rule)


@pytest.mark.parametrize("name", [name for name in SECONDS if name != "queue_ttl"])
def test_none_is_no_number_of_seconds(name: str) -> None:
    assert str(refusal(**{name: None})) == f"{name}=None {ANY_SECONDS}"


@pytest.mark.parametrize("name", SECONDS)
def test_a_whole_number_of_seconds_is_as_good(name: str) -> None:
    assert getattr(ClientConfig(**{name: 7}), name) == 7


@pytest.mark.parametrize("value", [-1, 1.0, "5", True, None, math.inf], ids=repr)
@pytest.mark.parametrize("name", COUNTS)
def test_an_impossible_count_is_refused(name: str, value: Any) -> None:
    error = refusal(**{name: value})
    assert str(error) == f"{name}={value!r} must be a whole number from {COUNTS[name]}"


@pytest.mark.parametrize("name", COUNTS)
def test_the_smallest_count_is_taken_and_one_less_is_not(name: str) -> None:
    least = COUNTS[name]
    assert getattr(ClientConfig(**{name: least}), name) == least
    assert refusal(**{name: least - 1}).setting == name


@pytest.mark.parametrize("value", [0, 1, "true", None], ids=repr)
@pytest.mark.parametrize("name", FLAGS)
def test_a_flag_is_true_or_false_and_nothing_like_it(name: str, value: Any) -> None:
    assert str(refusal(**{name: value})) == f"{name}={value!r} must be True or False"


@pytest.mark.parametrize("value", ["Reject", "", None, ["reject"]], ids=repr)
def test_an_unknown_overflow_is_refused(value: Any) -> None:
    assert str(refusal(overflow=value)) == (
        f"overflow={value!r} must be one of reject, drop_oldest, block"
    )


@pytest.mark.parametrize("value", ["reject", "drop_oldest", "block"])
def test_every_overflow_is_taken(value: Any) -> None:
    assert ClientConfig(overflow=value).overflow == value


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "http://127.0.0.1:1/mcp",
            "server_url='http://127.0.0.1:1/mcp' must be ws:// or wss://: Streamable HTTP is not "
            "in this version, so give the server's WebSocket URL",
        ),
        ("localhost:8765", "server_url='localhost:8765' must be a ws:// or wss:// URL"),
        (
            "ws://:8765",
            "server_url='ws://:8765' must name a host, as in ws://host:port/path",
        ),
        (
            "ws://127.0.0.1:99999",
            "server_url='ws://127.0.0.1:99999' is no URL: check its host and port (1 to 65535)",
        ),
        (5, "server_url='int' must be a str"),
    ],
)
def test_a_bad_address_is_refused_by_the_name_of_its_setting(value: Any, sentence: str) -> None:
    assert str(refusal(server_url=value)) == sentence


@pytest.mark.parametrize("value", ["a: b", 5, [("a", "b")], None, {"a"}], ids=repr)
def test_headers_that_are_no_mapping_are_refused_unseen(value: Any) -> None:
    assert str(refusal(headers=value)) == (
        f"headers='{type(value).__name__}' must be a mapping of header names to values, or a "
        "function that returns one"
    )


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Token": "secret\r\nX-Evil: 1"},
        {"X-Token": b"secret"},
        {"Host": "secret"},
        {"Sec-WebSocket-Key": "secret"},
        {"X Token": "secret"},
        {5: "secret"},
    ],
    ids=repr,
)
def test_a_bad_header_is_refused_by_its_name_and_never_its_value(headers: Any) -> None:
    error = refusal(headers=headers)
    assert error.setting == "headers"
    assert error.value == repr(next(iter(headers)))
    assert "secret" not in str(error)


@pytest.mark.parametrize("value", [True, "cert.pem", ssl.SSLContext], ids=repr)
def test_what_is_no_ssl_context_is_refused(value: Any) -> None:
    assert str(refusal(ssl_context=value)) == (
        f"ssl_context={value!r} must be an ssl.SSLContext or None"
    )


PROXY_RULE = (
    'must be http://[user:password@]host:port, "direct" for no proxy, or None for what the '
    "environment says"
)


@pytest.mark.parametrize(
    ("value", "shown", "rule"),
    [
        ("socks5://u:secret@p:1080", "socks5://***@p:1080", "SOCKS is not supported"),
        ("SOCKS4a://p", "SOCKS4a://p", "SOCKS is not supported"),
        ("https://u:secret@p:443", "https://***@p:443", "TLS to the proxy itself is not"),
        ("u:secret@p:3128", "***@p:3128", PROXY_RULE),
        ("p:3128", "p:3128", PROXY_RULE),
        ("", "", PROXY_RULE),
        ("http://", "http://", PROXY_RULE),
        ("http://p:0", "http://p:0", PROXY_RULE),
        ("http://p:99999", "http://p:99999", "is no URL: check its host and port"),
        ("http://p/path", "http://p/path", PROXY_RULE),
        ("http://p?secret", "http://p?***", PROXY_RULE),
        ("http://p#secret", "http://p#***", PROXY_RULE),
        ("http://p\r\nX-Evil: 1", None, None),
        ("http://u\n:secret@p", "http://***@p", "must not hold spaces or control characters"),
        ("http://a b", "http://a b", None),
        (True, "bool", PROXY_RULE),
        (b"http://p", "bytes", PROXY_RULE),
    ],
    ids=repr,
)
def test_what_is_no_http_proxy_is_refused_with_the_way_out(
    value: Any, shown: str | None, rule: str | None
) -> None:
    error = refusal(proxy=value)
    assert error.setting == "proxy"
    assert "secret" not in str(error)
    assert shown is None or error.value == repr(shown)
    assert rule is None or rule in error.rule


@pytest.mark.parametrize("value", [None, "direct", "http://p", "http://[::1]:8080/", "HTTP://p:1"])
def test_a_proxy_an_express_none_and_the_environments_are_taken(value: Any) -> None:
    assert ClientConfig(proxy=value).proxy == value


def test_the_credentials_of_a_proxy_are_shown_nowhere() -> None:
    config = ClientConfig(proxy="http://user:secret@p:3128")
    assert "proxy='http://***@p:3128'" in repr(config)
    assert "proxy=None" in repr(ClientConfig())
    assert "secret" not in repr(config) + repr(MCPClient.from_settings(config))


@pytest.mark.parametrize("value", [5, None, {"mcp"}, {"mcp": 1}, range(1)], ids=repr)
def test_subprotocols_that_are_no_list_are_refused(value: Any) -> None:
    error = refusal(subprotocols=value)
    assert (error.setting, error.rule) == ("subprotocols", "must be a name or a list of names")


@pytest.mark.parametrize("value", ["", "a b", "mcp,other", [""], ["mcp", 5], ["é"], ["m", "m"]])
def test_a_subprotocol_that_cannot_be_offered_is_refused(value: Any) -> None:
    assert refusal(subprotocols=value).setting == "subprotocols"


@pytest.mark.parametrize(
    ("given", "offered"),
    [
        ("mcp", ("mcp",)),
        (["a", "b"], ("a", "b")),
        (("a",), ("a",)),
        ((), ()),
        ([], ()),
    ],
)
def test_subprotocols_are_kept_as_a_tuple(given: Any, offered: tuple[str, ...]) -> None:
    assert ClientConfig(subprotocols=given).subprotocols == offered


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        (
            "python server.py secret",
            "stdio='one text' must be a list of words such as ['python', 'server.py'], since no "
            "shell takes it apart; shlex.split() does",
        ),
        (["python", 5], "stdio='tuple' must be a list of texts: the command and its arguments"),
        ({"python"}, "stdio='set' must be a list of texts: the command and its arguments"),
        (5, "stdio='int' must be a list of texts: the command and its arguments"),
        ([], "stdio=[] must name a command to run"),
        (["", "secret"], "stdio=[] must name a command to run"),
        (["/bin/cat", "secret\0"], "stdio='cat' must not hold NUL characters"),
    ],
)
def test_a_command_that_is_no_list_of_words_is_refused(value: Any, sentence: str) -> None:
    assert str(refusal(stdio=value)) == sentence


def test_a_command_may_be_made_of_paths() -> None:
    config = ClientConfig(stdio=[Path("/bin/cat"), Path("file"), "-u"], cwd=Path("/srv"))
    assert config.stdio == ("/bin/cat", "file", "-u")
    assert config.cwd == "/srv"


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ([("A", "secret")], "env='list' must be a mapping of names to texts, or None"),
        ({"A=B": "secret"}, "env='A=B' must have names that are texts without '=' and NUL"),
        ({"": "secret"}, "env='' must have names that are texts without '=' and NUL"),
        ({5: "secret"}, "env=5 must have names that are texts without '=' and NUL"),
        ({"A\0": "secret"}, "env='A\\x00' must have names that are texts without '=' and NUL"),
        (
            {"A": "secret\0"},
            "env='A' must have values that are texts without NUL; convert numbers with str()",
        ),
        (
            {"A": 8080},
            "env='A' must have values that are texts without NUL; convert numbers with str()",
        ),
    ],
)
def test_variables_that_no_process_can_have_are_refused_unseen(value: Any, sentence: str) -> None:
    assert str(refusal(stdio=["cat"], env=value)) == sentence


@pytest.mark.parametrize("value", ["", "a\0b", 5, b"/srv"], ids=repr)
def test_a_directory_that_cannot_be_one_is_refused(value: Any) -> None:
    assert str(refusal(cwd=value)) == f"cwd={value!r} must be the path of a directory, as text"


def test_the_address_of_a_child_is_its_command_and_nothing_else_of_it_is_shown() -> None:
    config = ClientConfig(stdio=["/opt/bin/server", "--token=hunter2"], env={"T": "hunter2"})
    assert config.address == "stdio:server"
    assert "hunter2" not in repr(config) + repr(MCPClient.from_settings(config))
    assert "stdio='server'" in repr(config)
    assert ClientConfig(server_url="wss://u:p@h/?x").address == "wss://***@h/?***"


def test_a_command_makes_the_rules_of_the_address_idle() -> None:
    config = ClientConfig(
        server_url="ws://example.org/", headers={"Authorization": "s"}, stdio=["cat"]
    )
    assert config.address == "stdio:cat"
    with pytest.raises(MCPConfigurationError, match="would carry credentials unencrypted"):
        config.changed(stdio=None)


@pytest.mark.parametrize(
    "value", [None, "me", [], {}, {"name": "me"}, {"version": "1"}, {"name": 1, "version": "1"}]
)
def test_client_info_needs_a_name_and_a_version(value: Any) -> None:
    assert str(refusal(client_info=value)) == (
        f"client_info={value!r} must be a mapping with at least 'name' and 'version', both texts"
    )


@pytest.mark.parametrize(
    ("extra", "why"),
    [
        (object(), "Object of type object is not JSON serializable"),
        (math.nan, "Out of range float values are not JSON compliant"),
    ],
)
def test_client_info_that_is_no_json_is_refused_before_any_handshake(extra: Any, why: str) -> None:
    info = {"name": "me", "version": "1", "extra": extra}
    assert refusal(client_info=info).rule.startswith(f"must be JSON: {why}")
    with pytest.raises(MCPConfigurationError, match=r"^info=.* must be JSON: "):
        check_client_info(info, "info")


def test_a_journal_is_named_by_its_path_or_by_whole_settings() -> None:
    settings = JournalSettings("calls.journal")
    for given in ("calls.journal", {"path": "calls.journal"}, settings):
        assert ClientConfig(journal=given).journal == settings
    assert "calls.journal" in repr(ClientConfig(journal=settings))


def test_a_journal_without_a_queue_is_refused() -> None:
    assert str(refusal(journal="calls.journal", offline_mode=False)) == (
        "journal='calls.journal' needs offline_mode=True: without it nothing is queued"
    )
    with pytest.raises(MCPConfigurationError, match="needs offline_mode=True"):
        ClientConfig(journal="calls.journal").changed(offline_mode=False)


# Mappings are copied


@pytest.mark.parametrize("wrap", [dict, MappingProxyType, UserDict])
def test_a_mapping_that_changes_later_changes_no_setting(wrap: Any) -> None:
    headers, info = {"X-A": "1"}, {"name": "me", "version": "1"}
    config = ClientConfig(headers=wrap(headers), client_info=wrap(info))
    headers["Host"] = "evil"
    info["name"] = "changed"
    assert config.headers == {"X-A": "1"}
    assert config.client_info == {"name": "me", "version": "1"}


def test_a_function_that_gives_headers_is_kept_and_not_asked() -> None:
    def headers() -> dict[str, str]:
        raise AssertionError("asked before the first dial")

    assert ClientConfig(headers=headers).headers is headers


# Credentials in the clear

CLEAR = (
    "would carry credentials unencrypted; use wss://, or allow_insecure_auth=True if the network "
    "is trusted"
)


@pytest.mark.parametrize("name", ["Authorization", "authorization", "Cookie", "COOKIE"])
def test_credentials_in_headers_stay_on_this_machine_without_tls(name: str) -> None:
    headers = {"X-A": "1", name: "secret"}
    error = refusal(server_url="ws://example.org/mcp", headers=headers)
    assert str(error) == f"server_url='ws://example.org/mcp' {CLEAR}"


@pytest.mark.parametrize("url", ["ws://user:secret@example.org/", "ws://secret@10.0.0.1:80/"])
@pytest.mark.parametrize("headers", [{}, dict], ids=["mapping", "function"])
def test_credentials_in_the_address_stay_on_this_machine_without_tls(
    url: str, headers: Any
) -> None:
    error = refusal(server_url=url, headers=headers)
    assert error.rule == CLEAR
    assert "secret" not in str(error)


@pytest.mark.parametrize(
    "settings",
    [
        {"server_url": "wss://u:p@example.org/"},
        {"server_url": "ws://u:p@localhost/"},
        {"server_url": "ws://u:p@127.0.0.53/"},
        {"server_url": "ws://u:p@[::1]/"},
        {"server_url": "ws://u:p@example.org/", "allow_insecure_auth": True},
    ],
)
def test_credentials_may_go_over_tls_or_loopback_or_where_it_is_allowed(settings: Any) -> None:
    headers = {"Authorization": "Bearer secret"}
    assert ClientConfig(**settings, headers=headers).headers == headers


def test_a_server_on_loopback_behind_a_proxy_may_be_on_another_machine() -> None:
    settings: dict[str, Any] = {"server_url": "ws://localhost/", "headers": {"Cookie": "a=b"}}
    assert refusal(**settings, proxy="http://proxy.example.org").rule == CLEAR
    for proxy in (None, "direct"):
        assert ClientConfig(**settings, proxy=proxy).proxy == proxy
    assert ClientConfig(**{**settings, "server_url": "wss://localhost/"}, proxy="http://p")


def test_other_headers_may_go_anywhere() -> None:
    assert ClientConfig(server_url="ws://example.org/", headers={"X-Authorization": "1"})


def test_headers_that_a_function_returned_are_held_to_the_same_rule() -> None:
    check_plain_authorization("ws://example.org/", {"X-A": "1"}, False)
    check_plain_authorization("ws://example.org/", {"Authorization": "s"}, True)
    with pytest.raises(MCPConfigurationError, match="would carry credentials unencrypted"):
        check_plain_authorization("ws://example.org/", {"Authorization": "s"}, False)


def test_no_secret_is_shown() -> None:
    config = ClientConfig(
        server_url="wss://user:hunter2@example.org/mcp?token=hunter2",
        headers={"Authorization": "Bearer hunter2"},
    )
    shown = repr(config)
    assert "hunter2" not in shown
    assert "user" not in shown
    assert "Bearer" not in shown
    assert "server_url='wss://***@example.org/mcp?***'" in shown
    assert "request_timeout=30.0" in shown


# Changing


def test_a_change_gives_a_new_value_and_leaves_the_old() -> None:
    old = ClientConfig(headers={"X-A": "1"}, request_timeout=7)
    new = old.changed(request_timeout=8, max_replays=0)
    assert (old.request_timeout, new.request_timeout) == (7, 8)
    assert new.as_settings() == {**old.as_settings(), "request_timeout": 8, "max_replays": 0}


def test_a_change_to_nothing_is_the_same_value() -> None:
    config = ClientConfig(**OTHERS)
    assert config.changed() == config


@pytest.mark.parametrize("name", [*COUNTS, *SECONDS, *FLAGS])
def test_an_impossible_change_is_refused_and_changes_nothing(name: str) -> None:
    config = ClientConfig()
    with pytest.raises(MCPConfigurationError, match=rf"^{name}=-1 must be"):
        config.changed(**{name: -1})
    assert config == ClientConfig()


def test_a_change_is_held_against_the_settings_that_stay() -> None:
    config = ClientConfig(headers={"Authorization": "s"})
    with pytest.raises(MCPConfigurationError, match="would carry credentials unencrypted"):
        config.changed(server_url="ws://example.org/")


def test_an_unknown_setting_is_refused_with_a_list_of_all() -> None:
    with pytest.raises(MCPConfigurationError) as caught:
        ClientConfig().changed(request_timout=5)
    assert str(caught.value) == (
        "setting='request_timout' is no setting of a client; the settings are "
        + ", ".join(DEFAULTS)
    )


# As a value

PICKLABLE = {name: value for name, value in OTHERS.items() if name != "ssl_context"}


@pytest.mark.parametrize("number", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("settings", [{}, PICKLABLE], ids=["defaults", "others"])
def test_settings_pickle(settings: dict[str, Any], number: int) -> None:
    config = ClientConfig(**settings)
    assert pickle.loads(pickle.dumps(config, number)) == config


def test_settings_are_equal_by_value_and_hash_alike() -> None:
    assert ClientConfig(**OTHERS) == ClientConfig(**OTHERS)
    assert hash(ClientConfig(**OTHERS)) == hash(ClientConfig(**OTHERS))
    assert copy.copy(ClientConfig()) == ClientConfig()
    for name, value in OTHERS.items():
        assert ClientConfig(**{name: value}) != ClientConfig()
