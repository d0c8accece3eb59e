"""The real servers: which there are, what each is expected to be, how each is run."""

from __future__ import annotations

import os
import selectors
import shutil
import signal
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import attrs

from compatibility.install import NODE, NODE_PINS, PYTHON_PINS
from leaks import child_pids

__all__ = ["PEERS", "Peer", "Running", "children"]

SERVERS: Final = Path(__file__).parent / "servers"

PATIENCE_S: Final = 30.0
"""For a process to start or to end; an interpreter that imports an SDK takes about a second."""

HANDSHAKE: Final = "handshake"
MODERN: Final = "per request"


@attrs.frozen
class Peer:
    """One server over one transport in one era.

    Args:
        id: names it in the tests and in the file of outcomes.
        server: what it is, for a reader.
        release: the package it comes in, with its version.
        transport: "WebSocket" or "stdio".
        era: of the protocol, HANDSHAKE or MODERN.
        asked: the client's setting ``protocol_version``.
        speaks: the version that both must end up with.
        checks: the name of the module that holds its checks.
    """

    id: str
    server: str
    release: str
    transport: str
    era: str
    asked: str
    speaks: str
    checks: str

    @property
    def needs_node(self) -> bool:
        """Whether it runs on Node."""
        return self.release in NODE_PINS

    def command(self, installed: Path, directory: Path) -> list[str]:
        """What starts it on its standard streams.

        Args:
            installed: where the servers are installed.
            directory: one that a server of files may use.
        """
        if self.needs_node:
            package = self.release.rpartition("@")[0]
            node = shutil.which("node")
            assert node is not None, "Node went away after its servers were installed"
            script = installed / NODE / "node_modules" / package / "dist" / "index.js"
            last = "stdio" if self.checks == "everything" else str(directory)
            return [node, str(script), last]
        return [*self._python(installed), "stdio"]

    def _python(self, installed: Path) -> list[str]:
        major = self.release.partition("==")[2][0]
        python = installed / f"mcp-{major}" / "bin" / "python"
        return [str(python), "-W", "ignore", str(SERVERS / f"sdk{major}.py")]

    def run(self, installed: Path, directory: Path) -> Running:
        """Start it, where it is not the client that starts it."""
        if self.transport == "stdio":
            return Running({"stdio": self.command(installed, directory)})
        server = _WebSocketServer(self._python(installed), directory / "server.log")
        return Running({"server_url": f"ws://127.0.0.1:{server.port}"}, server)


class Running:
    """A server that is there for a client to be made with.

    Args:
        settings: what the client is to be made with.
        server: the process, over WebSocket; over stdio it is the client's.
    """

    def __init__(self, settings: Mapping[str, Any], server: _WebSocketServer | None = None) -> None:
        self.settings = settings
        self._server = server

    def kill_and_restart(self) -> None:
        """Kill the server without a word; over stdio the client starts the next one."""
        if self._server is None:
            (child,) = children(self.settings["stdio"])
            os.kill(child, signal.SIGKILL)
        else:
            self._server.stop()
            self._server.start()

    def close(self) -> None:
        """End the process that is ours."""
        if self._server is not None:
            self._server.stop()


class _WebSocketServer:
    """A server process on a port that it keeps when it is started again."""

    def __init__(self, command: list[str], log: Path) -> None:
        self._command = command
        self._log = log
        self.port = 0
        self._process: subprocess.Popen[str] | None = None
        self.start()

    def start(self) -> None:
        with self._log.open("a") as log:
            self._process = process = subprocess.Popen(
                [*self._command, "ws", str(self.port)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={"PATH": os.environ["PATH"]},
            )
        try:
            self.port = int(_first_line(process))
        except BaseException:
            self.stop()
            print(self._log.read_text(encoding="utf-8"))
            raise

    def stop(self) -> None:
        process = self._process
        assert process is not None
        process.kill()
        process.communicate(timeout=PATIENCE_S)


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(PATIENCE_S), "the server printed nothing in time"
    line = process.stdout.readline()
    assert line, "the server ended before it listened; its last words are above"
    return line


def children(command: list[str]) -> list[int]:
    """The child processes of this one that were started with this command."""
    wanted = "\0".join(command).encode() + b"\0"
    return [pid for pid in child_pids() if Path(f"/proc/{pid}/cmdline").read_bytes() == wanted]


def _sdk(major: int, transport: str, era: str, asked: str, speaks: str) -> Peer:
    kind = {
        (1, "WebSocket"): "low-level `Server`, its `websocket_server`",
        (2, "WebSocket"): "low-level `Server`, bridged to WebSocket",
    }.get((major, transport), "low-level `Server`")
    suffix = "" if major == 1 else "-modern" if era == MODERN else "-handshake"
    return Peer(
        id=f"mcp{major}-{transport.lower()}{suffix}",
        server=f"official Python SDK, {kind}",
        release=PYTHON_PINS[f"mcp-{major}"][0],
        transport=transport,
        era=era,
        asked=asked,
        speaks=speaks,
        checks="sdk",
    )


def _npm(name: str, title: str) -> Peer:
    return Peer(
        id=name,
        server=title,
        release=next(pin for pin in NODE_PINS if f"server-{name}@" in pin),
        transport="stdio",
        era=HANDSHAKE,
        asked="auto",
        speaks="2025-11-25",
        checks=name,
    )


PEERS: Final[tuple[Peer, ...]] = (
    _sdk(1, "WebSocket", HANDSHAKE, "auto", "2025-11-25"),
    _sdk(1, "stdio", HANDSHAKE, "auto", "2025-11-25"),
    _sdk(2, "WebSocket", HANDSHAKE, "2025-11-25", "2025-11-25"),
    _sdk(2, "WebSocket", MODERN, "auto", "2026-07-28"),
    _sdk(2, "stdio", HANDSHAKE, "2025-11-25", "2025-11-25"),
    _sdk(2, "stdio", MODERN, "auto", "2026-07-28"),
    _npm("everything", "reference server of all features (TypeScript SDK)"),
    _npm("filesystem", "reference server of files (TypeScript SDK)"),
)
"""Every server that the table of checks is run against."""
