"""What needs packages of its own, peers and server: each in a virtual environment, made once.

They live under MCP_SYNC_BENCH_ENVIRONMENTS, or else under the project's ``.tox``.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from typing import Final

__all__ = ["HOME", "REQUIREMENTS", "SERVER", "python_of"]

PROJECT: Final = Path(__file__).parents[2]

SERVER: Final = "server"

REQUIREMENTS: Final = {
    # Not beside the clients: what it brings along, websocket-client would import, too.
    SERVER: "picows==2.*",
    "fastmcp http": "fastmcp==4.*",
    "websockets": "websockets==17.*",
    "sdk 1.30 ws": "mcp[ws]==1.30.*",
    "sdk 2.3 http": "mcp==2.3.*",
}
"""What each needs; peers that are not here run in the environment of the benchmark."""

HOME: Final = Path(os.environ.get("MCP_SYNC_BENCH_ENVIRONMENTS", PROJECT / ".tox" / "bench-peers"))
"""Where the environments are, and whatever else is worth keeping from run to run."""

INSTALL_SECONDS: Final = 300


def python_of(peer: str) -> str:
    """The interpreter that a peer, or the server, runs under; it is made if it is not there.

    Raises:
        RuntimeError: the packages could not be installed.
    """
    requirement = REQUIREMENTS.get(peer)
    if requirement is None:
        return sys.executable
    home = HOME / peer.replace(" ", "-")
    python, made = home / "bin" / "python", home / "made"
    if not made.exists() or made.read_text(encoding="utf-8") != requirement:
        venv.create(home, clear=True, with_pip=True)
        command = [python, "-m", "pip", "install", "--quiet", requirement]
        run = subprocess.run(
            command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
        )
        if run.returncode:
            raise RuntimeError(f"pip could not install {requirement}: {run.stderr[-300:]}")
        made.write_text(requirement, encoding="utf-8")
    return str(python)
