"""The ``mcpServers`` file: what is read of it, what is refused and in which words."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcp_sync import MCPClient
from mcp_sync.errors import MCPConfigurationError
from mcp_sync.mcp_servers_file import read_server

ENVIRON = {"TOKEN": "hunter2", "ROOT": "/srv", "EMPTY": ""}

SPOKEN = "is a transport that this client does not speak: it speaks ws, wss and stdio"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "mcp.json"


def read(file: Path, entry: Any, table: str = "mcpServers") -> dict[str, Any]:
    file.write_text(json.dumps({table: {"files": entry, "other": {"command": "cat"}}}))
    return read_server(file, "files", ENVIRON)


def refusal(file: Path, entry: Any) -> str:
    with pytest.raises(MCPConfigurationError) as caught:
        read(file, entry)
    assert str(file) in str(caught.value)
    assert "hunter2" not in str(caught.value)
    return str(caught.value).replace(str(file), "FILE")


# What is read


@pytest.mark.parametrize("table", ["mcpServers", "servers"])
def test_a_command_becomes_the_settings_of_a_child(file: Path, table: str) -> None:
    entry = {
        "type": "stdio",
        "command": "npx",
        "args": ["-y", "server-filesystem", "/srv"],
        "env": {"TOKEN": "1"},
        "cwd": "/srv",
        "disabled": False,
        "autoApprove": ["read"],
    }
    assert read(file, entry, table) == {
        "stdio": ("npx", "-y", "server-filesystem", "/srv"),
        "env": {"TOKEN": "1"},
        "cwd": "/srv",
    }


def test_what_is_not_given_is_not_in_the_settings(file: Path) -> None:
    assert read(file, {"command": "cat"}) == {"stdio": ("cat",)}
    nothing = {"command": "cat", "args": None, "env": None, "cwd": None, "url": None}
    assert read(file, nothing) == {"stdio": ("cat",)}


@pytest.mark.parametrize("kind", [{}, {"type": "ws"}, {"type": "websocket"}])
def test_a_url_becomes_the_settings_of_a_websocket(file: Path, kind: dict[str, str]) -> None:
    entry = {"url": "wss://example.org/mcp", "headers": {"Authorization": "Bearer ${TOKEN}"}}
    assert read(file, {**entry, **kind}) == {
        "server_url": "wss://example.org/mcp",
        "headers": {"Authorization": "Bearer hunter2"},
    }


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${TOKEN}", "hunter2"),
        ("${env:TOKEN}", "hunter2"),
        ("a${ROOT}b${TOKEN}c", "a/srvbhunter2c"),
        ("${MISSING:-x y}", "x y"),
        ("${env:MISSING:-}", ""),
        ("${EMPTY:-full}", "full"),
        ("${EMPTY}", ""),
        ("${ROOT:-/var}", "/srv"),
        ("$TOKEN ${", "$TOKEN ${"),
    ],
)
def test_variables_are_put_in(file: Path, text: str, value: str) -> None:
    entry = {"command": "cat", "args": [text], "env": {"A": text}}
    assert read(file, entry) == {"stdio": ("cat", value), "env": {"A": value}}


def test_what_a_variable_holds_is_not_read_for_variables_again(file: Path) -> None:
    file.write_text('{"mcpServers": {"a": {"command": "${A}"}}}')
    assert read_server(file, "a", {"A": "${B}", "B": "c"}) == {"stdio": ("${B}",)}


def test_the_variables_of_this_process_are_read(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_SERVER", "cat")
    file.write_text('{"mcpServers": {"a": {"command": "${MY_SERVER}"}}}')
    assert read_server(file, "a") == {"stdio": ("cat",)}


def test_a_tilde_is_the_home_directory_in_command_and_cwd(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    entry = {"command": "~/bin/server", "args": ["~"], "cwd": "~"}
    assert read(file, entry) == {"stdio": ("/home/me/bin/server", "~"), "cwd": "/home/me"}


def test_a_byte_order_mark_is_tolerated(file: Path) -> None:
    file.write_bytes(b'\xef\xbb\xbf{"mcpServers": {"a": {"command": "cat"}}}')
    assert read_server(file, "a") == {"stdio": ("cat",)}


# What is refused


@pytest.mark.parametrize(
    ("entry", "sentence"),
    [
        ([], "mcpServers.files='array' must be an object, in FILE"),
        (
            {"args": []},
            "mcpServers.files=\"neither 'command' nor 'url'\" must have one of them, in FILE",
        ),
        (
            {"command": "cat", "url": "ws://h"},
            "mcpServers.files=\"both 'command' and 'url'\" must have one of them, in FILE",
        ),
        ({"command": 5}, "mcpServers.files.command='number' must be a text, in FILE"),
        ({"command": ""}, "mcpServers.files.command='' must name a command, in FILE"),
        (
            {"command": "cat", "args": "a b"},
            "mcpServers.files.args='string' must be a list of texts, in FILE",
        ),
        (
            {"command": "cat", "args": ["a", 8080]},
            "mcpServers.files.args[1]='number' must be a text, in FILE",
        ),
        (
            {"command": "cat", "env": ["hunter2"]},
            "mcpServers.files.env='array' must be an object of texts, in FILE",
        ),
        (
            {"command": "cat", "env": {"DEBUG": True}},
            "mcpServers.files.env.DEBUG='boolean' must be a text, in FILE",
        ),
        ({"command": "cat", "cwd": {}}, "mcpServers.files.cwd='object' must be a text, in FILE"),
        (
            {"command": "cat", "disabled": True},
            "mcpServers.files.disabled='true' is set; remove it to use this server, in FILE",
        ),
        (
            {"command": "cat", "envFile": ".env"},
            "mcpServers.files.envFile='...' is not supported; put its variables into env, in FILE",
        ),
        ({"url": "https://h/?hunter2"}, f"mcpServers.files.url='https:...' {SPOKEN}, in FILE"),
        ({"url": "HTTP://h"}, f"mcpServers.files.url='HTTP:...' {SPOKEN}, in FILE"),
        ({"type": "sse", "url": "x"}, f"mcpServers.files.type='sse' {SPOKEN}, in FILE"),
        (
            {"type": "stdio", "url": "ws://h"},
            "mcpServers.files.type='stdio' must be 'ws' beside a url, or left out, in FILE",
        ),
        (
            {"type": "ws", "command": "cat"},
            "mcpServers.files.type='ws' must be 'stdio' beside a command, or left out, in FILE",
        ),
        ({"type": 1, "url": "ws://h"}, "mcpServers.files.type='number' must be a text, in FILE"),
        (
            {"command": "cat", "args": ["${MISSING}"]},
            "mcpServers.files.args[0]='${MISSING}' is not set in the environment; set it, or write "
            "${MISSING:-default}, in FILE",
        ),
        (
            {"url": "ws://h", "headers": {"X": "${input:token}"}},
            "mcpServers.files.headers.X='${input:token}' is no variable: only ${VAR}, ${env:VAR} "
            "and ${VAR:-default} are, in FILE",
        ),
    ],
)
def test_a_server_that_cannot_be_used_is_refused_by_file_key_and_rule(
    file: Path, entry: Any, sentence: str
) -> None:
    assert refusal(file, entry) == sentence


def test_an_unknown_server_lists_those_there_are(file: Path) -> None:
    file.write_text('{"mcpServers": {"one": {}, "two": {}}, "servers": {"three": {}}}')
    with pytest.raises(MCPConfigurationError) as caught:
        read_server(file, "four")
    assert str(caught.value) == f"server='four' is not in {file}; it has: one, two, three"
    file.write_text('{"mcpServers": {}}')
    with pytest.raises(MCPConfigurationError, match="it has: none$"):
        read_server(file, "four")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('{"mcpServers": {},}', r"is not JSON: .* at line 1, column 1\d; it has no comments"),
        ("", r"is not JSON: .* at line 1, column 1; it has no comments and no trailing commas$"),
        ("[" * 100_000, r"is not JSON: no sound value$"),
        ("[]", r"must hold an object 'mcpServers' \(or 'servers'\)$"),
        ('{"mcp": {}}', r"must hold an object 'mcpServers' \(or 'servers'\)$"),
    ],
    ids=["comma", "empty", "deep", "array", "no table"],
)
def test_a_file_that_is_none_is_refused(file: Path, text: str, rule: str) -> None:
    file.write_text(text)
    with pytest.raises(MCPConfigurationError, match=rule) as caught:
        read_server(file, "files")
    assert str(caught.value).startswith(f"mcpServers file={str(file)!r} ")


def test_a_table_that_is_no_object_is_refused(file: Path) -> None:
    file.write_text('{"servers": []}')
    with pytest.raises(MCPConfigurationError, match=r"^servers='array' must be an object, in "):
        read_server(file, "a")


def test_a_file_that_cannot_be_read_is_refused(file: Path) -> None:
    with pytest.raises(MCPConfigurationError, match="cannot be read: No such file or directory"):
        read_server(file, "a")
    file.write_bytes(b'{"mcpServers": "\xff"}')
    with pytest.raises(MCPConfigurationError, match="is not JSON: it is not UTF-8"):
        read_server(file, "a")


# A client of it


def test_a_client_is_made_of_a_server_in_the_file(file: Path) -> None:
    entry = {"command": "cat", "args": ["-u"], "env": {"A": "1"}, "cwd": "/"}
    read(file, entry)
    client = MCPClient.from_config(file, "files", request_timeout=5, cwd="/usr")
    config = client.config
    assert (config.stdio, config.env, config.cwd) == (("cat", "-u"), {"A": "1"}, "/usr")
    assert config.request_timeout == 5
    assert repr(client) == "<MCPClient stdio:cat disconnected>"


def test_a_client_of_a_server_with_a_url(file: Path) -> None:
    read(file, {"url": "wss://example.org/mcp"})
    assert MCPClient.from_config(str(file), "files").config.server_url == "wss://example.org/mcp"
