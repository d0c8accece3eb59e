"""The cache of results in the 2026-07-28 era."""

from __future__ import annotations

import copy
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from mcp_sync.features.result_cache import CACHEABLE_METHODS, ResultCache

HOUR = 3600.0


class Clock:
    """A clock that a test sets."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def cache(clock: Clock) -> ResultCache:
    return ResultCache(clock=clock)


def result(ttl: Any = 1000, **rest: Any) -> dict[str, Any]:
    return {"ttlMs": ttl, **rest}


def store(cache: ResultCache, method: str, params: Any = None, **rest: Any) -> bool:
    return cache.put(cache.begin(method, params), result(**rest))


def read(cache: ResultCache, *uris: str) -> None:
    for uri in uris:
        assert store(cache, "resources/read", {"uri": uri})


def test_a_result_is_fresh_until_its_time_is_over(cache: ResultCache, clock: Clock) -> None:
    kept = result(1000)
    assert cache.put(cache.begin("tools/list"), kept)
    clock.now += 0.999
    assert cache.get("tools/list") == kept
    clock.now += 0.001
    assert cache.get("tools/list") is None
    assert len(cache) == 0


def test_a_result_that_its_owner_changes_stays_as_it_came_for_others(cache: ResultCache) -> None:
    came = {**result(), "tools": [{"name": "\ud800\u2028", "n": 1e300}]}
    kept = copy.deepcopy(came)
    cache.put(cache.begin("tools/list"), came)
    for _ in range(3):
        came["tools"][0].clear()
        given = cache.get("tools/list")
        assert given == kept
        came = given


def test_a_result_that_is_nested_without_bound_is_not_kept(cache: ResultCache) -> None:
    deep: list[Any] = []
    for _ in range(200_000):
        deep = [deep]
    assert not store(cache, "tools/list", tools=deep)


def test_the_time_runs_from_the_receipt(cache: ResultCache, clock: Clock) -> None:
    ticket = cache.begin("tools/list")
    clock.now += 10
    cache.put(ticket, result(1000))
    assert cache.get("tools/list") is not None


@pytest.mark.parametrize("ttl", [0, -1, None, True, "60000", 0.5, float("nan"), float("inf"), []])
def test_a_time_that_is_none_makes_a_result_stale_at_once(cache: ResultCache, ttl: Any) -> None:
    assert not store(cache, "tools/list", ttl=ttl)
    assert cache.get("tools/list") is None


def test_a_result_without_a_time_is_not_kept(cache: ResultCache) -> None:
    assert not cache.put(cache.begin("tools/list"), {})


@pytest.mark.parametrize("ttl", [86_400_001, 10**400, 1e300])
def test_no_result_is_kept_longer_than_a_day(cache: ResultCache, clock: Clock, ttl: Any) -> None:
    assert store(cache, "tools/list", ttl=ttl)
    clock.now += 24 * HOUR - 1
    assert cache.get("tools/list") is not None
    clock.now += 1
    assert cache.get("tools/list") is None


def test_each_params_has_its_own_result(cache: ResultCache) -> None:
    cache.put(cache.begin("tools/list", {"cursor": ""}), result(page=2))
    assert cache.get("tools/list") is None
    assert cache.get("tools/list", {"cursor": "x"}) is None
    assert cache.get("prompts/list", {"cursor": ""}) is None
    assert (cache.get("tools/list", {"cursor": ""}) or {})["page"] == 2


def test_meta_and_the_order_of_params_do_not_count(cache: ResultCache) -> None:
    store(cache, "resources/read", {"uri": "a", "x": 1, "_meta": {"progressToken": 1}})
    assert cache.get("resources/read", {"x": 1, "_meta": {"progressToken": 2}, "uri": "a"})


def test_no_params_are_the_same_as_empty_ones(cache: ResultCache) -> None:
    store(cache, "tools/list", {})
    assert cache.get("tools/list", None)
    assert cache.get("tools/list", {"_meta": {}})


@pytest.mark.parametrize("method", ["tools/call", "prompts/get", "completion/complete", "ping"])
def test_only_the_methods_with_hints_are_kept(cache: ResultCache, method: str) -> None:
    assert not store(cache, method)
    assert cache.get(method) is None


def test_every_method_with_hints_is_kept(cache: ResultCache) -> None:
    assert all(store(cache, method, {"uri": "a"}) for method in CACHEABLE_METHODS)


def test_a_result_of_rounds_is_not_kept(cache: ResultCache) -> None:
    assert not cache.put(cache.begin("resources/read"), result(), after_rounds=True)
    assert len(cache) == 0


@pytest.mark.parametrize("kind", ["input_required", "task", None])
def test_a_result_that_is_not_complete_is_not_kept(cache: ResultCache, kind: Any) -> None:
    assert not store(cache, "resources/read", {"uri": "a"}, resultType=kind)
    assert store(cache, "resources/read", {"uri": "a"}, resultType="complete")


@pytest.mark.parametrize(
    ("notification", "forgotten"),
    [
        ("notifications/tools/list_changed", {"tools/list"}),
        ("notifications/prompts/list_changed", {"prompts/list"}),
        (
            "notifications/resources/list_changed",
            {"resources/list", "resources/templates/list"},
        ),
        ("notifications/message", set()),
        ("notifications/subscriptions/acknowledged", set(CACHEABLE_METHODS)),
    ],
)
def test_a_list_that_changed_is_forgotten_with_all_its_pages(
    cache: ResultCache, notification: str, forgotten: set[str]
) -> None:
    for method in CACHEABLE_METHODS:
        store(cache, method, {"uri": "a"})
        store(cache, method, {"uri": "a", "cursor": "2"})
    cache.invalidate(notification)
    gone = {method for method in CACHEABLE_METHODS if not cache.get(method, {"uri": "a"})}
    assert gone == forgotten
    pages = {m for m in CACHEABLE_METHODS if not cache.get(m, {"uri": "a", "cursor": "2"})}
    assert pages == forgotten


def test_an_updated_resource_is_forgotten_and_those_that_it_is_a_part_of(
    cache: ResultCache,
) -> None:
    read(cache, "file:///a", "file:///a/b", "file:///a/b/c", "file:///x")
    store(cache, "resources/list")
    cache.invalidate("notifications/resources/updated", {"uri": "file:///a/b"})
    left = {
        uri
        for uri in ("file:///a", "file:///a/b", "file:///a/b/c", "file:///x")
        if cache.get("resources/read", {"uri": uri})
    }
    assert left == {"file:///a/b/c", "file:///x"}
    assert cache.get("resources/list")


@pytest.mark.parametrize("params", [None, {}, {"uri": 3}])
def test_an_update_that_names_no_resource_forgets_all_reads(
    cache: ResultCache, params: Any
) -> None:
    read(cache, "a", "b")
    cache.invalidate("notifications/resources/updated", params)
    assert len(cache) == 0


@pytest.mark.parametrize(
    ("method", "notification"),
    [
        ("tools/list", "notifications/tools/list_changed"),
        ("resources/templates/list", "notifications/resources/list_changed"),
        ("resources/read", "notifications/resources/updated"),
    ],
)
def test_a_result_that_was_under_way_when_it_changed_is_not_kept(
    cache: ResultCache, method: str, notification: str
) -> None:
    ticket = cache.begin(method, {"uri": "a"})
    cache.invalidate(notification, {"uri": "a"})
    assert not cache.put(ticket, result())
    assert store(cache, method, {"uri": "a"})


def test_all_pages_of_a_list_can_be_forgotten_and_those_under_way(cache: ResultCache) -> None:
    store(cache, "tools/list")
    store(cache, "prompts/list")
    ticket = cache.begin("tools/list", {"cursor": "2"})
    cache.forget("tools/list")
    assert not cache.put(ticket, result())
    assert cache.get("tools/list") is None
    assert cache.get("prompts/list")


def test_another_list_that_changed_keeps_no_result_out(cache: ResultCache) -> None:
    ticket = cache.begin("tools/list")
    cache.invalidate("notifications/prompts/list_changed")
    assert cache.put(ticket, result())


def test_clearing_forgets_everything_and_what_is_under_way(cache: ResultCache) -> None:
    store(cache, "tools/list", cacheScope="public")
    ticket = cache.begin("prompts/list")
    cache.clear()
    assert not cache.put(ticket, result())
    assert len(cache) == 0


def test_a_change_of_headers_may_keep_what_is_public_and_nothing_else(cache: ResultCache) -> None:
    for uri, scope in (("a", "public"), ("b", "private"), ("c", "odd"), ("d", None)):
        store(cache, "resources/read", {"uri": uri}, cacheScope=scope)
    store(cache, "resources/read", {"uri": "e"})
    cache.clear(keep_public=True)
    assert [u for u in "abcde" if cache.get("resources/read", {"uri": u})] == ["a"]


def test_the_least_recently_used_result_goes_first() -> None:
    cache = ResultCache(most_entries=3)
    read(cache, "a", "b", "c")
    cache.get("resources/read", {"uri": "a"})
    read(cache, "d")
    assert [u for u in "abcd" if cache.get("resources/read", {"uri": u})] == ["a", "c", "d"]


def test_a_thousand_and_twenty_four_results_are_kept() -> None:
    cache = ResultCache()
    read(cache, *map(str, range(1030)))
    assert len(cache) == 1024


def test_large_results_make_room_for_each_other() -> None:
    cache = ResultCache(most_bytes=100_000)
    for uri in "abcdefgh":
        assert store(cache, "resources/read", {"uri": uri}, contents=[{"text": "x" * 20_000}])
    assert [u for u in "abcdefgh" if cache.get("resources/read", {"uri": u})] == list("efgh")


def test_a_result_too_large_for_its_share_is_not_kept_and_drives_none_out() -> None:
    cache = ResultCache(most_bytes=100_000)
    read(cache, "a")
    assert not store(cache, "resources/read", {"uri": "b"}, contents=["x" * 30_000])
    assert not store(cache, "resources/read", {"uri": "b"}, contents=[0] * 30_000)
    assert cache.get("resources/read", {"uri": "a"})


def test_a_result_stored_anew_does_not_weigh_twice() -> None:
    cache = ResultCache(most_bytes=100_000)
    read(cache, "a")
    for _ in range(50):
        store(cache, "resources/read", {"uri": "b"}, contents=["x" * 20_000])
    assert cache.get("resources/read", {"uri": "a"})


def test_threads_may_share_it() -> None:
    cache = ResultCache(most_entries=8)

    def use(seed: int) -> None:
        for number in range(2000):
            uri = str((number * seed) % 23)
            store(cache, "resources/read", {"uri": uri})
            cache.get("resources/read", {"uri": uri})
            if number % 50 == 0:
                cache.invalidate("notifications/resources/updated", {"uri": uri})

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(use, (1, 3, 5, 7), timeout=30)) == [None] * 4
    assert len(cache) <= 8
