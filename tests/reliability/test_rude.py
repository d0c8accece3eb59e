"""Rude servers: every broken rule has one outcome, and the client is as good as new after it."""

from __future__ import annotations

import pytest

from mcp_sync import MCPConnectionLost, MCPConnectionRejected, MCPMessageTooLarge
from reliability.clients import MODES
from reliability.figures import milliseconds, record
from reliability.floods import (
    garbage_after_the_upgrade,
    garbage_before_the_upgrade,
    ping_flood,
)
from reliability.rude import (
    ABRUPT_ENDS,
    BROKEN_FRAMES,
    CLOSE_CODES,
    STRANGE_MESSAGES,
    play,
    survive,
    twice,
)

ROUNDS = 5
SEEDS = range(500)
PINGS = 100_000
MIB = 1024 * 1024


@pytest.mark.timeout(600)
def test_every_close_code_has_its_outcome() -> None:
    rounds = 0
    for client_type in MODES.values():
        for act, expected in [*CLOSE_CODES.values(), *ABRUPT_ENDS.values()]:
            for _ in range(ROUNDS):
                ended = play(client_type, act)
                assert ended.complaints(expected) == []
                rounds += 1
    for client_type in MODES.values():
        for code in CLOSE_CODES:
            assert twice(client_type, code).complaints(code) == []
            rounds += 2
    record(
        "04 rude 1",
        promise="Each close code has its outcome: the call fails with code and reason, 1009 with "
        "`MCPMessageTooLarge`, and the client reconnects; 1002, 1003 or 1007 twice in a row are "
        "for good (`MCPConnectionRejected`)",
        fault=f"a server that closes with {', '.join(map(str, CLOSE_CODES))} in the middle of a "
        f"call, on one link and on two in a row; {', '.join(ABRUPT_ENDS)}",
        rounds=rounds,
        measured="each with its outcome, and each close frame was answered",
    )


@pytest.mark.timeout(900)
def test_every_broken_frame_is_refused_with_its_code() -> None:
    rounds, peaks = 0, {}
    for client_type in MODES.values():
        for name, (act, expected) in BROKEN_FRAMES.items():
            for _ in range(ROUNDS):
                ended = play(client_type, act)
                assert ended.complaints(expected) == [], name
                assert ended.peak < 4 * MIB, name
                peaks[name] = max(ended.peak, peaks.get(name, 0))
                rounds += 1
    record(
        "04 rude 2",
        promise="A broken frame ends the link with the close code of RFC 6455, and what is too "
        "large is refused before it is read; the next call is served on the next link",
        fault="a server that sends " + ", ".join(BROKEN_FRAMES),
        rounds=rounds,
        measured="each refused with its code; peak memory with 100 MB announced "
        f"{peaks['100 MB announced'] / 1024:.0f} KiB, under a flood of fragments "
        f"{peaks['a flood of fragments'] / 1024:.0f} KiB",
    )


@pytest.mark.timeout(600)
def test_strange_messages_and_garbage_harm_nobody() -> None:
    outcomes = set()
    for client_type in MODES.values():
        assert survive(client_type, list(STRANGE_MESSAGES.values())) == 1
        for seed in SEEDS:
            outcomes.add(type(garbage_after_the_upgrade(client_type, seed)))
            first = garbage_before_the_upgrade(client_type, seed)
            assert first == {"method": "first", "params": None}
    assert outcomes <= {MCPConnectionLost, MCPMessageTooLarge}
    record(
        "04 rude 3",
        promise="A message that makes no sense is dropped and counted, and the link lives; random "
        "bytes end the link, never the client",
        fault=f"a server that sends {', '.join(STRANGE_MESSAGES)}; 4 KiB of random bytes instead "
        "of the upgrade, and after it",
        rounds=len(MODES) * (len(STRANGE_MESSAGES) + 2 * len(SEEDS)),
        measured=f"{len(STRANGE_MESSAGES)} strange messages on one link, the call after each "
        "answered; garbage before the upgrade: the call answered on the next dial; after it: "
        f"{', '.join(sorted(kind.__name__ for kind in outcomes))}, the next call answered",
    )


@pytest.mark.timeout(600)
def test_a_flood_of_pings_blocks_nobody() -> None:
    floods = [ping_flood(client_type, PINGS) for client_type in MODES.values()]
    for flood in floods:
        assert flood.answered
        assert flood.pongs <= PINGS
        assert int(flood.last) == PINGS - 1
        assert flood.peak < 16 * MIB
    record(
        "04 rude 4",
        promise="A flood of pings neither blocks the reader nor fills the memory; the latest ping "
        "is answered",
        fault=f"a server that sends {PINGS:,} pings of 125 bytes without reading a pong, then the "
        "answer to the call",
        rounds=len(floods),
        measured="; ".join(
            f"answered after {milliseconds(flood.seconds)}, {flood.pongs:,} pongs, peak "
            f"{flood.peak / MIB:.1f} MiB"
            for flood in floods
        ),
    )


def test_a_rejection_is_not_what_one_broken_link_ends_in() -> None:
    losses = {expected.error for _, expected in CLOSE_CODES.values()}
    assert losses == {MCPConnectionLost, MCPMessageTooLarge}
    assert MCPConnectionRejected not in losses
