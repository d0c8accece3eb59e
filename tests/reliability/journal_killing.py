"""A client that is killed (SIGKILL) while it queues, and the next one that opens its journal.

The client submits from two threads and acknowledges each call, on its standard output, after
``submit`` has returned. The server, a process of its own, tells by its ledger what was executed.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path
from typing import Final

import attrs

from mcp_sync import MCPClient, MCPConnectionLost
from mcp_sync.connection.call import Call
from mcp_sync.connection.journal_file import read_rows
from mcp_sync.embedded import ServerProcess
from mcp_sync.testing import FaultProxy
from reliability.clients import PATIENCE, QUICK, executions
from timing import MS

__all__ = ["Killed", "broken_promises", "kill_while_queueing", "tally"]

_CLIENT: Final = """
import json, sys, threading
from mcp_sync import MCPClient

url, journal, prefix, settings = sys.argv[1:]
client = MCPClient(url, journal=journal, offline_queue_limit=100_000, **json.loads(settings))
turn = threading.Lock()

def submit_for_ever(name):
    number = 0
    while True:
        number += 1
        key = f"{prefix}{name}{number}"
        params = {"name": "echo", "arguments": {"text": key, "key": key}}
        call = client.submit("tools/call", params, idempotent=number % 3 == 0)
        with turn:
            print(json.dumps([key, number % 3 == 0, call.journal_id]), flush=True)

client.submit("tools/call", {"name": "echo", "arguments": {"text": "", "key": prefix}})
for name in "ab":
    threading.Thread(target=submit_for_ever, args=(name,)).start()
"""


@attrs.frozen
class Killed:
    """What the killed client had said, and what the next process found and did.

    Args:
        repeatable: by key, of all calls that were acknowledged as queued.
        direct: how many were written at once, so never queued.
        found: what became of each call that the next process found, by key.
        left: how many entries the journal has at the end.
    """

    repeatable: dict[str, bool]
    direct: int
    found: dict[str, str]
    left: int


def kill_while_queueing(
    server: ServerProcess, directory: Path, prefix: str, *, online: bool, seed: int
) -> Killed:
    """Let a client queue, kill it at a random moment, and open its journal in this process.

    Args:
        server: running.
        directory: for the journal.
        prefix: of the keys, used once.
        online: whether the server returns while the client queues, so that it is killed while it
            sends what it queued; otherwise it is away until the next process.
        seed: of the moment.
    """
    chance = random.Random(seed)
    journal = directory / f"{prefix}.db"
    with FaultProxy("127.0.0.1", server.port) as proxy:
        proxy.refuse()
        command = [sys.executable, "-c", _CLIENT, proxy.url(), str(journal), prefix]
        child = subprocess.Popen(
            [*command, json.dumps(QUICK)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        with child:
            assert child.stdout is not None
            lines = [child.stdout.readline() for _ in range(chance.randrange(1, 60))]
            if online:
                proxy.accept()
                lines += [child.stdout.readline() for _ in range(chance.randrange(60))]
            threading.Event().wait(chance.uniform(0, 6) * MS)  # the moment of the kill
            child.kill()
            lines += child.stdout.read().splitlines()
    # The kill may cut the last line; an acknowledgment is a whole one.
    said = [json.loads(line) for line in lines if line.rstrip().endswith("]")]
    return Killed(
        repeatable={key: repeatable for key, repeatable, name in said if name is not None},
        direct=sum(name is None for _, _, name in said),
        found=_open(server.url, journal),
        left=len(read_rows(str(journal))),
    )


def _open(url: str, journal: Path) -> dict[str, str]:
    client = MCPClient(url, journal=journal, **QUICK)
    try:
        found = client.recovered()
        client.connect(PATIENCE)
        assert client.drain(PATIENCE)
        return {_key_of(call): _fate_of(call) for call in found}
    finally:
        client.close()


def _key_of(call: Call) -> str:
    key: str = json.loads(call.params)["arguments"]["key"]
    return key


def _fate_of(call: Call) -> str:
    error = call.exception(0)
    if error is None:
        return "sent"
    if isinstance(error, MCPConnectionLost) and error.maybe_executed:
        return "reported"
    return f"{type(error).__name__}: {error}"


def broken_promises(killed: Killed, ledger: Path, *, online: bool) -> list[str]:
    """What must not have happened, one sentence for each call; empty when all is well."""
    executed = executions(ledger)
    broken = [
        f"{key} was found and then: {fate}"
        for key, fate in killed.found.items()
        if fate not in ("sent", "reported")
    ]
    for key in {*killed.repeatable, *killed.found}:
        fate, count = killed.found.get(key), executed[key]
        if not killed.repeatable.get(key) and count > 1:
            broken.append(f"{key} may not be repeated and ran {count} times")
        if fate == "sent" and count == 0:
            broken.append(f"{key} was sent by the next process and never ran")
        if fate is None and (not online or count == 0):
            broken.append(f"{key} was acknowledged and is neither found nor executed")
        if fate == "reported" and (not online or killed.repeatable.get(key)):
            broken.append(f"{key} cannot have been marked")
    if killed.left:
        broken.append(f"{killed.left} entries are left in the journal")
    return broken


def tally(killed: Killed, ledger: Path) -> Counter[str]:
    """How many calls met which fate with how many executions."""
    executed = executions(ledger)
    return Counter(
        f"{killed.found.get(key, 'answered before')}, executed {executed[key]}x"
        for key in killed.repeatable
    )
