"""TLS under load in both directions, and a fork in the middle of it (DESIGN: traps already met)."""

from __future__ import annotations

import ssl
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import trustme
from processes import first_line, run_script, running

from mcp_sync import MCPClient
from mcp_sync.deadline import Deadline
from reliability.figures import record

SERVER = Path(__file__).with_name("secure_server.py")

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
"""Rows are kept for each: what TLS does under load hangs on it."""

LINKS = 25
WRITERS = 4
LOAD_S = 0.5


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def authority_file(authority: trustme.CA, tmp_path: Path) -> Path:
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return path


@pytest.fixture
def url(authority: trustme.CA, tmp_path: Path) -> Iterator[str]:
    certificate = tmp_path / "server.pem"
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(certificate)
    with running(sys.executable, SERVER, certificate) as server:
        yield f"wss://127.0.0.1:{first_line(server)}"


def trusting(authority_file: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority_file))


def test_no_link_fails_while_both_directions_are_full(url: str, authority_file: Path) -> None:
    flooded = answered = 0
    for _ in range(LINKS):
        client = MCPClient(url, ssl_context=trusting(authority_file))
        received = []
        client.on_notification("notifications/flood", received.append)
        with client, ThreadPoolExecutor(WRITERS) as writers:
            client.request("flood")
            end = Deadline(LOAD_S)

            def write(number: int, client: MCPClient = client, end: Deadline = end) -> int:
                count = 0
                while not end.is_over():
                    count += 1
                    params = {"text": f"{number}.{count}" + "y" * 64}
                    assert client.request("echo", params) == {"echo": params}
                return count

            answered += sum(writers.map(write, range(WRITERS)))
            assert client.get_connection_stats().losses.count == 0
            assert client.get_connection_stats().link.tls_version is not None
        flooded += len(received)
    assert flooded > 100 * LINKS, f"{flooded} notifications do not fill the other direction"
    assert answered > 10 * LINKS, f"{answered} calls are no load"
    record(
        f"10 TLS load {PYTHON}",
        promise="A `wss://` link survives full load in both directions",
        fault=f"a TLS server floods with notifications while {WRITERS} threads call, "
        f"{LOAD_S:g} s on each link",
        rounds=LINKS,
        measured=f"0 of {LINKS} links lost; {flooded:,} notifications and {answered:,} answers",
    )


FORKING = """
import os, ssl, sys, threading
from mcp_sync import MCPClient
from mcp_sync.deadline import Deadline

url, authority = sys.argv[1:]
client = MCPClient(url, ssl_context=ssl.create_default_context(cafile=authority))
client.connect()
client.initialize()
slow = client.submit("slow")
waiting = threading.Thread(target=slow.result)
waiting.start()
for number in range(10):
    child = os.fork()
    if child == 0:
        assert client.get_connection_state() == "disconnected"
        assert client.request("echo", {"child": number}) == {"echo": {"child": number}}
        try:
            slow.result(5)
        except Exception as error:
            assert "parent process" in str(error), error
        else:
            raise AssertionError("the child was given its parent's answer")
        client.close()
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert client.request("echo", {"parent": number}) == {"echo": {"parent": number}}
assert not slow.done()
client.request("release")
assert slow.result(5) == {"echo": None}
waiting.join(5)
statistics = client.get_connection_stats()
assert statistics.losses.count == 0 and statistics.link.generation == 1, statistics
client.close()
print("ten children")
"""


def test_a_child_connects_anew_and_leaves_its_parents_tls_link_alone(
    url: str, authority_file: Path
) -> None:
    assert run_script(FORKING, url, authority_file) == "ten children\n"
    record(
        f"11 fork TLS {PYTHON}",
        promise="In a forked child the client is fresh, and its parent's link is left alone",
        fault="`os.fork()` with a TLS link open, a call in flight and a thread waiting for it; the "
        "child calls, closes and exits",
        rounds=10,
        measured="10 children answered on links of their own, the parent answered after each on "
        "its first link, the call in flight answered at the end",
    )
