"""Clients, and what they measure, as a notebook shows them."""

from __future__ import annotations

from ..types.client_description import ClientDescription
from ..types.health import Health
from ..types.statistics import ConnectionStatistics
from .parts import (
    card,
    code,
    facts,
    faint,
    joined,
    mark,
    milliseconds,
    moment,
    safe,
    share,
    table,
)

__all__ = ["client_html", "health_html", "receipt_html", "statistics_html"]


def client_html(kind: str, who: ClientDescription, numbers: ConnectionStatistics) -> str:
    """Show a client: where it stands, whom it talks to, what waits.

    Args:
        kind: the name of its class.
        who: what it says of itself and its server.
        numbers: what it has counted.

    Returns:
        HTML without a script.
    """
    server = "" if who.server is None else f"{who.server.name} {who.server.version}".strip()
    rows = [
        ("server", safe(server)),
        ("protocol", safe(f"{who.dialect} {who.protocol_version or ''}".strip())),
        ("capabilities", safe(", ".join(map(str, who.capabilities)))),
        ("waiting", joined(queued=numbers.queue.size, unanswered=numbers.calls.pending)),
        ("so far", joined(answered=numbers.calls.answered, losses=numbers.losses.count)),
    ]
    return card(kind, code(who.server_url), mark(numbers.state.value), body=facts(rows))


def statistics_html(numbers: ConnectionStatistics) -> str:
    """Show the statistics of a client as a table; HTML without a script."""
    dials, calls, queue = numbers.dials, numbers.calls, numbers.queue
    latency, heartbeat, traffic = numbers.latency, numbers.heartbeat, numbers.traffic
    rows = [
        ("ready", safe(f"for {numbers.uptime:.0f} s")),
        ("availability", share(numbers.availability)),
        ("dials", joined(made=dials.made, failed=dials.failed, reconnects=dials.reconnects)),
        ("last error", safe(dials.last_error or "")),
        (
            "calls",
            joined(
                sent=calls.sent,
                answered=calls.answered,
                failed=calls.failed,
                timed_out=calls.timed_out_unsent + calls.timed_out_sent,
                cancelled=calls.cancelled,
                replayed=calls.replayed,
                unanswered=calls.pending,
            ),
        ),
        ("errors", joined(in_the_last_5_minutes=share(calls.error_rate))),
        (
            "latency",
            joined(
                p50=milliseconds(latency.p50),
                p90=milliseconds(latency.p90),
                p99=milliseconds(latency.p99),
                max=milliseconds(latency.max),
            ),
        ),
        (
            "heartbeat",
            joined(
                pings=heartbeat.pings_sent,
                pongs_lost=heartbeat.pongs_lost,
                p50=milliseconds(heartbeat.p50),
            ),
        ),
        ("queue", joined(now=queue.size, bytes=queue.bytes, most=queue.high_water)),
        ("sent", joined(messages=traffic.messages_sent, bytes=traffic.bytes_sent)),
        ("received", joined(messages=traffic.messages_received, bytes=traffic.bytes_received)),
        ("losses", safe(numbers.losses.count)),
    ]
    heads = (mark(numbers.state.value), faint(f"at {moment(numbers.taken_at)}"))
    return card("ConnectionStatistics", *heads, body=facts(rows) + _losses(numbers))


def _losses(numbers: ConnectionStatistics) -> str:
    rows = [
        (safe(moment(loss.at)), safe(loss.cause), safe(loss.close_code or ""))
        for loss in numbers.losses.recent
    ]
    return table(("lost at", "cause", "close code"), rows) if rows else ""


def health_html(health: Health) -> str:
    """Show the verdict of a health check and its reasons; HTML without a script."""
    rows = [
        ("state", safe(health.state.value)),
        *(("because", safe(reason)) for reason in health.reasons),
        ("ping", milliseconds(health.ping_round_trip)),
        ("request", milliseconds(health.request_round_trip)),
    ]
    heads = (mark(health.status), faint(f"at {moment(health.checked_at)}"))
    return card("Health", *heads, body=facts(rows))


def receipt_html(message: str, call: str, queued_at: float, settled: bool) -> str:
    """Show the receipt of a queued call.

    Args:
        message: what becomes of it.
        call: its id.
        queued_at: when it was queued, in seconds since the epoch.
        settled: whether it has an outcome by now.

    Returns:
        HTML without a script.
    """
    fate = "settled" if settled else "queued"
    said = "its outcome is in .result()" if settled else message
    rows = [("call", code(call)), ("queued at", safe(moment(queued_at)))]
    return card("OfflineResponse", mark(fate), faint(said), body=facts(rows))
