"""What the replays are played on, how they are registered, and how they talk to the server.

A scenario is one or more recorded cases that need each other, and a function that plays them and
returns what was received for each, in the notation of the recording.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import websocket
from websocket import ABNF

from data.recording import Exchange
from mcp_sync.embedded import EmbeddedServer, ServerProcess
from timing import MS

WAIT = 10_000 * MS
VARIATION = {"doc_id": "sample", "page": 1, "engine": "pymupdf", "raw_text": "Hello world."}


@attrs.frozen
class Stage:
    """What a scenario is played on."""

    server: EmbeddedServer
    root: Path
    names: dict[str, str]
    """From what was recorded to what it is in this run: places, and ids of sessions."""

    def here(self, text: str) -> str:
        """A recorded text with the places and the sessions of this run."""
        for recorded, name in self.names.items():
            text = text.replace(recorded, name)
        return text

    def know(self, recorded: str, observed: str) -> None:
        """Remember which session of this run stands for which of the recording."""
        self.names[session_of(recorded)] = session_of(observed)


Play = Callable[[Stage, list[Exchange]], list[list[str]]]
PlayOne = Callable[[Stage, Exchange], list[str]]


@attrs.frozen
class Scenario:
    """Cases that are played together, in this order."""

    cases: tuple[str, ...]
    play: Play


SCENARIOS: list[Scenario] = []


def together(*cases: str) -> Callable[[Play], Play]:
    """Register a function for cases that need each other."""

    def register(play: Play) -> Play:
        SCENARIOS.append(Scenario(cases, play))
        return play

    return register


def alone(play: PlayOne) -> Play:
    """The same function, for a scenario of one case."""
    return lambda stage, exchanges: [play(stage, exchanges[0])]


def each(*cases: str) -> Callable[[PlayOne], PlayOne]:
    """Register a function for cases that it plays one by one."""

    def register(play: PlayOne) -> PlayOne:
        SCENARIOS.extend(Scenario((case,), alone(play)) for case in cases)
        return play

    return register


def request(method: str, params: Any = None, request_id: Any = "1") -> str:
    """The text of a request."""
    return json.dumps(
        {"jsonrpc": "2.0", "id": request_id, "method": method, "params": params or {}}
    )


def submission(pdf: str = "sample.pdf", request_id: str = "1", **metadata: str) -> str:
    """The text of a submission of one variation."""
    params = {"pdf_path": pdf, "variations": [VARIATION], "metadata": metadata}
    return request("submit_extraction", params, request_id)


def session_of(answer: str) -> str:
    """The session id in an answer."""
    session: str = json.loads(answer)["result"]["session_id"]
    return session


@contextlib.contextmanager
def connect(server: EmbeddedServer | ServerProcess) -> Iterator[websocket.WebSocket]:
    """A client that answers nothing by itself."""
    client = websocket.WebSocket()
    client.connect(server.url, timeout=WAIT)
    try:
        yield client
    finally:
        client.shutdown()


def events(client: websocket.WebSocket) -> Iterator[str]:
    """Everything that is received, to the end of the connection, in the recording's notation."""
    while True:
        try:
            frame = client.recv_frame()
        except websocket.WebSocketConnectionClosedException:
            yield "[EOF]"
            return
        except ConnectionResetError:
            yield "[client exception: ConnectionResetError]"
            return
        if frame.opcode == ABNF.OPCODE_CLOSE:
            yield f"[close {int.from_bytes(frame.data[:2])} {frame.data[2:].decode()!r}]"
        elif frame.opcode == ABNF.OPCODE_PING:
            yield "[ping]"
        elif frame.opcode == ABNF.OPCODE_PONG:
            yield f"[pong {frame.data!r}]"
        else:
            yield frame.data.decode()


def first(client: websocket.WebSocket) -> str:
    """The next thing received."""
    return next(events(client))


def answers(client: websocket.WebSocket) -> list[str]:
    """What came for all that was sent: the answer to a last request shows that it is all."""
    client.send(request("get_status", request_id="the last"))
    found = []
    for text in events(client):
        if '"id": "the last"' in text:
            break
        found.append(text)
    return found


@contextlib.contextmanager
def watching(server: EmbeddedServer) -> Iterator[Callable[[str], None]]:
    """A function that waits until a session, submitted inside, has come to its end."""
    with connect(server) as client:
        client.send(request("subscribe_updates", {"event_types": ["processing_complete", "error"]}))
        first(client)
        ended: set[str] = set()

        def wait(session: str) -> None:
            while session not in ended:
                ended.add(json.loads(first(client))["params"]["data"]["session_id"])

        yield wait


@contextlib.contextmanager
def named_failure() -> Iterator[list[str]]:
    """The name of the OSError that ends the block, in the notation of the recording."""
    found: list[str] = []
    try:
        yield found
    except OSError as error:
        found.append(f"[client exception: {type(error).__name__}]")
