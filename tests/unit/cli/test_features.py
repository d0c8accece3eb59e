"""The commands for what a standard server has: tools, resources, prompts."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest

from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from peers_cli import ESCAPES, PNG, PROMPTS, RESOURCES, TEMPLATES, TOOLS, cli_command, cli_line
from timing import MS

from .conftest import Outcome, Run


@pytest.fixture
def ask(run: Run) -> Run:
    """Runs a command with the small server."""

    def ask_server(*arguments: str | Path) -> Outcome:
        return run(*arguments, "--stdio", cli_line())

    return ask_server


def test_tools_are_listed_with_their_arguments(ask: Run) -> None:
    done = ask("tools")
    assert (done.code, done.err) == (0, "")
    head, _, first, *_, last = done.out.splitlines()
    assert head.split("  ")[0] == "tool"
    assert first.split("  ") == ["forecast", "city [days]", "Tells the weather of a place."]
    assert last.split() == ["echo", "echo"]


def test_tools_as_json_are_what_the_server_said(ask: Run) -> None:
    assert json.loads(ask("tools", "--json").out) == TOOLS


def test_one_tool_is_told_with_its_schemas(ask: Run) -> None:
    done = ask("tools", "forecast")
    assert done.code == 0
    assert "hints  readOnlyHint=true\n" in done.out
    assert "\nWhatever the place.\n" in done.out
    assert '"required": [\n    "city"\n  ]' in done.out
    assert done.out.endswith('structured content:\n{\n  "type": "object"\n}\n')
    assert json.loads(ask("tools", "--json", "forecast").out) == TOOLS[0]


def test_a_tool_that_is_not_there_is_a_failure_and_the_others_are_named(ask: Run) -> None:
    done = ask("tools", "forcast")
    assert (done.code, done.out) == (1, "")
    assert done.err.splitlines()[1].startswith("hint: it has: forecast, chart,")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("tools", "the server has no tools\n"),
        ("resources", "the server has no resources\n"),
        ("prompts", "the server has no prompts\n"),
    ],
)
def test_a_server_that_has_nothing_is_no_failure(run: Run, command: str, said: str) -> None:
    done = run(command, "--stdio", cli_line(empty=True))
    assert (done.code, done.out, done.err) == (0, said, "")


@pytest.mark.parametrize("command", ["tools", "resources", "prompts"])
def test_a_server_that_does_not_know_the_method_is_a_failure_with_a_hint(
    run: Run, command: str
) -> None:
    done = run(command, "--stdio", cli_line(bare=True))
    assert (done.code, done.out) == (1, "")
    said, hint = done.err.splitlines()
    assert said == f"mcp-sync: {command}/list: server error -32601: Method not found"
    assert "mcp-sync health --json" in hint


def test_a_tool_is_called_with_arguments_and_options_in_any_order(run: Run) -> None:
    done = run("call", "echo", "a=5", "--stdio", cli_line(), "b=x y", "--timeout", "9", "c=[1]")
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"a": 5, "b": "x y", "c": [1]}


def test_a_tool_is_called_with_one_json_object(ask: Run) -> None:
    assert json.loads(ask("call", "echo", "--args", '{"a": {"b": null}}').out) == {"a": {"b": None}}


def test_structured_content_is_printed_once(ask: Run) -> None:
    done = ask("call", "forecast", "city=Oslo")
    assert json.loads(done.out) == {"city": "Oslo", "degrees": [8.5, 11]}


def test_a_result_as_json_is_what_the_server_said(ask: Run) -> None:
    found = json.loads(ask("call", "chart", "--json").out)
    assert [block["type"] for block in found["content"]] == ["text", "image", "image"]


def test_pictures_are_told_of_and_saved(ask: Run, tmp_path: Path) -> None:
    file = tmp_path / "chart.png"
    done = ask("call", "chart", "--output", file)
    assert (done.code, done.err) == (0, "")
    text, first, second = done.out.splitlines()
    assert text == "Oslo, two days"
    assert first == f"[image/png, {len(PNG)} bytes] saved as {file}"
    assert second == f"[image/png, {len(PNG)} bytes] saved as {tmp_path / 'chart-2.png'}"
    assert file.read_bytes() == PNG


def test_an_answer_that_cannot_be_saved_is_not_lost(ask: Run) -> None:
    done = ask("call", "echo", "--output", "/dev/full", "text=a")
    assert (done.code, done.out) == (1, '{"text": "a"}\n')
    assert done.err.startswith("mcp-sync: cannot write /dev/full: No space left on device\n")
    done = ask("read", "weather://map", "--output", "/dev/full")
    assert done.code == 1
    assert base64.b64decode(done.out.partition("\n")[2]) == PNG


def test_progress_is_a_line_each_on_standard_error(ask: Run) -> None:
    done = ask("call", "climate", "steps=1")
    assert (done.code, done.out, done.err) == (0, "done\n", "100% year 1\n")


def test_a_tool_that_says_that_it_failed_has_an_exit_code_of_its_own(ask: Run) -> None:
    done = ask("call", "storm")
    assert (done.code, done.out) == (5, "no data for the moon\n")
    assert done.err == "mcp-sync: the tool storm says that it failed\n"
    as_json = ask("call", "storm", "--json")
    assert (as_json.code, json.loads(as_json.out)["isError"]) == (5, True)


def test_a_tool_of_no_name_is_a_failure(ask: Run) -> None:
    done = ask("call", "no-such-tool")
    assert (done.code, done.out) == (1, "")
    assert "Unknown tool: no-such-tool" in done.err


def test_what_is_piped_goes_as_it_came(ask: Run) -> None:
    assert ask("call", "escapes").out == f"{ESCAPES}\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("echo", "text"), "'text' is no argument"),
        (("echo", "a=1", "--args", "{}"), "--args holds all arguments"),
        (("echo", "--args", "[]"), "--args must be a JSON object"),
        (("echo", "--json", "--output", "file"), "--json prints the whole result"),
        (("echo", "--output", "/no/such/file"), "--output /no/such/file is no file"),
    ],
)
def test_arguments_that_cannot_work_are_refused_before_anything_is_sent(
    run: Run, arguments: tuple[str, ...], sentence: str, dead_url: str
) -> None:
    done = run("call", *arguments, "--url", dead_url)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"mcp-sync: {sentence}")


def test_resources_and_templates_are_listed(ask: Run) -> None:
    done = ask("resources")
    assert (done.code, done.err) == (0, "")
    assert [line.split()[0] for line in done.out.splitlines()[2:]] == [
        "weather://oslo",
        "weather://map",
        "weather://{city}",
    ]
    found = json.loads(ask("resources", "--json").out)
    assert found == {"resources": RESOURCES, "resourceTemplates": TEMPLATES}


def test_a_resource_is_read(ask: Run, tmp_path: Path) -> None:
    assert ask("read", "weather://oslo").out == "rainy\n"
    assert ask("read", "weather://map").out == f"[image/png, {len(PNG)} bytes]\n"
    file = tmp_path / "map.png"
    assert ask("read", "weather://map", "--output", file).code == 0
    assert file.read_bytes() == PNG
    found = json.loads(ask("read", "weather://oslo", "--json").out)
    assert found["contents"][0]["text"] == "rainy\n"


def test_a_resource_that_is_not_there_is_a_failure(ask: Run) -> None:
    done = ask("read", "weather://nowhere")
    assert (done.code, done.out) == (1, "")
    assert "Resource not found: weather://nowhere" in done.err


def test_prompts_are_listed(ask: Run) -> None:
    done = ask("prompts")
    assert done.out.splitlines()[2].split("  ") == [
        "report",
        "city [style]",
        "A report on the weather.",
    ]
    assert json.loads(ask("prompts", "--json").out) == PROMPTS


def test_a_prompt_is_filled_in_with_texts(ask: Run) -> None:
    done = ask("prompts", "report", "city=5")
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        "user: Write a report on the weather of 5.\nassistant: In the style of a newspaper?\n"
    )
    found = json.loads(ask("prompts", "report", "--json", "city=Oslo").out)
    assert [message["role"] for message in found["messages"]] == ["user", "assistant"]


def test_a_prompt_that_wants_more_is_a_failure(ask: Run) -> None:
    done = ask("prompts", "report")
    assert (done.code, done.out) == (1, "")
    assert "Missing argument: city" in done.err


def test_a_server_of_a_file_and_one_at_an_address_do_as_well(
    run: Run, tmp_path: Path, server: EmbeddedServer
) -> None:
    command, *args = cli_command()
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"weather": {"command": command, "args": args}}}))
    assert run("call", "echo", "--config", file, "--server", "weather").out == "{}\n"
    assert run("call", "echo", "text=hello", "--url", server.url).out == "hello\n"


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "cannot be read: No such file or directory"),
        ("{", "is not JSON"),
        ("[]", "must hold an object 'mcpServers'"),
        ('{"mcpServers": {"other": {}}}', "it has: other"),
    ],
)
def test_a_file_of_servers_that_cannot_work_is_bad_input(
    run: Run, tmp_path: Path, content: str | None, sentence: str
) -> None:
    file = tmp_path / "mcp.json"
    if content is not None:
        file.write_text(content)
    done = run("tools", "--config", file, "--server", "weather")
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err


def test_an_unknown_profile_is_bad_input(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "profiles.toml"
    file.write_text("[profiles.home]\n")
    monkeypatch.setenv("MCP_SYNC_PROFILES", str(file))
    monkeypatch.setenv("MCP_SYNC_PROFILE", "work")
    done = run("tools")
    assert (done.code, done.out) == (2, "")
    assert "is no table [profiles.work]" in done.err
    assert "it has: home" in done.err


def test_a_revision_that_nobody_speaks_is_bad_input(run: Run) -> None:
    done = run("tools", "--protocol-version", "1999-01-01")
    assert (done.code, done.out) == (2, "")
    assert "protocol_version='1999-01-01'" in done.err


def test_a_server_that_is_started_gets_the_variables_that_are_named(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOKEN", "abc")
    monkeypatch.setenv("REGION", "north sea")
    monkeypatch.setenv("OTHER", "kept here")
    names = ("--env", "TOKEN", "--env", "REGION")
    done = run("call", "variables", "names=TOKEN,REGION,OTHER", *names, "--stdio", cli_line())
    assert (done.code, done.err) == (0, "")
    assert json.loads(done.out) == {"TOKEN": "abc", "REGION": "north sea", "OTHER": None}


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("no-such-command --fast", "there is no command 'no-such-command'"),
        ("/", "may not be run"),
    ],
)
def test_a_command_that_cannot_be_started_is_a_server_that_is_not_there(
    run: Run, command: str, sentence: str
) -> None:
    done = run("tools", "--stdio", command)
    assert (done.code, done.out) == (3, "")
    assert sentence in done.err


def test_a_command_that_ends_at_once_is_told_with_a_hint(run: Run) -> None:
    deadline = Deadline(8000 * MS)
    done = run("tools", "--stdio", "false")
    assert not deadline.is_over()
    assert (done.code, done.out) == (3, "")
    said, hint = done.err.splitlines()
    assert said.startswith("mcp-sync: no connection to stdio:false: ")
    assert "--debug shows what the command says" in hint
    assert "--env NAME hands it one more" in hint
