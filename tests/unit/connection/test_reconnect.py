"""The policy of reconnecting: when to dial again, and when not to."""

from __future__ import annotations

import pytest

from mcp_sync.config import ClientConfig
from mcp_sync.connection.link import Loss
from mcp_sync.connection.reconnect import STABLE_SECONDS, Outage, is_permanent, load_policy
from mcp_sync.errors import (
    MCPConfigurationError,
    MCPConnectionError,
    MCPConnectionLost,
    MCPConnectionRejected,
    MCPError,
    MCPResponseError,
)

CONFIG = ClientConfig(reconnect_attempts=3, reconnect_delay=2.0, max_reconnect_delay=60.0)


@pytest.fixture(autouse=True)
def _policy() -> None:
    load_policy()


@pytest.mark.parametrize(
    ("error", "ever_ready", "permanent"),
    [
        (MCPConnectionError("refused"), False, False),
        (MCPConnectionLost("cut", False), False, False),
        (MCPResponseError(-32603, "internal", None, "initialize"), False, False),
        (MCPConnectionRejected("not found", status=404), False, True),
        (MCPConnectionRejected("not found", status=404), True, False),
        (MCPConnectionRejected("unauthorized", status=401), False, True),
        (MCPConnectionRejected("unauthorized", status=401), True, False),
        (MCPConnectionRejected("no common version"), False, True),
        (MCPConnectionRejected("no common version"), True, True),
        (MCPConnectionRejected("certificate", tls_reason="expired"), True, True),
        (MCPConfigurationError("headers", 5, "must be a mapping"), False, True),
        (MCPConfigurationError("headers", 5, "must be a mapping"), True, True),
    ],
)
def test_what_is_permanent(error: MCPError, ever_ready: bool, permanent: bool) -> None:
    assert is_permanent(error, ever_ready) is permanent


def delays(outage: Outage, count: int = 400) -> list[float]:
    return [outage.delay(CONFIG) for _ in range(count)]


@pytest.mark.parametrize(("failures", "most"), [(0, 2.0), (1, 2.0), (2, 4.0), (3, 8.0), (9, 60.0)])
def test_delays_are_spread_over_all_of_a_growing_range(failures: int, most: float) -> None:
    """Full jitter, at the cap too: from nothing to the bound, and all between."""
    outage = Outage()
    for _ in range(failures):
        outage.failed(MCPConnectionError("refused"))
    spread = delays(outage)
    assert min(spread) < most / 10
    assert most * 0.9 < max(spread) <= most
    assert most * 0.4 < sum(spread) / len(spread) < most * 0.6


def test_the_attempts_are_the_first_dial_and_its_retries() -> None:
    outage = Outage()
    for _ in range(3):
        outage.failed(MCPConnectionError("refused"))
        assert not outage.is_over(CONFIG)
    outage.failed(MCPConnectionError("refused"))
    assert outage.attempt == 4
    assert outage.is_over(CONFIG)


def test_a_ready_link_ends_the_outage_and_keeps_the_level() -> None:
    outage = Outage()
    for _ in range(4):
        outage.failed(MCPConnectionError("refused"))
    outage.ended()
    assert (outage.attempt, outage.last_error) == (0, None)
    assert outage.level == 4


def test_a_stable_link_sets_the_level_back_and_a_short_one_raises_it() -> None:
    outage = Outage()
    for _ in range(4):
        outage.failed(MCPConnectionError("refused"))
    outage.lost(Loss(cause="cut"), STABLE_SECONDS - 1)
    assert outage.level > 4
    outage.lost(Loss(cause="cut"), STABLE_SECONDS)
    assert outage.level == 0


def test_a_link_that_was_never_ready_leaves_the_level_to_the_failed_dial() -> None:
    outage = Outage()
    outage.lost(Loss(cause="cut"), None)
    assert outage.level == 0


@pytest.mark.parametrize("code", [1002, 1003, 1007])
def test_a_broken_protocol_twice_in_a_row_is_permanent(code: int) -> None:
    outage, loss = Outage(), Loss(cause="invalid UTF-8", close_code=code)
    outage.lost(loss, 1.0)
    assert outage.rejection(loss) is None
    outage.lost(loss, 1.0)
    rejection = outage.rejection(loss)
    assert rejection is not None
    assert is_permanent(rejection, ever_ready=True)
    assert str(code) in str(rejection)


def test_another_loss_between_two_broken_links_starts_their_count_anew() -> None:
    outage, broken = Outage(), Loss(cause="invalid UTF-8", close_code=1007)
    outage.lost(broken, 1.0)
    outage.lost(Loss(cause="going away", close_code=1001), 1.0)
    outage.lost(broken, 1.0)
    assert outage.rejection(broken) is None


def test_a_user_who_connects_anew_starts_the_counts_of_attempts_and_broken_links_anew() -> None:
    outage, broken = Outage(), Loss(cause="invalid UTF-8", close_code=1007)
    for _ in range(2):
        outage.lost(broken, 1.0)
        outage.failed(MCPConnectionError("refused"))
    outage.asked_anew()
    assert outage.attempt == 0
    outage.lost(broken, 1.0)
    assert outage.rejection(broken) is None


@pytest.mark.parametrize(("asked", "obeyed"), [(90.0, 90.0), (86_400.0, 300.0)])
def test_retry_after_is_obeyed_up_to_five_minutes(asked: float, obeyed: float) -> None:
    outage = Outage()
    outage.failed(MCPConnectionError("busy", retry_after=asked))
    assert outage.asked_to_wait == obeyed
    assert all(obeyed <= delay <= obeyed + 2.0 for delay in delays(outage))
    assert obeyed + 30.0 <= outage.probe_delay(CONFIG) <= obeyed + 60.0


def test_clients_that_were_asked_to_wait_as_long_come_back_one_by_one() -> None:
    outage = Outage()
    outage.failed(MCPConnectionError("busy", retry_after=90.0))
    assert len(set(delays(outage))) > 100


def test_a_shorter_retry_after_does_not_shorten_the_back_off() -> None:
    outage = Outage()
    for _ in range(9):
        outage.failed(MCPConnectionError("busy", retry_after=1.0))
    assert all(delay >= 1.0 for delay in delays(outage))
    assert max(delays(outage)) > 30


def test_probes_come_at_the_cap_with_jitter() -> None:
    probes = [Outage().probe_delay(CONFIG) for _ in range(400)]
    assert 30.0 <= min(probes) < 33
    assert 57 < max(probes) <= 60.0
