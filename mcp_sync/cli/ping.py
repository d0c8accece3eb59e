"""`mcp-sync ping`: how fast a server answers and how often it does not, as the system's ping."""

from __future__ import annotations

import contextlib
import time
from argparse import Namespace
from typing import Any

import attrs

from mcp_sync import MCPClient, MCPError, MCPResponseError
from mcp_sync.cli.connecting import connect, make_client
from mcp_sync.cli.exits import OK, UNHEALTHY
from mcp_sync.cli.output import print_json, printable
from mcp_sync.cli.pauses import wait
from mcp_sync.cli.round_trips import figures

__all__ = ["Tally", "run"]


@attrs.define
class Tally:
    """What came of the pings.

    Args:
        round_trips: one for each ping that is over, in seconds; None where no answer came.
    """

    round_trips: list[float | None] = attrs.field(factory=list)

    @property
    def lost(self) -> int:
        """How many had no answer."""
        return self.round_trips.count(None)

    def as_dict(self, url: str) -> dict[str, Any]:
        """All of it, for JSON."""
        made = len(self.round_trips)
        trips = self.round_trips
        counts = {"url": url, "pings": made, "answers": made - self.lost}
        share = self.lost / made if made else None
        return {**counts, "loss": share, **figures(trips), "round_trips": trips}

    def lines(self, url: str) -> list[str]:
        """All of it, for people."""
        made = len(self.round_trips)
        share = f"{self.lost / made:.0%}" if made else "none"
        lines = [f"--- {url} ---", f"{made} sent, {made - self.lost} answered, {share} lost"]
        found = figures(self.round_trips).items()
        told = [f"{name} {value * 1000:.2f}" for name, value in found if value]
        return [*lines, f"{'  '.join(told)} ms"] if told else lines


def run(options: Namespace) -> int:
    """Ping a server, again and again. Ctrl-C is the ordinary end of it.

    Args:
        options: ``count`` (None for no end), ``interval``, ``timeout`` (seconds for each answer)
            and those of a server.

    Returns:
        The exit code.

    Raises:
        Unreachable: the server is not there to begin with.
    """
    tally = Tally()
    with contextlib.closing(make_client(MCPClient, options)) as client:
        connect(client, options.timeout)
        url = client.get_client_info().server_url
        with contextlib.suppress(KeyboardInterrupt):
            _ping(client, options, tally)
    if options.json:
        print_json(tally.as_dict(url))
    else:
        print(*tally.lines(url), sep="\n")
    return UNHEALTHY if tally.lost else OK


def _ping(client: MCPClient, options: Namespace, tally: Tally) -> None:
    due = time.monotonic()
    while options.count is None or len(tally.round_trips) < options.count:
        wait(due - time.monotonic())
        due = time.monotonic() + options.interval  # what waited for an answer is not made up for
        _ping_once(client, options, tally)


def _ping_once(client: MCPClient, options: Namespace, tally: Tally) -> None:
    number = len(tally.round_trips) + 1
    began = time.monotonic()
    try:
        trip = client.ping(timeout=options.timeout)
    except MCPResponseError:
        trip = time.monotonic() - began  # it refuses to be pinged, and that is an answer
    except MCPError as error:
        tally.round_trips.append(None)
        if not options.json:
            print(f"{number}: no answer: {printable(error)}", flush=True)
        return
    tally.round_trips.append(trip)
    if not options.json:
        print(f"{number}: {trip * 1000:.2f} ms", flush=True)
