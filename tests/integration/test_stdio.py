"""A client and its server as a child process: calls, restarts, rude children, and the goodbye."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import threading
import time
import warnings
from concurrent.futures import wait
from pathlib import Path
from typing import Any

import pytest

from leaks import child_pids
from mcp_sync import (
    MCPClient,
    MCPClosedError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPResponseError,
    MCPTimeoutError,
)
from mcp_sync.transports import child
from peers_stdio import has_ended, is_alive, stdio_command
from scenes import FAST, PATIENCE, Diary, until
from timing import MS

SOON = 1900 * MS
"""Before the two seconds are over that a child has to end by itself."""


def make_client(command: list[str] | None = None, **settings: Any) -> MCPClient:
    return MCPClient(stdio=command or stdio_command(), **{**FAST, **settings})


def pid_of(client: MCPClient) -> int:
    return int(client.request("where", idempotent=True)["pid"])


# Calls


def test_a_client_talks_to_a_server_that_it_started() -> None:
    client = make_client()
    with client:
        assert client.request("tools/list")["tools"][0]["name"] == "echo"
        assert client.get_client_info().server_url.startswith("stdio:python")
        link = client.get_connection_stats().link
        assert link.peer_address is not None
        assert str(pid_of(client)) in link.peer_address
        pid = pid_of(client)
    assert not Path(f"/proc/{pid}").exists()


def test_many_calls_at_once_are_each_answered_with_their_own_answer() -> None:
    with make_client() as client:
        calls = [client.submit("echo", {"n": number}) for number in range(300)]
        wait(calls, PATIENCE)
        assert [call.result(0)["params"]["n"] for call in calls] == list(range(300))


def test_threads_share_a_client_over_the_same_pipe() -> None:
    with make_client() as client:
        wrong: list[int] = []

        def run(number: int) -> None:
            for count in range(100):
                text = f"{number} {count} " + "ä" * (count * 211 % 9000)
                if client.request("echo", {"text": text})["params"]["text"] != text:
                    wrong.append(number)

        threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert client.get_connection_stats().losses.count == 0


def test_big_messages_go_both_ways() -> None:
    with make_client() as client:
        assert len(client.request("big", {"size": 5_000_000})["text"]) == 5_000_000
        text = "ä" * 2_000_000
        assert client.request("echo", {"text": text})["params"]["text"] == text


def test_env_cwd_and_arguments_reach_the_server(tmp_path: Path) -> None:
    command = [*stdio_command(), "an argument", "$HOME"]
    with make_client(command, env={"TOKEN": "1"}, cwd=tmp_path) as client:
        found = client.request("where")
    assert found["argv"] == ["an argument", "$HOME"]
    assert found["cwd"] == str(tmp_path)
    assert found["env"]["TOKEN"] == "1"
    assert "PYTEST_CURRENT_TEST" in os.environ
    assert "PYTEST_CURRENT_TEST" not in found["env"]
    assert found["session"] == found["group"] == found["pid"] != os.getpid()


def test_an_unknown_method_is_refused_and_the_link_lives() -> None:
    with make_client() as client:
        with pytest.raises(MCPResponseError) as caught:
            client.request("no/such/method")
        assert caught.value.code == -32601
        assert client.request("ping") == {}


def test_a_client_can_be_opened_again() -> None:
    client = make_client()
    pids = set()
    for _ in range(3):
        with client:
            pids.add(pid_of(client))
    assert len(pids) == 3
    assert not pids.intersection(child_pids())


def test_a_client_is_made_of_a_file_for_desktop_tools(tmp_path: Path) -> None:
    command, *args = stdio_command()
    file = tmp_path / "mcp.json"
    file.write_text(json.dumps({"mcpServers": {"peer": {"command": command, "args": args}}}))
    with MCPClient.from_config(file, "peer", **FAST) as client:
        assert client.request("tools/list")["tools"]


# A link that cannot ping


def test_no_silence_ends_the_link_and_calls_still_expire() -> None:
    settings = {"heartbeat_interval": 10 * MS, "heartbeat_timeout": 20 * MS}
    with make_client(**settings) as client:
        with pytest.raises(MCPTimeoutError):
            client.request("no_answer", timeout=300 * MS)
        call = client.submit("no_answer", timeout=200 * MS)
        with pytest.raises(MCPTimeoutError):
            call.result(PATIENCE)
        statistics = client.get_connection_stats()
        assert (statistics.losses.count, statistics.heartbeat.pings_sent) == (0, 0)
        assert client.request("ping") == {}


def test_the_heartbeat_of_a_silent_pipe_sleeps() -> None:
    with make_client(heartbeat_interval=20 * MS) as client:
        client.request("ping")
        used = time.process_time()
        with pytest.raises(MCPTimeoutError):
            client.request("no_answer", timeout=500 * MS)
        assert time.process_time() - used < 250 * MS


def test_a_health_check_asks_the_server() -> None:
    with make_client() as client:
        health = client.health_check()
        assert (health.status, health.reasons) == ("healthy", ())
        assert health.ping_round_trip is None
        assert health.request_round_trip is not None


# Rude children


def test_lines_that_are_no_messages_are_dropped_and_counted() -> None:
    garbage = ["starting up\n", "\n", "{\n", '{"jsonrpc": "2.0"}\n', "[\xff]\n", "null\n"]
    with make_client(stdio_command(garbage=garbage)) as client:
        assert client.request("echo", {"a": 1})["params"] == {"a": 1}
        assert client.request("ping") == {}
        assert client.get_connection_stats().losses.count == 0


def test_a_server_that_dribbles_is_waited_for() -> None:
    with make_client(stdio_command(dribble=True)) as client:
        assert client.request("echo", {"text": "ä" * 300})["params"]["text"] == "ä" * 300


def test_a_flood_of_stderr_is_logged_and_holds_up_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mcp_sync.stdio")
    with make_client(stdio_command(flood=1_000_000)) as client:
        assert client.request("ping") == {}
        client.request("say", {"text": "one\ntwo\n"})
        until(lambda: caplog.records[-1].getMessage().endswith(": two"))
    assert caplog.messages.count(f"{Path(sys.executable).name}: {'x' * 79}") >= 12_000
    assert [text.partition(": ")[2] for text in caplog.messages[-2:]] == ["one", "two"]


def test_a_message_over_the_limit_costs_the_link_and_names_size_and_limit() -> None:
    with make_client(max_message_size=100_000) as client:
        diary = Diary(client)
        with pytest.raises(MCPConnectionLost, match=r"over the limit of 100000") as caught:
            client.request("big", {"size": 10_000_000}, idempotent=False)
        assert caught.value.maybe_executed
        diary.wait_for("initialized")
        assert client.request("ping") == {}


def test_a_child_that_dies_at_its_start_says_why() -> None:
    command = stdio_command(stderr=["Traceback ...", "KeyError: 'PORT'"], exit=3)
    client = make_client(command, reconnect_attempts=2, offline_mode=False)
    diary = Diary(client)
    with pytest.raises(MCPConnectionError) as caught, client:
        pass
    assert not isinstance(caught.value, MCPConnectionRejected)
    for part in ("exit status 3", "Traceback ... | KeyError: 'PORT'", "after 3 attempts"):
        assert part in str(caught.value)
    diary.wait_for("failed", 3)
    client.close()
    assert diary.names().count("failed") == 3


def test_a_call_that_waits_for_a_child_that_dies_at_its_start_says_why() -> None:
    client = make_client(stdio_command(stderr=["KeyError: 'PORT'"], exit=3))
    with contextlib.closing(client):
        diary = Diary(client)
        client.submit("tools/list")
        diary.wait_for("failed")
        with pytest.raises(MCPTimeoutError, match="exit status 3.*KeyError: 'PORT'") as caught:
            client.request("tools/list", timeout=100 * MS)
        assert not caught.value.sent


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"stdio": ["no-such-command", "secret"]}, "there is no command 'no-such-command'"),
        ({"stdio": ["cat"], "cwd": "/no/such"}, "working directory '/no/such' is no directory"),
    ],
)
def test_what_cannot_be_started_is_refused_for_good(
    settings: dict[str, Any], sentence: str
) -> None:
    client = MCPClient(**settings, **FAST)
    with pytest.raises(MCPConnectionRejected) as caught:
        client.connect(PATIENCE)
    assert sentence in str(caught.value)
    assert "secret" not in str(caught.value)
    with pytest.raises(MCPConnectionRejected, match=re.escape(sentence)):
        client.request("ping", timeout=PATIENCE)
    client.close()


def test_a_program_that_is_no_server_is_given_up_in_time() -> None:
    client = make_client(["sleep", "1000"], connect_timeout=1000 * MS, reconnect_attempts=0)
    with pytest.raises(MCPConnectionError, match="not answered in time"), client:
        pass
    assert child_pids() == []


# Restarts


def test_a_server_that_ends_is_started_again_and_queued_calls_are_delivered() -> None:
    with make_client(stdio_command(exit_after=3)) as client:
        diary = Diary(client)
        pids = set()
        for number in range(12):
            answer = client.request("echo", {"n": number}, idempotent=True, timeout=PATIENCE)
            assert answer["params"] == {"n": number}
            pids.add(answer["pid"])
        assert len(pids) == 4
        assert "ended with exit status 9" in diary.wait_for("disconnected").context["cause"]
        assert client.get_connection_stats().losses.count == 3


def test_calls_made_while_there_is_no_server_are_sent_to_the_next_one() -> None:
    with make_client() as client:
        diary = Diary(client)
        first = pid_of(client)
        os.kill(first, signal.SIGKILL)
        diary.wait_for("disconnected")
        calls = [client.submit("echo", {"n": number}) for number in range(20)]
        answers = [call.result(PATIENCE) for call in calls]
        assert [answer["params"]["n"] for answer in answers] == list(range(20))
        assert {answer["pid"] for answer in answers} == {pid_of(client)} != {first}
    assert "was killed by SIGKILL" in diary.wait_for("disconnected").context["cause"]


def test_an_idle_server_that_ends_is_noticed_at_once_and_replaced() -> None:
    with make_client() as client:
        diary = Diary(client)
        pid = pid_of(client)
        begun = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        diary.wait_for("disconnected")
        assert time.monotonic() - begun < SOON
        diary.wait_for("initialized")


def test_a_call_that_killed_its_server_is_not_repeated_and_says_how() -> None:
    with make_client() as client:
        with pytest.raises(MCPConnectionLost, match="exit status 5") as caught:
            client.request("die", {"status": 5})
        assert caught.value.maybe_executed
        with pytest.raises(MCPConnectionLost, match="half a message was lost"):
            client.request("half")
        assert client.request("ping", timeout=PATIENCE) == {}


def test_reconnect_replaces_the_server() -> None:
    with make_client() as client:
        first = pid_of(client)
        client.reconnect()
        assert pid_of(client) != first
        assert not Path(f"/proc/{first}").exists()


# The goodbye


def test_a_polite_server_is_gone_when_close_returns() -> None:
    client = make_client()
    client.connect()
    pid = pid_of(client)
    begun = time.monotonic()
    client.close()
    assert time.monotonic() - begun < SOON
    assert not Path(f"/proc/{pid}").exists()
    with pytest.raises(MCPClosedError):
        client.request("ping")


def test_a_server_that_waits_for_sigterm_has_the_time_to_clean_up(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "STDERR_S", PATIENCE)  # its last line is to be seen
    caplog.set_level(logging.INFO, "mcp_sync.stdio")
    client = make_client(stdio_command(stays_at_end=True, cleans_up=0.8))
    client.connect()
    pid = pid_of(client)
    client.close()
    assert not Path(f"/proc/{pid}").exists()
    assert caplog.messages[-1].endswith(": cleaned up")


def test_a_server_that_minds_nothing_is_gone_when_close_returns_with_all_it_started() -> None:
    client = make_client(stdio_command(stays_at_end=True, ignores_sigterm=True))
    client.connect()
    pid, grandchild = pid_of(client), client.request("spawn")["pid"]
    begun = time.monotonic()
    client.close()
    assert time.monotonic() - begun < 10
    assert not Path(f"/proc/{pid}").exists()
    assert has_ended(grandchild, PATIENCE)


def test_a_server_whose_grandchild_keeps_the_pipes_is_left_in_time() -> None:
    client = make_client()
    client.connect()
    pid, grandchild = pid_of(client), client.request("spawn", {"far": True})["pid"]
    begun = time.monotonic()
    client.close()
    assert time.monotonic() - begun < 2 * SOON
    assert not Path(f"/proc/{pid}").exists()
    assert is_alive(grandchild)
    os.kill(grandchild, signal.SIGKILL)


def test_a_close_under_load_fails_the_calls_and_leaves_nothing() -> None:
    client = make_client(stdio_command(dribble=True))
    client.connect()
    client.request("ping")
    calls = [client.submit("echo", {"text": "x" * 20_000}) for _ in range(50)]
    client.close()
    done, pending = wait(calls, PATIENCE)
    assert not pending
    assert any(isinstance(call.exception(0), MCPClosedError) for call in done)
    assert child_pids() == []


def test_a_forgotten_client_takes_its_server_with_it() -> None:
    client = make_client()
    client.connect()
    pid = pid_of(client)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        del client
        gc.collect()
    assert "unclosed MCP client of stdio:python" in str(caught[0].message)
    assert has_ended(pid, PATIENCE)


@pytest.mark.parametrize("rudeness", [{}, {"stays_at_end": True, "ignores_sigterm": True}])
def test_a_script_that_forgets_to_close_leaves_no_server_behind(rudeness: dict[str, Any]) -> None:
    program = f"""
        from mcp_sync import MCPClient
        client = MCPClient(stdio={stdio_command(**rudeness)!r})
        client.connect()
        print(client.request("where")["pid"], flush=True)
    """
    begun = time.monotonic()
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert time.monotonic() - begun < 20
    assert has_ended(int(run.stdout), PATIENCE)


def test_a_killed_script_takes_its_server_with_it() -> None:
    program = f"""
        import os
        from mcp_sync import MCPClient
        client = MCPClient(stdio={stdio_command()!r})
        client.connect()
        print(client.request("where")["pid"], flush=True)
        os.kill(os.getpid(), 9)
    """
    run = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert run.returncode == -signal.SIGKILL
    assert has_ended(int(run.stdout), PATIENCE)


def test_a_forked_child_has_a_server_of_its_own() -> None:
    with make_client() as client:
        first = pid_of(client)
        forked = os.fork()
        if forked == 0:
            status = 1
            try:
                own = pid_of(client)
                client.close()
                status = 0 if own != first and is_alive(first) else 2
            finally:
                os._exit(status)
        assert os.waitstatus_to_exitcode(os.waitpid(forked, 0)[1]) == 0
        assert pid_of(client) == first


def test_no_argument_and_no_value_of_env_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "mcp_sync")
    command = [*stdio_command(exit=1), "--token=hunter2"]
    client = make_client(
        command, env={"TOKEN": "hunter2"}, reconnect_attempts=0, offline_mode=False
    )
    with pytest.raises(MCPConnectionError) as caught, client:
        pass
    shown = [str(caught.value), repr(client), str(client.get_client_info()), caplog.text]
    assert "hunter2" not in "".join(shown)
