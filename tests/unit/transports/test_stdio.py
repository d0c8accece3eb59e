"""The contract of a link, kept by one to a child process; against real children."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from mcp_sync.connection.worker import start_worker
from mcp_sync.deadline import Deadline
from mcp_sync.errors import MCPConfigurationError, MCPConnectionError, MCPConnectionRejected
from mcp_sync.transports.base import LinkDown, WriteTimeout
from mcp_sync.transports.stdio import StdioSettings, StdioTransport
from peers_stdio import has_ended, is_alive, stdio_command
from timing import MS

BOUND = 10_000 * MS
SOON = 1900 * MS
"""Before the two seconds are over that a child has to end by itself."""
AT_ONCE = 0.0
BIG = 3_000_000

Make = Callable[..., StdioTransport]
Run = Callable[..., Future[Any]]

CAT = ("cat",)


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes transports that are released at the end."""
    made = []

    def make_one(*command: str, **settings: Any) -> StdioTransport:
        made.append(StdioTransport(StdioSettings(command=command, **settings), start_worker))
        return made[-1]

    yield make_one
    for transport in made:
        transport.kill()
        transport.release()


@pytest.fixture
def open_link(make: Make) -> Make:
    """Makes a transport and opens it."""

    def open_one(*command: str, **settings: Any) -> StdioTransport:
        transport = make(*command, **settings)
        transport.open(Deadline(BOUND))
        return transport

    return open_one


def program(text: str) -> tuple[str, ...]:
    """A command that runs this Python."""
    return (sys.executable, "-I", "-S", "-c", text)


def loss(transport: StdioTransport) -> LinkDown:
    """How the link ends, when it is read."""
    with pytest.raises(LinkDown) as caught:
        while transport.receive(Deadline(BOUND)) is not None:
            pass
    return caught.value


def ask(transport: StdioTransport, method: str, **params: Any) -> dict[str, Any]:
    """Send a request to the peer's server and take the next message."""
    message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    transport.send(json.dumps(message), Deadline(BOUND))
    text = transport.receive(Deadline(BOUND))
    assert text is not None
    answer: dict[str, Any] = json.loads(text)
    return answer.get("result", answer)


def descriptors() -> set[int]:
    """The open descriptors of this process, but for the one that lists them."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):
            os.fstat(int(entry.name))
            found.add(int(entry.name))
    return found


def pid_of(transport: StdioTransport) -> int:
    return int(ask(transport, "where")["pid"])


# Moving messages


@pytest.mark.parametrize("size", [1, 4095, 4096, 65_535, 65_536, 65_537, BIG])
def test_messages_of_any_size_go_both_ways(open_link: Make, in_thread: Run, size: int) -> None:
    text = "ä" * (size // 2) + "x" * (size % 2)
    transport = open_link(*CAT)
    sending = in_thread(transport.send, text, Deadline(BOUND))
    assert transport.receive(Deadline(BOUND)) == text
    sending.result(BOUND)
    assert transport.bytes_sent == transport.bytes_received == size + 1


def test_many_threads_write_while_one_reads(open_link: Make, in_thread: Run) -> None:
    writers, messages = 4, 200

    def write(number: int) -> None:
        for count in range(messages):
            transport.send(f"{number} {count} " + "x" * (count * 37 % 5000), Deadline(BOUND))

    transport = open_link(*CAT)
    writing = [in_thread(write, number) for number in range(writers)]
    seen: dict[str, list[int]] = {str(number): [] for number in range(writers)}
    for _ in range(writers * messages):
        text = transport.receive(Deadline(BOUND))
        assert text is not None
        number, count, filler = text.split(" ")
        assert filler == "x" * (int(count) * 37 % 5000)
        seen[number].append(int(count))
    for one in writing:
        one.result(BOUND)
    assert all(counts == list(range(messages)) for counts in seen.values())


def test_open_says_which_process_is_at_the_other_end(make: Make) -> None:
    transport = make("cat")
    info = transport.open(Deadline(BOUND))
    assert info.peer_address is not None
    name, pid = info.peer_address.rstrip("]").split("[")
    assert name == "cat"
    assert is_alive(int(pid))
    with pytest.raises(LinkDown, match="opened once"):
        transport.open(Deadline(BOUND))


def test_progress_shows_in_the_gauges(open_link: Make) -> None:
    before = time.monotonic()
    transport = open_link(*CAT)
    assert (transport.last_inbound, transport.last_outbound) == (0.0, 0.0)
    transport.send("[]", Deadline(BOUND))
    assert transport.receive(Deadline(BOUND)) == "[]"
    assert before <= transport.last_outbound <= transport.last_inbound <= time.monotonic()
    assert not transport.is_writing()


def test_blank_lines_and_carriage_returns_are_no_messages(open_link: Make) -> None:
    transport = open_link(*program(r"print('\n\r\n   \n[1]\r\n\n[2]', flush=True); input()"))
    assert [transport.receive(Deadline(BOUND)) for _ in range(2)] == ["[1]\r", "[2]"]


def test_a_line_that_is_no_json_is_handed_up_as_it_is(open_link: Make) -> None:
    transport = open_link(*program("print('starting ...', flush=True); input()"))
    assert transport.receive(Deadline(BOUND)) == "starting ..."


def test_a_line_that_is_no_utf_8_can_be_no_message_and_the_link_lives(open_link: Make) -> None:
    text = r"import os; os.write(1, b'[\"\xff\"]\n[1]\n'); input()"
    transport = open_link(*program(text))
    line = transport.receive(Deadline(BOUND))
    assert line is not None
    with pytest.raises(json.JSONDecodeError):
        json.loads(line)
    assert transport.receive(Deadline(BOUND)) == "[1]"


def test_a_message_that_comes_byte_by_byte_is_taken_whole(open_link: Make) -> None:
    transport = open_link(*stdio_command(dribble=True))
    answer = ask(transport, "echo", text="ä" * 500)
    assert answer["params"] == {"text": "ä" * 500}


def test_half_a_surrogate_pair_is_refused_and_nothing_is_written(open_link: Make) -> None:
    transport = open_link(*CAT)
    with pytest.raises(UnicodeEncodeError):
        transport.send("\ud800", Deadline(BOUND))
    transport.send("[]", Deadline(BOUND))
    assert transport.receive(Deadline(BOUND)) == "[]"
    assert transport.bytes_sent == 3


# Limits


def test_a_line_may_be_as_long_as_the_limit_and_not_a_byte_longer(open_link: Make) -> None:
    transport = open_link(*CAT, max_message_size=100)
    transport.send("x" * 100, Deadline(BOUND))
    assert transport.receive(Deadline(BOUND)) == "x" * 100
    transport.send("x" * 101, Deadline(BOUND))
    down = loss(transport)
    assert down.cause == "the server sent a line of 101 bytes or more, over the limit of 100"
    assert (down.close_code, down.size) == (None, 101)


def test_a_line_without_an_end_is_given_up_at_the_limit(open_link: Make) -> None:
    transport = open_link(*stdio_command(floods_output=True), max_message_size=1_000_000)
    down = loss(transport)
    assert down.size is not None
    assert 1_000_000 < down.size <= 1_000_000 + 65_536
    assert transport.bytes_received <= 1_000_000 + 65_536


def test_reading_a_long_line_in_small_pieces_takes_linear_time(open_link: Make) -> None:
    """Joined anew at each piece, this would move hundreds of gigabytes."""
    size, piece = 16_000_000, 512
    text = f"import os\nfor _ in range({size // piece}): os.write(1, b'x' * {piece})\nprint()"
    transport = open_link(*program(text))
    message = transport.receive(Deadline(BOUND))
    assert message is not None
    assert len(message) == size


# Deadlines


def test_a_deadline_in_the_middle_of_a_line_loses_nothing(open_link: Make) -> None:
    text = "import sys; print('[1, ', end='', flush=True); input(); print('2]', flush=True)"
    transport = open_link(*program(text + "; input()"))
    deadline = Deadline(BOUND)
    while transport.bytes_received < 4:
        assert transport.receive(Deadline(1 * MS)) is None
        assert not deadline.is_over()
    assert transport.receive(Deadline(AT_ONCE)) is None
    transport.send("go on", Deadline(BOUND))
    assert transport.receive(Deadline(BOUND)) == "[1, 2]"


def test_a_deadline_with_nothing_written_leaves_the_link_alive(open_link: Make) -> None:
    transport = open_link(*stdio_command())
    assert ask(transport, "sulk")["method"] == "notifications/sulking"
    while transport.can_send_now(4000):
        transport.send("x" * 4000, Deadline(BOUND))
    fill_up(transport)
    before = transport.bytes_sent
    with pytest.raises(WriteTimeout):
        transport.send("x", Deadline(20 * MS))
    assert transport.bytes_sent == before
    assert transport.receive(Deadline(AT_ONCE)) is None


def fill_up(transport: StdioTransport) -> None:
    """Post until the pipe takes nothing more."""
    sent = -1
    while sent != transport.bytes_sent:
        sent = transport.bytes_sent
        transport.post("x")


def test_a_deadline_in_the_middle_of_a_write_ends_the_link(open_link: Make) -> None:
    transport = open_link(*stdio_command())
    assert ask(transport, "sulk")["method"] == "notifications/sulking"
    with pytest.raises(LinkDown) as caught:
        transport.send("x" * BIG, Deadline(50 * MS))
    assert caught.value.partly_written
    with pytest.raises(LinkDown):
        transport.receive(Deadline(BOUND))


def test_can_send_now_tells_the_truth(open_link: Make) -> None:
    transport = open_link(*stdio_command())
    assert ask(transport, "sulk")["method"] == "notifications/sulking"
    assert not transport.can_send_now(BIG)
    sent = [0, 0]
    for kind, size in enumerate((20_000, 1000)):
        while transport.can_send_now(size):
            transport.send("x" * size, Deadline(AT_ONCE))
            sent[kind] += 1
    assert sent[0] >= 1
    assert sent[1] > 10


def test_a_posted_message_goes_out_and_a_pipe_has_no_ping(open_link: Make) -> None:
    transport = open_link(*CAT)
    assert not transport.can_ping
    assert not transport.ping(b"x")
    assert transport.post("[1]")
    transport.flush()
    assert transport.receive(Deadline(BOUND)) == "[1]"


# Wake and abort


def test_wake_ends_a_receive_and_the_next_one_reads_on(open_link: Make, in_thread: Run) -> None:
    transport = open_link(*CAT)
    receiving = in_thread(transport.receive, None)
    transport.wake()
    assert receiving.result(BOUND) is None
    transport.send("[]", Deadline(BOUND))
    assert transport.receive(Deadline(BOUND)) == "[]"


def test_abort_ends_a_blocked_receive(open_link: Make, in_thread: Run) -> None:
    transport = open_link(*CAT)
    receiving = in_thread(transport.receive, None)
    transport.abort()
    with pytest.raises(LinkDown, match="aborted"):
        receiving.result(BOUND)
    with pytest.raises(LinkDown, match="aborted"):
        transport.send("[]", Deadline(BOUND))
    assert not transport.post("[]")
    assert not transport.can_send_now(1)


def test_abort_ends_a_blocked_send(open_link: Make, in_thread: Run) -> None:
    transport = open_link(*stdio_command())
    assert ask(transport, "sulk")["method"] == "notifications/sulking"
    before = transport.bytes_sent
    sending = in_thread(transport.send, "x" * BIG, Deadline(BOUND))
    deadline = Deadline(BOUND)
    while transport.bytes_sent == before:
        assert not deadline.is_over()
        assert transport.receive(Deadline(1 * MS)) is None
    assert transport.is_writing()
    transport.abort()
    with pytest.raises(LinkDown) as caught:
        sending.result(SOON)
    assert caught.value.partly_written


def test_a_wake_does_not_keep_a_blocked_writer_busy(open_link: Make, in_thread: Run) -> None:
    transport = open_link(*stdio_command())
    assert ask(transport, "sulk")["method"] == "notifications/sulking"
    sending = in_thread(transport.send, "x" * BIG, Deadline(300 * MS))
    transport.wake()
    used = time.process_time()
    with pytest.raises(LinkDown):
        sending.result(BOUND)
    assert time.process_time() - used < 150 * MS


def test_a_transport_that_was_aborted_does_not_start_anything(make: Make) -> None:
    transport = make("cat")
    transport.abort()
    with pytest.raises(LinkDown, match="aborted"):
        transport.open(Deadline(BOUND))


def test_there_must_be_time_to_start(make: Make) -> None:
    with pytest.raises(MCPConnectionError, match="could not start cat: no time was left"):
        make("cat").open(Deadline(AT_ONCE))


# The end of the child


def test_a_child_that_ends_is_noticed_at_once_with_its_status_and_last_words(
    open_link: Make, in_thread: Run
) -> None:
    transport = open_link(*stdio_command(stderr=["one", "KeyError: 'PORT'"]))
    receiving = in_thread(transport.receive, None)
    message = {"id": 1, "method": "die", "params": {"status": 3}}
    transport.send(json.dumps(message), Deadline(BOUND))
    with pytest.raises(LinkDown) as caught:
        receiving.result(SOON)
    name = Path(sys.executable).name
    assert caught.value.cause == (
        f"the server process {name} ended with exit status 3; its last lines on stderr: "
        "one | KeyError: 'PORT'"
    )
    assert caught.value.close_code is None


def test_a_child_that_is_killed_is_told_by_its_signal(open_link: Make) -> None:
    transport = open_link(*stdio_command())
    os.kill(pid_of(transport), signal.SIGKILL)
    assert loss(transport).cause.endswith("was killed by SIGKILL; it wrote nothing to stderr")


def test_a_writer_meets_the_same_words_as_a_reader(open_link: Make) -> None:
    transport = open_link(*program("import os; os.write(2, b'no config\\n'); os._exit(4)"))
    deadline = Deadline(BOUND)
    with pytest.raises(LinkDown, match=r"ended with exit status 4; .*: no config$"):
        while not deadline.is_over():
            transport.send("x" * 1000, deadline)


def test_what_a_child_said_before_its_end_is_delivered_first(open_link: Make) -> None:
    transport = open_link(*program("print('[1]\\n[2]'); print('[3', end='')"))
    assert [transport.receive(Deadline(BOUND)) for _ in range(2)] == ["[1]", "[2]"]
    assert loss(transport).cause.endswith("half a message was lost")
    assert "exit status 0" in loss(transport).cause


def test_a_grandchild_that_keeps_the_pipes_does_not_keep_the_link(open_link: Make) -> None:
    transport = open_link(*stdio_command())
    grandchild = ask(transport, "spawn")["pid"]
    transport.send('{"id": 2, "method": "die"}', Deadline(BOUND))
    assert "ended with exit status 0" in loss(transport).cause
    assert is_alive(grandchild)
    transport.release()
    assert has_ended(grandchild, SOON)


def test_a_grandchild_of_another_session_holds_up_nothing_and_is_left_alone(
    open_link: Make,
) -> None:
    transport = open_link(*stdio_command())
    grandchild = ask(transport, "spawn", far=True)["pid"]
    begun = time.monotonic()
    transport.release()
    assert time.monotonic() - begun < SOON
    assert is_alive(grandchild)
    os.kill(grandchild, signal.SIGKILL)


def test_a_child_that_closes_its_output_and_lives_ends_the_link(open_link: Make) -> None:
    transport = open_link(*program("import os, signal; os.close(1); signal.pause()"))
    assert loss(transport).cause.endswith("lives, but it closed its output")


def test_a_child_that_closes_its_input_and_lives_ends_the_link_at_the_next_write(
    open_link: Make,
) -> None:
    transport = open_link(*stdio_command())
    assert ask(transport, "stop_reading")["method"] == "notifications/deaf"
    with pytest.raises(LinkDown, match="lives, but broken pipe"):
        transport.send("[]", Deadline(BOUND))


def test_a_script_that_restored_sigpipe_does_not_die_of_a_lost_link(open_link: Make) -> None:
    transport = open_link(*stdio_command())
    assert ask(transport, "stop_reading")["method"] == "notifications/deaf"
    before = signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    try:
        with pytest.raises(LinkDown, match="broken pipe"):
            transport.send("[]", Deadline(BOUND))
        assert signal.SIGPIPE not in signal.sigpending()
    finally:
        signal.signal(signal.SIGPIPE, before)


# Goodbye


def test_a_close_lets_the_child_end_by_itself(open_link: Make) -> None:
    transport = open_link(*stdio_command())
    pid = pid_of(transport)
    assert transport.send_close(1000)
    assert transport.send_close(1000)
    with pytest.raises(LinkDown, match="the server's input was closed"):
        transport.send("[]", Deadline(BOUND))
    assert not transport.post("[]")
    assert "ended with exit status 0" in loss(transport).cause
    transport.release()
    assert not Path(f"/proc/{pid}").exists()


def test_a_child_that_does_not_mind_the_end_of_its_input_is_told_by_sigterm(
    open_link: Make,
) -> None:
    transport = open_link(*stdio_command(stays_at_end=True))
    pid = pid_of(transport)
    begun = time.monotonic()
    transport.release()
    assert 1.9 < time.monotonic() - begun < 3.5
    assert not Path(f"/proc/{pid}").exists()


def test_a_child_that_minds_nothing_is_killed_with_its_group(open_link: Make) -> None:
    transport = open_link(*stdio_command(stays_at_end=True, ignores_sigterm=True))
    pid, grandchild = pid_of(transport), ask(transport, "spawn")["pid"]
    begun = time.monotonic()
    transport.release()
    assert 3.9 < time.monotonic() - begun < transport.goodbye_seconds + 1.5
    assert not Path(f"/proc/{pid}").exists()
    assert has_ended(grandchild, SOON)


def test_a_kill_shortens_a_release(open_link: Make, in_thread: Run) -> None:
    transport = open_link(*stdio_command(stays_at_end=True, ignores_sigterm=True))
    pid = pid_of(transport)
    releasing = in_thread(transport.release)
    transport.kill()
    releasing.result(SOON)
    assert not Path(f"/proc/{pid}").exists()
    transport.kill()
    transport.release()


def test_a_child_that_is_writing_is_read_until_it_sees_the_end_of_its_input(
    open_link: Make,
) -> None:
    text = "import os, sys\nfor _ in range(40): os.write(1, b'x' * 60000)\nsys.stdin.read()"
    transport = open_link(*program(text))
    begun = time.monotonic()
    transport.release()
    assert time.monotonic() - begun < SOON


def test_release_closes_all_that_was_opened_and_may_come_twice(make: Make) -> None:
    before = descriptors()
    threads = threading.active_count()
    transport = make("cat")
    transport.open(Deadline(BOUND))
    assert len(descriptors() - before) >= 4
    transport.release()
    transport.release()
    assert descriptors() == before
    assert threading.active_count() == threads


def test_a_forked_child_closes_its_copies_and_leaves_the_server_alone(open_link: Make) -> None:
    before = descriptors()
    transport = open_link(*stdio_command())
    pid = pid_of(transport)
    forked = os.fork()
    if forked == 0:
        status = 1
        try:
            transport.forget()
            transport.forget()
            status = 0 if is_alive(pid) and descriptors() <= before else 2
        finally:
            os._exit(status)
    assert os.waitpid(forked, 0)[1] == 0
    # The parent's link goes on, and the server sees the end of its input when it is closed here.
    assert ask(transport, "echo", a=1)["params"] == {"a": 1}
    begun = time.monotonic()
    transport.release()
    assert time.monotonic() - begun < SOON


# What cannot be run


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        (("no-such-command-here", "--token=secret"), "there is no command 'no-such-command-here'"),
        (("/no/such/path",), "there is no command '/no/such/path'"),
        (("/etc/passwd",), "the command '/etc/passwd' may not be run"),
        (("/",), "the command '/' may not be run"),
    ],
)
def test_a_command_that_cannot_be_run_is_refused_for_good(
    make: Make, command: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(MCPConnectionRejected) as caught:
        make(*command).open(Deadline(BOUND))
    assert str(caught.value).startswith(sentence)
    assert "secret" not in str(caught.value)


def test_a_directory_that_is_none_is_refused_for_good(make: Make) -> None:
    with pytest.raises(MCPConnectionRejected, match=r"working directory '/no/such' .* check cwd"):
        make("cat", cwd="/no/such").open(Deadline(BOUND))


@pytest.mark.parametrize(
    "settings",
    [
        {"command": "cat file"},
        {"command": ()},
        {"command": ("cat", "a\0b")},
        {"command": CAT, "env": {"A=B": "1"}},
        {"command": CAT, "cwd": ""},
        {"command": CAT, "max_message_size": 0},
    ],
)
def test_settings_that_cannot_work_are_refused(settings: Any) -> None:
    with pytest.raises(MCPConfigurationError):
        StdioSettings(**settings)


def test_no_secret_is_shown() -> None:
    settings = StdioSettings(command=("cat", "--token=hunter2"), env={"TOKEN": "hunter2"})
    assert "hunter2" not in repr(settings)
