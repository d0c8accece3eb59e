"""What the statistics of a connection say after what was recorded."""

from __future__ import annotations

import gc
import json
import time
import tracemalloc

import pytest

from mcp_sync.connection.snapshot import Gauges, take_snapshot
from mcp_sync.connection.stats import Stats
from mcp_sync.states import ConnectionState
from mcp_sync.types.statistics import ConnectionStatistics, DrainRecord
from timing import MS

START = 1000.0
CONNECTING = ConnectionState.CONNECTING
CONNECTED = ConnectionState.CONNECTED
INITIALIZED = ConnectionState.INITIALIZED
RECONNECTING = ConnectionState.RECONNECTING
DISCONNECTED = ConnectionState.DISCONNECTED


@pytest.fixture
def stats() -> Stats:
    return Stats(START)


def look(stats: Stats, now: float = START, **gauges: object) -> ConnectionStatistics:
    return take_snapshot(stats, now, Gauges(**gauges))  # type: ignore[arg-type]


def test_a_new_connection_has_counted_nothing(stats: Stats) -> None:
    found = look(stats, START + 10)
    assert found.state is DISCONNECTED
    assert not found.ready
    assert found.uptime == 0
    assert found.availability is None
    assert found.dials.success_rate is None
    assert found.dials.last_at is None
    assert found.losses.mean_time_between is None
    assert found.losses.last_age is None
    assert found.calls.error_rate is None
    assert found.latency.p50 is None
    assert found.heartbeat.jitter is None
    assert found.queue.last_drain is None
    assert found.traffic.window == 0
    assert found.strays == {}


def test_moments_are_dates_of_the_wall_clock(stats: Stats) -> None:
    stats.state_changed(CONNECTING, False, START + 3)
    stats.dial_started(START + 4)
    stats.link_lost(START + 5, "gone")
    stats.drain_finished(1, 0, 0.5, START + 6)
    before = time.time()
    found = look(stats, START + 10)
    after = time.time()
    assert found.losses.recent[0].at == pytest.approx(found.taken_at - 5, abs=1 * MS)
    assert found.dials.last_at == pytest.approx(found.taken_at - 6, abs=1 * MS)
    assert found.state_since == pytest.approx(found.taken_at - 7, abs=1 * MS)
    assert found.queue.last_drain is not None
    assert found.queue.last_drain.at == pytest.approx(found.taken_at - 4, abs=1 * MS)
    assert before - MS <= found.taken_at <= after + MS


def test_uptime_and_availability_are_the_ready_time(stats: Stats) -> None:
    stats.state_changed(CONNECTING, False, START + 10)
    stats.dial_started(START + 10)
    stats.state_changed(CONNECTED, False, START + 12)
    stats.state_changed(INITIALIZED, True, START + 20)
    found = look(stats, START + 30)
    assert found.state is INITIALIZED
    assert found.ready
    assert found.uptime == 10
    assert found.availability == 0.5
    stats.state_changed(RECONNECTING, False, START + 40)
    stats.dial_started(START + 40)
    found = look(stats, START + 50)
    assert not found.ready
    assert found.uptime == 0
    assert found.availability == 0.5
    stats.state_changed(CONNECTED, True, START + 60)
    found = look(stats, START + 110)
    assert found.uptime == 50
    assert found.availability == 0.7
    stats.state_changed(DISCONNECTED, False, START + 110)
    assert look(stats, START + 150).availability == 0.5


def test_readiness_alone_does_not_change_since_when_the_state_is(stats: Stats) -> None:
    stats.state_changed(CONNECTED, False, START + 5)
    stats.state_changed(CONNECTED, True, START + 7)
    stats.state_changed(CONNECTED, True, START + 8)
    found = look(stats, START + 10)
    assert found.taken_at - found.state_since == pytest.approx(5, abs=1e-3)
    assert found.uptime == 3


def test_dials_are_counted_with_the_last_one(stats: Stats) -> None:
    stats.dial_started(START)
    under_way = look(stats, START + 1).dials
    assert (under_way.made, under_way.success_rate, under_way.last_duration) == (1, None, None)
    stats.dial_failed(START + 2, "refused")
    stats.dial_started(START + 5)
    stats.quiet_probe()
    stats.dial_failed(START + 6, "timed out")
    failed = look(stats, START + 7).dials
    assert (failed.made, failed.succeeded, failed.failed, failed.quiet_probes) == (2, 0, 2, 1)
    assert failed.success_rate == 0
    assert failed.last_error == "timed out"
    assert failed.last_duration == 1
    stats.dial_started(START + 8)
    stats.dial_succeeded(START + 8.5)
    done = look(stats, START + 9).dials
    assert (done.made, done.succeeded, done.failed) == (3, 1, 2)
    assert done.success_rate == pytest.approx(1 / 3)
    assert done.last_error is None
    assert done.last_duration == 0.5


def test_a_dial_whose_link_is_never_ready_counts_as_failed_alone(stats: Stats) -> None:
    for attempt in range(2):
        stats.dial_started(START + attempt)
        stats.dial_succeeded(START + attempt + 0.25)
        stats.link_lost(START + attempt + 0.5, "handshake failed")
        stats.link_failed(START + attempt + 0.5, "no common version")
    dials = look(stats).dials
    assert (dials.made, dials.succeeded, dials.failed, dials.reconnects) == (2, 0, 2, 0)
    assert dials.success_rate == 0
    assert dials.last_error == "no common version"
    assert dials.last_duration == 0.5
    stats.dial_started(START + 5)
    stats.dial_succeeded(START + 6)
    dials = look(stats).dials
    assert (dials.made, dials.succeeded, dials.failed, dials.reconnects) == (3, 1, 2, 1)


def test_a_reconnect_is_a_link_after_a_loss_not_a_second_connect(stats: Stats) -> None:
    def dial() -> None:
        stats.dial_started(START)
        stats.dial_succeeded(START)

    dial()
    assert look(stats).dials.reconnects == 0
    stats.link_lost(START, "reset")
    stats.dial_started(START)
    stats.dial_failed(START, "refused")
    dial()
    assert look(stats).dials.reconnects == 1
    stats.state_changed(CONNECTED, True, START)
    stats.state_changed(DISCONNECTED, False, START)
    dial()
    assert look(stats).dials.reconnects == 1
    stats.link_lost(START, "reset")
    stats.state_changed(RECONNECTING, False, START)
    stats.state_changed(DISCONNECTED, False, START)
    dial()
    assert look(stats).dials.reconnects == 1


def test_losses_are_counted_and_the_last_ten_are_kept(stats: Stats) -> None:
    stats.state_changed(CONNECTED, True, START)
    for n in range(12):
        stats.link_lost(START + 100 * n, f"cause {n}", 1000 + n, f"reason {n}")
    losses = look(stats, START + 1200).losses
    assert losses.count == 12
    assert losses.per_hour == 12
    assert losses.mean_time_between == 100
    assert losses.last_age == 100
    assert [loss.cause for loss in losses.recent] == [f"cause {n}" for n in range(2, 12)]
    assert losses.recent[-1].close_code == 1011
    assert losses.recent[-1].close_reason == "reason 11"


def test_losses_per_hour_forget_what_is_older(stats: Stats) -> None:
    for at in (0, 1, 3000, 3700):
        stats.link_lost(START + at, "reset")
    losses = look(stats, START + 4000).losses
    assert losses.count == 4
    assert losses.per_hour == 2


def test_calls_are_counted_by_what_became_of_them(stats: Stats) -> None:
    for _ in range(10):
        stats.call_sent()
    for _ in range(5):
        stats.call_answered(0.1)
    stats.call_failed("MCPResponseError", START)
    stats.call_timed_out("tools/call", True, START)
    stats.call_timed_out("tools/call", False, START)
    stats.call_timed_out("ping", False, START)
    for _ in range(2):
        stats.call_cancelled()
    for _ in range(3):
        stats.call_queued()
    for _ in range(4):
        stats.call_replayed()
    for _ in range(6):
        stats.call_expired()
    stats.calls_dropped(7)
    stats.calls_dropped(1)
    calls = look(stats, pending_count=9, oldest_pending_age=2.5).calls
    assert (calls.sent, calls.answered, calls.failed) == (10, 5, 1)
    assert (calls.timed_out_sent, calls.timed_out_unsent) == (1, 2)
    assert (calls.cancelled, calls.queued, calls.replayed) == (2, 3, 4)
    assert (calls.expired, calls.dropped) == (6, 8)
    assert calls.timeouts_by_method == {"tools/call": 2, "ping": 1}
    assert calls.outcomes == 9
    assert calls.error_rate == pytest.approx(4 / 9)
    assert calls.errors_by_class == {"MCPResponseError": 1, "MCPTimeoutError": 3}
    assert (calls.pending, calls.oldest_pending_age) == (9, 2.5)


def test_the_error_rate_covers_five_minutes(stats: Stats) -> None:
    stats.call_answered(0.1)
    stats.call_failed("MCPResponseError", START)
    assert look(stats, START).calls.error_rate == 0.5
    for _ in range(3):
        stats.call_answered(0.1)
    late = look(stats, START + 290).calls
    assert (late.outcomes, late.error_rate) == (5, 0.2)
    gone = look(stats, START + 301).calls
    assert (gone.outcomes, gone.error_rate, gone.errors_by_class) == (3, 0, {})
    over = look(stats, START + 1000).calls
    assert (over.outcomes, over.error_rate) == (0, None)
    assert (over.answered, over.failed) == (4, 1)


@pytest.mark.parametrize("beat", ["pong", "pong_lost", "call_failed", "call_timed_out"])
def test_answers_are_dated_by_the_next_record_that_brings_the_time(stats: Stats, beat: str) -> None:
    for _ in range(10):
        stats.call_answered(0.1)
    errors = 0
    if beat == "pong":
        stats.pong(0.1, START)
    elif beat == "pong_lost":
        stats.pong_lost(START)
    elif beat == "call_failed":
        stats.call_failed("MCPError", START)
        errors = 1
    else:
        stats.call_timed_out("ping", True, START)
        errors = 1
    assert look(stats, START + 290).calls.outcomes == 10 + errors
    assert look(stats, START + 310).calls.outcomes == 0


def test_latency_percentiles_are_latencies_that_were_measured(stats: Stats) -> None:
    for n in range(100, 0, -1):
        stats.call_answered(n / 1000)
    latency = look(stats).latency
    assert latency.samples == 100
    assert (latency.p50, latency.p90, latency.p99, latency.max) == (0.05, 0.09, 0.099, 0.1)


def test_one_latency_is_every_percentile(stats: Stats) -> None:
    stats.call_answered(0.25)
    latency = look(stats).latency
    assert (latency.p50, latency.p90, latency.p99, latency.max) == (0.25, 0.25, 0.25, 0.25)


def test_latency_covers_a_sliding_window(stats: Stats) -> None:
    for _ in range(4096):
        stats.call_answered(100.0)
    for _ in range(4096):
        stats.call_answered(1.0)
    latency = look(stats).latency
    assert (latency.samples, latency.max) == (4096, 1.0)


def test_the_heartbeat_is_measured_over_its_last_pings(stats: Stats) -> None:
    for trip in (0.1, 0.2, 0.4):
        stats.ping_sent()
        stats.pong(trip, START)
    stats.ping_sent()
    stats.pong_lost(START + 2)
    stats.ping_sent()
    stats.pong(0.3, START + 3)
    heartbeat = look(stats, START + 12).heartbeat
    assert (heartbeat.pings_sent, heartbeat.pongs, heartbeat.pongs_lost) == (5, 4, 1)
    assert (heartbeat.samples, heartbeat.lost) == (5, 1)
    assert heartbeat.last_lost_age == 10
    assert (heartbeat.p50, heartbeat.p95, heartbeat.last) == (0.2, 0.4, 0.3)
    assert heartbeat.jitter == pytest.approx((0.1 + 0.2 + 0.1) / 3)


def test_lost_pongs_leave_the_window_and_stay_counted(stats: Stats) -> None:
    stats.pong_lost(START)
    for _ in range(256):
        stats.pong(0.1, START)
    heartbeat = look(stats).heartbeat
    assert (heartbeat.samples, heartbeat.lost, heartbeat.pongs_lost) == (256, 0, 1)
    assert heartbeat.jitter == 0


def test_the_queue_keeps_its_high_water_mark_and_its_last_drain(stats: Stats) -> None:
    for size, size_bytes in ((1, 100), (5, 400), (4, 900), (0, 0)):
        stats.queue_sized(size, size_bytes)
    stats.drain_finished(5, 1, 0.25, START + 1)
    stats.drain_finished(7, 2, 0.5, START + 2)
    queue = look(
        stats,
        START + 2,
        queue_size=3,
        queue_bytes=30,
        queue_limit=1000,
        queue_limit_bytes=8000,
        oldest_queued_age=1.5,
    ).queue
    assert (queue.size, queue.bytes, queue.limit, queue.limit_bytes) == (3, 30, 1000, 8000)
    assert (queue.high_water, queue.high_water_bytes, queue.oldest_age) == (5, 900, 1.5)
    assert queue.last_drain is not None
    assert queue.last_drain == DrainRecord(
        at=queue.last_drain.at, count=7, failures=2, duration=0.5
    )


def test_strays_are_counted_by_kind(stats: Stats) -> None:
    for kind in ("unknown id", "late answer", "unknown id"):
        stats.stray(kind)
    assert look(stats).strays == {"unknown id": 2, "late answer": 1}


def test_interrupted_reads_are_counted(stats: Stats) -> None:
    stats.interrupted_read()
    stats.interrupted_read()
    assert look(stats).traffic.interrupted_reads == 2


def test_gauges_are_shown_in_their_parts(stats: Stats) -> None:
    found = look(
        stats,
        link_open=True,
        generation=3,
        peer_address="127.0.0.1:8765",
        subprotocol="mcp",
        tls_version="TLSv1.3",
        last_close_code=1011,
        last_close_reason="too slow",
        handlers={"connected": ("a.b", "a.c")},
        handler_errors=4,
        events_dropped=5,
    )
    link = found.link
    assert (link.open, link.generation, link.peer_address) == (True, 3, "127.0.0.1:8765")
    assert (link.subprotocol, link.tls_version) == ("mcp", "TLSv1.3")
    assert (link.last_close_code, link.last_close_reason) == (1011, "too slow")
    assert found.handlers.names == {"connected": ("a.b", "a.c")}
    assert (found.handlers.errors, found.handlers.events_dropped) == (4, 5)


def test_traffic_rates_go_back_to_the_oldest_snapshot_of_the_last_minute(stats: Stats) -> None:
    stats.dial_started(START)

    def traffic(at: float, total: int) -> tuple[float, float, float]:
        found = look(
            stats,
            START + at,
            messages_sent=total,
            messages_received=2 * total,
            bytes_sent=100 * total,
            bytes_received=1000 * total,
        ).traffic
        assert (found.messages_sent, found.messages_received) == (total, 2 * total)
        assert (found.bytes_sent, found.bytes_received) == (100 * total, 1000 * total)
        assert found.messages_received_per_second == 2 * found.messages_sent_per_second
        assert found.bytes_sent_per_second == 100 * found.messages_sent_per_second
        return found.window, found.messages_sent_per_second, found.bytes_received_per_second

    assert traffic(10, 100) == (10, 10, 10_000)
    assert traffic(20, 150) == (10, 5, 5000)
    assert traffic(50, 500) == (40, 10, 10_000)
    assert traffic(75, 500) == (55, 350 / 55, 350_000 / 55)
    assert traffic(500, 1500) == (500, 3, 3000)


def test_memory_stays_flat_however_much_is_recorded(stats: Stats) -> None:
    def record(first: int, last: int) -> None:
        for n in range(first, last):
            now = START + n
            stats.call_answered(n / 1000)
            stats.call_failed(f"Error{n}", now)
            stats.call_timed_out(f"method {n}", True, now)
            stats.stray(f"kind {n}")
            stats.pong(n / 1000, now)
            stats.link_lost(now, f"cause {n}")
            if n % 500 == 0:
                look(stats, now)

    def traced() -> int:
        gc.collect()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        record(0, 6000)
        full = traced()
        record(6000, 12_000)
        assert traced() - full < 0.05 * full
    finally:
        tracemalloc.stop()


def test_a_method_beyond_the_hundredth_is_counted_as_other(stats: Stats) -> None:
    for n in range(150):
        stats.call_timed_out(f"method {n}", True, START)
    stats.call_timed_out("method 1", True, START)
    timeouts = look(stats).calls.timeouts_by_method
    assert len(timeouts) == 101
    assert timeouts["other"] == 50
    assert timeouts["method 1"] == 2


def test_a_snapshot_does_not_change_afterwards(stats: Stats) -> None:
    handlers = {"connected": ("a",)}
    before = look(stats, handlers=handlers)
    as_dict = json.dumps(before.as_dict())
    stats.stray("unknown id")
    stats.call_timed_out("ping", True, START)
    stats.link_lost(START, "reset")
    handlers["failed"] = ("b",)
    assert json.dumps(before.as_dict()) == as_dict
    assert before.handlers.names == {"connected": ("a",)}
