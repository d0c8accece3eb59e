"""``import mcp_sync`` stays cheap: what it must not load, seen in an interpreter of its own."""

from __future__ import annotations

import ast
import ssl
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

import mcp_sync
from mcp_sync.testing import WebSocketConnection, WebSocketPeer
from peers_mcp import Line, Switchboard, modern, shake

UNWANTED = [
    "asyncio",
    "tenacity",
    "websockets",
    "websocket",
    "ssl",
    "hashlib",
    "cattrs",
    "jsonschema",
    "sqlite3",
    "rich",
    "pytest",
]
"""What belongs to extras, to links, to the first outage or to handlers that are coroutine
functions."""


def modules_after(statement: str) -> set[str]:
    # What the interpreter had before is not ours: coverage may have come with it.
    program = f"import sys\nold = {{*sys.modules}}\n{statement}\nprint(*{{*sys.modules}} - old)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    return set(run.stdout.split())


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    return modules_after("from mcp_sync import MCPClient")


def test_a_public_name_is_at_home_where_type_checkers_look_for_it() -> None:
    tree = ast.parse(Path(mcp_sync.__file__).read_text())
    block = next(node for node in tree.body if isinstance(node, ast.If))
    for_checkers = {
        name.name: node.module
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for name in node.names
    }
    assert for_checkers == dict(mcp_sync._ROOM_OF)


@pytest.mark.parametrize("name", mcp_sync.__all__)
def test_every_public_name_can_be_had(name: str) -> None:
    assert getattr(mcp_sync, name) is not None
    assert name in dir(mcp_sync)


def test_a_name_that_is_not_public_is_refused_by_name() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        mcp_sync.Nothing  # noqa: B018


def test_the_bare_package_loads_no_client() -> None:
    assert "mcp_sync.base_client" not in modules_after("import mcp_sync")


def test_a_client_without_a_journal_does_not_load_sqlite() -> None:
    assert "sqlite3" not in modules_after("import mcp_sync; mcp_sync.MCPClient()")


@pytest.mark.parametrize("name", UNWANTED)
def test_importing_the_package_does_not_load(name: str, loaded: set[str]) -> None:
    assert "mcp_sync" in loaded
    assert name not in loaded


def test_an_unwanted_module_would_be_seen() -> None:
    assert "asyncio" in modules_after("import mcp_sync, asyncio")


@pytest.mark.parametrize("room", ["cli", "embedded", "testing"])
def test_importing_the_package_does_not_load_the_rooms_above_it(
    room: str, loaded: set[str]
) -> None:
    assert not {name for name in loaded if name.split(".")[:2] == ["mcp_sync", room]}


@pytest.mark.parametrize(
    "statement",
    [
        "import mcp_sync; mcp_sync.MCPClient().close()",
        "import mcp_sync; mcp_sync.ClientConfig.from_env({})",
        "import mcp_sync.transports.websocket",
    ],
)
def test_making_a_client_or_its_settings_loads_no_more(statement: str) -> None:
    assert modules_after(statement) & set(UNWANTED) == set()


FIRST_RESULT = """
import sys

old = {*sys.modules}
from mcp_sync import MCPClient

with MCPClient(sys.argv[1]) as client:
    client.initialize()
    client.request("tools/call", {"name": "echo", "arguments": {}})
    print(*{*sys.modules} - old)
"""


@pytest.mark.parametrize("handshake", [shake, modern])
def test_until_the_first_result_nothing_loads_attrs(handshake: Callable[[Line], None]) -> None:
    with Switchboard(handshake) as board:
        command = [sys.executable, "-c", FIRST_RESULT, board.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
            line = board.line()
            line.answer(line.request("tools/call"), {"resultType": "complete", "content": []})
            loaded = set(program.communicate(timeout=30)[0].split())
    assert "mcp_sync.types.session" in loaded
    assert loaded & {"attr", "attrs"} == set()


OPENING = """
from mcp_sync.deadline import Deadline
from mcp_sync.connection.resolver import resolve
from mcp_sync.errors import MCPConnectionError
from mcp_sync.transports.base import LinkDown
from mcp_sync.transports.websocket import WebSocketSettings, WebSocketTransport
transport = WebSocketTransport(WebSocketSettings(url={url!r}), resolve)
try:
    transport.open(Deadline(10))
    transport.send("x", Deadline(10))
    transport.receive(Deadline(10))
except (LinkDown, MCPConnectionError) as error:
    assert {words!r} in str(error), error
else:
    raise AssertionError("the link lives")
transport.release()
"""


def test_a_ws_link_from_its_first_byte_to_its_loss_loads_neither_tls_nor_a_library() -> None:
    def script(connection: WebSocketConnection) -> None:
        connection.read_text()
        connection.reset()

    with WebSocketPeer(script) as peer:
        loaded = modules_after(OPENING.format(url=peer.url, words="reset by peer"))
    assert "mcp_sync.transports.websocket" in loaded
    assert loaded & {"ssl", "_ssl", "mcp_sync.transports.tls", "websocket", "websockets"} == set()


def test_a_ws_dial_that_fails_loads_no_tls() -> None:
    with WebSocketPeer(lambda connection: connection.reset(), upgrade=False) as peer:
        loaded = modules_after(OPENING.format(url=peer.url, words="reset by peer"))
    assert loaded & {"ssl", "_ssl"} == set()


def test_a_wss_link_loads_tls_by_itself() -> None:
    # In this process it was loaded by the tests.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with WebSocketPeer(lambda connection: connection.hold(), tls=context) as peer:
        loaded = modules_after(OPENING.format(url=peer.url, words="certificate"))
    assert {"ssl", "mcp_sync.transports.tls"} <= loaded


def test_an_error_while_another_thread_loads_tls_waits_for_the_whole_of_it() -> None:
    modules_after("""
import errno, threading
from mcp_sync.transports.dial import describe_os_error
sys.setswitchinterval(1e-6)
loading = threading.Thread(target=__import__, args=("ssl",))
loading.start()
while "ssl" not in sys.modules:
    pass
assert describe_os_error(ConnectionResetError(errno.ECONNRESET, "")) == "connection reset by peer"
loading.join()
""")
