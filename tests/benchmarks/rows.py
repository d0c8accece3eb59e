"""The goals that are ratios to peers, measured by turns in one run."""

from __future__ import annotations

from typing import Any, Final

from .fleet import Fleet
from .parts import Part, ratios

__all__ = ["beside_cpu", "big", "sequential", "threads"]

SDK_ONE: Final = "sdk 1.30 ws"
SDK_TWO: Final = "sdk 2.3 http"
FASTMCP: Final = "fastmcp http"

NAMES: Final = {
    "tuned": "tuned loop behind a lock",
    SDK_ONE: "official SDK 1.30, WebSocket",
    SDK_TWO: "official SDK 2.3, HTTP",
    FASTMCP: "fastmcp 4, HTTP",
}

MEGABYTE: Final = 1_000_000


def sequential(fleet: Fleet) -> list[Part]:
    """One call after the other: latency and CPU."""
    order: dict[str, Any] = {"what": "latency"}
    single = ("ours", "ours modern", "tuned", "bare", "websockets")
    apart = fleet.rounds(dict.fromkeys(single, order), apart=True)
    # Held on one core, the threads of these would wake each other sooner than they do for users.
    free = fleet.rounds(dict.fromkeys(("ours", SDK_ONE, SDK_TWO, FASTMCP), order))

    def row(key: str, pair: tuple[str, str], goal: tuple[str, float], text: str) -> Part:
        unit = "ms CPU per 1,000 calls" if key == "cpu" else "µs"
        results = apart if set(pair) <= set(single) else free
        return ratios(fleet, results, key, pair, goal, measure=text, scale=unit)

    return [
        row(
            "p50", ("ours", "tuned"), ("≤", 1.2), "p50 of a call of 100 B, legacy era / tuned loop"
        ),
        row("p50", ("ours modern", "tuned"), ("≤", 1.2), "p50, 2026-07-28 / tuned loop"),
        row("p50", (SDK_ONE, "ours"), ("≥", 3.4), "p50, official SDK 1.30, WebSocket / ours"),
        row("p50", (SDK_TWO, "ours"), ("≥", 9), "p50, official SDK 2.3, HTTP / ours"),
        row("p50", (FASTMCP, "ours"), ("≥", 9), "p50, fastmcp 4, HTTP / ours"),
        row("p50", ("websockets", "ours"), ("≥", 1), "p50, websockets' sync client / ours"),
        row("p50", ("bare", "ours"), ("≥", 1), "p50, untuned bare loop / ours"),
        row("p99", ("ours", "tuned"), ("≤", 1.5), "p99, legacy era / tuned loop"),
        row("p99", ("ours modern", "tuned"), ("≤", 1.5), "p99, 2026-07-28 / tuned loop"),
        row("cpu", ("ours", "tuned"), ("≤", 1.3), "client CPU per 1,000 calls / tuned loop"),
        row("cpu", (SDK_ONE, "ours"), ("≥", 5), "CPU, official SDK 1.30, WebSocket / ours"),
        row("cpu", (SDK_TWO, "ours"), ("≥", 5), "CPU, official SDK 2.3, HTTP / ours"),
    ]


def threads(fleet: Fleet) -> list[Part]:
    """Threads that share one client: calls per second."""
    parts = []
    for count, goal in ((8, 1.15), (64, 1.4)):
        order = {"what": "threads", "count": count}
        goals = (("tuned", goal), (SDK_ONE, 4.0), (SDK_TWO, 4.0), (FASTMCP, 4.0))
        peers = ("ours", *(peer for peer, _ in goals))
        results = fleet.rounds(dict.fromkeys(peers, order), share=0.7)
        for peer, least in goals:
            parts.append(
                ratios(
                    fleet,
                    results,
                    "rate",
                    ("ours", peer),
                    ("≥", least),
                    measure=f"{count} threads, calls per second / {NAMES[peer]}",
                    scale="calls/s",
                )
            )
    return parts


def big(fleet: Fleet) -> list[Part]:
    """Megabytes down, whole and in fragments, and up."""
    kinds: list[tuple[str, dict[str, Any]]] = []
    for size in (1, 10):
        whole = {"what": "download", "size": size * MEGABYTE, "count": 8 // size + 2}
        kinds.append((f"{size} MB answer, whole", whole))
        kinds.append((f"{size} MB answer, fragments of 4 KiB", {**whole, "fragment": 4096}))
    kinds.append(("1 MB request", {"what": "upload", "size": MEGABYTE, "count": 8}))
    parts = []
    for name, order in kinds:
        results = fleet.rounds({"ours": order, "tuned": order}, share=0.7)
        pair, goal = ("ours", "tuned"), ("≤", 1.3)
        text = f"{name} / tuned loop"
        parts.append(ratios(fleet, results, "ms", pair, goal, measure=text, scale="ms"))
    return parts


def beside_cpu(fleet: Fleet) -> list[Part]:
    """One call after the other beside a thread that computes."""
    order: dict[str, Any] = {"what": "beside cpu"}
    results = fleet.rounds(dict.fromkeys(("ours", "tuned", "bare"), order), share=0.7)
    text = "mean latency beside a CPU-bound thread / untuned bare loop"
    pair, goal = ("ours", "bare"), ("≤", 1.0)
    return [ratios(fleet, results, "mean", pair, goal, measure=text, scale="µs")]
