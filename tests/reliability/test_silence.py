"""Links that fall silent are found in time, and slow servers do not stretch a dial."""

from __future__ import annotations

import pytest

from mcp_sync import MCPClient
from reliability.clients import MODES
from reliability.dripping import DRIPS, PROXY_DRIPS, dial_times, lost_names
from reliability.figures import milliseconds, record, spread
from reliability.recovering import CLOSING
from reliability.silence import (
    SLACK,
    Pulse,
    after_half_a_frame,
    after_life,
    cut_off,
    never_read,
    stuck_write,
)
from timing import MS

ROUNDS = 40

PULSES = (Pulse(400 * MS, 600 * MS), Pulse(600 * MS, 300 * MS))
"""With a timeout that is longer than the interval, and with a shorter one."""


def promise(pulse: Pulse) -> str:
    return (
        "A silent link is found within `heartbeat_interval` + `heartbeat_timeout` "
        f"({milliseconds(pulse.interval)} + {milliseconds(pulse.timeout)} here)"
    )


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pulse", PULSES, ids=str)
def test_a_black_hole_is_found_in_time(pulse: Pulse) -> None:
    idle, waiting = [], []
    for seed, client_type in enumerate(MODES.values()):
        of_idle, of_waiting = cut_off(client_type, pulse, ROUNDS, seed)
        idle += of_idle
        waiting += of_waiting
    assert max(idle + waiting) <= pulse.bound + SLACK
    record(
        f"02 silence {PULSES.index(pulse) + 1}",
        promise=promise(pulse),
        fault="TCP proxy, black hole in both directions at a random phase of the pulse; the client "
        "idle, or a caller waiting for an answer",
        rounds=len(idle) + len(waiting),
        measured=f"idle: {spread(idle)}; waiting caller failed with `maybe_executed` after: "
        f"{spread(waiting)}",
    )


@pytest.mark.timeout(600)
def test_silence_in_every_other_place_is_found_in_time() -> None:
    found: dict[str, list[float]] = {
        "after other bytes while a pong is owed": [],
        "in the middle of a frame": [],
        "under a write of 8 MB that is stuck": [],
    }
    of_life, of_half, of_stuck = found.values()
    for client_type in MODES.values():
        for pulse in PULSES:
            for _ in range(5):
                of_life.append(after_life(client_type, pulse) / pulse.bound)
                of_half.append(after_half_a_frame(client_type, pulse) / pulse.bound)
                seconds, arrived = stuck_write(client_type, pulse, 8_000_000)
                assert arrived == 1
                of_stuck.append(seconds / pulse.bound)
    worst = {place: max(shares) for place, shares in found.items()}
    least_bound = min(pulse.bound for pulse in PULSES)
    assert max(worst.values()) <= 1 + SLACK / least_bound, worst
    record(
        "02 silence 3",
        promise="The same wherever the silence begins; a stuck call that was half written is "
        "delivered once, on the next link",
        fault="a peer that stops: " + ", ".join(found),
        rounds=sum(map(len, found.values())),
        measured="longest, as a share of the bound: "
        + ", ".join(f"{place} {share:.3f}" for place, share in worst.items()),
    )


@pytest.mark.timeout(300)
def test_a_write_to_a_peer_that_never_reads_is_bounded() -> None:
    limit, rounds = 1000 * MS, 5
    times = [
        never_read(client_type, limit, 8_000_000)
        for client_type in MODES.values()
        for _ in range(rounds)
    ]
    waited, submitted = ([one[which] for one in times] for which in (0, 1))
    assert max(waited + submitted) <= limit + 1000 * MS
    record(
        "02 silence 4",
        promise="A write is bounded like its call (`request_timeout` "
        f"{milliseconds(limit)} here), also where the peer lives: it fails as not sent",
        fault="a peer that sends all the time and never reads, under a call of 8 MB",
        rounds=2 * len(times),
        measured=f"waiting caller: {spread(waited)}; submitted: {spread(submitted)}",
    )


@pytest.mark.timeout(300)
def test_no_server_stretches_a_dial() -> None:
    limit, dials = 500 * MS, 10
    times = {
        name: [
            seconds
            for client_type in MODES.values()
            for seconds in dial_times(client_type, drip, limit, dials)
        ]
        for name, drip in DRIPS.items()
    }
    assert max(map(max, times.values())) <= limit + SLACK
    record(
        "03 slow dial",
        promise="`connect_timeout` covers TCP, upgrade and handshake together "
        f"({milliseconds(limit)} here), however slowly the server answers",
        fault="a server that " + ", ".join(DRIPS) + ", one byte in 20 ms; it measures itself",
        rounds=sum(map(len, times.values())),
        measured="; ".join(f"{name}: {spread(of_one)}" for name, of_one in times.items()),
    )


@pytest.mark.timeout(300)
def test_no_proxy_stretches_a_dial() -> None:
    limit, dials = 500 * MS, 10
    times = {
        name: [
            seconds
            for client_type in MODES.values()
            for seconds in dial_times(client_type, drip, limit, dials, is_proxy=True)
        ]
        for name, drip in PROXY_DRIPS.items()
    }
    assert max(map(max, times.values())) <= limit + SLACK
    record(
        "03 slow dial 3",
        promise=f"`connect_timeout` ({milliseconds(limit)} here) covers a proxy on the way, too",
        fault="an HTTP proxy that " + ", ".join(PROXY_DRIPS) + ", one byte in 20 ms; it measures "
        "itself",
        rounds=sum(map(len, times.values())),
        measured="; ".join(f"{name}: {spread(of_one)}" for name, of_one in times.items()),
    )


@pytest.mark.timeout(120)
def test_no_name_server_stretches_a_dial() -> None:
    limit, dials = 500 * MS, 10
    failed, closed = [], []
    for client_type in MODES.values():
        of_dials, of_closes = lost_names(client_type, limit, dials)
        failed += of_dials
        closed += of_closes
    assert max(failed) <= limit + SLACK
    assert max(closed) <= CLOSING
    record(
        "03 slow dial 2",
        promise=f"`connect_timeout` ({milliseconds(limit)} here) covers the look-up of the name, "
        "and `close()` does not wait for it",
        fault="`getaddrinfo` replaced by one that does not return, as with a name server that "
        "never answers",
        rounds=len(failed) + len(closed),
        measured=f"dial given up after: {spread(failed)}; closed in: {spread(closed)}",
    )


def test_the_two_pulses_differ_in_what_is_longer() -> None:
    longer = [pulse.timeout > pulse.interval for pulse in PULSES]
    assert sorted(longer) == [False, True]
    assert {mode._lead for mode in MODES.values() if issubclass(mode, MCPClient)} == {True, False}
