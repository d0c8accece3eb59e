"""Interrupts at any moment of a main thread that calls, beside other threads on the same client.

They are sent by another process. A thread of this one would only ever send them while it has the
interpreter's lock, and so while the main thread waits for that.
"""

from __future__ import annotations

import contextlib
import logging
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from alarm import Alarm, ctrl_c
from mcp_sync import MCPClient, MCPClosedError, MCPConnectionLost, MCPResponseError
from mcp_sync.deadline import Deadline
from mcp_sync.embedded import EmbeddedServer
from scenes import FAST, PATIENCE
from timing import MS

Act = Callable[[MCPClient], object]

LASTS = 2000 * MS
"""Seconds of interrupts."""


def call_and_count(client: MCPClient, over: threading.Event, fates: Counter[str]) -> None:
    while not over.is_set():
        try:
            client.ping(timeout=PATIENCE)
            fates["answered"] += 1
        except MCPConnectionLost:
            fates["lost"] += 1
        except BaseException as error:
            fates[repr(error)] += 1
            raise


SENDER = """
import os, random, signal, sys, threading
parent, seconds, never = os.getppid(), float(sys.argv[1]), threading.Event()
while os.getppid() == parent:
    never.wait(random.uniform(0.5, 2) * seconds)
    os.kill(parent, signal.SIGUSR1)
"""


@contextlib.contextmanager
def interrupts() -> Iterator[Alarm]:
    """Real signals, about one in a millisecond, which raise KeyboardInterrupt where that is on."""
    with contextlib.closing(Alarm(ctrl_c)) as alarm:
        sender = subprocess.Popen([sys.executable, "-c", SENDER, str(1 * MS)])
        try:
            yield alarm
        finally:
            sender.kill()
            sender.wait()


def call_under_interrupts(client: MCPClient, act: Act) -> Counter[str]:
    """Call again and again under interrupts, each of which may cost the link; how they ended."""
    fates: Counter[str] = Counter()
    ends = Deadline(LASTS)
    with interrupts() as alarm:
        while not ends.is_over():
            try:
                with alarm.on():
                    act(client)
                fates["answered"] += 1
            except KeyboardInterrupt:
                fates["interrupted"] += 1
            except MCPResponseError:
                fates["refused"] += 1
            except MCPConnectionLost:
                fates["lost"] += 1
    return fates


def ping(client: MCPClient) -> None:
    client.ping(timeout=PATIENCE)


def ask_what_is_refused(client: MCPClient) -> None:
    client.request("no/such/method", timeout=PATIENCE)


def submit(client: MCPClient) -> None:
    client.submit("ping", timeout=PATIENCE).result(PATIENCE)


def reconnect(client: MCPClient) -> None:
    client.reconnect()
    client.ping(timeout=PATIENCE)


# Python drops what a signal raises inside a callback of the collector, and tells of it.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("act", [ping, ask_what_is_refused, submit, reconnect])
def test_interrupts_at_any_moment_harm_nobody_elses_calls_and_leave_the_client_usable(
    act: Act,
) -> None:
    over = threading.Event()
    fates: Counter[str] = Counter()
    with EmbeddedServer() as server, MCPClient(server.url, **FAST) as client:
        others = [
            threading.Thread(target=call_and_count, args=(client, over, fates)) for _ in range(2)
        ]
        for other in others:
            other.start()
        try:
            mine = call_under_interrupts(client, act)
        finally:
            over.set()
            for other in others:
                other.join(2 * PATIENCE)
        assert not any(other.is_alive() for other in others)
        assert mine["interrupted"] > 10
        assert set(fates) <= {"answered", "lost"}, fates
        gate = client._connection.gate
        assert not gate.is_locked()
        client.ping(timeout=PATIENCE)
        assert client.drain(PATIENCE)
        assert client.pending_requests() == []


def test_a_signal_handler_may_close_the_client_while_a_log_handler_has_its_lock() -> None:
    class Struck(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.getMessage() == "strike":
                signal.raise_signal(signal.SIGUSR1)

    struck, logger = Struck(), logging.getLogger("mcp_sync")
    level = logger.level
    with EmbeddedServer() as server:
        client = MCPClient(server.url, **FAST)
        client.connect()
        # Closing is logged, too, by way of the very handler that is in the middle of a record.
        with contextlib.closing(Alarm(client.close)) as alarm:
            logger.setLevel(logging.INFO)
            logger.addHandler(struck)
            try:
                alarm.armed = True
                logging.getLogger("mcp_sync.somewhere").info("strike")
            finally:
                logger.removeHandler(struck)
                logger.setLevel(level)
        assert client.get_connection_state() == "disconnected"


def test_a_signal_handler_may_close_the_client_in_the_middle_of_its_call() -> None:
    class Striking(Mapping[str, Any]):
        def __getitem__(self, key: str) -> Any:
            return {"x": 1}[key]

        def __len__(self) -> int:
            return 1

        def __iter__(self) -> Iterator[str]:
            signal.raise_signal(signal.SIGUSR1)
            return iter(["x"])

    with EmbeddedServer() as server:
        client = MCPClient(server.url, **FAST)
        client.connect()
        with contextlib.closing(Alarm(client.close)) as alarm:
            alarm.armed = True
            with pytest.raises(MCPClosedError):
                client.request("ping", Striking(), timeout=PATIENCE)
        assert client.get_connection_state() == "disconnected"
