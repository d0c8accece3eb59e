"""A small real MCP server over stdio, run as a child process; rude where it is told to be.

Imported, it makes the command that runs it; run, it needs nothing but the standard library.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any


def stdio_command(**rudeness: Any) -> list[str]:
    """The words that run the server; see ``main`` for what it can be told."""
    return [sys.executable, "-I", "-S", str(Path(__file__).resolve()), json.dumps(rudeness)]


def is_alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def has_ended(pid: int, timeout: float) -> bool:
    """Wait for the end of a process that is not this one's child."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([descriptor], [], [], timeout)[0])
    finally:
        os.close(descriptor)


class Server:
    """What runs in the child."""

    def __init__(self, rudeness: dict[str, Any]) -> None:
        self.rudeness = rudeness
        self.calls = 0

    def write(self, data: bytes) -> None:
        step = 1 if self.rudeness.get("dribble") else len(data)
        for start in range(0, len(data), step):
            os.write(1, data[start : start + step])

    def write_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(1, view[:65536]) :]

    def answer(self, request_id: object, **members: Any) -> None:
        line = json.dumps({"jsonrpc": "2.0", "id": request_id, **members}).encode() + b"\n"
        (self.write if self.rudeness.get("dribble") else self.write_all)(line)

    def serve(self) -> None:
        for line in sys.stdin.buffer:
            message = json.loads(line)
            if "id" in message:
                self.take(message["id"], message["method"], message.get("params", {}))
        if self.rudeness.get("stays_at_end"):
            while True:
                signal.pause()

    def take(self, request_id: object, method: str, params: dict[str, Any]) -> None:
        handler = getattr(self, "on_" + method.replace("/", "_"), None)
        if handler is None:
            error = {"code": -32601, "message": f"no method {method}"}
            self.answer(request_id, error=error)
            return
        if method != "initialize":
            self.calls += 1
            if self.calls > self.rudeness.get("exit_after", self.calls):
                os._exit(9)
            for junk in self.rudeness.get("garbage", []):
                self.write_all(junk.encode("latin-1"))
        result = handler(params)
        if result is not None:
            self.answer(request_id, result=result)

    def on_initialize(self, params: dict[str, Any]) -> dict[str, Any]:
        info = {"name": "stdio peer", "version": "1"}
        version = params["protocolVersion"]
        return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}

    def on_ping(self, params: dict[str, Any]) -> dict[str, Any]:
        return {}

    def on_tools_list(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}

    def on_echo(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"params": params, "pid": os.getpid()}

    def on_where(self, params: dict[str, Any]) -> dict[str, Any]:
        facts = {"cwd": str(Path.cwd()), "pid": os.getpid(), "argv": sys.argv[2:]}
        return {**facts, "env": dict(os.environ), "group": os.getpgid(0), "session": os.getsid(0)}

    def on_big(self, params: dict[str, Any]) -> dict[str, Any]:
        return {"text": "x" * params["size"]}

    def on_say(self, params: dict[str, Any]) -> dict[str, Any]:
        os.write(2, params["text"].encode("latin-1"))
        return {}

    def on_no_answer(self, params: dict[str, Any]) -> None:
        """Say nothing."""

    def on_half(self, params: dict[str, Any]) -> None:
        os.write(1, b'{"jsonrpc": "2.0", "id"')
        os._exit(7)

    def on_die(self, params: dict[str, Any]) -> None:
        if "signal" in params:
            os.kill(os.getpid(), params["signal"])
        os._exit(params.get("status", 0))

    def on_stop_reading(self, params: dict[str, Any]) -> None:
        os.close(0)
        os.write(1, b'{"jsonrpc": "2.0", "method": "notifications/deaf"}\n')
        while True:
            signal.pause()

    def on_sulk(self, params: dict[str, Any]) -> None:
        """Read nothing more, and keep everything open."""
        os.write(1, b'{"jsonrpc": "2.0", "method": "notifications/sulking"}\n')
        while True:
            signal.pause()

    def on_spawn(self, params: dict[str, Any]) -> dict[str, Any]:
        """Leave a grandchild behind, which keeps the pipes open."""
        program = "import signal; signal.signal(15, signal.SIG_IGN); signal.pause()"
        child = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", program], start_new_session=params.get("far", False)
        )
        return {"pid": child.pid}


def clean_up(seconds: float) -> None:
    """Take a while, say so, and end."""
    threading.Event().wait(seconds)
    os.write(2, b"cleaned up\n")
    os._exit(0)


def main(rudeness: dict[str, Any]) -> None:
    """Serve.

    ``stderr``: lines to write first; ``flood``: bytes of stderr to write first; ``exit``: the
    status to end with at once; ``stays_at_end`` and ``ignores_sigterm``: what they say;
    ``cleans_up``: seconds that it needs to end after SIGTERM; ``dribble``: answers byte by byte;
    ``garbage``: texts to write before each answer; ``exit_after``: how many calls it answers before
    it ends without answering one; ``floods_output``: writes a line without an end.
    """
    if rudeness.get("ignores_sigterm"):
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "cleans_up" in rudeness:
        signal.signal(signal.SIGTERM, lambda *_: clean_up(rudeness["cleans_up"]))
    for line in rudeness.get("stderr", []):
        os.write(2, line.encode() + b"\n")
    flood = rudeness.get("flood", 0)
    while flood > 0:
        flood -= os.write(2, (b"x" * 79 + b"\n") * 800)
    if "exit" in rudeness:
        os._exit(rudeness["exit"])
    if "floods_output" in rudeness:
        # Written by a thread, so that the end of the input is waited for and not seen.
        threading.Thread(target=Server(rudeness).write_all, args=(b"x" * 10**8,)).start()
    with contextlib.suppress(KeyboardInterrupt):
        Server(rudeness).serve()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
